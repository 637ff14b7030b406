"""Classes that a model never predicts, though the truth has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sceneparse.diagnosing.diagnose import Diagnosis
from sceneparse.diagnosing.findings import Worth


@dataclass(frozen=True)
class Unpredicted:
    """A class that is in the truth and that no pixel was given.

    Args:
        index: The class.
        pixels: Its true pixels.
        training_pictures: How many of the training pictures that were looked at show it, on one pixel or more.
        larger: How many of them show it on 0.1% of their pixels or more.
        gain: What the mean IoU would gain if it were found, 0..1.
    """

    index: int
    pixels: int
    training_pictures: int
    larger: int
    gain: float


def unpredicted(diagnosis: Diagnosis) -> tuple[Unpredicted, ...]:
    """Return the classes that are never predicted, those with the most pixels first.

    Their pixels are counted among the kinds of failures as well: here is what these have in common.
    """
    counts, relations = diagnosis.evaluation.counts.numpy(), diagnosis.relations
    found = []
    for index in np.flatnonzero((counts.sum(axis=0) == 0) & (counts.sum(axis=1) > 0)).tolist():
        pixels, gain = int(counts[index].sum()), joint_gain(diagnosis, [index])
        found.append(Unpredicted(index, pixels, int(relations.shown[index]), int(relations.present[index]), gain))
    return tuple(sorted(found, key=lambda one: -one.pixels))


def joint_gain(diagnosis: Diagnosis, classes: Sequence[int]) -> float:
    """Return what the mean IoU would gain if all of some classes were found, 0..1.

    It is not the sum of what each gains alone: a class that two of them are read as rises with both.
    """
    evaluation = diagnosis.evaluation
    counts = evaluation.counts.numpy()
    lost = np.zeros_like(counts)
    lost[list(classes)] = counts[list(classes)]
    return Worth(counts, evaluation.protocol.absent)(lost)


def unpredicted_json(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    """Return them for diagnosis.json; gains are fractions 0..1."""
    names = diagnosis.evaluation.labels.names
    return [
        {
            "name": names[one.index],
            "pixels": one.pixels,
            "training_pictures": one.training_pictures,
            "training_pictures_from_0.1%": one.larger,
            "gain": one.gain,
        }
        for one in unpredicted(diagnosis)
    ]
