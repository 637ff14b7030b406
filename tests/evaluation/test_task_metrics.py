"""The metrics of the tasks, beside a slow and direct transcription of the paper's definitions."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from sceneparse.data.sample import Sample
from sceneparse.evaluation.figures import FIGURES, Counted, figures_of
from sceneparse.evaluation.metrics import score
from sceneparse.evaluation.task_metrics import TaskCounts, TaskScores, task_scores
from sceneparse.inference import Prediction, TaskPrediction
from sceneparse.labels import IGNORE, TaskLabels
from sceneparse.tasks import Task
from tests.support.unified import TASKS, TREE, random_map

SIZE = (6, 7)
Picture = tuple[Sample, TaskPrediction]


def random_picture(generator: torch.Generator) -> Picture:
    def map_of(classes: int, unknown: float = 0.3) -> Tensor:
        return random_map(generator, SIZE, classes, unknown)

    def predicted(labels: Tensor) -> Prediction:
        return Prediction(labels, torch.ones(SIZE))

    objects = map_of(3, 0)
    parts = torch.full(SIZE, IGNORE, dtype=torch.int16)
    for owner, offset, size in zip(TREE.owners, TREE.offsets, TREE.sizes, strict=True):
        inside = objects == owner
        parts[inside] = (map_of(size, 0) + offset)[inside]
    sample = Sample(
        image=torch.zeros(3, *SIZE, dtype=torch.uint8),
        objects=map_of(3),
        parts=map_of(3, 0.5),
        materials=map_of(4),
        textures=map_of(2),
        scene=int(torch.randint(0, 2, (), generator=generator)),
    )
    return sample, TaskPrediction(
        predicted(objects),
        torch.rand(2, generator=generator),
        predicted(parts),
        predicted(map_of(4, 0)),
        predicted(map_of(2, 0)),
    )


def random_pictures(count: int = 3, seed: int = 0) -> list[Picture]:
    generator = torch.Generator().manual_seed(seed)
    return [random_picture(generator) for _ in range(count)]


def scored(pictures: list[Picture], absent: Literal["skip", "zero"] = "zero", tasks: TaskLabels = TASKS) -> TaskScores:
    counts = TaskCounts(tasks)
    for sample, prediction in pictures:
        counts.update(sample, prediction.answers())
    return task_scores(counts.counts, tasks, absent)


def slow_part_scores(pictures: list[Picture]) -> tuple[float, float]:
    """mIoU-bg and pixel accuracy as in the authors' evaluation, pixel by pixel; parts that never occur count as 0."""
    intersection: dict[tuple[int, int], int] = {}
    union: dict[tuple[int, int], int] = {}
    right = known = 0
    with_truth = set()
    pixels = [(row, column) for row in range(SIZE[0]) for column in range(SIZE[1])]
    for sample, prediction in pictures:
        assert sample.objects is not None and sample.parts is not None and prediction.parts is not None
        for owner in TREE.owners:
            truth = {}  # slot of each pixel inside of the true object: 0 is "no part"
            for pixel in pixels:
                if sample.objects[pixel] == owner:
                    part = int(sample.parts[pixel])
                    truth[pixel] = 1 + TREE.children[owner].index(part) if part in TREE.children[owner] else 0
            if not any(truth.values()):
                continue  # the picture has no part annotation of this object
            with_truth.add(owner)
            offset = TREE.offsets[TREE.owners.index(owner)]
            for pixel in pixels:
                mine = truth.get(pixel, 0)
                inside = int(prediction.objects.labels[pixel]) == owner
                theirs = int(prediction.parts.labels[pixel]) - offset if inside else 0
                for slot in {mine, theirs} - {0}:
                    union[owner, slot] = union.get((owner, slot), 0) + 1
                if mine:
                    known += 1
                    if mine == theirs:
                        right += 1
                        intersection[owner, mine] = intersection.get((owner, mine), 0) + 1
    of_objects = []
    for owner in with_truth:
        slots = range(1, 1 + len(TREE.children[owner]))
        ious = [intersection.get((owner, slot), 0) / max(1, union.get((owner, slot), 0)) for slot in slots]
        of_objects.append(sum(ious) / len(ious))
    return sum(of_objects) / len(of_objects), right / known


