"""At which scale a picture is parsed, and what its user should know of that."""

from sceneparse.arguments import argument
from sceneparse.inference.protocol import TestProtocol
from sceneparse.settings import LearntSizes

FAR = 1.5
"""A picture is far from what was learnt if its short side is so many times beyond 9 of 10 training pictures.

A short side that somebody has asked for (`--size 720`) is so as soon as it is beyond them.
"""

MUCH = 4
"""How many times a picture must be reduced that its user is told what is lost."""


def doubt_of(protocol: TestProtocol, sizes: LearntSizes, size: tuple[int, int]) -> str | None:
    """Return what is to be said of a picture whose size is far from those that a model learnt from; None of others.

    Args:
        protocol: How it is tested.
        sizes: What the model learnt from.
        size: Its height and width.
    """
    if sizes.short is None or sizes.seen is None:
        return None
    tested, own = min(protocol.tested_size(size)), min(size)
    low, high = sizes.seen
    learnt = f"the model learnt from short sides of {low}"
    learnt += f" to {high}, most of about {sizes.short}" if low < high else ""
    shown = f"{size[1]:,}×{size[0]:,} pixels"
    asked_for = protocol.resize == "short" and protocol.above is None and tested == protocol.size
    far = 1 if asked_for else FAR
    if not low / far <= tested <= high * far:
        doing = "are parsed as they are" if tested == own else f"are parsed at short side {tested}"
        pieces = " unless these were pieces of such pictures" if tested == own > high else ""
        return f"{shown} {doing}, but {learnt}: expect a worse answer{pieces}{_other_size(protocol, sizes.short, size)}"
    if own >= MUCH * tested:
        lost = f"things of less than some {4 * round(own / tested)} pixels are lost"
        if protocol.above is None:  # somebody has chosen this side, perhaps on the advice above
            return f"{shown} are parsed at short side {tested}: {lost}"
        # Only of a size that it has seen, as when `data.camera` says that its pictures were pieces of such ones.
        kept = f"; {size_argument('own')} keeps them, at a size that it learnt from, too" if own <= high else ""
        return f"{shown} are parsed at short side {tested}, as the model learnt: {lost}{kept}"
    return None


def size_argument(value: str | int) -> str:
    """Return how a message names the size at which pictures are parsed: as an option, or as a setting in Python."""
    return argument("protocol.size", value, option=f"--size {value}")


def _other_size(protocol: TestProtocol, short: int, size: tuple[int, int]) -> str:
    """How a message advises to bring a picture's short side to the one that was learnt, where one number does that."""
    if protocol.resize == "fixed":
        return ""
    side = round(short * max(size) / min(size)) if protocol.resize == "long" else short
    return f", or parse with {size_argument(side)}"
