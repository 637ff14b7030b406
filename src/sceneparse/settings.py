"""Settings: what a recipe can say, with its defaults.

A recipe is a YAML file that holds only what differs from these defaults. Every value can also be given on the command
line under the same dotted name (`--training.iterations 2000`). Nothing here knows what a setting does; each docstring
is its help text.
"""

from dataclasses import dataclass, field
from typing import Literal

from sceneparse.errors import require
from sceneparse.settings_data import DataKind, DataSettings, SourceSettings, TaskName
from sceneparse.settings_network import (
    Architecture,
    BackboneSettings,
    Branch,
    Dilation,
    FromData,
    NetworkSettings,
    Padding,
    Pool,
    Resampling,
    SceneHead,
    ShortcutPool,
    Stage3End,
    StemActivation,
    StrideOn,
    TaskSettings,
    Windows,
)

__all__ = [
    "Architecture",
    "AugmentationSettings",
    "BackboneSettings",
    "Branch",
    "DataKind",
    "DataSettings",
    "Dilation",
    "FromData",
    "LossSettings",
    "NetworkSettings",
    "OptimizerSettings",
    "Padding",
    "Pool",
    "Precision",
    "PreprocessingSettings",
    "ProtocolSettings",
    "Recipe",
    "Resampling",
    "SceneHead",
    "ShortcutPool",
    "SourceSettings",
    "Stage3End",
    "StemActivation",
    "StrideOn",
    "TaskName",
    "TaskSettings",
    "TrainingSettings",
    "Windows",
]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class AugmentationSettings:
    """Random changes to the training pictures (PSPNet paper, section 5.1).

    Args:
        crop: Height and width of a training crop. What is missing is padded (picture: mean, mask: ignored).
            Null: whole pictures. With `short` a batch is padded to its largest; without, pictures keep their own size,
            whatever `scale` says, and must all be of one size.
        scale: Range of the random resize factor.
        short: Shorter sides in pixels, one of which is drawn for each picture in place of a factor of `scale` (UPerNet
            paper); null goes by `scale`.
        max_long: With `short`: upper bound of the longer side; null for none.
        mirror: Probability of a left-right flip.
        rotate: Largest rotation in degrees, either way.
        rotate_probability: Probability of rotating at all.
        blur_probability: Probability of a Gaussian blur.
        color: Strength of brightness, contrast and saturation changes, 0 to 1.
    """

    crop: tuple[int, int] | None = (473, 473)
    scale: tuple[float, float] = (0.5, 2.0)
    short: tuple[int, ...] | None = None
    max_long: int | None = None
    mirror: float = 0.5
    rotate: float = 10.0
    rotate_probability: float = 0.5
    blur_probability: float = 0.5
    color: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.scale
        require(
            0 < low <= high,
            f"augmentation.scale is {list(self.scale)}, but must be two positive numbers, the smaller first",
        )
        require(
            self.crop is None or min(self.crop) >= 1,
            f"augmentation.crop is {self.crop}, but must be two positive numbers or null",
        )
        require(
            self.short is None or min(self.short, default=0) >= 1,
            f"augmentation.short is {self.short}, but must be positive numbers or null",
        )
        require(
            self.max_long is None or self.max_long >= 1,
            f"augmentation.max_long is {self.max_long}, but must be at least 1 or null",
        )
        require(
            self.max_long is None or self.short is not None,
            "augmentation.max_long has no effect, since augmentation.short is null",
        )
        for name in ("mirror", "rotate_probability", "blur_probability", "color"):
            require(0 <= getattr(self, name) <= 1, f"augmentation.{name} is {getattr(self, name)}, but must be in 0..1")
        require(0 <= self.rotate <= 180, f"augmentation.rotate is {self.rotate}, but must be in 0..180 degrees")


