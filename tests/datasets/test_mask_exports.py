"""Exports of annotation tools that hold masks: the kind is seen, counts are what was drawn, training can begin."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.datasets import cvat_trees
from sceneparse.datasets.getting.unpacking import unpack
from sceneparse.datasets.label_maps import voc_palette
from sceneparse.datasets.opening import open_dataset, open_for_training
from sceneparse.datasets.recognising import recognise
from sceneparse.doctor import Diagnosis, check
from sceneparse.errors import MissingSplitError, UserError
from sceneparse.settings import DataSettings
from tests.support import mask_exports as made

TOOLS = ("cvat", "camvid_form", "cityscapes_form", "kitti_form", "roboflow", "datumaro")


def checked(root: Path, kind: str, **options: str) -> Diagnosis:
    return check(DataSettings(kind, root=str(root), options=dict(options)), progress=False, workers=1)


def pixels(diagnosis: Diagnosis) -> list[int]:
    """Pixels of each class over all splits."""
    return np.sum([split.pixels for split in diagnosis.splits], axis=0).tolist()


@pytest.mark.parametrize("kind", made.WRITERS)
def test_an_export_is_recognised_ready_and_counted_as_it_was_drawn(kind: str, tmp_path: Path) -> None:
    made.WRITERS[kind](tmp_path)
    found = recognise(tmp_path)
    assert (found.kind, found.others) == (kind, ())
    diagnosis = checked(tmp_path, kind)
    assert diagnosis.ok, diagnosis.findings
    training, validation = open_for_training(DataSettings(kind, root=str(tmp_path)))
    assert len(training) + len(validation) == 5
    nothing, *drawn = made.counts()
    if kind in TOOLS:
        assert diagnosis.labels.names == ("background", *made.NAMES)
        assert pixels(diagnosis) == [nothing, *drawn]
    else:
        assert sorted(count for count in pixels(diagnosis) if count) == sorted(drawn)
        assert sum(split.ignored for split in diagnosis.splits) == nothing


@pytest.mark.parametrize("kind", TOOLS)
def test_what_nobody_drew_is_ignored_on_request(kind: str, tmp_path: Path) -> None:
    made.WRITERS[kind](tmp_path)
    diagnosis = checked(tmp_path, kind, unlabelled="ignore")
    nothing, *drawn = made.counts()
    assert diagnosis.ok and diagnosis.labels.names == made.NAMES and pixels(diagnosis) == drawn
    assert sum(split.ignored for split in diagnosis.splits) == nothing
    assert any("nobody" in finding.message and "ignore" in finding.message for finding in diagnosis.findings) or (
        kind == "datumaro" and any("count in nothing" in finding.message for finding in diagnosis.findings)
    )


@pytest.mark.parametrize("kind", ("cvat", "camvid_form"))
def test_masks_have_vocs_palette_where_classes_have_no_colours(kind: str, tmp_path: Path) -> None:
    writers: dict[str, Callable[..., None]] = {"cvat": made.cvat, "camvid_form": made.camvid_form}
    writers[kind](tmp_path, colored=False)
    diagnosis = checked(tmp_path, kind)
    assert diagnosis.ok and diagnosis.labels.names == ("background", *made.NAMES)
    assert pixels(diagnosis) == made.counts()
    assert tuple(voc_palette(4)) == ((0, 0, 0), *made.VOC_COLORS)


class TestCvat:
    def test_one_subset_is_parted_into_train_and_val_and_check_says_so(self, tmp_path: Path) -> None:
        made.cvat(tmp_path, subset="default")
        settings = DataSettings("cvat", root=str(tmp_path))
        training, validation = open_for_training(settings)
        assert len(training) + len(validation) == 5 and len(validation) in (1, 2)
        assert not {training.name(index) for index in range(len(training))} & {validation.name(0)}
        assert len(open_dataset(settings, "default")) == len(open_dataset(settings, "all")) == 5
        diagnosis = checked(tmp_path, "cvat")
        assert diagnosis.ok and diagnosis.splits[0].name == "default" and pixels(diagnosis) == made.counts()
        assert any(
            finding.code == "parted" and "one picture in five" in finding.message for finding in diagnosis.findings
        )
        (note,) = [finding.message for finding in diagnosis.findings if finding.code == "parted"]
        assert f"({len(validation)} of 5)" in note and f"default[{len(validation)}:]" in note
        with pytest.raises(MissingSplitError, match="no split 'test'; there are: default"):
            open_dataset(settings, "test")
        # Who names the splits parts nothing.
        named = replace(settings, train="default[1:]", val="default[:1]")
        assert [len(split) for split in open_for_training(named)] == [4, 1]

    def test_palette_masks_count_by_their_colours(self, tmp_path: Path) -> None:
        made.cvat(tmp_path)
        for path in (tmp_path / "SegmentationClass").iterdir():
            Image.open(path).quantize(8, dither=Image.Dither.NONE).save(path)
        assert pixels(checked(tmp_path, "cvat")) == made.counts()

    @pytest.mark.parametrize("kind", ["cvat", "camvid_form"])
    def test_a_background_with_a_colour_of_its_own_is_what_nobody_drew(self, kind: str, tmp_path: Path) -> None:
        made.WRITERS[kind](tmp_path)
        own = np.array((250, 50, 83), np.uint8)
        for path in tmp_path.rglob("*.png"):
            mask = np.array(Image.open(path))
            mask[(mask == 0).all(-1)] = own
            made.save(mask, path)
        if kind == "cvat":
            listed = tmp_path / "labelmap.txt"
            listed.write_text(listed.read_text().replace("background:0,0,0", "background:250,50,83"))
        else:
            listed = tmp_path / "label_colors.txt"
            listed.write_text("250 50 83 background\n" + listed.read_text())
        diagnosis = checked(tmp_path, kind)
        assert diagnosis.ok and diagnosis.labels.names == ("background", *made.NAMES)
        assert pixels(diagnosis) == made.counts()
        nothing, *drawn = made.counts()
        diagnosis = checked(tmp_path, kind, unlabelled="ignore")
        assert diagnosis.ok and diagnosis.labels.names == made.NAMES and pixels(diagnosis) == drawn
        assert sum(split.ignored for split in diagnosis.splits) == nothing
        assert any(
            "nobody labelled (#fa3253), which the tool calls 'background'" in one.message for one in diagnosis.findings
        )

    def test_pictures_without_a_mask_are_left_out_and_counted(self, tmp_path: Path) -> None:
        made.cvat(tmp_path)
        (tmp_path / "SegmentationClass" / "train_1.png").unlink()
        diagnosis = checked(tmp_path, "cvat")
        (finding,) = [finding for finding in diagnosis.findings if finding.code == "not-annotated"]
        assert diagnosis.ok and finding.count == 1 and finding.examples == ("JPEGImages/train_1.jpg",)
        assert len(open_dataset(DataSettings("cvat", root=str(tmp_path)), "train")) == 2

    @pytest.mark.parametrize("listed", [["more_0", "more_1"], []])
    def test_a_subset_to_test_on_that_nobody_annotated_yet_is_a_warning(
        self, listed: list[str], tmp_path: Path
    ) -> None:
        made.cvat(tmp_path)
        for seed, name in enumerate(listed):
            made.save(made.picture(99 + seed), tmp_path / "JPEGImages" / f"{name}.jpg")
        (tmp_path / "ImageSets" / "Segmentation" / "Test.txt").write_text("\n".join(listed))
        diagnosis = checked(tmp_path, "cvat")
        (finding,) = [one for one in diagnosis.findings if one.code == "empty-split"]
        assert diagnosis.ok and finding.severity == "warning" and finding.message.startswith("Test: no picture with")
        assert len(open_for_training(DataSettings("cvat", root=str(tmp_path)))[0]) == 3

    def test_names_with_blanks_and_in_another_form_of_unicode_match(self, tmp_path: Path) -> None:
        made.cvat(tmp_path)
        composed, decomposed = "gr\u00fcn 1", "gru\u0308n 1"
        for folder, suffix in (("JPEGImages", ".jpg"), ("SegmentationClass", ".png")):
            old = tmp_path / folder / f"train_0{suffix}"
            old.rename(old.with_name(f"{decomposed if suffix == '.jpg' else composed}{suffix}"))
        listed = tmp_path / "ImageSets" / "Segmentation" / "train.txt"
        listed.write_text(listed.read_text().replace("train_0", f'"{composed}"'), encoding="utf-8")
        assert len(open_dataset(DataSettings("cvat", root=str(tmp_path)), "train")) == 3

    def test_bad_files_are_one_line(self, tmp_path: Path) -> None:
        made.cvat(tmp_path)
        labelmap = tmp_path / "labelmap.txt"
        for text, message in (
            ("road:1,2::\n", r"labelmap\.txt:1: '1 2' is no colour"),
            ("road:1,2,3::\nsky:::\n", r"labelmap\.txt:2: 'sky' has no colour, but other classes have"),
            ("# nothing\n", "names no classes"),
            ("road:1,2,3::\nroad:1,2,4::\n", "class name 'road' stands for two classes"),
        ):
            labelmap.write_text(text)
            with pytest.raises(UserError, match=message):
                checked(tmp_path, "cvat")
        (tmp_path / "JPEGImages").rename(tmp_path / "pictures")
        with pytest.raises(UserError, match='masks but no pictures: export it again with "Save images" on'):
            checked(tmp_path, "cvat")

    def test_it_is_not_read_as_voc_whose_colours_mean_other_classes(self, tmp_path: Path) -> None:
        made.cvat(tmp_path, colored=False)
        with pytest.raises(
            UserError, match="names classes that PASCAL VOC doesn't have: read the data set as kind cvat"
        ):
            checked(tmp_path, "voc2012")


def test_a_black_class_called_void_is_ignored(tmp_path: Path) -> None:
    made.camvid_form(tmp_path)
    file = tmp_path / "label_colors.txt"
    file.write_text("0 0 0 Void\n" + file.read_text())
    assert checked(tmp_path, "camvid_form").labels.names == made.NAMES
    assert checked(tmp_path, "camvid_form", unlabelled="background").labels.names == ("Void", *made.NAMES)


def test_an_export_in_cityscapes_tree_is_not_read_as_cityscapes(tmp_path: Path) -> None:
    made.cityscapes_form(tmp_path)
    with pytest.raises(UserError, match=r"not Cityscapes' label ids, since it has label_colors\.txt and gtFine/"):
        checked(tmp_path, "cityscapes")


def test_cvats_own_folder_of_pictures_is_found_in_cityscapes_form(tmp_path: Path) -> None:
    made.cityscapes_form(tmp_path, images="imgsFine/leftImg8bit")
    assert recognise(tmp_path).kind == "cityscapes_form"
    assert pixels(checked(tmp_path, "cityscapes_form")) == made.counts()


def test_kittis_form_without_a_background_is_warned_of_since_it_cannot_be_had_back(tmp_path: Path) -> None:
    made.kitti_form(tmp_path, background=False)
    diagnosis = checked(tmp_path, "kitti_form")
    assert diagnosis.labels.names == made.NAMES
    (finding,) = [finding for finding in diagnosis.findings if finding.code == "unannotated-as-first"]
    assert finding.severity == "warning" and "as 'road' has, and cannot be told from it" in finding.message
    with pytest.raises(UserError, match="unlabelled is ignore, but in this form what nobody annotated has the value 0"):
        checked(tmp_path, "kitti_form", unlabelled="ignore")
    with pytest.raises(UserError, match="read it as kind kitti_form"):
        checked(tmp_path, "kitti")


class TestRoboflow:
    def test_valid_is_val_and_an_unlisted_background_is_class_0(self, tmp_path: Path) -> None:
        made.roboflow(tmp_path, listed=False)
        diagnosis = checked(tmp_path, "roboflow")
        assert [split.name for split in diagnosis.splits] == ["train", "valid"]
        assert diagnosis.labels.ids == (0, 1, 2, 3) and pixels(diagnosis) == made.counts()
        assert len(open_dataset(DataSettings("roboflow", root=str(tmp_path)), "val")) == 2

    def test_splits_of_other_classes_and_bad_lines_are_refused(self, tmp_path: Path) -> None:
        made.roboflow(tmp_path)
        (tmp_path / "valid" / "_classes.csv").write_text("Pixel Value, Class\n1, tree\n")
        with pytest.raises(UserError, match="says something else than"):
            checked(tmp_path, "roboflow")
        (tmp_path / "train" / "_classes.csv").write_text("Pixel Value, Class\nroad\n")
        with pytest.raises(UserError, match=r"_classes\.csv:2: 'road' is not a pixel value and a class"):
            checked(tmp_path, "roboflow")


def test_vistas_classes_are_positions_and_those_not_evaluated_are_ignored(tmp_path: Path) -> None:
    made.vistas(tmp_path)
    diagnosis = checked(tmp_path, "vistas")
    assert diagnosis.labels.ids == (1, 2, 3) and diagnosis.labels.ignore == (0,)
    assert diagnosis.labels.names[2] == "object--vehicle--car"
    whole = checked(tmp_path, "vistas", unlabelled="background")
    assert pixels(whole) == made.counts() and whole.labels.names[0] == "void--unlabeled"
    (tmp_path / "config_v2.0.json").write_text('{"labels": [{"name": "road"}]}')
    with pytest.raises(UserError, match='no list "labels" with a name and a color'):
        checked(tmp_path, "vistas")


def test_bdd100k_is_found_in_both_of_its_trees(tmp_path: Path) -> None:
    made.bdd100k(tmp_path / "new" / "bdd100k")
    old = tmp_path / "old" / "seg"
    made.bdd100k(old)
    (old / "images" / "10k").rename(old / "moved")
    (old / "images").rmdir()
    (old / "moved").rename(old / "images")
    masks = old / "labels" / "sem_seg" / "masks"
    for path in list(masks.rglob("*.png")):
        target = old / "labels" / path.parent.name / f"{path.stem}_train_id.png"
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    for root in (tmp_path / "new", tmp_path / "old"):
        assert recognise(root).kind == "bdd100k"
        assert sum(pixels(checked(root, "bdd100k"))) == sum(made.counts()[1:])


@pytest.mark.parametrize("publisher", ["authors", "Kaggle"])
def test_camvid_itself_is_read_with_all_classes(publisher: str, tmp_path: Path) -> None:
    colors = {"Sky": (128, 128, 128), "Road": (128, 64, 128), "Void": (0, 0, 0)}
    mask = np.array([[colors["Sky"]] * 4, [colors["Road"]] * 4, [colors["Void"]] * 4], np.uint8)
    if publisher == "authors":
        lines = [f"{' '.join(map(str, color))}\t{name}" for name, color in colors.items()]
        (tmp_path / "label_colors.txt").write_text("\n".join(lines))
        folders = [("701_StillsRaw_full", "LabeledApproved_full", range(5))]
    else:
        lines = ["name,r,g,b", *(f"{name},{','.join(map(str, color))}" for name, color in colors.items())]
        (tmp_path / "class_dict.csv").write_text("\n".join(lines))
        folders = [("train", "train_labels", range(3)), ("val", "val_labels", range(3, 5))]
    for images, masks, numbers in folders:
        for number in numbers:
            picture = np.random.default_rng(number).integers(0, 256, mask.shape, dtype=np.uint8)
            made.save(picture, tmp_path / images / f"0001TP_00{number}.png")
            made.save(mask, tmp_path / masks / f"0001TP_00{number}_L.png")
    assert recognise(tmp_path).kind == "camvid_form"
    diagnosis = checked(tmp_path, "camvid_form")
    assert diagnosis.ok and diagnosis.labels.names == ("Sky", "Road") and pixels(diagnosis) == [20, 20]
    assert sum(split.ignored for split in diagnosis.splits) == 20
    assert sum(map(len, open_for_training(DataSettings("camvid_form", root=str(tmp_path))))) == 5


def test_the_command_names_the_kind_that_it_sees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.roboflow(tmp_path)
    report = tmp_path / "found.json"
    assert main(["data", "check", str(tmp_path), "--json", str(report)]) == 0
    printed = capsys.readouterr()
    assert "kind: roboflow (test/_classes.csv" in printed.err or "kind: roboflow (train/_classes.csv" in printed.err
    assert json.loads(report.read_text())["kind"] == "roboflow"
    assert main(["data", "check", str(tmp_path), "--data.options.unlabelled", "ignore"]) == 0
    assert "are ignored" in capsys.readouterr().out


def test_a_zip_is_unpacked_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))
    made.cvat(tmp_path / "export")
    root = tmp_path / "root"
    root.mkdir()
    shutil.make_archive(str(root / "export"), "zip", tmp_path / "export")
    calls = []

    def stopped(archive: Path, folder: Path, advance: Callable[[int, int | None], None]) -> None:
        calls.append(folder)
        if len(calls) == 1:
            (folder / "labelmap.txt").write_text("half")
            raise KeyboardInterrupt
        unpack(archive, folder, advance)

    monkeypatch.setattr(cvat_trees, "unpack", stopped)
    settings = DataSettings("cvat", root=str(root))
    with pytest.raises(KeyboardInterrupt):
        open_dataset(settings, "train")
    for _ in range(2):
        assert len(open_dataset(settings, "train")) == 3
    assert len(calls) == 2
