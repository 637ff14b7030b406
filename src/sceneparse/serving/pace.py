"""How long pictures take, model by model, so that nobody waits for an answer that cannot come in time."""

import math
import time
from collections.abc import Mapping

import torch

from sceneparse.inference import crf
from sceneparse.inference.protocol import TestProtocol
from sceneparse.parsing import Parser
from sceneparse.serving.cost import Cost, Timing
from sceneparse.serving.problems import Problem, advice_on
from sceneparse.serving.settings import ServeSettings

_SMALL = (192, 256)
"""Height and width of the small picture that a model is timed on."""

_LARGE = (1536, 2048)
"""Of the large one at least; it is doubled until its pixels are `_MORE` times what the network sees of it."""

_MORE = 4

_LEAST = math.prod(_SMALL)
"""Fewer pixels say little: what is the same for every picture takes most of their time."""

_QUICK = 2.0
"""A measurement of fewer seconds is repeated: an engine may prepare itself for a size that is new to it."""

_RENEWAL = 60.0
"""After so many seconds, and twenty times what measuring took, a model that refuses pictures is measured again."""

_PART = 1 / 10
"""Of the time limit that measuring a large picture may take while others may come."""

_SHOWING = 32 * 32
"""Fewer pixels show nothing: nobody is advised to send them."""

_SHAPES = ((1, 1), (3, 4), (2, 3), (9, 16), (1, 2))
"""Usual shapes, height to width; upright ones cost the same."""


