"""Backbones: one wrapper around the feature extractors of timm."""

import difflib
import re
from typing import Any, Literal

import timm
import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.norm_act import BatchNormAct2d
from timm.layers.pool2d_same import AvgPool2dSame
from timm.models import FeatureInfo
from timm.models.efficientnet import EfficientNetFeatures
from timm.models.resnet import Bottleneck
from torch import Tensor, nn

from sceneparse.errors import UserError
from sceneparse.networks.backbones.late_stage3 import features_to_next_block, next_block_channels
from sceneparse.networks.backbones.same_padding import use_exportable_padding
from sceneparse.networks.backbones.squeeze_dense import STRIDE8
from sceneparse.networks.backbones.swin_windows import use_padded_windows
from sceneparse.networks.exact.depthwise import use_fast_depthwise
from sceneparse.networks.exact.matrices import in_graph

STRIDES = (4, 8, 16, 32)
"""Strides of stages 1 to 4 before any stage gives up its own."""

Dilation = Literal["first", "half", "none", "doubled"]
Padding = Literal["symmetric", "same"]
StemActivation = Literal["own", "relu"]
StrideOn = Literal["3x3", "1x1"]
Stage3End = Literal["own", "next_block"]
Windows = Literal["own", "padded"]
ShortcutPool = Literal["own", "none"]


