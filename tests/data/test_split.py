from collections import Counter

import torch

from sceneparse.data import open_dataset
from sceneparse.data.sample import TASKS
from sceneparse.data.toyworld import SCENES
from sceneparse.settings import DataSettings

SETTINGS = DataSettings(kind="toyworld", size=32, train_count=400, eval_count=4, annotation="split")


def test_each_training_sample_keeps_its_labels_for_one_task_and_all_tasks_come_equally_often() -> None:
    dataset, whole = open_dataset(SETTINGS, "train"), open_dataset(DataSettings(kind="toyworld", size=32), "train")
    kept = Counter[str]()
    for index in range(20):
        sample, full = dataset[index], whole[index]
        (task,) = [task for task in TASKS if getattr(sample, task) is not None]
        kept[task] += 1
        value, truth = getattr(sample, task), getattr(full, task)
        assert value == truth if task == "scene" else torch.equal(value, truth)
        assert torch.equal(sample.image, full.image) and sample.name == full.name
    assert kept == dict.fromkeys(TASKS, 4)


def test_parts_are_read_with_the_objects_which_are_not_learnt() -> None:
    dataset, whole = open_dataset(SETTINGS, "train"), open_dataset(DataSettings(kind="toyworld", size=32), "train")
    index = next(index for index in range(10) if dataset[index].parts is not None)
    sample = dataset[index]
    assert sample.objects is None and sample.owners is not None
    assert torch.equal(sample.owners, whole[index].objects)  # type: ignore[arg-type]


def test_every_task_meets_every_kind_of_scene() -> None:
    dataset, whole = open_dataset(SETTINGS, "train"), open_dataset(DataSettings(kind="toyworld", size=32), "train")
    met: dict[str, set[int]] = {task: set() for task in TASKS}
    for index in range(200):
        (task,) = [task for task in TASKS if getattr(dataset[index], task) is not None]
        scene = whole[index].scene
        assert scene is not None
        met[task].add(scene)
    assert all(len(scenes) == len(SCENES) for scenes in met.values())


def test_held_out_samples_stay_whole() -> None:
    sample = open_dataset(SETTINGS, "val")[0]
    assert all(getattr(sample, task) is not None for task in TASKS)
