"""What a run writes takes the place of its own earlier outputs, and of nothing that somebody else has put there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.parsing import Parser, predict_pictures
from sceneparse.parsing.runs.replacing import place_of_picture, replacing
from tests.parsing.runs.test_pictures import outputs, tree
from tests.parsing.test_task_parse import parser_of

LABELME = json.dumps({"version": "5.4", "shapes": [{"label": "brick"}], "imagePath": "a.png"})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.mark.parametrize(
    "content",
    [
        LABELME.encode(),
        LABELME.replace("brick", "Stra\xdfe").encode("latin-1"),
        b'{"id": 1}\n{"id": 2}\n',
        b'// by hand\n{"id": 1}',
        b'[{"id": 1}]',
        b'{"files": {"a.png": "brick"}}',
        b'{"model": "m", "files": {}, "raster": {}}',
    ],
)
def test_a_json_that_no_run_over_pictures_wrote_stays(
    parser: Parser, pictures: Path, out: Path, content: bytes
) -> None:
    out.mkdir()
    (out / "a.json").write_bytes(content)
    for done in (3, 0):
        summary = predict_pictures(parser, [pictures], out, progress=False)
        assert (summary.done, summary.failed) == (done, 1)
        reason = summary.failures[0].reason
        assert reason.startswith(f"{pictures / 'a.png'}: its parse would overwrite {out / 'a.json'}, which no")
        assert (out / "a.json").read_bytes() == content and not (out / "a.png").exists()


def test_an_overlay_that_stays_keeps_its_legend_in_the_json(pictures: Path, out: Path) -> None:
    parser = parser_of()  # which has panels to draw as well

    def drawn(**options: Any) -> tuple[int, tuple[int, int] | None]:
        done = predict_pictures(parser, [pictures / "a.png"], out, progress=False, **options).done
        overlay = out / "a_overlay.jpg"
        return done, Image.open(overlay).size if overlay.exists() else None

    with_legend, without = drawn()[1], drawn(legend="none")[1]
    assert with_legend != without
    assert drawn(write=["labels"], again=True) == (1, without)
    assert drawn() == (1, with_legend)
    drawn(legend="none")
    assert drawn(write=["panels"], again=True) == (1, None)
    assert drawn() == (1, with_legend)


@pytest.mark.parametrize("content", [b"", bytes(512), b"{}"])
def test_a_json_that_says_nothing_is_replaced(parser: Parser, pictures: Path, out: Path, content: bytes) -> None:
    out.mkdir()
    (out / "a.json").write_bytes(content)
    assert predict_pictures(parser, [pictures], out, progress=False).done == 4
    assert json.loads((out / "a.json").read_bytes())["files"]


def test_a_picture_s_mask_beside_it_stays_whatever_was_written_there_before(parser: Parser, pictures: Path) -> None:
    named = []
    for name in ("a", "b"):
        Image.open(pictures / f"{name}.png").convert("RGB").save(pictures / f"{name}.jpg")
        named.append(pictures / f"{name}.jpg")
    (pictures / "b.png").unlink()
    mask = (pictures / "a.png").read_bytes()
    for _ in range(2):
        summary = predict_pictures(parser, named, pictures, progress=False)
        assert summary.done + summary.skipped == 1 and (pictures / "b.png").is_file()
        assert f"would overwrite {pictures / 'a.png'}, which no earlier parse" in summary.failures[0].reason
        assert (pictures / "a.png").read_bytes() == mask


def test_masks_in_a_folder_without_any_run_stay(parser: Parser, pictures: Path, out: Path) -> None:
    out.mkdir()
    Image.fromarray(np.ones((6, 8), np.uint8)).save(out / "a.png")
    mask = (out / "a.png").read_bytes()
    for _ in range(2):
        assert predict_pictures(parser, [pictures], out, progress=False).failed == 1
        assert (out / "a.png").read_bytes() == mask
    assert tree(out) == ["a.png", *outputs("b", "c", "below/d")]


def test_what_a_run_left_that_was_killed_is_its_own(parser: Parser, pictures: Path, out: Path) -> None:
    place = place_of_picture(out, "a", ["labels", "overlay"], "a.png", pictures / "a.png")
    context = replacing(place, {})
    context.__enter__()  # and never leave it
    (out / "a.png").write_bytes(b"whole")
    assert predict_pictures(parser, [pictures], out, progress=False).done == 4
    assert tree(out) == outputs("a", "b", "c", "below/d") and not list(out.rglob(".*"))


def test_files_of_another_model_go_and_those_of_the_same_stay(
    make_parser: Callable[..., Parser], pictures: Path, out: Path
) -> None:
    parser = make_parser()
    predict_pictures(parser, [pictures / "a.png"], out, progress=False)
    predict_pictures(parser, [pictures / "a.png"], out, again=True, write=["labels", "geojson"], progress=False)
    assert tree(out) == ["a.geojson", "a.json", "a.png", "a_overlay.jpg", "summary.json"]
    assert json.loads((out / "a.json").read_text())["files"]["overlay"] == "a_overlay.jpg"
    assert predict_pictures(parser, [pictures / "a.png"], out, progress=False).skipped == 1
    predict_pictures(make_parser(name="other"), [pictures / "a.png"], out, write=["labels"], progress=False)
    assert tree(out) == ["a.json", "a.png", "summary.json"]


def test_a_json_that_names_files_elsewhere_leads_to_none(parser: Parser, pictures: Path, out: Path) -> None:
    out.mkdir()
    keep = out.parent / "keep.txt"
    keep.touch()
    (out / "a.json").write_text(json.dumps({"model": "m", "files": {"labels": "../keep.txt", "overlay": str(keep)}}))
    assert predict_pictures(parser, [pictures / "a.png"], out, progress=False).done == 1
    assert keep.is_file()


def test_a_folder_of_somebody_s_frames_is_not_taken_for_label_frames(parser: Parser, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="av is not installed (extra video)")
    from tests.support.clips import write_clip
    from tests.support.video_runs import run

    clip, truth = write_clip(tmp_path / "clip.mp4"), tmp_path / "out" / "clip_labels" / "000000.png"
    truth.parent.mkdir(parents=True)
    truth.write_bytes(b"truth")
    for _ in range(2):
        (failure,) = run(parser, clip, tmp_path / "out", label_frames=True).failures
        assert f"would overwrite {truth.parent}, which no earlier parse of this video left" in failure.reason
        assert truth.read_bytes() == b"truth"
        assert run(parser, clip, tmp_path / "out").failed == 0, "no label frames are asked for"


def test_a_truth_beside_a_raster_stays(parser: Parser, tmp_path: Path) -> None:
    pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")
    from sceneparse.parsing.runs.raster import predict_rasters, split_rasters
    from tests.support.rasters import values, write_raster

    scene = write_raster(tmp_path / "scene.tif", values(3, (40, 48)))
    truth = write_raster(tmp_path / "scene_labels.tif", values(1, (40, 48)))
    before = truth.read_bytes()
    for _ in range(2):
        for given in ([scene], [scene, truth]):
            sources, _ = split_rasters([str(path) for path in given], tmp_path)
            summary = predict_rasters(parser, sources, tmp_path, progress=False)
            assert f"would overwrite {'the raster ' * (len(given) == 2)}{truth}" in summary.failures[0].reason
            assert truth.read_bytes() == before and not (tmp_path / "scene_raster.json").exists()


def test_a_picture_called_like_a_raster_s_json_is_refused_before_anything_is_parsed(
    parser: Parser, pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rasterio", reason="rasterio is not installed (extra geo)")
    from tests.support.rasters import values, write_raster

    monkeypatch.setattr("sceneparse.parsing.loading.load", lambda *_, **__: parser)
    monkeypatch.setattr("sceneparse.cli.predicting.refuse_missing_model", lambda *_, **__: None)
    scene = write_raster(pictures / "x.tif", values(3, (40, 48)))
    (pictures / "a.png").rename(pictures / "x_raster.png")
    assert main(["predict", "m", str(pictures), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert f"x_raster.png: its parse and the JSON of {scene} would both be written to x_raster.json" in said
    assert not out.exists()


def test_a_folder_of_volumes_and_a_picture_among_the_inputs_keep_apart(
    parser: Parser, pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed (extra medical)")
    monkeypatch.setattr("sceneparse.parsing.loading.load", lambda *_, **__: parser)
    monkeypatch.setattr("sceneparse.cli.predicting.refuse_missing_model", lambda *_, **__: None)
    cases = out.parent / "cases"
    cases.mkdir()
    voxels = np.random.default_rng(0).integers(0, 900, (8, 6, 2, 3)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), cases / "ct.nii.gz")
    picture = (pictures / "a.png").rename(pictures / "ct_montage.png")
    command, rest = ["predict", "m", str(cases)], ["--out", str(cases / "parsed")]
    assert main([*command, str(picture), *rest]) == 2
    assert "its parse and the montage of" in capsys.readouterr().err and not (cases / "parsed").exists()
    for said in ("volumes: 1 parsed", "volumes: 0 parsed, 1 already done"):
        assert main([*command, str(pictures / "b.png"), *rest]) == 0
        shown = capsys.readouterr().err
        assert said in shown and "left out" not in shown
    assert tree(cases / "parsed") == [
        *("b.json", "b.png", "b_overlay.jpg", "ct.nii.gz", "ct_montage.png", "ct_volume.json"),
        *("summary.json", "volumes-summary.json"),
    ]


def test_what_an_earlier_run_wrote_is_no_picture_of_a_later_one(parser: Parser, pictures: Path, out: Path) -> None:
    write = ["labels", "overlay", "confidence"]
    before = tree(pictures)
    # Beside the pictures, and in a folder among them.
    assert predict_pictures(parser, [pictures / "a.png"], pictures, progress=False, write=["overlay"]).done == 1
    assert predict_pictures(parser, [pictures], pictures / "earlier", progress=False, write=write).done == len(before)
    summary = predict_pictures(parser, [pictures], out, progress=False)
    assert (summary.done, summary.failed) == (len(before), 0)
    # One that is named is what somebody wants.
    named = pictures / "earlier" / "a_overlay.jpg"
    assert predict_pictures(parser, [named], out, progress=False).done == 1
    # Without its JSON nobody knows what it is.
    (pictures / "a.json").unlink()
    assert predict_pictures(parser, [pictures], out / "again", progress=False).done == len(before) + 1


def test_somebody_s_file_in_the_summary_s_place_stays(parser: Parser, pictures: Path, out: Path) -> None:
    out.mkdir()
    for content in ('{"my": "own"}', "notes of mine", "[1]"):
        (out / "summary.json").write_text(content)
        with pytest.raises(UserError, match=r"summary\.json: the summary of this run would overwrite it"):
            predict_pictures(parser, [pictures], out, progress=False)
        assert [path.name for path in out.iterdir()] == ["summary.json"]
        assert (out / "summary.json").read_text() == content
    (out / "summary.json").write_bytes(bytes(64))  # of a run that the power ended
    for _ in range(2):
        predict_pictures(parser, [pictures], out, progress=False)
    assert json.loads((out / "summary.json").read_text())["skipped"] == 4


def test_somebody_s_file_beside_a_parse_of_that_name_stays(parser: Parser, pictures: Path, out: Path) -> None:
    predict_pictures(parser, [pictures / "a.png"], out, progress=False, write=["labels"])
    (out / "a_overlay.jpg").write_bytes(b"painted")
    for _ in range(2):
        summary = predict_pictures(parser, [pictures / "a.png"], out, progress=False)
        assert f"would overwrite {out / 'a_overlay.jpg'}, which no earlier parse" in summary.failures[0].reason
        assert (out / "a_overlay.jpg").read_bytes() == b"painted"
    assert predict_pictures(parser, [pictures / "a.png"], out, progress=False, write=["labels"]).skipped == 1
    (out / "a_overlay.jpg").unlink()
    for _ in range(2):  # its own it may replace
        assert predict_pictures(parser, [pictures / "a.png"], out, progress=False, again=True).done == 1
    assert tree(out) == outputs("a")


def test_what_a_killed_run_left_is_its_own_whatever_a_later_one_writes(
    parser: Parser, pictures: Path, out: Path
) -> None:
    context = replacing(place_of_picture(out, "a", ["labels", "overlay"], "a.png", pictures / "a.png"), {})
    context.__enter__()  # and never leave it
    (out / "a_overlay.jpg").write_bytes(b"half")
    assert predict_pictures(parser, [pictures / "a.png"], out, progress=False, write=["labels"]).done == 1
    assert predict_pictures(parser, [pictures / "a.png"], out, progress=False).done == 1
    assert tree(out) == outputs("a")
