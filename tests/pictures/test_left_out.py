"""What is said of the files beside pictures that are left out."""

import re

import pytest

from sceneparse.pictures.forms import unread


@pytest.mark.parametrize(
    ("name", "package", "words"),
    [
        ("drive.mp4", "av", r"1 file that is a video or a volume: drive.mp4; videos need PyAV, .*pip install .*; name"),
        ("ct.nii.gz", "nibabel", r"video or a volume: ct.nii.gz; volumes need nibabel, .*pip install .*; name"),
    ],
)
def test_what_is_left_out_for_want_of_a_package_says_so(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str, words: str
) -> None:
    found = unread(apart=True)
    found.add(name)
    monkeypatch.setattr("sceneparse.pictures.forms.find_spec", lambda one: None if one == package else object())
    assert re.search(words, str(found.apart))
    monkeypatch.setattr("sceneparse.pictures.forms.find_spec", lambda one: object() if one == package else None)
    assert "pip install" not in str(found.apart)


def test_several_are_counted_as_several() -> None:
    found = unread(apart=True)
    found.add("a.mp4")
    found.add("b.nii")
    assert "left out 2 files that are videos or volumes: a.mp4, b.nii" in str(found.apart)
