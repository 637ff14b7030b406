"""Diagnose tested pictures in one pass: all counts that the report needs."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor

from sceneparse.data.sample import DataSet, Sample
from sceneparse.diagnosing.boundaries import BANDS, Boundaries, BoundaryCounts
from sceneparse.diagnosing.calibration import Calibration, CalibrationCounts
from sceneparse.diagnosing.failures import SIZES, FailureCounts, Failures
from sceneparse.diagnosing.findings import Findings, find, finding_json
from sceneparse.diagnosing.relations import Relations, learn
from sceneparse.drawing.notebook import result_html, table_html
from sceneparse.errors import UserError, counted
from sceneparse.evaluation.evaluate import Evaluation, PictureScore, doubt_line
from sceneparse.evaluation.gallery import truth_of
from sceneparse.evaluation.metrics import ConfusionMatrix, picture_score, score
from sceneparse.evaluation.reading import read_ahead, spaced
from sceneparse.inference import Engine, TestProtocol, predict
from sceneparse.inference.scale import doubt_of
from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.progress import line_of_progress
from sceneparse.settings import LearntSizes


@dataclass(frozen=True)
class Case:
    """A tested picture.

    Args:
        index: Its index in the data set.
        sample: The picture and its truth.
        labels: (H, W) int16 predicted class indices.
        confidence: (H, W) float32, the probability of each label.
    """

    index: int
    sample: Sample
    labels: Tensor
    confidence: Tensor


@dataclass(frozen=True)
class Diagnosis:
    """The diagnosis of a model on a split.

    Args:
        evaluation: The scores, as `evaluate` gives them.
        failures: The wrong pixels, sorted by kind.
        findings: What of them is sure and large.
        boundaries: How good the model is along boundaries.
        calibration: Whether it is right as often as it says.
        relations: What goes with what in the training truth.
        report: The page that was written of it; None where none was.
    """

    evaluation: Evaluation
    failures: Failures
    findings: Findings
    boundaries: Boundaries
    calibration: Calibration
    relations: Relations
    report: Path | None = None

    def __repr__(self) -> str:
        found = self.findings.found
        worth = f", the first worth {100 * found[0].gain:.2f} points of mean IoU" if found else ""
        said = repr(self.evaluation).removeprefix("Evaluation(")
        return f"Diagnosis({counted(len(found), 'finding')}{worth}; {said}"

    def _repr_html_(self) -> str:
        from sceneparse.diagnosing.advice import finding_rows  # which reads diagnoses itself

        columns = ("finding", "gain if mended, points of mean IoU", "wrong pixels")
        tables = [table_html(columns, finding_rows(self)), self.evaluation.class_table()]
        return result_html(repr(self), tables, self.evaluation.notes, self.report)

    def to_json(self) -> dict[str, Any]:
        """The content of diagnosis.json; fractions 0..1, null where there is none."""
        names = self.evaluation.labels.names
        pictures = {one.index: one.name for one in self.evaluation.pictures}
        failures, iou = self.failures, self.boundaries.iou()
        confused = self.findings.confused
        return {
            "metrics": self.evaluation.to_json(),
            "findings": [finding_json(one, names, pictures) for one in self.findings.found],
            "gains": self.findings.gains,
            "pixels": self.findings.pixels,
            "relations": {
                "pictures": self.relations.pictures,
                "scene_limit": self.relations.scene_limit,
                "neighbours_limit": self.relations.contact_limit,
            },
            "predicted_regions": [
                {"name": name, "regions": int(regions), "contradicting": int(against), "mismatched": int(wrong)}
                for name, regions, against, wrong in zip(
                    names,
                    failures.predicted_regions,
                    failures.contradicting,
                    failures.mismatched_regions,
                    strict=True,
                )
            ],
            "confused_regions": [
                {"truth": names[row], "read": names[column], "regions": int(confused[row, column])}
                for row, column in np.argwhere(confused).tolist()
            ],
            "sizes": [
                {
                    "below": below,
                    "regions": int(failures.sized[:, size].sum()),
                    "missed": int(failures.missed[:, size].sum()),
                    "overlooked": int(failures.overlooked_regions[:, size].sum()),
                    "recall": recall(failures.sized_right[:, size], failures.sized_pixels[:, size]),
                }
                for size, below in enumerate(SIZES)
            ],
            "boundary": {
                "mean_iou": self.boundaries.mean_iou,
                "classes": [{"name": name, "iou": one} for name, one in zip(names, iou, strict=True)],
                "bands": [
                    {"within": within, "mean_iou": one}
                    for within, one in zip((*BANDS, None), band_scores(self), strict=True)
                ],
            },
            "calibration": self.calibration.to_json(),
        }


def diagnose(
    cases: Iterable[Case],
    space: LabelSpace,
    relations: Relations,
    protocol: TestProtocol | None = None,
    sizes: LearntSizes | None = None,
) -> Diagnosis:
    """Diagnose tested pictures, one after another; of each only counts are kept.

    Args:
        cases: The pictures with their truth, labels and confidence.
        space: The classes.
        relations: What goes with what, learnt from the training truth by `learn`.
        protocol: How the pictures were tested; None for the default.
        sizes: What the model learnt from, to say how many pictures are far from that.

    Raises:
        UserError: No pictures, a picture without truth, or no pixel whose class is known.
    """
    protocol = protocol or TestProtocol()
    size, began = len(space), time.perf_counter()
    matrix, failures = ConfusionMatrix(size), FailureCounts(size, relations)
    boundaries, calibration = BoundaryCounts(size), CalibrationCounts()
    pictures: list[PictureScore] = []
    far: list[tuple[str, str]] = []
    resized = False
    for case in cases:
        resized |= not protocol.keeps(case.sample.size)
        if sizes is not None and (doubt := doubt_of(protocol, sizes, case.sample.size)) is not None:
            far.append((case.sample.name, doubt))
        truth, labels = truth_of(case.sample), case.labels.numpy()
        own = picture_score(matrix.update(case.sample.objects, case.labels))  # type: ignore[arg-type]
        pictures.append(PictureScore(case.index, case.sample.name, *own))
        failures.add(case.index, truth, labels)
        boundaries.add(truth, labels)
        known = truth != IGNORE
        calibration.add(case.confidence.numpy()[known], (labels == truth)[known])
    if not pictures:
        raise UserError("no picture has labels of objects, and these are what is diagnosed: name another split")
    if not matrix.counts.any():
        raise UserError(f"no pixel whose class is known in {counted(len(pictures), 'picture')}: check the label space")
    sorted_failures = failures.result()
    return Diagnosis(
        evaluation=Evaluation(
            scores=score(matrix.counts, space.names, protocol.absent),
            counts=matrix.counts,
            pictures=tuple(pictures),
            protocol=protocol.as_used(resized),
            labels=space,
            seconds=time.perf_counter() - began,
            doubt=doubt_line(len(far), len(pictures), *far[0]) if far else None,
        ),
        failures=sorted_failures,
        findings=find(matrix.counts.numpy(), sorted_failures, protocol.absent),
        boundaries=boundaries.result(protocol.absent),
        calibration=calibration.result(),
        relations=relations,
    )


def one_case(engine: Engine, dataset: DataSet, index: int, protocol: TestProtocol) -> Case:
    """One picture, tested."""
    return _tested(engine, dataset, index, dataset[index], protocol)


def cases_of(
    engine: Engine, dataset: DataSet, indices: Sequence[int], protocol: TestProtocol, progress: str | None = None
) -> Iterator[Case]:
    """The pictures that have labels of objects in order, tested; the next ones are read meanwhile.

    Args:
        engine: What gives scores.
        dataset: The pictures.
        indices: Which of them.
        protocol: How they are tested.
        progress: Title of a progress bar on standard error; None for silence.
    """
    for index, sample in _watched(read_ahead(dataset, indices), len(indices), progress):
        if sample.objects is not None:
            yield _tested(engine, dataset, index, sample, protocol)


def _tested(engine: Engine, dataset: DataSet, index: int, sample: Sample, protocol: TestProtocol) -> Case:
    prediction = predict(engine, sample.image, protocol)
    named = sample if sample.name else replace(sample, name=dataset.name(index))
    return Case(index, named, prediction.labels, prediction.confidence)


def learn_from(dataset: DataSet, count: int | None, progress: str | None = None) -> Relations:
    """Learn which classes occur together, and next to each other, from the truth of some pictures.

    Args:
        dataset: The pictures, of a split that the model was trained on; those without labels of objects teach nothing.
        count: So many of them, evenly spaced; None or more than there are takes all.
        progress: Title of a progress bar on standard error; None for silence.

    Raises:
        UserError: No pictures, or none with truth.
    """
    indices = spaced(len(dataset), count)
    samples = _watched(read_ahead(dataset, indices), len(indices), progress)
    return learn((truth_of(sample) for _, sample in samples if sample.objects is not None), len(dataset.labels))


def _watched(samples: Iterable[tuple[int, Sample]], total: int, title: str | None) -> Iterable[tuple[int, Sample]]:
    if title is None:
        return samples
    console = Console(stderr=True)
    watched = track(samples, title, total, console=console)
    return watched if console.is_interactive else _said(watched, line_of_progress(title, total))


def _said(samples: Iterable[tuple[int, Sample]], line: Callable[[], None]) -> Iterator[tuple[int, Sample]]:
    for one in samples:
        yield one
        line()


def recall(right: NDArray[np.int64], pixels: NDArray[np.int64]) -> float | None:
    """The share of some pixels that is right; None where there are none."""
    total = int(pixels.sum())
    return int(right.sum()) / total if total else None


def band_scores(diagnosis: Diagnosis) -> list[float | None]:
    """The mean IoU over the pixels in each band around true boundaries, over the classes that occur there."""
    return [picture_score(torch.from_numpy(band))[0] for band in diagnosis.boundaries.bands]
