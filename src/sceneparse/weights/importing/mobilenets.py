"""The names of MobileNetV2's layers in checkpoints (Sandler et al., CVPR 2018, arXiv 1801.04381)."""

import re

from sceneparse.weights.importing.family import Names, Shapes

FIRST_BLOCKS = (1, 2, 4, 7, 11, 14, 17)
"""The index in `features` of the first block of each of timm's groups (the paper's table 2)."""

FLAT_FIRST = {"conv_dw": "0", "bn1": "1", "conv_pw": "3", "bn2": "4"}
FLAT = {"conv_pw": "0", "bn1": "1", "conv_dw": "3", "bn2": "4", "conv_pwl": "6", "bn3": "7"}
NESTED_FIRST = {"conv_dw": "0.0", "bn1": "0.1", "conv_pw": "1", "bn2": "2"}
NESTED = {"conv_pw": "0.0", "bn1": "0.1", "conv_dw": "1.0", "bn2": "1.1", "conv_pwl": "2", "bn3": "3"}


def mobilenetv2(prefix: str, *, flat: bool) -> Names:
    """Return the names of timm's MobileNetV2 in a `features` list with this prefix.

    Args:
        prefix: What stands before `features`, with its dot.
        flat: Whether the layers of a block are numbered in one row (the first PyTorch code and those made from it), or
            each convolution has a list of its own (torchvision).
    """
    first, later = (FLAT_FIRST, FLAT) if flat else (NESTED_FIRST, NESTED)

    def block(match: re.Match[str]) -> str:
        group, number, part = int(match[1]), int(match[2]), match[3]
        layers = first if group == 0 else later
        return f"{prefix}features.{FIRST_BLOCKS[group] + number}.conv.{layers[part]}."

    return [
        (r"^backbone\.body\.conv_stem\.", f"{prefix}features.0.0."),
        (r"^backbone\.body\.bn1\.", f"{prefix}features.0.1."),
        (r"^backbone\.body\.blocks\.(\d)\.(\d)\.(\w+)\.", block),
    ]


def is_mobilenetv2(shapes: Shapes, prefix: str, *, flat: bool) -> bool:
    """Return whether the keys with this prefix are those of a MobileNetV2 of width 1, as far as its features go."""
    expansion = f"{prefix}features.17.conv.{'0' if flat else '0.0'}.weight"
    projection = f"{prefix}features.17.conv.{'6' if flat else '2'}.weight"
    return shapes.get(expansion) == (960, 160, 1, 1) and shapes.get(projection) == (320, 960, 1, 1)
