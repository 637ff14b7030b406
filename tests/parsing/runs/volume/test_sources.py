"""Which inputs are volumes, and what makes up one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sceneparse.errors import UserError
from sceneparse.parsing.runs.volume import find_volumes, split_volumes
from sceneparse.parsing.runs.volume.sources import pictures_among

MODALITIES = ("t1", "t1ce", "t2", "flair")


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_volumes_are_told_by_their_suffix_and_folders_by_the_first_files_in_them(tmp_path: Path) -> None:
    (tmp_path / "cases" / "a").mkdir(parents=True)  # with nothing in it
    touch(tmp_path / "cases" / "p1" / "p1_t1.nii.gz", tmp_path / "cases" / "p1" / "p1.png")
    touch(tmp_path / "photos" / "a.jpg", tmp_path / "photos" / "b" / "x.nii.gz", tmp_path / "empty" / "readme.txt")
    volumes = ["a.nii", "more/*.NII.GZ", str(tmp_path / "cases")]
    rest = ["a.png", str(tmp_path / "photos"), str(tmp_path / "empty"), "s3://bucket/photos"]
    assert split_volumes([*volumes, *rest]) == (volumes, rest)


def test_pictures_that_lie_among_volumes_are_counted_and_named(tmp_path: Path) -> None:
    touch(tmp_path / "a.nii.gz", tmp_path / "b.png", tmp_path / "more" / "c.jpg", tmp_path / "z" / "only.nii")
    (said,) = pictures_among([str(tmp_path), str(tmp_path / "z"), "x.nii"])
    assert said.startswith(f"left out: 2 pictures in {tmp_path}, which is parsed for its volumes; the first is b.png")


def test_a_folder_with_a_modality_is_a_case_and_of_others_each_file_is_a_volume(tmp_path: Path) -> None:
    cases, loose = tmp_path / "cases", tmp_path / "loose"
    touch(*(cases / name / f"{name}_{what}.nii.gz" for name in ("p2", "p1") for what in MODALITIES))
    touch(loose / "b.nii.gz", loose / "a.nii", loose / "._a.nii", loose / "deep" / "a.nii.gz")
    found = find_volumes([cases, loose], MODALITIES)
    assert [(source.path, source.name) for source in found] == [
        (cases / "p1", "p1"),
        (cases / "p2", "p2"),
        (loose / "a.nii", "a"),
        (loose / "b.nii.gz", "b"),
        (loose / "deep" / "a.nii.gz", "deep/a"),
    ]
    assert len(find_volumes([cases], ())) == 8


def test_what_a_run_left_in_the_folder_is_no_input_of_the_next(tmp_path: Path) -> None:
    cases, out = tmp_path / "cases", tmp_path / "cases" / "parsed"
    touch(cases / "b.nii.gz", out / "b.nii.gz", out / "b_montage.png", tmp_path / "one" / "b_t1.nii.gz")
    assert split_volumes([str(cases)], out) == ([str(cases)], [])
    for given in (cases, str(cases / "**" / "*.nii.gz")):
        assert [source.path for source in find_volumes([given], (), out)] == [cases / "b.nii.gz"]
    assert pictures_among([str(cases)], out) == []
    assert split_volumes([str(out)], out) == ([], [str(out)])
    with pytest.raises(UserError, match=f"parsed: no such volume, but in the output folder {out}"):
        find_volumes([out], (), out)
    assert [source.name for source in find_volumes([out / "b.nii.gz"], (), out)] == ["b"], "it is named"
    assert [source.name for source in find_volumes([tmp_path / "one"], ("t1",), tmp_path)] == ["one"]


def test_links_that_lead_back_up_give_no_volume_twice(tmp_path: Path) -> None:
    touch(tmp_path / "cases" / "p1" / "x.nii.gz")
    (tmp_path / "cases" / "p1" / "up").symlink_to(tmp_path / "cases")
    assert [source.name for source in find_volumes([tmp_path / "cases"], ())] == ["x"]


def test_volumes_that_share_a_name_are_called_by_their_folders_too_and_others_as_ever(tmp_path: Path) -> None:
    touch(
        *(tmp_path / "kits" / f"case_{number}" / "imaging.nii.gz" for number in range(3)), tmp_path / "kits" / "b.NII"
    )
    assert [source.name for source in find_volumes([tmp_path / "kits"], ())] == [
        "b",
        *(f"case_{number}/imaging" for number in range(3)),
    ]
    found = find_volumes([str(tmp_path / "kits" / "*" / "imaging.nii.gz")], ())
    assert [source.name for source in found] == [f"case_{number}/imaging" for number in range(3)]


def test_a_pattern_gives_its_files_in_order(tmp_path: Path) -> None:
    touch(tmp_path / "b" / "x_ct.nii.gz", tmp_path / "a" / "y_ct.nii.gz", tmp_path / "a" / "y_seg.nii.gz")
    found = find_volumes([str(tmp_path / "*" / "*_ct.nii.gz")], ())
    assert [source.name for source in found] == ["y_ct", "x_ct"]


@pytest.mark.parametrize(
    ("given", "words"),
    [("nowhere.nii.gz", "nowhere.nii.gz: no such volume"), ("no/*.nii", "no volume matches this pattern")],
)
def test_what_is_no_volume_is_said(given: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        find_volumes([given], ())


def test_channels_are_a_cases_files_or_the_fourth_axis_of_one(
    case: Path, volumes: dict[str, NDArray[np.int16]], save: Callable[..., Path]
) -> None:
    (source,) = find_volumes([case], MODALITIES)
    channels = source.channels(MODALITIES, 4)
    assert [volume.path.name for volume in channels] == [f"p1_{name}.nii.gz" for name in MODALITIES]
    together = np.stack([np.transpose(volumes[name], (2, 1, 0))[::-1] for name in MODALITIES], axis=-1)
    (source,) = find_volumes([save("four.nii.gz", together)], MODALITIES)
    for volume, name in zip(source.channels(MODALITIES, 4), MODALITIES, strict=True):
        assert np.array_equal(volume.slice(2), volumes[name][2]), name


def test_another_number_of_channels_is_said_in_a_line_with_the_way_out(case: Path, save: Callable[..., Path]) -> None:
    (source,) = find_volumes([case / "p1_t1.nii.gz"], MODALITIES)
    with pytest.raises(UserError) as caught:
        source.channels(MODALITIES, 4)
    assert str(caught.value) == (
        f"{case / 'p1_t1.nii.gz'}: has 1 channel, but the model takes 4 channels: give the case's folder with *_t1, "
        "*_t1ce, *_t2, *_flair, or a volume whose fourth axis has 4"
    )
    with pytest.raises(UserError, match=r"has 1 channel, .* takes 3 channels: give the case's folder and modalities"):
        source.channels((), 3)
    two = find_volumes([save("two.nii", np.zeros((4, 4, 4, 2), np.int16))], ())[0]
    with pytest.raises(UserError, match=r"has 2 channels, .* takes 1 channel: give a volume of three axes$"):
        two.channels((), 1)
    (case / "p1_t2.nii.gz").unlink()
    with pytest.raises(UserError, match=r"p1: no file \*_t2\.nii\.gz"):
        find_volumes([case], MODALITIES)[0].channels(MODALITIES, 4)
