"""Choose an engine: by name, or the fastest that is installed and takes the network."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from importlib.util import find_spec

import torch
from torch import Tensor

from sceneparse.devices import choose_device
from sceneparse.errors import UserError
from sceneparse.inference.deciding import threshold_of
from sceneparse.inference.engine import Engine, TaskEngine, TorchEngine
from sceneparse.inference.foreseen_memory import ForeseenMemory, memory_of
from sceneparse.inference.mirroring import mirror_image_of
from sceneparse.inference.onnx_engine import OnnxEngine
from sceneparse.inference.openvino_engine import OpenVINOEngine
from sceneparse.inference.program import SMALLEST, ConversionError
from sceneparse.inference.tempering import temperatures_of
from sceneparse.networks import SceneParser, UnifiedOutput
from sceneparse.settings import Precision, PreprocessingSettings
from sceneparse.settings.engine import ENGINE_NAMES, TORCH_ALONE
from sceneparse.settings.engine import EngineName as EngineName

OF_FILES = "an exported file has its own engine"
"""Why it is the engine that it is, of a model that is a file."""


class FittingEngine:
    """An engine that leaves the smallest pictures, which it cannot take, to a PyTorch engine made on demand.

    Args:
        engine: The engine for all others.
        small: Makes the one for pictures that are smaller than it takes.
    """

    def __init__(self, engine: TaskEngine, small: Callable[[], TaskEngine]) -> None:
        self._engine = engine
        self._smallest = smallest_side(engine)
        self._make_small = small
        self.name, self.precision = engine.name, engine.precision
        self.num_classes, self.align_corners = engine.num_classes, engine.align_corners
        self.threshold = threshold_of(engine)
        self.mirror_image = mirror_image_of(engine)
        self.temperatures = temperatures_of(engine)
        self.padding_color = engine.padding_color

    @property
    def memory(self) -> ForeseenMemory | None:
        """What foresees the memory of its pictures: large ones are the other engine's."""
        return memory_of(self._engine)

    @cached_property
    def _small(self) -> TaskEngine:
        return self._make_small()

    def __call__(self, images: Tensor) -> Tensor:
        """Score pictures; see `Engine`."""
        return self._fitting(images)(images)

    def heads(self, images: Tensor, tasks: Sequence[str]) -> UnifiedOutput:
        """Score pictures for several tasks; see `TaskEngine`."""
        return self._fitting(images).heads(images, tasks)

    def _fitting(self, images: Tensor) -> TaskEngine:
        return self._small if min(images.shape[-2:]) < self._smallest else self._engine

    def describe(self) -> str:
        """Describe in one line what computes, where and how."""
        return self._engine.describe()


def smallest_side(engine: Engine) -> int:
    """Return how many rows and columns a picture must have for an engine that does not take all."""
    return getattr(engine, "smallest", SMALLEST)


def make_engine(
    network: SceneParser,
    preprocessing: PreprocessingSettings,
    *,
    engine: EngineName = "auto",
    device: str | torch.device = "auto",
    precision: Precision = "auto",
) -> TaskEngine:
    """Make an engine for a network, which stays as it is.

    Args:
        network: A network on any device.
        preprocessing: How pictures are normalised.
        engine: torch, compile (PyTorch, compiled), openvino, onnxruntime, or auto: OpenVINO on a CPU if it is installed
            and converts the network, else torch. On a GPU that is torch, which on an NVIDIA GPU compiles the network
            where so many pictures are still to come (`work_ahead`) that this pays.
        device: auto (the GPU if there is one), cpu, cuda, cuda:N, mps, xpu or xpu:N.
        precision: float32, tf32 (on GPUs that have it), bfloat16, float16, or auto: bfloat16 where the device is faster
            in it, else float32 (ONNX Runtime: float32).

    Raises:
        UserError: An engine that is not installed, or a device or a precision that it does not have.
    """
    name = chosen_engine(engine, device, precision)
    make_torch = partial(TorchEngine, network, preprocessing, device=device, precision=precision)
    if engine == "auto" and name == "torch":
        return make_torch(compile=None)
    try:
        made = ENGINES[name](network, preprocessing, device=device, precision=precision)
    except ConversionError:
        if engine != "auto":
            raise
        return make_torch()
    return FittingEngine(made, make_torch) if engine == "auto" else made


def chosen_engine(engine: EngineName, device: str | torch.device, precision: Precision) -> str:
    """Return the engine's name; for auto, that of the one which `make_engine` tries first.

    Raises:
        UserError: No such engine.
    """
    if engine == "auto":
        on_cpu = choose_device(device).type == "cpu"
        return "openvino" if on_cpu and precision not in TORCH_ALONE and find_spec("openvino") else "torch"
    if engine not in ENGINES:
        raise UserError(f"engine '{engine}' is unknown: use {', '.join(ENGINE_NAMES)}")
    return engine


def why_auto(device: str | torch.device, precision: Precision) -> str:
    """Return in a few words why auto takes the engine that it takes."""
    if choose_device(device).type != "cpu":
        return "it computes on a GPU, as no other engine does"
    if precision in TORCH_ALONE:
        return f"PyTorch alone computes in {precision}"
    if not find_spec("openvino"):
        return "OpenVINO is not installed: pip install 'sceneparse[openvino]'"
    return "OpenVINO is installed, and takes this network"


def _compiled(
    network: SceneParser,
    preprocessing: PreprocessingSettings,
    *,
    device: str | torch.device = "auto",
    precision: Precision = "auto",
) -> TaskEngine:
    return TorchEngine(network, preprocessing, device=device, precision=precision, compile=True)


ENGINES: dict[str, Callable[..., TaskEngine]] = {
    "torch": TorchEngine,
    "compile": _compiled,
    "openvino": OpenVINOEngine.of,
    "onnxruntime": OnnxEngine.of,
}
"""Maker of each engine by its name, each with the arguments of `make_engine`."""
