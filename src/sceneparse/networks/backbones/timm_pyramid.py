"""A timm model whose features have strides 4, 8, 16 and 32, or are held at a smaller output stride by dilation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import timm
import torch
from timm.models.efficientnet import EfficientNetFeatures
from timm.models.mvitv2 import MultiScaleAttention
from timm.models.pvt_v2 import Attention as PvtAttention
from timm.models.twins import GlobalSubSampleAttn
from torch import Tensor, nn

from sceneparse.errors import UserError
from sceneparse.networks.backbones import hrnets as hrnets  # makes its names known to timm
from sceneparse.networks.backbones import resnets as resnets  # makes its names known to timm
from sceneparse.networks.backbones.base import STRIDES, Backbone
from sceneparse.networks.backbones.depth import stages_of_parameters
from sceneparse.networks.backbones.dilation import (
    UNSTRIDED,
    dilate_by_grid,
    dilate_first_blocks,
    dilate_unstrided,
    undilate_later_blocks,
    undilate_second_convolutions,
)
from sceneparse.networks.backbones.inexact import why_inexact
from sceneparse.networks.backbones.late_stage3 import features_to_next_block, next_block_channels
from sceneparse.networks.backbones.picture_sides import corner, pad_to_multiple
from sceneparse.networks.backbones.same_padding import use_exportable_padding, use_fast_same_depthwise
from sceneparse.networks.backbones.swin_windows import shift_all_windows, use_padded_windows
from sceneparse.networks.backbones.timm_models import (
    FAILURES,
    SKETCHES,
    create,
    feature_info,
    take_any_size,
)
from sceneparse.networks.backbones.twins_windows import use_masked_windows, use_whole_patches
from sceneparse.networks.backbones.variants import (
    end_behind_last_feature,
    leave_out_shortcut_pools,
    move_strides,
    set_norm_eps,
    use_relu_in_stem,
)
from sceneparse.networks.cost import without_batch_norms
from sceneparse.networks.exact.depthwise import use_fast_depthwise
from sceneparse.networks.unfilled import sketched
from sceneparse.settings.backbone import (
    Dilation,
    Padding,
    ShortcutPool,
    Sides,
    Stage3End,
    StemActivation,
    StrideOn,
    Windows,
)


@dataclass(frozen=True)
class Variant:
    """The differences between a backbone and timm's own model; see `make_backbone`."""

    dilation: Dilation = "first"
    padding: Padding | None = None
    stem_activation: StemActivation = "own"
    stride_on: StrideOn = "3x3"
    stage3_end: Stage3End = "own"
    shortcut_pool: ShortcutPool = "own"
    windows: Windows = "own"
    sides: Sides = "padded"
    norm_eps: float | None = None


