"""Trainings and sweeps that an earlier commit began: the present code goes on with them and ends where that one did."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

import sceneparse
from tests.compatibility.stored import STORED, lines, read, run

LIMIT = 5e-3
"""How far weights (as a fraction of a tensor's largest) and losses may be apart: rounding differs between processors,
and steps make it grow; without AVX-512 it came to 1e-3. On one machine the bits are the same, which
benchmarks/compatibility.py shows."""

RECIPE = STORED / "recipes" / "going-on.yaml"


@pytest.fixture(scope="module")
def went_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the training that was stopped half way, gone on to its end."""
    folder = tmp_path_factory.mktemp("run") / "run"
    shutil.copytree(STORED / "run" / "stopped", folder)
    return sceneparse.train(RECIPE, folder, resume=True)


def test_a_stopped_training_ends_with_the_same_weights(went_on: Path) -> None:
    now = load_file(went_on / "model" / "model.safetensors")
    before = load_file(STORED / "run" / "finished" / "model" / "model.safetensors")
    assert list(now) == list(before)
    for name, tensor in before.items():
        assert now[name].dtype == tensor.dtype and now[name].shape == tensor.shape, name
        if tensor.is_floating_point():
            error = float((now[name] - tensor).abs().max() / tensor.abs().max().clamp(min=1e-3))
            assert error <= LIMIT, f"{name}: relative error {error:.1e}"
        else:
            assert now[name].equal(tensor), name


def test_a_stopped_training_writes_the_same_lines(went_on: Path) -> None:
    now, before = lines(went_on / "metrics.jsonl"), lines(STORED / "run" / "finished" / "metrics.jsonl")
    assert [line.keys() for line in now] == [line.keys() for line in before]
    stopped = len(lines(STORED / "run" / "stopped" / "metrics.jsonl"))
    assert now[:stopped] == before[:stopped]
    for line, known in zip(now, before, strict=True):
        assert line == pytest.approx(known, abs=LIMIT)


def test_a_finished_training_is_recognised_by_the_recipe_that_was_written_then(
    went_on: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sceneparse.train(STORED / "run" / "stopped" / "recipe.yaml", went_on, resume=True)
    assert "this training is finished" in capsys.readouterr().err


def test_a_training_is_not_gone_on_with_by_another_recipe(tmp_path: Path) -> None:
    folder = shutil.copytree(STORED / "run" / "stopped", tmp_path / "run")
    other = sceneparse.read_recipe(RECIPE, optimizer={"lr": 0.03})
    with pytest.raises(sceneparse.UserError, match=r"optimizer\.lr is 0\.03 but was 0\.02"):
        sceneparse.train(other, folder, resume=True)


def test_a_stopped_sweep_ends_with_the_same_summary(tmp_path: Path) -> None:
    folder = shutil.copytree(STORED / "sweep" / "stopped", tmp_path / "sweep")
    words = ("sweep", "recipes/sweep.yaml", "--out", folder)
    states = run(*words, "--dry-run", cache=tmp_path).replace(str(folder), "FOLDER")
    assert states == (STORED / "sweep" / "states.txt").read_text(encoding="utf-8")
    # What is finished is not begun again, so a model is not missed that the present code could not have made alike.
    finished = (folder / "grid-1-average" / "seed0" / "tests.json").stat().st_mtime_ns
    run(*words, cache=tmp_path)
    assert (folder / "grid-1-average" / "seed0" / "tests.json").stat().st_mtime_ns == finished
    now, before = (untimed(read(one / "summary.json")) for one in (folder, STORED / "sweep" / "finished"))
    # That commit rounded biases to bfloat16 where it scored; in float32 it is the present figure.
    first, second = before["tests"]["test"]
    second["figures"]["pixel accuracy"] = single(0.14014)
    gain = 0.14014 - first["figures"]["pixel accuracy"]["mean"]
    second["gain_over_first_row"]["pixel accuracy"] = single(gain)
    assert now == approximately(before)


def single(value: float) -> dict[str, Any]:
    """A figure of one seed."""
    return {"mean": value, "deviation": None, "values": {"0": value}}


def untimed(value: Any) -> Any:
    """A summary without minutes."""
    if isinstance(value, dict):
        return {key: untimed(item) for key, item in value.items() if "minutes" not in key}
    return [untimed(item) for item in value] if isinstance(value, list) else value


def approximately(value: Any) -> Any:
    """The same with numbers that may differ by what a few pixels come to."""
    if isinstance(value, dict):
        return {key: approximately(item) for key, item in value.items()}
    if isinstance(value, list):
        return [approximately(item) for item in value]
    return pytest.approx(value, abs=1e-3) if isinstance(value, float) else value
