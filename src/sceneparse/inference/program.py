"""A network as a program for other runtimes: pictures in, logits and labels out, for any size and batch."""

import copy
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from sceneparse.arguments import argument
from sceneparse.errors import UserError, counted
from sceneparse.inference.deciding import HALF, decided
from sceneparse.inference.fold import fold_batch_norm
from sceneparse.inference.foreseen_memory import ForeseenMemory
from sceneparse.networks import SceneParser, UnifiedOutput, UnifiedUPerNet, normalize, resize
from sceneparse.networks.backbones import Backbone
from sceneparse.networks.exact.convolution import arrange_weights
from sceneparse.settings import PreprocessingSettings, Temperatures
from sceneparse.tasks import Task

INPUT, LOGITS, LABELS = "images", "logits", "labels"
"""Names of what an exported program takes and gives: logits and labels are the objects'. Behind them come the logits of
the other tasks that the network has a head for, by the tasks' names.
"""

ONE_TASK = "this model predicts the objects alone: there are no other tasks to ask for"
"""The error line for other tasks of a network of one task."""

SMALLEST, LARGEST = Backbone.smallest, 32768
"""Least and largest height and width that an exported program takes, in pixels. With fewer, a map at stride 32 has one
row, which an exporter takes for one that is repeated. Backbones whose maps have fewer rows take no fewer than they say.
"""


class TooSmallError(UserError):
    """An error for a picture of fewer rows or columns than an engine takes.

    Args:
        message: The line.
        smallest: How many it takes at least.
    """

    def __init__(self, message: str, smallest: int = SMALLEST) -> None:
        super().__init__(message)
        self.smallest = smallest


