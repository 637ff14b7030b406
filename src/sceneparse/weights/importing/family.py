"""What a family of checkpoints is, and what one of its files was recognised as."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings

Shapes = Mapping[str, tuple[int, ...]]
"""A checkpoint's keys, without the prefix that DataParallel puts before them, and the shapes of its tensors."""

Names = Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]
"""Our state-dict keys to a family's: the first pattern found in ours is replaced, as `re.sub` does."""

Adapt = Callable[[dict[str, Tensor]], dict[str, Tensor]]
"""Changes a checkpoint's values."""


class UngivenError(UserError):
    """A setting must be given for a checkpoint to be imported."""


@dataclass(frozen=True)
class OpenSetting:
    """A setting that neither keys nor anything else in a file tells, so that it was taken to be what is usual.

    Args:
        name: The setting, such as "network.align_corners"; "protocol" stands for all of that group.
        readings: What it was taken for and what else it may be, for people.
        must: Whether it must be given, since what the file says contradicts itself, or nothing can be assumed.
    """

    name: str
    readings: str
    must: bool = False


@dataclass(frozen=True)
class Recognition:
    """What a checkpoint holds, recognised by its keys and shapes, and by what its file says beside them.

    Args:
        backbone: The feature extractor.
        network: The network on top of it.
        num_classes: Channels of the classifier, which is the number of classes; a single one is a sigmoid's.
        names: Our state-dict keys to theirs.
        why: The facts that decided it, for people: "layer3 has 23 blocks: ResNet-101".
        preprocessing: What the network saw of a picture.
        protocol: How the family tests.
        dropped: Patterns of their keys that are not used, with the reason of each.
        open: Settings that were taken to be what is usual; a user is warned of each that was not given.
        adapt: Changes values as `Family.adapt` does, and after it, where the file says so.
        found: What else the family's `refine` needs of what was recognised.
        says_input: Whether `preprocessing` is known of the very file, not only usual.
        says_size: The same of `protocol`.
        threshold: Of a sigmoid, the probability above which a pixel is the class's; None where nothing says.
    """

    backbone: BackboneSettings
    network: NetworkSettings
    num_classes: int
    names: Names
    why: tuple[str, ...]
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    protocol: ProtocolSettings = field(default_factory=ProtocolSettings)
    dropped: tuple[tuple[str, str], ...] = ()
    open: tuple[OpenSetting, ...] = ()
    adapt: Adapt | None = None
    found: object = None
    says_input: bool = False
    says_size: bool = False
    threshold: float | None = None


@dataclass(frozen=True)
class Family:
    """Checkpoints of one kind that a published code base writes; `families/table.py` names them.

    Args:
        summary: Whose files these are, in a line.
        recognise: What a checkpoint with these keys and shapes is; None if it is none of this family.
        adapt: Changes values that mean something else than ours (BGR stems, other orders of channels), before they
            are renamed. None changes nothing.
        asked_only: Whether it is tried only when it is named: its files look like another family's.
        folder: Of such a family, what the name of a pair's folder begins with where it is meant; "" for nothing.
        refine: What a file says beside its weights: changes what its keys and shapes were recognised as, given the
            file's `meta` and its name. None leaves it.
    """

    summary: str
    recognise: Callable[[Shapes], Recognition | None]
    adapt: Adapt | None = None
    asked_only: bool = False
    refine: Callable[[Recognition, Mapping[str, Any], str], Recognition] | None = None
    folder: str = ""


def theirs(name: str, names: Names) -> str:
    """Translate one of our keys into the family's; a key that no pattern is found in stays."""
    for pattern, other in names:
        renamed, count = re.subn(pattern, other, name)
        if count:
            return renamed
    return name


def layer(ours: str, conv: str, norm: str) -> Names:
    """Return the names of a `ConvNormReLU`, convolution and batch norm; `ours` is a pattern without its last dot."""
    return [(rf"^{ours}\.conv\.", conv), (rf"^{ours}\.norm\.", norm)]


def head(ours: str, conv: str, norm: str, classifier: str) -> Names:
    """Return the names of a `Head`: convolution, batch norm, classifier; `ours` is a pattern without its last dot."""
    return [*layer(rf"{ours}\.layer", conv, norm), (rf"^{ours}\.classifier\.", classifier)]
