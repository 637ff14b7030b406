from collections import Counter
from dataclasses import replace

import pytest
import torch

from sceneparse.data.sampling import Batches
from sceneparse.data.single_task import SplitAnnotation
from sceneparse.datasets.opening import open_dataset
from sceneparse.settings import DataSettings, ToyWorldSettings
from sceneparse.tasks import TRUTH_NAMES
from sceneparse.toyworld import SCENES

SETTINGS = DataSettings(kind="toyworld", toyworld=ToyWorldSettings(32, 400, 4), annotation="split")
WHOLE = DataSettings(kind="toyworld", toyworld=ToyWorldSettings(32))


def test_each_training_sample_keeps_its_labels_for_one_task_and_all_tasks_come_equally_often() -> None:
    dataset, whole = (
        open_dataset(SETTINGS, "train"),
        open_dataset(DataSettings(kind="toyworld", toyworld=ToyWorldSettings(32)), "train"),
    )
    kept = Counter[str]()
    for index in range(20):
        sample, full = dataset[index], whole[index]
        (task,) = [task for task in TRUTH_NAMES if getattr(sample, task) is not None]
        kept[task] += 1
        value, truth = getattr(sample, task), getattr(full, task)
        assert value == truth if task == "scene" else torch.equal(value, truth)
        assert torch.equal(sample.image, full.image) and sample.name == full.name
    assert kept == dict.fromkeys(TRUTH_NAMES, 4)


def test_parts_are_read_with_the_objects_which_are_not_learnt() -> None:
    dataset, whole = (
        open_dataset(SETTINGS, "train"),
        open_dataset(DataSettings(kind="toyworld", toyworld=ToyWorldSettings(32)), "train"),
    )
    index = next(index for index in range(10) if dataset[index].parts is not None)
    sample = dataset[index]
    assert sample.objects is None and sample.owners is not None
    assert torch.equal(sample.owners, whole[index].objects)  # type: ignore[arg-type]


def test_every_task_meets_every_kind_of_scene() -> None:
    dataset, whole = (
        open_dataset(SETTINGS, "train"),
        open_dataset(DataSettings(kind="toyworld", toyworld=ToyWorldSettings(32)), "train"),
    )
    met: dict[str, set[int]] = {task: set() for task in TRUTH_NAMES}
    for index in range(200):
        sample = dataset[index]
        (task,) = [task for task in TRUTH_NAMES if getattr(sample, task) is not None]
        scene = whole[index].scene
        assert scene is not None
        met[task].add(scene)
    assert all(len(scenes) == len(SCENES) for scenes in met.values())


@pytest.mark.parametrize("batches", ["pure", "mixed"])
def test_a_pure_batch_has_one_turn_and_a_mixed_one_many(batches: Batches) -> None:
    dataset = open_dataset(replace(SETTINGS, toyworld=ToyWorldSettings(32, 200, 4), batches=batches), "train")
    assert isinstance(dataset, SplitAnnotation)
    kinds, met = [], Counter[int]()
    for drawn in dataset.draws(4, seed=0, start=0, stop=50):
        met.update(index for _, index in drawn)
        samples = [dataset[index] for _, index in drawn]
        kinds.append({task for sample in samples for task in TRUTH_NAMES if getattr(sample, task) is not None})
    assert all(len(kind) == 1 for kind in kinds) == (batches == "pure")
    assert set().union(*kinds) == set(TRUTH_NAMES)
    # 200 draws of 200 samples: each turn's go round in an order, so that none is met often.
    assert max(met.values()) <= 2 and len(met) > 150
    again = list(dataset.draws(4, seed=0, start=30, stop=50))
    assert again == list(dataset.draws(4, seed=0, start=0, stop=50))[30:]


def test_a_part_of_the_samples_is_drawn_from_all_the_same() -> None:
    dataset = open_dataset(replace(SETTINGS, train="train[:3]"), "train[:3]")
    assert isinstance(dataset, SplitAnnotation)
    drawn = {index for batch in dataset.draws(2, seed=0, start=0, stop=20) for _, index in batch}
    assert drawn == {0, 1, 2}


def test_held_out_samples_stay_whole() -> None:
    sample = open_dataset(SETTINGS, "val")[0]
    assert all(getattr(sample, task) is not None for task in TRUTH_NAMES)
