"""What error lines are made of."""

import json
from pathlib import Path

import pytest
import yaml

from sceneparse.errors import counted, json_fault, reason_of, some


def test_the_reason_of_a_file_that_is_not_there_is_no_number_and_no_second_path(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        (tmp_path / "none.json").read_text()
    assert reason_of(caught.value) == "No such file or directory"


def test_the_reason_of_a_text_says_where_it_is_wrong() -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        yaml.safe_load("a: [1")
    assert reason_of(caught.value).startswith("line 1, column 6: expected")
    with pytest.raises(ValueError) as wrong:
        json.loads("{")
    assert reason_of(wrong.value).startswith("line 1, column 2: Expecting") and reason_of(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("text", "place"),
    [('{"names": ["sky", ]}', (1, 17)), ('{"names": [\n "sky",\n "road",\n]}', (3, 8)), ('{"a": [1],\n}', (1, 10))],
)
def test_a_trailing_comma_is_named_at_its_own_place(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    assert json_fault(caught.value)[:2] == place
    assert "trailing comma" in reason_of(caught.value)


def test_another_comma_before_a_fault_is_not_blamed() -> None:
    for text in ('{"a": 1, b}', "[1, 2", '["a,]', '{"a": [1, 2]'):
        with pytest.raises(json.JSONDecodeError) as caught:
            json.loads(text)
        assert "trailing comma" not in reason_of(caught.value)


def test_dots_stand_for_more_names_only() -> None:
    assert some(("road", "car", "tree")) == "road, car, tree" and some(("a", "b", "c"), 2) == "a, b, …"


def test_one_thing_is_no_plural() -> None:
    assert (counted(1, "picture"), counted(0, "picture")) == ("1 picture", "0 pictures")
    assert (counted(1, "class", "classes"), counted(1200, "class", "classes")) == ("1 class", "1,200 classes")