class Backbone(nn.Module):
    """The features of a timm model at strides 4, 8, 16 and 32, or held at a smaller output stride by dilation.

    A stage that gives up its stride of 2 is dilated so that its kernels see the same context. What happens in its first
    block differs between published codes, and weights are right only under their own placement:

    - "first": the first block is dilated like the rest (stage 3: 2, 2, …; stage 4: 4, 4, …; original PSPNet release);
    - "half": the convolution that gave up its stride has half of it (stage 3: 1, 2, …; stage 4: 2, 4, …; torchvision,
      mmseg, timm);
    - "none": the first block is not dilated at all (stage 3: 1, 2, …; stage 4: 1, 4, …; several re-implementations);
    - "doubled": no stage gives up its stride, yet bottlenecks are dilated, twice as much from the second block of each
      stage on (stage 2: 1, 2, …; stage 3: 2, 4, …; stage 4: 4, 8, …; one re-implementation of UPerNet).

    Where a model floors odd sizes (ConvNeXt) or wants multiples (Swin), pictures are padded below and to the right to
    a multiple of 32 and the features cut back, so that every model gives ceil(size / stride).

    Args:
        name: A timm model, or one of `stride8`.
        output_stride: 8, 16 or 32.
        dilation: Placement of the dilation.
        padding: "symmetric" (PyTorch) or "same" (TensorFlow: the odd row and column of a strided convolution's padding
            come last), which only timm models that know `pad_type` can have.
        in_channels: Channels of the picture.
        stages: How many stages there are: 4, or fewer where later ones are not built (2 ends at stride 8).
        stem_activation: "own" is the model's; "relu" replaces the ReLU6 behind MobileNetV2's first convolution.
        stride_on: Which convolution of a bottleneck halves the picture: the 3×3 (torchvision) or the first 1×1 (He et
            al., CVPR 2016, and the Caffe models made after it).
        stage3_end: "own" is the model's; "next_block" takes stage 3's feature one block later (CSAIL's MobileNetV2).
        shortcut_pool: "own" is timm's: where a stage of a ResNet-D gave up its stride, its shortcut pools 2×2 at stride
            1; "none" leaves that out (mmsegmentation's ResNetV1d).
        windows: "own" is timm's; "padded" lays a Swin transformer's windows as in `padded_windows`.

    Attributes:
        channels: Channels of the stages.
        body: The model; its parameters have timm's names.

    Raises:
        UserError: No such model, one without these strides, or one that cannot be dilated or padded as asked.
    """

    body: nn.Module
    channels: list[int]
    stages: tuple[int, ...]
    strides: tuple[int, ...]
    stage3_end: Stage3End

    def __init__(
        self,
        name: str,
        *,
        output_stride: int = 32,
        dilation: Dilation = "first",
        padding: Padding = "symmetric",
        in_channels: int = 3,
        stages: int = 4,
        stem_activation: StemActivation = "own",
        stride_on: StrideOn = "3x3",
        stage3_end: Stage3End = "own",
        shortcut_pool: ShortcutPool = "own",
        windows: Windows = "own",
    ):
        super().__init__()
        if output_stride not in (8, 16, 32):
            raise UserError(f"backbone {name}: output stride {output_stride} is not 8, 16 or 32")
        if name in STRIDE8:
            chosen = (output_stride, dilation, padding, stages, stem_activation, stride_on, stage3_end)
            only = (8, "first", "symmetric", 4, "own", "3x3", "own")
            fixed = chosen == only and shortcut_pool == windows == "own"
            self._set_stride8(name, in_channels, fixed=fixed)
            return
        options, undilated = _adapted(name, padding, in_channels)
        strides = _feature_info(undilated).reduction()
        if missing := [stride for stride in STRIDES if stride not in strides]:
            raise UserError(
                f"backbone {name}: it has features at strides {', '.join(map(str, strides))}, but none at stride "
                f"{missing[0]}; choose one with 4, 8, 16 and 32, such as resnet50"
            )
        self.name = name
        own = STRIDES[:stages]
        self.stages = tuple(strides.index(stride) for stride in own)
        self.strides = tuple(min(stride, output_stride) for stride in own)
        options["out_indices"] = self.stages
        if output_stride < own[-1]:
            options["output_stride"] = output_stride
        self.body = _create(name, options)
        use_exportable_padding(self.body)
        _end_after(self.body)
        if output_stride < own[-1]:
            _place_dilation(name, self.body, undilated, own[-1] // output_stride, dilation)
            use_fast_depthwise(self.body)
        elif dilation in ("half", "none"):
            raise UserError(
                f"backbone {name}: backbone.dilation is {dilation}, which has no effect: no stage is dilated at output "
                f"stride {own[-1]}; leave it at first"
            )
        if dilation == "doubled":
            _double_dilation(name, self.body, output_stride)
        if shortcut_pool == "none":
            _leave_out_shortcut_pools(name, self.body)
        if windows == "padded" and not use_padded_windows(self.body):
            raise UserError(f"backbone {name}: backbone.windows is padded, but only a Swin transformer has windows")
        if stem_activation == "relu":
            _use_relu_in_stem(name, self.body)
        if stride_on == "1x1":
            _move_strides(name, self.body)
        self.channels = list(_feature_info(self.body).channels())
        self.stage3_end = stage3_end
        if stage3_end == "next_block":
            if stages < 4 or output_stride > 8:
                raise UserError(
                    f"backbone {name}: backbone.stage3_end is next_block, which needs output stride 8 and all stages"
                )
            self.channels[2] = next_block_channels(name, self.body)
        self.channels_first = _channels_first(self.body)
        # Tried without computing anything: odd sizes first, then sizes that suit every model.
        self.pads = _sides(undilated, in_channels, 97) != [-(-97 // stride) for stride in STRIDES]
        if self.pads and _sides(undilated, in_channels, 128) != [128 // stride for stride in STRIDES]:
            raise UserError(f"backbone {name}: its features do not cover the picture evenly; choose another")

    def _set_stride8(self, name: str, in_channels: int, fixed: bool) -> None:
        if not fixed:
            raise UserError(
                f"backbone {name}: it is made for output stride 8 as it is; set network.output_stride to 8 and leave "
                "the other backbone settings at their defaults"
            )
        body = STRIDE8[name](in_channels)
        self.name = name
        self.stage3_end = "own"
        self.stages = (0, 1, 2, 3)
        self.strides = (4, 8, 8, 8)
        self.body = body
        self.channels = list(body.channels)
        self.channels_first = True
        self.pads = False

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalised pictures (N, in_channels, H, W) to a map a stage, (N, channels[i], ceil(H / s), ceil(W / s))."""
        height, width = images.shape[-2:]
        if self.pads:
            # Without negative numbers, which exporters of sizes known only at run time do not divide as Python does.
            bottom, right = ((side + STRIDES[-1] - 1) // STRIDES[-1] * STRIDES[-1] - side for side in (height, width))
            images = F.pad(images, (0, right, 0, bottom))
        features: list[Tensor]
        if self.stage3_end == "next_block":
            assert isinstance(self.body, EfficientNetFeatures)
            features = features_to_next_block(self.body, images)
        else:
            features = self.body(images)
        if not self.channels_first:
            features = [maps.permute(0, 3, 1, 2) for maps in features]
        if self.pads:
            features = [
                _corner(maps, (height + stride - 1) // stride, (width + stride - 1) // stride)
                for maps, stride in zip(features, self.strides, strict=True)
            ]
        return features


def _corner(maps: Tensor, rows: int, columns: int) -> Tensor:
    """The upper left part of maps."""
    if not in_graph():
        return maps[..., :rows, :columns]
    # A slice in a graph is taken to leave something out, or not to, for all sizes.
    maps = maps.index_select(-2, torch.arange(rows, device=maps.device))
    return maps.index_select(-1, torch.arange(columns, device=maps.device))


def natural_padding(name: str) -> Padding:
    """The padding with which timm itself builds a model: "same" for those that come from TensorFlow.

    Raises:
        UserError: No such model.
    """
    if name in STRIDE8:
        return "symmetric"
    _refuse_unknown(name)
    with torch.device("meta"):
        return "same" if _pads_same(_create(name, _size_options(name))) else "symmetric"


def _adapted(name: str, padding: Padding, in_channels: int) -> tuple[dict[str, Any], nn.Module]:
    """timm's arguments for this padding, these channels and any input size, and the undilated model without weights."""
    _refuse_unknown(name)
    options = _size_options(name) | {"in_chans": in_channels}
    with torch.device("meta"):
        model = _create(name, options)
        if _pads_same(model) != (padding == "same"):
            options["pad_type"] = {"symmetric": "", "same": "same"}[padding]
            model = _create(name, options)
            if _pads_same(model) != (padding == "same"):
                raise UserError(f"backbone {name}: {_CANNOT['pad_type']}")
    return options, model


def _size_options(name: str) -> dict[str, Any]:
    """What makes a timm model with one input size take any."""
    known = timm.get_pretrained_cfg(name)
    return {"strict_img_size": False} if known is not None and known.fixed_input_size else {}


def _refuse_unknown(name: str) -> None:
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, [*timm.list_models(), *STRIDE8], n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see timm.list_models() for all names"
        raise UserError(f"backbone '{name}' is not a timm model; {hint}")
    architecture, _, tag = name.partition(".")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise UserError(
            f"backbone '{name}': timm has no '{tag}' for {architecture}; it has {', '.join(tags) or 'none'}"
        )


def _create(name: str, options: dict[str, Any]) -> nn.Module:
    """timm's feature extractor with random weights; what a model does not know becomes a UserError."""
    try:
        model: nn.Module = timm.create_model(name, pretrained=False, features_only=True, **options)
    except (TypeError, AssertionError, NotImplementedError, RuntimeError, ValueError) as error:
        refused = re.search(r"unexpected keyword argument\S* \[?'(\w+)'", str(error))
        key = refused.group(1) if refused else "output_stride" if "output_stride" in options else None
        if key not in _CANNOT:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"backbone {name}: timm cannot make a feature extractor of it ({reason})") from None
        raise UserError(f"backbone {name}: {_CANNOT[key]}") from None
    return model


_CANNOT = {
    "output_stride": "it cannot be dilated; use it at output stride 32 (architecture upernet), or choose a ResNet",
    "pad_type": "it has no choice of padding; leave backbone.padding null",
    "strict_img_size": "it takes pictures of one size only; choose another, such as swin_tiny_patch4_window7_224",
    "features_only": "it has no feature extractor in timm; choose another, such as resnet50",
}


def _pads_same(model: nn.Module) -> bool:
    return any(isinstance(module, Conv2dSame) for module in model.modules())


def _feature_info(model: nn.Module) -> FeatureInfo:
    info = model.feature_info
    assert isinstance(info, FeatureInfo)
    return info


def _channels_first(model: nn.Module) -> bool:
    """timm's transformers give (N, H, W, C); models that do not say give (N, C, H, W)."""
    return not str(getattr(model, "output_fmt", "NCHW")).endswith("NHWC")


def _sides(undilated: nn.Module, in_channels: int, side: int) -> list[int] | None:
    """Heights of the features at `STRIDES` for a square picture, or None if the model refuses it."""
    try:
        with torch.no_grad():
            features = undilated.eval()(torch.empty(1, in_channels, side, side, device="meta"))
    except (AssertionError, RuntimeError, ValueError):
        return None
    rows = 2 if _channels_first(undilated) else 1
    strides = _feature_info(undilated).reduction()
    return [features[strides.index(stride)].shape[rows] for stride in STRIDES]


def _end_after(body: nn.Module) -> None:
    """Leave out blocks behind the last feature: timm's EfficientNet family keeps and runs them."""
    if isinstance(body, EfficientNetFeatures):
        last = max(int(info["stage"]) for info in body.feature_info.get_dicts())
        body.blocks = body.blocks[:last]


def _use_relu_in_stem(name: str, body: nn.Module) -> None:
    norm = getattr(body, "bn1", None)
    if not isinstance(norm, BatchNormAct2d) or not isinstance(norm.act, nn.ReLU6):
        raise UserError(f"backbone {name}: backbone.stem_activation is relu, but its stem has no ReLU6 to replace")
    norm.act = nn.ReLU(inplace=True)


def _move_strides(name: str, body: nn.Module) -> None:
    strided = [module for module in body.modules() if isinstance(module, Bottleneck) and module.conv2.stride == (2, 2)]
    if not strided or any(type(module.conv2) is not nn.Conv2d for module in strided):
        raise UserError(f"backbone {name}: backbone.stride_on is 1x1, but only ResNets of bottlenecks have a choice")
    for module in strided:
        module.conv1.stride, module.conv2.stride = module.conv2.stride, module.conv1.stride


def _leave_out_shortcut_pools(name: str, body: nn.Module) -> None:
    shortcuts = [
        shortcut
        for module in body.modules()
        if isinstance(shortcut := getattr(module, "downsample", None), nn.Sequential)
        and isinstance(shortcut[0], AvgPool2dSame)
    ]
    if not shortcuts:
        raise UserError(
            f"backbone {name}: backbone.shortcut_pool is none, but only a ResNet-D below output stride 32 pools there"
        )
    for shortcut in shortcuts:
        shortcut[0] = nn.Identity()


def _place_dilation(name: str, body: nn.Module, undilated: nn.Module, factor: int, dilation: Dilation) -> None:
    """Set the dilation of the first block of every stage that gave up its stride.

    timm dilates the convolution that gave up its stride by half of what the rest of the stage has. `factor` is the
    product of all strides that were given up: 2 or 4.
    """
    before = {path: module for path, module in undilated.named_modules() if isinstance(module, nn.Conv2d)}
    after = {path: module for path, module in body.named_modules() if isinstance(module, nn.Conv2d)}
    entries = [path for path, module in after.items() if module.stride != before[path].stride and _spatial(module)]
    full = {2 * after[path].dilation[0] for path in entries}
    expected = {4: {2, 4}, 2: {2}}[factor]
    if full != expected or any(side % 2 == 0 for path in entries for side in after[path].kernel_size):
        raise UserError(f"backbone {name}: {_CANNOT['output_stride']}")
    for path in entries:
        if dilation == "first":
            _dilate(after[path], 2 * after[path].dilation[0])
        elif dilation == "none":
            block = path.rpartition(".")[0]
            for other, module in after.items():
                if other.startswith(f"{block}.") and _spatial(module):
                    _dilate(module, 1)


def _double_dilation(name: str, body: nn.Module, output_stride: int) -> None:
    stages = [[block for block in stage if isinstance(block, Bottleneck)] for stage in _resnet_stages(body)]
    if output_stride != STRIDES[-1] or not all(stages):
        raise UserError(
            f"backbone {name}: backbone.dilation is doubled, but only a ResNet of bottlenecks at output stride 32 "
            "(architectures upernet, upernet_concat) can be dilated like this"
        )
    dilation = 1
    for first, *others in stages[1:]:
        _dilate(first.conv2, dilation)
        dilation *= 2
        for block in others:
            _dilate(block.conv2, dilation)


def _resnet_stages(body: nn.Module) -> list[nn.Sequential]:
    stages = (getattr(body, f"layer{number}", None) for number in (1, 2, 3, 4))
    return [stage if isinstance(stage, nn.Sequential) else nn.Sequential() for stage in stages]


def _spatial(module: nn.Conv2d) -> bool:
    return max(module.kernel_size) > 1


def _dilate(module: nn.Conv2d, dilation: int) -> None:
    """Change a convolution's dilation and keep the size of what it gives."""
    module.dilation = (dilation, dilation)
    # Conv2dSame has no padding of its own: it works it out from the dilation for each picture.
    if not isinstance(module, Conv2dSame):
        rows, columns = module.kernel_size
        module.padding = (dilation * (rows // 2), dilation * (columns // 2))
