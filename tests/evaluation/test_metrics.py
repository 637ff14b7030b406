from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, jaccard_score, recall_score
from torch import Tensor

from sceneparse.evaluation import ConfusionMatrix, metrics, score
from sceneparse.evaluation.metrics import Scores, picture_score
from sceneparse.labels import IGNORE

NAMES = ("sky", "road", "car", "boat")
MOST = 12
"""Classes of a random case, at most."""


def counts_of(truth: list[list[int]], prediction: list[list[int]], classes: int = 4) -> torch.Tensor:
    matrix = ConfusionMatrix(classes)
    matrix.update(torch.tensor(truth, dtype=torch.int16), torch.tensor(prediction, dtype=torch.int16))
    return matrix.counts


def test_a_case_worked_out_by_hand() -> None:
    # boat is nowhere; car is predicted twice but never there; one pixel is ignored.
    scores = score(counts_of([[0, 0, 0, 1], [1, 1, IGNORE, 1]], [[0, 0, 1, 1], [1, 2, 2, 2]]), NAMES, "skip")
    assert [one.iou for one in scores.classes] == [pytest.approx(2 / 3), pytest.approx(2 / 5), 0.0, None]
    assert [one.accuracy for one in scores.classes] == [pytest.approx(2 / 3), pytest.approx(2 / 4), None, None]
    assert [one.pixels for one in scores.classes] == [3, 4, 0, 0]
    assert scores.mean_iou == pytest.approx((2 / 3 + 2 / 5 + 0) / 3)
    assert scores.pixel_accuracy == pytest.approx(4 / 7)
    assert scores.mean_accuracy == pytest.approx((2 / 3 + 2 / 4) / 2)
    assert scores.frequency_weighted_iou == pytest.approx(3 / 7 * 2 / 3 + 4 / 7 * 2 / 5)


def test_absent_classes_are_left_out_or_count_as_zero() -> None:
    counts = counts_of([[0, 0, 1, 1]], [[0, 0, 1, 1]])
    assert score(counts, NAMES, "skip").mean_iou == 1.0
    zero = score(counts, NAMES, "zero")
    assert zero.mean_iou == 0.5 and zero.mean_accuracy == 0.5
    assert zero.classes[3].iou is None, "the class's own score stays unknown"
    assert zero.frequency_weighted_iou == zero.pixel_accuracy == 1.0


def test_prediction_at_ignored_truth_does_not_count() -> None:
    counts = counts_of([[IGNORE, 1]], [[0, 1]])
    assert counts.sum() == 1 and score(counts, NAMES, "skip").classes[0].iou is None


@pytest.mark.parametrize("seed", range(6))
def test_scores_agree_with_scikit_learn(seed: int) -> None:
    """Random label maps with ignored pixels and with classes that occur nowhere, over several pictures."""
    generator = np.random.default_rng(seed)
    classes = int(generator.integers(3, 12))
    present = generator.choice(classes, size=int(generator.integers(2, classes + 1)), replace=False)
    matrix = ConfusionMatrix(classes)
    truths, predictions = [], []
    for _ in range(3):
        size = generator.integers(5, 40, size=2)
        truth = generator.choice(np.append(present, IGNORE), size=size)
        prediction = np.where(generator.random(size) < 0.4, truth.clip(0), generator.choice(present, size=size))
        matrix.update(torch.from_numpy(truth.astype(np.int16)), torch.from_numpy(prediction.astype(np.int16)))
        truths.append(truth[truth != IGNORE])
        predictions.append(prediction[truth != IGNORE])
    truth, prediction = np.concatenate(truths), np.concatenate(predictions)
    labels = list(range(classes))
    assert np.array_equal(matrix.counts.numpy(), confusion_matrix(truth, prediction, labels=labels))
    scores = score(matrix.counts, [str(label) for label in labels], "skip")
    either = np.isin(labels, np.concatenate([truth, prediction]))
    iou = jaccard_score(truth, prediction, labels=labels, average=None, zero_division=0)
    recall = recall_score(truth, prediction, labels=labels, average=None, zero_division=0)
    for label, one in enumerate(scores.classes):
        assert one.iou == (pytest.approx(iou[label]) if either[label] else None)
        assert one.accuracy == (pytest.approx(recall[label]) if label in truth else None)
    assert scores.mean_iou == pytest.approx(iou[either].mean())
    assert score(matrix.counts, [str(label) for label in labels], "zero").mean_iou == pytest.approx(iou.mean())
    assert scores.mean_accuracy == pytest.approx(recall[np.isin(labels, truth)].mean())
    assert scores.pixel_accuracy == pytest.approx((truth == prediction).mean())
    weighted = jaccard_score(truth, prediction, labels=labels, average="weighted", zero_division=0)
    assert scores.frequency_weighted_iou == pytest.approx(weighted)


