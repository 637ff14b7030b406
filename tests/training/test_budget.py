"""A budget of minutes: decided by a measurement that leaves nothing behind, written down, and kept."""

import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.recipes import from_mapping, read_recipe
from sceneparse.recipes.sweep import Row, Run
from sceneparse.settings import Recipe, TrainingSettings
from sceneparse.training import budget, checkpoint, probe
from sceneparse.training.budget import RESERVE, Overtime, iterations_within, seconds_of, too_short
from sceneparse.training.length import validation_interval
from sceneparse.training.loop import train
from sceneparse.training.probe import Pace
from sceneparse.training.sweeping.board import Board
from tests.training.test_resume import metrics

MakeRecipe = Callable[..., Recipe]

PACE = Pace(before=60, step=2, validation=30, checkpoint=1)


@pytest.mark.parametrize("every", [0, 100, 7, 0.1, 0.3, 1])
@pytest.mark.parametrize("minutes", [3.0, 60, 61.7])
def test_what_fits_fits_beside_the_reserve_and_not_much_more_would(minutes: float, every: float) -> None:
    training = TrainingSettings(minutes=minutes, validate_every=every, checkpoint_every=50)
    found, limit = iterations_within(minutes, PACE, training), 0.97 * 60 * minutes
    assert seconds_of(found, PACE, training) <= limit
    # One more iteration may be one validation more, or less.
    assert seconds_of(found + 1, PACE, training) > limit or every == 0.3
    assert seconds_of(found, PACE, training) >= limit - 2 * PACE.step - PACE.validation - 5 * PACE.checkpoint


def test_validations_checkpoints_and_all_that_came_before_count() -> None:
    training = TrainingSettings(minutes=60, validate_every=100, checkpoint_every=50)
    # 250 steps, 3 validations (2 on the way), each with a best network and two checkpoints, 5 checkpoints and a model.
    assert seconds_of(250, PACE, training) == 60 + 500 + 90 + (5 + 9 + 1)
    assert seconds_of(250, PACE, replace(training, validate_every=0)) == 60 + 500 + 30 + (5 + 3 + 1)


def test_a_time_in_which_nothing_fits_is_refused_with_what_it_takes() -> None:
    with pytest.raises(UserError, match=r"minutes is 1\.5, but a training of one iteration takes 1\.6: 60 s until its"):
        iterations_within(1.5, PACE, TrainingSettings(minutes=1.5))
    # One iteration may take of the reserve.
    minutes = seconds_of(1, PACE, TrainingSettings()) / 60 / (1 - RESERVE / 2)
    assert iterations_within(minutes, PACE, TrainingSettings(minutes=minutes)) == 1


@pytest.mark.parametrize(
    ("iterations", "warmup", "said"),
    [
        (
            5,
            50,
            "5 iterations are too few to learn much: 40 of 100 pictures are seen, and the learning rate still grows "
            "during the first 50 (optimizer.warmup); 500 would take about 18 minutes.",
        ),
        (90, 50, "90 iterations are too few to learn much: the learning rate still grows"),
        (5, 0, "40 of 100 pictures are seen; 63 would take about 4 minutes."),
        (100, 50, None),
        (13, 0, None),
    ],
)
def test_a_time_that_a_training_can_hardly_begin_in_is_said(iterations: int, warmup: int, said: str | None) -> None:
    recipe = read_recipe(
        "toy-fcn", training={"iterations": iterations, "batch": 8, "validate_every": 0}, optimizer={"warmup": warmup}
    )
    line = too_short(recipe, 100, PACE)
    assert (line is None) == (said is None) and (said or "") in (line or "")


@pytest.mark.parametrize(
    ("every", "iterations", "interval"), [(0, 50, 0), (8, 50, 8), (0.1, 95, 10), (0.07, 100, 7), (0.001, 30, 1)]
)
def test_validations_are_spread_over_the_training_by_shares(every: float, iterations: int, interval: int) -> None:
    assert validation_interval(TrainingSettings(validate_every=every, iterations=iterations)) == interval


