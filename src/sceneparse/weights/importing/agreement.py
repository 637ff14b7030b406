"""Where what a training says of itself differs from what its keys have, or means something that no model here does."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sceneparse.arguments import argument
from sceneparse.weights.importing.family import Recognition
from sceneparse.weights.importing.one_logit import HALF, THRESHOLD
from sceneparse.weights.importing.stated import Stated, named

COUNTS = ("num_classes", "n_classes", "nclasses", "num_labels", "nb_classes", "n_class", "num_class", "classes")
CHANNELS = ("in_channels", "in_chans", "input_channels", "n_channels", "num_channels")
SIZES = ("image_size", "img_size", "input_size", "crop_size", "resize", "imgsz")
IGNORED = ("ignore_index", "ignore_label", "ignored_index")
MODES = ("mode", "task", "problem_type", "loss_mode")
ACTIVATIONS = ("activation", "final_activation", "output_activation", "last_activation")

SOFTMAXES = ("softmax", "softmax2d", "logsoftmax", "identity", "none", "argmax", "argmax2d", "")
"""Activations of segmentation_models_pytorch, and their like, of which the greatest value is that of the logits."""

SIGMOIDS = ("multilabel", "multilabelclassification", "binary")
"""Modes in which each class is decided on its own, without hyphens."""


def disagreements(found: Recognition, stated: Sequence[Stated]) -> tuple[str, ...]:
    """Return a line on each setting that differs from what the keys have, and on each that is not taken.

    Args:
        found: What the keys were recognised as.
        stated: What the file says beside its weights.
    """
    return tuple(dict.fromkeys(_disagreements(found, stated)))


def _disagreements(found: Recognition, stated: Sequence[Stated]) -> Iterator[str]:
    count, channels = found.num_classes, found.backbone.in_channels
    fitting = (1, 2) if count == 1 else (count,)
    for one in named(stated, *COUNTS):
        if _is_number(one.value) and one.value not in fitting:
            yield f"{one.path} is {one.value}, but its classifier has {count}: that is taken"
    for one in named(stated, *CHANNELS):
        if one.group.count(".") == 0 and _is_number(one.value) and one.value != channels:
            yield f"{one.path} is {one.value}, but its first convolution takes {channels}: that is taken"
    for one in named(stated, *IGNORED):
        if _is_number(one.value) and 0 <= one.value < count:
            yield f"{one.path} is {one.value}: class {one.value} was ignored in its training, and never learnt"
    for one in stated:
        if count > 1 and THRESHOLD.match(one.key) and one.of_network and _is_share(one.value):
            advice = f"; of two classes, {argument('network.threshold', one.value)} sets it" if count == 2 else ""
            yield f"{one.path} is {one.value}: not taken, since each pixel gets the class that is the likeliest{advice}"
    for one in named(stated, *SIZES):
        if one.path.startswith("config.json."):
            continue  # what a backbone was made for; the size of pictures is the image processor's
        if _is_number(one.value) or (isinstance(one.value, list | tuple) and one.value):
            size = one.value if _is_number(one.value) else list(one.value)
            yield (
                f"{one.path} is {size}: not taken as a size to test at; to bring pictures to one, give "
                f"{argument('protocol.name', 'whole')}, {argument('protocol.resize')} and {argument('protocol.size')}"
            )


def decisions(found: Recognition, stated: Sequence[Stated]) -> tuple[str, ...]:
    """Return a warning where each class was decided on its own, or by something else than a probability.

    Args:
        found: What the keys were recognised as.
        stated: What the file says beside its weights.
    """
    several = found.num_classes > 1
    for one in named(stated, *ACTIVATIONS):
        if not isinstance(one.value, str) or one.value.lower() in SOFTMAXES:
            continue
        if one.value.lower() != "sigmoid":
            return (f"{one.path} is {one.value}: it is left out, and scores here are a softmax's of the logits",)
        if several:
            return (_each(f"{one.path} is {one.value}"),)
    for one in named(stated, *MODES):
        if several and isinstance(one.value, str) and re.sub("[-_]", "", one.value.lower()) in SIGMOIDS:
            return (_each(f"{one.path} is {one.value}"),)
    for one in named(stated, "multilabel", "multi_label", "sigmoid", "use_sigmoid"):
        if several and one.value is True:
            return (_each(f"{one.path} is true"),)
    for one in stated:
        if several and one.key in ("loss", "criterion", "loss_fn", "loss_name", "loss_type") and _is_binary(one.value):
            return (_each(f"{one.path} is {one.value}"),)
    return ()


def _each(why: str) -> str:
    return (
        f"decision: {why}, so that each class has a sigmoid of its own; here a pixel gets the one class whose value "
        "is the greatest, without a threshold, and scores are a softmax's"
    )


def _is_binary(loss: Any) -> bool:
    return isinstance(loss, str) and ("bce" in loss.lower() or "binary_cross" in loss.lower())


def _is_share(value: Any) -> bool:
    return isinstance(value, float) and 0 < value < 1 and value != HALF


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