class Paces:
    """What each model takes for a picture, as it was seen last, and which pictures it can parse here in time.

    Args:
        parsers: The models by name.
        settings: The service's limits.
    """

    def __init__(self, parsers: Mapping[str, Parser], settings: ServeSettings) -> None:
        self._parsers, self._settings = parsers, settings
        self._costs = {name: Cost() for name in parsers}
        self._due = dict.fromkeys(parsers, time.monotonic() + _RENEWAL)

    def measure(self) -> None:
        """Time every model; it has parsed a picture before."""
        for name in self._parsers:
            self.measure_model(name)

    def measure_model(self, model: str, *, waited_for: bool = False) -> None:
        """Time a model on a small grey picture, and on a large one that its network sees small, if it does so.

        Args:
            model: The model's name.
            waited_for: Whether pictures may come meanwhile, so that the large one must take a small part of their time.
        """
        began = time.monotonic()
        parser = self._parsers[model]
        try:
            small = _timed(parser, _SMALL)
            size = self._large(model, small, self._settings.time_limit * (_PART if waited_for else 1.0))
            self._costs[model].measured(small, None if size is None else _timed(parser, size))
        finally:
            ended = time.monotonic()
            self._due[model] = ended + max(_RENEWAL, 20 * (ended - began))

    def due(self, model: str) -> bool:
        """Return whether a model that has refused a picture shall be measured again; once until it is.

        A model that refuses whatever comes parses nothing that could show that it has become faster.

        Args:
            model: The model's name.
        """
        if time.monotonic() < self._due[model]:
            return False
        self._due[model] = math.inf
        return True

    def took(self, model: str, size: tuple[int, int], seconds: float) -> None:
        """Take note of a parse.

        Args:
            model: The model's name.
            size: The picture's height and width.
            seconds: How long it took.
        """
        seen, own = _work(self._parsers[model].protocol, size)
        if max(seen, own) >= _LEAST:
            self._costs[model].observe(Timing(seen, own, seconds))

    def foreseen(self, model: str, size: tuple[int, int]) -> float:
        """Return how many seconds a picture would take by what others took; 0 while nothing is known.

        Args:
            model: The model's name.
            size: The picture's height and width.
        """
        return self._costs[model].foreseen(*_work(self._parsers[model].protocol, size))

    def refuse(self, model: str, size: tuple[int, int]) -> None:
        """Refuse a picture that is too large for the model to parse here, before it is decoded.

        Args:
            model: The model's name.
            size: The picture's height and width.

        Raises:
            Problem: 413, it needs too much memory or time; it says the size at which it would be taken, if any.
        """
        if self._fits(model, size):
            return
        protocol = self._parsers[model].protocol
        at_once, _ = protocol.seen_pixels(size)
        tested = protocol.tested_size(size)
        shown = f"This model parses the picture at {_by(tested)} pixels"
        shown += ", its own size," if tested == size else f", for labels at {_by(size)},"
        if at_once > self._max_tested:
            why = f"{shown} and this service allows {self._max_tested:,} for a network."
        elif (needed := self._crf_bytes(model, size)) > self._settings.crf_bytes:
            why = (
                f"The CRF of this service's protocol takes about {needed / 2**30:,.1f} GiB for {_by(size)} pixels, and "
                f"{self._settings.crf_bytes / 2**30:,.1f} GiB are allowed."
            )
        else:
            seconds, limit = self.foreseen(model, size), self._settings.time_limit
            # Rounded up where it is close: what is refused takes more than is allowed.
            about = (
                f"{seconds:,.0f}" if limit >= 10 and seconds >= limit + 1 else f"{math.ceil(10 * seconds) / 10:,.1f}"
            )
            why = f"{shown} which takes about {about} s here, and this service allows {self._settings.time_limit:g} s."
        fits = self.fitting(model, size)
        if fits is None:
            advice = (
                "The model cannot parse it here at any size. Whoever runs the service can allow more "
                f"(--time-limit, --max-tested{', --crf-bytes' if protocol.crf else ''})."
            )
        else:
            advice = advice_on(fits)
        raise Problem(413, "too-many-pixels", f"{why} {advice}", fits=fits)

    def fitting(self, model: str, size: tuple[int, int]) -> tuple[int, int] | None:
        """Return the largest size of a picture's shape, no larger than it, at which the model can parse it here.

        Args:
            model: The model's name.
            size: The picture's height and width.

        Returns:
            Height and width; None if it cannot at any size that shows something.
        """
        for low, high in reversed(self._ranges(model, size)):
            side = self._largest(model, size, low, high)
            if side >= low:
                fits = _scaled(size, side)
                return fits if math.prod(fits) >= _SHOWING else None
        return None

    def most(self, model: str) -> int:
        """Return up to how many pixels the model can parse every picture of a usual shape here; 0 if none."""
        return self._clear(min(self._up_to(model, size) for size in self._usual()))

    def largest(self, model: str) -> int:
        """Return how many pixels the largest picture has that the model can parse here, of usual shapes; 0 if none.

        It is above `most` where a model parses large pictures at a smaller size than some that are less large.
        """
        fitting = [(size, self.fitting(model, size)) for size in self._usual()]
        return self._clear(max(0 if fits is None else self._pixels(fits, size) for size, fits in fitting))

    def most_at_once(self, model: str) -> int:
        """Return how many pixels of a picture of a usual shape go through the model's network at a time, at most."""
        fitting = [self.fitting(model, size) for size in self._usual()]
        protocol = self._parsers[model].protocol
        return max((protocol.seen_pixels(fits)[0] for fits in fitting if fits is not None), default=0)

    def _up_to(self, model: str, size: tuple[int, int]) -> int:
        """Return the pixels of the largest picture of a shape below which all fit."""
        found = 0
        for low, high in self._ranges(model, size):
            side = self._largest(model, size, low, high)
            if side >= low:
                found = self._pixels(_scaled(size, side), size)
            if side < high:
                break
        return found

    def _ranges(self, model: str, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Return ranges of short sides, of a shape and up to a size, within which larger pictures cost more.

        From one to the next it may cost less: what is above the sizes that a model learnt is brought to a smaller one.
        """
        short, above = min(size), self._parsers[model].protocol.above
        if above is None or above >= short:
            return [(1, short)]
        return [(1, above), (above + 1, short)]

    def _largest(self, model: str, size: tuple[int, int], low: int, high: int) -> int:
        """Return the largest short side within a range at which a shape fits; below the range if none does."""
        if self._fits(model, _scaled(size, high)):
            return high
        low -= 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._fits(model, _scaled(size, middle)) else (low, middle)
        return low

    def _fits(self, model: str, size: tuple[int, int]) -> bool:
        at_once, _ = self._parsers[model].protocol.seen_pixels(size)
        held = at_once <= self._max_tested and self._crf_bytes(model, size) <= self._settings.crf_bytes
        return held and self.foreseen(model, size) <= self._settings.time_limit

    def _crf_bytes(self, model: str, size: tuple[int, int]) -> int:
        """Return the memory that a CRF would take; 0 under a protocol without."""
        parser = self._parsers[model]
        return crf.peak_bytes(size, parser.engine.num_classes) if parser.protocol.crf else 0

    def _usual(self) -> list[tuple[int, int]]:
        """Return the largest pictures of usual shapes that the service takes, as height and width."""
        pixels, side = self._settings.max_pixels, self._settings.max_side
        heights = [
            max(1, min(math.isqrt(pixels * height // width), side * height // width)) for height, width in _SHAPES
        ]
        return [(height, max(1, min(pixels // height, side))) for height in heights]

    def _pixels(self, fits: tuple[int, int], size: tuple[int, int]) -> int:
        """Return the pixels of what fits; where `max_pixels` alone bounds its shape, all of them."""
        bounded = fits == size and max(size) < self._settings.max_side
        return self._settings.max_pixels if bounded else math.prod(fits)

    def _clear(self, pixels: int) -> int:
        return pixels if pixels >= min(_SHOWING, self._settings.max_pixels) else 0

    def _large(self, model: str, small: Timing, limit: float) -> tuple[int, int] | None:
        """Return the size of a picture that tells deciding from the network; None where there is none to be parsed.

        Args:
            model: The model's name.
            small: What the small picture took.
            limit: So many seconds it may take, as far as is known.
        """
        (height, width), protocol = _LARGE, self._parsers[model].protocol
        before = self._costs[model].foreseen(small.seen, small.own)
        while height * width <= self._settings.max_pixels and not protocol.crf:
            at_once, seen = protocol.seen_pixels((height, width))
            if _MORE * seen <= height * width:
                seconds = small.seconds / small.seen * seen
                if before:  # by as much slower or faster than it was before as the small picture was
                    seconds = self._costs[model].foreseen(seen, height * width) * small.seconds / before
                return (height, width) if at_once <= self._max_tested and seconds <= limit else None
            height, width = width, 2 * height
        return None

    @property
    def _max_tested(self) -> int:
        return min(self._settings.max_tested, self._settings.max_pixels)


def _timed(parser: Parser, size: tuple[int, int]) -> Timing:
    """Time a parse of a picture of that height and width, which comes at the size that the network sees.

    It is grey all over; with a CRF, which has little to do where there are few colours, it is noise.
    """
    protocol = parser.protocol
    decoded = size if protocol.crf else protocol.tested_size(size)
    shape = (parser.config.backbone.in_channels, *decoded)
    image = torch.full(shape, 128, dtype=torch.uint8)
    if protocol.crf:
        image.random_(generator=torch.Generator().manual_seed(0))
    took: list[float] = []
    while not took or (len(took) < 2 and took[0] < _QUICK):
        began = time.monotonic()
        parser.parse(image, size)
        took.append(time.monotonic() - began)
    return Timing(*_work(protocol, size), min(took))


def _work(protocol: TestProtocol, size: tuple[int, int]) -> tuple[int, int]:
    """Return the pixels that a picture's network sees, in all, and those that get labels and confidences.

    A CRF takes nearly all the time, and the more for a pixel the larger the picture is: with one, both are the pixels
    that would take so long if each took what it does in the small picture.
    """
    if protocol.crf:
        alike = round(math.prod(_SMALL) * crf.work(size) / crf.work(_SMALL))
        return alike, alike
    return protocol.seen_pixels(size)[1], math.prod(size)


def _scaled(size: tuple[int, int], short: int) -> tuple[int, int]:
    """Return the height and width of a picture of a size's shape with that short side."""
    height, width = (max(1, side * short // min(size)) for side in size)
    return height, width


def _by(size: tuple[int, int]) -> str:
    return f"{size[1]:,} × {size[0]:,}"
