import json
from typing import Any

import pytest

from sceneparse.errors import UserError
from sceneparse.inference import PRESETS, TestProtocol, resolve
from sceneparse.settings import ProtocolSettings
from sceneparse.settings.protocol import ProtocolName


def test_settings_override_the_known_protocol_and_nothing_else() -> None:
    protocol = resolve(ProtocolSettings("semseg", size=1024, flip=False))
    assert (protocol.size, protocol.flip) == (1024, False)
    assert (protocol.window, protocol.average, protocol.absent) == ((473, 473), "probabilities", "zero")
    assert resolve(ProtocolSettings("semseg")) == PRESETS["semseg"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (ProtocolSettings("window"), "protocol.window is not set"),
        (ProtocolSettings(resize="long"), "protocol.size is not set"),
        (ProtocolSettings(resize="none", size=512), "protocol.size has no effect"),
        (ProtocolSettings(size="auto"), "does not know the sizes"),
        (ProtocolSettings("mmseg", size="auto"), "the protocol resizes pictures itself"),
        (ProtocolSettings(resize="long", size="own"), "protocol.size is 'own', but protocol.resize is 'long'"),
        (ProtocolSettings("semseg", max_long=900), "protocol.max_long has no effect"),
        (ProtocolSettings("semseg", resize="none", size=900), "protocol.size has no effect"),
        (ProtocolSettings(stride=0.5), "protocol.stride has no effect"),
    ],
)
def test_values_that_do_not_fit_are_refused(settings: ProtocolSettings, words: str) -> None:
    with pytest.raises(UserError, match=words):
        resolve(settings)


def test_values_without_effect_are_dropped_so_that_equal_protocols_are_equal() -> None:
    protocol = resolve(ProtocolSettings("csail", resize="none"))
    assert (protocol.size, protocol.max_long, protocol.multiple) == (None, None, 1)


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        # semseg: round(long), round(long / side * other)
        ("semseg", (683, 512), [(512, 384)]),
        ("semseg", (300, 401), [(383, 512)]),
        # mmcv rescale_size((2048, 512)): int(side * scale + 0.5)
        ("mmseg", (683, 512), [(683, 512)]),
        ("mmseg", (100, 333), [(512, 1705)]),
        ("mmseg", (1024, 1025), [(512, 513)]),
        ("mmseg", (100, 500), [(410, 2048)]),
        # CSAIL: int(side * scale), then up to a multiple of 8
        ("csail", (683, 512), [(400, 304), (504, 376), (600, 456), (704, 528), (800, 600)]),
        ("csail", (200, 500), [(304, 752), (376, 944), (400, 1000), (400, 1000), (400, 1000)]),
        ("whole", (37, 53), [(37, 53)]),
    ],
)
def test_input_sizes_are_the_published_ones(
    name: ProtocolName, size: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    protocol = PRESETS[name]
    assert [protocol.input_size(size, scale) for scale in protocol.scales] == expected


def test_no_side_becomes_zero() -> None:
    assert TestProtocol(resize="long", size=8).input_size((1, 900), 1.0) == (1, 8)


def test_descriptions_tell_protocols_apart() -> None:
    assert PRESETS["whole"].describe() == ("whole: own size, whole picture, no mirror image, absent classes left out")
    assert PRESETS["semseg"].describe() == (
        "semseg: long side 512, windows 473x473 at stride 2/3, with mirror image, probabilities averaged, "
        "absent classes count as 0"
    )
    csail = PRESETS["csail"].describe()
    assert csail.startswith(
        "csail: short side 300, 375, 450, 525, 600 (long side at most 1000) rounded up to multiples"
    )
    window = resolve(ProtocolSettings("window", window=(64, 48), stride=0.4321))
    assert window.describe().startswith("window (changed): own size, windows 64x48 at stride 0.4321,")
    assert (
        resolve(ProtocolSettings("whole", scales=(0.5, 1.0)))
        .describe()
        .startswith("whole (changed): own size x 0.5, 1,")
    )


def test_a_changed_protocol_says_so() -> None:
    assert "(changed)" not in resolve(ProtocolSettings("window", window=(64, 64), stride=2 / 3)).describe()
    assert resolve(ProtocolSettings("window", window=(64, 64), stride=0.5)).describe().startswith("window (changed): ")
    assert resolve(ProtocolSettings("mmseg", absent="zero")).describe().startswith("mmseg (changed): ")


def test_both_sides_are_brought_to_a_square_whatever_the_pictures_shape() -> None:
    protocol = resolve(ProtocolSettings("whole", resize="square", size=512, scales=(1.0, 1.5)))
    assert protocol.input_size((300, 900), 1.0) == (512, 512) and protocol.input_size((900, 300), 1.5) == (768, 768)
    assert protocol.describe().startswith("whole (changed): both sides 512, 768, whole picture")
    with pytest.raises(UserError, match=r"protocol\.size is not set"):
        resolve(ProtocolSettings("whole", resize="square"))


def test_pictures_are_brought_to_a_height_and_a_width() -> None:
    protocol = resolve(ProtocolSettings("whole", resize="fixed", size=(96, 160), scales=(1.0, 1.5)))
    assert protocol.input_size((300, 900), 1.0) == (96, 160) and protocol.input_size((900, 300), 1.5) == (144, 240)
    assert protocol.describe().startswith("whole (changed): height x width 96x160, 144x240, whole picture")
    # Two numbers are enough, as one is for the short side.
    for name in ("whole", "mmseg", "csail"):
        alone = resolve(ProtocolSettings(name, size=(96, 160)))
        assert alone.input_size((300, 900), 1.0) == (96, 160) and alone.max_long is None
    assert json.loads(json.dumps(protocol.to_json()))["size"] == [96, 160]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"resize": "fixed"}, "size is not set"),
        ({"resize": "fixed", "size": 96}, "single side, but protocol.resize is 'fixed': set it to 'square'"),
        (
            {"resize": "short", "size": (96, 160)},
            "height and a width, but protocol.resize is 'short': set it to 'fixed'",
        ),
        ({"size": (96, 0)}, "must be at least 1"),
        ({"size": (96, 160, 3)}, "protocol.size is"),
    ],
)
def test_a_size_that_does_not_fit_the_resizing_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        resolve(ProtocolSettings("whole", **settings))


def test_antialiased_sides_are_rounded_down_as_torchvision_does() -> None:
    protocol = resolve(ProtocolSettings("whole", resize="short", size=512, antialias=True))
    for size in ((333, 500), (500, 375), (721, 1283), (3, 7), (1000, 1001)):
        short, long = sorted(size)
        assert sorted(protocol.input_size(size, 1.0)) == [512, 512 * long // short]
    assert protocol.describe().startswith("whole (changed): short side 512 antialiased, whole picture")
    with pytest.raises(UserError, match=r"protocol\.antialias has no effect, since .* nothing is resized"):
        resolve(ProtocolSettings("whole", antialias=True))
    assert resolve(ProtocolSettings("whole", antialias=True, scales=(0.5, 1.0))).antialias


def test_scores_that_are_resized_twice_are_said_and_only_where_there_are_any() -> None:
    protocol = resolve(ProtocolSettings("whole", resize="square", size=64, upsampling="twice"))
    assert "scores resized twice" in protocol.describe()
    for more in ({}, {"resize": "short", "size": 64, "window": (32, 32)}):
        with pytest.raises(UserError, match=r"protocol\.upsampling has no effect"):
            resolve(ProtocolSettings("whole", upsampling="twice", **more))  # type: ignore[arg-type]
