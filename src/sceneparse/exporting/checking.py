"""Compare an exported file with PyTorch, so that no file is used that gives other answers."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from sceneparse.exporting.record import Check
from sceneparse.exporting.running import open_whole
from sceneparse.inference import Engine, TorchEngine
from sceneparse.inference.deciding import HALF, decided, threshold_of
from sceneparse.inference.exported_file import Format
from sceneparse.inference.program import LABELS, LOGITS, Traits
from sceneparse.networks import resize
from sceneparse.tasks import Task
from sceneparse.weights.model import Model

CHECKED = ((1, 97, 161), (1, 200, 136), (1, 256, 256), (1, 333, 250), (2, 65, 480))
"""Batches and sizes at which an exported file is compared with PyTorch."""

ERROR, EQUAL = 1e-4, 0.9999
"""What is demanded of a float32 file at each size: the largest relative error, the least share of equal labels."""


def check_export(model: Model, path: Path, format: Format) -> Iterator[Check]:  # noqa: A002 - the command's word
    """Run an exported float32 file on noise of five sizes and compare all its outputs with PyTorch's.

    Args:
        model: The model.
        path: Its exported file.
        format: The file's format.

    Raises:
        UserError: The file is damaged.
        ConversionError: Its runtime cannot run it.
    """
    expected = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    tasks = Traits.of(model.network, model.config.preprocessing).tasks
    run = open_whole(path, format)
    generator = torch.Generator().manual_seed(0)
    for batch, height, width in CHECKED:
        noise = torch.rand(batch, model.config.backbone.in_channels, height // 8, width // 8, generator=generator)
        images = resize(255 * noise, (height, width), align_corners=False)
        truth, found = _scores(expected, tasks, images), run(images)
        given = found.pop(LABELS)
        errors, equal = [], []
        for name, scores in truth.items():
            winners = _winners(scores, (height, width), expected)
            errors.append(_error(scores, found[name]))
            equal.append(equal_share(winners, _winners(found[name], (height, width), expected)))
            if name == LOGITS:
                equal.append(equal_share(winners, given))
        # Of tensors, since Python's own `max` passes over what is no number.
        yield Check(height, width, float(torch.tensor(errors).max()), min(equal), batch)


def agrees(check: Check) -> bool:
    """Return whether a file's answers are close enough to PyTorch's to be used."""
    return check.error <= ERROR and check.equal >= EQUAL


def equal_share(first: Tensor, second: Tensor) -> float:
    """Return the share of elements that are equal, 0..1; of other shapes none is."""
    return float((first == second).double().mean()) if first.shape == second.shape else 0.0


def _error(truth: Tensor, found: Tensor) -> float:
    """Return the largest difference, relative to the largest value; infinity of other shapes."""
    if truth.shape != found.shape:
        return float("inf")
    return float((found - truth).abs().max() / truth.abs().max())


def _scores(engine: TorchEngine, tasks: tuple[str, ...], images: Tensor) -> dict[str, Tensor]:
    """Return the logits of every task by the names that they have in an exported program."""
    if not tasks:
        return {LOGITS: engine(images)}
    output = engine.heads(images, tasks)
    return {LOGITS if task == Task.OBJECT else task: getattr(output, task) for task in tasks}


def _winners(scores: Tensor, size: tuple[int, int], engine: Engine) -> Tensor:
    """Return the best class of each pixel, or of the picture for a task with one answer a picture."""
    if scores.dim() == 2:
        return scores.argmax(dim=1)
    threshold = threshold_of(engine) if scores.shape[1] == engine.num_classes else HALF
    return decided(resize(scores, size, engine.align_corners), threshold, dim=1)
