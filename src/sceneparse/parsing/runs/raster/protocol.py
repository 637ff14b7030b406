"""Under which protocol a raster is parsed: it may be too large for the one that the model has."""

from dataclasses import replace

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.inference.protocol import TestProtocol

WHOLE = 2048 * 2048
"""Rasters of at most so many pixels are read whole where the protocol asks for it."""

WINDOW, STRIDE = 1024, 0.875
"""Windows of a larger raster where the protocol has none: large ones that overlap little, since what overlaps is
computed several times, and whose weights fall to their borders, where a window sees least around a pixel."""


def protocol_for(protocol: TestProtocol, size: tuple[int, int], shown: str) -> TestProtocol:
    """Return the protocol under which a raster is parsed.

    It is the given one if that has windows at the raster's own size, or the raster is small. A larger raster is never
    tested whole: it gets windows, blended by Hann weights. No raster is brought to a scale that pictures were learnt
    at: its own is that of the ground.

    Args:
        protocol: The protocol that was asked for.
        size: The raster's height and width.
        shown: What messages call the raster.

    Raises:
        UserError: The raster is large, and the protocol resizes it or has a CRF, which need all of it at once.
    """
    protocol = protocol.at_own_size()
    if streams(protocol) or size[0] * size[1] <= WHOLE:
        return protocol
    obstacle = (
        f"resizes pictures ({protocol.describe()})"
        if protocol.resize != "none"
        else f"tests them at scales {', '.join(f'{scale:g}' for scale in protocol.scales)}"
        if protocol.scales != (1.0,)
        else "has a CRF"
        if protocol.crf
        else None
    )
    if obstacle:
        another = argument(
            "protocol=ProtocolSettings('window', window=(512, 512))", option="--protocol window --window 512 512"
        )
        raise UserError(
            f"{shown}: {size[1]:,}×{size[0]:,} pixels are parsed in windows at the raster's own size, but the protocol "
            f"'{protocol.name}' {obstacle}: give {another}"
        )
    return replace(protocol, window=(WINDOW, WINDOW), stride=STRIDE, blend="hann")


def streams(protocol: TestProtocol) -> bool:
    """Return whether a protocol needs a few rows of windows at a time, not the whole picture."""
    return protocol.window is not None and protocol.resize == "none" and protocol.scales == (1.0,) and not protocol.crf
