"""A plain ViT as a backbone: four of its blocks, scaled by a neck to the strides of a pyramid.

Dosovitskiy et al., ICLR 2021, arXiv 2010.11929, and all that timm has of its form: DINOv2, DINOv3, SigLIP, CLIP,
EVA-02, BEiT, MAE, DeiT, and others whose blocks all have one stride.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import lru_cache
from math import log2

import timm
import torch
from timm.layers.pos_embed_sincos import RotaryEmbeddingDinoV3
from timm.models._features import FeatureGetterNet
from torch import Tensor, nn

from sceneparse.errors import UserError, counted
from sceneparse.networks.backbones.base import STRIDES, Backbone
from sceneparse.networks.backbones.interpolating_neck import InterpolatingNeck
from sceneparse.networks.backbones.neck import MultilevelNeck, SimpleNeck
from sceneparse.networks.backbones.picture_sides import corner, pad_to_multiple
from sceneparse.networks.backbones.relative_positions import OnGrid
from sceneparse.networks.backbones.timm_models import FAILURES, SKETCHES, Options, take_any_size
from sceneparse.networks.backbones.vit_positions import BlockReader, embedding_name, use_any_grid
from sceneparse.networks.unfilled import sketched
from sceneparse.settings.backbone import FinalNormOn, NeckName, Sides

Neck = MultilevelNeck | SimpleNeck | InterpolatingNeck
NECKS: dict[str, type[Neck]] = {"multilevel": MultilevelNeck, "simple": SimpleNeck, "interpolating": InterpolatingNeck}
"""What makes a pyramid of a plain ViT's maps, by the names that `backbone.neck` gives it."""

USUAL_PATCH = 16
"""Side of the patch whose maps are stage 3's."""


