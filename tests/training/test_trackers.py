"""Trackers follow a training: they get what metrics.jsonl gets, once, and can neither stop nor slow it."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sceneparse.errors import UserError
from sceneparse.settings import Recipe, TrackingSettings
from sceneparse.training.loop import train
from sceneparse.training.progress import TrainingStopped
from sceneparse.training.trackers.follow import FILE
from sceneparse.training.trackers.kind import TrackedRun, TrackerKind
from sceneparse.training.trackers.mlflow_runs import taken
from sceneparse.training.trackers.table import TRACKERS

MakeRecipe = Callable[..., Recipe]
Point = tuple[str, int, dict[str, float]]


class Notes:
    """A tracker in memory; `runs` outlives it, as a server would."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.opened: list[tuple[str, str]] = []
        self.kind = TrackerKind(
            "Notes", "json", "it is there", self.open, project_variable="NOTES_PROJECT", name_variable="NOTES_NAME"
        )

    def open(self, run: TrackedRun) -> "Notes.Run":
        identity = run.identity or f"run{len(self.runs)}"
        self.opened.append((run.project, run.name))
        new: dict[str, Any] = {"settings": dict(run.settings), "name": run.name, "points": [], "ends": []}
        self.runs.setdefault(identity, new)
        return Notes.Run(identity, self.runs[identity])

    class Run:
        """A run of it."""

        def __init__(self, identity: str, notes: dict[str, Any]) -> None:
            self.identity, self.notes = identity, notes

        def log(self, values: Mapping[str, float], iteration: int) -> None:
            self.notes["points"].append((iteration, dict(values)))

        def finish(self, status: str) -> None:
            self.notes["ends"].append(status)


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notes]:
    made = Notes()
    known = {**dict.fromkeys(TRACKERS._own, ""), "notes": "here"}
    monkeypatch.setattr(TRACKERS, "_own", known)
    monkeypatch.setitem(TRACKERS._loaded, "notes", made.kind)
    yield made


def written(run: Path) -> list[tuple[int, str]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(line["iteration"], line["kind"]) for line in lines]


def handed(notes: Notes) -> list[tuple[int, str]]:
    (run,) = notes.runs.values()
    return [(iteration, next(iter(values)).split("/")[0]) for iteration, values in run["points"]]


def test_a_tracker_gets_settings_every_figure_and_the_end(notes: Notes, toy: MakeRecipe, tmp_path: Path) -> None:
    run = train(toy(tracking__trackers=["notes"]), tmp_path / "mine")
    (found,) = notes.runs.values()
    assert found["settings"]["training.iterations"] == 6 and found["name"] == "mine"
    assert handed(notes) == written(run)
    first = found["points"][0][1]
    assert {"train/loss", "train/lr", "train/images_per_second"} <= first.keys()
    assert any("validation/mean_iou" in values for _, values in found["points"])
    assert found["ends"] == ["finished"]


def test_a_run_of_a_sweep_is_called_by_its_recipe(notes: Notes, toy: MakeRecipe, tmp_path: Path) -> None:
    recipe = replace(toy(tracking__trackers=["notes"], training__iterations=1), name="wide-seed0")
    train(recipe, tmp_path / "wide" / "seed0")
    assert next(iter(notes.runs.values()))["name"] == "wide-seed0"


def test_mlflow_gets_settings_under_names_that_it_takes() -> None:
    given = {"a.b-c": 1, "init.classes.car; van": 2, "init.classes.car, van": 3, "x" * 300: 4, "options./a//b": 5}
    found = taken(given)
    assert list(found.values()) == [1, 2, 3, 4, 5]
    assert [*found][:3] == ["a.b-c", "init.classes.car_ van", "init.classes.car_ van 2"]
    assert all(len(name) <= 250 and "/" not in name for name in found)


