"""Protocols: how a picture is tested. Figures of different protocols cannot be compared."""

import dataclasses
import json
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Literal

from sceneparse.arguments import check_type
from sceneparse.errors import UserError
from sceneparse.settings import LearntSizes, ProtocolSettings
from sceneparse.settings.protocol import ProtocolName


@dataclass(frozen=True)
class TestProtocol:
    """How a picture is tested, with every value filled in.

    Args:
        name: The known protocol that it started from.
        resize: Long, short or both sides brought to `size` ("long", "short", "square", "fixed") or left alone ("none").
        size: That side in pixels, at scale 1; under "fixed" a height and a width.
        max_long: Upper bound of the long side under "short", at every scale.
        above: Under "short": pictures whose short side is at most this stay at their own size; None resizes all.
        antialias: Whether pictures are resized with antialiasing and rounded to whole values. With `above`, those alone
            that are larger.
        upsampling: Whether scores come to the picture's size "once", from the network's maps, or "twice", by the tested
            size; those of windows always come by it.
        window: Height and width of sliding windows; None tests the whole picture.
        stride: Step of the windows as a fraction of their size.
        scales: Multiples of the (resized) picture whose scores are averaged.
        flip: Also average the scores of the mirrored picture.
        average: What is averaged over windows, scales and mirror images.
        blend: How overlapping windows are averaged: "mean" (alike) or "hann" (by a Hann weight).
        crf: Whether labels are those of a dense conditional random field over the averaged scores (see `crf`).
        absent: How the mean IoU counts classes that occur neither in truth nor in prediction.
        multiple: Resized sides are rounded up to multiples of this; no setting, but given by the known protocol.
    """

    __test__: ClassVar[bool] = False  # by its name pytest would take it for a test

    name: ProtocolName = "whole"
    resize: Literal["none", "long", "short", "square", "fixed"] = "none"
    size: int | tuple[int, int] | None = None
    max_long: int | None = None
    above: int | None = None
    antialias: bool = False
    upsampling: Literal["once", "twice"] = "once"
    window: tuple[int, int] | None = None
    stride: float = 2 / 3
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    average: Literal["logits", "probabilities"] = "logits"
    blend: Literal["mean", "hann"] = "mean"
    crf: bool = False
    absent: Literal["skip", "zero"] = "skip"
    multiple: int = 1

    def input_size(self, size: tuple[int, int], scale: float) -> tuple[int, int]:
        """Return the height and width at which a picture of that size is tested at that scale.

        Halves are rounded as the published protocols round them: to even under "long", else up. Protocols with a
        `multiple` drop the fraction before they round up, and antialiased ones as torchvision and transformers do.
        """
        if self.resize in ("square", "fixed"):
            height, width = self._both(scale)
            return height, width
        if self.keeps(size):
            factor = scale
        else:
            side = self._both(scale)[0]
            factor = side / (max(size) if self.resize == "long" else min(size))
            if self.max_long is not None:
                factor = min(factor, self.max_long / max(size))
        height, width = (self._rounded(side * factor, self.antialiases(size)) for side in size)
        return height, width

    def keeps(self, size: tuple[int, int]) -> bool:
        """Return whether a picture of that height and width is tested at its own size, at scale 1."""
        return self.resize == "none" or (self.above is not None and min(size) <= self.above)

    def antialiases(self, size: tuple[int, int]) -> bool:
        """Return whether a picture of that height and width is resized with antialiasing."""
        return self.antialias and (self.above is None or not self.keeps(size))

    def tested_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width at which a picture is tested, at the scale that is next to 1."""
        return self.input_size(size, min(self.scales, key=lambda scale: abs(math.log(scale))))

    def seen_pixels(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return how many pixels of a picture of that height and width the network sees: at a time, and in all."""
        largest, total = 0, 0.0
        for scale in self.scales:
            height, width = self.input_size(size, scale)
            if self.window is None:
                largest, total = max(largest, height * width), total + height * width
            else:
                window = self.window[0] * self.window[1]
                largest, total = max(largest, window), total + max(window, height * width / self.stride**2)
        return largest, round(total * (2 if self.flip else 1))

    def at_own_size(self) -> "TestProtocol":
        """Return the protocol without what `above` resizes, for what has no learnt scale."""
        if self.above is None:
            return self
        return dataclasses.replace(self, resize="none", size=None, above=None, antialias=False)

    def as_used(self, resized: bool) -> "TestProtocol":
        """Return the protocol that figures hold for, by whether any picture was resized.

        Figures of pictures that were all left as they are compare with those of models that know no sizes.
        """
        return self if resized else self.at_own_size()

    def _rounded(self, side: float, antialiased: bool) -> int:
        if self.multiple > 1:
            return max(1, math.ceil(math.floor(side) / self.multiple)) * self.multiple
        if antialiased:
            return max(1, math.floor(side + 1e-6))  # a whole number may come out as the one below
        return max(1, round(side) if self.resize == "long" else math.floor(side + 0.5))

    def _both(self, scale: float) -> tuple[int, int]:
        """Return the height and width in pixels at a scale; a single number is both."""
        assert self.size is not None  # `resolve` has checked it
        height, width = (self.size, self.size) if isinstance(self.size, int) else self.size
        return max(1, round(scale * height)), max(1, round(scale * width))

    def describe(self) -> str:
        """Describe the protocol in one line, differently for any two whose figures can't be compared."""
        preset = PRESETS[self.name]
        if self.name == "window":  # the size of its windows is for the user to say
            preset = dataclasses.replace(preset, window=self.window)
        usual = self.at_own_size() if self.name == "whole" else self  # that of models that know their sizes
        clauses = [
            self._describe_size(),
            self._describe_windows(),
            "with mirror image" if self.flip else "no mirror image",
        ]
        if self.window is not None or self.flip or len(self.scales) > 1:
            clauses.append(f"{self.average} averaged")
        if self.upsampling == "twice":
            clauses.append("scores resized twice")
        if self.crf:
            clauses.append("dense CRF")
        clauses.append("absent classes left out" if self.absent == "skip" else "absent classes count as 0")
        return f"{self.name}{'' if usual == preset else ' (changed)'}: {', '.join(clauses)}"

    def _describe_size(self) -> str:
        antialiased = " antialiased" if self.antialias else ""
        if self.above is None:
            return self._describe_sides() + antialiased
        return f"{self._describe_own()} up to short side {self.above}, above it {self._describe_sides()}{antialiased}"

    def _describe_own(self) -> str:
        return "own size" + ("" if self.scales == (1.0,) else " x " + ", ".join(f"{s:g}" for s in self.scales))

    def _describe_sides(self) -> str:
        if self.resize == "none":
            return self._describe_own()
        both = [self._both(scale) for scale in self.scales]
        if self.resize == "fixed":
            return "height x width " + ", ".join(f"{height}x{width}" for height, width in both)
        sides = ", ".join(str(side) for side, _ in both)
        text = f"both sides {sides}" if self.resize == "square" else f"{self.resize} side {sides}"
        if self.max_long is not None:
            text += f" (long side at most {self.max_long})"
        return text if self.multiple == 1 else f"{text} rounded up to multiples of {self.multiple}"

    def _describe_windows(self) -> str:
        if self.window is None:
            return "whole picture"
        fraction = Fraction(self.stride).limit_denominator(12)
        step = str(fraction) if abs(fraction - self.stride) < 1e-3 else f"{self.stride:g}"
        blended = " blended by Hann weights" if self.blend == "hann" else ""
        return f"windows {self.window[0]}x{self.window[1]} at stride {step}{blended}"

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON would give them back.

        What came later than the first files that hold a protocol is left out where it changes nothing, so that these
        still say the same.
        """
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        for name, before in (("blend", "mean"), ("antialias", False), ("upsampling", "once"), ("above", None)):
            if plain[name] == before:
                del plain[name]
        return plain

    def described(self) -> dict[str, Any]:
        """Return `to_json` with the description."""
        return {**self.to_json(), "description": self.describe()}


PRESETS: dict[ProtocolName, TestProtocol] = {
    # The picture as it is.
    "whole": TestProtocol("whole"),
    # Sliding windows over the picture as it is.
    "window": TestProtocol("window"),
    # The original PyTorch release of PSPNet (github.com/hszhao/semseg, tool/test.py). Exact. Its multi-scale figures
    # have scales 0.5, 0.75, 1, 1.25, 1.5, 1.75.
    "semseg": TestProtocol(
        "semseg",
        resize="long",
        size=512,
        window=(473, 473),
        flip=True,
        average="probabilities",
        absent="zero",
    ),
    # MMSegmentation's ADE20K configurations (keep_ratio (2048, 512), mode "whole"). It resizes the logits to the
    # network's input and these to the picture; here that is one step. Its bound on the long side grows with the scale
    # in multi-scale tests; here it stays.
    "mmseg": TestProtocol("mmseg", resize="short", size=512, max_long=2048),
    # CSAIL's release (github.com/CSAILVision/semantic-segmentation-pytorch): short sides 300, 375, 450, 525, 600.
    # Sides are multiples of 8, as with its dilated networks; with its UPerNets they are multiples of 32. It rounds the
    # resized picture to whole grey values; here it isn't rounded.
    "csail": TestProtocol(
        "csail",
        resize="short",
        size=450,
        max_long=1000,
        scales=(2 / 3, 5 / 6, 1.0, 7 / 6, 4 / 3),
        average="probabilities",
        absent="zero",
        multiple=8,
    ),
}
"""The known protocols, and where they differ from what was published."""


_SOME_SIZES = LearntSizes(short=1, largest=1, seen=(1, 1))


def check_protocol(settings: ProtocolSettings) -> None:
    """Refuse a protocol that holds together for no model, before a model is fetched.

    What depends on the sizes that the model learnt from is for `resolve` to refuse, once these are known.

    Args:
        settings: As `resolve` takes them.

    Raises:
        UserError: Values that don't fit each other, or would have no effect, whatever the model knows.
    """
    # Known sizes only ever add a resizing, with which more settings have an effect.
    resolve(settings, _SOME_SIZES)


def resolve(settings: ProtocolSettings, sizes: LearntSizes | None = None) -> TestProtocol:
    """Return the named protocol with the given values in place of its own.

    Under "csail" `scales` are multiples of a short side of 450, under "semseg" of a long side of 512.

    Args:
        settings: The protocol's name and what differs from it.
        sizes: The sizes that the model learnt from, for the size "auto". Without, pictures keep their own size.

    Raises:
        UserError: Values that don't fit each other, or would have no effect.
    """
    example = "ProtocolSettings('whole', flip=True) of sceneparse.settings"
    check_type("protocol", settings, ProtocolSettings, f"settings, such as {example}")
    preset = PRESETS[settings.name]
    given = {
        field.name: value
        for field in dataclasses.fields(settings)
        if (value := getattr(settings, field.name)) is not None
    }
    protocol = dataclasses.replace(preset, **_sized(preset, given, sizes or LearntSizes()))
    if protocol.resize != "none" and protocol.size is None:
        raise UserError(
            f"protocol.resize is '{protocol.resize}', but protocol.size is not set: give that side in pixels"
        )
    if (two := len(settings.sides) == 2) != (protocol.resize == "fixed") and protocol.size is not None:
        says = "a height and a width" if two else "a single side"
        fits = "'fixed', or leave protocol.resize out" if two else "'square', 'short' or 'long', or give both sides"
        raise UserError(f"protocol.size is {says}, but protocol.resize is '{protocol.resize}': set it to {fits}")
    if protocol.window is None and settings.name == "window":
        raise UserError("protocol.name is 'window', but protocol.window is not set: give a height and a width")
    nothing_resized = protocol.resize == "none" and protocol.scales == (1.0,)
    idle = {
        "size": (
            protocol.resize == "none" and settings.size not in (None, "own", "auto"),
            "protocol.resize is 'none'; set it to 'long', 'short', 'square' or 'fixed', or leave it out",
        ),
        "max_long": (protocol.resize != "short", f"protocol.resize is '{protocol.resize}'; set it to 'short'"),
        "antialias": (
            nothing_resized,
            "protocol.resize is 'none' and the only scale is 1: nothing is resized",
        ),
        "upsampling": (
            nothing_resized or protocol.window is not None,
            "it is about whole pictures that are resized",
        ),
        "stride": (protocol.window is None, "the whole picture is tested; set protocol.window"),
        "blend": (protocol.window is None, "the whole picture is tested; set protocol.window"),
    }
    for name, (unused, why) in idle.items():
        if unused and name in given:
            raise UserError(f"protocol.{name} has no effect, since {why}")
    return dataclasses.replace(
        protocol,
        size=None if protocol.resize == "none" else protocol.size,
        max_long=None if idle["max_long"][0] else protocol.max_long,
        multiple=1 if protocol.resize in ("none", "square", "fixed") else protocol.multiple,
    )


def _sized(preset: TestProtocol, given: dict[str, Any], sizes: LearntSizes) -> dict[str, Any]:
    """Return the given values with what `size` stands for: "own", "auto", or a short side where nothing is resized.

    Raises:
        UserError: A size that contradicts the protocol's resizing, or "auto" for a model that doesn't know its sizes.
    """
    asked, own = given.get("size"), "resize" not in given and preset.resize == "none"
    if asked == "own":
        if given.get("resize", "none") != "none":
            raise UserError(
                f"protocol.size is 'own', but protocol.resize is '{given['resize']}': give that side in pixels, or "
                "leave protocol.resize out"
            )
        return {**given, "resize": "none", "size": None}
    if asked == "auto":
        if not own:
            raise UserError(
                f"protocol.size is 'auto', but the protocol resizes pictures itself "
                f"({given.get('resize', preset.resize)}): give a size in pixels, or protocol whole"
            )
        if not sizes.known:
            raise UserError(
                "protocol.size is 'auto', but the model does not know the sizes of the pictures that it learnt from: "
                "give the short side in pixels, or own"
            )
    elif asked is not None:
        if isinstance(asked, tuple | list):
            given = {"resize": "fixed", **given, "size": (asked[0], asked[1])}
            return {"antialias": True, **given} if own else given
        return {"antialias": True, **given, "resize": "short"} if own else given
    automatic = own and (asked == "auto" or (preset.name == "whole" and given.get("window") is None))
    if not (automatic and sizes.known):
        return given
    return {"antialias": True, **given, "resize": "short", "size": sizes.short, "above": sizes.largest}
