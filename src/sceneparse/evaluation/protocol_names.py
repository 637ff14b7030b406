"""Names for folders, of what a test's protocol has otherwise than the model's own."""

import hashlib
from collections.abc import Iterator

from sceneparse.inference import PRESETS, TestProtocol, resolve
from sceneparse.settings import LearntSizes, ProtocolSettings

LONGEST = 100
"""Characters of such a name at most; disks take 255 in all."""


def name_of_change(tested: TestProtocol, own: TestProtocol, sizes: LearntSizes | None) -> str:
    """Return what a protocol has otherwise than a model's own, as part of a folder's name; empty of the same protocol.

    Args:
        tested: The protocol of a test.
        own: The model's.
        sizes: The sizes that the model learnt from, where they count for what is tested.

    Returns:
        Such as "size-480", "scales-0.75_1-flip", "window-473x473" or "csail".
    """
    if tested == own:
        return ""
    words: list[str] = []
    base = own
    if tested.name != own.name:
        window = tested.window if tested.name == "window" else None
        words = [str(tested.name) if window is None else _in_pixels("window", window)]
        base = resolve(ProtocolSettings(tested.name, window=window), sizes)
    changes = "-".join([*words, *_changes(tested, base)]) or "changed"
    if len(changes) > LONGEST:
        return f"changed-{hashlib.sha256(changes.encode()).hexdigest()[:8]}"
    return changes


def _changes(tested: TestProtocol, base: TestProtocol) -> Iterator[str]:
    """What a protocol has otherwise than the one that it started from, in words for a folder's name."""
    size = [(one.resize, one.size, one.above) for one in (tested, base)]
    # Under windows pictures keep their size, whatever the model knows, if nothing else is asked for.
    by_window = tested.window is not None and base.window is None and base.above is not None
    resized = size[0] != size[1] and not (by_window and tested.resize == "none")
    if resized:
        yield _size(tested)
    if tested.max_long != base.max_long and tested.resize == "short":
        yield "no-max-long" if tested.max_long is None else f"max-long-{tested.max_long}"
    # What a size alone brings with it is not worth a word.
    usual = tested.resize != "none" and PRESETS[tested.name].resize == "none" if resized else base.antialias
    if tested.antialias != usual and tested.resize != "none":
        yield "antialias" if tested.antialias else "no-antialias"
    if tested.window != base.window:
        yield "no-window" if tested.window is None else _in_pixels("window", tested.window)
    if tested.stride != base.stride and tested.window is not None:
        yield f"stride-{tested.stride:g}"
    if tested.scales != base.scales:
        yield f"scales-{'_'.join(f'{scale:g}' for scale in tested.scales)}"
    for name in ("flip", "crf"):
        if getattr(tested, name) != getattr(base, name):
            yield name if getattr(tested, name) else f"no-{name}"
    for name in ("upsampling", "average", "blend", "absent"):
        if getattr(tested, name) != getattr(base, name):
            yield f"{name}-{getattr(tested, name)}"


def _size(protocol: TestProtocol) -> str:
    """A protocol's sizes as `--size` and `protocol.resize` say them."""
    if protocol.resize == "none":
        return "size-own"
    if protocol.above is not None:
        return "size-auto"
    size = protocol.size
    if isinstance(size, tuple):
        return _in_pixels("size", size)
    return f"{'size' if protocol.resize == 'short' else protocol.resize}-{size}"


def _in_pixels(name: str, size: tuple[int, int]) -> str:
    return f"{name}-{size[0]}x{size[1]}"
