"""Settings of the network on top of the backbone."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from sceneparse.errors import require
from sceneparse.settings.choices import Choice
from sceneparse.settings.sight import NEUTRAL, SEEN, UNSEEN
from sceneparse.settings.tasks import TaskSettings
from sceneparse.settings.types import check_types
from sceneparse.tables import require_known, table

Pool = Literal["avg", "max", "precise"]
Resampling = Literal["exact", "plain"]
Branch = Literal["norm", "norm_but_one", "bias", "linear"]


class _OwnStride(int):
    """The stride of an architecture that was asked for no other, which another architecture has to find anew."""


@dataclass(frozen=True)
class NetworkSettings:
    """The network on top of the backbone.

    A setting that the architecture does not use must be left at its default.

    Args:
        architecture: pspnet (pyramid pooling), pspnet_multilabel (the same, brought to full size in three learnt steps,
            and with a classifier of the whole picture), upernet (FPN and pyramid pooling), upernet_concat (the same,
            but levels are put side by side instead of added), upernet_unified (UPerNet with a head for each of several
            tasks), fcn (the baseline of both papers), deeplabv3 (dilated convolutions at several rates), linear (batch
            norm and a 1×1 convolution, DINOv2's probe), or one that another package brings along.
        output_stride: Stride of the backbone's last features: 8, 16 or 32. Null: the architecture's own, which is 8,
            for UPerNets, which have no other, 32, and for linear 16; settings made of these for another architecture
            get that one's. A plain ViT has that of its patches (16 for patches of 14 or 16 pixels), or 32 for a
            pyramid.
        channels: Width of the head.
        bins: Grid sizes of the pyramid pooling. upernet only: none at all leaves the pyramid pooling out (a bare FPN).
        pool: Pooling of the pyramid: average, maximum or precise (the integral of the bilinear interpolation, in
            the unified UPerNet's release).
        resize_first: upernet and upernet_unified only: pooled maps are resized before they are reduced (CSAIL's
            releases), not after.
        feature_norm: upernet and upernet_unified only: each feature of the backbone is normalised over its channels
            (segmentation_models_pytorch; Swin and ConvNeXt under transformers).
        feature_norm_eps: What that normalisation adds to the variance.
        finest: upernet only: stride of the finest level; levels below it are not built (UPerNet paper, table 2).
        fuse: upernet only: the head stands on all levels together; false: on the finest alone (the same table).
        stages: PSPNet only: the stage of the backbone on which the pyramid stands. Below 4 later ones are left out.
        branch: What reduces a pooled map: a 1×1 convolution with batch norm and ReLU (norm, the papers), the same but
            for a grid of one cell, which has a bias instead of the batch norm (norm_but_one), a convolution with bias
            alone (bias) or without (linear).
        kernel: PSPNet only: side of the kernel behind the pyramid; FCN: side of the head's kernels.
        classifier_kernel: PSPNet only: side of the classifier's kernel.
        reduce: Reduce each pooled map to input channels / number of bins (PSPNet paper, table 1, "DR").
        branch_channels: Width that each pooled map is reduced to. Null: input channels / number of bins (pspnet),
            `channels` (upernet).
        aux: Train with an auxiliary head on stage 3 (PSPNet paper, section 3.3); pspnet_multilabel: with a classifier
            of which classes the picture shows.
        aux_channels: Width of the auxiliary head. Null: a quarter of stage 3's, at least 64 (pspnet_multilabel: 256).
        convolutions: FCN only: number of 3×3 convolutions in the head.
        concat_input: FCN only: one more 3×3 convolution, over stage 4 and what the others made of it.
        head_dilation: FCN only: dilation of the head's convolutions, without the one that concat_input adds.
        concat_stages: FCN only: the head stands on all stages of the backbone, put side by side at stage 1's size
            (HRNetV2), not on stage 4.
        project: deeplabv3 only: the pyramid's branches are projected by a 1×1 convolution before the head's 3×3 one
            (torchvision); false: the head stands on all of them (mmsegmentation).
        layers: linear only: how many stages it stands on: 1, the last, or 4, all put side by side.
        dropout: Probability of dropping a channel before each classifier.
        norm_momentum: Share of a batch in the running statistics of every batch norm, backbone and head. Null leaves
            each as it is made (0.1 in nearly all; CSAIL's releases have 0.001).
        align_corners: How maps are resized inside the network: corner centres aligned (the original PSPNet
            release) or not.
        align_logits: upernet and upernet_unified only: how logits are resized to the picture. Null: like the maps.
        threshold: Of two classes, the second is taken where its probability is above this; networks with a sigmoid
            often have another than 0.5. All but upernet_unified.
        tasks: upernet_unified only: the tasks beside the objects.
        resampling: exact: convolutions over upsampled maps are computed before upsampling, the same numbers for less
            work; plain: as written in the papers. FCN has none.
        options: Settings of an architecture that another package brings along, by the names that it gives them.
    """

    architecture: Annotated[str, Choice("architectures")] = field(default="pspnet", metadata=SEEN)
    output_stride: Literal[8, 16, 32] | None = field(default=None, metadata=NEUTRAL)
    channels: int = field(default=512, metadata=SEEN)
    bins: tuple[int, ...] = field(default=(1, 2, 3, 6), metadata=SEEN)
    pool: Pool = field(default="avg", metadata=UNSEEN)
    resize_first: bool = field(default=False, metadata=UNSEEN)
    feature_norm: bool = field(default=False, metadata=SEEN)
    feature_norm_eps: float = field(default=1e-6, metadata=UNSEEN)
    finest: Literal[4, 8, 16] = field(default=4, metadata=SEEN)
    fuse: bool = field(default=True, metadata=SEEN)
    stages: Literal[2, 3, 4] = field(default=4, metadata=SEEN)
    branch: Branch = field(default="norm", metadata=SEEN)
    kernel: Literal[1, 3] = field(default=3, metadata=SEEN)
    classifier_kernel: Literal[1, 3] = field(default=1, metadata=SEEN)
    reduce: bool = field(default=True, metadata=SEEN)
    branch_channels: int | None = field(default=None, metadata=SEEN)
    aux: bool = field(default=True, metadata=SEEN)
    aux_channels: int | None = field(default=None, metadata=SEEN)
    convolutions: int = field(default=1, metadata=SEEN)
    concat_input: bool = field(default=False, metadata=SEEN)
    head_dilation: int = field(default=1, metadata=UNSEEN)
    concat_stages: bool = field(default=False, metadata=SEEN)
    project: bool = field(default=True, metadata=SEEN)
    layers: Literal[1, 4] = field(default=1, metadata=SEEN)
    dropout: float = field(default=0.1, metadata=NEUTRAL)
    norm_momentum: float | None = field(default=None, metadata=NEUTRAL)
    align_corners: bool = field(default=False, metadata=UNSEEN)
    align_logits: bool | None = field(default=None, metadata=UNSEEN)
    threshold: float = field(default=0.5, metadata=NEUTRAL)
    tasks: TaskSettings = field(default_factory=TaskSettings, metadata=SEEN)
    resampling: Resampling = field(default="exact", metadata=NEUTRAL)
    options: dict[str, Any] = field(default_factory=dict, hash=False, metadata=SEEN)

    def __post_init__(self) -> None:
        check_types(self, "network")
        require_known("architectures", self.architecture, "network.architecture")
        architecture = table("architectures")[self.architecture]
        if self.output_stride is None or isinstance(self.output_stride, _OwnStride):
            object.__setattr__(self, "output_stride", _OwnStride(architecture.strides[0]))
        self._check_values()
        self._check_groups()
        architecture.refuse_unused(self)

    @property
    def stride(self) -> int:
        """The output stride, which is known of every architecture."""
        assert self.output_stride is not None
        return self.output_stride

    def _check_values(self) -> None:
        require(self.channels >= 1, f"network.channels is {self.channels}, but must be at least 1")
        require(
            min(self.bins, default=1) >= 1,
            f"network.bins is {list(self.bins)}, but needs at least one grid size, each at least 1",
        )
        require(0 <= self.dropout < 1, f"network.dropout is {self.dropout}, but must be at least 0 and below 1")
        require(0 < self.threshold < 1, f"network.threshold is {self.threshold}, but must be above 0 and below 1")
        momentum = self.norm_momentum
        require(
            momentum is None or 0 < momentum <= 1,
            f"network.norm_momentum is {momentum}, but must be above 0 and at most 1, or null",
        )
        for name in ("branch_channels", "aux_channels"):
            width = getattr(self, name)
            require(width is None or width >= 1, f"network.{name} is {width}, but must be at least 1 or null")
        require(self.convolutions >= 1, f"network.convolutions is {self.convolutions}, but must be at least 1")
        require(self.head_dilation >= 1, f"network.head_dilation is {self.head_dilation}, but must be at least 1")
        require(self.feature_norm_eps > 0, f"network.feature_norm_eps is {self.feature_norm_eps}, but must be positive")

    def _check_groups(self) -> None:
        """Refuse settings of something that another setting leaves out."""
        require(
            self.branch_channels is None or self.reduce,
            "network.branch_channels has no effect, since network.reduce is false: pooled maps keep their width",
        )
        require(
            self.aux_channels is None or self.aux,
            "network.aux_channels has no effect, since network.aux is false: there is no auxiliary head",
        )
        require(
            self.feature_norm or self.feature_norm_eps == 1e-6,
            "network.feature_norm_eps has no effect, since network.feature_norm is false",
        )
