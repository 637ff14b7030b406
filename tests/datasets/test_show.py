"""`sceneparse data show`: a contact sheet that says what training makes of a sample, and why."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from sceneparse import cli
from sceneparse.data.augmenter import Augmenter
from sceneparse.datasets import show
from sceneparse.drawing.contact import ContactSheet, Variant, _cut, contact_sheet
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
        return ContactSheet(Image.new("RGB", (1, 1)), (0,))

    monkeypatch.setattr(show, "contact_sheet", noted)
    mine = recipe(
        tmp_path / "mine.yaml",
        augmentation={"crop": [400, 400], "color": 0.0, "rotate": 0, "rotate_probability": 0, "blur_probability": 0},
        preprocessing={"mean": [1.0, 0.0, 0.2], "std": [1.0, 1.0, 1.0]},
    )
    command = ["data", "show", str(data), "--recipe", str(mine), "--out", str(tmp_path / "sheet.png")]
    assert cli.main(command) == 0 and colours == [[255, 0, 51]]


def test_settings_on_the_command_line_are_shown(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Noted(Augmenter):
        def __init__(self, *words, **how):  # type: ignore[no-untyped-def]
            seen.append(words)
            super().__init__(*words, **how)

    monkeypatch.setattr(show, "Augmenter", Noted)
    mine = recipe(tmp_path / "mine.yaml", augmentation={"crop": [24, 24], "rotate": 5, "mirror": 0.25})
    words = ["data", "show", str(data), "--count", "1", "--out", str(tmp_path / "sheet.png"), "--augmentation.rotate=0"]
    given = ["--sampling.rare_crops", "0.5", "--preprocessing.mean", "[1, 0, 0]"]
    for more, crop, mirror in ((), (48, 64), 0.5), (("--recipe", str(mine)), (24, 24), 0.25):
        assert cli.main([*words, *given, *more]) == 0
        _, augmentation, sampling, mean, *_ = seen.pop()
        assert (augmentation.rotate, augmentation.crop, augmentation.mirror) == (0, crop, mirror)
        assert sampling.rare_crops == 0.5 and tuple(mean) == (1, 0, 0)


def test_pictures_of_other_channels_are_shown_and_are_said_not_to_be_written(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (data / "train" / "images").iterdir():
        Image.open(path).convert("RGBA").save(path)
    words = [str(data), "--backbone.in_channels", "4", "--out"]
    assert cli.main(["data", "show", *words, str(tmp_path / "sheet.png")]) == 0
    assert Image.open(tmp_path / "sheet.png").width > 200
    assert cli.main(["data", "export", *words, str(tmp_path / "out")]) == 2
    assert (
        "its pictures are read with 4 channels, but only pictures of 3 channels are written" in capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()


def test_a_recipe_is_checked_and_shown_with_its_own_data(data: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump({"data": {"root": str(data), "val": "train", "test": "train"}}))
    assert cli.main(["data", "show", str(mine), "--count", "1", "--out", str(tmp_path / "sheet.png")]) == 0
    assert (tmp_path / "sheet.png").is_file()
