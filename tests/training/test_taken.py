"""One training at a time writes into a run folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.files import is_held, write_text
from sceneparse.settings import Recipe
from sceneparse.training import loop, taken
from sceneparse.training import run as run_module
from sceneparse.training.loop import train
from sceneparse.training.taken import begins_anew, hold_run, refuse_going
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


def test_a_resume_where_no_run_is_says_that_one_begins_and_which_may_have_been_meant(tmp_path: Path) -> None:
    for name in ("streets", "parks"):
        write_text(tmp_path / name / "recipe.yaml", "")
    (tmp_path / "street-photos").mkdir()  # is no run
    said = begins_anew(tmp_path / "stretes")
    assert f"{tmp_path / 'stretes'}: no run is there to go on with, so a new one begins" in said
    assert said.endswith(f"; did you mean {tmp_path / 'streets'}?")
    assert begins_anew(tmp_path / "upernet").endswith(f"; beside it: {tmp_path / 'parks'}, {tmp_path / 'streets'}")
    assert begins_anew(tmp_path / "none" / "upernet").endswith("so a new one begins")
    assert "stopped before its first checkpoint, and begins anew" in begins_anew(tmp_path / "parks")
    for left in ("streets/checkpoints/last-00000002.pt", "parks/model/config.json"):
        write_text(tmp_path / left, "")
    assert begins_anew(tmp_path / "streets") == begins_anew(tmp_path / "parks") == ""


def test_the_command_says_it_and_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop, "train", lambda _recipe, out, **_: out)
    command = ["train", "toy-pspnet", "--out", str(tmp_path / "mine")]
    assert main([*command, "--resume"]) == 0
    assert f"note: {tmp_path / 'mine'}: no run is there to go on with" in capsys.readouterr().err
    assert main(command) == 0
    assert "note:" not in capsys.readouterr().err
