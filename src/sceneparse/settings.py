"""Settings: what a recipe can say, with its defaults.

A recipe is a YAML file that holds only what differs from these defaults. Every value can also be given on the command
line under the same dotted name (`--training.iterations 2000`). Nothing here knows what a setting does; each docstring
is its help text.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

from sceneparse.errors import UserError

Dilation = Literal["first", "half", "none", "doubled"]
Padding = Literal["symmetric", "same"]
Pool = Literal["avg", "max", "precise"]
Resampling = Literal["exact", "plain"]
StemActivation = Literal["own", "relu"]
StrideOn = Literal["3x3", "1x1"]
Stage3End = Literal["own", "next_block"]
Branch = Literal["norm", "norm_but_one", "bias", "linear"]
Architecture = Literal[
    "pspnet", "pspnet_multilabel", "upernet", "upernet_concat", "upernet_unified", "fcn", "deeplabv3"
]
SceneHead = Literal["linear", "convolution"]
FromData = Literal["scenes", "parts", "materials", "textures"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise UserError(message)


@dataclass(frozen=True)
class BackboneSettings:
    """The feature extractor, a timm model.

    Args:
        name: A timm model whose features have strides 4, 8, 16 and 32, such as resnet50, resnet50s (deep
            stem), mobilenetv2_100. Or one made for stride 8: squeezenet1_1_stride8, densenet121_stride8.
        weights: Where training starts: null (random), "hub" (timm's pretrained weights, needs a network) or a
            file (.safetensors, .pth).
        dilation: How a stage that gave up its stride is dilated: its first block like the rest ("first", the
            original PSPNet release), by half ("half", torchvision and mmseg) or not at all ("none"). Or "doubled": all
            strides stay, and bottlenecks are dilated twice as much from stage to stage (one UPerNet of others).
        padding: "symmetric" (PyTorch) or "same" (TensorFlow). Null takes what the weights file says, else "symmetric".
        in_channels: Channels of the input picture.
        stem_activation: relu replaces the ReLU6 behind MobileNetV2's first convolution (a published PSPNet); own
            leaves it.
        stride_on: Which convolution of a ResNet's bottleneck halves the picture: 3x3 (PyTorch) or the first 1x1 (older
            Caffe models).
        stage3_end: next_block takes stage 3, of use to the auxiliary head, one block later than timm (CSAIL's
            MobileNetV2); own leaves it.
    """

    name: str = "resnet50"
    weights: str | None = None
    dilation: Dilation = "first"
    padding: Padding | None = None
    in_channels: int = 3
    stem_activation: StemActivation = "own"
    stride_on: StrideOn = "3x3"
    stage3_end: Stage3End = "own"

    def __post_init__(self) -> None:
        _check(self.in_channels >= 1, f"backbone.in_channels is {self.in_channels}, but must be at least 1")


@dataclass(frozen=True)
class TaskSettings:
    """What a unified network says beside the objects; 0 and an empty list leave a task out.

    Args:
        scenes: Number of scenes.
        parts: For each object that has parts, in their order: how many it can have, and one more for what is no part.
        materials: Number of materials.
        textures: Number of textures.
        scene_head: linear (pooled and multiplied by one matrix, as in the paper) or convolution (a 3×3 convolution
            before, as in the release).
        from_data: Tasks (scenes, parts, materials, textures) whose numbers are those of the training data's classes.
    """

    scenes: int = 0
    parts: tuple[int, ...] = ()
    materials: int = 0
    textures: int = 0
    scene_head: SceneHead = "linear"
    from_data: tuple[FromData, ...] = ()

    def __post_init__(self) -> None:
        for name in ("scenes", "materials", "textures"):
            _check(getattr(self, name) >= 0, f"network.tasks.{name} is {getattr(self, name)}, but must be 0 or more")
        _check(
            all(count >= 2 for count in self.parts),
            f"network.tasks.parts is {list(self.parts)}, but each must be 2 or more: no part, and the parts",
        )
        _check(
            self.scenes > 0 or "scenes" in self.from_data or self.scene_head == "linear",
            "network.tasks.scene_head has no effect, since network.tasks.scenes is 0: there is no scene head",
        )
        for name in self.from_data:
            _check(
                not getattr(self, name),
                f"network.tasks.{name} is given, but network.tasks.from_data says that the data decide: leave one out",
            )


@dataclass(frozen=True)
class NetworkSettings:
    """The network on top of the backbone.

    Args:
        architecture: pspnet (pyramid pooling), pspnet_multilabel (the same, brought to full size in three learnt steps,
            and with a classifier of the whole picture), upernet (FPN and pyramid pooling), upernet_concat (the same,
            but levels are put side by side instead of added), upernet_unified (UPerNet with a head for each of several
            tasks), fcn (the baseline of both papers) or deeplabv3 (dilated convolutions at several rates).
        output_stride: Stride of the backbone's last features: 8, 16 or 32. UPerNets always use 32.
        channels: Width of the head.
        bins: Grid sizes of the pyramid pooling.
        pool: Pooling of the pyramid: average, maximum or precise (the integral of the bilinear interpolation, in
            the unified UPerNet's release).
        resize_first: upernet and upernet_unified only: pooled maps are resized before they are reduced (CSAIL's
            releases), not after.
        feature_norm: upernet and upernet_unified only: each feature of the backbone is normalised over its channels
            (segmentation_models_pytorch).
        stages: PSPNet only: the stage of the backbone on which the pyramid stands. Below 4 later ones are left out.
        branch: What reduces a pooled map: a 1×1 convolution with batch norm and ReLU (norm, the papers), the same but
            for a grid of one cell, which has a bias instead of the batch norm (norm_but_one), a convolution with bias
            alone (bias) or without (linear).
        kernel: PSPNet only: side of the kernel behind the pyramid.
        classifier_kernel: PSPNet only: side of the classifier's kernel.
        reduce: Reduce each pooled map to input channels / number of bins (PSPNet paper, table 1, "DR").
        branch_channels: Width that each pooled map is reduced to. Null: input channels / number of bins (pspnet),
            `channels` (upernet).
        aux: Train with an auxiliary head on stage 3 (PSPNet paper, section 3.3); pspnet_multilabel: with a classifier
            of which classes the picture shows.
        aux_channels: Width of the auxiliary head. Null: a quarter of stage 3's, at least 64 (pspnet_multilabel: 256).
        convolutions: FCN only: number of 3×3 convolutions in the head.
        concat_input: FCN only: one more 3×3 convolution, over stage 4 and what the others made of it.
        dropout: Probability of dropping a channel before each classifier.
        align_corners: How maps are resized inside the network: corner centres aligned (the original PSPNet
            release) or not.
        align_logits: upernet and upernet_unified only: how logits are resized to the picture. Null: like the maps.
        tasks: upernet_unified only: the tasks beside the objects.
        resampling: exact: convolutions over upsampled maps are computed before upsampling, the same numbers for less
            work; plain: as written in the papers. FCN has none.
    """

    architecture: Architecture = "pspnet"
    output_stride: Literal[8, 16, 32] = 8
    channels: int = 512
    bins: tuple[int, ...] = (1, 2, 3, 6)
    pool: Pool = "avg"
    resize_first: bool = False
    feature_norm: bool = False
    stages: Literal[2, 3, 4] = 4
    branch: Branch = "norm"
    kernel: Literal[1, 3] = 3
    classifier_kernel: Literal[1, 3] = 1
    reduce: bool = True
    branch_channels: int | None = None
    aux: bool = True
    aux_channels: int | None = None
    convolutions: int = 1
    concat_input: bool = False
    dropout: float = 0.1
    align_corners: bool = False
    align_logits: bool | None = None
    tasks: TaskSettings = field(default_factory=TaskSettings)
    resampling: Resampling = "exact"

    def __post_init__(self) -> None:
        _check(self.channels >= 1, f"network.channels is {self.channels}, but must be at least 1")
        _check(
            len(self.bins) >= 1 and min(self.bins) >= 1,
            f"network.bins is {list(self.bins)}, but needs at least one grid size, each at least 1",
        )
        _check(0 <= self.dropout < 1, f"network.dropout is {self.dropout}, but must be at least 0 and below 1")
        for name in ("branch_channels", "aux_channels"):
            width = getattr(self, name)
            _check(width is None or width >= 1, f"network.{name} is {width}, but must be at least 1 or null")
        _check(
            self.branch_channels is None or self.reduce,
            "network.branch_channels has no effect, since network.reduce is false: pooled maps keep their width",
        )
        _check(
            self.aux_channels is None or self.aux,
            "network.aux_channels has no effect, since network.aux is false: there is no auxiliary head",
        )
        self._check_stages()
        self._check_pyramid()
        pspnet = self.architecture == "pspnet"
        _check(pspnet or self.kernel == 3, "network.kernel has no effect: only PSPNet's can be chosen")
        _check(
            pspnet or self.classifier_kernel == 1,
            "network.classifier_kernel has no effect: only PSPNet's can be chosen",
        )
        _check(
            self.branch == "norm"
            or (self.reduce and self.architecture in ("pspnet", "pspnet_multilabel", "upernet_concat")),
            "network.branch has no effect: only PSPNets that reduce their pooled maps and upernet_concat have a choice",
        )
        fcn = self.architecture == "fcn"
        _check(
            self.branch_channels is None or self.architecture not in ("fcn", "deeplabv3"),
            f"network.branch_channels has no effect: {self.architecture} pools to no grids",
        )
        _check(
            self.architecture != "deeplabv3" or self.output_stride != 32,
            "network.output_stride is 32, but deeplabv3 has dilation rates for 8 and 16 only",
        )
        _check(self.convolutions >= 1, f"network.convolutions is {self.convolutions}, but must be at least 1")
        _check(fcn or self.convolutions == 1, "network.convolutions has no effect: only an FCN's head can have more")
        _check(fcn or not self.concat_input, "network.concat_input has no effect: only an FCN's head knows it")

    def _check_pyramid(self) -> None:
        pyramid = self.architecture in ("upernet", "upernet_unified")
        for name, usual in (("resize_first", False), ("feature_norm", False), ("align_logits", None)):
            _check(
                pyramid or getattr(self, name) == usual,
                f"network.{name} has no effect: only upernet and upernet_unified have it",
            )
        unified = self.architecture == "upernet_unified"
        _check(unified or self.tasks == TaskSettings(), "network.tasks has no effect: only upernet_unified has tasks")
        _check(not (unified and self.aux), "network.aux is true, but upernet_unified has no auxiliary head")

    def _check_stages(self) -> None:
        if self.stages == 4:
            return
        _check(self.architecture == "pspnet", f"network.stages is {self.stages}, but only PSPNet can stand on fewer")
        stride = 2 ** (self.stages + 1)
        _check(
            self.output_stride <= stride,
            f"network.output_stride is {self.output_stride}, but {self.stages} stages end at stride {stride}",
        )
        _check(
            self.stages == 3 or not self.aux, "network.aux is true, but with 2 stages there is no stage 3 to learn on"
        )


DataKind = Literal["toyworld", "folder", "camvid", "ade20k", "broden", "car_parts", "dtd"]
TaskName = Literal["scene", "objects", "parts", "materials", "textures"]


@dataclass(frozen=True)
class SourceSettings:
    """One data set of a mixture.

    Args:
        kind: As in `data.kind`.
        root: The data set's folder.
        name: What its samples' names begin with. Null: its kind.
        weight: How often it is drawn, in the unit of the other sources. Null: its number of training samples.
        tasks: What it is used for: any of scene, objects, parts, materials and textures. Null: all that it labels.
        rename: What its classes are called in the mixture: equal names merge, null drops a class.
        keep: For tasks, by name, the classes that are used; others are unknown. Tasks not named: all.
        short: Largest shorter side in pixels, to which larger pictures are scaled down. Null: as they are.
        train: Its training split; null leaves it out.
        val: Its validation split; null leaves it out.
        test: Its test split; null leaves it out.
    """

    kind: DataKind = "folder"
    root: str | None = None
    name: str | None = None
    weight: float | None = None
    tasks: tuple[TaskName, ...] | None = None
    rename: dict[str, str | None] = field(default_factory=dict)
    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    short: int | None = None
    train: str | None = "train"
    val: str | None = "val"
    test: str | None = "test"

    def __post_init__(self) -> None:
        where = f"data.sources: '{self.name or self.kind}'"
        _check(self.kind == "toyworld" or self.root is not None, f"{where} has no root: name the data set's folder")
        _check(self.weight is None or self.weight > 0, f"{where} has weight {self.weight}, but it must be positive")
        for task in self.keep:
            _check(task in get_args(TaskName), f"{where} keeps classes of '{task}', but tasks are {get_args(TaskName)}")
        _check(self.short is None or self.short >= 1, f"{where} has short {self.short}, but it must be at least 1")
        _check(self.tasks is None or len(self.tasks) > 0, f"{where} has no tasks: name some, or null for all")
        _check(bool(self.train or self.val or self.test), f"{where} has no split: name one of train, val and test")


@dataclass(frozen=True)
class DataSettings:
    """The pictures and their truth.

    Args:
        kind: toyworld (built in, needs no file), folder (images, masks and a classes.json), camvid, ade20k (objects,
            parts and scenes), broden (the joint set of Unified Perceptual Parsing), car_parts, dtd (textures) or
            mixture (several of these).
        root: The data set's folder. Toy world: null. Mixture: the folder that its sources' roots lie in, null for the
            current one.
        sources: Mixture only: a list of data sets, each with kind, root, name, weight, tasks, rename, keep, short,
            train, val and test.
        batches: Mixture only: pure (all pictures of a batch come from one source) or mixed (each from any).
        train: Split to train on; several joined by "+", such as "train+val". "train[:300]" takes the first 300 samples
            of a split, "train[300:]" the others, "train[::2]" every second.
        val: Split for the periodic validation and for choosing the best checkpoint.
        test: Split that `sceneparse evaluate` and the final report use.
        size: Toy world only: side of a scene in pixels.
        train_count: Toy world only: number of training scenes.
        eval_count: Toy world only: number of validation and of test scenes.
        annotation: full, or split: each training sample keeps its labels for a single task, one after the other. Shows
            what is lost where no picture is labelled for everything.
        cache_mb: Memory for decoded samples, in MiB, over all loader workers. 0 decodes each time.
        workers: Loader processes. 0 loads in the training process.
    """

    kind: Literal[DataKind, "mixture"] = "folder"
    root: str | None = None
    sources: tuple[SourceSettings, ...] = ()
    batches: Literal["pure", "mixed"] = "pure"
    train: str = "train"
    val: str = "val"
    test: str = "test"
    size: int = 256
    train_count: int = 20000
    eval_count: int = 200
    annotation: Literal["full", "split"] = "full"
    cache_mb: int = 1024
    workers: int = 1

    def __post_init__(self) -> None:
        _check(self.workers >= 0, f"data.workers is {self.workers}, but must be 0 or more")
        _check(self.cache_mb >= 0, f"data.cache_mb is {self.cache_mb}, but must be 0 or more")
        _check(
            self.annotation == "full" or self.kind != "mixture",
            "data.annotation is split, but a mixture's sources say themselves which tasks they teach (their `tasks`)",
        )
        _check(self.size >= 32, f"data.size is {self.size}, but must be at least 32")
        _check(min(self.train_count, self.eval_count) >= 1, "data.train_count and data.eval_count must be at least 1")
        mixture = self.kind == "mixture"
        _check(not mixture or len(self.sources) > 0, "data.sources is empty, but a mixture needs at least one data set")
        _check(mixture or not self.sources, f"data.sources has no effect, since data.kind is {self.kind}")
        _check(mixture or self.batches == "pure", f"data.batches has no effect, since data.kind is {self.kind}")


@dataclass(frozen=True)
class AugmentationSettings:
    """Random changes to the training pictures (PSPNet paper, section 5.1).

    Args:
        crop: Height and width of a training crop. What is missing is padded (picture: mean, mask: ignored).
            Null: whole pictures at their own size, whatever `scale` says; they must all be of one size.
        scale: Range of the random resize factor.
        mirror: Probability of a left-right flip.
        rotate: Largest rotation in degrees, either way.
        rotate_probability: Probability of rotating at all.
        blur_probability: Probability of a Gaussian blur.
        color: Strength of brightness, contrast and saturation changes, 0 to 1.
    """

    crop: tuple[int, int] | None = (473, 473)
    scale: tuple[float, float] = (0.5, 2.0)
    mirror: float = 0.5
    rotate: float = 10.0
    rotate_probability: float = 0.5
    blur_probability: float = 0.5
    color: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.scale
        _check(
            0 < low <= high,
            f"augmentation.scale is {list(self.scale)}, but must be two positive numbers, the smaller first",
        )
        _check(
            self.crop is None or min(self.crop) >= 1,
            f"augmentation.crop is {self.crop}, but must be two positive numbers or null",
        )
        for name in ("mirror", "rotate_probability", "blur_probability", "color"):
            _check(0 <= getattr(self, name) <= 1, f"augmentation.{name} is {getattr(self, name)}, but must be in 0..1")
        _check(0 <= self.rotate <= 180, f"augmentation.rotate is {self.rotate}, but must be in 0..180 degrees")


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
        _check(
            len(self.mean) == len(self.std),
            "preprocessing.mean and preprocessing.std must have one value for each channel",
        )
        _check(
            all(0 <= value <= 1 for value in self.mean),
            f"preprocessing.mean is {list(self.mean)}, but must be in 0..1: divide values of 0..255 by 255",
        )
        _check(min(self.std, default=1) > 0, f"preprocessing.std is {list(self.std)}, but must be positive")


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
        _check(self.lr > 0, f"optimizer.lr is {self.lr}, but must be positive")
        _check(self.head_factor > 0, f"optimizer.head_factor is {self.head_factor}, but must be positive")
        _check(0 <= self.momentum < 1, f"optimizer.momentum is {self.momentum}, but must be at least 0 and below 1")
        _check(self.weight_decay >= 0, f"optimizer.weight_decay is {self.weight_decay}, but must be 0 or more")
        _check(self.power >= 0, f"optimizer.power is {self.power}, but must be 0 or more")
        _check(self.warmup >= 0, f"optimizer.warmup is {self.warmup}, but must be 0 or more")
        _check(self.clip is None or self.clip > 0, f"optimizer.clip is {self.clip}, but must be positive or null")


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
            _check(weight >= 0, f"loss.{task}_weight is {weight}, but must be 0 or more")
        _check(
            0 < self.hard_fraction <= 1,
            f"loss.hard_fraction is {self.hard_fraction}, but must be above 0 and at most 1",
        )
        _check(0 <= self.hard_threshold <= 1, f"loss.hard_threshold is {self.hard_threshold}, but must be in 0..1")


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
        devices: Processes on this machine.
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
    devices: int = 1

    def __post_init__(self) -> None:
        for name in ("iterations", "batch", "accumulate", "checkpoint_every", "log_every", "devices"):
            _check(getattr(self, name) >= 1, f"training.{name} is {getattr(self, name)}, but must be at least 1")
        _check(self.validate_every >= 0, f"training.validate_every is {self.validate_every}, but must be 0 or more")
        _check(self.seed >= 0, f"training.seed is {self.seed}, but must be 0 or more")
        _check(
            self.validate_count is None or self.validate_count >= 1,
            f"training.validate_count is {self.validate_count}, but must be at least 1 or null",
        )
        parts = self.accumulate * self.devices
        _check(
            self.batch % parts == 0,
            f"training.batch is {self.batch}, but must be a multiple of accumulate x devices = {parts}",
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
    absent: Literal["skip", "zero"] | None = None

    def __post_init__(self) -> None:
        _check(self.size is None or self.size >= 1, f"protocol.size is {self.size}, but must be at least 1")
        _check(
            self.max_long is None or self.max_long >= 1,
            f"protocol.max_long is {self.max_long}, but must be at least 1 or null",
        )
        _check(
            self.window is None or min(self.window) >= 1,
            f"protocol.window is {self.window}, but must be two positive numbers or null",
        )
        _check(
            self.stride is None or 0 < self.stride <= 1,
            f"protocol.stride is {self.stride}, but must be above 0 and at most 1",
        )
        _check(
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
        _check(
            given in (1, channels),
            f"preprocessing.mean has {given} values, but backbone.in_channels is {channels}: give one each or one",
        )
        _check(
            self.data.kind in ("toyworld", "mixture") or self.data.root is not None,
            "data.root is not set: name the folder of the data set (--data.root DIR)",
        )
        if self.network.architecture != "upernet_unified":
            usual = LossSettings()
            for name in _UNIFIED_LOSS:
                _check(
                    getattr(self.loss, name) == getattr(usual, name),
                    f"loss.{name} has no effect: only upernet_unified learns several tasks",
                )