class PlainViT(Backbone):
    """A timm model all of whose blocks have the stride of its patches.

    Tokens that stand for no patch (class, registers, distillation) take part in attention and are dropped from the
    maps. Positions fit any size of picture. Pictures are padded below and to the right to whole patches (and, for a
    pyramid, to whole cells of its coarsest stage) and the maps cut back to ceil(size / stride).

    At output stride 32 a neck makes a pyramid. Its strides are the powers of two of the patch that are nearest to 4, 8,
    16 and 32: those for patches of 16 pixels, 3.5, 7, 14 and 28 for patches of 14. At the output stride nearest to the
    patch (16 for both) all four maps keep the stride of the patch, and there is no neck.

    Args:
        name: A timm model.
        output_stride: 32, or what is nearest to the patch.
        in_channels: Channels of the picture.
        blocks: Numbers of the blocks, from 0: four, or one for the simple neck; None spaces them evenly.
        neck: What makes the pyramid; None is "multilevel".
        final_norm: Whether each map goes through the model's final norm.
        final_norm_on: "all" maps, or the "last" alone.
        sides: "padded" as above; "patches" pads pictures to whole patches alone and leaves the maps as they are;
            "cut" leaves out rows and columns that fill no patch.
        options: timm's arguments for these channels and pictures of any size.
        sketch: timm's feature extractor of these arguments, without weights.

    Attributes:
        neck: What makes the pyramid, a module; None where there is none.
        patch: Side of a patch in pixels.
        sides: What becomes of sides that are no multiples.
        block_numbers: Numbers of the blocks whose maps are taken.

    Raises:
        UserError: Blocks that there are not, another output stride, or a model for pictures of one size.
    """

    def __init__(
        self,
        name: str,
        *,
        output_stride: int,
        in_channels: int,
        blocks: Sequence[int] | None,
        neck: NeckName | None,
        final_norm: bool,
        final_norm_on: FinalNormOn,
        sides: Sides,
        options: Options,
        sketch: FeatureGetterNet,
    ) -> None:
        patch = int(sketch.feature_info.reduction()[0])
        shift = round(log2(patch / USUAL_PATCH))
        flat = output_stride == USUAL_PATCH * 2**shift and output_stride < STRIDES[-1]
        if not flat:
            self._refuse_stride(name, patch, output_stride, USUAL_PATCH * 2**shift)
        elif neck is not None:
            raise UserError(
                f"backbone {name}: backbone.neck is {neck}, which has no effect at output stride {output_stride}: all "
                "maps keep the stride of the patch; leave it null"
            )
        body = _make(name, options)
        numbers = _block_numbers(name, len(_feature_info(body)), blocks, 1 if neck == "simple" else len(STRIDES))
        if len(numbers) == 1 and final_norm_on != "all":
            raise UserError(
                f"backbone {name}: backbone.final_norm_on is {final_norm_on}, which has no effect: backbone.neck "
                "simple takes one map; leave it at all"
            )
        body = _cut(name, body, numbers, final_norm)
        flat = flat or neck == "flat"
        if flat and sides == "patches":
            raise UserError(
                f"backbone {name}: backbone.sides is patches, which has no effect without a neck: pictures are padded "
                "to whole patches as it is; leave it at padded"
            )
        interpolates = _has_to_interpolate(name, sketch, in_channels, patch)
        taken = [_feature_info(body)[number] for number in numbers] * (len(STRIDES) // len(numbers))
        widths = [info["num_chs"] for info in taken]
        # All have the stride of a patch, but for VOLO's first.
        own_strides = [info["reduction"] for info in taken]
        powers = [0 if flat else round(log2(own / wanted)) for own, wanted in zip(own_strides, STRIDES, strict=True)]
        made: Neck | None = None if flat else NECKS[neck or "multilevel"](widths, powers)
        super().__init__(
            name,
            body,
            channels=widths if made is None else made.channels,
            strides=tuple(_whole(own / 2**power) for own, power in zip(own_strides, powers, strict=True)),
            unexportable=_unexportable(body),
        )
        self.in_channels = in_channels
        self.neck: nn.Module | None = made
        self.patch = patch
        self.block_numbers = numbers
        self._scales = list(zip(own_strides, powers, strict=True))
        self.sides = sides
        coarsest = patch * 2 ** max(-min(powers), 0)
        # Of what isn't padded to whole cells, the rest of a cell is left out.
        self.smallest = max(self.smallest, coarsest + 1 if sides == "padded" else 2 * coarsest)
        self._multiple = coarsest if sides == "padded" else patch
        self._options = options
        # Not a layer of its own: its weights are the body's.
        every = final_norm and final_norm_on == "all"
        self._reader = (BlockReader(body, numbers, every, interpolates),)
        self._norm_last = final_norm and final_norm_on == "last"

    @staticmethod
    def _refuse_stride(name: str, patch: int, output_stride: int, own: int) -> None:
        if output_stride != STRIDES[-1]:
            raise UserError(
                f"backbone {name}: its maps have the stride of its patches, {patch}, and network.output_stride is "
                f"{output_stride}; set it to {own}" + (", or to 32 for a pyramid" if own != STRIDES[-1] else "")
            )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Turn normalised pictures (N, in_channels, H, W) into a map per stage, (N, channels[i], ceil(H / s), …).

        Unless `sides` is "padded", their sides are those of whole patches.
        """
        height, width = images.shape[-2:]
        if self.sides == "cut":
            images = corner(images, height // self.patch * self.patch, width // self.patch * self.patch)
        else:
            images = pad_to_multiple(images, self._multiple)
        maps = self._reader[0].read(images, (images.shape[-2] // self.patch, images.shape[-1] // self.patch))
        if self._norm_last:
            norm: nn.Module = self.body.get_submodule("norm")
            maps = [*maps[:-1], norm(maps[-1].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)]
        if self.neck is not None:
            maps = self.neck(maps)
        if self.sides != "padded":
            return maps
        return [
            corner(own, _cells(height, stride, power), _cells(width, stride, power))
            for own, (stride, power) in zip(maps, self._scales, strict=True)
        ]

    def depth_groups(self) -> list[list[nn.Parameter]]:
        """Return the parameters of each block, those of patches and positions first; see `Backbone.depth_groups`."""
        depth = self.block_numbers[-1] + 1
        groups: list[list[nn.Parameter]] = [[] for _ in range(1 + depth)]
        behind = False
        for name, parameter in self.body.named_parameters():
            block = re.search(r"(?:^|\.)blocks\.(\d+)\.", name)
            behind = behind or block is not None
            # The final norm stands behind the blocks, in order too.
            groups[1 + int(block[1]) if block else -1 if behind else 0].append(parameter)
        # A model that calls its blocks otherwise is a single group.
        return groups if behind else super().depth_groups()

    def stage_ends(self) -> list[int]:
        """Return how many of `depth_groups` there are up to each quarter of the blocks; see `Backbone.stage_ends`."""
        depth = len(self.depth_groups()) - 1
        if depth == 0:
            return super().stage_ends()
        return [1 + depth * quarter // len(STRIDES) for quarter in range(1, 1 + len(STRIDES))]

    def load_hub_weights(self, in_channels: int) -> None:
        """Load timm's pretrained weights into the body; see `Backbone.load_hub_weights`."""
        source = _make(self.name, self._options | {"in_chans": in_channels}, pretrained=True).state_dict()
        self.body.load_state_dict({key: source[key] for key in self.body.state_dict()})

    def convert_weights(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give the tensors of a published file timm's names and shapes; see `Backbone.convert_weights`."""
        convert = getattr(sys.modules[type(self.body).__module__], "checkpoint_filter_fn", None)
        if convert is None:
            return dict(state)
        with sketched():
            whole = _make(self.name, self._options)
        return dict(convert(dict(state), whole))

    def first_weights(self) -> Sequence[str]:
        """Return the name of the patches' convolution; see `Backbone.first_weights`."""
        known = timm.get_pretrained_cfg(self.name)
        return (f"{known.first_conv}.weight",) if known is not None and isinstance(known.first_conv, str) else ()

    def classifier_keys(self) -> Sequence[str]:
        """Return the keys of timm's whole model; see `Backbone.classifier_keys`."""
        with sketched():
            return tuple(_make(self.name, self._options).state_dict())


def is_plain(model: nn.Module) -> bool:
    """Return whether a feature extractor of timm is one of blocks that all have one stride."""
    return isinstance(model, FeatureGetterNet) and len(set(model.feature_info.reduction())) == 1


def _make(name: str, options: Options, pretrained: bool = False) -> nn.Module:
    model: nn.Module = timm.create_model(name, pretrained=pretrained, **options)
    take_any_size(model)
    use_any_grid(model)
    return model


def _feature_info(model: nn.Module) -> list[dict[str, int]]:
    """Return the channels and stride of each block."""
    return list(model.feature_info)  # type: ignore[arg-type]


def _block_numbers(name: str, depth: int, blocks: Sequence[int] | None, wanted: int) -> list[int]:
    """Return the numbers of the blocks whose maps are taken, from 0 and growing."""
    if blocks is None:
        if depth < wanted:
            raise UserError(
                f"backbone {name}: it has {counted(depth, 'block')}, but {wanted} are needed; give backbone.blocks"
            )
        return [depth * stage // wanted - 1 for stage in range(1, wanted + 1)]
    if len(blocks) != wanted or sorted(blocks) != list(blocks) or not 0 <= blocks[0] <= blocks[-1] < depth:
        count = "one number" if wanted == 1 else f"{wanted} numbers, growing,"
        raise UserError(
            f"backbone {name}: backbone.blocks is {list(blocks)}, but must be {count} of its blocks 0 to {depth - 1}"
        )
    return list(blocks)


def _cut(name: str, body: nn.Module, numbers: Sequence[int], final_norm: bool) -> nn.Module:
    """Remove the blocks behind the last that is taken, the classifier, and the final norm unless it is used."""
    if final_norm and isinstance(getattr(body, "norm", None), nn.Identity | None):
        raise UserError(
            f"backbone {name}: backbone.final_norm is true, but it has no norm behind its blocks; set it to false"
        )
    body.prune_intermediate_layers(list(numbers), prune_norm=not final_norm)  # type: ignore[operator]
    return body


@lru_cache(SKETCHES)
def _has_to_interpolate(name: str, sketch: FeatureGetterNet, in_channels: int, patch: int) -> bool:
    """Return whether a model's position embedding has to be interpolated for it; tried without computing anything.

    Raises:
        UserError: The model takes pictures of one size only, one way or the other.
    """
    body = deepcopy(sketch).model
    use_any_grid(body)
    # One block says as much as all of them, but for VOLO, whose embedding stands behind its first.
    last = min(1, len(_feature_info(body)) - 1)
    body = _cut(name, body, [last], final_norm=False)
    ways = (False,) if embedding_name(body) is None else (False, True)
    rows, columns = 6, 10
    images = torch.empty(1, in_channels, rows * patch, columns * patch, device="meta")
    for interpolates in ways:
        reader = BlockReader(body, [last], norm=False, interpolates=interpolates).eval()
        with suppress(*FAILURES, IndexError), torch.no_grad():
            if reader.read(images, (rows, columns))[0].shape[-2:] == (rows, columns):
                return interpolates
    raise UserError(
        f"backbone {name}: it takes pictures of one size only; choose another, such as vit_small_patch16_dinov3"
    )


def _unexportable(body: nn.Module) -> str | None:
    """Return why a model cannot be exported for pictures of any size; None if it can."""
    for module in body.modules():
        if type(module) is RotaryEmbeddingDinoV3:
            return "rotary positions of this kind cannot be exported for pictures of any size"
        if isinstance(module, OnGrid) and module.unexportable is not None:
            return module.unexportable
    return None


def _cells(side: int, stride: int, power: int) -> int:
    """Return ceil(side / (stride / 2**power)), of whole numbers that may be known only at run time."""
    up, down = 2 ** max(power, 0), 2 ** max(-power, 0)
    return (side * up + stride * down - 1) // (stride * down)


def _whole(stride: float) -> float:
    return int(stride) if stride == int(stride) else stride