@dataclass(frozen=True)
class PreprocessingSettings:
    """What the network sees of a picture: (value / 255 - mean) / std.

    Args:
        mean: Mean of each channel, 0..1.
        std: Standard deviation of each channel, 0..1.
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        require(
            len(self.mean) == len(self.std),
            "preprocessing.mean and preprocessing.std must have one value for each channel",
        )
        require(
            all(0 <= value <= 1 for value in self.mean),
            f"preprocessing.mean is {list(self.mean)}, but must be in 0..1: divide values of 0..255 by 255",
        )
        require(min(self.std, default=1) > 0, f"preprocessing.std is {list(self.std)}, but must be positive")


@dataclass(frozen=True)
class OptimizerSettings:
    """How weights are changed.

    Args:
        kind: sgd (with momentum; the papers') or adamw.
        lr: Base learning rate, of the pretrained backbone.
        head_factor: New layers learn at this multiple of the base rate (PSPNet: 10).
        momentum: SGD only.
        weight_decay: Decay of all weights but biases and normalisation.
        power: Exponent of the poly schedule, (1 - iteration / iterations) ** power.
        warmup: Iterations in which the rate rises linearly from zero.
        clip: Largest norm of the gradient; null doesn't clip.
    """

    kind: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.01
    head_factor: float = 10.0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    power: float = 0.9
    warmup: int = 0
    clip: float | None = None

    def __post_init__(self) -> None:
        require(self.lr > 0, f"optimizer.lr is {self.lr}, but must be positive")
        require(self.head_factor > 0, f"optimizer.head_factor is {self.head_factor}, but must be positive")
        require(0 <= self.momentum < 1, f"optimizer.momentum is {self.momentum}, but must be at least 0 and below 1")
        require(self.weight_decay >= 0, f"optimizer.weight_decay is {self.weight_decay}, but must be 0 or more")
        require(self.power >= 0, f"optimizer.power is {self.power}, but must be 0 or more")
        require(self.warmup >= 0, f"optimizer.warmup is {self.warmup}, but must be 0 or more")
        require(self.clip is None or self.clip > 0, f"optimizer.clip is {self.clip}, but must be positive or null")


_UNIFIED_LOSS = ("object_weight", "part_weight", "part_objects", "scene_weight", "material_weight", "texture_weight")


@dataclass(frozen=True)
class LossSettings:
    """What is minimised: cross-entropy averaged over the pixels that count.

    Args:
        aux_weight: Weight of the auxiliary head's loss (PSPNet paper, table 2).
        class_weights: null (all 1), "median" (median frequency balancing over the training split) or one
            number a class.
        hard_fraction: Online hard example mining: keep only this fraction of the pixels, those of highest
            loss. 1 keeps all.
        hard_threshold: Mining also keeps every pixel whose true class has a probability below this.
        object_weight: upernet_unified only, as the next ones: weight of the objects' loss. Mining and class weights
            hold for objects alone. These weights are the release's, but the texture's, which its code lacks.
        part_weight: Weight of the parts' loss: for each object the mean over its pixels.
        part_objects: What becomes of the losses of objects with parts: their sum (the release) or their mean over the
            objects of the batch.
        scene_weight: Weight of the scene's loss.
        material_weight: Weight of the materials' loss.
        texture_weight: Weight of the textures' loss, whose gradient stays in the texture head.
    """

    aux_weight: float = 0.4
    class_weights: Literal["median"] | tuple[float, ...] | None = None
    hard_fraction: float = 1.0
    hard_threshold: float = 0.7
    object_weight: float = 1.0
    part_weight: float = 0.5
    part_objects: Literal["sum", "mean"] = "sum"
    scene_weight: float = 0.25
    material_weight: float = 1.0
    texture_weight: float = 1.0

    def __post_init__(self) -> None:
        for task in ("aux", "object", "part", "scene", "material", "texture"):
            weight = getattr(self, f"{task}_weight")
            require(weight >= 0, f"loss.{task}_weight is {weight}, but must be 0 or more")
        require(
            0 < self.hard_fraction <= 1,
            f"loss.hard_fraction is {self.hard_fraction}, but must be above 0 and at most 1",
        )
        require(0 <= self.hard_threshold <= 1, f"loss.hard_threshold is {self.hard_threshold}, but must be in 0..1")


@dataclass(frozen=True)
class TrainingSettings:
    """The training loop, counted in iterations (optimiser steps).

    Args:
        iterations: Number of optimiser steps.
        batch: Pictures in a step, over all processes and accumulation parts.
        accumulate: Parts in which a step's batch is worked through, to save memory.
        precision: float32, bfloat16 or float16 (mixed), or auto: bfloat16 where the machine has instructions for it.
        seed: Decides everything random: weights, order, augmentation, dropout.
        validate_every: Iterations between validations (and a last one at the end); 0 validates at the end only.
        validate_count: Pictures of each periodic validation, evenly spaced in the split; null takes all.
        checkpoint_every: Iterations between checkpoints (and a last one at the end).
        log_every: Iterations between lines of metrics.jsonl.
        device: auto, cpu or cuda.
    """

    iterations: int = 20000
    batch: int = 16
    accumulate: int = 1
    precision: Precision = "auto"
    seed: int = 0
    validate_every: int = 1000
    validate_count: int | None = None
    checkpoint_every: int = 500
    log_every: int = 20
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def __post_init__(self) -> None:
        for name in ("iterations", "batch", "accumulate", "checkpoint_every", "log_every"):
            require(getattr(self, name) >= 1, f"training.{name} is {getattr(self, name)}, but must be at least 1")
        require(self.validate_every >= 0, f"training.validate_every is {self.validate_every}, but must be 0 or more")
        require(self.seed >= 0, f"training.seed is {self.seed}, but must be 0 or more")
        require(
            self.validate_count is None or self.validate_count >= 1,
            f"training.validate_count is {self.validate_count}, but must be at least 1 or null",
        )
        require(
            self.batch % self.accumulate == 0,
            f"training.batch is {self.batch}, but must be a multiple of training.accumulate = {self.accumulate}",
        )


@dataclass(frozen=True)
class ProtocolSettings:
    """How a picture is tested; stands beside every figure.

    Args:
        name: A known protocol (whole, window, semseg, mmseg, csail), whose values the other settings override.
        resize: What the picture is resized to before testing: "none", "long" (long side = size) or "short"
            (short side = size).
        size: Side in pixels for `resize`.
        max_long: Upper bound of the long side under "short"; null for none.
        window: Height and width of sliding windows; null tests the whole picture.
        stride: Step of the windows as a fraction of their size.
        scales: Multiples of the (resized) picture whose scores are averaged.
        flip: Also average the scores of the mirrored picture.
        average: What is averaged over windows, scales and mirror images: "logits" or "probabilities".
        crf: Bring labels into line with the picture's edges by a dense conditional random field, as the papers' rivals
            do. Not for models of several tasks.
        absent: Mean IoU over classes that occur neither in truth nor in prediction: "skip" them or count them
            as "zero".
    """

    name: Literal["whole", "window", "semseg", "mmseg", "csail"] = "whole"
    resize: Literal["none", "long", "short"] | None = None
    size: int | None = None
    max_long: int | None = None
    window: tuple[int, int] | None = None
    stride: float | None = None
    scales: tuple[float, ...] | None = None
    flip: bool | None = None
    average: Literal["logits", "probabilities"] | None = None
    crf: bool | None = None
    absent: Literal["skip", "zero"] | None = None

    def __post_init__(self) -> None:
        require(self.size is None or self.size >= 1, f"protocol.size is {self.size}, but must be at least 1")
        require(
            self.max_long is None or self.max_long >= 1,
            f"protocol.max_long is {self.max_long}, but must be at least 1 or null",
        )
        require(
            self.window is None or min(self.window) >= 1,
            f"protocol.window is {self.window}, but must be two positive numbers or null",
        )
        require(
            self.stride is None or 0 < self.stride <= 1,
            f"protocol.stride is {self.stride}, but must be above 0 and at most 1",
        )
        require(
            self.scales is None or (len(self.scales) > 0 and min(self.scales) > 0),
            "protocol.scales must be positive numbers",
        )


@dataclass(frozen=True)
class Recipe:
    """What to train on what.

    Args:
        name: The recipe's name; names the run folder.
        description: One line about it.
        backbone: The feature extractor.
        network: The network on top of it.
        data: The pictures and their truth.
        augmentation: Random changes to training pictures.
        preprocessing: Normalisation.
        optimizer: How weights are changed.
        loss: What is minimised.
        training: The loop.
        protocol: How it is validated and tested.
    """

    name: str = "recipe"
    description: str = ""
    backbone: BackboneSettings = field(default_factory=BackboneSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    data: DataSettings = field(default_factory=DataSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    preprocessing: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    protocol: ProtocolSettings = field(default_factory=ProtocolSettings)

    def __post_init__(self) -> None:
        channels = self.backbone.in_channels
        given = len(self.preprocessing.mean)
        require(
            given in (1, channels),
            f"preprocessing.mean has {given} values, but backbone.in_channels is {channels}: give one each or one",
        )
        require(
            self.data.kind in ("toyworld", "mixture") or self.data.root is not None,
            "data.root is not set: name the folder of the data set (--data.root DIR)",
        )
        if self.network.architecture != "upernet_unified":
            usual = LossSettings()
            for name in _UNIFIED_LOSS:
                require(
                    getattr(self.loss, name) == getattr(usual, name),
                    f"loss.{name} has no effect: only upernet_unified learns several tasks",
                )
