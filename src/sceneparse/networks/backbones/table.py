"""The table of backbones, and making one by its name."""

from collections.abc import Sequence
from dataclasses import fields

from timm.models._features import FeatureGetterNet

from sceneparse.errors import UserError
from sceneparse.networks.backbones.base import Backbone, BackboneKind
from sceneparse.networks.backbones.plain_vit import PlainViT, is_plain
from sceneparse.networks.backbones.timm_models import natural_padding as timm_padding
from sceneparse.networks.backbones.timm_models import refuse_unknown, with_padding
from sceneparse.networks.backbones.timm_models import takes_padding as timm_takes_padding
from sceneparse.networks.backbones.timm_models import usual_padding as usual_timm_padding
from sceneparse.networks.backbones.timm_models import weights_repository as timm_repository
from sceneparse.networks.backbones.timm_pyramid import TimmPyramid, Variant
from sceneparse.settings.backbone import (
    Dilation,
    FinalNormOn,
    NeckName,
    Padding,
    ShortcutPool,
    Sides,
    Stage3End,
    StemActivation,
    StrideOn,
    Windows,
)
from sceneparse.tables import Table

BACKBONES: Table[BackboneKind] = Table(
    "backbones",
    {
        "squeezenet1_1_stride8": "sceneparse.networks.backbones.squeeze_dense:SQUEEZENET",
        "densenet121_stride8": "sceneparse.networks.backbones.squeeze_dense:DENSENET",
    },
    "sceneparse.networks.backbones.base:BackboneKind",
)
"""Backbones that are not timm's, by name; all other names are models of timm. Another package adds one by an entry
point of the group sceneparse.backbones."""


def make_backbone(
    name: str,
    *,
    output_stride: int = 32,
    dilation: Dilation = "first",
    padding: Padding | None = None,
    in_channels: int = 3,
    stages: int = 4,
    stem_activation: StemActivation = "own",
    stride_on: StrideOn = "3x3",
    stage3_end: Stage3End = "own",
    shortcut_pool: ShortcutPool = "own",
    windows: Windows = "own",
    sides: Sides = "padded",
    norm_eps: float | None = None,
    blocks: Sequence[int] | None = None,
    neck: NeckName | None = None,
    final_norm: bool = False,
    final_norm_on: FinalNormOn = "all",
    drop_path: float = 0.0,
) -> Backbone:
    """Make a backbone with random weights.

    Args:
        name: A timm model, or a key of `BACKBONES`.
        output_stride: 8, 16 or 32.
        dilation: Placement of the dilation, as the module `dilation` describes them.
        padding: "symmetric" (PyTorch) or "same" (TensorFlow: the odd row and column of a strided convolution's padding
            come last), which only timm models that know `pad_type` can have. None: symmetric where there is a choice.
        in_channels: Channels of the picture.
        stages: How many stages there are: 4, or fewer where later ones are not built (2 ends at stride 8).
        stem_activation: "own" is the model's; "relu" replaces the ReLU6 behind MobileNetV2's first convolution.
        stride_on: Which convolution of a bottleneck halves the picture: the 3×3 (torchvision) or the first 1×1 (He et
            al., CVPR 2016, and the Caffe models made after it).
        stage3_end: "own" is the model's; "next_block" takes stage 3's feature one block later (CSAIL's MobileNetV2).
        shortcut_pool: "own" is timm's: where a stage of a ResNet-D gave up its stride, its shortcut pools 2×2 at stride
            1; "none" leaves that out (mmsegmentation's ResNetV1d).
        windows: "own" is timm's; "padded" and "shifted" lay a Swin transformer's as in `swin_windows`, "masked" those
            of a Twins-SVT as in `twins_windows`.
        sides: What becomes of sides that are no multiples of what the model wants: "padded" pads the picture and cuts
            the maps back, "patches" pads what is cut into patches (Twins, plain ViTs), "cut" leaves out what fills no
            patch.
        norm_eps: What layer norms add to the variance; None is timm's.
        blocks: Of a plain ViT: which blocks' maps are taken; see `PlainViT`.
        neck: Of a plain ViT at output stride 32: what makes a pyramid of them, "multilevel" or "simple".
        final_norm: Of a plain ViT: whether the maps go through its final norm.
        final_norm_on: Which do: "all", or the "last" alone.
        drop_path: Probability of leaving out the last block for a picture in training, falling to 0 at the first.

    Raises:
        UserError: No such model, one without these strides, or one that cannot be dilated or padded as asked.
    """
    if output_stride not in (8, 16, 32):
        raise UserError(f"backbone {name}: output stride {output_stride} is not 8, 16 or 32")
    variant = Variant(
        dilation=dilation,
        padding=padding,
        stem_activation=stem_activation,
        stride_on=stride_on,
        stage3_end=stage3_end,
        shortcut_pool=shortcut_pool,
        windows=windows,
        sides=sides,
        norm_eps=norm_eps,
    )
    if name in BACKBONES:
        usual = Variant(padding=None if padding is None else "symmetric")
        asked = (stages, variant, blocks, neck, final_norm, final_norm_on, drop_path)
        return _as_it_is(name, output_stride, in_channels, asked == (4, usual, None, None, False, "all", 0.0))
    refuse_unknown(name, BACKBONES)
    options, sketch = with_padding(name, padding, in_channels, drop_path)
    if is_plain(sketch):
        assert isinstance(sketch, FeatureGetterNet)
        _refuse_variants(name, variant, stages)
        return PlainViT(
            name,
            output_stride=output_stride,
            in_channels=in_channels,
            blocks=blocks,
            neck=neck,
            final_norm=final_norm,
            final_norm_on=final_norm_on,
            sides=sides,
            options=options,
            sketch=sketch,
        )
    _refuse_vit_settings(name, blocks, neck, final_norm, final_norm_on)
    return TimmPyramid(
        name,
        output_stride=output_stride,
        in_channels=in_channels,
        stages=stages,
        variant=variant,
        options=options,
        undilated=sketch,
    )