@dataclass(frozen=True)
class Random:
    """A random case: its label maps, and what we say of it."""

    classes: int
    maps: tuple[NDArray[np.int64], NDArray[np.int64]]
    skip: Scores
    zero: Scores

    @property
    def known(self) -> list[NDArray[np.int64]]:
        """Truth and prediction where the truth is known."""
        return [one[self.maps[0] != IGNORE] for one in self.maps]


@pytest.fixture(scope="module")
def random_cases() -> list[Random]:
    """1,000, each with its own label space, ignored pixels, and classes absent from truth, prediction or both."""
    generator, cases = np.random.default_rng(0), []
    for _ in range(1000):
        classes = int(generator.integers(1, MOST + 1))
        size = generator.integers(1, 24, size=2)
        theirs, read = (generator.choice(classes, size=int(generator.integers(1, classes + 1))) for _ in range(2))
        truth = generator.choice(np.append(theirs, IGNORE), size=size)
        truth[0, 0] = theirs[0]
        prediction = np.where(generator.random(size) < 0.4, truth.clip(0), generator.choice(read, size=size))
        matrix = ConfusionMatrix(classes)
        matrix.update(torch.from_numpy(truth.astype(np.int16)), torch.from_numpy(prediction.astype(np.int16)))
        skip, zero = (score(matrix.counts, [""] * classes, rule) for rule in ("skip", "zero"))
        cases.append(Random(classes, (truth, prediction), skip, zero))
    absent = sum(one.iou is None for case in cases for one in case.skip.classes)
    assert absent > len(cases), "classes that are nowhere are among them"
    return cases


def test_scores_of_1000_random_cases_agree_with_scikit_learn(random_cases: list[Random]) -> None:
    """scikit-learn gets all cases at once: class c of case k is label 12 k + c."""
    cases = len(random_cases)
    truth, prediction = (
        np.concatenate([case.known[which] + MOST * number for number, case in enumerate(random_cases)])
        for which in (0, 1)
    )
    labels = range(cases * MOST)
    iou = jaccard_score(truth, prediction, labels=labels, average=None, zero_division=0).reshape(cases, MOST)
    recall = recall_score(truth, prediction, labels=labels, average=None, zero_division=0).reshape(cases, MOST)
    pixels, said = (np.bincount(one, minlength=cases * MOST).reshape(cases, MOST) for one in (truth, prediction))
    for number, case in enumerate(random_cases):
        skip, zero = case.skip, case.zero
        theirs = pixels[number, : case.classes] > 0
        either = theirs | (said[number, : case.classes] > 0)
        own, right = iou[number, : case.classes], recall[number, : case.classes]
        assert [one.iou for one in skip.classes] == [
            pytest.approx(value) if there else None for value, there in zip(own, either, strict=True)
        ]
        assert [one.accuracy for one in skip.classes] == [
            pytest.approx(value) if there else None for value, there in zip(right, theirs, strict=True)
        ]
        assert (skip.mean_iou, zero.mean_iou) == pytest.approx((own[either].mean(), own.mean()))
        assert (skip.mean_accuracy, zero.mean_accuracy) == pytest.approx((right[theirs].mean(), right.mean()))
        assert skip.pixel_accuracy == pytest.approx(np.equal(*case.known).mean())
        weights = pixels[number, : case.classes]
        assert skip.frequency_weighted_iou == pytest.approx((own * weights).sum() / weights.sum())


