"""Steps against failures: settings of a recipe, or options of a test, that are offered where they change something."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sceneparse.diagnosing.origin import Origin
from sceneparse.inference.protocol import TestProtocol
from sceneparse.settings import Recipe

DEEPER = {
    "resnet10t": "resnet18",
    "resnet14t": "resnet18",
    "resnet18": "resnet34",
    "resnet34": "resnet50",
    "resnet50": "resnet101",
    "resnet101": "resnet152",
    "resnet50s": "resnet101s",
    "resnet101s": "resnet152s",
    "mobilenetv2_035": "mobilenetv2_100",
    "mobilenetv2_050": "mobilenetv2_100",
    "mobilenetv2_100": "resnet50",
    "convnext_tiny": "convnext_small",
    "convnext_small": "convnext_base",
    "vit_small_patch14_dinov2": "vit_base_patch14_dinov2",
    "vit_small_patch16_dinov3": "vit_base_patch16_dinov3",
}
"""The next larger backbone of those that recipes have."""

CELL = 8
"""Crops grow by multiples of this: 473 and 713, whose maps pyramid pooling divides evenly, stay of their kind."""


@dataclass(frozen=True)
class Step:
    """Something that may help.

    Args:
        text: What to do, without a full stop; what is to be typed stands between backticks.
        settings: The settings of a recipe that it changes, by their dotted names; none for options of a test.
    """

    text: str
    settings: Mapping[str, Any] = field(default_factory=dict)


Offer = Callable[[Origin, TestProtocol], Step | None]
"""Makes a step; None where it does not apply."""


def given(settings: Mapping[str, Any]) -> str:
    """Return settings as they are typed: "--loss.class_weights median"."""
    return " ".join(f"--{name} {_typed(value)}" for name, value in settings.items())


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{','.join(map(_typed, value))}]" if isinstance(value, tuple) else str(value)


def steps(offers: Sequence[Offer], origin: Origin, protocol: TestProtocol) -> list[Step]:
    """Return the steps that apply, and that change the recipe into another one that is accepted.

    Args:
        offers: What may help, the best first.
        origin: What is known of the model's training.
        protocol: By which protocol it was tested.
    """
    found = [one for offer in offers if (one := offer(origin, protocol)) is not None]
    return [one for one in found if not one.settings or origin.accepts(one.settings)]


def whole_pictures(origin: Origin, protocol: TestProtocol) -> Step | None:
    """Test whole pictures, where windows were."""
    if protocol.window is None:
        return None
    return Step(f"see what a test of whole pictures gives: `{origin.test} --protocol whole`")


def averaged_tests(scales: str) -> Offer:
    """Return what offers to average over scales and the mirror image, whichever of them the test lacked.

    That may help the mean and cost single classes nearly all that they have, above all rare and small ones: it is no
    step against a failure of one class.
    """

    def offer(origin: Origin, protocol: TestProtocol) -> Step | None:
        single = len(protocol.scales) == 1
        lacking = ["scales"] * single + ["the mirror image"] * (not protocol.flip)
        if not lacking:
            return None
        chosen = scales if single else " ".join(f"{one:g}" for one in protocol.scales)
        return Step(
            f"see what an average over {' and '.join(lacking)} gives, which needs no training and can be worse for "
            f"single classes: `{origin.test} --scales {chosen} --flip`"
        )

    return offer


def larger_crop(origin: Origin, _: TestProtocol) -> Step | None:
    """Train on larger crops, where they don't show whole pictures already."""
    crop = origin.recipe.augmentation.crop
    if crop is None or (origin.short is not None and min(crop) >= origin.short):
        return None
    larger = {"augmentation.crop": tuple(side + CELL * round(side / (2 * CELL)) for side in crop)}
    return Step(f"train on larger crops, with fewer pictures a step where memory ends (`{given(larger)}`)", larger)


