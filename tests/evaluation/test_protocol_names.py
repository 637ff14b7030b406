"""What folders are called in which figures by another protocol than the model's lie."""

from typing import Any

import pytest

from sceneparse.evaluation.protocol_names import LONGEST, name_of_change
from sceneparse.inference import resolve
from sceneparse.settings import LearntSizes, ProtocolSettings

SIZES = LearntSizes(short=360, largest=400, seen=(300, 500))


def changed(own: ProtocolSettings, tested: ProtocolSettings, sizes: LearntSizes | None = None) -> str:
    return name_of_change(resolve(tested, sizes), resolve(own, sizes), sizes)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, ""),
        ({"size": 480}, "size-480"),
        ({"size": (480, 640)}, "size-480x640"),
        ({"resize": "square", "size": 480, "antialias": True}, "square-480"),
        ({"resize": "long", "size": 480}, "long-480-no-antialias"),
        ({"size": 480, "max_long": 900}, "size-480-max-long-900"),
        ({"flip": True}, "flip"),
        ({"scales": (0.75, 1.0)}, "scales-0.75_1"),
        ({"scales": (0.75, 1.0), "flip": True, "average": "probabilities"}, "scales-0.75_1-flip-average-probabilities"),
        ({"window": (473, 473), "stride": 0.5, "blend": "hann"}, "window-473x473-stride-0.5-blend-hann"),
        ({"crf": True, "absent": "zero"}, "crf-absent-zero"),
        ({"name": "csail"}, "csail"),
        ({"name": "csail", "flip": True, "size": 300}, "csail-size-300-flip"),
        ({"name": "window", "window": (64, 80)}, "window-64x80"),
    ],
)
def test_the_name_says_what_is_changed(settings: dict[str, Any], name: str) -> None:
    assert changed(ProtocolSettings(), ProtocolSettings(**settings)) == name


def test_the_name_is_about_what_a_model_does_itself() -> None:
    own = ProtocolSettings("csail", flip=True)
    assert changed(own, ProtocolSettings("csail")) == "no-flip"
    assert changed(own, ProtocolSettings("semseg", window=(64, 64))) == "semseg-window-64x64"
    known = ProtocolSettings()
    assert changed(known, known.at_size("auto"), SIZES) == ""
    assert changed(known, known.at_size("own"), SIZES) == "size-own"
    assert changed(known, known.at_size(480), SIZES) == "size-480"
    assert changed(known, ProtocolSettings(window=(64, 64)), SIZES) == "window-64x64"
    assert changed(known.at_size(480), ProtocolSettings(), SIZES) == "size-auto"
    assert changed(own, ProtocolSettings(), SIZES) == "whole"


def test_a_name_has_room_on_every_disk() -> None:
    names = {changed(ProtocolSettings(), ProtocolSettings(scales=tuple(range(1, n)))) for n in (60, 61)}
    assert len(names) == 2 and all(len(name) < LONGEST and name.startswith("changed-") for name in names)