def test_minutes_and_iterations_replace_each_other_and_contradict_each_other() -> None:
    def length(**training: Any) -> tuple[int, float | None]:
        read = read_recipe("toy-fcn", training=training).training
        return read.iterations, read.minutes

    assert length(minutes=5) == (20000, 5)
    assert length() == (read_recipe("toy-fcn").training.iterations, None)
    with pytest.raises(UserError, match=r"training\.minutes and training\.iterations both say how long it takes"):
        length(minutes=5, iterations=100)
    with pytest.raises(UserError, match=r"training\.minutes is 0\.0, but must be positive"):
        length(minutes=0)
    with pytest.raises(UserError, match=r"training\.validate_every is 1\.5, but must be a whole number, or below 1"):
        length(validate_every=1.5)
    below = {"name": "x", "data": {"kind": "toyworld"}, "training": {"minutes": 5}}
    assert from_mapping(Recipe, below, "x", {"training": {"iterations": 7}}).training.minutes is None


class Clock:
    """A clock by which everything takes a second, in place of the module `time`."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        self.now += 1
        return self.now


def timed(toy: MakeRecipe, **changes: object) -> Recipe:
    """With all that a measurement could leave traces in."""
    settings: dict[str, object] = {
        "training__minutes": 0.8,
        "training__iterations": 20000,
        "training__validate_every": 0.5,
        "training__validate_count": 2,
        "training__average": {"decay": 0.9},
        "training__accumulate": 2,
        "optimizer__kind": "adamw",
        "optimizer__warmup": 3,
        "loss__class_weights": "median",
    }
    return toy(**(settings | changes))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "time", Clock())


@pytest.mark.usefixtures("clock")
def test_the_training_is_that_of_its_iterations_given_and_the_decision_stays(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = timed(toy)
    run = train(recipe, tmp_path / "run")
    decision = json.loads((run / "budget.json").read_text())
    pace = Pace(**decision["seconds"])
    # A second for each picture of a validation, and for both kinds of weights.
    assert 1 <= pace.step <= 2 and (pace.validation, pace.checkpoint) == (4, 1)
    decided = decision["iterations"]
    assert decided == iterations_within(0.8, pace, recipe.training) and 3 < decided < 20
    said = capsys.readouterr().err
    assert "training.minutes is 0.8: measuring" in said and f"{decided} iterations in 0.8 minutes" in said
    assert "and a reserve of 3%" in said and re.search(r"it took \d+ s of the 0\.8 minutes asked for\n", said)
    written = read_recipe(run / "recipe.yaml")
    assert (written.training.iterations, written.training.minutes) == (decided, None)
    facts = json.loads((run / "run.json").read_text())
    assert facts["budget"] == decision and facts["iteration"] == decided
    # The recipe that was written down is the same training.
    given = train(written, tmp_path / "given")
    assert metrics(given) == metrics(run) and not (given / "budget.json").exists()
    for name in ("model.safetensors", "README.md"):
        assert (given / "model" / name).read_bytes() == (run / "model" / name).read_bytes()
    # What is asked for by minutes goes on with what was decided, and other minutes are another training.
    monkeypatch.setattr(budget, "measure", lambda *_: pytest.fail("measured again"))
    for asked in (recipe, written):
        train(asked, run, resume=True)
        assert "is finished" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"training\.minutes is 3\.0 but was 0\.8"):
        train(timed(toy, training__minutes=3.0), run, resume=True)
    with pytest.raises(UserError, match=rf"training\.iterations is 7 but was {decided}"):
        train(timed(toy, training__minutes=None, training__iterations=7), run, resume=True)


class KilledError(Exception):
    pass


def killed_at_its_first_step(recipe: Recipe, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr("sceneparse.training.loop.update_weights", killed)
        train(recipe, run)


@pytest.mark.usefixtures("clock")
def test_killed_before_its_first_checkpoint_it_keeps_the_decision(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = timed(toy, training__average={})
    killed_at_its_first_step(recipe, tmp_path / "run", monkeypatch)
    decision = (tmp_path / "run" / "budget.json").read_bytes()
    decided = json.loads(decision)["iterations"]
    with monkeypatch.context() as patched:
        patched.setattr(budget, "measure", lambda *_: pytest.fail("measured again"))
        run = train(recipe, tmp_path / "run", resume=True)
    assert json.loads((run / "run.json").read_text())["iteration"] == decided
    assert (run / "budget.json").read_bytes() == decision


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"training__patience": 9}, "training.patience is 9, which has no effect"),
        ({"training__average": {"decay": 0.9, "every": 50}}, "training.average.every is 50, but the training has"),
    ],
)
def test_what_a_decided_length_leaves_without_effect_is_said_and_refused_only_where_it_was_given(
    toy: MakeRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    setting: dict[str, Any],
    line: str,
) -> None:
    recipe = timed(toy, **setting)
    killed_at_its_first_step(recipe, tmp_path / "run", monkeypatch)
    assert f"note: {line}" in capsys.readouterr().err
    run = train(recipe, tmp_path / "run", resume=True)
    assert f"note: {line}" in capsys.readouterr().err
    # The recipe that a run wrote gives the same training anywhere; with another length it is a person's.
    written = read_recipe(run / "recipe.yaml")
    assert written.training.decided == written.training.iterations
    assert metrics(train(written, tmp_path / "given")) == metrics(run)
    assert f"note: {line}" in capsys.readouterr().err
    with pytest.raises(UserError, match=rf"{line}.*; leave it out, or change one of them"):
        train(read_recipe(run / "recipe.yaml", training={"iterations": 4}), tmp_path / "other")


@pytest.mark.usefixtures("clock")
def test_a_refused_start_leaves_what_it_found(toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = timed(toy, training__minutes=0.01, sampling__repeat_threshold=0.9)
    with pytest.raises(UserError, match=r"training\.minutes is 0\.01, but a training of one iteration takes"):
        train(short, tmp_path / "runs" / "new")
    assert not (tmp_path / "runs").exists()
    run = tmp_path / "run"
    killed_at_its_first_step(timed(toy), run, monkeypatch)
    (run / "checkpoints").rmdir()
    (run / "notes.txt").write_text("mine")
    before = {path: path.is_file() and path.read_bytes() for path in run.rglob("*")}
    with pytest.raises(UserError, match=r"training\.minutes is 0\.01, but"):
        train(short, run)

    # After the decision, which is written before there is known to be no room.
    def full(*_: object) -> None:
        raise UserError("no room")

    monkeypatch.setattr("sceneparse.training.loop.check_room", full)
    with pytest.raises(UserError, match="no room"):
        train(timed(toy, training__minutes=2.0), run)
    assert {path: path.is_file() and path.read_bytes() for path in run.rglob("*")} == before


@pytest.mark.usefixtures("clock")
def test_what_is_written_to_measure_a_checkpoint_is_as_large_as_one(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, save = [], checkpoint.save_tensors

    def sized(path: Path, value: dict[str, Any]) -> None:
        save(path, value)
        sizes.append(path.stat().st_size)

    monkeypatch.setattr(checkpoint, "save_tensors", sized)
    train(timed(toy), tmp_path / "run")
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


@pytest.mark.usefixtures("clock")
def test_a_first_validation_picture_without_labels_refuses_no_training(
    toy: MakeRecipe, data: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(data, tmp_path / "data")
    mask = root / "masks" / "val" / "000.png"
    Image.fromarray(np.full_like(Image.open(mask), 255)).save(mask)
    changes: dict[str, Any] = {"training__average": {}, "training__validate_count": None}
    run = train(timed(toy, data__root=str(root), **changes), tmp_path / "run")
    assert json.loads((run / "run.json").read_text())["status"] == "finished"


def test_a_decision_of_another_training_that_left_nothing_does_not_count(toy: MakeRecipe, tmp_path: Path) -> None:
    write_json(tmp_path / "run" / "budget.json", {"minutes": 9.0, "iterations": 500})
    run = train(toy(training__iterations=1, training__validate_count=1), tmp_path / "run", resume=True)
    assert "budget" not in json.loads((run / "run.json").read_text())
    assert not (run / "budget.json").exists()


def test_a_training_that_takes_longer_says_so_once() -> None:
    overtime = Overtime(2)
    assert overtime.line(119, 10) is None
    said = overtime.line(121, 10)
    assert (
        said is not None
        and "the time is over (2 minutes)" in said
        and "the 10 iterations that are left are done" in said
    )
    assert overtime.line(130, 9) is None
    assert Overtime(None).line(1e6, 1) is None and Overtime(2).line(121, 0) is None
    assert Overtime(60).ended(3989) == "it took 66 min 29 s of the 60 minutes asked for"
    assert Overtime(None).ended(3989) is None


def test_a_sweeps_board_shows_minutes_until_the_iterations_are_decided(toy: MakeRecipe, tmp_path: Path) -> None:
    run = Run(Row("row", "row", timed(toy), {}), 0)

    class Sweep:
        name, tests = "x", ()

        @staticmethod
        def runs() -> list[Run]:
            return [run]

    board = Board(Sweep, tmp_path, done=0)  # type: ignore[arg-type]
    assert board._length(run) is None
    write_json(tmp_path / run.folder / "budget.json", {"minutes": 0.8, "iterations": 12})
    assert board._length(run) == 12