def global_context(origin: Origin, _: TestProtocol) -> Step | None:
    """Use pyramid pooling, where the network looks at the neighbourhood alone."""
    if origin.recipe.network.architecture not in ("fcn", "linear"):
        return None
    settings = {"network.architecture": "pspnet"}
    return Step(f"let pyramid pooling see the whole picture (`{given(settings)}`)", settings)


def finer_maps(origin: Origin, _: TestProtocol) -> Step | None:
    """Keep finer maps: a smaller stride, or levels down to stride 4."""
    if origin.recipe.network.architecture.startswith("upernet"):
        return None
    finer = {"network.output_stride": 8}
    if origin.recipe.network.stride > CELL and origin.accepts(finer):
        return Step(f"keep finer maps (`{given(finer)}`)", finer)
    levels = {"network.architecture": "upernet", "network.output_stride": 32}
    return Step(f"fuse finer maps, down to stride 4 (`{given(levels)}`)", levels)


def deeper_backbone(origin: Origin, _: TestProtocol) -> Step | None:
    """Take the next larger backbone, where its weights are as easily had."""
    backbone = origin.recipe.backbone
    name = backbone.name.partition(".")[0]  # without the tag of its weights
    if origin.recipe.init.model is not None or backbone.weights not in (None, "hub") or name not in DEEPER:
        return None
    settings = {"backbone.name": DEEPER[name]}
    return Step(f"train on a deeper backbone (`{given(settings)}`)", settings)


def pretrained(origin: Origin, _: TestProtocol) -> Step | None:
    """Start from pretrained weights, where the backbone started from random ones."""
    if not origin.known or origin.recipe.init.model is not None or origin.recipe.backbone.weights is not None:
        return None
    settings = {"backbone.weights": "hub"}
    return Step(f"start from pretrained weights (`{given(settings)}`)", settings)


def wider_scales(origin: Origin, _: TestProtocol) -> Step | None:
    """Resize training pictures by a wider range of factors, where factors decide their size."""
    augmentation = origin.recipe.augmentation
    if augmentation.short is not None or augmentation.crop is None:
        return None
    low, high = augmentation.scale
    settings = {"augmentation.scale": (min(low, 0.5), max(high, 2.0))}
    return Step(f"resize training pictures more widely (`{given(settings)}`)", settings)


def _setting(text: str, name: str, value: Any, lacks: Callable[[Recipe], bool]) -> Offer:
    """Return what offers one setting.

    Args:
        text: What it does.
        name: Its dotted name.
        value: Its value.
        lacks: Whether a recipe has nothing of the kind.
    """
    settings = {name: value}
    step = Step(f"{text} (`{given(settings)}`)", settings)
    return lambda origin, _: step if lacks(origin.recipe) else None


averaged_weights = _setting(
    "keep a moving average of the weights",
    "training.average.decay",
    0.999,
    lambda recipe: recipe.training.average.decay is None,
)
class_weights = _setting(
    "let rare classes weigh more in the loss",
    "loss.class_weights",
    "median",
    lambda recipe: recipe.loss.class_weights is None,
)
repeated_pictures = _setting(
    "draw training pictures that show rare classes more often",
    "sampling.repeat_threshold",
    0.1,
    lambda recipe: recipe.sampling.repeat_threshold == 0,
)
rare_crops = _setting(
    "lay crops over rare classes", "sampling.rare_crops", 0.5, lambda recipe: recipe.sampling.rare_crops == 0
)
copy_paste = _setting(
    "paste things of rare classes onto other training pictures",
    "augmentation.copy_paste",
    0.5,
    lambda recipe: recipe.augmentation.copy_paste == 0,
)
deep_supervision = _setting("train with an auxiliary head", "network.aux", True, lambda recipe: not recipe.network.aux)
changed_colors = _setting(
    "change training pictures' colours",
    "augmentation.photometric",
    True,
    lambda recipe: not recipe.augmentation.photometric and recipe.augmentation.color == 0,
)
border_loss = _setting(
    "let pixels near borders weigh more in the loss",
    "loss.kind",
    "boundary_cross_entropy",
    lambda recipe: recipe.loss.kind == "cross_entropy",
)
