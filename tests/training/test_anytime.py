"""A model at any time: the best so far lies in the run folder, and run folders and checkpoints are models."""

import json
import os
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import sceneparse
from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.files import hold
from sceneparse.settings import Recipe
from sceneparse.training import keep
from sceneparse.training.checkpoint import Checkpoints
from sceneparse.training.loop import train
from sceneparse.training.progress import TrainingStopped
from sceneparse.training.validation import validate
from sceneparse.weights import trained
from sceneparse.weights.import_named import import_named
from sceneparse.weights.model import find_model, load_model
from sceneparse.weights.run_folder import header_of, run_facts, state_of

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))
    trained._say.cache_clear()


def scores(monkeypatch: pytest.MonkeyPatch, *means: float, then: Callable[[int], None] = lambda _: None) -> None:
    """Let validations score these means, after calling `then` with their number."""
    numbers = iter(enumerate(means))

    def scored(*arguments: Any, **named: Any) -> dict[str, Any]:
        number, mean = next(numbers)
        then(number)
        return validate(*arguments, **named) | {"mean_iou": mean}

    monkeypatch.setattr(keep, "validate", scored)


def stopped(recipe: Recipe, run: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Train until a Ctrl-C in an iteration."""
    compute = keep.Keeper.log

    def interrupt(self: keep.Keeper, step: Any, *rest: Any) -> None:
        compute(self, step, *rest)
        if step.iteration + 1 == at:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as change, pytest.raises(TrainingStopped):
        change.setattr(keep.Keeper, "log", interrupt)
        train(recipe, run)


@pytest.fixture(scope="module")
def interrupted(toy: MakeRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped in its fourth iteration, whose second was validated."""
    run = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.MonkeyPatch.context() as monkeypatch:
        stopped(toy(training__validate_every=2, training__validate_count=1), run, monkeypatch, 3)
    return run


def test_the_best_model_so_far_lies_in_the_run_folder_at_any_time(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = tmp_path / "run", []

    def look(number: int) -> None:
        if number:
            facts, weights = header_of(run / "model" / "model.safetensors"), run / "model" / "model.safetensors"
            best = Checkpoints(run / "checkpoints").best_file(int(facts["iteration"]))
            seen.append((int(facts["iteration"]), float(facts["mean_iou"]), weights.samefile(best)))
            assert f"| {100 * float(facts['mean_iou']):.2f} |" in (run / "model" / "README.md").read_text()
        else:
            assert not (run / "model").exists()

    scores(monkeypatch, 0.2, 0.1, 0.4, 0.3, then=look)
    train(toy(training__iterations=4, training__validate_every=1), run)
    # The weights are written once: model/ and checkpoints/ have the same file.
    assert seen == [(1, 0.2, True), (1, 0.2, True), (3, 0.4, True)]
    assert header_of(run / "model" / "model.safetensors")["iteration"] == "3"
    assert sorted(path.name for path in run.iterdir() if path.name.startswith(".")) == []


def test_the_model_is_of_the_weights_that_the_validation_chose(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(monkeypatch, 0.1, 0.2, 0.3, 0.1)  # live and average, twice
    mapping = {"training__iterations": 2, "training__validate_every": 1, "training__average": {"decay": 0.5}}
    run = train(toy(**mapping), tmp_path / "run")
    assert header_of(run / "model" / "model.safetensors")["weights"] == "live"
    assert "scored better on `val` than an exponential moving average" in (run / "model" / "README.md").read_text()
    first = load_file(Checkpoints(run / "checkpoints").best_file(2))
    checkpoint = Checkpoints(run / "checkpoints").load(lambda _: None)
    assert checkpoint is not None
    assert all(torch.equal(value, checkpoint.network[name]) for name, value in first.items())


def test_ctrl_c_before_any_validation_leaves_a_model_and_the_command_that_goes_on(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = toy(training__iterations=4, training__validate_every=0)
    run = tmp_path / "a run"
    stopped(recipe, run, monkeypatch, 2)
    said = capsys.readouterr().err
    assert f"stopped after iteration 2; there was no validation yet; its model: {run / 'model'}" in said
    assert "Not evaluated" in (run / "model" / "README.md").read_text()
    checkpoint = Checkpoints(run / "checkpoints").load(lambda _: None)
    assert checkpoint is not None
    network = load_model(run / "model").network.state_dict()
    assert all(torch.equal(value, network[name]) for name, value in checkpoint.network.items())
    (command,) = [line for line in said.splitlines() if line.startswith("to go on: ")]
    assert main(shlex.split(command.removeprefix("to go on: sceneparse "))) == 0
    whole = train(recipe, tmp_path / "whole")
    for name in ("model.safetensors", "README.md"):
        assert (run / "model" / name).read_bytes() == (whole / "model" / name).read_bytes()


def test_a_model_newer_than_the_checkpoint_that_is_gone_on_from_steps_back(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, run, seen = toy(training__iterations=3, training__validate_every=1), tmp_path / "run", []
    scores(monkeypatch, 0.2, 0.3, 0.4)
    train(recipe, run)
    (run / "checkpoints" / "last-00000003.pt").unlink()
    (run / "run.json").write_text(json.dumps({"status": "running"}))
    scores(monkeypatch, 0.1, then=lambda _: seen.append(header_of(run / "model" / "model.safetensors")["iteration"]))
    train(recipe, run, resume=True)
    assert seen == ["2"]
    assert run_facts(run)["best_iteration"] == 2 and run_facts(run)["status"] == "finished"


def test_files_of_others_in_the_model_folder_do_not_end_a_training_before_its_end(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"

    def put_beside(number: int) -> None:
        if number:
            (run / "model" / "mine.txt").write_text("dear")

    scores(monkeypatch, 0.2, 0.3, 0.1, then=put_beside)
    with pytest.raises(UserError, match=r"holds more than a model \(mine.txt\)"):
        train(toy(training__iterations=3, training__validate_every=1), run)
    assert "the best network so far is" in capsys.readouterr().err
    (run / "model" / "mine.txt").unlink()
    train(toy(training__iterations=3, training__validate_every=1), run, resume=True)
    assert header_of(run / "model" / "model.safetensors")["iteration"] == "2"


def test_a_run_folder_is_a_model_and_which_one_is_said_in_a_line(
    interrupted: Path, toy: MakeRecipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(interrupted, tmp_path / "run")
    mean = 100 * float(header_of(run / "model" / "model.safetensors")["mean_iou"])
    taken = f"{run}: takes the best model so far (iteration 2, mean IoU {mean:.2f}%)"
    found = find_model(run)
    assert capsys.readouterr().err.splitlines() == [
        f"{taken}; the training was interrupted; resume=True goes on from iteration 3"
    ]
    assert find_model(run) == find_model(run / "checkpoints") == find_model(run / "model") == found
    with (run / "metrics.jsonl").open("ab") as file:
        assert hold(file) and state_of(run) == "going"
        find_model(run)
    assert f"{taken}; the training is going on, past iteration 3" in capsys.readouterr().err.splitlines()
    assert state_of(run) == "interrupted"
    # What a program has opened stays what it is while the training goes on.
    before = (found / "model.safetensors").read_bytes()
    recipe = toy(training__validate_every=2, training__validate_count=1)
    train(recipe, run, resume=True)
    assert (found / "model.safetensors").read_bytes() == before
    capsys.readouterr()
    assert find_model(run) == run / "model"
    assert "the best model (iteration" in (said := capsys.readouterr().err) and said.endswith("has ended\n")


def test_every_command_takes_a_run_folder_and_writes_where_it_did_for_its_model(
    interrupted: Path, data: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(interrupted, tmp_path / "run")
    assert main(["evaluate", str(run), "--data", str(data), "--split", "val", "--engine", "torch"]) == 0
    assert (run / "evaluation" / "metrics.json").is_file()
    words = ["predict", str(run), str(data / "images" / "val"), "--out", str(tmp_path / "parsed"), "--engine", "torch"]
    assert main(words) == 0
    assert main(["export", str(run), "--format", "torch"]) == 0
    assert (run / "model.pt2").is_file()
    parser = sceneparse.load(run, engine="torch")
    assert parser.loading is not None and Path(parser.loading.model) == find_model(run)


@pytest.mark.parametrize("moved", [False, True])
def test_a_checkpoint_is_a_model_wherever_it_lies(
    interrupted: Path, tmp_path: Path, moved: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path = interrupted / "checkpoints" / "last-00000003.pt"
    if moved:
        path = Path(shutil.copy(path, tmp_path / "mine.pt"))
    model = load_model(path)
    assert f"{path}: a checkpoint; takes its network (iteration 3, not validated)" in capsys.readouterr().err
    checkpoint = Checkpoints(interrupted / "checkpoints").load(lambda _: None)
    assert checkpoint is not None and model.labels.names == ("ground", "dark", "bright")
    own = model.network.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in checkpoint.network.items())
    with pytest.raises(UserError, match="is a checkpoint of sceneparse's own: every command takes it as it is"):
        import_named(str(path))


def test_a_run_and_its_model_need_no_import(interrupted: Path) -> None:
    for path in (interrupted, interrupted / "model", interrupted / "model" / "model.safetensors"):
        folder = path.parent if path.is_file() else path
        with pytest.raises(UserError, match=f"is a model of sceneparse's own: every command takes {folder} as it is"):
            import_named(str(path))


def test_the_file_of_the_best_network_is_a_model_beside_its_run_and_refused_alone(
    interrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = interrupted / "checkpoints" / "best-00000002.safetensors"
    load_model(best)
    assert "takes its network (iteration 2, mean IoU" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"holds weights alone.*give the run folder"):
        load_model(shutil.copy(best, tmp_path / "best.safetensors"))


def test_a_run_without_any_validation_gives_its_newest_checkpoint(
    interrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(interrupted, tmp_path / "run")
    shutil.rmtree(run / "model")
    load_model(run)
    said = capsys.readouterr().err
    assert f"{run}: no validation yet; takes its newest checkpoint (iteration 3, not validated)" in said
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match=r"neither a model nor a checkpoint yet.*sceneparse train .* --resume"):
        load_model(run)


def test_a_training_starts_from_a_run_folder_or_a_checkpoint(
    interrupted: Path, toy: MakeRecipe, tmp_path: Path
) -> None:
    for name in (interrupted, interrupted / "checkpoints" / "last-00000003.pt"):
        run = train(toy(training__iterations=1, init__model=str(name)), tmp_path / name.name)
        assert json.loads((run / "init.json").read_text())["sha256"]


def test_a_file_that_wants_to_run_something_is_no_checkpoint(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    keys: dict[str, Any] = {"iteration": 1, "network": {}, "optimizer": Evil(), "metrics_bytes": 0}
    torch.save(keys, tmp_path / "evil.pt")
    with pytest.raises(UserError, match="not a folder"):
        load_model(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()