def test_a_training_that_goes_on_adds_to_the_same_run_and_nothing_twice(
    notes: Notes, toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It breaks off after iteration 5, with a checkpoint of iteration 4: iteration 5 is done again.
    stopped_and_gone_on(toy, tmp_path / "run", "notes", monkeypatch)
    assert handed(notes) == written(tmp_path / "run")
    (found,) = notes.runs.values()
    assert found["ends"] == ["stopped", "finished"]


def test_killed_before_its_first_checkpoint_the_same_run_goes_on_and_gets_nothing_twice(
    notes: Notes, toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: dict[str, Any] = {"training__checkpoint_every": 100, "training__validate_every": 0}
    run = stopped_and_gone_on(toy, tmp_path / "run", "notes", monkeypatch, **late)
    assert handed(notes) == written(run)
    # Begun once more, or by another recipe, it is another run.
    for resume, lr in ((False, 0.01), (True, 0.02)):
        again = tmp_path / f"again{lr}"
        with pytest.raises(TrainingStopped):
            broken_off(toy(tracking__trackers=["notes"], **late), again, monkeypatch)
        known = len(notes.runs)
        train(toy(tracking__trackers=["notes"], optimizer__lr=lr, **late), again, resume=resume)
        assert len(notes.runs) == known + 1
    # Nor is what another training left behind gone on with, when a tracker follows from a resume on.
    left = tmp_path / "left"
    with pytest.raises(TrainingStopped):
        broken_off(toy(tracking__trackers=["notes"], **late), left, monkeypatch)
    with pytest.raises(TrainingStopped):
        broken_off(toy(), left, monkeypatch)
    known = len(notes.runs)
    train(toy(tracking__trackers=["notes"]), left, resume=True)
    assert len(notes.runs) == known + 1


def test_a_run_that_goes_on_stays_in_its_project_under_its_name_and_it_is_said(
    notes: Notes,
    toy: MakeRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NOTES_PROJECT", "ours")
    run = tmp_path / "run"
    with pytest.raises(TrainingStopped):
        broken_off(toy(tracking__trackers=["notes"]), run, monkeypatch)
    monkeypatch.setenv("NOTES_PROJECT", "theirs")
    with pytest.raises(TrainingStopped):
        broken_off(toy(tracking__trackers=["notes"]), run, monkeypatch, resume=True)
    said = capsys.readouterr().err
    assert "note: the run in Notes goes on as it began, with project 'ours', not project 'theirs'; a new one" in said
    monkeypatch.delenv("NOTES_PROJECT")
    asked = toy(tracking__trackers=["notes"], tracking__project="mine", tracking__name="tried")
    train(asked, run, resume=True)
    said = capsys.readouterr().err
    assert "with project 'ours', name 'run', not project 'mine', name 'tried'; a new one begins where" in said
    assert notes.opened == [("ours", "run")] * 3 and len(notes.runs) == 1
    # Nothing is asked for, and nothing said.
    other = tmp_path / "other"
    with pytest.raises(TrainingStopped):
        broken_off(asked, other, monkeypatch)
    train(toy(tracking__trackers=["notes"]), other.rename(tmp_path / "moved"), resume=True)
    assert "goes on as it began" not in capsys.readouterr().err
    assert notes.opened[3:] == [("mine", "tried")] * 2


def test_a_trackers_own_variables_name_project_and_run_where_the_settings_do_not(
    notes: Notes, toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one: dict[str, Any] = {"tracking__trackers": ["notes"], "training__iterations": 1, "training__validate_count": 1}
    train(toy(**one), tmp_path / "plain")
    monkeypatch.setenv("NOTES_PROJECT", "ours")
    monkeypatch.setenv("NOTES_NAME", "hers")
    train(toy(**one), tmp_path / "by-variables")
    train(toy(**one, tracking__project="p", tracking__name="n"), tmp_path / "by-settings")
    assert notes.opened == [("sceneparse", "plain"), ("ours", "hers"), ("p", "n")]


def test_a_tracker_that_fails_or_hangs_is_said_once_and_changes_nothing(
    notes: Notes,
    toy: MakeRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: Any) -> None:
        raise ConnectionError("the network is down")

    monkeypatch.setattr(Notes.Run, "log", broken)
    run = train(toy(tracking__trackers=["notes"]), tmp_path / "run")
    assert (run / "model").is_dir() and len(notes.runs) == 1
    said = capsys.readouterr().err
    assert said.count("warning: Notes failed (the network is down); the training goes on") == 1

    monkeypatch.setattr("sceneparse.training.trackers.follow.ENDING", 0.1)
    monkeypatch.setattr(Notes.Run, "log", lambda *_: time.sleep(30))
    train(toy(tracking__trackers=["notes"]), tmp_path / "other")
    assert capsys.readouterr().err.count("Notes did not take all points in time") == 1


def test_a_missing_package_and_a_tracker_that_cannot_be_used_are_said_before_anything_else(
    notes: Notes, toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = replace(notes.kind, package="not_there_at_all", install="pip install not-there")
    monkeypatch.setitem(TRACKERS._loaded, "notes", missing)
    with pytest.raises(UserError, match="notes needs the package not_there_at_all: pip install not-there"):
        train(toy(tracking__trackers=["notes"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match=r"tracking\.trackers is 'wandp', but must be one of .*did you mean 'wandb'"):
        toy(tracking__trackers=["wandp"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"project": "p"}, "tracking.project has no effect, since tracking.trackers names none"),
        ({"name": "n"}, "tracking.name has no effect, since tracking.trackers names none"),
        ({"trackers": ("wandb", "wandb")}, "tracking.trackers names wandb twice"),
        ({"trackers": ("wandb",), "project": " "}, "tracking.project is empty"),
    ],
)
def test_settings_without_a_meaning_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TrackingSettings(**settings)


def broken_off(recipe: Recipe, run: Path, monkeypatch: pytest.MonkeyPatch, *, resume: bool = False) -> None:
    """Train, and break off after iteration 5 without a further checkpoint."""
    from sceneparse.training import keep

    log = keep.Keeper.log

    def interrupted(self: Any, step: Any, seconds: float, waited: float) -> None:
        log(self, step, seconds, waited)
        if step.iteration == 4:
            raise TrainingStopped("now")

    with monkeypatch.context() as change:
        change.setattr(keep.Keeper, "log", interrupted)
        train(recipe, run, resume=resume)


def stopped_and_gone_on(
    toy: MakeRecipe, run: Path, tracker: str, monkeypatch: pytest.MonkeyPatch, **changes: object
) -> Path:
    """Train with a tracker, break off after iteration 5 of 6, and go on from iteration 4; another project is no use."""
    recipe = toy(tracking__trackers=[tracker], tracking__name="tried", **changes)
    with pytest.raises(TrainingStopped):
        broken_off(recipe, run, monkeypatch)
    return train(replace(recipe, tracking=replace(recipe.tracking, project="elsewhere")), run, resume=True)


def identity(run: Path, tracker: str) -> str:
    return str(json.loads((run / FILE).read_text())[tracker]["identity"])


def records(file: Path) -> Iterator[bytes]:
    """The records of a file of W&B: LevelDB's log format behind 7 bytes (blocks of 32 KiB; checksum, length, type)."""
    data, at, whole = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (left := -at % 32768) < 7 and left:
            at += left
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        whole += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last piece
            yield whole
            whole = b""


def test_wandb_offline(toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is an extra of its own")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = stopped_and_gone_on(toy, tmp_path / "run", "wandb", monkeypatch)
    folders = sorted((run / "wandb").glob(f"offline-run-*-{identity(run, 'wandb')}"))
    points, names, codes = [], set(), []
    for file in (next(folder.glob("*.wandb")) for folder in folders):
        for data in records(file):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.HasField("run"):
                names.add((record.run.project, record.run.display_name))
            if record.HasField("exit"):
                codes.append(record.exit.exit_code)
            if record.HasField("history"):
                values = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
                points.append(int(values["_step"]))
                assert any(key.startswith("train/") for key in values)
    assert names == {("sceneparse", "tried")} and codes == [255, 0]
    assert points == [1, 2, 3, 4, 5, 6]


def test_wandb_without_a_key_is_refused_before_the_training(
    toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = pytest.importorskip("wandb", reason="wandb is an extra of its own")
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr(wandb, "login", lambda **_: False)
    with pytest.raises(UserError, match="wandb knows no key on this machine: `wandb login`, or WANDB_MODE=offline"):
        train(toy(tracking__trackers=["wandb"]), tmp_path / "run")


def test_mlflow_in_a_database(toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is an extra of its own")
    pytest.importorskip("sqlalchemy", reason="MLflow without its databases is installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    run = stopped_and_gone_on(toy, tmp_path / "run", "mlflow", monkeypatch)
    client = mlflow.MlflowClient()
    found = client.get_run(identity(run, "mlflow"))
    assert (found.info.run_name, found.info.status) == ("tried", "FINISHED")
    assert client.get_experiment(found.info.experiment_id).name == "sceneparse"
    assert found.data.params["training.iterations"] == "6"
    steps = {
        key: [one.step for one in client.get_metric_history(found.info.run_id, key)]
        for key in ("train/loss", "validation/mean_iou")
    }
    assert steps == {"train/loss": [1, 2, 3, 4, 5, 6], "validation/mean_iou": [3, 6]}


def test_trackio_on_this_machine(toy: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trackio", reason="trackio is installed by hand")
    from trackio import sqlite_storage, utils

    for module in (utils, sqlite_storage):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")
    run = stopped_and_gone_on(toy, tmp_path / "run", "trackio", monkeypatch)
    (file,) = (tmp_path / "trackio").glob("sceneparse*.db")
    with sqlite3.connect(file) as database:
        rows = database.execute("select run_name, step, metrics from metrics order by id").fetchall()
    assert {name for name, _, _ in rows} == {identity(run, "trackio")}
    points = [(step, json.loads(metrics)) for _, step, metrics in rows]
    assert [step for step, values in points if "train/loss" in values] == [1, 2, 3, 4, 5, 6]
    assert points[-1][1]["status"] == "finished"
