"""Classes that a model never predicts, though the truth has them."""

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
        training_pictures: How many of the training pictures that were looked at show it, on 0.1% of them or more.
        gain: What the mean IoU would gain if it were found, 0..1.
    """

    index: int
    pixels: int
    training_pictures: int
    gain: float


def unpredicted(diagnosis: Diagnosis) -> tuple[Unpredicted, ...]:
    """Return the classes that are never predicted, those with the most pixels first.

    Their pixels are counted among the kinds of failures as well: here is what these have in common.
    """
    evaluation = diagnosis.evaluation
    counts = evaluation.counts.numpy()
    worth = Worth(counts, evaluation.protocol.absent)
    found = []
    for index in np.flatnonzero((counts.sum(axis=0) == 0) & (counts.sum(axis=1) > 0)).tolist():
        lost = np.zeros_like(counts)
        lost[index] = counts[index]
        present = int(diagnosis.relations.present[index])
        found.append(Unpredicted(index, int(counts[index].sum()), present, worth(lost)))
    return tuple(sorted(found, key=lambda one: -one.pixels))


def unpredicted_json(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    """Return them for diagnosis.json; gains are fractions 0..1."""
    names = diagnosis.evaluation.labels.names
    return [
        {
            "name": names[one.index],
            "pixels": one.pixels,
            "training_pictures": one.training_pictures,
            "gain": one.gain,
        }
        for one in unpredicted(diagnosis)
    ]
