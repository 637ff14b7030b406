"""Volumes: slices upright however they are stored, values spread over a byte, and clear words about what is wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sceneparse.datasets.nifti import BRATS
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.show import show_data
from sceneparse.doctor import check
from sceneparse.errors import UserError
from sceneparse.parsing.runs.naming import files_matching
from sceneparse.pictures import volume_values, volumes
from sceneparse.settings import DataSettings, NiftiSettings

nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed (extra medical)")

SHAPE = (3, 4, 5)
"""Slices from the feet, rows from the front, columns from the patient's left."""


def save(path: Path, values: NDArray[Any], order: tuple[int, int, int] = (2, 1, 0), signs: str = "+-+") -> None:
    """Write values (slices, rows, columns) with the file's axes in that order, in that direction.

    Args:
        path: The file.
        values: As `SHAPE`.
        order: The axis of `values` that each axis of the file is.
        signs: For columns, rows and slices: whether the file runs to the right, the front and the head (+).
    """
    stored, affine = values, np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, world in ((2, 0), (1, 1), (0, 2)):
        # Rows run from the front: against the axis from the back to the front.
        if (signs[world] == "-") != (world == 1):
            stored = np.flip(stored, axis)
        affine[world, order.index(axis)] = 1.0 if signs[world] == "+" else -1.0
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.transpose(stored, order), affine), path)


def case(root: Path, name: str, images: dict[str, NDArray[Any]], truth: NDArray[Any], **how: Any) -> None:
    for what, values in {**images, "seg": truth}.items():
        save(root / name / f"{name}_{what}.nii.gz", values, **how)


def settings(root: Path, **more: Any) -> DataSettings:
    return DataSettings(kind="nifti", root=str(root), nifti=NiftiSettings(**{"modalities": ("t1", "t2"), **more}))


@pytest.fixture
def values() -> NDArray[np.int16]:
    return np.arange(1, 61, dtype=np.int16).reshape(SHAPE)