def slow_pixel_scores(pairs: list[tuple[Tensor, Tensor]], classes: int) -> tuple[float, float]:
    """Mean IoU and pixel accuracy over known pixels."""
    flat = [(int(t), int(p)) for truth, guess in pairs for t, p in zip(truth.flatten(), guess.flatten(), strict=True)]
    known = [(true, guess) for true, guess in flat if true != IGNORE]
    ious = []
    for one in range(classes):
        both = sum(true == guess == one for true, guess in known)
        either = sum(one in (true, guess) for true, guess in known)
        ious.append(both / either if either else 0.0)
    return sum(ious) / classes, sum(true == guess for true, guess in known) / len(known)


@pytest.mark.parametrize("seed", range(4))
def test_scores_agree_with_the_papers_definitions_written_out(seed: int) -> None:
    pictures = random_pictures(seed=seed)
    scores = scored(pictures)
    mean_iou, accuracy = slow_part_scores(pictures)
    assert scores.part_mean_iou == pytest.approx(mean_iou)
    assert scores.part_pixel_accuracy == pytest.approx(accuracy)
    for task, one, classes in (("materials", scores.material, 4), ("textures", scores.texture, 2)):
        pairs = [(getattr(sample, task), getattr(prediction, task).labels) for sample, prediction in pictures]
        expected = slow_pixel_scores(pairs, classes)
        assert one is not None and (one.mean_iou, one.pixel_accuracy) == pytest.approx(expected)
    hits = [sample.scene == int(p.scene.argmax()) for sample, p in pictures if p.scene is not None]
    assert scores.scene_accuracy == pytest.approx(sum(hits) / len(hits))


def test_a_picture_of_one_texture_counts_as_right_if_most_of_its_pixels_are() -> None:
    (sample, prediction), *_ = random_pictures(1)
    textures = torch.ones(SIZE, dtype=torch.int16)
    mostly = torch.ones(SIZE, dtype=torch.int16)
    mostly[:2] = 0
    sample = Sample(sample.image, textures=textures)
    for guess, right in ((mostly, 1.0), (1 - mostly, 0.0)):
        other = TaskPrediction(prediction.objects, None, None, None, Prediction(guess, torch.ones(SIZE)))
        scores = scored([(sample, other)])
        assert scores.texture_accuracy == right
        assert scores.texture is not None and scores.texture.pixel_accuracy == pytest.approx(abs(right - 2 / 6))


def test_what_is_not_labelled_has_no_score_and_changes_no_other() -> None:
    pictures = random_pictures()
    extra = Sample(pictures[0][0].image, scene=0)
    scores = scored([*pictures, (extra, pictures[0][1])])
    alone = scored(pictures)
    assert scores.part_mean_iou == alone.part_mean_iou and scores.material == alone.material
    nothing = scored([(Sample(pictures[0][0].image), pictures[0][1])])
    counted = Counted(score(torch.eye(3, dtype=torch.int64), ("a", "b", "c"), "skip"), nothing, {})
    assert {key for key, one in FIGURES.items() if one.value(counted) is not None} == set(figures_of(Task.OBJECT))
    assert nothing.details()[Task.MATERIAL] == {"classes": []}


def test_parts_that_never_occur_are_left_out_or_count_as_0() -> None:
    image = torch.zeros(3, *SIZE, dtype=torch.uint8)
    objects = torch.ones(SIZE, dtype=torch.int16)
    sample = Sample(image, objects=objects, parts=torch.zeros(SIZE, dtype=torch.int16))  # a house that is all roof
    ones = Prediction(objects, torch.ones(SIZE))  # house everywhere, and channel 1 is its roof
    guess = TaskPrediction(ones, None, ones, None, None)
    assert scored([(sample, guess)], "skip").part_mean_iou == 1
    assert scored([(sample, guess)], "zero").part_mean_iou == 0.5  # the door


def test_a_wrong_object_loses_its_parts() -> None:
    image = torch.zeros(3, *SIZE, dtype=torch.uint8)
    sample = Sample(image, objects=torch.ones(SIZE, dtype=torch.int16), parts=torch.zeros(SIZE, dtype=torch.int16))
    person = Prediction(torch.full(SIZE, 2, dtype=torch.int16), torch.ones(SIZE))
    head = Prediction(torch.full(SIZE, 4, dtype=torch.int16), torch.ones(SIZE))
    scores = scored([(sample, TaskPrediction(person, None, head, None, None))], "skip")
    assert scores.part_mean_iou == 0 and scores.part_pixel_accuracy == 0
    assert [one.iou for one in scores.part_objects] == [0.0, None]  # people are not scored: no truth has their parts
    assert not math.isnan(scores.part_mean_iou)
