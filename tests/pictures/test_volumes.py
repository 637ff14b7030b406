"""Packed volumes: what is kept of them has a bound in bytes, and takes no more than the file's own numbers do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sceneparse.pictures import volumes
from sceneparse.pictures.cases import called, volume_files
from sceneparse.pictures.problems import PictureError
from sceneparse.pictures.volumes import Volume

nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed (extra medical)")

STORED = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


def save(path: Path, slope: float = 1, intercept: float = 0) -> Volume:
    image = nibabel.Nifti1Image(STORED, np.eye(4))
    image.header.set_slope_inter(slope, intercept)
    nibabel.save(image, path)
    return Volume.open(path)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were unpacked, by a process that has unpacked none yet."""
    found: list[str] = []
    whole = nibabel.arrayproxy.ArrayProxy.get_unscaled

    def noting(proxy: Any) -> Any:
        found.append(Path(proxy.file_like).name)
        return whole(proxy)

    monkeypatch.setattr(nibabel.arrayproxy.ArrayProxy, "get_unscaled", noting)
    monkeypatch.setattr(volumes, "_unpacked", volumes._Kept())
    return found


def test_as_many_unpacked_volumes_are_kept_as_fit(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes, "KEPT", 2 * STORED.nbytes + 1)
    a, b, c = (save(tmp_path / f"{name}.nii.gz", slope=0.5) for name in "abc")
    for volume in (a, b, a, b, c, b, c, a):  # c takes the place of a, and a that of b
        for number in range(2):
            volume.slice(number)
    assert reads == ["a.nii.gz", "b.nii.gz", "c.nii.gz", "a.nii.gz"]


def test_the_last_volume_is_kept_however_large_it_is(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes, "KEPT", 1)
    first, second = save(tmp_path / "a.nii.gz"), save(tmp_path / "b.nii.gz")
    for volume in (first, first, second, second, first):
        volume.slice(1)
    assert reads == ["a.nii.gz", "b.nii.gz", "a.nii.gz"]


@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (0.37, 0), (1, -1024), (2.5, 0.1)])
def test_values_are_the_same_whether_the_file_is_packed(slope: float, intercept: float, tmp_path: Path) -> None:
    packed, plain = (save(tmp_path / f"a.{suffix}", slope, intercept) for suffix in ("nii.gz", "nii"))
    whole = np.asarray(nibabel.load(tmp_path / "a.nii").dataobj)
    assert packed.voxels().stored.dtype == np.int16
    for number in range(6):
        cut = packed.slice(number)
        assert cut.dtype == plain.slice(number).dtype == whole.dtype
        assert (cut == plain.slice(number)).all() and np.isin(cut, whole[:, :, number]).all()


def test_a_volume_that_memory_does_not_hold_is_named_with_what_to_do(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = save(tmp_path / "a.nii.gz")

    def full(_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(nibabel.arrayproxy.ArrayProxy, "get_unscaled", full)
    with pytest.raises(PictureError, match=r"a\.nii\.gz: not enough memory to unpack it; unpack the file"):
        volume.slice(0)
    assert reads == []


def test_a_name_in_capitals_is_packed_all_the_same(tmp_path: Path, reads: list[str]) -> None:
    save(tmp_path / "a.nii.gz")
    path = (tmp_path / "a.nii.gz").rename(tmp_path / "A_T1.NII.GZ")
    assert [one.name for one in volume_files(tmp_path)] == ["A_T1.NII.GZ"] == [one.name for one in called([path], "t1")]
    volume = Volume.open(path)
    for number in range(volume.shape[0]):
        volume.slice(number)
    assert reads == ["A_T1.NII.GZ"], "once, not for each slice"
