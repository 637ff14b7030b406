"""Volumes of one case that do not lie on one grid: refused, taken as they are, or brought onto one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from tests.datasets.test_nifti import SHAPE, case, save, settings

nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed (extra medical)")

VALUES = np.arange(1, 61, dtype=np.int16).reshape(SHAPE)


def nifti(path: Path, values: NDArray[Any], affine: NDArray[Any]) -> None:
    """Write values (columns to the right, rows to the front, slices to the head) as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


def moved(by: tuple[float, float, float], spacing: float = 1.0) -> NDArray[np.float64]:
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = by
    return affine


@pytest.mark.parametrize(
    "affine",
    [moved((3, 0, 0)), moved((0, 0, -0.5)), moved((0, 0, 0), 2.0), np.diag([1, 1, 1.1, 1.0])],
    ids=["shifted", "half a voxel", "other spacing", "other thickness"],
)
@pytest.mark.parametrize("what", ["t2", "seg"])
def test_volumes_at_other_positions_are_refused_unless_it_is_said_what_to_do(
    affine: NDArray[np.float64], what: str, tmp_path: Path
) -> None:
    values = np.arange(1, 61, dtype=np.float32).reshape(5, 4, 3)
    for name in ("t1", "t2", "seg"):
        content = values * 0 if name == "seg" else values
        nifti(tmp_path / "p1" / f"p1_{name}.nii.gz", content, affine if name == what else np.eye(4))
    with pytest.raises(UserError, match=rf"p1_{what}\.nii\.gz: its affine puts voxels up to .* data\.nifti\.grids"):
        open_dataset(settings(tmp_path), "all", channels=2)
    assert len(open_dataset(settings(tmp_path, grids="ignore"), "all", channels=2)) == 3
    assert len(open_dataset(settings(tmp_path, grids="resample"), "all", channels=2)) == 3


def test_headers_may_round_and_store_the_axes_otherwise(tmp_path: Path) -> None:
    save(tmp_path / "p1" / "p1_t1.nii.gz", VALUES)
    save(tmp_path / "p1" / "p1_t2.nii.gz", VALUES)
    image = nibabel.load(tmp_path / "p1" / "p1_t1.nii.gz")
    turned = nibabel.as_closest_canonical(image).slicer[4::-1]
    turned.affine[:3, 3] += 0.01
    nibabel.save(nibabel.Nifti1Image(np.asarray(turned.dataobj) * 0, turned.affine), tmp_path / "p1" / "p1_seg.nii")
    assert len(open_dataset(settings(tmp_path), "all", channels=2)) == 3


def test_resampled_volumes_lie_where_their_affines_say(tmp_path: Path) -> None:
    # A ramp over the world's axis to the right, sampled at two spacings and offsets.
    t1 = np.broadcast_to(np.arange(10, 18, dtype=np.float32)[:, None, None], (8, 6, 4))
    nifti(tmp_path / "p1" / "p1_t1.nii.gz", t1, np.eye(4))
    fine = np.broadcast_to((10 + 2 + np.arange(9, dtype=np.float32) / 2)[:, None, None], (9, 12, 8))
    nifti(tmp_path / "p1" / "p1_t2.nii.gz", fine[::-1], np.diag([-0.5, 0.5, 0.5, 1]) + _column(6.0, 0, 0))
    truth = np.zeros((8, 6, 4), np.uint8)
    truth[5] = 4
    nifti(tmp_path / "p1" / "p1_seg.nii.gz", truth[2:], moved((2, 0, 0)))
    sample = open_dataset(settings(tmp_path, grids="resample"), "all", channels=2)[1]
    first, second = sample.image.numpy().astype(float)
    assert (second[:, :2] == 0).all() and (second[:, 7] == 0).all(), "what was not recorded there"
    there = slice(2, 7)
    slopes = np.diff(second[0, there])
    assert second[0, 2] == 1 and second[0, 6] == 255 and np.ptp(slopes) <= 1, "linear where it was"
    assert (np.diff(first[0]) > 0).all()
    objects = sample.objects
    assert objects is not None and objects[0].tolist() == [-1, -1, 0, 0, 0, 3, 0, 0], "unknown is ignored"


def _column(right: float, front: float, head: float) -> NDArray[np.float64]:
    only = np.zeros((4, 4))
    only[:3, 3] = right, front, head
    return only


def test_without_scipy_the_extra_is_named(tmp_path: Path, without: Any) -> None:
    case(tmp_path, "p1", {"t1": VALUES, "t2": VALUES}, VALUES * 0)
    nifti(tmp_path / "p1" / "p1_seg.nii.gz", np.zeros((5, 4, 3)), moved((9, 0, 0)))
    without("scipy")
    with pytest.raises(UserError, match=r"resampling needs SciPy: pip install 'sceneparse\[medical\]'"):
        open_dataset(settings(tmp_path, grids="resample"), "all", channels=2)