def _as_it_is(name: str, output_stride: int, in_channels: int, unchanged: bool) -> Backbone:
    """A backbone that is not timm's, which has no settings."""
    kind = BACKBONES[name]
    if not unchanged or output_stride != kind.output_stride:
        raise UserError(
            f"backbone {name}: it is made for output stride {kind.output_stride} as it is; set "
            f"network.output_stride to {kind.output_stride} and leave the other backbone settings at their defaults"
        )
    return kind.make(name, in_channels)


def _refuse_variants(name: str, variant: Variant, stages: int) -> None:
    """Refuse the differences of convolutional and windowed models, which a plain ViT has not."""
    usual = Variant(padding=variant.padding, sides=variant.sides)
    for known in fields(variant):
        if (value := getattr(variant, known.name)) != (default := getattr(usual, known.name)):
            raise UserError(
                f"backbone {name}: backbone.{known.name} is {value}, which has no effect on a plain ViT; "
                f"leave it at {default}"
            )
    if stages != 4:
        raise UserError(f"backbone {name}: a plain ViT has no stages to leave out; set network.stages to 4")


def _refuse_vit_settings(
    name: str, blocks: Sequence[int] | None, neck: NeckName | None, final_norm: bool, final_norm_on: FinalNormOn
) -> None:
    """Refuse settings that only a plain ViT has a use for."""
    for setting, value, default, shown in (
        ("blocks", blocks, None, "null"),
        ("neck", neck, None, "null"),
        ("final_norm", final_norm, False, "false"),
        ("final_norm_on", final_norm_on, "all", "all"),
    ):
        if value != default:
            raise UserError(
                f"backbone {name}: backbone.{setting} is {value}, which only a plain ViT has a use for; leave it "
                f"{shown}"
            )


def natural_padding(name: str) -> Padding:
    """Return the padding with which a backbone's publisher built it: "same" if it comes from TensorFlow.

    Raises:
        UserError: No such backbone.
    """
    return "symmetric" if name in BACKBONES else timm_padding(name)


def usual_padding(name: str) -> Padding:
    """Return the padding of a backbone that nobody chose one for: "symmetric", unless it has its own alone.

    Raises:
        UserError: No such backbone.
    """
    return "symmetric" if name in BACKBONES else usual_timm_padding(name)


def takes_padding(name: str, padding: Padding) -> bool:
    """Return whether a backbone can be built with this padding.

    Raises:
        UserError: No such backbone.
    """
    return padding == "symmetric" if name in BACKBONES else timm_takes_padding(name, padding)


def weights_repository(name: str) -> str | None:
    """Return where a backbone's pretrained weights lie on the Hugging Face hub; None where nothing says it."""
    return None if name in BACKBONES else timm_repository(name)
