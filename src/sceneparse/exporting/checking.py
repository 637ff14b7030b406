"""Compare an exported file with PyTorch, so that no file is used that gives other answers."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from sceneparse.exporting.record import Check
from sceneparse.inference import Engine, TaskEngine, TorchEngine
from sceneparse.inference.deciding import HALF, decided, threshold_of
from sceneparse.inference.exported_file import Format, open_exported
from sceneparse.inference.program import Traits
from sceneparse.networks import resize
from sceneparse.tasks import Task
from sceneparse.weights.model import Model

CHECKED = ((97, 161), (200, 136), (256, 256), (333, 250), (65, 480))
"""Sizes at which an exported file is compared with PyTorch."""

ERROR, EQUAL = 1e-4, 0.9999
"""What is demanded of a float32 file at each size: the largest relative error, the least share of equal labels."""


def check_export(model: Model, path: Path, format: Format) -> Iterator[Check]:  # noqa: A002 - the command's word
    """Run an exported float32 file on noise of five sizes and compare all its outputs with PyTorch's.

    Args:
        model: The model.
        path: Its exported file.
        format: The file's format.
    """
    expected = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    tasks = Traits.of(model.network, model.config.preprocessing).tasks
    if format == "torch":
        scores = _program_scores(path)
    else:
        scores = partial(_engine_scores, open_exported(path, device="cpu", precision="float32")[0], tasks)
    generator = torch.Generator().manual_seed(0)
    for height, width in CHECKED:
        noise = torch.rand(1, model.config.backbone.in_channels, height // 8, width // 8, generator=generator)
        images = resize(255 * noise, (height, width), align_corners=False)
        pairs = list(zip(_engine_scores(expected, tasks, images), scores(images), strict=True))
        errors = [float((found - truth).abs().max() / truth.abs().max()) for truth, found in pairs]
        equal = [equal_share(*(_winners(one, (height, width), expected) for one in pair)) for pair in pairs]
        yield Check(height, width, max(errors), min(equal))


def agrees(check: Check) -> bool:
    """Return whether a file's answers are close enough to PyTorch's to be used."""
    return check.error <= ERROR and check.equal >= EQUAL


def equal_share(first: Tensor, second: Tensor) -> float:
    """Return the share of elements that are equal, 0..1."""
    return float((first == second).double().mean())


def _engine_scores(engine: TaskEngine, tasks: tuple[str, ...], images: Tensor) -> list[Tensor]:
    """Return the logits of the objects, then those of the other tasks, in the order of an exported program."""
    if not tasks:
        return [engine(images)]
    output = engine.heads(images, tasks)
    return [output.logits, *(getattr(output, task) for task in tasks if task != Task.OBJECT)]


def _program_scores(path: Path) -> Callable[[Tensor], list[Tensor]]:
    """Return a function that runs a torch.export program and drops its labels, which come second."""
    program = torch.export.load(path).module()

    def scores(images: Tensor) -> list[Tensor]:
        logits, _, *others = program(images)
        return [logits, *others]

    return scores


def _winners(scores: Tensor, size: tuple[int, int], engine: Engine) -> Tensor:
    """Return the best class of each pixel, or of the picture for a task with one answer a picture."""
    if scores.dim() == 2:
        return scores.argmax(dim=1)
    threshold = threshold_of(engine) if scores.shape[1] == engine.num_classes else HALF
    return decided(resize(scores, size, engine.align_corners), threshold, dim=1)
