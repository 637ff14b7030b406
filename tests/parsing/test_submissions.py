"""Results for a benchmark's server: its values, its names, nothing else in the folder, in step with the rest."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sceneparse.parsing
from sceneparse.cli import main
from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError
from sceneparse.parsing import Parser, predict_pictures
from sceneparse.parsing.submissions import submission_form, write_submissions


@pytest.fixture
def ours(parser: Parser, monkeypatch: pytest.MonkeyPatch) -> Parser:
    """A parser whose classes are the benchmark's, under other values."""
    labels = replace(parser.labels, ids=(11, 22, 33), ignore=(0,))
    form = replace(submission_form("cityscapes"), labels=labels)
    monkeypatch.setitem(KINDS._loaded, "cityscapes", replace(KINDS["cityscapes"], submission=form))
    return parser


@pytest.fixture
def streets(tmp_path: Path) -> Path:
    """Two cities' pictures, red on the left and green on the right."""
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[:, :4, 0] = pixels[:, 4:, 1] = 200
    for city in ("berlin", "munich"):
        (tmp_path / "test" / city).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "test" / city / f"{city}_000000_000019_leftImg8bit.png")
    return tmp_path / "test"


def test_each_picture_has_a_file_with_the_servers_values_and_name(ours: Parser, streets: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict_pictures(ours, [streets], out, progress=False)
    folder = write_submissions(ours, out, "cityscapes", progress=False)
    assert folder == out / "cityscapes"
    assert sorted(path.name for path in folder.rglob("*")) == ["berlin_000000_000019.png", "munich_000000_000019.png"]
    with Image.open(folder / "berlin_000000_000019.png") as image:
        assert image.mode == "L"
        assert np.array(image).tolist() == [[11] * 4 + [22] * 4] * 6
    with Image.open(out / "berlin" / "berlin_000000_000019_leftImg8bit.png") as image:
        assert np.array(image).tolist() == [[7] * 4 + [0] * 4] * 6, "the usual label map has the model's own values"


def test_a_model_that_learnt_from_masks_of_colours_writes_the_same(ours: Parser, streets: Path, tmp_path: Path) -> None:
    written = []
    for out, labels in (
        (tmp_path / "ids", ours.labels),
        (tmp_path / "colors", replace(ours.labels, masks="rgb", ignore_colors=((0, 0, 0),))),
    ):
        ours.labels = labels
        predict_pictures(ours, [streets], out, progress=False)
        folder = write_submissions(ours, out, "cityscapes", progress=False)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1] and len(written[0]) == 2


def test_what_another_model_left_is_passed_over(ours: Parser, streets: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict_pictures(ours, [streets], out, progress=False)
    mark = out / "munich" / "munich_000000_000019_leftImg8bit.json"
    mark.write_text(mark.read_text().replace(ours.fingerprint, "another"))
    folder = write_submissions(ours, out, "cityscapes", progress=False)
    assert [path.name for path in folder.iterdir()] == ["berlin_000000_000019.png"]
    with pytest.raises(UserError, match="nothing: no label map of this model"):
        write_submissions(ours, tmp_path / "nothing", "cityscapes", progress=False)


def test_pictures_of_one_name_are_refused_before_anything_is_written(
    ours: Parser, streets: Path, tmp_path: Path
) -> None:
    picture = next((streets / "berlin").iterdir())
    (streets / "munich" / picture.name).write_bytes(picture.read_bytes())
    out = tmp_path / "out"
    predict_pictures(ours, [streets], out, progress=False)
    with pytest.raises(UserError, match=r"would both be cityscapes/berlin_000000_000019\.png"):
        write_submissions(ours, out, "cityscapes", progress=False)
    assert not (out / "cityscapes").exists()


def test_parsing_knows_of_data_sets_only_what_their_kinds_say() -> None:
    room = Path(str(sceneparse.parsing.__file__)).parent
    text = "\n".join(path.read_text() for path in room.rglob("*.py"))
    assert set(re.findall(r"(?:from|import) sceneparse\.datasets\.(\w+)", text)) == {"forms", "kinds", "submission"}
    assert not re.search(r"(?:from|import) sceneparse\.data\b", text)


def test_a_model_of_other_classes_is_refused(parser: Parser, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"names 3 classes \(brick, .*cityscapes take its own 19 \(road, "):
        write_submissions(parser, tmp_path, "cityscapes", progress=False)


def test_vocs_results_lie_in_the_devkits_tree_with_its_palette(tmp_path: Path) -> None:
    form = submission_form("voc2012")
    form.write(tmp_path, "2008_000006", np.array([[0, 20]], dtype=np.int16))
    with Image.open(tmp_path / "results/VOC2012/Segmentation/comp6_test_cls/2008_000006.png") as image:
        assert image.mode == "P" and np.array(image).tolist() == [[0, 20]]
        assert image.convert("RGB").getpixel((1, 0)) == (0, 64, 128)


def test_cityscapes_results_are_label_ids(tmp_path: Path) -> None:
    form = submission_form("cityscapes")
    form.write(tmp_path, "berlin/berlin_000000_000019_leftImg8bit", np.array([[0, 18, -1]], dtype=np.int16))
    with Image.open(tmp_path / "cityscapes" / "berlin_000000_000019.png") as image:
        assert np.array(image).tolist() == [[7, 33, 0]]


def test_the_command_offers_the_forms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "m", "x.jpg", "--out", "o", "--as", "ade20k"]) == 2
    said = capsys.readouterr().err
    assert "no server takes results of 'ade20k'; there are forms for: voc2012, cityscapes" in said
