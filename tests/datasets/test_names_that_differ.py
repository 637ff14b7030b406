"""Pictures and masks whose names differ in case or in what they begin with: matched, or what matches them is named."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.opening import open_dataset, open_for_training
from sceneparse.doctor import Diagnosis, check
from sceneparse.errors import UserError
from sceneparse.pictures import find_pictures
from sceneparse.settings import DataSettings

RNG = np.random.default_rng(0)


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (3, 4, 3), dtype=np.uint8)).save(path, "PNG")


def mask(path: Path, index: int) -> None:
    """Its number stands in its first pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.array([[index, 0, 1, 2]] * 3, dtype=np.uint8)
    Image.fromarray(values).save(path, "PNG")


def write(root: Path, name: str, drawn: str, *, beside: bool = False) -> DataSettings:
    for split in ("train", "val"):
        for index in range(3):
            picture(root / split / ("" if beside else "images") / name.format(index))
            mask(root / split / ("" if beside else "masks") / drawn.format(index), index)
    (root / "classes.json").write_text(json.dumps({"names": ["a", "b", "c"]}))
    return DataSettings("folder", root=str(root))


def diagnosed(settings: DataSettings) -> Diagnosis:
    return check(settings, progress=False, workers=1)


def right(settings: DataSettings) -> list[str]:
    """The names of the samples, each of which has the mask of its number."""
    assert diagnosed(settings).ok, diagnosed(settings).findings
    dataset = open_for_training(settings)[0]
    for index, sample in enumerate(map(dataset.__getitem__, range(len(dataset)))):
        assert sample.objects is not None and int(sample.objects[0, 0]) == index
    return [dataset.name(index) for index in range(len(dataset))]


MATCHED = {
    "case": ("Pic{}.png", "pic{}.png"),
    "case of the suffix": ("a{}.JPG", "a{}.png"),
    "case, and an ending": ("Pic{}.png", "pic{}_Mask.png"),
    "case of subfolders": ("Street/{}.png", "street/{}.png"),
    "case beyond ASCII": ("Äpfel{}.png", "äpfel{}.png"),
    "lbl": ("img_{}.png", "lbl_{}.png"),
    "mask": ("image_00{}.png", "mask_00{}.png"),
    "seg": ("rgb_{}.png", "seg_{}.png"),
    "no separator": ("img{}.png", "lbl{}.png"),
    "a beginning of masks alone": ("{}.png", "msk-{}.png"),
    "case, and a beginning": ("IMG_{}.png", "Lbl_{}.png"),
    "a lbl at the end": ("{}.png", "{}_lbl.png"),
    "no suffix": ("IMG000{}", "IMG000{}.png"),
    "no suffix at all": ("IMG000{}", "IMG000{}"),
}


@pytest.mark.parametrize("case", MATCHED)
def test_names_that_can_be_matched_in_one_way_are(case: str, tmp_path: Path) -> None:
    name, drawn = MATCHED[case]
    stems = [name.format(index).removesuffix(".png").removesuffix(".JPG") for index in range(3)]
    assert right(write(tmp_path, name, drawn)) == stems


@pytest.mark.parametrize("case", ["case, and an ending", "lbl", "no separator", "case, and a beginning"])
def test_they_are_beside_each_other_too(case: str, tmp_path: Path) -> None:
    assert len(right(write(tmp_path, *MATCHED[case], beside=True))) == 3


def test_that_case_does_not_count_is_said(tmp_path: Path) -> None:
    assert "names-folded" in {one.code for one in diagnosed(write(tmp_path, "A{}.png", "a{}.png")).findings}
    assert right(write(tmp_path / "other", "A{}.png", "A{}.png")) == ["A0", "A1", "A2"]
    codes = {one.code for one in diagnosed(DataSettings("folder", root=str(tmp_path / "other"))).findings}
    assert "names-folded" not in codes


@pytest.mark.parametrize("other", ["pIC1.png", "pic1.png"])
def test_pictures_that_would_share_a_mask_by_their_case_are_refused(other: str, tmp_path: Path) -> None:
    settings = write(tmp_path, "Pic{}.png", "pic{}.png")
    picture(tmp_path / "train/images" / other)
    assert not diagnosed(settings).ok
    with pytest.raises(UserError, match="no mask in"):
        open_for_training(settings)


