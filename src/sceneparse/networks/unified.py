"""The unified UPerNet: scene, objects, parts, materials and textures at once.

Xiao et al., ECCV 2018, arXiv 1807.10221, section 3.2 and figure 4. Each task takes the features that know most about
it: the scene is recognised from the pooled top, objects and parts from all levels fused, materials from the finest
level, textures from the backbone's first stage.
"""

from collections.abc import Collection
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sceneparse.networks.backbones import Backbone
from sceneparse.networks.exact.convolution import ConcatConv2d, Resampling
from sceneparse.networks.fpn import FeaturePyramid, PyramidArguments
from sceneparse.networks.heads import ConvNormReLU, Head, classifier
from sceneparse.tasks import TASK_NAMES, Task

SceneHead = Literal["linear", "convolution"]

TEXTURE_CHANNELS, TEXTURE_CONVOLUTIONS = 128, 4
"""Width and number of the texture head's convolutions (section 3.2)."""


HEADS = TASK_NAMES
"""The tasks, as the fields of `UnifiedOutput` are called."""

FROM_PYRAMID = frozenset(HEADS) - {Task.TEXTURE}
"""The tasks whose heads stand on the feature pyramid."""


class UnifiedOutput(NamedTuple):
    """The logits of each task; None for a task without a head, or that was not asked for.

    Maps are not upsampled. It stands in for `Output` wherever one task is asked for: `logits` are those of the objects.

    Args:
        scene: (N, scenes) logits of the whole picture.
        object: (N, objects, h, w) logits at stride 4.
        part: (N, Σ parts, h, w) logits at stride 4: a block of channels for each object that has parts.
        material: (N, materials, h, w) logits at stride 4.
        texture: (N, textures, h', w') logits at the stride of the backbone's first stage.
    """

    scene: Tensor | None
    object: Tensor | None
    part: Tensor | None
    material: Tensor | None
    texture: Tensor | None

    @property
    def logits(self) -> Tensor:
        """The objects' logits, which must have been asked for."""
        assert self.object is not None
        return self.object

    @property
    def aux(self) -> None:
        """Always None: there is no auxiliary head."""
        return None

    @property
    def image(self) -> None:
        """Always None: there are no logits of the classes in the whole picture."""
        return None


