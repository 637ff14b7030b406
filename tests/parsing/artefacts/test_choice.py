"""Which artefacts a run writes, also those of other packages."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.parsing import Parse, Parser, predict_pictures
from sceneparse.parsing.artefacts.artefact import Artefact
from sceneparse.parsing.artefacts.choice import picture_artefacts
from sceneparse.tasks import Task
from tests.support.outside import install

PACKAGE = """
import json

from sceneparse.errors import UserError
from sceneparse.parsing.artefacts.artefact import Artefact


def centre(parse):
    if parse.size[0] < 6:
        raise UserError("it is too small to have a centre")
    height, width = parse.size
    return json.dumps({"class": parse.space.names[int(parse.labels[height // 2, width // 2])]})


CENTRE = Artefact("class of the centre", "_centre.json", centre)
SAME = Artefact("another overlay", "_overlay.jpg", lambda parse: parse.overlay())
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package that adds two artefacts."""
    entries = {"centre": "CENTRE", "same": "SAME"}
    install(tmp_path / "site", monkeypatch, package="centres", group="artefacts", entries=entries, code=PACKAGE)
    yield
    sys.modules.pop("centres", None)


def files(out: Path) -> set[str]:
    return {path.name for path in out.iterdir()}


def test_the_table_is_there_without_torch() -> None:
    program = "import sys; from sceneparse.parsing.artefacts.table import ARTEFACTS; list(ARTEFACTS.items())"
    subprocess.run(
        [sys.executable, "-c", f"{program}; assert not {{'torch', 'PIL', 'numpy'}} & set(sys.modules)"], check=True
    )


class TestOfAnotherPackage:
    @pytest.mark.usefixtures("package")
    def test_it_is_written_beside_the_json_and_named_in_it(
        self, parser: Parser, pictures: Path, tmp_path: Path
    ) -> None:
        summary = predict_pictures(parser, [pictures / "a.png"], tmp_path / "out", write=["centre"], progress=False)
        assert summary.done == 1
        assert files(tmp_path / "out") == {"a_centre.json", "a.json", "summary.json"}
        assert json.loads((tmp_path / "out" / "a_centre.json").read_text()) == {"class": "grass"}
        assert json.loads((tmp_path / "out" / "a.json").read_text())["files"] == {"centre": "a_centre.json"}

    @pytest.mark.usefixtures("package")
    def test_a_run_goes_on_by_it(self, parser: Parser, pictures: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        assert predict_pictures(parser, [pictures], out, progress=False).done == 4
        both = ["centre", "labels"]
        assert predict_pictures(parser, [pictures], out, write=both, progress=False).done == 4
        (out / "b_centre.json").unlink()
        summary = predict_pictures(parser, [pictures], out, write=both, progress=False)
        assert (summary.done, summary.skipped) == (1, 3)

    @pytest.mark.usefixtures("package")
    def test_a_picture_of_which_it_cannot_be_made_is_left_out(
        self, parser: Parser, pictures: Path, tmp_path: Path
    ) -> None:
        Image.fromarray(np.full((3, 9, 3), 90, np.uint8)).save(pictures / "e.png")
        summary = predict_pictures(parser, [pictures], tmp_path / "out", write=["centre"], progress=False)
        assert (summary.done, summary.failed) == (4, 1)
        assert summary.failures[0].reason == (
            f"{pictures / 'e.png'}: class of the centre: it is too small to have a centre"
        )
        assert not (tmp_path / "out" / "e.json").exists()

    @pytest.mark.usefixtures("package")
    def test_two_of_one_file_are_refused(self, parser: Parser, pictures: Path, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"write=\['overlay', 'same'\]: both would be .* PICTURE_overlay\.jpg"):
            predict_pictures(parser, [pictures], tmp_path / "out", write=["same", "overlay"], progress=False)

    @pytest.mark.usefixtures("package")
    def test_the_command_line_knows_it(
        self, parser: Parser, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sceneparse.parsing.loading.load", lambda *_, **__: parser)
        monkeypatch.setattr("sceneparse.cli.predicting.refuse_missing_model", lambda *_, **__: None)
        out = tmp_path / "out"
        arguments = ["predict", "model", str(pictures / "a.png"), "--out", str(out), "--write", "centre", "overlay"]
        assert main(arguments) == 0
        assert files(out) == {"a_centre.json", "a_overlay.jpg", "a.json", "summary.json"}


class TestCommandLine:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--write", "timeline"], "--write timeline: is written for videos, and there are none among the inputs"),
            (["--write", "labels", "--no-overlay"], "--write says what is written: leave --no-overlay out"),
            (["--write", "overlay", "--as", "voc2012"], "--as voc2012 needs label maps: add labels to --write"),
        ],
    )
    def test_what_does_not_go_together_is_refused_before_the_model_is_loaded(
        self, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
    ) -> None:
        assert main(["predict", "no-model", str(pictures), "--out", str(tmp_path / "out"), *arguments]) == 2
        assert message in capsys.readouterr().err


class TestChoice:
    def test_by_default_each_parse_has_what_its_tasks_give(self) -> None:
        assert picture_artefacts((), model="m") == ("labels", "overlay")
        assert picture_artefacts((), overlay=False, model="m") == ("labels",)
        assert picture_artefacts((Task.SCENE, Task.PART), model="m") == ("labels", "parts", "overlay", "panels")

    @pytest.mark.parametrize(
        ("write", "message"),
        [
            (["polygon"], "write is 'polygon', but must be one of labels, parts, "),
            (
                ["shapefile"],
                "write is 'shapefile', but must be one of labels, parts, materials, textures, overlay, panels, "
                "confidence, confidence16, geojson; if another package",
            ),
            (["parts"], "write=['parts']: model 'm' has none; it has labels, overlay"),
            (["montage"], "write=['montage']: is written for volumes, and there are none among the inputs"),
        ],
    )
    def test_what_there_is_not_is_refused(self, write: list[str], message: str) -> None:
        with pytest.raises(UserError) as caught:
            picture_artefacts((), write, model="m")
        assert str(caught.value).startswith(message)

    @pytest.mark.parametrize("form", ["coco", "cityscapes"])
    def test_forms_and_artefacts_are_told_apart(self, form: str, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["predict", "m", "x.jpg", "--out", "o"]
        assert main([*words, "--write", form]) == 2
        said = capsys.readouterr().err
        assert f"--write is '{form}'" in said and f"'{form}' is made of label maps: --as {form}" in said
        assert main([*words, "--as", "geojson"]) == 2
        assert "'geojson' is written of each picture: --write geojson" in capsys.readouterr().err

    def test_only_one_way_to_choose_is_taken(self) -> None:
        with pytest.raises(UserError, match="leave overlay=False out"):
            picture_artefacts((), ["labels"], overlay=False, model="m")

    def test_a_parse_saves_what_is_chosen(self, make_parser: Callable[..., Parser], tmp_path: Path) -> None:
        parse: Parse = make_parser()(np.zeros((6, 8, 3), np.uint8))
        parse.save(tmp_path, "a", write=["overlay"])
        assert files(tmp_path) == {"a.json", "a_overlay.jpg"}


class TestArtefact:
    @pytest.mark.parametrize("suffix", [".json", "/a.png", "\\a.png"])
    def test_suffixes_that_lead_elsewhere_are_refused(self, suffix: str) -> None:
        with pytest.raises(UserError, match="cannot follow a picture's name"):
            Artefact("a", suffix, lambda _: "")

    def test_a_suffix_without_content_is_refused(self) -> None:
        with pytest.raises(UserError, match="give both a suffix and what makes its content"):
            Artefact("a", ".txt")

    def test_content_of_another_kind_is_a_fault(self, parser: Parser, tmp_path: Path) -> None:
        wrong = Artefact("a", ".txt", lambda _: 3)  # type: ignore[arg-type, return-value]
        with pytest.raises(TypeError, match="artefact 'a' made a int, not an image, text or bytes"):
            wrong.write(parser(np.zeros((6, 8, 3), np.uint8)), tmp_path, "a")
