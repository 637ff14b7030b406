"""What an earlier run has done counts for the picture that it was, wherever that lies now."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from sceneparse.datasets.forms.table import FORMS
from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError
from sceneparse.parsing import Parser, predict_pictures
from sceneparse.parsing.annotating import write_annotations
from sceneparse.parsing.runs.earlier import parses_in
from sceneparse.parsing.submissions import submission_form, write_submissions


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_pictures_that_were_moved_are_done_and_found_where_they_are(parser: Parser, pictures: Path, out: Path) -> None:
    predict_pictures(parser, [pictures], out, progress=False)
    before = (out / "a.json").read_text()
    moved = pictures.rename(pictures.with_name("moved"))
    assert predict_pictures(parser, [moved], out, progress=False).skipped == 4
    assert (out / "a.json").read_text() == before.replace(str(pictures), str(moved))
    folder = write_annotations(parser, out, "folder", progress=False)
    assert len(list(folder.rglob("images/*.png"))) + len(list(folder.rglob("images/*/*.png"))) >= 4


def test_a_picture_with_the_name_size_and_time_of_another_that_is_there_is_parsed(
    parser: Parser, pictures: Path, out: Path
) -> None:
    predict_pictures(parser, [pictures], out, progress=False)
    other = shutil.copytree(pictures, pictures.with_name("other"))
    for path in pictures.rglob("*.png"):
        status = path.stat()
        os.utime(other / path.relative_to(pictures), ns=(status.st_atime_ns, status.st_mtime_ns))
    assert predict_pictures(parser, [other], out, progress=False).done == 4
    assert predict_pictures(parser, [other], out, progress=False).skipped == 4


def test_overlays_that_are_gone_matter_to_whoever_wants_them(parser: Parser, pictures: Path, out: Path) -> None:
    predict_pictures(parser, [pictures], out, progress=False)
    for path in out.rglob("*_overlay.jpg"):
        path.unlink()
    assert predict_pictures(parser, [pictures], out, overlay=False, progress=False).skipped == 4
    assert predict_pictures(parser, [pictures], out, progress=False).done == 4


def test_of_a_picture_that_has_another_name_now_the_last_parse_counts(
    parser: Parser, pictures: Path, out: Path
) -> None:
    predict_pictures(parser, [pictures], out, progress=False)
    Image.open(pictures / "b.png").convert("RGB").save(pictures / "a.jpg")
    os.utime(out / "a.json", ns=(0, 0))
    predict_pictures(parser, [pictures], out, progress=False)
    assert (out / "a.png.json").exists() and (out / "a.json").exists()
    coco = json.loads((write_annotations(parser, out, "coco", progress=False) / "annotations.json").read_text())
    assert [one["file_name"] for one in coco["images"]] == ["a.jpg", "a.png", "b.png", "below/d.png", "c.png"]


def test_results_for_a_server_are_those_of_the_threshold_that_is_asked_for(
    parser: Parser, pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = replace(submission_form("cityscapes"), labels=replace(parser.labels, ids=(11, 22, 33), ignore=(0,)))
    monkeypatch.setitem(KINDS._loaded, "cityscapes", replace(KINDS["cityscapes"], submission=form))
    predict_pictures(parser, [pictures / "a.png"], out, progress=False)
    predict_pictures(parser, [pictures / "b.png"], out, ignore_below=0.5, progress=False)
    folder = write_submissions(parser, out, "cityscapes", ignore_below=0.5, progress=False)
    assert [path.name for path in folder.iterdir()] == ["b.png"]


def test_annotations_are_not_looked_into_for_parses(
    parser: Parser, pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict_pictures(parser, [pictures], out, progress=False)
    write_annotations(parser, out, "labelme", progress=False)
    read: list[Path] = []
    whole: Callable[[Path], bytes] = Path.read_bytes

    def noting(path: Path) -> bytes:
        read.append(path)
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", noting)
    assert len(parses_in(out, parser.fingerprint)) == 4
    assert not [path for path in read if "labelme" in path.parts]


def test_a_name_that_is_no_utf_8_is_parsed_and_comes_back_out_of_the_json(
    parser: Parser, pictures: Path, out: Path
) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    try:
        (pictures / "a.png").rename(pictures / name)
    except OSError:
        pytest.skip("the disk takes names in UTF-8 alone")
    Path(pictures, os.fsdecode(b"bad\xff.jpg")).write_bytes(b"no picture")
    summary = predict_pictures(parser, [pictures], out, progress=False, write=["labels", "overlay", "geojson"])
    assert (summary.done, summary.failed) == (4, 1)
    said = json.loads((out / name).with_suffix(".json").read_bytes())
    assert Path(said["picture"]["file"]) == pictures / name and said["files"]["labels"] == name
    assert predict_pictures(parser, [pictures], out, progress=False).skipped == 4
    for form in FORMS:
        if form != "cvat":
            assert write_annotations(parser, out, form, progress=False).is_dir(), form
    with pytest.raises(UserError, match="a zip for CVAT holds names in UTF-8 alone"):
        write_annotations(parser, out, "cvat", progress=False)
    assert json.loads((out / "summary.json").read_bytes())["failures"][0]["file"].endswith("bad\udcff.jpg")
