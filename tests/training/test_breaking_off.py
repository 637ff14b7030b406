"""What ends a training between two steps loses nothing of it, and what a full disk will not hold is said before."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.files import write_text
from sceneparse.settings import Recipe
from sceneparse.training import room
from sceneparse.training.folder import remove_unfinished
from sceneparse.training.loop import train
from sceneparse.weights.run_folder import run_facts
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
