"""At which size a picture is tested whose model knows the sizes that it learnt from."""

import pytest
import torch

from sceneparse.inference import TestProtocol, resolve
from sceneparse.inference.scoring import label, predict
from sceneparse.settings import LearntSizes, ProtocolSettings
from tests.support.brightest import BrightestChannel

LEARNT = LearntSizes(short=360, largest=400, seen=(190, 700))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((360, 480), (360, 480)),
        ((400, 900), (400, 900)),  # as large as what was learnt from
        ((401, 900), (360, 807)),
        ((3000, 4000), (360, 480)),
        ((4000, 3000), (480, 360)),
        ((120, 4000), (120, 4000)),  # a short side that is small, whatever the long one
    ],
)
def test_larger_pictures_are_tested_at_the_learnt_size_and_others_at_their_own(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    protocol = resolve(ProtocolSettings(), LEARNT)
    assert protocol.tested_size(size) == expected
    assert protocol.keeps(size) == (size == expected)
    assert resolve(ProtocolSettings(size="auto"), LEARNT) == protocol


def test_scales_are_multiples_of_what_the_picture_is_tested_at() -> None:
    protocol = resolve(ProtocolSettings(scales=(0.5, 1.0)), LEARNT)
    assert [protocol.input_size((3000, 4000), scale) for scale in protocol.scales] == [(180, 240), (360, 480)]
    assert [protocol.input_size((200, 300), scale) for scale in protocol.scales] == [(100, 150), (200, 300)]
    assert protocol.antialiases((3000, 4000))
    assert not protocol.antialiases((200, 300))  # as figures were always made


@pytest.mark.parametrize(
    "settings",
    [
        ProtocolSettings(size="own"),
        ProtocolSettings(resize="none"),
        ProtocolSettings("window", window=(473, 473)),
        ProtocolSettings(window=(473, 473)),
    ],
)
def test_own_sizes_and_windows_resize_nothing(settings: ProtocolSettings) -> None:
    assert resolve(settings, LEARNT).tested_size((3000, 4000)) == (3000, 4000)


@pytest.mark.parametrize("name", ["semseg", "mmseg", "csail"])
def test_protocols_of_papers_stay_what_they_are(name: str) -> None:
    settings = ProtocolSettings(name)  # type: ignore[arg-type]
    assert resolve(settings, LEARNT) == resolve(settings)


def test_windows_slide_over_the_learnt_size_where_that_is_asked_for() -> None:
    protocol = resolve(ProtocolSettings("window", window=(128, 128), size="auto"), LEARNT)
    assert (protocol.tested_size((3000, 4000)), protocol.window) == ((360, 480), (128, 128))


def test_a_number_is_the_short_side_of_every_picture() -> None:
    protocol = resolve(ProtocolSettings(size=512), LEARNT)
    assert [protocol.tested_size(size) for size in ((1024, 2048), (256, 256))] == [(512, 1024), (512, 512)]
    assert resolve(ProtocolSettings(size=512)) == protocol  # whether sizes are known or not
    assert resolve(ProtocolSettings("semseg", size=1024)).resize == "long"


def test_own_undoes_the_resizing_of_a_known_protocol() -> None:
    protocol = resolve(ProtocolSettings("mmseg", size="own"), LEARNT)
    assert (protocol.resize, protocol.size, protocol.max_long) == ("none", None, None)


def test_descriptions_say_what_is_done() -> None:
    assert resolve(ProtocolSettings(), LEARNT).describe() == (
        "whole: own size up to short side 400, above it short side 360 antialiased, whole picture, no mirror image, "
        "absent classes left out"
    )
    assert resolve(ProtocolSettings(size=512)).describe().startswith("whole (changed): short side 512 antialiased, ")
    assert resolve(ProtocolSettings(flip=True), LEARNT).describe().startswith("whole (changed): own size up to short")


def test_what_resizes_nothing_says_the_same_in_json_as_before() -> None:
    assert "above" not in resolve(ProtocolSettings()).to_json()
    assert resolve(ProtocolSettings(), LEARNT).to_json()["above"] == 400


def test_without_the_learnt_scale_a_protocol_is_that_of_a_model_that_knows_none() -> None:
    assert resolve(ProtocolSettings(flip=True), LEARNT).at_own_size() == resolve(ProtocolSettings(flip=True))
    assert resolve(ProtocolSettings("mmseg"), LEARNT).at_own_size() == resolve(ProtocolSettings("mmseg"))


@pytest.mark.parametrize("flip", [False, True])
def test_labels_come_at_the_pictures_own_size_however_much_smaller_it_was_read(flip: bool) -> None:
    # Halves of one colour each, so that reading it at a half changes nothing but the border between them.
    image = torch.zeros(3, 120, 200, dtype=torch.uint8)
    image[0, :, :100], image[2, :, 100:] = 200, 200
    protocol = resolve(ProtocolSettings(flip=flip), LearntSizes(short=30, largest=30, seen=(20, 60)))
    expected = predict(BrightestChannel(), image, protocol)
    assert expected.labels.shape == (120, 200)
    assert torch.equal(label(BrightestChannel(), image, protocol), expected.labels)
    assert expected.labels[:, :99].eq(0).all()
    assert expected.labels[:, 101:].eq(2).all()
    found = predict(BrightestChannel(), image[:, ::2, ::2], protocol, (120, 200))
    assert torch.equal(found.labels, expected.labels)
    torch.testing.assert_close(found.confidence, expected.confidence)


def test_the_network_sees_what_the_protocol_says() -> None:
    protocol = TestProtocol(scales=(0.5, 1.0), flip=True)
    assert protocol.seen_pixels((100, 200)) == (20_000, 2 * (5_000 + 20_000))
    assert resolve(ProtocolSettings(), LEARNT).seen_pixels((6000, 8000)) == (360 * 480, 360 * 480)
    windows = TestProtocol(window=(50, 50), stride=0.5)
    assert windows.seen_pixels((100, 200)) == (2_500, 80_000)