class UnifiedUPerNet(FeaturePyramid):
    """UPerNet with a head for each task.

    Args:
        backbone: The feature extractor at output stride 32.
        num_classes: Number of objects.
        scenes: Number of scenes; 0 leaves the head out, as for the other tasks.
        parts: Channels of the part head: the sum over objects of the parts that they can have, and one more each for
            what is no part.
        materials: Number of materials.
        textures: Number of textures. The head's gradient stops before the backbone.
        scene_head: "linear" averages the top level and multiplies by one matrix (the paper); "convolution" puts a 3×3
            convolution with batch norm and ReLU before (the release).
        channels: Width of every level and of all heads but the texture's.
        dropout: Probability of dropping a channel before each classifier; 0 in the release.
        align_corners: How maps are resized.
        resampling: "exact" computes convolutions over resized maps before resizing: the same numbers for less work;
            "plain" as written in the paper.
        pyramid: Of the levels, as in `PyramidArguments`. The release pools precisely and resizes first.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        scenes: int = 0,
        parts: int = 0,
        materials: int = 0,
        textures: int = 0,
        scene_head: SceneHead = "linear",
        channels: int = 512,
        dropout: float = 0.0,
        align_corners: bool = False,
        resampling: Resampling = "exact",
        **pyramid: Unpack[PyramidArguments],
    ):
        super().__init__(
            backbone,
            num_classes,
            channels=channels,
            aux=False,
            dropout=dropout,
            align_corners=align_corners,
            resampling=resampling,
            **pyramid,
        )
        concat = partial(ConcatConv2d, align_corners=align_corners, resampling=resampling)
        self.fusion = ConvNormReLU([channels] * len(backbone.channels), channels, 3, make=concat)
        self.object_head = Head(channels, channels, num_classes, dropout)
        self.part_head = Head(channels, channels, parts, dropout) if parts else None
        self.material_head = Head(channels, channels, materials, dropout) if materials else None
        self.scene_head = WholePictureHead(channels, scenes, scene_head) if scenes else None
        self.texture_head = TextureHead(backbone.channels[0], textures) if textures else None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks for which there is a head, in the order of `HEADS`."""
        return tuple(name for name in HEADS if getattr(self, f"{name}_head") is not None)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Turn the features of stages 1 to 4 into the objects' logits at stride 4."""
        return self.decode_all(features, (Task.OBJECT,)).logits

    def decode_all(self, features: list[Tensor], tasks: Collection[str] = HEADS) -> UnifiedOutput:
        """Turn the features of stages 1 to 4 into the logits of the tasks that are asked for.

        Args:
            features: As the backbone gives them.
            tasks: Names of `HEADS`; those that the network has no head for are passed over.
        """
        found: dict[str, Tensor] = {}
        if self.texture_head is not None and Task.TEXTURE in tasks:
            found[Task.TEXTURE] = self.texture_head(features[0].detach())
        if not FROM_PYRAMID.isdisjoint(tasks):
            # The scene alone needs no more than the top.
            levels = [self.apex(features)] if FROM_PYRAMID.intersection(tasks) == {Task.SCENE} else self.merge(features)
            if self.scene_head is not None and Task.SCENE in tasks:
                found[Task.SCENE] = self.scene_head(levels[-1])
            if self.material_head is not None and Task.MATERIAL in tasks:
                found[Task.MATERIAL] = self.material_head(levels[0])
            if Task.OBJECT in tasks or (self.part_head is not None and Task.PART in tasks):
                fused = self.fusion(levels)
                if Task.OBJECT in tasks:
                    found[Task.OBJECT] = self.object_head(fused)
                if self.part_head is not None and Task.PART in tasks:
                    found[Task.PART] = self.part_head(fused)
        return UnifiedOutput(**{name: found.get(name) for name in HEADS})

    def forward(  # type: ignore[override] # it has all that Output has
        self, images: Tensor, tasks: Collection[str] = HEADS
    ) -> UnifiedOutput:
        """Turn normalised pictures (N, channels, H, W), of any size, into the logits of the tasks asked for.

        Args:
            images: The pictures.
            tasks: As in `decode_all`. What is not asked for is not computed, so it gets no gradient either: None, where
                nothing that was computed stands on a parameter.
        """
        if FROM_PYRAMID.isdisjoint(tasks):
            # Nothing flows back from the textures, so that nothing needs to be kept for it.
            with torch.no_grad():
                features = self.backbone(images)
        else:
            features = self.backbone(images)
        return self.decode_all(features, tasks)


class WholePictureHead(nn.Module):
    """A head that gives one answer for a whole picture.

    Args:
        in_channels: Channels of the map.
        num_classes: Number of answers.
        kind: As `scene_head` of `UnifiedUPerNet`.
    """

    def __init__(self, in_channels: int, num_classes: int, kind: SceneHead):
        super().__init__()
        self.layer = ConvNormReLU(in_channels, in_channels, 3) if kind == "convolution" else nn.Identity()
        self.classifier = classifier(in_channels, num_classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Turn (N, in_channels, h, w) into logits (N, num_classes)."""
        logits: Tensor = self.classifier(F.adaptive_avg_pool2d(self.layer(maps), 1))
        return logits.flatten(1)


class TextureHead(nn.Sequential):
    """Four 3×3 convolutions and a classifier: (N, in_channels, h, w) to logits (N, num_classes, h, w)."""

    def __init__(self, in_channels: int, num_classes: int):
        super().__init__()
        widths = [in_channels] + [TEXTURE_CHANNELS] * TEXTURE_CONVOLUTIONS
        self.layers = nn.Sequential(*(ConvNormReLU(before, after, 3) for before, after in pairwise(widths)))
        self.classifier = classifier(TEXTURE_CHANNELS, num_classes)
