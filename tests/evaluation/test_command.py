"""`evaluate_model`: under which protocol, and what is said of it."""

from pathlib import Path
from typing import Any

import pytest

from sceneparse.errors import UserError
from sceneparse.evaluation import Evaluation, evaluate_model
from sceneparse.settings import ProtocolSettings


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
