"""`sceneparse data show`: a contact sheet that says what training makes of a sample, and why."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from sceneparse import cli
from sceneparse.datasets import show
from sceneparse.drawing.contact import Variant, _cut, contact_sheet
from tests.support.small import write_data_set


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five pictures, of which the third alone has a few pixels of a third class."""
    root = write_data_set(tmp_path / "data", {"train": 5})
    (root / "classes.json").write_text('{"names": ["dark", "bright", "dot"], "ignore": 255}')
    path = root / "train" / "masks" / "002.png"
    mask = np.asarray(Image.open(path)).copy()
    mask[40:44, 3:7] = 2
    Image.fromarray(mask).save(path)
    return root


def recipe(path: Path, **settings: dict[str, object]) -> Path:
    path.write_text(yaml.safe_dump({"data": {"root": "."}, **settings}))
    return path


def test_it_says_what_crops_were_drawn_for_and_what_was_pasted(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions: dict[tuple[int, int], str] = {}
    factors: list[float] = []

    def noted(*words, augmented, **how):  # type: ignore[no-untyped-def]
        def heard(index: int, number: int) -> Variant:
            made: Variant = augmented(index, number)
            captions[index, number] = made.caption
            return made

        factors[:] = how["factors"].tolist()
        return contact_sheet(*words, augmented=heard, **how)

    monkeypatch.setattr(show, "contact_sheet", noted)
    mine = recipe(
        tmp_path / "mine.yaml",
        augmentation={"crop": [24, 24], "copy_paste": 1.0, "copy_paste_classes": ["dot"]},
        sampling={"repeat_threshold": 0.8, "rare_crops": 1.0},
    )
    out = tmp_path / "sheet.png"
    assert cli.main(["data", "show", str(data), "--recipe", str(mine), "--count", "5", "--out", str(out)]) == 0
    assert factors == pytest.approx([1, 1, 2, 1, 1])  # sqrt(0.8 / 0.2)
    assert len(captions) == 10
    for (index, _), caption in captions.items():
        rare, _, from_where = caption.partition("; ")
        assert rare.startswith("crop drawn for ")
        assert rare.endswith("dot") or index != 2
        assert from_where in ("dot pasted from 002", "")
    assert sum("pasted" in caption for caption in captions.values()) >= 8
    assert Image.open(out).width > 600


def test_the_same_recipe_gives_the_same_sheet(data: Path, tmp_path: Path) -> None:
    mine = recipe(tmp_path / "mine.yaml", augmentation={"crop": [24, 24], "photometric": True, "cat_max_ratio": 0.75})
    sheets = []
    for name in ("a", "b"):
        out = tmp_path / f"{name}.png"
        assert cli.main(["data", "show", str(data), "--recipe", str(mine), "--out", str(out)]) == 0
        sheets.append(out.read_bytes())
    assert sheets[0] == sheets[1]


def test_a_caption_that_is_too_long_is_cut() -> None:
    assert _cut("short", 100) == "short"
    cut = _cut("a caption that is far too long", 60)
    assert cut.startswith("a ca") and cut.endswith("…")


def test_padding_has_the_recipes_colour(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colours: list[object] = []

    def noted(*_, augmented, **__):  # type: ignore[no-untyped-def]
        image = augmented(0, 0).sample.image
        colours.append(image[:, -1, -1].tolist())
        return [0]

    monkeypatch.setattr(show, "contact_sheet", noted)
    mine = recipe(
        tmp_path / "mine.yaml",
        augmentation={"crop": [400, 400], "color": 0.0, "rotate": 0, "rotate_probability": 0, "blur_probability": 0},
        preprocessing={"mean": [1.0, 0.0, 0.2], "std": [1.0, 1.0, 1.0]},
    )
    command = ["data", "show", str(data), "--recipe", str(mine), "--out", str(tmp_path / "sheet.png")]
    assert cli.main(command) == 0 and colours == [[255, 0, 51]]
