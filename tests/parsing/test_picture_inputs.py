"""Which pictures are inputs, when outputs lie among them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.errors import UserError
from sceneparse.parsing.picture_inputs import Inputs


def names(inputs: Inputs) -> list[str]:
    return [found.name for found in inputs]


def test_every_iteration_searches_afresh(pictures: Path, tmp_path: Path) -> None:
    inputs = Inputs([pictures], tmp_path / "out")
    assert names(inputs) == names(inputs) == ["a", "b", "c", "below/d"]


def test_what_lies_in_the_output_folder_is_no_input(pictures: Path) -> None:
    out = pictures / "below" / "parsed"
    inputs = Inputs([pictures], out)
    (out / "deep").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(out / "a.png")
    Image.new("RGB", (4, 4)).save(out / "deep" / "a_overlay.jpg")
    assert names(inputs) == ["a", "b", "c", "below/d"]
    assert names(Inputs([str(pictures / "**" / "*.png")], out)) == ["a", "b", "c", "below/d"]


def test_a_folder_beside_with_a_similar_name_is_an_input(pictures: Path) -> None:
    assert names(Inputs([pictures], pictures / "bel")) == ["a", "b", "c", "below/d"]


@pytest.mark.parametrize("pattern", ["", "below", "*.png", "**/*.png"])
def test_folders_of_pictures_in_the_output_folder_are_refused(pictures: Path, pattern: str) -> None:
    with pytest.raises(UserError, match="lies in the output folder"):
        Inputs([pictures / pattern], pictures)


def test_a_link_to_the_output_folder_is_seen_through(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(pictures, target_is_directory=True)
    with pytest.raises(UserError, match="lies in the output folder"):
        Inputs([tmp_path / "link"], pictures)


def test_single_files_may_lie_in_the_output_folder_but_must_not_be_overwritten(tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(picture)
    inputs = Inputs([picture], tmp_path)
    assert names(inputs) == ["a"]
    assert inputs.overwritten_by([tmp_path / "a.png"]) is None
    assert inputs.overwritten_by([tmp_path / "below" / ".." / "a.jpg"]) == picture


def test_what_does_not_exist_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        Inputs([tmp_path / "none"], tmp_path / "out")