class TimmPyramid(Backbone):
    """A timm model as a backbone.

    Where a model floors odd sizes (ConvNeXt) or wants multiples (Swin, unless its windows are padded), pictures are
    padded below and to the right to a multiple of 32 and the features cut back, so that every model gives ceil(size /
    stride). Some (MaxViT, whose windows must fill every map) want multiples of the side that they were trained at.
    Unless `variant.sides` leaves it to the layers, which may leave out the last rows and columns.

    Args:
        name: A timm model.
        output_stride: 8, 16 or 32.
        in_channels: Channels of the picture.
        stages: How many stages there are: 4, or fewer where later ones are not built (2 ends at stride 8).
        variant: How it differs from timm's model.
        options: timm's arguments for these channels and pictures of any size.
        undilated: The model of these arguments without weights.

    Raises:
        UserError: One without these strides, or one that cannot be dilated as asked.
    """

    in_channels: int

    def __init__(
        self,
        name: str,
        *,
        output_stride: int,
        in_channels: int,
        stages: int,
        variant: Variant,
        options: dict[str, Any],
        undilated: nn.Module,
    ) -> None:
        strides = feature_info(undilated).reduction()
        if missing := [stride for stride in STRIDES if stride not in strides]:
            raise UserError(
                f"backbone {name}: it has features at strides {', '.join(map(str, strides))}, but none at stride "
                f"{missing[0]}; choose one with 4, 8, 16 and 32, such as resnet50"
            )
        own = STRIDES[:stages]
        # timm counts features from the first that there is, which its choice may leave out (TResNet).
        indices = tuple(feature_info(undilated).out_indices[strides.index(stride)] for stride in own)
        options["out_indices"] = indices
        if output_stride < own[-1]:
            options["output_stride"] = output_stride
        body = create(name, options)
        take_any_size(body)
        use_exportable_padding(body)
        end_behind_last_feature(body)
        inexact = None
        if output_stride < own[-1]:
            averages = variant.shortcut_pool == "own"
            inexact = why_inexact(body, undilated, own[-1] // output_stride, averages=averages)
            dilate_first_blocks(name, body, undilated, own[-1] // output_stride, variant.dilation)
            _redilate(name, body, variant.dilation, output_stride)
        elif variant.dilation not in ("first", *UNSTRIDED):
            raise UserError(
                f"backbone {name}: backbone.dilation is {variant.dilation}, which has no effect: no stage is dilated "
                f"at output stride {own[-1]}; leave it at first"
            )
        _vary(name, body, variant, output_stride)
        use_fast_depthwise(body)
        use_fast_same_depthwise(body)
        channels = list(feature_info(body).channels())
        if variant.stage3_end == "next_block":
            if stages < 4 or output_stride > 8:
                raise UserError(
                    f"backbone {name}: backbone.stage3_end is next_block, which needs output stride 8 and all stages"
                )
            channels[2] = next_block_channels(name, body)
        super().__init__(
            name,
            body,
            channels=channels,
            strides=tuple(min(stride, output_stride) for stride in own),
            unexportable=_unexportable(body),
            stage3_end=variant.stage3_end,
        )
        self.inexact = inexact
        self._indices = indices
        self.in_channels = in_channels
        self._channels_last = _channels_last(body)
        # Where windows are padded, layers pad what they are given.
        self.multiple = 1 if variant.windows == "padded" else _multiple(name, undilated, in_channels)
        if variant.sides != "padded":
            _refuse_sides(name, undilated, in_channels, self.multiple)
            self.multiple = 1
            # What fills no patch of a layer's is left out: fewer would leave one row of the coarsest.
            self.smallest = 2 * STRIDES[-1]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Turn normalised pictures (N, in_channels, H, W) into a map per stage, (N, channels[i], ceil(H / s), …).

        Where `variant.sides` is "cut", its sides are those that the layers leave.
        """
        height, width = images.shape[-2:]
        if self.multiple > 1:
            images = pad_to_multiple(images, self.multiple)
        features: list[Tensor]
        if self.stage3_end == "next_block":
            assert isinstance(self.body, EfficientNetFeatures)
            features = features_to_next_block(self.body, images)
        else:
            features = self.body(images)
        if self._channels_last:
            features = [maps.permute(0, 3, 1, 2) for maps in features]
        if self.multiple > 1:
            features = [
                corner(maps, (height + stride - 1) // stride, (width + stride - 1) // stride)
                for maps, stride in zip(features, map(int, self.strides), strict=True)
            ]
        return features

    def depth_groups(self) -> list[list[nn.Parameter]]:
        """Return the parameters of each stage, the stem's with the first; see `Backbone.depth_groups`."""
        return stages_of_parameters(self, self.in_channels, list(self.pretrained_parameters()))

    def load_hub_weights(self, in_channels: int) -> None:
        """Load timm's pretrained weights into the body; see `Backbone.load_hub_weights`."""
        source = timm.create_model(
            self.name, pretrained=True, features_only=True, out_indices=self._indices, in_chans=in_channels
        )
        self.body.load_state_dict(source.state_dict())

    def first_weights(self) -> Sequence[str]:
        """Return the names that the first convolution's weight may have; see `Backbone.first_weights`."""
        known = timm.get_pretrained_cfg(self.name)
        if known is None or not isinstance(known.first_conv, str):
            return ()
        name = f"{known.first_conv}.weight"
        return (name, name.replace(".", "_", 1))

    def classifier_keys(self) -> Sequence[str]:
        """Return the keys of timm's whole model; see `Backbone.classifier_keys`."""
        with sketched():
            return tuple(timm.create_model(self.name, pretrained=False).state_dict())


def _vary(name: str, body: nn.Module, variant: Variant, output_stride: int) -> None:
    """Apply the variant's differences to timm's model."""
    if variant.dilation in UNSTRIDED:
        dilate_unstrided(name, body, output_stride, variant.dilation)
    if variant.shortcut_pool == "none":
        leave_out_shortcut_pools(name, body)
    if variant.windows == "padded" and not use_padded_windows(body):
        raise UserError(f"backbone {name}: backbone.windows is padded, but only a Swin transformer has windows")
    if variant.windows == "shifted" and not shift_all_windows(body):
        raise UserError(
            f"backbone {name}: backbone.windows is shifted, but only a Swin transformer has windows to shift"
        )
    if variant.windows == "masked" and not use_masked_windows(body):
        raise UserError(f"backbone {name}: backbone.windows is masked, but only a Twins-SVT has windows to mask")
    if variant.sides == "patches" and not use_whole_patches(body):
        raise UserError(
            f"backbone {name}: backbone.sides is patches, but only Twins and plain ViTs can pad their patches"
        )
    if variant.norm_eps is not None:
        set_norm_eps(name, body, variant.norm_eps)
    if variant.stem_activation == "relu":
        use_relu_in_stem(name, body)
    if variant.stride_on == "1x1":
        move_strides(name, body)


def _redilate(name: str, body: nn.Module, dilation: Dilation, output_stride: int) -> None:
    """Change the dilation of more than first blocks, where the placement asks for it."""
    if dilation == "half_conv1":
        undilate_second_convolutions(name, body)
    elif dilation == "multi_grid":
        dilate_by_grid(name, body, output_stride)
    elif dilation == "leading":
        undilate_later_blocks(name, body)


REDUCING = (GlobalSubSampleAttn, PvtAttention, MultiScaleAttention)
"""Attention of Twins, PVT v2 and MViTv2, whose reduced maps' sides PyTorch's exporter fixes."""


def _unexportable(body: nn.Module) -> str | None:
    """Return why a model cannot be exported for pictures of any size; None if it can."""
    if any(isinstance(module, REDUCING) for module in body.modules()):
        return "attention to a reduced map cannot be exported for pictures of any size"
    # PyTorch works at it for minutes, without an end in sight: each window's mask depends on the picture's size.
    names = {type(module).__name__ for module in body.modules()}
    windowed = any("Window" in name and "Attention" in name for name in names)
    return "attention in windows cannot be exported for pictures of any size" if windowed else None


def _channels_last(model: nn.Module) -> bool:
    """Return whether maps are (N, H, W, C), as most of timm's transformers say; the others give (N, C, H, W)."""
    return str(getattr(model, "output_fmt", "NCHW")).endswith("NHWC")


@lru_cache(SKETCHES)
def _multiple(name: str, undilated: nn.Module, in_channels: int) -> int:
    """Return the multiple that sides are padded to: 1, 32, or the side that the model was trained at.

    Tried without computing anything: odd sizes first, then sizes that suit every model.

    Raises:
        UserError: None of them gives features that cover the picture evenly.
    """
    known = timm.get_pretrained_cfg(name)
    own = known.input_size[-1] if known is not None else STRIDES[-1]
    tried = {1: [(97, 65), (64, 97)], STRIDES[-1]: [(128, 128), (96, 160)], own: [(own, own), (own, 2 * own)]}
    for multiple, sizes in tried.items():
        if all(_covers(undilated, in_channels, height, width) for height, width in sizes):
            return multiple
    raise UserError(
        f"backbone {name}: it takes pictures of one size only, or its features do not cover the picture evenly; choose "
        "another, such as swin_tiny_patch4_window7_224"
    )


def _refuse_sides(name: str, undilated: nn.Module, in_channels: int, multiple: int) -> None:
    """Refuse to leave sides to layers that need no help with them, or that cannot do without.

    Raises:
        UserError: It is so.
    """
    if multiple == 1:
        raise UserError(
            f"backbone {name}: backbone.sides has no effect on a model that takes every size; leave it at padded"
        )
    try:
        with torch.no_grad():
            undilated.eval()(torch.empty(1, in_channels, 97, 65, device="meta"))
    except FAILURES:
        raise UserError(
            f"backbone {name}: it takes sides that are multiples of {multiple} only; leave backbone.sides at padded"
        ) from None


_SKETCHING = Lock()


def _covers(undilated: nn.Module, in_channels: int, height: int, width: int) -> bool:
    """Return whether the features at `STRIDES` have sides of ceil(side / stride) for pictures of a size."""
    try:
        # Sketches are shared, and their batch norms come and go.
        with _SKETCHING, torch.no_grad(), without_batch_norms(undilated):
            features = undilated.eval()(torch.empty(1, in_channels, height, width, device="meta"))
    except (AssertionError, RuntimeError, ValueError):
        return False
    rows = 1 if _channels_last(undilated) else 2
    strides = feature_info(undilated).reduction()
    found = [tuple(features[strides.index(stride)].shape[rows : rows + 2]) for stride in STRIDES]
    return found == [(-(-height // stride), -(-width // stride)) for stride in STRIDES]
