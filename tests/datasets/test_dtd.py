"""DTD in both layouts."""

from pathlib import Path

import pytest
from PIL import Image

from sceneparse.datasets.dtd import open_dtd
from sceneparse.errors import UserError


def write(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 4)).save(root / file)


def test_the_texture_of_the_folder_holds_at_every_pixel(tmp_path: Path) -> None:
    write(tmp_path, "train/banded/a.jpg", "train/dotted/b.jpg", "val/dotted/c.jpg")
    train, val = open_dtd(tmp_path, "train"), open_dtd(tmp_path, "val")
    assert train.tasks == val.tasks, "a split that lacks a texture still counts it"
    assert [train.name(index) for index in range(2)] == ["banded/a", "dotted/b"]
    sample = val[0]
    assert sample.textures is not None and sample.textures.tolist() == [[1] * 5] * 4 and sample.objects is None
    with pytest.raises(UserError, match="no split 'test'; there are: train, val"):
        open_dtd(tmp_path, "test")
    with pytest.raises(UserError, match="DTD labels no objects"):
        _ = train.labels


def test_the_published_lists_choose_the_pictures(tmp_path: Path) -> None:
    write(tmp_path, "images/banded/a.jpg", "images/dotted/b.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "train1.txt").write_text("dotted/b.jpg\n")
    (tmp_path / "labels" / "train2.txt").write_text("banded/a.jpg\n")
    assert open_dtd(tmp_path, "train").name(0) == "dotted/b"
    assert open_dtd(tmp_path, "train2").name(0) == "banded/a"
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "dtd").symlink_to(tmp_path)
    assert open_dtd(tmp_path / "unpacked", "train").name(0) == "dotted/b"
    (tmp_path / "labels" / "train2.txt").write_text("furry/a.jpg\n")
    with pytest.raises(UserError, match=r"train2\.txt: names .*furry/a\.jpg, but there is no such folder"):
        open_dtd(tmp_path, "train2")
