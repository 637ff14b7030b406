"""The label maps of a unified network's tasks, by the label kernel; parts, which compete within an object, in bands."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from sceneparse.inference import tasks as predicting
from sceneparse.inference.protocol import TestProtocol
from sceneparse.inference.tasks import predict_tasks, predict_tasks_batch
from sceneparse.inference.winners import winners_by_kernels
from sceneparse.networks import UnifiedOutput
from sceneparse.networks.exact.reading import Arriving
from sceneparse.settings import Temperatures
from sceneparse.tasks import Task
from tests.support.kernels import Run
from tests.support.unified import TASKS, random_output


class Fixed:
    """An engine that gives the same logits of every head whatever it is shown."""

    name, precision, num_classes, align_corners, padding_color = "fixed", "float32", 3, False, (0.0,)
    temperatures = Temperatures(object=1.5, part=2.0, material=0.7)

    def __init__(self, output: Sequence[Tensor]) -> None:
        self.output = UnifiedOutput(*output)

    def __call__(self, images: Tensor) -> Tensor:
        return self.output.logits[: len(images)]

    def heads(self, images: Tensor, _: Sequence[str]) -> UnifiedOutput:
        return UnifiedOutput(*(None if one is None else one[: len(images)] for one in self.output))

    def describe(self) -> str:
        return self.name


def parsed(output: Sequence[Tensor], images: Tensor, average: Any) -> tuple[list[list[Tensor]], int]:
    """Labels and probabilities by task of the first picture and of a batch; how often the kernel was asked for."""
    engine, protocol = Fixed(output), TestProtocol(average=average)
    plain, count = winners_by_kernels, 0

    def counted(*given: Any) -> tuple[Arriving, Arriving]:
        nonlocal count
        count += 1
        return plain(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predicting, "winners_by_kernels", counted)
        alone = predict_tasks(engine, images[0], protocol, TASKS)
        found = [alone, *predict_tasks_batch(engine, images, protocol, TASKS)]
    maps = [one.map(task) for one in found for task in (Task.OBJECT, Task.PART, Task.MATERIAL, Task.TEXTURE)]
    return [[one.labels, one.confidence] for one in maps if one is not None], count


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_every_task_is_labelled_as_on_the_cpu(run: Run, average: str) -> None:
    output = [3 * one for one in random_output(2, requires_grad=False) if one is not None]
    images = torch.zeros(2, 3, 9, 14, dtype=torch.uint8)
    wanted, without = parsed(output, images, average)
    found, asked = run(parsed, output, images, average)
    assert (without, asked) == (0, 9), "objects, materials and textures of three pictures"
    assert len(found) == len(wanted) == 12
    for (labels, confidence), (expected, sure) in zip(found, wanted, strict=True):
        assert torch.equal(labels, expected)
        torch.testing.assert_close(confidence, sure, rtol=0, atol=1e-6)