def test_pictures_that_would_share_a_mask_by_their_beginning_are_refused(tmp_path: Path) -> None:
    settings = write(tmp_path, "img_{}.png", "lbl_{}.png")
    picture(tmp_path / "train/images/rgb_1.png")
    assert "shared-mask" in {one.code for one in diagnosed(settings).findings}
    with pytest.raises(UserError, match="would have the mask of another picture"):
        open_for_training(settings)


NAMED = {
    "beginnings": ("scene_{}.png", "truth9_{}.png", {"image_names": "scene_*", "mask_names": "truth9_*"}),
    "one of masks": ("{}.png", "hand-{}.png", {"mask_names": "hand-*"}),
    "one of pictures": ("day-{}.png", "{}.png", {"image_names": "day-*"}),
    "endings": ("{}_day.png", "{}_drawn.png", {"image_names": "*_day", "mask_names": "*_drawn"}),
    "both": ("a-{}-left.png", "b-{}-x.png", {"image_names": "a-*-left", "mask_names": "b-*-x"}),
    "no separator": ("scene{}.png", "hand{}.png", {"image_names": "scene*", "mask_names": "hand*"}),
}


@pytest.mark.parametrize("case", NAMED)
def test_the_settings_that_would_match_names_are_named_and_do(case: str, tmp_path: Path) -> None:
    name, drawn, options = NAMED[case]
    settings = write(tmp_path, name, drawn)
    advice = f"if they belong together but for what their names begin or end with: data={{'options': {options}}}"
    assert any(advice in one.message for one in diagnosed(settings).findings)
    with pytest.raises(UserError, match=re.escape(advice)):
        open_for_training(settings)
    right(replace(settings, options=options))


def test_patterns_find_masks_beside_their_pictures(tmp_path: Path) -> None:
    settings = write(tmp_path, "scene{}.png", "hand{}.png", beside=True)
    with pytest.raises(UserError, match="not the expected layout"):
        open_for_training(settings)
    right(replace(settings, options={"image_names": "scene*", "mask_names": "hand*"}))


def test_files_that_fit_no_pattern_are_refused(tmp_path: Path) -> None:
    settings = replace(
        write(tmp_path, "scene{}.png", "hand{}.png"), options={"image_names": "scene*", "mask_names": "hand*"}
    )
    picture(tmp_path / "train/images/odd.png")
    with pytest.raises(UserError, match=r"no mask in .* for .*odd\.png"):
        open_for_training(settings)


@pytest.mark.parametrize("pattern", ["scene", "a*b*", "x/*", ""])
def test_a_pattern_without_its_star_is_refused(pattern: str) -> None:
    with pytest.raises(UserError, match=r"data\.options: mask_names is '.*', but must have one \* and no folder"):
        DataSettings("folder", root="x", options={"mask_names": pattern})


def test_names_that_have_nothing_in_common_name_no_setting(tmp_path: Path) -> None:
    settings = write(tmp_path, "b{}.png", "b{}.png")
    for index, path in enumerate(sorted((tmp_path / "train/masks").iterdir())):
        path.rename(path.with_name(f"{'xyz'[index]}.png"))
    assert not any("data.options" in one.message for one in diagnosed(settings).findings)


def test_a_file_without_suffix_that_is_no_picture_is_no_picture(tmp_path: Path) -> None:
    settings = write(tmp_path, "{}.png", "{}.png")
    (tmp_path / "train/images/README").write_text("by hand")
    (tmp_path / "train/images/nothing").touch()
    right(settings)
    shutil.copy(tmp_path / "train/images/0.png", tmp_path / "train/images/1")
    with pytest.raises(UserError, match="differs from another file only in its suffix"):
        open_dataset(settings, "train")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "AVIF", "JPEG2000"])
def test_a_picture_without_suffix_is_found_by_its_first_bytes(form: str, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "IMG0001", form)
    assert [found.name for found in find_pictures([tmp_path])] == ["IMG0001"]
