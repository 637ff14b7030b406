"""What measures a model looks at the data before it makes the model ready, which may take a conversion."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sceneparse.diagnosing import calibrate_model, diagnose_model
from sceneparse.errors import UserError
from sceneparse.evaluation import evaluate_model
from sceneparse.inference import open_model as opening_room
from sceneparse.settings import ProtocolSettings
from tests.support.small import write_data_set


@pytest.fixture(autouse=True)
def _nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object) -> NoReturn:
        raise AssertionError("the model was opened")

    monkeypatch.setattr(opening_room, "_opened", opened)


@pytest.mark.parametrize("measure", [evaluate_model, diagnose_model, calibrate_model])
def test_data_that_are_not_there_or_of_other_classes_are_refused_first(
    measure: Callable[..., Any], tiny_run: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="no such folder"):
        measure(tiny_run, data=tmp_path / "nowhere", progress=False)
    data = write_data_set(tmp_path / "data")
    (data / "classes.json").write_text('{"names": ["night", "day"], "ignore": 255}')
    with pytest.raises(UserError, match="give data with the model's classes"):
        measure(tiny_run, data=data, progress=False)


def test_a_split_to_learn_from_and_a_protocol_are_checked_first(tiny_run: Path) -> None:
    data = tiny_run.parent / "data"
    with pytest.raises(UserError, match="name one with learn_split"):
        diagnose_model(tiny_run, data=data, learn_split="none", progress=False)
    with pytest.raises(UserError, match="stride has no effect"):
        evaluate_model(tiny_run, data=data, protocol=lambda _: ProtocolSettings(stride=0.5), progress=False)
