"""`--size` on the command line: at which size pictures are parsed, by every command that takes it."""

import json
from pathlib import Path

import pytest

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.inference import resolve
from sceneparse.parsing import Parser
from sceneparse.settings import ProtocolSettings
from sceneparse.weights.model import Model

SIZES = [("40", (40, 53), "short side 40 antialiased"), ("own", (48, 64), "own size")]
"""What is given, the height and width at which a picture of 48×64 is tested, and what its protocol says."""


@pytest.mark.parametrize(("size", "tested", "said"), SIZES)
def test_predict_and_evaluate(size: str, tested: tuple[int, int], said: str, tiny_run: Path, tmp_path: Path) -> None:
    data = tiny_run.parent / "data"
    usual = [str(tiny_run / "model"), "--engine", "torch", "--size", size, "--out"]
    picture = data / "test" / "images" / "000.png"
    assert main(["predict", usual[0], str(picture), *usual[1:], str(tmp_path / "parsed")]) == 0
    record = json.loads((tmp_path / "parsed" / "000.json").read_text())
    assert (record["tested"]["height"], record["tested"]["width"]) == tested
    assert main(["evaluate", *usual, str(tmp_path / "scored"), "--data", str(data)]) == 0
    assert f": {said}, " in json.loads((tmp_path / "scored" / "metrics.json").read_text())["protocol"]


@pytest.mark.parametrize(("size", "tested", "said"), SIZES)
def test_serve(size: str, tested: tuple[int, int], said: str, tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi", reason="fastapi is not installed (extra serve)")
    served: dict[str, Parser] = {}
    monkeypatch.setattr("sceneparse.serving.serve", lambda parsers, _: served.update(parsers))
    assert main(["serve", str(tiny_run / "model"), "--engine", "torch", "--size", size]) == 0
    (parser,) = served.values()
    assert parser.protocol.input_size((48, 64), 1.0) == tested and f": {said}, " in parser.protocol.describe()


@pytest.mark.parametrize(("size", "tested", "said"), SIZES)
def test_export(
    size: str, tested: tuple[int, int], said: str, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Model] = []

    def write(model: Model, *_: object) -> None:
        written.append(model)
        raise UserError("that is enough")

    monkeypatch.setattr("sceneparse.exporting.command.export_model", write)
    words = ["export", str(tiny_run), "--format", "torch", "--size", size, "--out", str(tmp_path / "m.pt2")]
    assert main(words) == 2
    protocol = resolve(written[0].config.protocol, written[0].config.sizes)
    assert protocol.input_size((48, 64), 1.0) == tested and f": {said}, " in protocol.describe()


def test_of_a_protocol_that_resizes_by_the_long_side_it_is_that_side_and_the_help_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ": long side 480, " in resolve(ProtocolSettings("semseg").at_size(480)).describe()
    assert ": short side 480 antialiased, " in resolve(ProtocolSettings().at_size(480)).describe()
    for command in ("predict", "evaluate", "serve", "export"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        help_text = " ".join(capsys.readouterr().out.split())
        assert "resizes by the long side, such as semseg, that one; by both, both" in help_text
