"""Published data sets: every layout is read value by value, and another one is answered with the expected tree."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.doctor import check
from sceneparse.errors import UserError
from sceneparse.settings import DataSettings
from tests.support.layouts import LAYOUTS, Layout, lines, mask, mat, palette_mask, picture, stripes

pytest.importorskip("scipy.io")


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> Layout:
    return LAYOUTS[request.param](tmp_path)


def test_every_split_of_every_data_set_is_read_value_by_value(layout: Layout) -> None:
    for split, count in layout.counts.items():
        dataset = open_dataset(layout.settings, split, channels=layout.channels)
        assert len(dataset) == count, split
        for index in range(count):
            sample = dataset[index]
            assert sample.name == dataset.name(index)
            assert sample.image.shape == (layout.channels, *layout.truth.shape)
            assert sample.objects is not None
            if "aug" not in split:
                assert np.array_equal(sample.objects.numpy(), layout.truth), (split, sample.name)
    assert open_dataset(layout.settings, layout.settings.train, channels=layout.channels).name(0) == layout.first


@pytest.mark.parametrize("layout", [kind for kind in LAYOUTS if "orientation" in KINDS[kind].uses], indirect=True)
def test_orientation_turns_pictures_and_masks_alike_or_neither(layout: Layout) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    masks = 0
    for path in Path(str(layout.settings.root)).rglob("*.*"):
        if path.suffix not in (".png", ".jpg"):
            continue
        with Image.open(path) as image:
            image.load()
        masks += image.mode in ("L", "P")
        image.save(path, exif=exif)
    sample = open_dataset(replace(layout.settings, orientation="ignore"), "train", channels=layout.channels)[0]
    assert sample.objects is not None and np.array_equal(sample.objects.numpy(), layout.truth)
    if masks:  # .mat files have no orientation
        turned = open_dataset(layout.settings, "train", channels=layout.channels)[0].objects
        assert turned is not None and np.array_equal(turned.numpy(), np.rot90(layout.truth, -1))


def test_loader_processes_can_be_given_every_data_set(layout: Layout) -> None:
    dataset = open_dataset(layout.settings, "train", channels=layout.channels)
    again = pickle.loads(pickle.dumps(dataset))[0].objects
    assert again is not None and np.array_equal(again.numpy(), layout.truth)


def test_the_doctor_finds_every_data_set_sound(layout: Layout) -> None:
    diagnosis = check(layout.settings, progress=False, workers=1, channels=layout.channels)
    assert diagnosis.ok, diagnosis.findings
    assert diagnosis.splits[0].pictures == layout.counts["train"]


def test_a_split_that_is_not_there_is_answered_with_those_that_are(layout: Layout) -> None:
    with pytest.raises(UserError, match=r"no split 'tset'; there are: .*train.*val"):
        open_dataset(layout.settings, "tset", channels=layout.channels)


def test_another_tree_is_answered_with_the_expected_one_and_what_was_found(layout: Layout, tmp_path: Path) -> None:
    other = tmp_path / "far" / "from" / "other"  # the data set lies in tmp_path
    (other / "pictures").mkdir(parents=True)
    (other / "readme.txt").touch()
    settings = replace(layout.settings, root=str(other))
    with pytest.raises(UserError, match=r"other: not the expected layout: .+; found pictures/, readme\.txt$") as caught:
        open_dataset(settings, "train", channels=layout.channels)
    assert "\n" not in str(caught.value)


def test_the_folder_itself_or_the_one_around_it_can_be_named(tmp_path: Path) -> None:
    for kind, inner in (
        ("ade20k", "ADEChallengeData2016"),
        ("voc2012", "VOCdevkit/VOC2012"),
        ("pascal_context", "VOCdevkit/VOC2010"),
    ):
        layout = LAYOUTS[kind](tmp_path / kind)
        for place in (inner, inner.rpartition("/")[0]):
            settings = replace(layout.settings, root=str(tmp_path / kind / place))
            assert len(open_dataset(settings, "train")) == layout.counts["train"]


def test_a_listed_picture_that_is_missing_is_counted_and_named(tmp_path: Path) -> None:
    layout = LAYOUTS["voc2012"](tmp_path)
    gone = tmp_path / "VOCdevkit" / "VOC2012" / "JPEGImages" / "2007_000032.jpg"
    gone.unlink()
    with pytest.raises(
        UserError, match=r"split 'train': 1 of 2 pictures are not there, the first is .*2007_000032\.jpg"
    ):
        open_dataset(layout.settings, "train")


def test_values_that_were_never_published_are_refused(tmp_path: Path) -> None:
    layout = LAYOUTS["ade20k"](tmp_path)
    mask(tmp_path / "ADEChallengeData2016/annotations/validation/ADE_val_00000001.png", [1, 151])
    message = r"ADE_val_00000001\.png: value 151 at 1,120 pixels, .*not the published annotation, or changed"
    with pytest.raises(UserError, match=message) as caught:
        open_dataset(layout.settings, "val")[0]
    assert "classes.json" not in str(caught.value)


def test_the_doctor_counts_masks_with_values_that_were_never_published(tmp_path: Path) -> None:
    layout = LAYOUTS["ade20k"](tmp_path)
    for number in (1, 2):
        mask(tmp_path / f"ADEChallengeData2016/annotations/training/ADE_train_0000000{number}.png", [1, 151])
    diagnosis = check(layout.settings, progress=False, workers=1)
    (finding,) = [one for one in diagnosis.findings if one.severity == "error"]
    assert finding.message.startswith("2 files hold labels that cannot be used. ")
    assert "value 151 at 1,120 pixels" in finding.message and finding.count == 2


def test_the_augmented_list_is_all_that_either_labels_but_the_validation_split(tmp_path: Path) -> None:
    layout = LAYOUTS["voc2012"](tmp_path)
    dataset = open_dataset(layout.settings, "train_aug")
    names = [dataset.name(index) for index in range(len(dataset))]
    assert names == ["2007_000032", "2007_000039", "2008_000002", "2008_000003"]
    ours, theirs = dataset[0].objects, dataset[2].objects
    assert ours is not None and theirs is not None
    assert np.array_equal(ours.numpy(), layout.truth), "VOC's own annotation goes before SBD's"
    assert np.array_equal(theirs.numpy(), stripes([0, 1, 20, 20]))


def test_the_ready_made_folder_of_augmented_masks_is_taken(tmp_path: Path) -> None:
    layout = LAYOUTS["voc2012"](tmp_path)
    voc = tmp_path / "VOCdevkit" / "VOC2012"
    for name in ("2007_000032", "2007_000033", "2008_000003"):
        palette_mask(voc / "SegmentationClassAug" / f"{name}.png", [5, 6])
    dataset = open_dataset(layout.settings, "train_aug")
    assert [dataset.name(index) for index in range(len(dataset))] == ["2007_000032", "2008_000003"]
    objects = dataset[1].objects
    assert objects is not None and np.array_equal(objects.numpy(), stripes([5, 6]))


def test_whole_data_sets_must_give_10582_pictures(tmp_path: Path) -> None:
    LAYOUTS["voc2012"](tmp_path)
    lists, sbd = tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation", tmp_path / "benchmark_RELEASE/dataset"
    lines(lists / "train.txt", [f"t{index}" for index in range(1464)])
    lines(lists / "val.txt", [f"v{index}" for index in range(1449)])
    lines(sbd / "train.txt", [f"t{index}" for index in range(1463)])
    lines(sbd / "val.txt", [f"s{index}" for index in range(11355 - 1463)])
    with pytest.raises(UserError, match="together give 11,356 pictures for training, but should give 10,582"):
        open_dataset(DataSettings(kind="voc2012", root=str(tmp_path)), "train_aug")


def test_pascal_context_has_59_or_60_classes_in_both_forms(tmp_path: Path) -> None:
    layout = LAYOUTS["pascal_context"](tmp_path)
    with_background = replace(layout.settings, kind="pascal_context_60")
    expected = {"pascal_context": layout.truth, "pascal_context_60": stripes([0, 1, 59, 0])}
    for settings in (layout.settings, with_background):
        objects = open_dataset(settings, "train")[0].objects
        assert objects is not None and np.array_equal(objects.numpy(), expected[settings.kind])
    voc = tmp_path / "VOCdevkit" / "VOC2010"
    for split, names in (("train", ["2008_000002"]), ("val", ["2008_000007"])):
        lines(voc / "ImageSets" / "SegmentationContext" / f"{split}.txt", names)
        for name in names:
            mask(voc / "SegmentationClassContext" / f"{name}.png", [0, 1, 59, 0])
    for settings in (layout.settings, with_background):
        dataset = open_dataset(settings, "train")
        objects = dataset[0].objects
        assert len(dataset) == 1
        assert objects is not None and np.array_equal(objects.numpy(), expected[settings.kind])


def test_pascal_contexts_numbers_are_those_of_its_459_classes() -> None:
    from sceneparse.datasets.broden.tables import published_tables
    from sceneparse.standard import standard_labels

    rows = published_tables().assignments
    number = {row.raw_name: row.raw_label for row in rows if (row.dataset, row.category) == ("pascal", "object")}
    labels = standard_labels("pascal-context-59")
    assert [number[name] for name in labels.names] == list(labels.ids) == sorted(labels.ids)


def test_the_small_release_of_coco_stuff_is_told_by_its_lists(tmp_path: Path) -> None:
    for split, name in (("train", "COCO_train2014_000000000077"), ("test", "COCO_train2014_000000001972")):
        lines(tmp_path / "imageLists" / f"{split}.txt", [name])
        picture(tmp_path / "images" / f"{name}.jpg")
        mat(tmp_path / "annotations" / f"{name}.mat", S=stripes([1, 13, 182, 0]).astype(np.uint8), names=["unlabeled"])
    settings = DataSettings(kind="coco_stuff", root=str(tmp_path))
    for split in ("train", "test"):
        objects = open_dataset(settings, split)[0].objects
        assert objects is not None and np.array_equal(objects.numpy(), stripes([0, 11, 170, -1]))
    with pytest.raises(UserError, match="no split 'val'; there are: train, test"):
        open_dataset(settings, "val")


@pytest.mark.parametrize("around", ["images", "."])
def test_coco_stuff_is_read_beside_cocos_own_annotations(around: str, tmp_path: Path) -> None:
    for part, name in (("train2017", "000000000009"), ("val2017", "000000000139")):
        picture(tmp_path / around / part / f"{name}.jpg")
        mask(tmp_path / "stuffthingmaps" / part / f"{name}.png", [0, 12, 181, 255])
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_train2017.json").write_text("{}")
    for split in ("train", "val"):
        objects = open_dataset(DataSettings(kind="coco_stuff", root=str(tmp_path)), split)[0].objects
        assert objects is not None and np.array_equal(objects.numpy(), stripes([0, 11, 170, -1]))


def test_coarse_cityscapes_is_read_beside_the_fine_one(tmp_path: Path) -> None:
    layout = LAYOUTS["cityscapes"](tmp_path)
    mask(tmp_path / "gtCoarse/train/aachen/aachen_000000_000019_gtCoarse_labelIds.png", [7])
    with pytest.raises(UserError, match=r"2 of 3 masks are not there, the first is .*aachen_000001_000019_gtCoarse"):
        open_dataset(layout.settings, "train_coarse")
    test = open_dataset(layout.settings, "test")[0].objects
    assert test is not None and (test == -1).all(), "published masks of the test split are blank"


@pytest.mark.parametrize(
    ("kind", "classes", "name", "color", "value"),
    [
        ("ade20k", 150, "flag", (92, 0, 255), 150),
        ("voc2012", 21, "tvmonitor", (0, 64, 128), 20),
        ("pascal_context", 59, "wood", (192, 192, 64), 59),
        ("pascal_context_60", 60, "wood", (192, 192, 64), 59),
        ("cityscapes", 19, "bicycle", (119, 11, 32), 33),
        ("coco_stuff", 171, "wood", None, 181),
    ],
)
def test_label_spaces_end_as_published(
    kind: str, classes: int, name: str, color: tuple[int, int, int] | None, value: int
) -> None:
    labels = KINDS[kind].labels
    assert labels is not None
    assert len(labels) == classes and labels.names[-1] == name and labels.ids[-1] == value
    assert color is None or labels.colors[-1] == color
    assert KINDS[kind].reported == "val"


def test_a_model_of_another_kind_of_data_is_tested_on_the_split_that_papers_report(tmp_path: Path) -> None:
    from sceneparse.datasets.testing import data_settings

    trained = DataSettings(kind="folder", root="somewhere", test="holdout")
    assert data_settings(trained, str(tmp_path), "ade20k", None).test == "val"
    assert data_settings(trained, str(tmp_path), "ade20k", "train").test == "train"
    assert data_settings(trained, str(tmp_path), None, None).test == "holdout"
    assert data_settings(trained, str(tmp_path), "camvid", None).test == "holdout"
    for kind in ("broden", "ade20k_full"):
        assert data_settings(trained, str(tmp_path), kind, None).test == "val", "they have no other to test on"


def test_the_doctor_checks_the_splits_that_are_named(tmp_path: Path) -> None:
    LAYOUTS["voc2012"](tmp_path / "voc")
    words = ["data", "check", str(tmp_path / "voc"), "--kind", "voc2012", "--data.train", "train_aug"]
    assert main([*words, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert {split["name"]: split["pictures"] for split in found["splits"]} == {"train_aug": 4, "val": 2}
