"""Volumes become volumes of labels, voxel by voxel in their place, with a montage and what there is of each class."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.parsing import Parser
from sceneparse.parsing.runs.volume import predict_volumes
from sceneparse.settings import LearntSizes
from tests.parsing.runs.volume.conftest import SHAPE, WhereABitIsSet

nibabel = pytest.importorskip("nibabel")

FILES = {"p1.nii.gz", "p1_montage.png", "p1_volume.json", "volumes-summary.json"}


def read(path: Path) -> NDArray[np.int64]:
    return np.asarray(nibabel.load(path).dataobj).astype(np.int64)


def test_labels_lie_where_the_volume_has_its_voxels(
    case: Path, make_parser: Callable[..., Parser], truth: NDArray[np.uint8], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    summary = predict_volumes(make_parser(), [case], out, progress=False)
    assert (summary.done, summary.failed) == (1, 0) and {path.name for path in out.iterdir()} == FILES
    labels, given = nibabel.load(out / "p1.nii.gz"), nibabel.load(case / "p1_t1.nii.gz")
    assert np.array_equal(labels.affine, given.affine) and labels.shape == given.shape
    assert labels.get_data_dtype() == np.uint8 and labels.header.get_xyzt_units() == given.header.get_xyzt_units()
    assert [int(labels.header[code]) for code in ("qform_code", "sform_code")] == [
        int(given.header[code]) for code in ("qform_code", "sform_code")
    ]
    assert np.array_equal(read(out / "p1.nii.gz"), np.transpose(truth, (2, 1, 0))[::-1]), "class 3 is BraTS's 4"


def test_a_volume_is_never_brought_to_the_scale_of_pictures(
    case: Path, make_parser: Callable[..., Parser], engine: WhereABitIsSet, tmp_path: Path
) -> None:
    learnt = make_parser(sizes=LearntSizes(short=10, largest=10, seen=(8, 12)))
    assert learnt.protocol.above == 10
    predict_volumes(learnt, [case], tmp_path, progress=False)
    assert {tuple(images.shape[-2:]) for images in engine.asked} == {SHAPE[1:]}
    record = json.loads((tmp_path / "p1_volume.json").read_text())
    assert record["protocol"]["description"].startswith("whole: own size, ")


def test_what_is_chosen_is_written_and_nothing_else(
    case: Path, make_parser: Callable[..., Parser], tmp_path: Path
) -> None:
    out, parser = tmp_path / "out", make_parser()
    assert predict_volumes(parser, [case], out, write=["montage"], progress=False).done == 1
    assert {path.name for path in out.iterdir()} == FILES - {"p1.nii.gz"}
    assert predict_volumes(parser, [case], out, write=["montage"], progress=False).skipped == 1
    assert predict_volumes(parser, [case], out, progress=False).done == 1


@pytest.mark.parametrize("order", [(2, 1, 0), (0, 1, 2), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_however_a_file_stores_its_voxels(
    order: tuple[int, int, int],
    signs: tuple[int, int, int],
    make_parser: Callable[..., Parser],
    save: Callable[..., Path],
    truth: NDArray[np.uint8],
    volumes: dict[str, NDArray[np.int16]],
    tmp_path: Path,
) -> None:
    # Axis `order[k]` of (slices, rows, columns) is the file's axis k; slices run to the head (world 2), rows from the
    # front to the back (world 1), columns to the right (world 0).
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    flips = []
    for axis, sign in zip(order, signs, strict=True):
        world = 2 - axis
        affine[world, order.index(axis)] = sign
        flips.append(slice(None, None, -1 if (sign < 0) != (world == 1) else 1))

    def turned(values: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.transpose(values, order)[tuple(flips)]

    channels = np.stack([turned(volumes[name]) for name in ("t1", "t1ce", "t2", "flair")], axis=-1)
    path = save("v.nii.gz", channels, affine)
    predict_volumes(make_parser(), [path], tmp_path / "out", montage=False, progress=False)
    assert np.array_equal(read(tmp_path / "out" / "v.nii.gz"), turned(truth))


def test_the_record_says_how_much_there_is_of_each_class(
    case: Path, make_parser: Callable[..., Parser], truth: NDArray[np.uint8], tmp_path: Path
) -> None:
    predict_volumes(make_parser(), [case], tmp_path, progress=False)
    said = json.loads((tmp_path / "p1_volume.json").read_text())
    assert (said["slices"], said["height"], said["width"], said["channels"]) == (5, 24, 30, 4)
    found = {one["name"]: one for one in said["classes"]}
    for name, value in (("background", 0), ("necrotic core", 1), ("oedema", 2), ("enhancing tumour", 4)):
        count = int((truth == value).sum())
        assert (found[name]["id"], found[name]["voxels"]) == (value, count)
        assert found[name]["millilitres"] == pytest.approx(count * 3 / 1000, abs=1e-3)
        assert found[name]["share"] == pytest.approx(count / truth.size, abs=1e-6)
        assert 0.5 < found[name]["confidence"] <= 1
    assert list(found) == ["background", "oedema", "enhancing tumour", "necrotic core"], "the largest first"


def test_a_voxel_without_a_unit_has_no_millilitres(
    case: Path, make_parser: Callable[..., Parser], tmp_path: Path
) -> None:
    for path in case.iterdir():
        image = nibabel.load(path)
        values = np.asarray(image.dataobj)
        nibabel.save(nibabel.Nifti1Image(values, image.affine), path)
    predict_volumes(make_parser(), [case], tmp_path, progress=False)
    assert {one["millilitres"] for one in json.loads((tmp_path / "p1_volume.json").read_text())["classes"]} == {None}


def test_slices_that_the_model_never_saw_in_training_are_not_asked_about(
    case: Path, make_parser: Callable[..., Parser], engine: Any, tmp_path: Path
) -> None:
    for empty_slices, asked in ((True, 5), (False, 4)):
        engine.asked.clear()
        parser = make_parser(empty_slices=empty_slices)
        predict_volumes(parser, [case], tmp_path / str(empty_slices), progress=False)
        assert len(engine.asked) == asked
        said = json.loads((tmp_path / str(empty_slices) / "p1_volume.json").read_text())
        assert said["empty_slices"] == 5 - asked
    assert (read(tmp_path / "False" / "p1.nii.gz")[:, :, 4] == 0).all()


def test_the_montage_shows_the_slices_with_something_on_them_and_the_classes(
    case: Path, make_parser: Callable[..., Parser], tmp_path: Path
) -> None:
    predict_volumes(make_parser(), [case], tmp_path, progress=False)
    with Image.open(tmp_path / "p1_montage.png") as image:
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 24) or ()}
        assert image.width > 3 * 200 and image.height < 2 * 220, "three slices in a row"
    assert {(214, 39, 40), (44, 160, 44), (255, 215, 0)} <= colors, "the legend's"


def test_a_second_run_does_what_is_new_or_changed(
    case: Path, make_parser: Callable[..., Parser], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, parser = tmp_path / "out", make_parser()
    predict_volumes(parser, [case], out, montage=False)
    assert "5 slices in" in (said := capsys.readouterr().err) and "oedema 0.9 ml" in said
    assert "1 parsed" in said
    assert predict_volumes(parser, [case], out, montage=False, progress=False).skipped == 1
    assert predict_volumes(parser, [case], out, progress=False).done == 1, "the montage was missing"
    assert predict_volumes(parser, [case], out, again=True, progress=False).done == 1
    path = case / "p1_t2.nii.gz"
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
    assert predict_volumes(parser, [case], out, progress=False).done == 1
    (out / "p1.nii.gz").unlink()
    assert predict_volumes(parser, [case], out, progress=False).done == 1


def test_what_cannot_be_parsed_is_left_out_and_the_others_go_on(
    case: Path,
    make_parser: Callable[..., Parser],
    save: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flat = save("flat.nii.gz", np.zeros((4, 4, 4), np.int16))
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"no volume")
    out = tmp_path / "out"
    summary = predict_volumes(make_parser(), [flat, broken, case], out, progress=False)
    assert (summary.done, summary.failed) == (1, 2)
    labels = capsys.readouterr().err.splitlines()
    assert labels[0].startswith(f"left out: {flat}: has 1 channel, but the model takes 4 channels")
    assert labels[1].startswith(f"left out: {broken}: not a NIfTI volume, or damaged")
    assert json.loads((out / "volumes-summary.json").read_text())["failed"] == 2


def test_a_volume_is_never_overwritten_by_its_own_labels(
    make_parser: Callable[..., Parser], save: Callable[..., Path], volumes: dict[str, NDArray[np.int16]], tmp_path: Path
) -> None:
    channels = np.stack([np.transpose(one, (2, 1, 0)) for one in volumes.values()], axis=-1)
    path = save("v.nii.gz", channels)
    before = path.read_bytes()
    summary = predict_volumes(make_parser(), [path], tmp_path, progress=False)
    assert "would overwrite the volume" in summary.failures[0].reason and path.read_bytes() == before


def test_other_modalities_than_the_model_has_channels_are_refused(
    case: Path, make_parser: Callable[..., Parser], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"2 modalities \(t1, t2\), but the model takes 4 channels"):
        predict_volumes(make_parser(), [case], tmp_path, modalities=("t1", "t2"))
    two = make_parser(2)
    assert two.config.data.nifti.modalities == ("t1", "t1ce")
    given = predict_volumes(two, [case], tmp_path, modalities=("flair", "t2"), montage=False, progress=False)
    assert given.failed == 0 and json.loads((tmp_path / "p1_volume.json").read_text())["channels"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x.nii.gz", "--runner", "ray"], "volumes are parsed in this process"),
        (["x.nii.gz", "--tasks", "part"], "parsed for their objects alone"),
        (["x.nii.gz", "--as", "voc2012"], "--as voc2012 is for pictures"),
        (["x.png", "--modalities", "t1"], "--modalities is for volumes"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_a_model_is_loaded(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "nowhere", words[0], "--out", "out", *words[1:]]) == 2
    assert message in capsys.readouterr().err


def test_a_window_that_the_model_learnt_with_is_used(
    case: Path, make_parser: Callable[..., Parser], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, NDArray[np.uint8]] = {}
    for name, windows in (("own", {}), ("windowed", {"t1": (0.0, 1.0)})):
        parser = make_parser()
        data = replace(parser.config.data, nifti=replace(parser.config.data.nifti, windows=windows))
        monkeypatch.setattr(parser, "config", replace(parser.config, data=data))
        whole = parser.parse
        images: list[NDArray[np.uint8]] = []

        def noting(image: Any, whole: Any = whole, images: list[NDArray[np.uint8]] = images, **how: Any) -> Any:
            images.append(image.numpy())
            return whole(image, **how)

        monkeypatch.setattr(parser, "parse", noting)
        predict_volumes(parser, [case], tmp_path / name, write=["labels"], progress=False)
        seen[name] = np.stack(images)
    assert set(np.unique(seen["windowed"][:, 0])) <= {0, 255}, "all values are at or beyond the window's ends"
    assert len(np.unique(seen["own"][:, 0])) > 2 or set(np.unique(seen["own"][:, 0])) != {0, 255}
    assert np.array_equal(seen["own"][:, 1:], seen["windowed"][:, 1:])


def test_volumes_on_other_grids_are_named_and_left_out(
    case: Path, make_parser: Callable[..., Parser], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = sorted(case.glob("*_t2*"))[0]
    image = nibabel.load(second)
    affine = image.affine.copy()
    affine[0, 3] += 2
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), affine), second)
    assert predict_volumes(make_parser(), [case], tmp_path / "out", progress=False).failed == 1
    assert "p1_t2.nii.gz: its affine puts voxels up to" in capsys.readouterr().err
    for grids in ("resample", "ignore"):
        out = tmp_path / grids
        assert predict_volumes(make_parser(), [case], out, grids=grids, progress=False).done == 1
        assert json.loads((out / "p1_volume.json").read_text())["grids"] == grids
