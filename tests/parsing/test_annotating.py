"""Annotations of what a run left: the same however the run went, whole, and never over somebody's corrections."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.datasets.forms.table import FORMS
from sceneparse.doctor import check
from sceneparse.drawing.legend import read_id_image
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parse, Parser, predict_pictures
from sceneparse.parsing.annotating import write_annotations
from sceneparse.settings import DataSettings, Temperatures


def content(folder: Path) -> dict[str, bytes]:
    """All files of a folder but the account of their times."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".written.json"
    }


@pytest.fixture
def command(parser: Parser, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`sceneparse predict` of the pictures with the fixture's model."""
    monkeypatch.setattr("sceneparse.parsing.loading.load", lambda *_, **__: parser)
    monkeypatch.setattr("sceneparse.cli.predicting.refuse_missing_model", lambda *_, **__: None)
    return lambda *words: main(["predict", "m", str(pictures), "--out", str(tmp_path / "out"), *words])


def test_a_run_that_was_stopped_and_went_on_gives_the_same_in_every_form(
    parser: Parser, pictures: Path, tmp_path: Path
) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    predict_pictures(parser, [pictures], whole, progress=False)
    predict_pictures(parser, [pictures / "below"], halves / "below", progress=False)
    (halves / "a.json").write_text("{}")  # of a run that did not come to its end
    predict_pictures(parser, [pictures], halves, progress=False)
    for form in FORMS:
        one, two = (write_annotations(parser, out, form, progress=False) for out in (whole, halves))
        assert one == whole / form and content(one) == content(two), form
        assert write_annotations(parser, whole, form, progress=False) == one and content(one) == content(two)
    assert not list(whole.glob(".*")) and not list(halves.glob(".*"))


def test_the_command_writes_several_forms_of_names_below_the_folder(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--as", "coco", "--as", "csv") == 0
    out = tmp_path / "out"
    assert capsys.readouterr().out.splitlines() == [f"coco: {out / 'coco'}", f"csv: {out / 'csv'}"]
    images = json.loads((out / "coco" / "annotations.json").read_text())["images"]
    assert [image["file_name"] for image in images] == ["a.png", "b.png", "below/d.png", "c.png"]


def test_no_two_pictures_share_a_file_s_name(parser: Parser, tmp_path: Path) -> None:
    one, two, out = tmp_path / "one", tmp_path / "two", tmp_path / "out"
    for path in (one / "a.jpg", one / "a.png", two / "a.jpg"):
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    predict_pictures(parser, [one, two], out, progress=False)
    files = ["a-2.jpg", "a.jpg", "a.png"]
    coco = json.loads((write_annotations(parser, out, "coco", progress=False) / "annotations.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == files
    rows = (write_annotations(parser, out, "csv", progress=False) / "shares.csv").read_text().splitlines()[1:]
    assert [row.partition(",")[0] for row in rows] == files
    tasks = json.loads((write_annotations(parser, out, "label_studio", progress=False) / "tasks.json").read_text())
    assert [task["data"]["image"].rpartition("=")[2] for task in tasks] == files
    # A second run into the same folder, which knows nothing of the first one's names.
    predict_pictures(parser, [one], tmp_path / "again", progress=False)
    predict_pictures(parser, [two], tmp_path / "again", progress=False)
    for form in ("coco", "coco_polygons", "csv", "label_studio"):
        with pytest.raises(UserError, match=r"two/a\.jpg and .*one/a\.jpg would both be called a\.jpg: rename one"):
            write_annotations(parser, tmp_path / "again", form, progress=False)
        assert not (tmp_path / "again" / form).exists()


def test_a_picture_called_summary_keeps_its_name(parser: Parser, pictures: Path, tmp_path: Path) -> None:
    (pictures / "a.png").rename(pictures / "summary.png")
    predict_pictures(parser, [pictures], tmp_path / "out", progress=False)
    folder = write_annotations(parser, tmp_path / "out", "csv", progress=False)
    files = [line.split(",")[0] for line in (folder / "shares.csv").read_text().splitlines()[1:]]
    assert files == ["b.png", "below/d.png", "c.png", "summary.png"]


def test_a_label_map_that_is_gone_is_named(parser: Parser, pictures: Path, tmp_path: Path) -> None:
    predict_pictures(parser, [pictures], tmp_path / "out", progress=False)
    (tmp_path / "out" / "b.png").unlink()
    with pytest.raises(UserError, match=r"form='coco': .*b\.png: cannot be read \(No such file or directory\)"):
        write_annotations(parser, tmp_path / "out", "coco", progress=False)


def test_label_maps_hold_ids_where_the_masks_of_the_training_held_colours(
    parser: Parser, pictures: Path, tmp_path: Path
) -> None:
    def written(name: str, labels: LabelSpace) -> dict[str, bytes]:
        parser.labels = labels
        predict_pictures(parser, [pictures], tmp_path / name, progress=False, ignore_below=0.9)
        kept = {}
        for form in FORMS:
            folder = write_annotations(parser, tmp_path / name, form, ignore_below=0.9, progress=False)
            kept.update({f"{form}/{path}": held for path, held in content(folder).items()})
        return kept

    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[:, :3, 0], pixels[:, 3:, 1] = 200, 20
    Image.fromarray(pixels).save(pictures / "a.png")
    ids, colors = parser.labels, replace(parser.labels, masks="rgb", ignore_colors=((0, 0, 0),))
    assert written("colors", colors) == written("ids", ids)
    labels = parser(pictures / "a.png").ignoring_below(0.9).labels
    assert np.unique(labels).tolist() == [-1, 0], "there are pixels without a class too"
    np.testing.assert_array_equal(read_id_image(tmp_path / "colors" / "a.png", colors), labels)


def test_a_label_map_that_was_saved_in_colours_is_named(parser: Parser, pictures: Path, tmp_path: Path) -> None:
    predict_pictures(parser, [pictures], tmp_path / "out", progress=False)
    path = tmp_path / "out" / "b.png"
    Image.open(path).convert("RGB").save(path)
    with pytest.raises(UserError, match=r"form='coco': .*b\.png: has colours now where a label map has ids; delete it"):
        write_annotations(parser, tmp_path / "out", "coco", progress=False)


def test_corrections_are_never_written_over(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--as", "labelme") == 0
    path = tmp_path / "out" / "labelme" / "a.json"
    path.write_text(path.read_text().replace('"description": ""', '"description": "mine"'))
    assert command("--as", "labelme", "--again") == 2
    assert f"{path}: was changed or put there since labelme was written" in capsys.readouterr().err
    assert "mine" in path.read_text()
    (tmp_path / "out" / "csv").mkdir()
    (tmp_path / "out" / "csv" / "theirs.txt").touch()
    assert command("--as", "csv") == 2


def test_a_form_that_cannot_be_written_leaves_nothing(parser: Parser, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict_pictures(parser, [pictures], out, progress=False)
    (pictures / "c.png").unlink()
    before = content(out)
    with pytest.raises(UserError, match=r"form='folder': .*c\.png: no such file now"):
        write_annotations(parser, out, "folder", progress=False)
    assert content(out) == before and not (out / "folder").exists() and not list(out.glob(".*"))


def test_pictures_in_a_folder_called_like_the_form_are_refused_before_they_are_parsed(
    command: Callable[..., int], pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "below").rename(pictures / "coco")
    assert command("--as", "coco") == 2
    assert "where the parses of the pictures in 'coco' are" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_pictures_that_share_a_mask_s_name_are_refused_before_they_are_parsed(
    command: Callable[..., int], pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.open(pictures / "a.png").convert("RGB").save(pictures / "a.jpg")
    assert command("--as", "labelme", "--as", "cvat") == 2
    said = capsys.readouterr().err
    assert "--as cvat: " in said and "a.png would both have the mask a.png" in said and not (tmp_path / "out").exists()


def test_names_that_the_disk_cannot_tell_apart_are_refused_before_they_are_parsed(
    parser: Parser, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.open(pictures / "a.png").save(pictures / "A.jpg")
    monkeypatch.setattr("sceneparse.paths.folds_case", lambda _: True)
    with pytest.raises(UserError, match="'A' and 'a' differ in case alone"):
        predict_pictures(parser, [pictures], tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_what_another_model_left_is_passed_over(parser: Parser, pictures: Path, tmp_path: Path) -> None:
    predict_pictures(parser, [pictures], tmp_path / "out", progress=False)
    mark = tmp_path / "out" / "a.json"
    mark.write_text(mark.read_text().replace(parser.fingerprint, "another"))
    folder = write_annotations(parser, tmp_path / "out", "csv", progress=False)
    assert "a.png" not in (folder / "shares.csv").read_text()
    with pytest.raises(UserError, match="no label map of this model"):
        write_annotations(parser, tmp_path, "csv", ignore_below=0.5, progress=False)


def test_names_that_no_form_has_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "m", "x.jpg", "--out", "o", "--as", "cocoa"]) == 2
    said = capsys.readouterr().err
    assert "--as is 'cocoa', but must be one of coco, coco_polygons, cvat, " in said and "did you mean 'coco'?" in said


class TestIgnoringBelow:
    """Pseudo-labels: what is not sure has no class, wherever it is written."""

    @pytest.fixture
    def pictures(self, tmp_path: Path) -> Path:
        """Six pictures, red and green, that fade to the right: the network grows less sure."""
        folder = tmp_path / "pictures"
        folder.mkdir()
        for index in range(6):
            pixels = np.zeros((6, 64, 3), np.uint8)
            pixels[:3, :, 0] = pixels[3:, :, 1] = np.linspace(250 - index, 0, 64)
            Image.fromarray(pixels).save(folder / f"{index}.png")
        return folder

    def test_label_map_json_and_shares_leave_out_what_is_less_sure(
        self, parser: Parser, pictures: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        usual = parser(pictures / "0.png")
        unsure = usual.confidence < 0.9
        assert 0.1 < unsure.mean() < 0.9
        predict_pictures(parser, [pictures], out, progress=False, ignore_below=0.9)
        labels, unknown = parser.labels.decode(np.array(Image.open(out / "0.png")))
        np.testing.assert_array_equal(labels, np.where(unsure, -1, usual.labels))
        assert unknown == {"255": unsure.sum()}
        said = json.loads((out / "0.json").read_text())
        assert said["ignore_below"] == 0.9
        assert said["unlabelled"] == {"value": 255, "pixels": unsure.sum()}
        assert sum(entry["pixels"] for entry in said["classes"]) == (~unsure).sum()

    @pytest.mark.parametrize(("crf", "calibrated", "said"), [(True, True, 1), (True, False, 0), (False, True, 0)])
    def test_that_a_crf_knows_no_temperature_is_said_once(
        self,
        crf: bool,
        calibrated: bool,
        said: int,
        parser: Parser,
        pictures: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        tested = parser.with_protocol(replace(parser.config.protocol, crf=crf))
        temperatures = Temperatures(object=2.0 if calibrated else None)
        tested.config = replace(tested.config, temperatures=temperatures)
        predict_pictures(tested, [pictures], tmp_path / "out", progress=False)
        assert "temperatures" not in capsys.readouterr().err, "all pixels have a class"
        predict_pictures(tested, [pictures], tmp_path / "out", progress=False, ignore_below=0.9)
        assert " ".join(capsys.readouterr().err.split()).count("the model's temperatures don't act on them") == said

    def test_a_picture_is_done_under_its_threshold_alone(self, parser: Parser, pictures: Path, tmp_path: Path) -> None:
        def run(threshold: float | None) -> tuple[int, int]:
            summary = predict_pictures(parser, [pictures], tmp_path / "out", progress=False, ignore_below=threshold)
            return summary.done, summary.skipped

        assert [run(one) for one in (0.9, 0.9, 0.8, None, None)] == [(6, 0), (0, 6), (6, 0), (6, 0), (0, 6)]

    def test_the_folder_is_ready_to_train_on(self, command: Callable[..., int], pictures: Path, tmp_path: Path) -> None:
        for index in range(6, 11):  # the third class, so that all occur
            pixels = np.zeros((6, 64, 3), np.uint8)
            pixels[:2, :, 2] = pixels[2:4, :, 1] = pixels[4:, :, 0] = 250 - index
            Image.fromarray(pixels).save(pictures / f"{index}.png")
        assert command("--ignore-below", "0.9", "--as", "folder") == 0
        folder = tmp_path / "out" / "folder"
        diagnosis = check(DataSettings(root=str(folder)), progress=False)
        assert diagnosis.ok, diagnosis.to_json()
        assert json.loads((folder / "classes.json").read_text())["ignore"] == [255]
        assert (folder / "val/images/0.png").samefile(pictures / "0.png")

    def test_nothing_may_be_sure_enough(self, parser: Parser, pictures: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        write = ["labels", "overlay", "geojson", "confidence"]
        predict_pictures(parser, [pictures / "0.png"], out, progress=False, ignore_below=1, write=write)
        assert (np.array(Image.open(out / "0.png")) == 255).any()
        assert json.loads((out / "summary.json").read_text())["done"] == 1

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--ignore-below", "0"], "--ignore-below is 0, but must be a probability above 0 and at most 1"),
            (["--ignore-below", "1.5"], "--ignore-below is 1.5, but must be"),
            (["clip.mp4", "--ignore-below", "0.9"], "--ignore-below is for pictures, and there are videos"),
            (["ct.nii.gz", "--ignore-below", "0.9"], "--ignore-below is for pictures, and there are volumes"),
        ],
    )
    def test_what_does_not_go_is_refused(
        self, words: list[str], message: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("clip.mp4", "ct.nii.gz"):
            (tmp_path / name).touch()
        given = [str(tmp_path / word) if (tmp_path / word).is_file() else word for word in words]
        assert main(["predict", "no-model", str(pictures), *given, "--out", str(tmp_path / "out")]) == 2
        assert message in capsys.readouterr().err

    def test_annotations_of_videos_alone_are_refused_before_these_are_parsed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "clip.mp4").touch()
        assert (
            main(["predict", "no-model", str(tmp_path / "clip.mp4"), "--out", str(tmp_path / "o"), "--as", "coco"]) == 2
        )
        assert "--as coco is for pictures, and there are none among the inputs" in capsys.readouterr().err

    def test_the_other_tasks_go_by_their_own_confidence_and_parts_with_their_object(self, unified: Any) -> None:
        parse: Parse = unified(np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8))
        assert parse.task_parse is not None
        threshold = float(np.median(parse.confidence))
        kept = parse.ignoring_below(threshold)
        others = kept.task_parse
        assert others is not None
        for name, before in parse.task_parse.maps().items():
            after = others.maps()[name]
            gone = before.confidence < threshold
            if name == "parts":
                gone = gone | (kept.labels == -1)
            np.testing.assert_array_equal(after.labels, np.where(gone, -1, before.labels))
        assert kept.to_json()["unlabelled"]["pixels"] == (kept.labels == -1).sum() > 0


@pytest.fixture
def unified() -> Parser:
    from sceneparse.inference import Opened, TorchEngine
    from tests.support.unified import unified_model

    model = unified_model()
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    return Parser(Opened(engine, model.config, model.labels, "f", None, model.tasks))


def test_pixels_without_a_class_have_the_value_that_a_label_map_holds() -> None:
    for space in (
        LabelSpace(("a", "b")),
        LabelSpace(("a",), ids=(255,)),
        LabelSpace(("a", "b"), ignore=(7, 9)),
        LabelSpace(tuple(map(str, range(256)))),
        LabelSpace(("a",), ids=(300,)),
    ):
        assert space.encode(np.array([[-1]])).item() == space.unlabelled
