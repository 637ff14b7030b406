"""How `peers.py` compares times that were taken in turns."""

from collections.abc import Iterable

from sceneparse.benching.timing import Quartiles


def ratio(times: Iterable[float], reference: Iterable[float]) -> Quartiles:
    """How many times as long: of times to the reference's times in the same rounds."""
    return Quartiles.of(one / other for one, other in zip(times, reference, strict=True))
