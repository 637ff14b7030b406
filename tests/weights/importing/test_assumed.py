"""What an import assumes of a file that doesn't say it is said, with the setting that changes it."""

import pytest

from sceneparse.inference.protocol import resolve
from sceneparse.settings import BackboneSettings, NetworkSettings, ProtocolSettings
from sceneparse.settings.protocol import PROTOCOL_NAMES
from sceneparse.weights.importing.assumed import SIZES, assumed
from sceneparse.weights.importing.family import Recognition


def recognised(protocol: ProtocolSettings, *, says: bool = False) -> Recognition:
    return Recognition(
        BackboneSettings(), NetworkSettings(), 3, [], (), protocol=protocol, says_input=says, says_size=says
    )


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        (ProtocolSettings(), "pictures keep their own size"),
        (ProtocolSettings(resize="short", size=520), "the short side of pictures is brought to 520"),
        (ProtocolSettings("mmseg"), "the short side of pictures is brought to 512"),
        (ProtocolSettings("csail"), "short sides of 300 to 600"),
        (ProtocolSettings("semseg"), "the long side of pictures is brought to 512"),
        (ProtocolSettings("semseg", size=2048, window=(713, 713)), "the long side of pictures is brought to 2048"),
    ],
)
def test_the_size_that_is_assumed_is_said_until_one_is_given(protocol: ProtocolSettings, said: str) -> None:
    preprocessing, size = assumed(recognised(protocol), ())
    assert preprocessing.startswith("preprocessing: nothing in the file says it")
    assert size.startswith("protocol: nothing in the file says") and said in size
    assert assumed(recognised(protocol), ("protocol", "preprocessing")) == ()
    assert assumed(recognised(protocol, says=True), ()) == ()


def test_each_known_protocol_is_described_as_it_is() -> None:
    assert set(SIZES) == set(PROTOCOL_NAMES)
    for name, said in SIZES.items():
        protocol = resolve(ProtocolSettings(name, window=(64, 64) if name == "window" else None))
        if protocol.resize == "none":
            assert "own size" in said
        else:
            sides = [round(scale * protocol.size) for scale in protocol.scales]  # type: ignore[operator]
            assert str(min(sides)) in said and str(max(sides)) in said and protocol.resize in said
