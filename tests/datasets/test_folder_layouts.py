"""Pictures and masks of one's own are found however people lay them out, and the doctor says what was taken."""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.datasets.opening import open_dataset, open_for_training
from sceneparse.doctor import Diagnosis, check
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.settings import DataSettings

NAMES = ("a", "b", "c", "d", "e", "f")
"""By their position: four for training, two for validation."""


def write(root: Path, picture: str, mask: str, splits: tuple[str, str] = ("train", "val")) -> DataSettings:
    """Write pictures and masks whose paths are made of {split} and {name}."""
    for index, name in enumerate(NAMES):
        words = {"split": splits[0 if index < 4 else 1], "name": name}
        image, label = root / picture.format(**words), root / mask.format(**words)
        for path in (image, label):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(index).integers(0, 255, (6, 8, 3), dtype=np.uint8)).save(image)
        Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8) % 2).save(label)
    (root / "classes.json").write_text(json.dumps({"names": ["sky", "road"]}))
    return DataSettings("folder", root=str(root))


def diagnosed(settings: DataSettings) -> Diagnosis:
    return check(settings, progress=False, workers=1)


LAYOUTS = {
    "suffix _mask": ("{split}/images/{name}.jpg", "{split}/masks/{name}_mask.png"),
    "suffix _seg": ("{split}/images/{name}.jpg", "{split}/masks/{name}_seg.png"),
    "suffix _labelIds": ("{split}/images/{name}_leftImg8bit.png", "{split}/masks/{name}_gtFine_labelIds.png"),
    "suffix _L": ("images/{split}/{name}.png", "masks/{split}/{name}_L.png"),
    "labels": ("{split}/images/{name}.jpg", "{split}/labels/{name}.png"),
    "imgs and annotations": ("imgs/{split}/{name}.jpg", "annotations/{split}/{name}.png"),
    "train and train_masks": ("{split}/{name}.jpg", "{split}_masks/{name}_mask.png"),
    "annot": ("{split}/{name}.jpg", "{split}annot/{name}.png"),
    "beside": ("{split}/{name}.jpg", "{split}/{name}_mask.png"),
    "img and ann": ("img/{split}/{name}.jpg", "ann/{split}/{name}.png"),
    "rgb and gt": ("{split}/rgb/{name}.jpg", "{split}/gt/{name}.png"),
    "train_images and train_masks": ("{split}_images/{name}.jpg", "{split}_masks/{name}.png"),
    "images-train and masks-train": ("images-{split}/{name}.jpg", "masks-{split}/{name}.png"),
    "x_train and y_train": ("x_{split}/{name}.jpg", "y_{split}/{name}.png"),
    "masks named as pictures": ("{split}/images/{name}.jpg", "{split}/masks/{name}.jpg.png"),
    "prefix mask_": ("{split}/images/{name}.jpg", "{split}/masks/mask_{name}.png"),
    "prefix seg-": ("images/{split}/x/{name}.png", "masks/{split}/x/seg-{name}.png"),
    "prefix label_ beside": ("{split}/{name}.jpg", "{split}/label_{name}.png"),
    "prefixes of both": ("{split}/images/image_{name}.jpg", "{split}/masks/GT_{name}.png"),
    "beside, both with an ending": ("{split}/{name}_sat.jpg", "{split}/{name}_mask.png"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masks_are_found_and_a_line_says_what_was_taken(layout: str, tmp_path: Path) -> None:
    settings = write(tmp_path, *LAYOUTS[layout])
    assert [len(split) for split in open_for_training(settings)] == [4, 2]
    diagnosis = diagnosed(settings)
    assert diagnosis.ok and [split.pictures for split in diagnosis.splits] == [4, 2]
    (finding,) = [finding for finding in diagnosis.findings if finding.code == "layout"]
    assert finding.severity == "note" and "pictures are taken from" in finding.message
    assert ("whose names begin with" in finding.message) == layout.startswith("prefix")
    assert main(["data", "check", str(tmp_path)]) == 0


@pytest.mark.parametrize(
    ("layout", "second", "rival"),
    (
        ("prefix mask_", "train/images/img_a.jpg", "train/images/img_a.jpg"),
        ("suffix _mask", "train/images/a_rgb.jpg", "train/images/a_rgb.jpg"),
        ("beside, both with an ending", "train/a.jpg", "train/a_sat.jpg"),
    ),
)
def test_a_mask_is_of_one_picture_only(layout: str, second: str, rival: str, tmp_path: Path) -> None:
    settings = write(tmp_path, *LAYOUTS[layout])
    Image.new("RGB", (8, 6)).save(tmp_path / second)
    with pytest.raises(UserError, match="would have the mask of another picture; take away the one"):
        open_for_training(settings)
    (finding,) = [finding for finding in diagnosed(settings).findings if finding.severity == "error"]
    assert finding.code == "shared-mask" and finding.examples == (rival,)
    (tmp_path / second).unlink()
    assert diagnosed(settings).ok


@pytest.mark.parametrize("val", ("valid", "validation", "dev", "Val", "val2017", "val_1"))
def test_the_split_for_validation_is_found_by_what_people_call_it(val: str, tmp_path: Path) -> None:
    settings = write(tmp_path, "{split}/images/{name}.jpg", "{split}/masks/{name}.png", ("train", val))
    assert len(open_dataset(settings, "val")) == len(open_dataset(settings, val)) == 2
    diagnosis = diagnosed(settings)
    assert diagnosis.ok
    assert any(finding.message == f"split '{val}' is taken as val" for finding in diagnosis.findings)


@pytest.mark.parametrize(
    ("picture", "mask"), (("images/{name}.jpg", "masks/{name}.png"), ("{name}.jpg", "{name}_mask.png"))
)
def test_a_set_without_splits_is_parted(picture: str, mask: str, tmp_path: Path) -> None:
    settings = write(tmp_path, picture, mask)
    assert [len(split) for split in open_for_training(settings)] == [4, 2]
    diagnosis = diagnosed(settings)
    assert diagnosis.ok and diagnosis.splits[0].pictures == 6
    assert any(finding.code == "parted" for finding in diagnosis.findings)
    with pytest.raises(MissingSplitError, match="no split 'tset'; there are: all, train, val"):
        open_dataset(settings, "tset")
    by_hand = diagnosed(replace(settings, train="all[2:]", val="all[:2]"))
    assert by_hand.ok and not any(finding.code == "parted" for finding in by_hand.findings)


def names_of(settings: DataSettings, split: str) -> list[str]:
    dataset = open_dataset(settings, split)
    return [dataset.name(index) for index in range(len(dataset))]


@pytest.mark.parametrize("place", ("", "splits", "ImageSets/Segmentation"))
@pytest.mark.parametrize(
    "line",
    (
        "{}",
        "{}.jpg",
        "images/{}.jpg",
        "./{}",
        "C:\\data\\images\\{}.jpg",
        "/home/me/{}.jpg",
        "images/{0}.jpg masks/{0}.png",
    ),
)
def test_lists_beside_pictures_part_them(place: str, line: str, tmp_path: Path) -> None:
    settings = write(tmp_path, "images/{name}.jpg", "masks/{name}.png")
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for name, listed in (("train", "fac"), ("valid", "b")):
        text = "".join(f"{line.format(one)}\n" for one in listed)
        (tmp_path / place / f"{name}.txt").write_text(text, encoding="utf-8-sig")
    assert names_of(settings, "train") == ["a", "c", "f"] and names_of(settings, "val") == ["b"]
    diagnosis = diagnosed(settings)
    assert diagnosis.ok and [split.pictures for split in diagnosis.splits] == [3, 1]
    (finding,) = [finding for finding in diagnosis.findings if finding.code == "lists"]
    assert "train.txt and " in finding.message and "no list names them: 2 pictures" in finding.message
    whole = DataSettings("folder", root=str(tmp_path), train="all[2:]", val="all[:2]")
    assert [len(split) for split in open_for_training(whole)] == [4, 2]


@pytest.mark.parametrize("folders", (("images", "masks"), ("Images", "Labels"), ("imgs", "gt")))
def test_lists_part_pictures_that_lie_in_subfolders(folders: tuple[str, str], tmp_path: Path) -> None:
    picture, mask = (f"{folder}/{{split}}/{{name}}{end}" for folder, end in zip(folders, (".jpg", ".png"), strict=True))
    settings = write(tmp_path, picture, mask, ("one", "two"))
    (tmp_path / "train.txt").write_text("one/a.jpg\none/b\ntwo/e.jpg\n")
    (tmp_path / "val.txt").write_text(f"{folders[0]}/two/f.jpg\nc.jpg\n")
    assert names_of(settings, "train") == ["one/a", "one/b", "two/e"]
    assert names_of(settings, "val") == ["one/c", "two/f"]
    diagnosis = diagnosed(settings)
    assert diagnosis.ok and [split.pictures for split in diagnosis.splits] == [3, 2]
    assert any("left out, since no list names them: 1 picture" in one.message for one in diagnosis.findings)
    # Folders that the settings name are taken as they are.
    by_folder = DataSettings("folder", root=str(tmp_path), train="one", val="two")
    assert [len(split) for split in open_for_training(by_folder)] == [4, 2]
    # So are folders that are called as splits are.
    for folder in folders:
        (tmp_path / folder / "one").rename(tmp_path / folder / "train")
        (tmp_path / folder / "two").rename(tmp_path / folder / "val")
    assert [len(split) for split in open_for_training(settings)] == [4, 2]


def test_a_list_for_training_alone_is_parted(tmp_path: Path) -> None:
    settings = write(tmp_path, "{name}.jpg", "{name}_mask.png")
    (tmp_path / "train.txt").write_text("a\nb\nc\nd\ne\n")
    train, val = names_of(settings, "train"), names_of(settings, "val")
    assert sorted(train + val) == list("abcde") and val


def test_a_listed_name_without_a_picture_is_refused_with_its_line(tmp_path: Path) -> None:
    settings = write(tmp_path, "images/{name}.jpg", "masks/{name}.png")
    (tmp_path / "train.txt").write_text("a\n\nghost\n")
    with pytest.raises(UserError, match=r"train.txt:3: lists 'ghost', but there is no such picture"):
        open_dataset(settings, "train")
    assert not diagnosed(settings).ok


def listed(root: Path, names: Sequence[str], line: str) -> list[str]:
    """The names of what a list of one line holds, of pictures called so."""
    pixels = np.zeros((6, 8), dtype=np.uint8)
    for name in names:
        for path, values in ((f"images/{name}.jpg", np.stack([pixels] * 3, axis=-1)), (f"masks/{name}.png", pixels)):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(root / path)
    (root / "classes.json").write_text('{"names": ["a", "b"]}')
    (root / "train.txt").write_text(f"{names[-1]}\n{line}\n")
    (root / "val.txt").write_text(f"{names[-1]}\n")
    found = names_of(DataSettings("folder", root=str(root)), "train")
    return sorted({*found} - {names[-1]})


@pytest.mark.parametrize(
    ("names", "line", "meant"),
    [
        (("a b", "a", "z"), "a b\ta b.png", "a b"),
        (("a b", "a", "z"), "a b,a b.png", "a b"),
        (("a b", "a", "z"), '"a b.jpg" "a b.png"', "a b"),
        (("a b", "a", "z"), "a.jpg a.png", "a"),
        (("a b", "a", "z"), "a b.jpg", "a b"),
        (("a,b", "a", "z"), "a,b.jpg", "a,b"),
        (("a", "z"), "a,a.png", "a"),
        (("a", "z"), "a,1", "a"),
        (("a", "z"), "a -1", "a"),
        (("a", "z"), "/JPEGImages/a /SegmentationClass/a", "a"),
        (("v1.0", "v1", "z"), "v1.0", "v1.0"),
        (("c/5", "d/6", "z"), "5.jpg", "c/5"),
        (("a", "z"), "seq1/a.jpg", "a"),
    ],
)
def test_a_line_means_the_picture_that_it_names(names: Sequence[str], line: str, meant: str, tmp_path: Path) -> None:
    assert listed(tmp_path, names, line) == [meant]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (("IMG_1 (2)", "IMG_2", "z"), "IMG_2 (2).jpg"),
        (("IMG_2", "z"), "IMG_2 (2).jpg"),
        (("IMG_2", "z"), "IMG_2 (2)"),
        (("x 1", "x", "z"), "x 7"),
        (("x 2", "x", "z"), "x 1"),
        (("IMG", "z"), "day/IMG 2/a.jpg"),
        (("IMG", "z"), "IMG,copy.jpg"),
        (("a,b", "a", "z"), "a,c"),
        (("a b", "a", "z"), "a c\ta c.png"),
        (("v1", "z"), "v1.3"),
        (("c/5", "d/6", "z"), "d/5.jpg"),
    ],
)
def test_a_missing_picture_is_no_other_one_of_a_shorter_name(names: Sequence[str], line: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.txt:2: lists .*, but there is no such picture"):
        listed(tmp_path, names, line)


def test_a_name_of_two_folders_pictures_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lists '5\.jpg', but it could be c/5 or d/5 in .*write the folder before"):
        listed(tmp_path, ("c/5", "d/5", "z"), "5.jpg")
    for name in ("train", "val"):
        (tmp_path / f"{name}.txt").write_text("5.jpg\n")
    (finding,) = [one for one in diagnosed(DataSettings("folder", root=str(tmp_path))).findings if "lists" in one.code]
    assert finding.code == "lists-unread" and "write the pictures' folders and names" in finding.message


@pytest.mark.parametrize("other", ("train", "val"))
def test_two_lines_that_meet_in_one_picture_are_refused(other: str, tmp_path: Path) -> None:
    settings = write(tmp_path, "images/{name}.jpg", "masks/{name}.png")
    (tmp_path / "train.txt").write_text("images/a.jpg\na\nmasks/a.png\nseq1/b.jpg\nseq1/c.jpg\n")
    (tmp_path / "val.txt").write_text("seq1/d.jpg\n/home/me/set/seq1/d.jpg\n")
    assert [len(split) for split in open_for_training(settings)] == [3, 1]
    with (tmp_path / f"{other}.txt").open("a") as file:
        file.write("seq2/b.jpg\n")
    with pytest.raises(UserError, match=r"seq2/b\.jpg'.*: these are two pictures, but .*b\.jpg is all that there is"):
        open_dataset(settings, other)
    assert not diagnosed(settings).ok


@pytest.mark.parametrize(("name", "text"), (("train.txt", "0 0.5 0.5\n"), ("test.txt", "a\n")))
def test_other_texts_are_said_not_to_be_read(name: str, text: str, tmp_path: Path) -> None:
    settings = write(tmp_path, "images/{name}.jpg", "masks/{name}.png")
    (tmp_path / name).write_text(text)
    assert [len(split) for split in open_for_training(settings)] == [4, 2]
    (finding,) = [finding for finding in diagnosed(settings).findings if finding.code == "lists-unread"]
    assert finding.severity == "warning" and name in finding.message


def test_two_splits_of_one_role_are_not_guessed_between(tmp_path: Path) -> None:
    settings = write(tmp_path, "{split}/images/{name}.jpg", "{split}/masks/{name}.png", ("val_a", "val_b"))
    with pytest.raises(UserError, match="no split 'val'; there are: val_a, val_b"):
        open_dataset(settings, "val")


def test_names_of_both_forms_of_unicode_match_and_keep_their_form(tmp_path: Path) -> None:
    settings = write(tmp_path, "{split}/images/{name}.jpg", "{split}/masks/{name}.png")
    decomposed = unicodedata.normalize("NFD", "grün")
    (tmp_path / "train/images/a.jpg").rename(tmp_path / f"train/images/{decomposed}.jpg")
    (tmp_path / "train/masks/a.png").rename(tmp_path / f"train/masks/{unicodedata.normalize('NFC', 'grün')}.png")
    dataset = open_dataset(settings, "train")
    assert len(dataset) == 4 and decomposed in [dataset.name(index) for index in range(4)]
    assert diagnosed(settings).ok


def test_pictures_whose_format_is_not_read_are_counted_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write(tmp_path, "{split}/images/{name}.jpg", "{split}/masks/{name}.png")
    for name in ("x.dng", "y.DNG", "z.exr"):
        (tmp_path / "train/images" / name).write_bytes(b"raw")
    (finding,) = [finding for finding in diagnosed(settings).findings if finding.code == "left-out"]
    assert finding.severity == "warning" and finding.count == 3
    assert finding.examples == ("train/images/x.dng", "train/images/y.DNG", "train/images/z.exr")
    assert main(["data", "show", str(tmp_path), "--count", "1", "--out", str(tmp_path / "sheet.png")]) == 0
    assert "left out 3 files" in capsys.readouterr().err
