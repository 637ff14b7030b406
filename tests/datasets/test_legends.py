"""What a missing classes.json should hold, of a list of classes and colours beside it, and of the masks."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse import UserError
from sceneparse.datasets.opening import open_dataset
from sceneparse.settings import DataSettings

COLORS = [[0, 0, 0], [200, 30, 30]]
CSV = "class,r,g,b\nbackground,0,0,0\nbody,200,30,30\n"


def flat(root: Path, *, colored: bool = True) -> Path:
    """Two pictures with their masks beside them."""
    pixels = np.zeros((6, 8, 3), np.uint8)
    for name in ("a", "b"):
        Image.fromarray(pixels).save(root / f"{name}.jpg")
        mask = pixels.copy()
        mask[:, 4:] = COLORS[1] if colored else 1
        Image.fromarray(mask).save(root / f"{name}_mask.png")
    return root


def refusal(root: Path) -> str:
    with pytest.raises(UserError) as caught:
        open_dataset(DataSettings(root=str(root)), "all")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "text"),
    (
        ("legend.csv", CSV),
        ("mine.csv", "\ufeff" + CSV.replace("class", "Name").replace(",", "; ").replace("\n", "\r\n")),
        ("classes.csv", "id,label,colour\n0,background,#000000\n1,body,C81E1E\n"),
        ("palette.csv", 'label,rgb\nbackground,"0,0,0"\nbody,"(200, 30, 30)"\n'),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbody:200,30,30::\n"),
        ("label_colors.txt", "0 0 0 background\n200 30 30 body\n"),
    ),
)
def test_the_whole_file_is_given_to_paste_and_is_what_opens_the_data(file: str, text: str, tmp_path: Path) -> None:
    (flat(tmp_path) / file).write_text(text, encoding="utf-8")
    said = refusal(tmp_path)
    start = f"{tmp_path / 'classes.json'}: no such file; {file} is not read: write classes.json with "
    assert said.startswith(start)
    space = said.removeprefix(start)
    assert json.loads(space) == {"names": ["background", "body"], "masks": "rgb", "colors": COLORS}
    (tmp_path / "classes.json").write_text(space)
    objects = open_dataset(DataSettings(root=str(tmp_path)), "all")[0].objects
    assert objects is not None and objects.unique().tolist() == [0, 1]


def test_masks_of_numbers_are_not_said_to_hold_colours(tmp_path: Path) -> None:
    (flat(tmp_path, colored=False) / "legend.csv").write_text(CSV)
    assert refusal(tmp_path).endswith(json.dumps({"names": ["background", "body"], "colors": COLORS}))


@pytest.mark.parametrize("text", ("", "class,r,g,b\nbody,200,30,300\n", "class,r,g,b\nbody\n", "body\nglass\n", "\0"))
def test_without_a_list_colour_masks_are_said_to_be_such_with_their_colours(text: str, tmp_path: Path) -> None:
    (flat(tmp_path) / "legend.csv").write_text(text)
    said = refusal(tmp_path)
    assert "the masks are colour pictures" in said
    assert '"masks": "rgb", "colors": [[' in said
    assert said.endswith(f"colours of the first ones: {COLORS}")


def test_colours_that_are_too_many_for_classes_are_not_listed(tmp_path: Path) -> None:
    flat(tmp_path)
    noise = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "b_mask.png")
    said = refusal(tmp_path)
    assert "the masks are colour pictures" in said
    assert "first ones" not in said
