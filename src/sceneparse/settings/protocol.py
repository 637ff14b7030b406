"""Settings of the protocol: how a picture is tested."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from sceneparse.errors import require
from sceneparse.settings.types import check_types

ProtocolName = Literal["whole", "window", "semseg", "mmseg", "csail"]
"""The known protocols; their values are in `sceneparse.inference.protocol.PRESETS`."""

PROTOCOL_NAMES: tuple[ProtocolName, ...] = get_args(ProtocolName)


@dataclass(frozen=True)
class ProtocolSettings:
    """How a picture is tested; stands beside every figure.

    Args:
        name: A known protocol (whole, window, semseg, mmseg, csail), whose values the other settings override.
        resize: What the picture is resized to before testing: "none", "long" (long side = size), "short"
            (short side = size), "square" (both sides = size, whatever the picture's shape) or "fixed" (the same with
            a size of two numbers, height and width).
        size: Side in pixels for `resize`; without `resize` the short side, or a height and a width. "own" leaves
            pictures as they are, "auto" brings those that are larger than what the model learnt from to the short side
            that it knows. Default: the known protocol's; of "whole", "auto" where the model knows its sizes.
        max_long: Upper bound of the long side under "short"; null for none.
        antialias: Resize with antialiasing, and round to whole values, as Pillow, torchvision and transformers' image
            processors do; the published protocols do neither. Default: where `size` brings pictures to a short side.
        upsampling: How scores come to the picture's size: "once", from the network's own maps, or "twice", by the size
            at which it was tested, as transformers' networks and processors do it.
        window: Height and width of sliding windows; null tests the whole picture.
        stride: Step of the windows as a fraction of their size.
        scales: Multiples of the (resized) picture whose scores are averaged.
        flip: Also average the scores of the mirrored picture.
        average: What is averaged over windows, scales and mirror images: "logits" or "probabilities".
        blend: How overlapping windows are averaged: "mean" (alike) or "hann" (by a Hann weight, which falls from a
            window's middle to its border, so that no seams show).
        crf: Align labels with the picture's edges by a dense conditional random field, as DeepLab does. Not for
            models of several tasks.
        absent: Mean IoU over classes that occur neither in truth nor in prediction: "skip" them or count them
            as "zero".
    """

    name: ProtocolName = "whole"
    resize: Literal["none", "long", "short", "square", "fixed"] | None = None
    size: int | tuple[int, int] | Literal["own", "auto"] | None = None
    max_long: int | None = None
    antialias: bool | None = None
    upsampling: Literal["once", "twice"] | None = None
    window: tuple[int, int] | None = None
    stride: float | None = None
    scales: tuple[float, ...] | None = None
    flip: bool | None = None
    average: Literal["logits", "probabilities"] | None = None
    blend: Literal["mean", "hann"] | None = None
    crf: bool | None = None
    absent: Literal["skip", "zero"] | None = None

    def __post_init__(self) -> None:
        check_types(self, "protocol")
        require(
            not isinstance(self.size, int | tuple | list) or min(self.sides) >= 1,
            f"protocol.size is {self.size}, but must be at least 1, own or auto",
        )
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

    def at_size(self, size: int | Literal["own", "auto"]) -> "ProtocolSettings":
        """Return the protocol with pictures at another size, without what it says of resizing that has no meaning then.

        Args:
            size: The side in pixels that the protocol resizes, which is the short one where it resizes nothing or each
                side by itself; "own" and "auto" as in `size`.

        Raises:
            UserError: It is no size.
        """
        if size == "own":
            return replace(self, size=size, resize=None, max_long=None, antialias=None, upsampling=None)
        resize = self.resize
        if size == "auto" or resize == "none":
            resize = None
        elif resize == "fixed" and isinstance(size, int):
            resize = "short"
        return replace(self, size=size, resize=resize)

    @property
    def sides(self) -> tuple[int, ...]:
        """The numbers in `size`: one side, a height and a width, or none."""
        if isinstance(self.size, int):
            return (self.size,)
        return tuple(self.size) if isinstance(self.size, tuple | list) else ()


ProtocolChange = Callable[[ProtocolSettings], ProtocolSettings]
"""Makes the protocol to test by of a model's own, such as `lambda own: replace(own, flip=True)`."""

ProtocolGiven = ProtocolSettings | ProtocolChange | Mapping[str, Any]
"""What calls take as a protocol: settings, what makes them of the model's own, or a mapping of what differs from it."""