@pytest.mark.parametrize("order", [(2, 1, 0), (0, 1, 2), (1, 2, 0)])
@pytest.mark.parametrize("signs", ["+-+", "---", "+++", "-+-"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_slices_are_the_same_however_the_file_stores_them(
    order: tuple[int, int, int], signs: str, suffix: str, values: NDArray[np.int16], tmp_path: Path
) -> None:
    save(tmp_path / f"v{suffix}", values, order, signs)
    volume = volumes.Volume.open(tmp_path / f"v{suffix}")
    assert volume.shape == SHAPE
    for number in range(SHAPE[0]):
        assert np.array_equal(volume.slice(number), values[number])


def test_each_modality_is_a_channel_whose_values_are_spread_and_zero_stays(tmp_path: Path) -> None:
    t1 = np.zeros(SHAPE, np.int16)
    t1[1] = np.linspace(100, 1100, 20).reshape(4, 5)
    case(tmp_path, "p1", {"t1": t1, "t2": np.full(SHAPE, 7.5, np.float32)}, (t1 > 600).astype(np.uint8) * 4)
    dataset = open_dataset(settings(tmp_path), "all", channels=2)
    assert len(dataset) == 3 and dataset.name(1) == "p1/001" and dataset.labels == BRATS
    first, second = dataset[1].image
    assert first.min() == 1 and first.max() == 255 and (first.flatten().diff() >= 0).all()
    assert (dataset[0].image[0] == 0).all() and (second > 0).all()
    objects = dataset[1].objects
    assert objects is not None and objects.tolist() == np.where(t1[1] > 600, 3, 0).tolist(), "BraTS's 4 is class 3"


def test_slices_without_brain_can_be_left_out(tmp_path: Path) -> None:
    t1 = np.zeros(SHAPE, np.int16)
    t1[2, 1, 1] = 5
    for name in ("p1", "p2"):
        case(tmp_path, name, {"t1": t1, "t2": np.zeros(SHAPE, np.int16)}, np.zeros(SHAPE, np.uint8))
    dataset = open_dataset(settings(tmp_path, empty_slices=False), "all", channels=2)
    assert [dataset.name(index) for index in range(len(dataset))] == ["p1/002", "p2/002"]
    assert len(open_dataset(settings(tmp_path), "all", channels=2)) == 6
    case(tmp_path / "none", "p1", {"t1": t1 * 0, "t2": t1 * 0}, t1 * 0)
    with pytest.raises(UserError, match="split 'all' has no slice with a voxel above zero"):
        open_dataset(settings(tmp_path / "none", empty_slices=False), "all", channels=2)


def test_volumes_are_read_whole_once(
    values: NDArray[np.int16], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case(tmp_path, "p1", {"t1": values, "t2": values}, values * 0)
    read: list[str] = []
    whole = volume_values.summarize

    def noting(volume: volumes.Volume) -> volume_values.VolumeSummary:
        read.append(volume.path.name)
        return whole(volume)

    monkeypatch.setattr(volume_values, "summarize", noting)
    for _ in range(2):
        open_dataset(settings(tmp_path), "all", channels=2)
    assert sorted(read) == ["p1_t1.nii.gz", "p1_t2.nii.gz"]
    save(tmp_path / "p1" / "p1_t1.nii.gz", values[:, :, ::-1] * 3)
    open_dataset(settings(tmp_path), "all", channels=2)
    assert len(read) == 3, "a file that changed is read again"


def test_splits_are_folders_of_cases_too_and_names_may_have_dashes(values: NDArray[np.int16], tmp_path: Path) -> None:
    for split, name in (("train", "BraTS-GLI-00000-000"), ("val", "BraTS-GLI-00002-000")):
        for what in ("t1n", "t2f", "seg"):
            save(tmp_path / split / name / f"{name}-{what}.nii.gz", values if what != "seg" else values * 0)
    dataset = open_dataset(settings(tmp_path, modalities=("t1n", "t2f")), "val", channels=2)
    assert dataset.name(0) == "BraTS-GLI-00002-000/000"


def test_classes_json_says_what_labels_mean(values: NDArray[np.int16], tmp_path: Path) -> None:
    case(tmp_path, "p1", {"t1": values, "t2": values}, (values > 30).astype(np.uint8) * 9)
    with pytest.raises(UserError, match=r"p1_seg\.nii\.gz, slice 2: value 9 at 20 pixels"):
        open_dataset(settings(tmp_path), "all", channels=2)[2]
    (tmp_path / "classes.json").write_text('{"names": ["rest", "organ"], "ids": [0, 9]}')
    dataset = open_dataset(settings(tmp_path), "all", channels=2)
    objects = dataset[2].objects
    assert dataset.labels.names == ("rest", "organ") and objects is not None and (objects == 1).all()


def test_cases_that_were_deleted_are_not_read(values: NDArray[np.int16], tmp_path: Path) -> None:
    for place in ("train", "val", "train/#recycle"):
        case(tmp_path / place, "p1", {"t1": values, "t2": values}, values * 0)
    (tmp_path / "val" / "p1").rename(tmp_path / "val" / "@Recycle")
    opened = open_dataset(settings(tmp_path), "train", channels=2)
    assert len({opened.name(index).rpartition("/")[0] for index in range(len(opened))}) == 1
    with pytest.raises(UserError, match="no split 'val'; there are: train"):
        open_dataset(settings(tmp_path), "val", channels=2)
    assert [path.parent.name for path in files_matching(tmp_path / "**" / "*_t1.nii.gz") or ()] == ["p1"]
    assert files_matching(tmp_path / "val" / "@Recycle" / "*_t1.nii.gz")


def test_names_of_cases_in_lists_may_have_blanks(values: NDArray[np.int16], tmp_path: Path) -> None:
    for name in ("p", "p 1"):
        case(tmp_path, name, {"t1": values, "t2": values}, values * 0)
    (tmp_path / "train.txt").write_text("p 1\n")
    opened = open_dataset(settings(tmp_path), "train", channels=2)
    assert all(opened.name(index).startswith("p 1") for index in range(len(opened)))
    (tmp_path / "train.txt").write_text("p 1\np 7\n")
    with pytest.raises(UserError, match=r"train\.txt: lists 'p 7', but there is no such folder of volumes"):
        open_dataset(settings(tmp_path), "train", channels=2)


def test_what_is_wrong_is_said_with_the_file(values: NDArray[np.int16], tmp_path: Path) -> None:
    case(tmp_path, "p1", {"t1": values, "t2": values}, values * 0)
    with pytest.raises(
        UserError, match=r"a slice has 2 channels \(data\.nifti\.modalities t1, t2\), but the network takes 3"
    ):
        open_dataset(settings(tmp_path), "all")
    with pytest.raises(UserError, match=r"p1: no file \*_t1ce\.nii\.gz .*; found p1_seg\.nii\.gz, p1_t1\.nii\.gz"):
        open_dataset(settings(tmp_path, modalities=("t1", "t1ce")), "all", channels=2)
    (tmp_path / "train.txt").write_text("p1\np7\n")
    with pytest.raises(UserError, match=r"train\.txt: lists 'p7', but there is no such folder of volumes"):
        open_dataset(settings(tmp_path), "train", channels=2)
    (tmp_path / "train.txt").unlink()
    truth = tmp_path / "p1" / "p1_seg.nii.gz"
    save(truth, values[:2] * 0)
    with pytest.raises(UserError, match=r"p1_seg\.nii\.gz: 2×4×5 voxels, but p1_t1\.nii\.gz has 3×4×5"):
        open_dataset(settings(tmp_path), "all", channels=2)
    save(truth, values + 0.5)
    with pytest.raises(UserError, match=r"slice 0: 1\.5 is no label: labels are whole numbers"):
        open_dataset(settings(tmp_path), "all", channels=2)[0]
    truth.write_bytes(truth.read_bytes()[:40])
    with pytest.raises(UserError, match=r"p1_seg\.nii\.gz: not a NIfTI volume, or damaged"):
        open_dataset(settings(tmp_path), "all", channels=2)


def test_a_fourth_axis_of_length_one_is_no_more_than_a_way_to_write(values: NDArray[np.int16], tmp_path: Path) -> None:
    for suffix in (".nii", ".nii.gz"):
        path = tmp_path / f"v{suffix}"
        stored = np.transpose(values, (2, 1, 0))[..., None]
        nibabel.save(nibabel.Nifti1Image(stored, np.diag([1.0, -1.0, 1.0, 1.0])), path)
        assert np.array_equal(volumes.Volume.open(path).slice(1), values[1])
        nibabel.save(nibabel.Nifti1Image(np.repeat(stored, 2, axis=3), np.eye(4)), path)
        with pytest.raises(UserError, match="5×4×3×2 voxels, but a volume has three dimensions"):
            volumes.Volume.open(path)


def test_what_is_not_a_number_counts_as_nothing(values: NDArray[np.int16], tmp_path: Path) -> None:
    t1 = values.astype(np.float32)
    t1[0, 0, :3] = np.nan, np.inf, -np.inf
    case(tmp_path, "p1", {"t1": t1, "t2": t1}, values * 0)
    image = open_dataset(settings(tmp_path), "all", channels=2)[0].image
    assert image[0, 0, :3].tolist() == [0, 0, 0] and image[0, 0, 3] == 1 and image[0].max() < 255


@pytest.mark.parametrize(
    ("offset", "content"),
    [
        (40, b"\x03\x00\x00\x00"),  # dim[1] is 0
        (42, b"\xff\xff"),  # dim[1] is -1
        (70, b"\xb9\x00"),  # a type of voxels that there isn't
        (280, b"\x00\x00\xc0\x7f"),  # an affine that is no number
    ],
)
def test_damaged_headers_are_reported(offset: int, content: bytes, values: NDArray[np.int16], tmp_path: Path) -> None:
    path = tmp_path / "v.nii"
    save(path, values)
    whole = path.read_bytes()
    path.write_bytes(whole[:offset] + content + whole[offset + len(content) :])
    with pytest.raises(UserError, match=r"v\.nii: ") as caught:
        volume_values.summarize(volumes.Volume.open(path))
    assert "\n" not in str(caught.value)


def test_voxels_of_colours_are_refused(tmp_path: Path) -> None:
    colors = np.zeros((5, 4, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colors, np.eye(4)), tmp_path / "v.nii")
    with pytest.raises(UserError, match=r"v\.nii: voxels of type .* but plain numbers are expected"):
        volumes.Volume.open(tmp_path / "v.nii").slice(0)


def test_the_doctor_says_what_is_wrong_with_the_cases(values: NDArray[np.int16], tmp_path: Path) -> None:
    case(tmp_path, "p1", {"t1": values, "t2": values}, (values > np.median(values)).astype(np.int16))
    whole = replace(settings(tmp_path), train="all", val="all")
    assert check(whole, progress=False, workers=1, channels=2).ok
    refused = check(settings(tmp_path), progress=False, workers=1, channels=2)
    assert not refused.ok and "no split 'train'; there are: all" in refused.findings[0].message
    with pytest.raises(UserError, match=r"p1: no file \*_flair\.nii\.gz"):
        check(settings(tmp_path, modalities=("t1", "flair")), progress=False, workers=1, channels=2)


@pytest.mark.parametrize(
    "stored",
    [
        np.array([0, 0.9999999, 2.0000001, 4], np.float32),
        np.array([0, 1.0039, 1.9922, 4.0000002], np.float64),
        np.array([-0.0, 0.995, 2.0, 3.9999], np.float64),
    ],
)
def test_labels_that_a_program_saved_as_floats_are_rounded(stored: NDArray[Any], tmp_path: Path) -> None:
    values = np.tile(stored, (2, 2, 1))
    case(tmp_path, "p1", {"t1": values + 1, "t2": values + 1}, values)
    objects = open_dataset(settings(tmp_path), "all", channels=2)[0].objects
    assert objects is not None and objects[0].tolist() == [0, 1, 2, 3]


def test_labels_by_a_slope_are_rounded(tmp_path: Path) -> None:
    values = np.tile(np.array([0.0, 1, 2, 4]), (2, 2, 1))
    case(tmp_path, "p1", {"t1": values + 1, "t2": values + 1}, values)
    image = nibabel.Nifti1Image(np.transpose(values * 10, (2, 1, 0)).astype(np.int16), np.eye(4))
    image.header.set_slope_inter(0.1, 0)
    nibabel.save(image, tmp_path / "p1" / "p1_seg.nii.gz")
    objects = open_dataset(settings(tmp_path, grids="ignore"), "all", channels=2)[0].objects
    assert objects is not None and objects[0].tolist() == [0, 1, 2, 3]


def test_labels_that_are_not_numbers_are_ignored(tmp_path: Path) -> None:
    values = np.tile(np.array([0, np.nan, 2, 4]), (2, 2, 1))
    case(tmp_path, "p1", {"t1": np.ones((2, 2, 4)), "t2": np.ones((2, 2, 4))}, values)
    objects = open_dataset(settings(tmp_path), "all", channels=2)[0].objects
    assert objects is not None and objects[0].tolist() == [0, -1, 2, 3]


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_where_values_go_below_zero_zero_is_a_value_like_any_other(dtype: Any, tmp_path: Path) -> None:
    ct = np.linspace(-1000, 1000, 60).reshape(SHAPE).astype(dtype)
    ct[1, 1, :3] = -10, 0, 10
    case(tmp_path, "p1", {"t1": ct, "t2": ct}, np.zeros(SHAPE, np.uint8))
    dataset = open_dataset(settings(tmp_path), "all", channels=2)
    low, zero, high = dataset[1].image[0, 1, :3].tolist()
    assert low < zero < high and 120 < zero < 135
    assert dataset[0].image[0].min() == 0 and dataset[2].image[0].max() == 255
    windowed = open_dataset(settings(tmp_path, windows={"t1": (-20, 20)}), "all", channels=2)
    assert windowed[1].image[0, 1, :3].tolist() == [64, 128, 191], "-10, 0 and 10 between -20 and 20"
    assert windowed[0].image[0].max() == 0 and windowed[2].image[0].min() == 255
    assert windowed[1].image[1].tolist() == dataset[1].image[1].tolist(), "the other modality stays"


def test_slices_of_air_alone_are_empty(tmp_path: Path) -> None:
    ct = np.full(SHAPE, -1000, np.int16)
    ct[1, 1, 1] = -900
    case(tmp_path, "p1", {"t1": ct, "t2": ct}, np.zeros(SHAPE, np.uint8))
    dataset = open_dataset(settings(tmp_path, empty_slices=False), "all", channels=2)
    assert [dataset.name(index) for index in range(len(dataset))] == ["p1/001"]


def test_windows_are_of_modalities_that_there_are() -> None:
    with pytest.raises(UserError, match=r"data\.nifti\.windows: no modality 'ct'; there are: t1, t2"):
        NiftiSettings(("t1", "t2"), windows={"ct": (0, 1)})
    with pytest.raises(UserError, match="'t1' is from 40 to -40: give the lower value first"):
        NiftiSettings(("t1", "t2"), windows={"t1": (40, -40)})


def test_a_contact_sheet_shows_slices(values: NDArray[np.int16], tmp_path: Path) -> None:
    case(tmp_path / "data", "p1", {"t1": values, "t2": values}, values * 0)
    show_data(settings(tmp_path / "data"), split="all", out=tmp_path / "samples.png", count=1)
    assert (tmp_path / "samples.png").stat().st_size > 0


def test_without_nibabel_the_extra_is_named(values: NDArray[np.int16], tmp_path: Path, without: Any) -> None:
    case(tmp_path, "p1", {"t1": values, "t2": values}, values * 0)
    without("nibabel")
    without("nibabel.orientations")
    with pytest.raises(UserError, match=r"pip install 'sceneparse\[medical\]'"):
        open_dataset(replace(settings(tmp_path)), "all", channels=2)


@pytest.mark.parametrize(("missing", "setting"), [("t2", r"data\.nifti\.modalities"), ("seg", r"data\.nifti\.truth")])
def test_a_volume_of_another_name_names_the_setting(missing: str, setting: str, tmp_path: Path) -> None:
    values = np.ones(SHAPE, np.uint8)
    case(tmp_path, "p1", {"t1": values, "t2": values}, values)
    (tmp_path / "p1" / f"p1_{missing}.nii.gz").rename(tmp_path / "p1" / "p1_other.nii.gz")
    with pytest.raises(UserError, match=rf"no file \*_{missing}\.nii\.gz .* give {setting}"):
        open_dataset(settings(tmp_path), "all", channels=2)


@pytest.mark.parametrize("value", [-1, -1000, 70000])
def test_a_label_that_no_class_can_have_is_ignored_as_the_doctor_says(value: int, tmp_path: Path) -> None:
    image = np.full(SHAPE, 9, np.int32)
    image[:, 0] = 3
    truth = (image > 5).astype(np.int32)
    truth[:, 1] = value
    case(tmp_path, "p1", {"t1": image, "t2": image}, truth)
    (tmp_path / "classes.json").write_text('{"names": ["background", "organ"]}')
    with pytest.raises(UserError, match=f'If {value} means "unlabelled", add "ignore": {value} to classes.json'):
        open_dataset(settings(tmp_path), "all", channels=2)[0]
    (tmp_path / "classes.json").write_text(f'{{"names": ["background", "organ"], "ignore": {value}}}')
    for index in range(SHAPE[0]):
        objects = open_dataset(settings(tmp_path), "all", channels=2)[index].objects
        assert objects is not None
        expected = np.where(truth[index] == value, -1, truth[index])
        assert np.array_equal(objects.numpy(), expected)
    # What is written of such a label space is a mask that it reads.
    space = open_dataset(settings(tmp_path), "all", channels=2).labels
    assert space.encode(np.array([[0, 1, -1]])).tolist() == [[0, 1, 255]]
