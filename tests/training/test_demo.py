import json
import os
import re
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from sceneparse.inference import choosing
from sceneparse.recipes import read_recipe
from sceneparse.recipes.changes import Changes
from sceneparse.settings import Recipe
from sceneparse.training import demo as module
from sceneparse.training import loop, probe
from sceneparse.training.durations import exactly, roughly
from sceneparse.training.loop import train
from sceneparse.training.probe import Pace
from sceneparse.training.progress import TrainingStopped
from sceneparse.training.step import compute_gradients

SHORT: Changes = {
    "training": {"iterations": 3, "batch": 2, "validate_every": 0, "validate_count": 1},
    "data": {"toyworld": {"size": 64, "train_count": 12, "eval_count": 6}, "workers": 0},
    "augmentation": {"crop": [64, 64]},
}


def short(name: str) -> Recipe:
    return read_recipe(name, **SHORT)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "read_recipe", short)
    monkeypatch.setattr(probe, "WARM", 1)
    monkeypatch.setattr(probe, "TIMED", 1)
    monkeypatch.setattr(choosing, "find_spec", lambda _: None)  # by PyTorch, which needs no conversion


def weights(out: Path, name: str) -> Path:
    return out / name / "model" / "model.safetensors"


def interrupted(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


def test_the_demo_leaves_models_figures_a_report_and_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = module.demo(tmp_path, seed=3)
    assert report == tmp_path / "evaluation" / "report.html" and "Where they differ" in report.read_text()
    for metrics in ("metrics.json", "metrics-fcn.json"):
        assert 0 <= json.loads((tmp_path / "evaluation" / metrics).read_text())["mean_iou"] <= 1
    assert (tmp_path / "overview.png").is_file()
    assert len(list((tmp_path / "parsed").glob("*_overlay.jpg"))) == 6
    said = capsys.readouterr().out
    assert "this will take about " in said and " were expected" in said
    assert re.search(r"pspnet  mean IoU \d+\.\d\d%, look-alikes \d+\.\d\d%, lowest class [a-z ]+ \d+\.\d\d%", said)
    facts = json.loads((tmp_path / "demo.json").read_text())
    for network, file in (("pspnet", "metrics.json"), ("fcn", "metrics-fcn.json")):
        classes = json.loads((tmp_path / "evaluation" / file).read_text())["classes"]
        scores = {one["name"]: one["iou"] for one in classes if one["iou"] is not None}
        lowest = facts["lowest_class"][network]
        assert lowest["iou"] == pytest.approx(min(scores.values())) == pytest.approx(scores[lowest["name"]])

    # A finished demo is not done again, but for what is missing of it.
    for name in ("measure", "evaluate", "write_report"):
        monkeypatch.setattr(module, name, interrupted)
    assert module.demo(tmp_path, seed=3) == report
    again = capsys.readouterr().out
    assert "this demo is finished; it took " in again and said.splitlines()[-4:] == again.splitlines()[-4:]
    (tmp_path / "overview.png").unlink()
    with pytest.raises(KeyboardInterrupt):
        module.demo(tmp_path, seed=3)


def test_an_interrupted_demo_goes_on_and_trains_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def only_fcn(recipe: Recipe, run: Path, **how: Any) -> Path:
        return train(recipe, run, **how) if recipe.network.architecture == "fcn" else interrupted()

    made: dict[str, int] = {}
    for name, stand_in in {
        "measure": interrupted,
        "train": only_fcn,
        "evaluate": interrupted,
        "write_report": interrupted,
        "predict_pictures": interrupted,
    }.items():
        with monkeypatch.context() as patched:
            patched.setattr(module, name, stand_in)
            with pytest.raises(KeyboardInterrupt):
                module.demo(tmp_path)
        assert not (tmp_path / "demo.json").exists()
        for network in ("fcn", "pspnet"):
            if weights(tmp_path, network).exists():
                now = weights(tmp_path, network).stat().st_mtime_ns
                assert made.setdefault(network, now) == now
    module.demo(tmp_path)
    assert {name: weights(tmp_path, name).stat().st_mtime_ns for name in made} == made and len(made) == 2
    assert json.loads((tmp_path / "demo.json").read_text())["expected_seconds"] > 0


def test_a_training_of_the_demo_that_ctrl_c_stops_goes_on_to_the_weights_of_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    def press_ctrl_c(*given: Any, **more: Any) -> Any:
        if given[-1] == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return compute_gradients(*given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "compute_gradients", press_ctrl_c)
        with pytest.raises(TrainingStopped):
            module.demo(tmp_path / "demo")
    assert f"started again: sceneparse demo --out {tmp_path / 'demo'}" in capsys.readouterr().err
    module.demo(tmp_path / "demo")
    assert "training 1 of 2: fcn, 1 iteration, in" in capsys.readouterr().out
    train(short("toy-fcn"), tmp_path / "fcn")
    assert weights(tmp_path / "demo", "fcn").read_bytes() == weights(tmp_path, "fcn").read_bytes()


def test_the_time_of_stopped_and_of_killed_calls_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    late = [0]

    def slow(recipe: Recipe, run: Path, **how: Any) -> Path:
        late[0] += 200
        return interrupted() if run.name == "pspnet" else train(recipe, run, **how)

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + late[0]))
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(module, "train", slow)
        module.demo(tmp_path)
    module.demo(tmp_path)
    seconds = json.loads((tmp_path / "demo.json").read_text())["seconds"]
    assert 400 <= seconds < 500
    said = capsys.readouterr().out
    assert re.search(r"took \d+ s \(with the calls before (6|7) min \d+ s\)", said)
    # Of a killed call the checkpoints tell; one that begins has taken nothing.
    assert module._spent(tmp_path, 1000.0) == 1000.0 and module._spent(tmp_path / "new", 7.0) == 7.0
    assert module._spent(tmp_path, 0.0) == 0.0


