"""Failures that are planted in the toy world's truth are found, each as the first of its kind; nothing else is."""

from collections.abc import Callable

import numpy as np
import pytest

from sceneparse.diagnosing import Diagnosis, Relations, diagnose, learn_from
from sceneparse.diagnosing.advice import tell
from sceneparse.evaluation.metrics import score
from sceneparse.toyworld import OBJECTS, ToyWorld
from tests.support.planted import Failure, cases, index_of, mixed_up, out_of_place, overlooked

PLANTED: dict[str, tuple[Failure, tuple[str, ...]]] = {
    "confusable": (mixed_up("building", "skyscraper"), ("building", "skyscraper")),
    "inconspicuous": (overlooked("person", 0.03), ("person",)),
    "mismatched": (out_of_place("boat", "bed", 0.08), ("boat",)),
}


@pytest.fixture(scope="module")
def relations() -> Relations:
    return learn_from(ToyWorld(96, 160, "train"), None)


@pytest.fixture(scope="module")
def diagnosed(relations: Relations) -> Callable[..., Diagnosis]:
    world = ToyWorld(96, 48, "test")
    return lambda *failures: diagnose(cases(world, *failures), OBJECTS, relations)


def test_the_clean_control_has_no_finding_of_the_three_kinds(diagnosed: Callable[..., Diagnosis]) -> None:
    diagnosis = diagnosed()
    assert [one.kind for one in diagnosis.findings.found] in ([], ["boundary"])
    assert diagnosis.findings.gains["mismatched"] == diagnosis.findings.gains["confusable"] == 0
    assert diagnosis.findings.gains["inconspicuous"] == 0
    assert diagnosis.evaluation.scores.mean_iou < 0.995, "the noise is there"


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_failure_is_the_first_finding_and_the_only_one_of_the_three_kinds(
    kind: str, diagnosed: Callable[..., Diagnosis]
) -> None:
    failure, names = PLANTED[kind]
    diagnosis = diagnosed(failure)
    first = diagnosis.findings.found[0]
    assert (first.kind, first.classes) == (kind, tuple(map(index_of, names)))
    assert [one.kind for one in diagnosis.findings.found if one.kind != "boundary"] == [kind]
    assert first.examples and all(name in tell(first, diagnosis).title for name in names)
    counts = diagnosis.evaluation.counts.numpy()
    mended = counts - first.lost + np.diag(first.lost.sum(axis=1))
    now, then = (
        score(diagnosis.evaluation.counts.new_tensor(one), OBJECTS.names, "skip").mean_iou for one in (counts, mended)
    )
    assert first.gain == pytest.approx(then - now) and first.gain > 0.01


def test_all_three_at_once_are_each_the_first_of_their_kind(diagnosed: Callable[..., Diagnosis]) -> None:
    diagnosis = diagnosed(*(failure for failure, _ in PLANTED.values()))
    for kind, (_, names) in PLANTED.items():
        assert diagnosis.findings.of(kind)[0].classes == tuple(map(index_of, names))  # type: ignore[arg-type]
    gains = [one.gain for one in diagnosis.findings.found]
    assert gains == sorted(gains, reverse=True)


def test_the_size_under_which_a_class_is_overlooked_is_found(diagnosed: Callable[..., Diagnosis]) -> None:
    [finding] = diagnosed(overlooked("tree", 0.003)).findings.of("inconspicuous")
    assert finding.below == 0.003 and finding.classes == (index_of("tree"),)
    assert finding.times > 0.9 * finding.chances


def test_what_may_share_a_picture_but_stands_in_the_wrong_place_is_found_by_its_neighbours(
    diagnosed: Callable[..., Diagnosis],
) -> None:
    def sky_in_the_ground(_: int, truth: np.ndarray, prediction: np.ndarray) -> None:
        if (truth == index_of("sky")).any():
            prediction[70:84, 40:60] = index_of("sky")

    diagnosis = diagnosed(sky_in_the_ground)
    first = diagnosis.findings.of("mismatched")[0]
    assert first.classes == (index_of("sky"),)
    assert "of the outline of “sky”, where" in tell(first, diagnosis).evidence


def test_wrong_pixels_are_shared_out_without_rest(diagnosed: Callable[..., Diagnosis]) -> None:
    diagnosis = diagnosed(*(failure for failure, _ in PLANTED.values()))
    counts = diagnosis.evaluation.counts
    assert sum(diagnosis.findings.pixels.values()) == int(counts.sum() - counts.diagonal().sum())
    assert min(diagnosis.findings.pixels.values()) >= 0


def test_what_happens_in_two_pictures_only_is_no_finding(relations: Relations) -> None:
    """Large, but not sure: everything is wrong there, and that may have one cause."""

    def twice(index: int, truth: np.ndarray, prediction: np.ndarray) -> None:
        if index in (3, 11):
            prediction[:] = (truth + 1) % len(OBJECTS)

    findings = diagnose(cases(ToyWorld(96, 24, "test"), twice), OBJECTS, relations).findings
    assert [one.kind for one in findings.found] in ([], ["boundary"])
    assert findings.gains["rest"] > 0.01
