"""`evaluate_model`: under which protocol, and what is said of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sceneparse.comparing import compare_runs
from sceneparse.errors import UserError
from sceneparse.evaluation import Evaluation, command, evaluate_model
from sceneparse.evaluation.command import protocol_of
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings, LearntSizes, ProtocolSettings
from sceneparse.weights.run_folder import beside
from tests.support.brightest import brightest_parser


def evaluated(run: Path, out: Path, **options: Any) -> Evaluation:
    data = run.parent / "data"
    return evaluate_model(
        run / "model", data=data, out=out, engine="torch", device="cpu", **{"progress": False} | options
    )


def test_a_protocol_that_needs_the_sizes_is_resolved_with_the_models(tiny_run: Path, tmp_path: Path) -> None:
    usual = evaluated(tiny_run, tmp_path)
    for protocol in (ProtocolSettings(size="auto"), ProtocolSettings(max_long=2000)):
        assert (evaluated(tiny_run, tmp_path, protocol=protocol).counts == usual.counts).all()


def test_what_no_model_makes_right_is_said_before_the_model_is_looked_for() -> None:
    with pytest.raises(UserError, match="stride has no effect"):
        evaluate_model("no-such-model", protocol=ProtocolSettings(stride=0.5))


def with_sizes(run: Path, root: Path, **sizes: Any) -> Path:
    """The run with a model that learnt from other sizes."""
    shutil.copytree(run, root / "run")
    config = json.loads((root / "run" / "model" / "config.json").read_text())
    (root / "run" / "model" / "config.json").write_text(json.dumps(config | {"sizes": sizes}))
    (root / "data").symlink_to(run.parent / "data")
    return root / "run"


def test_pictures_far_from_what_was_learnt_are_told_in_one_line_with_their_number(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = with_sizes(tiny_run, tmp_path, short=400, largest=400, seen=[300, 500])
    evaluation = evaluated(run, tmp_path / "out", progress=True)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    pictures = len(evaluation.pictures)
    assert len(said) == 1
    assert f"warning: {pictures} of {pictures} pictures, such as {evaluation.pictures[0].name}: " in said[0]
    assert "but the model learnt from short sides of 300 to 500" in said[0]
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["doubt"] == evaluation.doubt
    assert evaluated(tiny_run, tmp_path / "near").doubt is None


def beside_each_other(tiny_run: Path, root: Path, *names: str) -> list[Path]:
    return [shutil.copytree(tiny_run / "model", root / "models" / name) for name in names]


def scored(model: str | Path, run: Path, what: str = "evaluation", **options: Any) -> dict[str, Any]:
    """What evaluating a model writes where nothing says where figures go."""
    evaluate_model(model, data=run.parent / "data", engine="torch", device="cpu", **{"progress": False} | options)
    found: dict[str, Any] = json.loads((beside(model, what) / "metrics.json").read_text())
    return found


def test_models_that_lie_beside_each_other_are_evaluated_beside_each_other(tiny_run: Path, tmp_path: Path) -> None:
    first, second = beside_each_other(tiny_run, tmp_path, "a", "b")
    scored(first, tiny_run)
    scored(second, tiny_run, "evaluation-flip", protocol=ProtocolSettings(flip=True))
    assert (
        "with mirror" not in json.loads((tmp_path / "models" / "a-evaluation" / "metrics.json").read_text())["protocol"]
    )
    changed = tmp_path / "models" / "b-evaluation-flip" / "metrics.json"
    assert "with mirror" in json.loads(changed.read_text())["protocol"]


def test_what_is_found_out_about_a_model_has_a_place_of_its_own(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    checkpoint = next((run / "checkpoints").glob("last-*.pt"))
    (tmp_path / "model.onnx").touch()
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(run / "model")
    assert {beside(source, "x").resolve() for source in (".", "..", run, run / "model", run / "checkpoints")} == {
        run / "x"
    }
    assert beside(checkpoint, "x") == run / f"{checkpoint.stem}-x"
    assert beside(tmp_path / "model", "x") == tmp_path / "model-x"
    assert beside(tmp_path / "model.onnx", "x") == tmp_path / "model.onnx-x"
    assert beside("owner/name", "x") == Path("owner-name-x")


def test_a_test_of_other_data_is_kept_beside_the_new_one_and_each_has_one_folder(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    first = scored(run, tiny_run)
    aside = run / "evaluation-before"
    assert scored(run, tiny_run)["mean_iou"] == first["mean_iou"] and not aside.exists()
    assert scored(run, tiny_run, split="val", progress=True)["split"] == "val"
    test = "folder test whole: own size"
    said = f"note: {run / 'evaluation'} held another test ({test}), which is in {aside} now\n"
    assert said in capsys.readouterr().err
    kept = json.loads((aside / "metrics.json").read_text())
    assert kept["split"] == first["split"] == "test" and (aside / "report.html").is_file()
    (aside / "remarks.txt").touch()
    for split, other in (("train", "test"), ("val", "test"), ("test", "val"), ("val", "test")):
        assert scored(run, tiny_run, split=split)["split"] == split
        assert json.loads((aside / "metrics.json").read_text())["split"] == other
        # What somebody wrote beside figures stays beside them.
        assert (aside / "remarks.txt").exists() == (other == "test")
    third = json.loads((run / "evaluation-before-2" / "metrics.json").read_text())
    assert third["split"] == "train" and not (run / "evaluation-before-3").exists()


def test_every_protocol_has_a_folder_whose_name_says_what_is_changed(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    for _ in range(2):
        for size in (40, 32):
            protocol = ProtocolSettings(size=size, flip=True)
            changed = scored(run, tiny_run, f"evaluation-size-{size}-flip", protocol=protocol)
            assert f"short side {size}" in changed["protocol"]
    assert len(list(run.glob("evaluation*"))) == 2


def test_figures_by_another_protocol_leave_the_standard_ones_to_compare(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    first = scored(run, tiny_run)
    scored(run, tiny_run, "evaluation-size-32", protocol=lambda own: own.at_size(32))
    scored(run, tiny_run, "evaluation-size-32-1", protocol=lambda own: own.at_size(32), count=1)
    assert scored(run, tiny_run, protocol=ProtocolSettings("whole"))["mean_iou"] == first["mean_iou"]
    (compared,) = compare_runs(run, progress=False).runs
    assert compared.evaluated is not None and compared.evaluated.protocol == first["protocol"]
    assert not list(run.glob("*-before"))


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_scored(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "evaluate", lambda *_, **__: pytest.fail("it was scored"))
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file: is a file; name a folder"):
        evaluated(tiny_run, tmp_path / "file")


def test_scores_are_printed_where_the_report_cannot_be_written(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise UserError("no room")

    monkeypatch.setattr(command, "write_report", fails)
    with pytest.raises(UserError, match="no room"):
        evaluated(tiny_run, tmp_path, progress=True)
    assert "pixel accuracy" in capsys.readouterr().out


def test_what_is_to_be_known_of_the_data_is_said_and_written_down(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = evaluated(tiny_run, tmp_path / "plain")
    assert plain.notes == () and "notes" not in json.loads((tmp_path / "plain" / "metrics.json").read_text())
    evaluated(tiny_run, tmp_path, split="val+train[:2]", progress=True)
    (note,) = json.loads((tmp_path / "metrics.json").read_text())["notes"]
    assert note.startswith("the model learnt from pictures of 'val+train[:2]' (it was trained on 'train')")
    assert f"note: {note}" in capsys.readouterr().err
    # Of a model outside of its run nobody knows which data those were.
    model = shutil.copytree(tiny_run / "model", tmp_path / "model")
    known: dict[str, Any] = {
        "data": tiny_run.parent / "data",
        "out": tmp_path / "out",
        "engine": "torch",
        "progress": False,
    }
    assert evaluate_model(model, split="train", **known).notes == ()
    facts = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (facts["precision"], facts["data_options"]) == (plain.facts and plain.facts.precision, {})
    assert facts["engine"].startswith("PyTorch")


def test_rasters_and_volumes_are_tested_at_their_own_size() -> None:
    config = brightest_parser(
        labels=LabelSpace(("a", "b", "c")), sizes=LearntSizes(short=8, largest=8, seen=(4, 9))
    ).config
    assert protocol_of(config, None, DataSettings()).above == 8
    for kind in ("geotiff", "nifti"):
        assert protocol_of(config, None, DataSettings(kind)).resize == "none"
