"""Quantise a network's convolutions to 8-bit integers after training, with ranges taken from pictures (NNCF)."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.inference.deciding import threshold_of
from sceneparse.inference.engine import Engine
from sceneparse.inference.mirroring import mirror_image_of
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.scoring import label
from sceneparse.settings.engine import not_installed

if TYPE_CHECKING:
    import openvino

BYTES = 1 << 30
"""The inputs that are kept for calibration take at most so much memory."""

FLOATING = ["MatMul", "Interpolate", "TopK", "Pad"]
"""Left in floating point: resizing and pooling by matrices, whose small weights 8 bits would blur, and the labels."""


class Recorder:
    """An engine that wraps another and keeps its inputs, up to a limit.

    Args:
        engine: What gives the scores.
        limit: Most inputs to keep.
    """

    def __init__(self, engine: Engine, limit: int) -> None:
        self.engine = engine
        self.limit = limit
        self.inputs: list[NDArray[Any]] = []
        self.name, self.precision = engine.name, engine.precision
        self.num_classes, self.align_corners = engine.num_classes, engine.align_corners
        self.threshold = threshold_of(engine)
        self.mirror_image = mirror_image_of(engine)

    @property
    def padding_color(self) -> Iterable[float]:
        """See `Engine`."""
        return self.engine.padding_color

    @property
    def full(self) -> bool:
        """Whether no more inputs are kept."""
        return len(self.inputs) >= self.limit or sum(kept.nbytes for kept in self.inputs) >= BYTES

    def __call__(self, images: Tensor) -> Tensor:
        """Score pictures, and keep them one by one."""
        for image in images.unsqueeze(1):
            if not self.full:
                # What a protocol didn't resize is uint8, and is kept as small.
                self.inputs.append(image.cpu().numpy().copy())
        return self.engine(images)

    def describe(self) -> str:
        """See `Engine`."""
        return self.engine.describe()


def calibration_inputs(
    engine: Engine, pictures: Iterable[Tensor], protocol: TestProtocol, limit: int = 100
) -> list[NDArray[Any]]:
    """Collect the inputs that an engine gets when pictures are tested under a protocol.

    Args:
        engine: Any engine of the model.
        pictures: (C, H, W) uint8.
        protocol: How pictures are tested.
        limit: Most inputs; windows and scales of one picture count each.

    Returns:
        (1, C, h, w) uint8 or float32, 0..255.
    """
    recorder = Recorder(engine, limit)
    for picture in pictures:
        label(recorder, picture, protocol)  # type: ignore[arg-type]
        if recorder.full:
            break
    return recorder.inputs


def quantized(model: "openvino.Model", inputs: list[NDArray[Any]]) -> "openvino.Model":
    """Quantise a model's convolutions to int8.

    Args:
        model: What `converted` makes.
        inputs: What `calibration_inputs` gives.

    Raises:
        UserError: NNCF is missing, or no inputs.
    """
    nncf = installed()
    if not inputs:
        raise UserError(f"quantisation needs pictures to calibrate on: name some in {argument('calibration')}")
    nncf.set_log_level(40)
    state = torch.random.get_rng_state()
    try:
        with _without_cuda_warning():
            return nncf.quantize(
                model,
                nncf.Dataset(inputs, lambda image: image.astype(np.float32, copy=False)),
                subset_size=len(inputs),
                preset=nncf.QuantizationPreset.MIXED,
                ignored_scope=nncf.IgnoredScope(types=FLOATING, validate=False),
            )
    finally:
        torch.random.set_rng_state(state)


def installed() -> Any:
    """Import the nncf package.

    Raises:
        UserError: It is missing.
    """
    with _without_cuda_warning():
        try:
            import nncf
        except ImportError:
            raise not_installed("nncf") from None
    return nncf


@contextmanager
def _without_cuda_warning() -> Iterator[None]:
    """Keep torch from warning that there is no CUDA runtime: NNCF imports what builds extensions, and uses none."""
    logger = logging.getLogger("torch.utils.cpp_extension")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
