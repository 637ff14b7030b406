"""Recognise a ResNet in a checkpoint by its number of blocks and the layers of its blocks and stem."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sceneparse.errors import UserError
from sceneparse.weights.importing.family import Shapes

DEPTHS: dict[tuple[bool, tuple[int, ...]], int] = {
    (False, (2, 2, 2, 2)): 18,
    (False, (3, 4, 6, 3)): 34,
    (True, (2, 2, 2, 2)): 26,
    (True, (3, 4, 6, 3)): 50,
    (True, (3, 4, 23, 3)): 101,
    (True, (3, 8, 36, 3)): 152,
    (True, (3, 24, 36, 3)): 200,
}
"""Depth by whether blocks are bottlenecks and how many a stage has (He et al., CVPR 2016, table 1)."""


@dataclass(frozen=True)
class ResNet:
    """A ResNet, recognised by keys and shapes.

    Args:
        depth: Its number of layers.
        bottleneck: Whether its blocks have three convolutions.
        why: What the depth was read from, for people.
    """

    depth: int
    bottleneck: bool
    why: str

    def timm(self, letter: str = "") -> str:
        """Return its name in timm.

        Args:
            letter: The stem: none (7×7), "s" (64, 64, 128), "c" (32, 32, 64), "d" (as "c", and shortcuts are pooled
                before they are convolved).
        """
        return f"resnet{self.depth}{letter}"


def count_blocks(shapes: Shapes, stage: str) -> int:
    """Return the number of blocks whose keys begin with `stage` and a number.

    Args:
        shapes: The checkpoint.
        stage: What stands before a block's number, such as "layer1.".

    Raises:
        UserError: A number is left out.
    """
    numbers = {int(found[1]) for key in shapes if (found := re.match(rf"{re.escape(stage)}(\d{{1,3}})\.", key))}
    if numbers != set(range(len(numbers))):
        raise UserError(f"'{stage}' has no block {min(set(range(len(numbers))) - numbers)}: a part is missing")
    return len(numbers)


def find_resnet(
    shapes: Shapes,
    stage: Callable[[int], str] = lambda number: f"layer{number}.",
    last_convolution: str = "conv3.weight",
) -> ResNet:
    """Return the ResNet in a checkpoint that is known to hold one.

    Args:
        shapes: The checkpoint.
        stage: What stands before a block's number in stage 1 to 4.
        last_convolution: The convolution of a block that only bottlenecks have.

    Raises:
        UserError: Blocks are missing, or no published ResNet has that many.
    """
    blocks = tuple(count_blocks(shapes, stage(number)) for number in (1, 2, 3, 4))
    bottleneck = f"{stage(1)}0.{last_convolution}" in shapes
    depth = DEPTHS.get((bottleneck, blocks))
    kind = "bottlenecks" if bottleneck else "basic blocks"
    if depth is None:
        depths = [f"ResNet-{known}" for (bottlenecks, _), known in DEPTHS.items() if bottlenecks == bottleneck]
        raise UserError(
            f"its stages have {', '.join(map(str, blocks))} {kind}, as no published ResNet has; there are "
            f"{', '.join(depths)}"
        )
    return ResNet(depth, bottleneck, f"stages of {', '.join(map(str, blocks))} {kind}: ResNet-{depth}")


def stem_letter(shapes: Shapes, first: str, last: str) -> tuple[str, str] | None:
    """Return the letter of a ResNet's stem.

    Args:
        shapes: The checkpoint.
        first: Key of the stem's first convolution.
        last: Key of its third convolution, if it has three.

    Returns:
        The letter that `ResNet.timm` takes and the reason, for people; None if it is none of the known ones.
    """
    one, three = shapes.get(first, ()), shapes.get(last, ())
    if len(one) != 4:
        return None
    if one[0] == 64 and one[2:] == (7, 7) and not three:
        return "", "one 7×7 convolution as stem"
    if one[0] == 64 and one[2:] == (3, 3) and three[:2] == (128, 64):
        return "s", "a stem of three 3×3 convolutions (64, 64, 128)"
    if one[0] == 32 and one[2:] == (3, 3) and three[:2] == (64, 32):
        return "c", "a stem of three 3×3 convolutions (32, 32, 64)"
    return None


def narrower(width: int, usual: int) -> int | None:
    """Return a width as a setting: null where it equals the setting's default."""
    return None if width == usual else width
