"""What error lines are made of."""

import json
from pathlib import Path

import pytest
import yaml

from sceneparse.errors import counted, reason_of, some


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
    assert "line 1 column 2" in reason_of(wrong.value) and reason_of(ValueError()) == "ValueError"


def test_dots_stand_for_more_names_only() -> None:
    assert some(("road", "car", "tree")) == "road, car, tree" and some(("a", "b", "c"), 2) == "a, b, …"


def test_one_thing_is_no_plural() -> None:
    assert (counted(1, "picture"), counted(0, "picture")) == ("1 picture", "0 pictures")
    assert (counted(1, "class", "classes"), counted(1200, "class", "classes")) == ("1 class", "1,200 classes")
