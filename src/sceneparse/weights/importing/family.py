"""The vocabulary of importing: what a family of checkpoints is, and what one of its files turned out to be."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from sceneparse.settings import BackboneSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings

Shapes = Mapping[str, tuple[int, ...]]
"""A checkpoint's keys, without the prefix that DataParallel puts before them, and the shapes of its tensors."""

Names = Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]
"""Our state-dict keys to a family's: the first pattern found in ours is replaced, as `re.sub` does."""


@dataclass(frozen=True)
class Recognition:
    """What a checkpoint is, from its keys and shapes alone.

    Args:
        backbone: The feature extractor.
        network: The network on top of it.
        num_classes: Number of classes.
        names: Our state-dict keys to theirs.
        why: The facts that decided it, for people: "layer3 has 23 blocks: ResNet-101".
        preprocessing: What the network saw of a picture.
        protocol: How the family tests.
        dropped: Patterns of their keys that are not used, with the reason of each.
    """

    backbone: BackboneSettings
    network: NetworkSettings
    num_classes: int
    names: Names
    why: tuple[str, ...]
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    protocol: ProtocolSettings = field(default_factory=ProtocolSettings)
    dropped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Family:
    """Checkpoints of one kind that a published code base writes; `families/table.py` names them.

    Args:
        summary: Whose files these are, in a line.
        recognise: What a checkpoint with these keys and shapes is; None if it is none of this family.
        adapt: Changes values that mean something else than ours (BGR stems, other orders of channels), before they
            are renamed. None changes nothing.
        asked_only: Whether it is tried only when it is named: its files look like another family's.
    """

    summary: str
    recognise: Callable[[Shapes], Recognition | None]
    adapt: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None
    asked_only: bool = False


def theirs(name: str, names: Names) -> str:
    """A family's key for one of ours; ours itself if no pattern is found in it."""
    for pattern, other in names:
        renamed, count = re.subn(pattern, other, name)
        if count:
            return renamed
    return name


def layer(ours: str, conv: str, norm: str) -> Names:
    """Names of a convolution and its batch norm (`ConvNormReLU`); `ours` is a pattern, without the last dot."""
    return [(rf"^{ours}\.conv\.", conv), (rf"^{ours}\.norm\.", norm)]


def head(ours: str, conv: str, norm: str, classifier: str) -> Names:
    """Names of a `Head`: its convolution, batch norm and classifier; `ours` is a pattern, without the last dot."""
    return [*layer(rf"{ours}\.layer", conv, norm), (rf"^{ours}\.classifier\.", classifier)]
