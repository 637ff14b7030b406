"""Engines, which compute the scores of pictures."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sceneparse.arguments import argument
from sceneparse.devices import (
    DTYPES,
    choose_device,
    choose_precision,
    device_name,
    float32_products,
    products_beside,
    trying,
)
from sceneparse.devices.memory import to_device
from sceneparse.errors import UserError, counted
from sceneparse.inference.compiled_sizes import CompiledSizes
from sceneparse.inference.cuda_recorder import CudaRecorder
from sceneparse.inference.epilogues import find_epilogues
from sceneparse.inference.foreseen_memory import ForeseenMemory
from sceneparse.inference.graphs import Graphs
from sceneparse.inference.lowering import lower_precision
from sceneparse.inference.program import ONE_TASK, Traits, prepared
from sceneparse.inference.worth_compiling import WorthCompiling
from sceneparse.networks import Output, SceneParser, UnifiedOutput, UnifiedUPerNet, normalize
from sceneparse.networks.exact.convolution import arrange_weights
from sceneparse.settings import Precision, PreprocessingSettings, Temperatures
from sceneparse.tasks import Task


class Engine(Protocol):
    """The interface of all engines; protocols, metrics and parsing know nothing else of a network.

    An engine of two classes may have a `threshold` besides: `deciding.threshold_of`. One whose classes are others in a
    mirror image has a `mirror_image`: `mirroring.mirror_image_of`. One whose probabilities have a temperature has
    `temperatures`: `tempering.temperatures_of`; the logits that it gives have seen none. One that `runs_beside` the
    program returns scores that are still being computed.
    """

    name: str
    """torch, compile, openvino or onnxruntime."""
    precision: str
    """float32, tf32, bfloat16, float16 or int8."""
    num_classes: int
    align_corners: bool
    """How its scores are resized to the picture's size."""

    @property
    def padding_color(self) -> Sequence[float]:
        """The colour for padding: the mean of each channel, 0..255, which is zero after normalisation."""
        ...

    def __call__(self, images: Tensor) -> Tensor:
        """Score pictures.

        Args:
            images: (N, C, H, W) values 0..255, any H and W; uint8, or float32 where a picture was resized or padded
                (rounding to whole values would move the scores away from the published protocols').

        Returns:
            (N, classes, h, w) float32 logits at the network's own stride.
        """
        ...

    def describe(self) -> str:
        """Describe in one line what computes, where and how."""
        ...


class TaskEngine(Engine, Protocol):
    """An engine that gives the scores of every task of a unified network."""

    def heads(self, images: Tensor, tasks: Sequence[str]) -> UnifiedOutput:
        """Score pictures for several tasks.

        Args:
            images: As in a call.
            tasks: Names of `networks.HEADS`; what is not asked for is not computed.

        Returns:
            The heads' logits in float32, maps at the network's own stride.

        Raises:
            UserError: The network has one task.
        """
        ...


