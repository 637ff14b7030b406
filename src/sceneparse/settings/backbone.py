"""Settings of the backbone: the feature extractor."""

from dataclasses import dataclass, field
from typing import Literal

from sceneparse.errors import require
from sceneparse.settings.sight import NEUTRAL, SEEN, UNSEEN
from sceneparse.settings.types import PATH, check_types

Dilation = Literal["first", "half", "none", "doubled", "kept", "half_conv1", "multi_grid", "leading"]
Padding = Literal["symmetric", "same"]
StemActivation = Literal["own", "relu"]
StrideOn = Literal["3x3", "1x1"]
Stage3End = Literal["own", "next_block"]
Windows = Literal["own", "padded", "masked", "shifted"]
ShortcutPool = Literal["own", "none"]
FinalNormOn = Literal["all", "last"]
Sides = Literal["padded", "patches", "cut"]
NeckName = Literal["multilevel", "simple", "interpolating", "flat"]
Frozen = Literal["none", "all"] | int


@dataclass(frozen=True)
class BackboneSettings:
    """The feature extractor, a timm model.

    Args:
        name: A timm model whose features have strides 4, 8, 16 and 32, such as resnet50, resnet50s (deep
            stem), mobilenetv2_100, convnext_tiny; or a plain ViT of timm's, such as vit_small_patch16_dinov3. Or one
            made for stride 8: squeezenet1_1_stride8, densenet121_stride8.
        weights: Where training starts: null (random), "hub" (timm's pretrained weights, needs a network) or a
            file (.safetensors, .pth).
        dilation: How a stage that gave up its stride is dilated: its first block like the rest ("first", the
            original PSPNet release), by half ("half", torchvision and mmseg) or not at all ("none"). Or "doubled": all
            strides stay, and bottlenecks are dilated twice as much from stage to stage (one UPerNet of others). Four
            more are mmsegmentation's: "kept" (all strides stay, and bottlenecks of stages 3 and 4 are dilated as by
            half), "half_conv1" (as by half, but of a basic block its first convolution alone: ResNet-18),
            "multi_grid" (blocks of stage 4 by 1, 2 and 4, at output stride 16) and "leading" (a MobileNetV2's groups
            in their first block alone).
        padding: "symmetric" (PyTorch) or "same" (TensorFlow). Null takes what the weights file says, else "symmetric".
        in_channels: Channels of the input picture.
        stem_activation: relu replaces the ReLU6 behind MobileNetV2's first convolution (a published PSPNet); own
            leaves it.
        stride_on: Which convolution of a ResNet's bottleneck halves the picture: 3x3 (PyTorch) or the first 1x1 (older
            Caffe models).
        stage3_end: next_block takes stage 3, which the auxiliary head stands on, one block later than timm (CSAIL's
            MobileNetV2); own leaves it.
        shortcut_pool: none leaves out the pooling at stride 1 that timm's ResNet-D has in the shortcut of a stage that
            gave up its stride (mmsegmentation's ResNetV1d has none there); own leaves it.
        windows: padded lays a Swin transformer's windows as its release for dense prediction does: shifted at every
            size, and over a map that is padded first; shifted shifts them at every size alone (timm, made for a size
            above that of its weights). masked is a Twins-SVT as mmsegmentation has it: the padding of windows is kept
            out of the attention, and each stage ends in a norm. own leaves them to timm.
        sides: What becomes of a picture whose sides are no multiples of 32, where a model wants such: padded brings it
            to the next multiple and cuts its maps back; patches pads whatever is cut into patches to whole ones, stage
            by stage (mmsegmentation's Twins and plain ViTs); cut leaves out the rows and columns that fill no patch
            (ConvNeXt and DINOv2 of mmsegmentation and transformers). A model that takes every size is left alone.
        norm_eps: What layer norms add to the variance; null is timm's (mmsegmentation's Twins have 1e-5).
        blocks: Plain ViTs only, as the next two: numbers of the blocks, from 0, whose maps are taken, four (one for the
            simple neck). Null spaces them evenly and ends with the last: 2, 5, 8, 11 of 12.
        neck: What makes maps of strides 4, 8, 16 and 32 at output stride 32: multilevel (mmsegmentation, BEiT: each of
            four blocks scaled), simple (ViTDet: all from the last block), interpolating (mmsegmentation's ViTs: four
            blocks convolved and resized) or flat (none: all maps keep the stride of the patch). Null is multilevel.
        final_norm: Whether the maps go through the model's final norm, as in DINOv2's and DINOv3's own heads.
        final_norm_on: Which maps do: all, or the last alone (mmsegmentation).
        drop_path: Probability of leaving out a block for a picture in training: this for the last, falling to 0 at the
            first (stochastic depth).
        frozen: What stays as it started: none, the first so many stages (the stem belongs to the first; of a plain
            ViT, so many quarters of its blocks) or all of what pretrained weights fill. Frozen layers compute as in
            evaluation mode: batch norm keeps its statistics, nothing is dropped.
    """

    name: str = field(default="resnet50", metadata=SEEN)
    weights: str | None = field(default=None, metadata={**NEUTRAL, **PATH})
    dilation: Dilation = field(default="first", metadata=UNSEEN)
    padding: Padding | None = field(default=None, metadata=UNSEEN)
    in_channels: int = field(default=3, metadata=SEEN)
    stem_activation: StemActivation = field(default="own", metadata=UNSEEN)
    stride_on: StrideOn = field(default="3x3", metadata=UNSEEN)
    stage3_end: Stage3End = field(default="own", metadata=UNSEEN)
    shortcut_pool: ShortcutPool = field(default="own", metadata=UNSEEN)
    windows: Windows = field(default="own", metadata=UNSEEN)
    sides: Sides = field(default="padded", metadata=UNSEEN)
    norm_eps: float | None = field(default=None, metadata=UNSEEN)
    blocks: tuple[int, ...] | None = field(default=None, metadata=UNSEEN)
    neck: NeckName | None = field(default=None, metadata=UNSEEN)
    final_norm: bool = field(default=False, metadata=UNSEEN)
    final_norm_on: FinalNormOn = field(default="all", metadata=UNSEEN)
    drop_path: float = field(default=0.0, metadata=NEUTRAL)
    frozen: Frozen = field(default="none", metadata=NEUTRAL)

    def __post_init__(self) -> None:
        check_types(self, "backbone")
        require(
            self.final_norm or self.final_norm_on == "all",
            f"backbone.final_norm_on is {self.final_norm_on}, which has no effect, since backbone.final_norm is false",
        )
        require(
            isinstance(self.frozen, str) or self.frozen >= 1,
            f"backbone.frozen is {self.frozen}, but must be none, all or a number of stages from 1",
        )
        require(
            self.norm_eps is None or self.norm_eps > 0,
            f"backbone.norm_eps is {self.norm_eps}, but must be above 0",
        )
        require(self.in_channels >= 1, f"backbone.in_channels is {self.in_channels}, but must be at least 1")
        require(0 <= self.drop_path < 1, f"backbone.drop_path is {self.drop_path}, but must be at least 0 and below 1")