class ConversionError(UserError):
    """An error for a network that a runtime or an exporter cannot take.

    Args:
        reason: What it cannot take; engines add that PyTorch takes it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; use {argument('engine', 'torch')}")
        self.reason = reason


@dataclass(frozen=True)
class Traits:
    """The facts about a network that protocols need to know of its engine.

    Args:
        channels: Channels of the input.
        num_classes: Number of classes.
        align_corners: How its scores are resized to the picture's size.
        mean: Mean of each channel in 0..1.
        std: Standard deviation of each channel in 0..1.
        tasks: The tasks of a unified network, in the order of `networks.HEADS`; none where there are the objects alone.
        smallest: Rows and columns of a picture that an exported program takes at least.
        threshold: Of two classes, the second is taken where its probability is above this.
        mirror_image: The class that each class is in a mirror image; empty where all stay what they are.
        temperatures: What its logits, which are given as they are, are divided by before they become probabilities.
    """

    channels: int
    num_classes: int
    align_corners: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]
    tasks: tuple[str, ...] = ()
    smallest: int = SMALLEST
    threshold: float = HALF
    mirror_image: tuple[int, ...] = ()
    temperatures: Temperatures = field(default_factory=Temperatures)

    @classmethod
    def of(cls, network: SceneParser, preprocessing: PreprocessingSettings) -> "Traits":
        """Return the traits of a network.

        Raises:
            UserError: Preprocessing for another number of channels.
        """
        channels = _channels(network)
        mean, std = _per_channel(preprocessing.mean, channels), _per_channel(preprocessing.std, channels)
        tasks = network.tasks if isinstance(network, UnifiedUPerNet) else ()
        smallest = network.backbone.smallest
        return cls(
            channels, network.num_classes, network.align_corners, mean, std, tasks, smallest, network.threshold,
            network.mirror_image, network.temperatures,
        )  # fmt: skip

    @property
    def padding_color(self) -> tuple[float, ...]:
        """The colour for padding: the mean of each channel, 0..255, which is zero after normalisation."""
        return tuple(255 * value for value in self.mean)


class Program(nn.Module):
    """A module that turns pictures of values 0..255 into logits and, if wanted, the labels of their pixels.

    It works on a copy of the network, in float32, on the CPU, in evaluation mode, batch normalisations folded.

    Args:
        network: On any device, in any mode; it stays as it is.
        preprocessing: How pictures are normalised; one value stands for all channels.
        labels: Whether labels come behind the logits.

    Raises:
        UserError: Preprocessing for another number of channels.
    """

    def __init__(self, network: SceneParser, preprocessing: PreprocessingSettings, *, labels: bool = False):
        super().__init__()
        self.traits = Traits.of(network, preprocessing)
        self.network, self.folded, self.norms = prepared(network, self.traits.channels)
        arrange_weights(self.network)
        self.labels = labels
        self.eval()

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of its outputs."""
        return (LOGITS, *((LABELS,) if self.labels else ()), *_others(self.traits.tasks))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Turn pictures (N, C, H, W) float32, 0..255, into the outputs that `outputs` names.

        These are (N, classes, h, w) logits, (N, H, W) int32 labels, and the logits of the other tasks: (N, scenes) of
        the scene, (N, classes, h, w) of the others.
        """
        output = self.network(normalize(images, self.traits.mean, self.traits.std))
        found = [output.logits]
        if self.labels:
            size = (images.shape[-2], images.shape[-1])
            full = resize(output.logits, size, self.traits.align_corners)
            found.append(decided(full, self.traits.threshold, dim=1).to(torch.int32))
        return (*found, *(getattr(output, task) for task in _others(self.traits.tasks)))


Run = Callable[[Tensor], list[Tensor]]
"""Runs a program: (N, C, H, W) float32 pictures, 0..255, to the outputs that it was made for."""


class ProgramEngine:
    """An engine over an exported program; see `TaskEngine`. Outputs that are not asked for are not computed.

    Args:
        traits: What the program is.
        prepare: Makes what computes these outputs, named as in `Program.outputs`.
        device: Where it computes.
    """

    name: str
    precision: str
    of_file = False
    """Whether the program is a file that somebody exported, which no other engine takes."""

    def __init__(self, traits: Traits, prepare: Callable[[tuple[str, ...]], Run], device: torch.device) -> None:
        self.num_classes = traits.num_classes
        self.align_corners = traits.align_corners
        self.threshold = traits.threshold
        self.mirror_image = traits.mirror_image
        self.temperatures = traits.temperatures
        self.padding_color = traits.padding_color
        self.smallest = traits.smallest
        self.tasks = traits.tasks
        self.memory = ForeseenMemory(device, self.release_memory)
        self._run: Callable[[tuple[str, ...]], Run]
        if traits.tasks:
            self._run = cache(prepare)
        else:
            # There is one thing to ask for, so `prepare`, which holds the weights a second time, isn't kept.
            run = prepare((LOGITS,))
            self._run = lambda _: run

    def __call__(self, images: Tensor) -> Tensor:
        """Score pictures; see `Engine`.

        Raises:
            TooSmallError: Pictures of fewer pixels a side than the program takes.
        """
        (logits,) = self._scored(images, (LOGITS,))
        return logits

    def heads(self, images: Tensor, tasks: Collection[str]) -> UnifiedOutput:
        """Score pictures for several tasks; see `TaskEngine`.

        Raises:
            UserError: The program has one task, or as in a call.
        """
        if not self.tasks:
            raise UserError(ONE_TASK)
        asked = tuple(task for task in self.tasks if task in tasks)
        scored = self._scored(images, tuple(LOGITS if task == Task.OBJECT else task for task in asked))
        return UnifiedOutput(**{**dict.fromkeys(UnifiedOutput._fields), **dict(zip(asked, scored, strict=True))})

    def release_memory(self) -> bool:
        """Give back what the runtime keeps of a picture for the next, if it does; return whether that was possible."""
        return True

    def _scored(self, images: Tensor, outputs: tuple[str, ...]) -> list[Tensor]:
        refuse_small(images, self.name, self.smallest, of_file=self.of_file)

        def run(some: Tensor) -> list[Tensor]:
            return self._run(outputs)(some.float().contiguous().cpu())

        self.memory.announce(images, outputs, run)
        return run(images)


def _others(tasks: Sequence[str]) -> tuple[str, ...]:
    """Return all tasks but the objects."""
    return tuple(task for task in tasks if task != Task.OBJECT)


def prepared(network: SceneParser, channels: int) -> tuple[SceneParser, int, int]:
    """Return a copy for inference, how many of its batch norms were folded, and how many it had."""
    network = copy.deepcopy(network).cpu().float().eval().requires_grad_(False)
    folded, norms = fold_batch_norm(network, channels)
    return network, folded, norms


def without_in_place(program: Program) -> Program:
    """Let a program's activations write beside what they read, and return the program: its results stay the same.

    A converter rewrites what is written in place; with sizes that are only known at run time that took it half of its
    time (torch 2.14: 88 ms for each ReLU6 of a MobileNetV2, 8 ms for one that writes beside).
    """
    for module in program.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    return program


@torch.no_grad()
def exported(program: Program) -> ExportedProgram:
    """Return the program as a graph for any batch, height and width.

    Raises:
        ConversionError: The network does something that PyTorch cannot export.
    """
    if (reason := program.network.backbone.unexportable) is not None:
        raise ConversionError(reason)
    # Odd and unequal sizes, so that nothing looks the same by accident.
    example = torch.zeros(2, program.traits.channels, 97, 129)
    smallest = program.traits.smallest
    sides = {2: Dim("height", min=smallest, max=LARGEST), 3: Dim("width", min=smallest, max=LARGEST)}
    with warnings.catch_warnings(), converting("PyTorch"):
        warnings.simplefilter("ignore")
        return torch.export.export(
            program,
            (example,),
            dynamic_shapes={INPUT: {0: Dim("batch", min=1, max=1024), **sides}},
            # That k·(w+1) is divisible by w+1 is beyond the solver, which would allow only some sizes.
            prefer_deferred_runtime_asserts_over_guards=True,
        )


def refuse_small(images: Tensor, engine: str, smallest: int, *, of_file: bool = False) -> None:
    """Refuse pictures so small that an exported program would give wrong answers.

    Args:
        images: (N, C, H, W).
        engine: The engine's name.
        smallest: Rows and columns that it takes at least.
        of_file: Whether it is over an exported file, for which there is no other engine.

    Raises:
        TooSmallError: Fewer rows or columns than `smallest`.
    """
    height, width = images.shape[-2:]
    if min(height, width) < smallest:
        way = "give the model folder instead of the exported file" if of_file else f"use {argument('engine', 'torch')}"
        raise TooSmallError(
            f"engine {engine} takes pictures of at least {smallest} pixels a side, not {height}×{width}; {way}",
            smallest,
        )


@contextmanager
def converting(what: str) -> Iterator[None]:
    """Turn an exporter's exceptions, of whatever kind, into one that names the exporter."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        # OpenVINO names the operations it lacks far below its first line.
        reason = next((line for line in lines if "No conversion rule" in line), lines[0])
        raise ConversionError(f"{what} cannot export this network ({reason[:300]})") from error


def _channels(network: SceneParser) -> int:
    """Return the channels of the pictures that a network takes."""
    if network.backbone.in_channels is not None:
        return network.backbone.in_channels
    first = next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None:
        raise ValueError("a scene parser needs at least one convolution")
    return first.in_channels


def _per_channel(values: Sequence[float], channels: int) -> tuple[float, ...]:
    if len(values) not in (1, channels):
        raise UserError(
            f"preprocessing has {counted(len(values), 'value')}, but the network takes {counted(channels, 'channel')}: "
            "give one each"
        )
    return tuple(values) * (channels // len(values))
