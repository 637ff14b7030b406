"""The vocabulary of tasks: names that are typed and names that are computed are the same."""

from dataclasses import fields
from typing import get_args

from sceneparse.data.sample import Sample
from sceneparse.labels import LabelSpace, PartTree, TaskLabels
from sceneparse.tasks import MAPS, OTHER_PLURALS, OTHERS, TASK_NAMES, TRUTH_NAMES, Task, TaskPlural


def test_typed_names_are_those_of_the_tasks() -> None:
    assert tuple(Task) == TASK_NAMES
    assert tuple(task.truth for task in Task) == TRUTH_NAMES
    assert tuple(task.plural for task in OTHERS) == OTHER_PLURALS
    assert {task.plural for task in Task} == set(get_args(TaskPlural))


def test_every_task_has_a_truth_in_a_sample() -> None:
    assert {task.truth for task in Task} <= {field.name for field in fields(Sample)}


def test_every_task_has_a_label_space() -> None:
    spaces = {task: LabelSpace((f"a {task}", f"another {task}")) for task in Task}
    tree = PartTree(spaces[Task.OBJECT], spaces[Task.PART], ((0, 1), ()))
    labels = TaskLabels(spaces[Task.OBJECT], spaces[Task.SCENE], tree, spaces[Task.MATERIAL], spaces[Task.TEXTURE])
    assert {task: labels.space(task) for task in Task} == spaces
    assert list(labels.spaces()) == list(Task)
    assert list(TaskLabels(materials=spaces[Task.MATERIAL]).spaces()) == [Task.MATERIAL]


def test_labels_of_some_tasks_keep_the_objects() -> None:
    objects, scenes, parts = LabelSpace(("house",)), LabelSpace(("street",)), LabelSpace(("roof",))
    labels = TaskLabels(objects, scenes, PartTree(objects, parts, ((0,),)))
    assert list(labels.only([Task.PART]).spaces()) == [Task.OBJECT, Task.PART]
    assert list(labels.only(["scene"]).spaces()) == [Task.SCENE, Task.OBJECT]
    assert labels.only([*MAPS, *OTHERS]) == labels
