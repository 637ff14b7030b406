"""The labels of one frame after the other: smoothed or not, and how much they flicker."""

import numpy as np
from numpy.typing import NDArray

from sceneparse.inference.finite import finite
from sceneparse.inference.scoring import label
from sceneparse.inference.smoothing import SmoothedEngine
from sceneparse.parsing.parser import Parser
from sceneparse.parsing.runs.video.label_frames import LabelFrames
from sceneparse.parsing.runs.video.timeline import Flicker, SceneCuts


class FrameLabels:
    """Labels the frames of a video in their order.

    Args:
        parser: The model; it is asked for the objects alone.
        smooth: Weight of the frames before in the average of the scores, 0 (none) up to below 1; begins anew at a scene
            cut.
        frames: Label maps of an earlier run, which are taken instead of asking the network. With smoothing it is asked
            all the same, since the average needs its scores.

    Attributes:
        flicker: Of the labels that are given.
        unsmoothed: Of the labels that would be given without smoothing; the same where there is none.
        cuts: Numbers of the frames that begin a new scene.
    """

    def __init__(self, parser: Parser, smooth: float, frames: LabelFrames | None) -> None:
        self._parser, self._frames = parser, frames
        self._engine = finite(parser.engine, parser.name)
        self._smoothed = SmoothedEngine(self._engine, smooth) if smooth else None
        self._is_cut = SceneCuts()
        self._count = 0
        self.flicker = Flicker()
        self.unsmoothed = Flicker() if smooth else self.flicker
        self.cuts: list[int] = []

    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.int16], tuple[int, int]]:
        """Label the next frame.

        Args:
            pixels: (H, W, 3) uint8 RGB.

        Returns:
            (H, W) class indices, and what `Flicker.add` says of them.

        Raises:
            UserError: Pixels that the model does not take, or scores that are not finite.
        """
        index, self._count = self._count, self._count + 1
        if cut := self._is_cut(pixels):
            self.cuts.append(index)
        labels = self._labels(index, pixels, cut)
        return labels, self.flicker.add(labels, cut=cut)

    def _labels(self, index: int, pixels: NDArray[np.uint8], cut: bool) -> NDArray[np.int16]:
        protocol = self._parser.protocol
        if self._smoothed is None:
            if self._frames is not None and self._frames.there(index):
                return self._frames.read(index)
            return np.asarray(label(self._engine, self._parser.read(pixels), protocol).numpy())
        image = self._parser.read(pixels)
        self._smoothed.begin_frame(cut=cut)
        labels = np.asarray(label(self._smoothed, image, protocol).numpy())
        self.unsmoothed.add(label(self._smoothed.unsmoothed(), image, protocol).numpy(), cut=cut)
        return labels
