"""Contact sheets show pictures, masks, variants and the classes that are on them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from sceneparse.data.sample import Sample
from sceneparse.drawing.contact import CELL, Variant, colored, contact_sheet
from sceneparse.drawing.lettering import Lettering
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels

LABELS = LabelSpace(names=("sky", "road", "car"), colors=((10, 200, 250), (128, 64, 128), (250, 0, 1)))


class Fake:
    """Samples whose left half is sky and whose right half is road."""

    labels, tasks = LABELS, TaskLabels(LABELS)

    def __init__(self, count: int, channels: int = 3) -> None:
        self.count, self.channels = count, channels

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        objects = torch.zeros(30, 40, dtype=torch.int16)
        objects[:, 20:] = 1
        return Sample(torch.full((self.channels, 30, 40), 77, dtype=torch.uint8), objects, name=self.name(index))

    def name(self, index: int) -> str:
        return f"sample {index}"


def colors_of(path: Path) -> dict[tuple[int, ...], int]:
    image = Image.open(path).convert("RGB")
    colors = image.getcolors(image.width * image.height)
    assert colors is not None
    return {color: count for count, color in colors if isinstance(color, tuple)}


def test_pictures_stand_beside_masks_in_the_classes_colours(tmp_path: Path) -> None:
    contact_sheet(Fake(9), tmp_path / "drawn" / "a.png", count=2)
    colors = colors_of(tmp_path / "drawn" / "a.png")
    picture = CELL[0] * CELL[0] * 30 // 40
    assert colors[77, 77, 77] >= 2 * picture
    assert abs(colors[10, 200, 250] - picture) < 400  # a legend's swatch more
    assert abs(colors[128, 64, 128] - picture) < 400
    assert (250, 0, 1) not in colors, "a class that no sample shows is not in the legend"


def test_variants_are_drawn_beside_the_original(tmp_path: Path) -> None:
    asked = []

    def augmented(index: int, number: int) -> Variant:
        asked.append((index, number))
        image = torch.full((3, 20, 20), 33, dtype=torch.uint8)
        return Variant(Sample(image, torch.full((20, 20), 2, dtype=torch.int16)))

    contact_sheet(Fake(1), tmp_path / "a.png", count=6, augmented=augmented, variants=3)
    assert asked == [(0, 0), (0, 1), (0, 2)]
    colors = colors_of(tmp_path / "a.png")
    assert colors[33, 33, 33] >= 3 * CELL[0] * CELL[1]
    assert colors[250, 0, 1] >= 3 * CELL[0] * CELL[1]
    contact_sheet(Fake(1), tmp_path / "plain.png", variants=3)
    assert Image.open(tmp_path / "plain.png").width < Image.open(tmp_path / "a.png").width


def test_the_same_seed_gives_the_same_sheet_and_another_one_other_samples(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        contact_sheet(Fake(50), tmp_path / f"{name}.png", count=2, seed=seed)
    content = [(tmp_path / f"{name}.png").read_bytes() for name in "abc"]
    assert content[0] == content[1] != content[2]


@pytest.mark.parametrize(("ignored", "says"), [(0, "padding"), (6, "ignored 20.0%")])
def test_padding_of_crops_is_not_counted_as_ignored(
    ignored: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(Lettering, "write", lambda _self, _draw, _at, text, _ink: written.append(text))

    class Partly(Fake):
        def __getitem__(self, index: int) -> Sample:
            sample = super().__getitem__(index)
            assert sample.objects is not None
            sample.objects[:ignored] = IGNORE
            return sample

    def padded(_index: int, _number: int) -> Variant:
        objects = torch.full((30, 40), IGNORE, dtype=torch.int16)
        objects[0, 0] = 2
        return Variant(Sample(torch.zeros(3, 30, 40, dtype=torch.uint8), objects))

    contact_sheet(Partly(1), tmp_path / "a.png", count=1, augmented=padded)
    half = "40.0%" if ignored else "50.0%"
    assert written[-4:] == [f"sky {half}", f"road {half}", "car", says]


def test_ignored_pixels_are_black_with_stripes() -> None:
    objects = torch.full((48, 48), IGNORE, dtype=torch.int16)
    objects[0, 0] = 1
    colors = colored(objects, LABELS)
    assert colors[0, 0].tolist() == [128, 64, 128]
    values = {tuple(value) for value in colors.reshape(-1, 3)[1:].tolist()}
    assert values == {(0, 0, 0), (128, 128, 128)}


def test_grey_and_many_channelled_pictures_are_drawn(tmp_path: Path) -> None:
    for channels in (1, 2, 5):
        contact_sheet(Fake(1, channels), tmp_path / "a.png", count=1)
        assert colors_of(tmp_path / "a.png")[77, 77, 77] > 1000


def test_every_task_has_its_mask_and_its_legend(tmp_path: Path) -> None:
    textures = LabelSpace(("dotted", "striped"), colors=((1, 2, 3), (9, 200, 7)))

    class Both(Fake):
        tasks = TaskLabels(LABELS, textures=textures)

        def __getitem__(self, index: int) -> Sample:
            return replace(super().__getitem__(index), textures=torch.ones(30, 40, dtype=torch.int16))

    contact_sheet(Both(1), tmp_path / "a.png", count=1)
    colors = colors_of(tmp_path / "a.png")
    picture = CELL[0] * CELL[0] * 30 // 40
    assert abs(colors[9, 200, 7] - picture) < 400 and (1, 2, 3) not in colors
    assert abs(colors[10, 200, 250] - picture // 2) < 400
