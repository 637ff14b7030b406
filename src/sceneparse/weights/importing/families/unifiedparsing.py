"""The unified UPerNet of the paper's authors (github.com/CSAILVision/unifiedparsing, models/models.py)."""

from sceneparse.errors import UserError
from sceneparse.settings import (
    BackboneSettings,
    NetworkSettings,
    ProtocolSettings,
    TaskSettings,
)
from sceneparse.weights.importing.families.csail import DROPPED, NORM_MOMENTUM, RESNET, bgr_preprocessing, stem_to_rgb
from sceneparse.weights.importing.family import Family, Names, Recognition, Shapes, layer
from sceneparse.weights.importing.resnets import count_blocks, find_resnet, narrower, stem_letter

# fmt: off
BRODEN_PARTS = (
    2, 24, 15, 2, 11, 10, 2, 11, 13, 2, 8, 6, 9, 10, 9, 10, 4, 3, 2, 5, 11, 11, 2, 4, 2, 10, 2, 4, 5, 5, 2, 4, 10, 10,
    9, 2, 6, 3, 2, 8, 6, 3, 6, 3, 5, 3, 2, 3, 4, 10, 4, 6, 3, 4, 2, 3, 6, 8, 5, 6, 4, 10, 10, 2, 3, 4, 3, 3, 2, 8, 2,
    2, 3, 3, 2, 2, 2,
)
# fmt: on
"""Broden+'s parts of each of the 77 objects that have some, "no part" included (object_part_hierarchy.csv's order)."""

NAMES: Names = [
    *RESNET,
    *layer(r"pyramid\.branches\.(\d+)", r"decoder.ppm_conv.\1.0.", r"decoder.ppm_conv.\1.1."),
    *layer("top", "decoder.ppm_last_conv.0.", "decoder.ppm_last_conv.1."),
    *layer(r"laterals\.(\d)", r"decoder.fpn_in.\1.0.", r"decoder.fpn_in.\1.1."),
    *layer(r"levels\.(\d)", r"decoder.fpn_out.\1.0.0.", r"decoder.fpn_out.\1.0.1."),
    *layer("fusion", "decoder.conv_fusion.0.", "decoder.conv_fusion.1."),
    *layer(r"(object|part|material|scene)_head\.layer", r"decoder.\1_head.0.0.", r"decoder.\1_head.0.1."),
    (r"^(object|part|material)_head\.classifier\.", r"decoder.\1_head.1."),
    (r"^scene_head\.classifier\.", "decoder.scene_head.2."),
]


def recognise(shapes: Shapes) -> Recognition | None:
    """Recognise a pair: a ResNet with a deep stem under encoder; a feature pyramid and task heads under decoder."""
    stem = stem_letter(shapes, "encoder.conv1.weight", "encoder.conv3.weight")
    objects = shapes.get("decoder.object_head.1.weight", ())
    if stem is None or len(objects) != 4 or "decoder.conv_fusion.0.weight" not in shapes:
        return None
    if (grids := count_blocks(shapes, "decoder.ppm_conv.")) != 4:
        raise UserError(f"its pyramid has {grids} grids; only the release's four (1, 2, 3, 6) are known")
    resnet = find_resnet(shapes, lambda number: f"encoder.layer{number}.")
    scenes, parts, materials = (
        shapes.get(f"decoder.{key}.weight", (0,))[0] for key in ("scene_head.2", "part_head.1", "material_head.1")
    )
    channels = objects[1]
    return Recognition(
        backbone=BackboneSettings(resnet.timm(stem[0])),
        network=NetworkSettings(
            architecture="upernet_unified",
            channels=channels,
            branch_channels=narrower(shapes["decoder.ppm_conv.0.0.weight"][0], channels),
            pool="precise",
            resize_first=True,
            aux=False,
            dropout=0.0,
            norm_momentum=NORM_MOMENTUM,
            align_corners=False,
            tasks=TaskSettings(
                scenes=scenes,
                parts=_blocks(parts),
                materials=materials,
                scene_head="convolution" if scenes else "linear",
            ),
        ),
        num_classes=objects[0],
        names=NAMES,
        why=(
            "conv_fusion and heads for several tasks under decoder: the unified UPerNet",
            f"{resnet.why}, {stem[1]}",
            f"{objects[0]} objects, {scenes} scenes, {parts} part channels, {materials} materials",
            "the release pools precisely, resizes pooled maps before reducing them, and takes BGR in 0..255",
        ),
        preprocessing=bgr_preprocessing(),
        protocol=ProtocolSettings("csail"),
        dropped=DROPPED,
    )


def _blocks(channels: int) -> tuple[int, ...]:
    """Return how the part head's channels are divided among objects, which no key says."""
    if channels in (0, sum(BRODEN_PARTS)):
        return BRODEN_PARTS if channels else ()
    raise UserError(
        f"its part head has {channels} channels; only Broden+'s {sum(BRODEN_PARTS)} "
        f"({len(BRODEN_PARTS)} objects with parts) are known"
    )


FAMILY = Family(
    "the unified UPerNet of CSAIL's unifiedparsing (scene, object, part, material)",
    recognise,
    stem_to_rgb,
)
