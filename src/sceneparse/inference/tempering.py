"""The probabilities of scores under a temperature (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).

A temperature acts on what a protocol has averaged: averaged logits are divided by it, and averaged probabilities are
raised to its inverse and brought to the sum of 1 again, which is the same of one view. So it never changes the order of
the classes, and labels are decided from scores that have seen no temperature.
"""

from torch import Tensor

from sceneparse.settings import Temperatures
from sceneparse.tasks import Task

NONE = 1.0
"""The temperature that changes nothing."""


def temperatures_of(engine: object) -> Temperatures:
    """Return an engine's temperatures; none for one that doesn't say."""
    found: Temperatures = getattr(engine, "temperatures", Temperatures())
    return found


def temperature_of(engine: object, task: Task = Task.OBJECT) -> float:
    """Return an engine's temperature for a task; 1 for one that doesn't say."""
    return temperatures_of(engine).of(task)


def tempered(probabilities: Tensor, temperature: float, dim: int = 0) -> Tensor:
    """Return averaged probabilities under a temperature.

    Args:
        probabilities: Of the classes along `dim`, which sum up to 1.
        temperature: 1 gives them back as they are.
        dim: The axis of the classes.
    """
    if temperature == NONE:
        return probabilities
    raised = (probabilities / probabilities.amax(dim=dim, keepdim=True)).pow_(1 / temperature)
    return raised.div_(raised.sum(dim=dim, keepdim=True))


def sureness(scores: Tensor, best: Tensor, temperature: float = NONE, *, logits: bool) -> Tensor:
    """Return the probability of a class at each pixel.

    Args:
        scores: (classes, ...) averaged logits or probabilities.
        best: (...) the score of that class.
        temperature: What the logits are divided by.
        logits: Whether the scores are logits.
    """
    if logits:  # its softmax: 1 / sum of exp(score - best score)
        differences = scores - best
        if temperature != NONE:
            differences.div_(temperature)
        return differences.exp_().sum(dim=0).reciprocal_()
    if temperature == NONE:
        return best
    largest = scores.amax(dim=0)
    total = (scores / largest).pow_(1 / temperature).sum(dim=0)
    return (best / largest).pow_(1 / temperature).div_(total)
