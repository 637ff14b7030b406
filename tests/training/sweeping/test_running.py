"""Running a sweep: what is done, left alone, refused and reported."""

import io
import json
import os
import signal
import subprocess
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.evaluation import evaluate_model
from sceneparse.inference import resolve
from sceneparse.processes.machine import SHARED_BY, usable_cores
from sceneparse.recipes.sweep import Sweep
from sceneparse.settings import ProtocolSettings
from sceneparse.training.sweeping import examples, running
from sceneparse.training.sweeping.figures import figures_of, finished
from sceneparse.training.sweeping.one import TESTS, run_one
from sceneparse.training.sweeping.running import list_runs
from tests.support import forked
from tests.support.forked import COMMAND, started
from tests.support.together import ONE_THREAD

ROWS = [{"name": "narrow"}, {"name": "broken", "backbone": {"weights": "missing.pth"}}, {"name": "wide"}]


def alike(start: type) -> types.SimpleNamespace:
    """What stands in for the module `subprocess`, with this in place of `Popen`."""
    return types.SimpleNamespace(Popen=start, PIPE=subprocess.PIPE, STDOUT=subprocess.STDOUT)


def test_a_failed_run_is_named_the_others_go_on_and_what_is_finished_is_left_alone(
    small_sweep: Callable[..., Sweep],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    small_sweep(rows=[ROWS[1], ROWS[2]])
    out = tmp_path / "out"
    words = ["sweep", str(tmp_path / "tiny.yaml"), "--out", str(out), "--processes", "2"]
    monkeypatch.setattr(running, "subprocess", alike(forked.Popen))
    assert main(words) == 1
    printed = capfd.readouterr()
    assert "failed: broken, seed 0: backbone.weights: no file missing.pth" in printed.out
    assert "broken, seed 0: FAILED" in printed.err and "[1/2]" in printed.err
    summary = json.loads((out / "summary.json").read_text())
    assert summary["finished"] == 1 and list(summary["failed"]) == ["broken, seed 0"]
    assert [row["seeds"] for row in summary["tests"]["test"]] == [[], [0]]
    for name in (
        "summary.md",
        "summary.csv",
        "summary.png",
        "wide/seed0/model/model.safetensors",
        "wide/seed0/log.txt",
    ):
        assert (out / name).is_file(), name
    trained = (out / "wide" / "seed0" / TESTS).stat().st_mtime_ns
    asked: list[str] = []

    class Request(io.StringIO):
        def close(self) -> None:
            asked.append(self.getvalue())
            super().close()

    class Failing:
        """A run that fails at once."""

        def __init__(self, *_: object, **__: object) -> None:
            self.stdin = Request()

        def poll(self) -> int:
            return 2

    monkeypatch.setattr(running, "subprocess", alike(Failing))
    assert main(words) == 1  # the broken one is tried again, and that one alone
    assert len(asked) == 1 and str(Path("broken", "seed0")) in asked[0]
    assert "2 runs, 1 of them finished before" in capfd.readouterr().err
    assert (out / "wide" / "seed0" / TESTS).stat().st_mtime_ns == trained


def test_a_finished_run_is_tested_again_for_a_new_test_but_not_trained_again(
    small_sweep: Callable[..., Sweep], tmp_path: Path
) -> None:
    run = small_sweep(rows=[{"name": "only"}]).runs()[0]
    run_one(run.recipe, run.row.tests, tmp_path / "run")
    weights = (tmp_path / "run" / "model" / "model.safetensors").stat().st_mtime_ns
    more = small_sweep(rows=[{"name": "only"}], tests={"test": {}, "mirrored": {"flip": True}}).runs()[0]
    run_one(more.recipe, more.row.tests, tmp_path / "run")
    found = json.loads((tmp_path / "run" / TESTS).read_text())
    assert set(found) == {"test", "mirrored"} and "with mirror image" in found["mirrored"]["protocol"]
    assert len(found["test"]["picture_mean_ious"]) == 3
    assert (tmp_path / "run" / "model" / "model.safetensors").stat().st_mtime_ns == weights


def test_a_run_is_tested_as_evaluate_does_it_at_the_scale_that_its_model_knows(
    small_sweep: Callable[..., Sweep], tmp_path: Path
) -> None:
    # Every picture is larger than what is learnt from: half of its size.
    sweep = small_sweep(rows=[{"name": "only", "augmentation": {"crop": [16, 16], "scale": [0.25, 0.5]}}])
    run = sweep.runs()[0]
    run_one(run.recipe, run.row.tests, tmp_path / run.folder)
    found = json.loads((tmp_path / run.folder / TESTS).read_text())["test"]
    assert "above it short side" in found["protocol"]
    evaluation = evaluate_model(
        tmp_path / run.folder, data=run.recipe.data, engine="torch", device="cpu", progress=False
    )
    assert (found["protocol"], found["confusion"]) == (evaluation.protocol.describe(), evaluation.counts.tolist())
    assert finished(sweep, run, tmp_path) is not None
    # Figures of another split are no figures of what is to be tested now; earlier versions did not say it.
    assert (found["kind"], found["split"], found["folder"]) == ("folder", "val", run.recipe.data.root)
    for other in ({"split": "train"}, {"folder": "/data/other"}):
        (tmp_path / run.folder / TESTS).write_text(json.dumps({"test": found | other}))
        assert finished(sweep, run, tmp_path) is None
    earlier = {key: value for key, value in found.items() if key not in ("kind", "split", "folder", "data_options")}
    (tmp_path / run.folder / TESTS).write_text(json.dumps({"test": earlier}))
    assert finished(sweep, run, tmp_path) is not None
    assert figures_of(sweep, "test", tmp_path)[0].protocols == (found["protocol"],)
    # What an earlier version tested at the pictures' own size is tested again.
    earlier = {key: value for key, value in found.items() if key != "asked_protocol"}
    earlier["protocol"] = resolve(ProtocolSettings()).describe()
    (tmp_path / run.folder / TESTS).write_text(json.dumps({"test": earlier}))
    assert finished(sweep, run, tmp_path) is None


def test_scenes_are_drawn_of_rows_that_read_the_same_data_alike_and_stop_no_summary(
    small_sweep: Callable[..., Sweep],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    grey: dict[str, Any] = {
        "backbone": {"name": "resnet10t", "in_channels": 1},
        "preprocessing": {"mean": [0.5], "std": [0.5]},
    }
    rows = [{"name": "colour"}, {"name": "grey", **grey}, {"name": "wide", **grey, "network": {"channels": 16}}]
    sweep = small_sweep(rows=rows)
    for run in sweep.runs():
        run_one(run.recipe, run.row.tests, tmp_path / "out" / run.folder)
    titles: list[str] = []
    monkeypatch.setattr(examples, "write_picture_grid", lambda _, given, *__, **___: titles.extend(given))
    monkeypatch.setattr(examples, "_chosen", lambda *_: [0])
    examples.write_examples(sweep, tmp_path / "out")
    assert titles == ["picture", "truth", "grey", "wide"]

    def fails(*_: object) -> None:
        raise RuntimeError("of a picture")

    monkeypatch.setattr(running, "write_examples", fails)
    with pytest.raises(RuntimeError, match="of a picture"):
        running.run_sweep(sweep, tmp_path / "out")
    assert "wide" in capsys.readouterr().out and (tmp_path / "out" / "summary.md").is_file()


def test_a_dry_run_lists_the_runs_and_writes_nothing(
    small_sweep: Callable[..., Sweep], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_sweep(rows=[{"name": "one"}, {"name": "two"}], seeds=[0, 5])
    assert main(["sweep", str(tmp_path / "tiny.yaml"), "--dry-run", "--out", str(tmp_path / "out")]) == 0
    assert "two/seed5  to do" in capsys.readouterr().out and not (tmp_path / "out").exists()


class TestRefusals:
    def test_a_network_that_cannot_be_built_is_refused_before_anything_runs(
        self, small_sweep: Callable[..., Sweep], tmp_path: Path
    ) -> None:
        sweep = small_sweep(rows=[{"name": "good"}, {"name": "bad", "backbone": {"name": "resnet10tt"}}])
        with pytest.raises(UserError, match="row 'bad': backbone 'resnet10tt' is not a timm model"):
            list_runs(sweep, tmp_path / "out")

    def test_a_protocol_that_does_not_hold_together_is_refused_before_anything_runs(
        self, small_sweep: Callable[..., Sweep], tmp_path: Path
    ) -> None:
        sweep = small_sweep(rows=[{"name": "row"}], tests={"bad": {"stride": 0.5}})
        with pytest.raises(UserError, match=r"row 'row': protocol\.stride has no effect"):
            list_runs(sweep, tmp_path / "out")

    def test_a_group_of_a_class_that_the_data_do_not_have_is_refused_before_anything_runs(
        self, small_sweep: Callable[..., Sweep], tmp_path: Path
    ) -> None:
        renamed = {"name": "renamed", "data": {"classes": {"rename": {"dark": "black"}}}}
        sweep = small_sweep(rows=[{"name": "row"}, renamed])
        with pytest.raises(
            UserError, match=r"groups\.blocks: the data set of row 'renamed' has no class 'dark'; it has"
        ):
            list_runs(sweep, tmp_path / "out")
        with pytest.raises(UserError, match=r"row 'row' has no class 'brihgt' \(did you mean 'bright'\?\)"):
            list_runs(small_sweep(rows=[{"name": "row"}], groups={"blocks": ["brihgt"]}), tmp_path / "out")
        list_runs(small_sweep(rows=[renamed], groups={"blocks": ["black", "bright"]}), tmp_path / "out")

    def test_data_that_are_not_there_are_for_the_runs_to_miss(
        self, small_sweep: Callable[..., Sweep], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sweep = small_sweep(rows=[{"name": "row", "data": {"root": str(tmp_path / "nowhere")}}])
        list_runs(sweep, tmp_path / "out")
        assert "1 of them to do" in capsys.readouterr().out

    def test_a_size_that_the_training_is_going_to_know_is_not_refused(
        self, small_sweep: Callable[..., Sweep], tmp_path: Path
    ) -> None:
        row = {"name": "row", "protocol": {"size": "auto"}}
        list_runs(small_sweep(rows=[row], tests={"bound": {"max_long": 2000}}), tmp_path / "out")
        with pytest.raises(UserError, match=r"row 'row': protocol\.size is 'auto', but the model does not know"):
            list_runs(small_sweep(rows=[row | {"data": {"kind": "geotiff"}}]), tmp_path / "out")

    def test_a_folder_with_runs_of_other_settings_is_refused(
        self, small_sweep: Callable[..., Sweep], tmp_path: Path
    ) -> None:
        run = small_sweep(rows=[{"name": "row"}]).runs()[0]
        out = tmp_path / "out"
        run_one(run.recipe, run.row.tests, out / run.folder)
        changed = small_sweep(rows=[{"name": "row", "network": {"channels": 9}}])
        with pytest.raises(UserError, match=r"began with another recipe: network\.channels is 9 but was 8"):
            list_runs(changed, out)

    @pytest.mark.parametrize("count", ["0", "-1"])
    def test_no_processes_are_too_few(
        self, small_sweep: Callable[..., Sweep], tmp_path: Path, capsys: pytest.CaptureFixture[str], count: str
    ) -> None:
        small_sweep(rows=[{"name": "row"}])
        words = ["sweep", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "out"), "--processes", count]
        assert main(words) == 2
        assert "--processes is" in capsys.readouterr().err


def test_a_stopped_sweep_stops_its_runs_and_goes_on_from_there(
    small_sweep: Callable[..., Sweep], tmp_path: Path
) -> None:
    training = {"iterations": 4000, "checkpoint_every": 4000}
    sweep = small_sweep(rows=[{"name": "long"}, {"name": "never"}], set={"training": training})
    out = tmp_path / "out"
    words = ["sweep", str(tmp_path / "tiny.yaml"), "--out", str(out)]
    process = started(COMMAND, words, tmp_path / "said.out", ONE_THREAD)
    metrics = out / "long" / "seed0" / "metrics.jsonl"
    until = time.monotonic() + 120
    while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < until:
        time.sleep(0.1)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    process.join(timeout=120)
    assert process.exitcode == 130 and "stopped" in (tmp_path / "said.err").read_text()
    assert json.loads((out / "long" / "seed0" / "run.json").read_text())["status"] == "stopped"
    assert not (out / "never").exists()
    assert [_state(sweep, out, row) for row in ("long", "never")] == ["goes on", "to do"]


def _state(sweep: Sweep, out: Path, row: str) -> str:
    from sceneparse.training.sweeping.running import _state as state

    return state(sweep, next(run for run in sweep.runs() if run.row.name == row), out)


def test_runs_that_go_on_at_the_same_time_know_of_each_other(
    small_sweep: Callable[..., Sweep], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    sweep = small_sweep(rows=[{"name": "only"}])
    assert running._Slots(sweep, tmp_path, 1, [])._environment(0) == {}
    own = running._Slots(sweep, tmp_path, 3, [])._environment(0)
    assert own == {SHARED_BY: "3", "OMP_NUM_THREADS": str(max(1, usable_cores() // 3))}
