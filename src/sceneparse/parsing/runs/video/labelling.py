"""The labels of one frame after the other: smoothed or not, and how much they flicker."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneparse.inference.finite import finite
from sceneparse.inference.later import Later, behind
from sceneparse.inference.scoring import begin_labels
from sceneparse.inference.smoothing import SmoothedEngine
from sceneparse.parsing.batches import Kind, begun_together, most_together
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.runs.video.label_frames import LabelFrames
from sceneparse.parsing.runs.video.timeline import Flicker, SceneCuts

Item = TypeVar("Item")


class Labelled(NamedTuple):
    """A frame that was labelled.

    Args:
        labels: (H, W) int16 class indices.
        changed: What `Flicker.add` says of them.
        cut: Whether it begins a new scene.
    """

    labels: NDArray[np.int16]
    changed: tuple[int, int]
    cut: bool


class _Seen(NamedTuple):
    """A frame that was looked at, or what comes between frames.

    Args:
        item: What was given.
        number: The frame's number; -1 of what is none.
        cut: Whether it begins a new scene.
        image: (3, H, W) uint8, where the network is to be asked.
        pixels: How many the frame has.
    """

    item: object
    number: int = -1
    cut: bool = False
    image: Tensor | None = None
    pixels: int = 0


_Maps = tuple[Tensor, ...]
"""A frame's labels, and, where they are smoothed, those that they would be without."""


class FrameLabels:
    """Labels the frames of a video in their order.

    Args:
        parser: The model; it is asked for the objects alone.
        smooth: Weight of the frames before in the average of the scores, 0 (none) up to below 1; begins anew at a scene
            cut.
        frames: Label maps of an earlier run, which are taken instead of asking the network. With smoothing it is asked
            all the same, since the average needs its scores.
        live: Whether frames come by themselves: then each is labelled before the next one is waited for.

    Attributes:
        together: How many frames are labelled at once.
        flicker: Of the labels that are given.
        unsmoothed: Of the labels that would be given without smoothing; the same where there is none.
    """

    def __init__(self, parser: Parser, smooth: float, frames: LabelFrames | None, *, live: bool = False) -> None:
        self._parser, self._frames = parser, frames
        self._engine = finite(parser.engine, parser.name)
        self._smoothed = SmoothedEngine(self._engine, smooth) if smooth else None
        self._is_cut = SceneCuts()
        self._count = 0
        # Each average needs the one before.
        self.together = 1 if live or smooth else most_together(parser)
        self._behind = 0 if live else behind(parser.engine, parser.protocol)
        self.flicker = Flicker()
        self.unsmoothed = Flicker() if smooth else self.flicker

    def __call__(
        self, items: Iterable[Item], pixels_of: Callable[[Item], NDArray[np.uint8] | None]
    ) -> Iterator[tuple[Item, Labelled | None]]:
        """Label frames; on a GPU several at once, and beside what is made of those before.

        Args:
            items: Frames, and whatever else comes between them.
            pixels_of: Gives a frame's pixels, (H, W, 3) uint8 RGB; None of what is none.

        Yields:
            Each item in its order, with what was found in a frame.

        Raises:
            UserError: Pixels that the model does not take, or scores that are not finite.
        """
        seen = (self._look(item, pixels_of(item)) for item in items)
        begun = begun_together(
            seen,
            lambda one: None if one.image is None else one,
            lambda one: _kind(one.image),
            self._begin,
            most=self.together,
            behind=self._behind,
            held_of=lambda one: one.pixels,
        )
        for one, later in begun:
            yield one.item, None if one.number < 0 else self._finished(one, later)  # type: ignore[misc] # as it was given

    def _look(self, item: object, pixels: NDArray[np.uint8] | None) -> _Seen:
        if pixels is None:
            return _Seen(item)
        number, self._count = self._count, self._count + 1
        cut = self._is_cut(pixels)
        there = self._smoothed is None and self._frames is not None and self._frames.there(number)
        image = None if there else self._parser.read(pixels)
        return _Seen(item, number, cut, image, pixels.shape[0] * pixels.shape[1])

    def _begin(self, frames: Sequence[_Seen]) -> list[Later[_Maps]]:
        images = [frame.image for frame in frames if frame.image is not None]
        batch = images[0][None] if len(images) == 1 else torch.stack(images)
        protocol = self._parser.protocol
        if self._smoothed is None:
            maps = [[labels] for labels in begin_labels(self._engine, batch, protocol)]
        else:
            self._smoothed.begin_frame(cut=frames[0].cut)
            smoothed = begin_labels(self._smoothed, batch, protocol)
            own = begin_labels(self._smoothed.unsmoothed(), batch, protocol)
            maps = [list(pair) for pair in zip(smoothed, own, strict=True)]
        verdict = self._engine.verdict()
        return [partial(_judged, verdict, one) for one in maps]

    def _finished(self, frame: _Seen, later: Later[_Maps] | None) -> Labelled:
        if later is None:
            assert self._frames is not None
            labels = self._frames.read(frame.number)
        else:
            maps = [np.asarray(one.numpy()) for one in later()]
            labels = maps[0]
            if self._smoothed is not None:
                self.unsmoothed.add(maps[1], cut=frame.cut)
        return Labelled(labels, self.flicker.add(labels, cut=frame.cut), frame.cut)


def _kind(image: Tensor | None) -> Kind:
    assert image is not None
    return Kind(image.shape, image.shape[-2] * image.shape[-1])


def _judged(verdict: Later[None], maps: Sequence[Later[Tensor]]) -> _Maps:
    """Return a frame's labels, unless its scores were not finite: that is there when the labels are."""
    found = tuple(later() for later in maps)
    verdict()
    return found
