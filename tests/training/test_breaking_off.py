"""What ends a training between two steps loses nothing of it, and what a full disk will not hold is said before."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from multiprocessing import active_children, connection
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sceneparse.data import loader
from sceneparse.errors import UserError
from sceneparse.files import write_text
from sceneparse.settings import Recipe
from sceneparse.training import loop, room
from sceneparse.training.breaking_off import break_off
from sceneparse.training.folder import remove_unfinished
from sceneparse.training.loop import train
from sceneparse.training.step import compute_gradients
from sceneparse.weights.run_folder import run_facts
from sceneparse.weights.trained import resume_command
from tests.training.test_resume import metrics

MakeRecipe = Callable[..., Recipe]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_picture_ends_a_training_with_a_checkpoint_that_goes_on_once_it_is_mended(
    toy: MakeRecipe, data: Path, tmp_path: Path, workers: int
) -> None:
    shutil.copytree(data, tmp_path / "data")
    recipe = toy(
        data__root=str(tmp_path / "data"),
        data__workers=workers,
        training__batch=2,
        training__iterations=4,
        training__checkpoint_every=100,
        training__validate_every=0,
    )
    whole = train(recipe, tmp_path / "whole")
    pictures = [tmp_path / "data" / "images" / "train" / f"{number:03}.png" for number in range(6)]
    for last in pictures:  # one that is not the first to be drawn
        kept = last.read_bytes()
        last.write_bytes(kept[:100])
        run = tmp_path / last.stem
        with pytest.raises(UserError) as error:
            train(recipe, run)
        if (facts := run_facts(run)).get("iteration"):
            break
        last.write_bytes(kept)
    done = facts["iteration"]
    assert facts["status"] == "failed" and [path.name for path in (run / "checkpoints").iterdir()] == [
        f"last-{done:08}.pt"
    ]
    said = f"the checkpoint of iteration {done} was written: repair or replace this file"
    assert last.name in str(error.value) and said in str(error.value) and "resume=True goes on" in str(error.value)
    with pytest.raises(UserError, match="repair or replace this file"):
        train(recipe, run, resume=True)
    last.write_bytes(kept)
    train(recipe, run, resume=True)
    assert metrics(run) == metrics(whole)


def rare(toy: MakeRecipe, **changes: object) -> Recipe:
    """A training of four steps whose first checkpoint is at its end."""
    four = {"training__batch": 2, "training__iterations": 4, "training__validate_every": 0}
    return toy(**four, training__checkpoint_every=100, **changes)


@pytest.mark.skipif(sys.platform == "win32", reason="there no signals end a process")
@pytest.mark.parametrize(
    ("end", "volumes", "says"),
    [
        ("SIGKILL", False, r"most often for want of memory: lower data.workers or data.cache_mb; the checkpoint of"),
        ("SIGKILL", True, r"lower data.workers or data.cache_mb, or unpack volumes, of whose .nii.gz each .* GiB; the"),
        ("SIGHUP", False, r"something outside the program ended it; the checkpoint of iteration 2 was written"),
    ],
)
def test_a_loader_process_that_is_ended_during_a_step_cuts_no_step_in_half_and_loses_none(
    end: str,
    volumes: bool,
    says: str,
    toy: MakeRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def killing(*arguments: Any, **named: Any) -> Any:
        if arguments[3] == 1:
            for child in active_children():
                assert child.pid is not None
                os.kill(child.pid, getattr(signal, end))
                connection.wait([child.sentinel], 10)
        return compute_gradients(*arguments, **named)

    monkeypatch.delitem(sys.modules, "nibabel", raising=False)
    if volumes:
        monkeypatch.setitem(sys.modules, "nibabel", ModuleType("nibabel"))
    monkeypatch.setattr(loop, "compute_gradients", killing)
    recipe, run = rare(toy, data__workers=1), tmp_path / "run"
    # A process that ignores SIGHUP, as under nohup, hands that on to those that it starts.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with pytest.raises(UserError, match=rf"a loader process died \(DataLoader worker .*{says}") as error:
            train(recipe, run)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert str(error.value).endswith("the checkpoint of iteration 2 was written: resume=True goes on")
    assert f"ended after iteration 2, with a checkpoint; to go on: {resume_command(run)}\n" in capsys.readouterr().err
    facts = run_facts(run)
    assert (facts["status"], facts["iteration"]) == ("failed", 2)
    monkeypatch.undo()
    train(recipe, run, resume=True)
    assert metrics(run) == metrics(train(recipe, tmp_path / "whole"))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("fault", "raised", "says"),
    [
        (
            MemoryError(),
            UserError,
            "to load the pictures of a step: lower {}data.cache_mb; the checkpoint of iteration 2",
        ),
        (RuntimeError("a fault"), RuntimeError, "a fault"),
    ],
)
def test_whatever_fails_in_loading_a_batch_loses_no_step(
    fault: Exception,
    raised: type[Exception],
    says: str,
    workers: int,
    toy: MakeRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made, loaded = loader._AugmentedSamples.__getitem__, []

    def failing(*arguments: Any) -> Any:
        loaded.append(arguments)
        if len(loaded) == 6:
            raise fault
        return made(*arguments)

    monkeypatch.setattr(loader._AugmentedSamples, "__getitem__", failing)
    recipe, run = rare(toy, data__workers=workers), tmp_path / "run"
    with pytest.raises(raised, match=says.format("data.workers or " if workers else "")):
        train(recipe, run)
    assert "ended after iteration 2, with a checkpoint; to go on: " in capsys.readouterr().err
    assert run_facts(run)["status"] == "failed" and (run / "checkpoints" / "last-00000002.pt").is_file()
    monkeypatch.undo()
    train(recipe, run, resume=True)
    assert metrics(run) == metrics(train(recipe, tmp_path / "whole"))


@pytest.mark.parametrize(
    ("saved", "says"),
    [(4, "no picture; resume=True goes on from the last checkpoint, of iteration 4"), (None, "no picture")],
)
def test_of_several_processes_the_last_checkpoint_is_named(saved: int | None, says: str) -> None:
    compute = SimpleNamespace(processes=SimpleNamespace(world=2))
    keeper: Any = SimpleNamespace(prepared=SimpleNamespace(compute=compute), saved=saved)
    with pytest.raises(UserError) as error:
        break_off(keeper, 5, UserError("no picture"), stopping=False)
    assert str(error.value) == says


def test_a_validation_that_cannot_be_made_loses_no_step_and_is_made_once_its_picture_is_mended(
    toy: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data, tmp_path / "data")
    recipe = toy(
        data__root=str(tmp_path / "data"),
        training__batch=2,
        training__iterations=3,
        training__checkpoint_every=100,
        training__validate_every=2,
    )
    whole = train(recipe, tmp_path / "whole")
    picture = tmp_path / "data" / "images" / "val" / "002.png"
    kept = picture.read_bytes()
    picture.write_bytes(kept[:100])
    run = tmp_path / "run"
    said = "the checkpoint of iteration 2 was written: mend this, then resume=True goes on with the validation"
    for going_on in (False, True):
        with pytest.raises(UserError, match=f"002.png: .*; {said}"):
            train(recipe, run, resume=going_on)
        facts = run_facts(run)
        assert (facts["status"], facts["iteration"]) == ("failed", 2)
    picture.write_bytes(kept)
    train(recipe, run, resume=True)
    assert metrics(run) == metrics(whole)


def test_a_fault_is_written_down_as_a_failure(toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("sceneparse.training.loop.update_weights", fail)
    with pytest.raises(RuntimeError, match="on purpose"):
        train(toy(), tmp_path / "run")
    assert run_facts(tmp_path / "run")["status"] == "failed"


@pytest.mark.parametrize(
    "changes", [{"optimizer__kind": "sgd"}, {"optimizer__kind": "adamw", "training__average": {"decay": 0.9}}]
)
def test_a_disk_too_small_is_said_or_refused_before_the_first_step(
    toy: MakeRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
) -> None:
    recipe = toy(training__iterations=2, **changes)
    run = train(recipe, tmp_path / "run")
    assert "free on the disk" not in capsys.readouterr().err
    size = (run / "checkpoints" / "last-00000002.pt").stat().st_size
    monkeypatch.setattr(room, "free_bytes", lambda _: int(0.9 * size))
    with pytest.raises(UserError, match=r"a checkpoint of this training takes .* are free on its disk: make room"):
        train(recipe, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    monkeypatch.setattr(room, "free_bytes", lambda _: int(1.1 * size))
    train(recipe, tmp_path / "few")
    assert "note: checkpoints and the model take up to " in capsys.readouterr().err


def test_half_written_files_of_the_run_folder_go_and_nothing_else(tmp_path: Path) -> None:
    left = [".trackers.ab.tmp.json", ".run.ab.tmp.json", ".recipe.ab.tmp.yaml", "failure/.network.ab.tmp.pt"]
    left += ["checkpoints/.last-00000002.ab.tmp.pt"]
    kept = ["run.json", ".notes.txt", "notes.tmp.txt", "failure/network.pt"]
    for name in (*left, *kept, ".model.ab.tmp/config.json"):
        write_text(tmp_path / name, "half")
    remove_unfinished(tmp_path)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert found == sorted(kept)
