"""The order in which a network takes a picture's colours, as far as its training states it: RGB, or BGR."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from sceneparse.errors import UserError
from sceneparse.networks import SceneParser
from sceneparse.settings import PreprocessingSettings
from sceneparse.weights.importing.stated import Stated, named

ORDERS = (
    *("input_space", "input_format", "image_mode", "pixel_format", "color_space", "colour_space", "channel_order"),
    *("channels_order", "color_order", "colour_order", "color_mode", "color_format"),
)
"""What trainings call it, with a text as value; `input_space` and `input_format` are those of
segmentation_models_pytorch and detectron2."""

IS_BGR = ("bgr", "is_bgr", "use_bgr", "input_bgr")
"""What says it by being true."""

TURNS = ("to_rgb", "bgr_to_rgb")
"""What says by being false that colours stay as they were read, which is as BGR by OpenCV alone."""


@dataclass(frozen=True)
class Order:
    """What a training states of the order.

    Args:
        bgr: Where it says that the network takes BGR; "" where it takes RGB, or nothing is said.
        unturned: Where it says that colours stay as they were read, and nothing says in which order; "" elsewhere.
        warnings: What may mean another order, or is none that can be had, for people.
    """

    bgr: str = ""
    unturned: str = ""
    warnings: tuple[str, ...] = ()


def order_of(stated: Sequence[Stated]) -> Order:
    """Return the order that is stated.

    Args:
        stated: What the file says beside its weights.
    """
    texts = {one.path: one.value.strip().upper() for one in named(stated, *ORDERS) if isinstance(one.value, str)}
    texts |= {one.path: "BGR" for one in named(stated, *IS_BGR) if one.value is True}
    if bgr := next((path for path, text in texts.items() if text == "BGR"), ""):
        return Order(bgr)
    unturned = [one.path for one in named(stated, *TURNS) if one.value is False and "RGB" not in texts.values()]
    warnings = [
        f"{path} is {text}: pictures are given to a network as RGB here, and in no other form"
        for path, text in texts.items()
        if text in OTHERS
    ]
    warnings += [
        f"{path} is false: taken to be of pictures that are read as RGB; if yours were read by OpenCV, which "
        "gives BGR, write 'input_space': 'BGR' beside the mean in the file and import it again"
        for path in unturned
    ]
    return Order(unturned=next(iter(unturned), ""), warnings=tuple(warnings))


OTHERS = frozenset({"HSV", "HLS", "LAB", "LUV", "YUV", "YCBCR", "YCRCB", "L", "GRAY", "GREY", "GRAYSCALE", "RGBA"})
"""Forms of pictures that are not read out of words that mean something else."""


def as_rgb(preprocessing: PreprocessingSettings) -> PreprocessingSettings:
    """Return a normalisation in the order BGR as that of RGB."""
    return replace(preprocessing, mean=preprocessing.mean[::-1], std=preprocessing.std[::-1])


def turn_first(network: SceneParser, where: str) -> None:
    """Turn a network that takes BGR into one that takes RGB: its first convolution, which is changed.

    Args:
        network: The network.
        where: The file, for people.

    Raises:
        UserError: Its first convolution is not known.
    """
    weights = dict(network.backbone.body.named_parameters())
    first = next((weights[name] for name in network.backbone.first_weights() if name in weights), None)
    if first is None or first.ndim != 4 or first.shape[1] != 3:
        raise UserError(
            f"{where}: its network takes BGR, and its first convolution is not known; flip that weight's second axis "
            "and its mean and std, and import the file without the word BGR"
        )
    with torch.no_grad():
        first.copy_(first.flip(1))
