"""`evaluate_model`: under which protocol, and what is said of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sceneparse.errors import UserError
from sceneparse.evaluation import Evaluation, evaluate_model
from sceneparse.evaluation.command import protocol_of
from sceneparse.labels import LabelSpace
from sceneparse.settings import DataSettings, LearntSizes, ProtocolSettings
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


def test_rasters_and_volumes_are_tested_at_their_own_size() -> None:
    config = brightest_parser(
        labels=LabelSpace(("a", "b", "c")), sizes=LearntSizes(short=8, largest=8, seen=(4, 9))
    ).config
    assert protocol_of(config, None, DataSettings()).above == 8
    for kind in ("geotiff", "nifti"):
        assert protocol_of(config, None, DataSettings(kind)).resize == "none"