def test_scores_of_1000_random_cases_agree_with_torchmetrics(random_cases: list[Random]) -> None:
    """Its macro average of the IoU leaves out classes that occur neither in truth nor in prediction: our "skip"."""
    theirs = pytest.importorskip("torchmetrics.functional.classification")
    for case in random_cases:
        truth, prediction = map(torch.from_numpy, case.maps)
        how = {"num_classes": max(case.classes, 2), "ignore_index": IGNORE, "validate_args": False}

        def each(function: Callable[..., Tensor], average: str) -> Tensor:
            return function(prediction, truth, average=average, **how)  # noqa: B023

        iou, recall = (each(one, "none") for one in (theirs.multiclass_jaccard_index, theirs.multiclass_recall))
        for label, one in enumerate(case.skip.classes):
            assert (one.iou or 0.0) == pytest.approx(float(iou[label]), abs=1e-6)
            assert (one.accuracy or 0.0) == pytest.approx(float(recall[label]), abs=1e-6)
        assert case.skip.mean_iou == pytest.approx(float(each(theirs.multiclass_jaccard_index, "macro")), abs=1e-6)
        assert case.zero.mean_iou == pytest.approx(float(iou[: case.classes].mean()), abs=1e-6)
        assert case.skip.mean_accuracy == pytest.approx(float(recall[np.unique(case.known[0])].mean()), abs=1e-6)
        weighted = each(theirs.multiclass_jaccard_index, "weighted")
        assert case.skip.frequency_weighted_iou == pytest.approx(float(weighted), abs=1e-6)
        assert case.skip.pixel_accuracy == pytest.approx(float(each(theirs.multiclass_accuracy, "micro")), abs=1e-6)


def test_counts_add_up_over_pictures_and_each_picture_gets_its_own() -> None:
    matrix = ConfusionMatrix(2)
    first = matrix.update(torch.tensor([[0, 1]]), torch.tensor([[0, 0]]))
    second = matrix.update(torch.tensor([[1, 1]]), torch.tensor([[1, 1]]))
    assert first.tolist() == [[1, 0], [1, 0]] and second.tolist() == [[0, 0], [0, 2]]
    assert matrix.counts.tolist() == [[1, 0], [1, 2]] and matrix.counts.dtype == torch.int64


def test_a_picture_is_scored_over_its_own_classes() -> None:
    assert picture_score(counts_of([[0, 0, 1, IGNORE]], [[0, 1, 1, 3]])) == pytest.approx((0.5, 2 / 3))
    assert picture_score(counts_of([[IGNORE]], [[3]])) == (None, None)


def test_a_large_map_is_counted_in_bands_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    truth, prediction = (torch.randint(0, 4, (33, 7), generator=generator) for _ in range(2))
    whole = ConfusionMatrix(4).update(truth, prediction)
    monkeypatch.setattr(metrics, "BAND", 20)
    assert ConfusionMatrix(4).update(truth, prediction).equal(whole) and whole.sum() == 33 * 7
    assert ConfusionMatrix(4).update(truth[0, 0], prediction[0, 0]).sum() == 1


def test_values_that_are_no_class_are_refused_instead_of_counted_elsewhere() -> None:
    matrix = ConfusionMatrix(3)
    good = torch.tensor([[0, 1, 2]])
    for bad in ([[0, 1, 3]], [[0, -2, 1]]):
        with pytest.raises(ValueError, match=r"truth has values .* not 0\.\.2"):
            matrix.update(torch.tensor(bad), good)
        with pytest.raises(ValueError, match=r"prediction has values .* not 0\.\.2"):
            matrix.update(good, torch.tensor(bad))
    with pytest.raises(ValueError, match="prediction is"):
        matrix.update(good, torch.tensor([[0], [1], [2]]))
    assert matrix.counts.sum() == 0


def test_nothing_counted_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="no pixel was counted"):
        score(torch.zeros(4, 4, dtype=torch.int64), NAMES, "skip")