def test_what_the_demo_will_take_follows_from_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(before=2.0, step=0.1, validation=40 * 0.01, checkpoint=0.0)
    monkeypatch.setattr(module, "measure", lambda *_: pace)
    recipes = {name: read_recipe(f"toy-{name}") for name in module.NETWORKS}
    count, validated = recipes["fcn"].training.iterations, 2 * 40 * 0.01
    tests = 0.01 * (2 * 120 + 2 * 40 + 100)
    expected = module._expected_seconds(recipes, {"fcn": count, "pspnet": count})
    assert expected == pytest.approx(2 * (2 + 0.1 * count + validated) + tests)
    assert module._expected_seconds(recipes, {"fcn": 0, "pspnet": 100}) == pytest.approx(12 + 0.4 + tests)
    assert module._expected_seconds(recipes, {"fcn": 0, "pspnet": 0}) == pytest.approx(tests)


@pytest.mark.parametrize(
    ("seconds", "rough", "exact"),
    [
        (3, "about 10 seconds", "3 s"),
        (41, "about 40 seconds", "41 s"),
        (61, "about 1 minute", "1 min 1 s"),
        (146, "about 2.5 minutes", "2 min 26 s"),
        (1234, "about 21 minutes", "20 min 34 s"),
    ],
)
def test_times_are_said_in_words(seconds: float, rough: str, exact: str) -> None:
    assert (roughly(seconds), exactly(seconds)) == (rough, exact)


def test_the_two_networks_of_the_demo_differ_in_nothing_but_the_pyramid() -> None:
    pspnet, fcn = (read_recipe(f"toy-{name}") for name in ("pspnet", "fcn"))
    assert (pspnet.backbone, pspnet.data, pspnet.augmentation) == (fcn.backbone, fcn.data, fcn.augmentation)
    assert (pspnet.optimizer, pspnet.loss, pspnet.training) == (fcn.optimizer, fcn.loss, fcn.training)
    assert pspnet.network.channels == fcn.network.channels
