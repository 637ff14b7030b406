"""Recognise a Swin transformer in a checkpoint, and give its keys timm's names (Liu et al., ICCV 2021, 2103.14030)."""

from collections.abc import Mapping

from sceneparse.errors import UserError
from sceneparse.weights.importing.family import Names, Shapes
from sceneparse.weights.importing.resnets import count_blocks

SIZES: dict[tuple[int, tuple[int, ...], int], str] = {
    (96, (2, 2, 6, 2), 7): "swin_tiny_patch4_window7_224",
    (96, (2, 2, 18, 2), 7): "swin_small_patch4_window7_224",
    (128, (2, 2, 18, 2), 7): "swin_base_patch4_window7_224",
    (128, (2, 2, 18, 2), 12): "swin_base_patch4_window12_384",
    (192, (2, 2, 18, 2), 7): "swin_large_patch4_window7_224",
    (192, (2, 2, 18, 2), 12): "swin_large_patch4_window12_384",
}
"""timm's name by the width of the first stage, the blocks of each and the window's side (section 3.3 of the paper)."""

FEATURE_EPS = 1e-5
"""What the norms of the features add to the variance."""

INDEX = (r"\.relative_position_index$", "a table that follows from the window's side")
"""The key that every block has and nothing needs, and the reason."""

TABLE = "relative_position_bias_table"


def find_swin(shapes: Shapes, stages: str, attention: str) -> tuple[str, str] | None:
    """Return timm's name of a Swin transformer, and what shows it; None if there is none.

    Args:
        shapes: A checkpoint's.
        stages: What stands before the number of a stage.
        attention: What stands before what a block's attention has.

    Raises:
        UserError: Nobody published one of this size.
    """
    table = shapes.get(f"{stages}0.blocks.0.{attention}{TABLE}")
    if table is None:
        return None
    width = shapes[f"{stages}0.blocks.0.{attention}qkv.weight"][1]
    blocks = tuple(count_blocks(shapes, f"{stages}{stage}.blocks.") for stage in range(4))
    # The table has an entry for each distance across and down within a window.
    side = (round(table[0] ** 0.5) + 1) // 2
    shown = f"{', '.join(map(str, blocks))} blocks, the first {width} wide, and windows of {side}"
    if (name := SIZES.get((width, blocks, side))) is None:
        raise UserError(
            f"its stages have {shown}, as no published Swin transformer has; there are {', '.join(SIZES.values())}"
        )
    return name, shown


def swin_names(patches: str, norm: str, stages: str, block: Mapping[str, str]) -> Names:
    """Return the names of a Swin transformer that halves its maps at the end of stages.

    Args:
        patches: What stands before the convolution that cuts patches.
        norm: What stands before the norm behind it.
        stages: What stands before the number of a stage.
        block: Names in a block: of norm1, norm2, attn.qkv, attn.proj, mlp.fc1 and mlp.fc2, each with a dot behind it,
            and of attn.relative_position_bias_table.
    """
    return [
        (r"^backbone\.body\.patch_embed\.proj\.", patches),
        (r"^backbone\.body\.patch_embed\.norm\.", norm),
        # timm halves at the head of the next stage.
        (r"^backbone\.body\.layers_(\d)\.downsample\.", lambda m: f"{stages}{int(m[1]) - 1}.downsample."),
        (
            r"^backbone\.body\.layers_(\d)\.blocks\.(\d+)\.(norm\d\.|attn\.(?:qkv\.|proj\.|\w+)|mlp\.fc\d\.)",
            lambda m: f"{stages}{m[1]}.blocks.{m[2]}.{block[m[3]]}",
        ),
    ]
