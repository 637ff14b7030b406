from pathlib import Path
from typing import Any

import pytest

from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.labels import TaskLabels
from sceneparse.weights.labels_file import labels_to_json, read_labels
from tests.support.unified import OBJECTS, TASKS


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    for tasks in (None, TASKS, TaskLabels(objects=OBJECTS, textures=TASKS.textures)):
        write_json(tmp_path / "labels.json", labels_to_json(OBJECTS, tasks))
        assert read_labels(tmp_path / "labels.json") == (OBJECTS, tasks)


def test_a_model_of_one_task_has_the_labels_file_that_it_always_had() -> None:
    assert labels_to_json(OBJECTS, None) == OBJECTS.to_json()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"moods": {"names": ["gay"]}}, "unknown key 'moods'"),
        ({"parts": None}, '"parts" and "part_tree" go together'),
        ({"part_tree": {"castle": ["roof"]}}, "the part tree names 'castle', which is no object"),
        ({"part_tree": {"house": ["moat"]}}, "gives 'house' the part 'moat', which is no part"),
        ({"part_tree": ["house"]}, "the part tree must be an object such as"),
        ({"materials": {"names": []}}, "labels.json, materials: a label space needs at least one class name"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    value = {**labels_to_json(OBJECTS, TASKS), **changes}
    write_json(tmp_path / "labels.json", {key: one for key, one in value.items() if one is not None})
    with pytest.raises(UserError) as caught:
        read_labels(tmp_path / "labels.json")
    assert message in str(caught.value)