class TorchEngine:
    """A network in PyTorch, in evaluation mode.

    It works on a copy: batch normalisation folded into the convolutions where that is exact, channels-last, convolution
    weights in the chosen precision. The network that was given stays as it is. For the network that is being trained
    use `TorchEngine.live`. On an NVIDIA GPU, sizes of pictures that come again are computed by recorded graphs.

    Args:
        network: A network on any device.
        preprocessing: How pictures are normalised; one value stands for all channels.
        device: auto (the GPU if there is one), cpu, cuda, cuda:N, mps, xpu or xpu:N.
        precision: float32, tf32, bfloat16, float16, or auto: bfloat16 where the device is faster in it, else float32.
        compile: Whether the network is compiled, for each of the first sizes of pictures that are met and once for the
            others. Graphs then hold what the compiler has made: fewer kernels, and none of them waited for. None: where
            it has a graph and so many pictures are still to come (`work_ahead`) that this pays.

    Raises:
        UserError: No such device, a precision that it cannot compute in, an operator that it lacks, or preprocessing
            for other channels.
    """

    network: SceneParser
    graphs: Graphs | None
    compiling: WorthCompiling | None
    _compute: Callable[..., Any]

    def __init__(
        self,
        network: SceneParser,
        preprocessing: PreprocessingSettings,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
        compile: bool | None = False,  # noqa: A002 - the field's word
    ) -> None:
        chosen = choose_device(device)
        traits = Traits.of(network, preprocessing)
        if trying.is_unsure(chosen):

            def attempt(precision: Precision) -> None:
                self._make(network, traits, chosen, precision)
                self._try()

            trying.first_working(trying.precisions_to_try(chosen, precision), chosen, attempt)
        else:
            self._make(network, traits, chosen, choose_precision(chosen, precision))
        if compile:
            self.name = "compile"
            self._compute = CompiledSizes(self.network)
        if chosen.type == "cuda":
            self._record_graphs(compile)

    def _record_graphs(self, compile: bool | None) -> None:  # noqa: A002 - as above
        if compile is not None:
            self.graphs = Graphs(CudaRecorder(self.device, compiled=compile))
            return
        compiled = cache(lambda: CompiledSizes(self.network))  # made when it is first needed: that alone takes a second
        self.compiling = WorthCompiling(
            lambda pictures, tasks: self._computed(pictures, tasks, compiled()),
            CudaRecorder(self.device, compiled=True),
            self.device,
        )
        self.graphs = Graphs(CudaRecorder(self.device), better=self.compiling.better)

    def _make(self, network: SceneParser, traits: Traits, device: torch.device, precision: Precision) -> None:
        """Put a copy of the network on the device, in a precision."""
        dtype = DTYPES[precision]
        network, self.folded, self._norms = prepared(network, traits.channels)
        if dtype != torch.float32:
            # On a CPU oneDNN adds the bias, and what is left fits into caches.
            epilogues = find_epilogues(network, traits.channels) if device.type == "cuda" else None
            lower_precision(network, dtype)
            if epilogues is not None:
                epilogues.fuse()
        network = network.to(device).to(memory_format=torch.channels_last)
        arrange_weights(network)
        self._set(network, traits, device, precision, live=False)

    def _try(self) -> None:
        """Score a tiny picture for every task, and fail as the device fails."""
        side = max(self._traits.smallest, trying.SMALLEST_SIDE)
        picture = torch.arange(self._traits.channels * side * side).remainder(251).to(torch.uint8)
        output = self._scored(picture.view(1, -1, side, side), self._traits.tasks or (Task.OBJECT,))
        for logits in output:
            if logits is not None:
                trying.refuse_not_finite(logits)

    @classmethod
    def live(
        cls, network: SceneParser, preprocessing: PreprocessingSettings, *, precision: Precision = "auto"
    ) -> "TorchEngine":
        """Make an engine over the very network that is being trained: neither copied nor folded.

        It runs where the network is. The caller puts the network in evaluation mode before, and back in training mode
        after; scoring with a network in training mode is refused, since it would change its statistics.
        """
        engine = cls.__new__(cls)
        device = next(network.parameters()).device
        engine.folded, engine._norms = 0, sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
        chosen = choose_precision(device, precision)
        engine._set(network, Traits.of(network, preprocessing), device, chosen, live=True)
        return engine

    def _set(
        self, network: SceneParser, traits: Traits, device: torch.device, precision: Precision, *, live: bool
    ) -> None:
        self.name = "torch"
        self.memory = ForeseenMemory(device)
        self.graphs = self.compiling = None
        self.network = network
        self._compute = network
        self.device = device
        self.precision: str = precision
        self._products = products_beside(precision, device)
        self.num_classes: int = traits.num_classes
        self.align_corners: bool = traits.align_corners
        self.threshold: float = traits.threshold
        self.mirror_image: tuple[int, ...] = traits.mirror_image
        self.temperatures: Temperatures = traits.temperatures
        self.padding_color: tuple[float, ...] = traits.padding_color
        self._traits = traits
        self._dtype = DTYPES[precision]
        self._live = live

    def __call__(self, images: Tensor) -> Tensor:
        """Score pictures; see `Engine`.

        Raises:
            UserError: The network cannot be compiled on this machine.
        """
        return self._scored(images, (Task.OBJECT,)).logits.float()

    def heads(self, images: Tensor, tasks: Sequence[str]) -> UnifiedOutput:
        """Score pictures for several tasks; see `TaskEngine`."""
        output = self._scored(images, tasks)
        if not isinstance(output, UnifiedOutput):
            raise UserError(ONE_TASK)
        return UnifiedOutput(*(None if logits is None else logits.float() for logits in output))

    def _scored(self, images: Tensor, tasks: Sequence[str]) -> Output | UnifiedOutput:
        if self.network.training:
            raise RuntimeError("the network is in training mode; call network.eval() before scoring with it")
        # A training network may keep constants that it makes on the way; made in inference mode they could never
        # enter a backward pass again.
        with torch.no_grad() if self._live else torch.inference_mode():
            if not self._live:  # else other processes may have to compute with it
                # Nothing is compiled for it: that takes longer, and saves but a part of the memory.
                self.memory.announce(
                    images, tuple(tasks), lambda some: self._computed(some.to(self.device), tasks, self.network)
                )
            if self.graphs is None:
                return self._computed(to_device(images, self.device), tasks)
            found = self.graphs(lambda pictures: self._computed(pictures, tasks), images, self.device, tuple(tasks))
            kind = UnifiedOutput if isinstance(self.network, UnifiedUPerNet) else Output
            return kind(*found)  # type: ignore[arg-type] # an Output always has logits

    def _computed(
        self, images: Tensor, tasks: Sequence[str], compute: Callable[..., Any] | None = None
    ) -> Output | UnifiedOutput:
        """Compute what is asked for of pictures on the device, by default as the engine does."""
        pixels = normalize(images, self._traits.mean, self._traits.std).contiguous(memory_format=torch.channels_last)
        with float32_products(self._products), self._autocast():
            return self._output(pixels, tasks) if compute is None else compute(pixels, *self._asked(tasks))

    def _asked(self, tasks: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """What the network takes beside pictures."""
        return (tuple(tasks),) if isinstance(self.network, UnifiedUPerNet) else ()

    def _output(self, pixels: Tensor, tasks: Sequence[str]) -> Output | UnifiedOutput:
        try:
            output: Output | UnifiedOutput = self._compute(pixels, *self._asked(tasks))
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = " ".join(str(error).split("\n", 1)[0].split())
            raise UserError(
                f"engine compile: PyTorch cannot compile this network here ({reason}); use "
                f"{argument('engine', 'torch')}"
            ) from error
        return output

    def _autocast(self) -> AbstractContextManager[object]:
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self._dtype)

    @property
    def runs_beside(self) -> bool:
        """Whether the device computes beside the program, and copies are known to be whole when their event is."""
        return self.device.type == "cuda"

    def describe(self) -> str:
        """Describe in one line what computes, where and how."""
        name = device_name(self.device)
        threads = f", {counted(torch.get_num_threads(), 'thread')}" if self.device.type == "cpu" else ""
        folded = f"{self.folded} of {self._norms} batch normalisations folded"
        compiled = ", compiled" if self.name == "compile" else ""
        if self.graphs is not None:
            compiled += f", no graphs ({self.graphs.failure})" if self.graphs.failure else ", CUDA graphs"
        if self.compiling is not None:
            compiled += self.compiling.describe()
        return f"PyTorch {torch.__version__} on {name}{threads}, {self.precision}{compiled}, {folded}"
