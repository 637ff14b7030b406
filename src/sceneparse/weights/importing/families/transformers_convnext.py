"""UperNet of Hugging Face transformers with a ConvNeXt (Liu et al., CVPR 2022, arXiv 2201.03545) as backbone."""

from dataclasses import replace

from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings
from sceneparse.weights.importing.families.transformers import DECODER, PROTOCOL, WHY, decoder
from sceneparse.weights.importing.families.transformers_config import GELU, refining
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes
from sceneparse.weights.importing.resnets import count_blocks

SIZES: dict[tuple[int, tuple[int, ...]], str] = {
    (96, (3, 3, 9, 3)): "convnext_tiny",
    (96, (3, 3, 27, 3)): "convnext_small",
    (128, (3, 3, 27, 3)): "convnext_base",
    (192, (3, 3, 27, 3)): "convnext_large",
    (256, (3, 3, 27, 3)): "convnext_xlarge",
}
"""timm's name by the width of the first stage and the number of blocks of each (section 3 of the paper)."""

BLOCK = {
    "gamma": "layer_scale_parameter",
    "conv_dw.": "dwconv.",
    "norm.": "layernorm.",
    "mlp.fc1.": "pwconv1.",
    "mlp.fc2.": "pwconv2.",
}

STAGES = "backbone.encoder.stages"
FEATURE_NORMS: Names = [
    (r"^norms\.(\d)\.", lambda m: f"backbone.hidden_states_norms.stage{int(m[1]) + 1}."),
]
NAMES: Names = [
    (r"^backbone\.body\.stem_0\.", "backbone.embeddings.patch_embeddings."),
    (r"^backbone\.body\.stem_1\.", "backbone.embeddings.layernorm."),
    (r"^backbone\.body\.stages_(\d)\.downsample\.", rf"{STAGES}.\1.downsampling_layer."),
    (
        r"^backbone\.body\.stages_(\d)\.blocks\.(\d+)\.(gamma|conv_dw\.|norm\.|mlp\.fc\d\.)",
        lambda m: f"{STAGES}.{m[1]}.layers.{m[2]}.{BLOCK[m[3]]}",
    ),
    *FEATURE_NORMS,
    *DECODER,
]


def convnext_named(shapes: Shapes, blocks: str, first: str) -> tuple[str, str]:
    """Return timm's name of a ConvNeXt, and what shows it.

    Args:
        shapes: A checkpoint's.
        blocks: What stands before the number of a block, with "{}" for the stage's number.
        first: The rest of the key of the first block's depthwise convolution.

    Raises:
        UserError: It has the width and the depths of none that was published.
    """
    width = shapes[f"{blocks.format(0)}{first}"][0]
    depths = tuple(count_blocks(shapes, blocks.format(stage)) for stage in range(4))
    shown = f"{', '.join(map(str, depths))} blocks, the first {width} wide"
    if (name := SIZES.get((width, depths))) is None:
        raise UserError(f"its stages have {shown}, as no published ConvNeXt has; there are {', '.join(SIZES.values())}")
    return name, shown


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise the names of transformers' UperNet over those of its ConvNeXt."""
    if f"{STAGES}.0.layers.0.dwconv.weight" not in shapes or (found := decoder(shapes)) is None:
        return None
    name, shown = convnext_named(shapes, f"{STAGES}.{{}}.layers.", "0.dwconv.weight")
    network, classes = found
    return Recognition(
        backbone=BackboneSettings(name, sides="cut"),
        network=replace(network, feature_norm=True),
        num_classes=classes,
        names=NAMES,
        why=(f"stages of {shown}: {name}", *WHY, "each feature is normalised over its channels"),
        protocol=PROTOCOL,
    )


FAMILY = Family(
    "UperNet of Hugging Face transformers, with a ConvNeXt", recognise, refine=refining({"hidden_act": GELU})
)
