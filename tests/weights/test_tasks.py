from dataclasses import replace
from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.weights.model import Model, load_model, save_model
from sceneparse.weights.tasks import learnt_tasks, settled
from tests.support.unified import NETWORK, OBJECTS, TASKS, unified_model


def test_the_data_say_how_many_classes_a_task_has() -> None:
    tasks = settled(NETWORK, TASKS, "the data").tasks
    assert (tasks.scenes, tasks.parts, tasks.materials, tasks.textures, tasks.from_data) == (2, (3, 2), 4, 2, ())


def test_data_without_labels_for_a_wanted_task_are_refused() -> None:
    with pytest.raises(UserError, match=r"network.tasks.from_data names scenes, but split 'train' is not labelled"):
        settled(NETWORK, TaskLabels(objects=OBJECTS), "split 'train'")


def test_numbers_that_the_data_do_not_have_are_refused() -> None:
    network = replace(NETWORK, tasks=replace(NETWORK.tasks, from_data=(), materials=9))
    with pytest.raises(UserError, match=r"network.tasks.materials is 9, but the data names 4"):
        settled(network, TASKS, "the data")


def test_only_tasks_with_a_head_are_learnt() -> None:
    network = settled(replace(NETWORK, tasks=replace(NETWORK.tasks, from_data=("scenes",))), TASKS, "the data")
    assert learnt_tasks(network, TASKS) == TaskLabels(objects=OBJECTS, scenes=TASKS.scenes)
    assert learnt_tasks(replace(NETWORK, tasks=replace(NETWORK.tasks, from_data=())), TASKS) is None


def test_a_model_folder_names_the_classes_of_all_tasks(tmp_path: Path) -> None:
    save_model(tmp_path / "model", unified_model(), "a card")
    assert load_model(tmp_path / "model").tasks == TASKS


def test_a_model_whose_names_do_not_fit_its_heads_is_refused(tmp_path: Path) -> None:
    model = unified_model()
    tasks = replace(TASKS, materials=LabelSpace(("brick",)))
    with pytest.raises(UserError, match=r"network.tasks.materials is 4, but labels.json names 1"):
        save_model(tmp_path / "model", Model(model.network, model.config, model.labels, tasks), "a card")
