"""Which sizes a network learns from."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sceneparse.arguments import on_command_line
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.recipes import read_recipe
from sceneparse.settings import AugmentationSettings, ClassSettings, DataSettings, LearntSizes, SourceSettings
from sceneparse.training.prepare import prepare
from sceneparse.training.sizes import learnt_sizes, small_crops
from sceneparse.weights.config import config_from_json, config_to_json
from tests.support.brightest import brightest_parser


def folder(root: Path, sizes: list[tuple[int, int]]) -> DataSettings:
    """A data set of pictures of these widths and heights."""
    for kind in ("images", "masks"):
        (root / "train" / kind).mkdir(parents=True)
    for number, (width, height) in enumerate(sizes):
        Image.new("RGB", (width, height)).save(root / "train" / "images" / f"{number}.png")
        mask = Image.new("L", (width, height))
        mask.putpixel((0, 0), 1)
        mask.save(root / "train" / "masks" / f"{number}.png")
    (root / "classes.json").write_text(json.dumps({"names": ["a", "b"]}), encoding="utf-8")
    return DataSettings(kind="folder", root=str(root))


def sizes_of(data: DataSettings, **augmentation: object) -> LearntSizes:
    settings = AugmentationSettings(**augmentation)  # type: ignore[arg-type]
    return learnt_sizes(open_dataset(data, "train"), data, settings)


def test_short_sides_are_those_after_augmentation(tmp_path: Path) -> None:
    data = folder(tmp_path, [(48, 36), (40, 30), (36, 48), (90, 36)])
    found = sizes_of(data, crop=(16, 16), scale=(0.5, 2.0))
    assert (found.short, found.largest) == (36, 36)
    assert found.seen is not None
    assert 15 <= found.seen[0] <= 23
    assert 60 <= found.seen[1] <= 72
    assert sizes_of(data, crop=(16, 16), scale=(0.25, 0.5)).short == 14  # the middle of what may be drawn
    whole = sizes_of(data, crop=None)
    assert (whole.short, whole.seen) == (36, (30, 36))


def test_short_sides_that_are_drawn_are_what_is_learnt(tmp_path: Path) -> None:
    data = folder(tmp_path, [(480, 360), (4000, 3000)])
    found = sizes_of(data, short=(30, 40, 50), crop=(16, 16))
    assert found == LearntSizes(short=40, largest=40, seen=(30, 50))
    bound = sizes_of(data, short=(300,), max_long=200, crop=(16, 16))
    assert bound.short == 150  # 200 at the long side of 4:3


class TestSmallCrops:
    SIZES = LearntSizes(short=3000, largest=3000, seen=(1500, 6000))

    @pytest.mark.parametrize(
        ("given", "advised"),
        [
            ({}, {"short": (480,), "ratio_range": (0.5, 2.0)}),
            ({"scale": (0.6, 1.9)}, {"short": (480,), "ratio_range": (0.6, 1.9), "scale": (0.5, 2.0)}),
            ({"short": (3000,)}, {"short": (480,)}),
        ],
    )
    def test_what_is_advised_is_taken_and_shows_enough(
        self, given: dict[str, Any], advised: dict[str, Any], tmp_path: Path
    ) -> None:
        data = folder(tmp_path, [(4000, 3000)])
        before = {"crop": (320, 320), **given}
        found = sizes_of(data, **before)
        with on_command_line():
            said = small_crops(found, data, AugmentationSettings(**before))
        assert said is not None and "crop of 320×320" in said and "short side is 3,000 pixels" in said
        for name, value in advised.items():
            assert f'--augmentation.{name} "[{",".join(str(one) for one in value)}]"' in said
        after = {**before, **advised}
        assert small_crops(sizes_of(data, **after), data, AugmentationSettings(**after)) is None

    def test_whoever_sees_enough_or_cut_on_purpose_is_told_nothing(self) -> None:
        data, crops = DataSettings(), AugmentationSettings(crop=(320, 320))
        assert small_crops(LearntSizes(short=1280, largest=1280, seen=(640, 2560)), data, crops) is None
        assert small_crops(LearntSizes(), data, crops) is None
        assert small_crops(self.SIZES, replace(data, camera=(3000, 4000)), crops) is None
        assert small_crops(self.SIZES, data, AugmentationSettings(crop=None, scale=(1.0, 1.0))) is None

    def test_a_training_says_it(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        root = folder(tmp_path / "data", [(200, 150)] * 2).root
        recipe = read_recipe(
            "toy-pspnet",
            data={"kind": "folder", "root": root, "val": "train", "workers": 0},
            augmentation={"crop": [32, 32]},
            training={"iterations": 1, "batch": 2, "validate_every": 0},
        )
        prepare(recipe, None, "auto")
        assert "a crop of 32×32 is a small piece of a picture whose short side is 150" in capsys.readouterr().err


def test_of_pieces_the_camera_says_what_a_whole_picture_is(tmp_path: Path) -> None:
    data = folder(tmp_path, [(50, 50)] * 3)
    assert sizes_of(data, crop=(16, 16), scale=(1.0, 1.0)).short == 50
    pieces = DataSettings(kind="folder", root=data.root, camera=(300, 400))
    assert sizes_of(pieces, crop=(16, 16), scale=(1.0, 1.0)) == LearntSizes(short=300, largest=300, seen=(300, 300))


def test_a_few_large_pictures_do_not_make_the_usual_size(tmp_path: Path) -> None:
    data = folder(tmp_path, [(40, 30)] * 39 + [(400, 300)])
    found = sizes_of(data, crop=(16, 16), scale=(1.0, 1.0))
    assert (found.short, found.largest) == (30, 30)


def test_pictures_without_files_are_looked_at_themselves() -> None:
    data = DataSettings(kind="toyworld")
    height, width = open_dataset(data, "train")[0].size
    assert sizes_of(data, crop=None).short == min(height, width)


def test_equal_data_give_equal_sizes_and_take_no_random_numbers_of_others(tmp_path: Path) -> None:
    data = folder(tmp_path, [(48, 36), (40, 30)])
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), str(np.random.get_state(legacy=False))
    assert sizes_of(data, crop=(16, 16)) == sizes_of(data, crop=(16, 16))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert str(np.random.get_state(legacy=False)) == before[1]


def test_a_model_remembers_them() -> None:
    space = LabelSpace(("a", "b"), ((0, 0, 0), (1, 1, 1)))
    known = LearntSizes(short=36, largest=40, seen=(20, 70))
    for sizes in (known, LearntSizes()):
        config = brightest_parser(labels=space, sizes=sizes).config
        stored = config_to_json(config)
        assert ("sizes" in stored) == sizes.known  # what is not known is not written
        assert config_from_json(stored, "config.json").sizes == sizes


@pytest.mark.parametrize("wrong", [{"short": 0, "largest": 1, "seen": (1, 1)}, {"short": 5}])
def test_what_is_no_size_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match="must be positive"):
        LearntSizes(**wrong)  # type: ignore[arg-type]


def test_no_picture_is_decoded_for_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = folder(tmp_path, [(48, 36), (40, 30)])
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda _: pytest.fail("it is decoded"))
    assert sizes_of(data, crop=(16, 16)).short == 33


@pytest.mark.parametrize(
    "changed", [{"classes": ClassSettings(mirror=(("a", "b"),))}, {"classes": ClassSettings(rename={"a": "c"})}, {}]
)
@pytest.mark.parametrize("split", ["train", "train[::2]+train[1::2]"])
def test_no_picture_is_decoded_either_where_classes_change_or_splits_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], split: str
) -> None:
    data = replace(folder(tmp_path, [(48, 36), (40, 30)]), train=split, **changed)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda _: pytest.fail("it is decoded"))
    settings = AugmentationSettings(crop=(16, 16))
    assert learnt_sizes(open_dataset(data, split), data, settings).short == 33


def mixture(root: Path, small: SourceSettings, large: SourceSettings) -> DataSettings:
    """Thirty pictures of 40×30 and ten of 400×300."""
    folder(root / "small", [(40, 30)] * 30)
    folder(root / "large", [(400, 300)] * 10)
    return DataSettings(kind="mixture", root=str(root), sources=(small, large))


SMALL, LARGE = SourceSettings(root="small", name="small"), SourceSettings(root="large", name="large")
UNCHANGED = {"crop": (16, 16), "scale": (1.0, 1.0)}


def test_the_sources_of_a_mixture_count_as_often_as_they_are_drawn(tmp_path: Path) -> None:
    data = mixture(tmp_path, SMALL, LARGE)
    assert sizes_of(data, **UNCHANGED).short == 30  # by their pictures
    weighted = replace(data, sources=(replace(SMALL, weight=1), replace(LARGE, weight=3)))
    assert sizes_of(weighted, **UNCHANGED).short == 300
    renamed = replace(weighted, classes=ClassSettings(rename={"a": "c"}))
    assert sizes_of(renamed, **UNCHANGED) == sizes_of(weighted, **UNCHANGED)
    rare = replace(data, sources=(SMALL, replace(LARGE, weight=1)))  # 1 draw in 31
    assert sizes_of(rare, **UNCHANGED) == LearntSizes(short=30, largest=30, seen=(30, 30))


def test_a_source_that_is_shrunken_counts_at_that_size_and_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = mixture(tmp_path, replace(SMALL, weight=1), replace(LARGE, weight=9, short=60))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda _: pytest.fail("it is decoded"))
    assert sizes_of(data, **UNCHANGED) == LearntSizes(short=60, largest=60, seen=(30, 60))


def test_a_mixture_with_rasters_or_volumes_has_no_scale_of_pictures(tmp_path: Path) -> None:
    data = mixture(tmp_path, SMALL, LARGE)
    dataset = open_dataset(data, "train")
    assert learnt_sizes(dataset, data, AugmentationSettings()).known
    for kind in ("geotiff", "nifti"):
        other = replace(data, sources=(SMALL, replace(LARGE, kind=kind)))
        assert learnt_sizes(dataset, other, AugmentationSettings()) == LearntSizes()
