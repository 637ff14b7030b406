"""One training at a time writes into a run folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.files import is_held, write_text
from sceneparse.settings import Recipe
from sceneparse.training import run as run_module
from sceneparse.training import taken
from sceneparse.training.loop import train
from sceneparse.training.taken import hold_run, refuse_going
from sceneparse.weights.run_folder import last_iteration

GOING = "a training is going on there: wait for its end, stop it, or name another folder"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken, "PATIENCE", 0)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_training_where_one_is_going_on_is_refused_before_it_changes_anything(
    toy: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, run = toy(training__iterations=2), tmp_path / "run"
    train(recipe, run)
    (run / "model").rename(run / "aside")  # its model is still to be written
    (run / ".of-the-other.tmp.txt").write_text("half")
    before = contents(run)
    with hold_run(run, 2):
        for resume in (False, True):
            with pytest.raises(UserError, match=GOING):
                train(recipe, run, resume=resume)
        # One that looked just before the other began.
        monkeypatch.setattr(run_module, "refuse_going", lambda _: None)
        with pytest.raises(UserError, match=GOING):
            train(recipe, run, resume=True)
    assert contents(run) == before
    train(recipe, run, resume=True)
    assert not (run / ".of-the-other.tmp.txt").exists()


def test_a_training_that_has_gone_on_since_another_looked_is_not_undone(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"kind": "train", "iteration": 7}\n')
    with pytest.raises(UserError, match="another training has gone on there in the meantime"), hold_run(tmp_path, 3):
        pass
    with hold_run(tmp_path, last_iteration(tmp_path)):
        pass


def test_others_see_that_a_training_goes_on_and_that_it_has_ended(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="on purpose"), hold_run(tmp_path / "run", None):
        assert is_held(tmp_path / "run" / "metrics.jsonl")
        raise ValueError("on purpose")
    assert is_held(tmp_path / "run" / "metrics.jsonl") is False


def test_a_training_that_ends_before_it_wrote_anything_leaves_no_folder(tmp_path: Path) -> None:
    for out, there in ((tmp_path / "new", False), (tmp_path, True)):
        with pytest.raises(ValueError, match="on purpose"), hold_run(out, None):
            raise ValueError("on purpose")
        assert out.exists() == there


def test_a_training_that_ends_before_its_recipe_is_written_puts_back_what_it_changed(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "run"
    names = ("counts.json", "budget.json", "checkpoints", "old")
    with pytest.raises(ValueError, match="on purpose"), hold_run(out, None, names):
        (out / "checkpoints").mkdir()
        (out / "checkpoints" / ".measured.tmp.pt").touch()
        (out / "counts.json").touch()
        raise ValueError("on purpose")
    assert not out.parent.exists()
    (out / "old").mkdir(parents=True)
    (out / "old" / "kept").touch()
    (out / "budget.json").write_text("before")
    before = contents(out)
    with pytest.raises(ValueError, match="on purpose"), hold_run(out, None, names):
        (out / "old" / "new").touch()
        (out / "counts.json").touch()
        (out / "budget.json").write_text("after")
        raise ValueError("on purpose")
    assert contents(out) == before
    with pytest.raises(ValueError, match="on purpose"), hold_run(out, None, names):
        (out / "budget.json").write_text("after")
        write_text(out / "recipe.yaml", "name: it began")
        raise ValueError("on purpose")
    assert (out / "budget.json").read_text() == "after" and (out / "metrics.jsonl").exists()


def test_what_only_asks_whether_a_training_goes_on_does_not_keep_one_from_beginning(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / "metrics.jsonl").touch()
    answers = iter([False, False, True])
    with (tmp_path / "metrics.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(taken, "hold", lambda _: next(answers))
            with hold_run(tmp_path, None):
                pass
    assert next(answers, None) is None


def test_without_marks_of_files_in_use_a_file_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken, "BY_LOCK", True)
    monkeypatch.setattr(taken, "hold", lambda _: None)
    monkeypatch.setattr(taken, "is_held", lambda _: None)
    with hold_run(tmp_path, None):
        refuse_going(tmp_path)
        with pytest.raises(UserError, match=GOING), hold_run(tmp_path, None):
            pass
    with hold_run(tmp_path, None):
        pass
