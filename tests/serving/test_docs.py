"""What docs/serving.md shows is true of a service that runs."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image

from sceneparse.cli import _parse
from sceneparse.serving.settings import ServeSettings
from tests.support.served import Service, plain_parser, serving

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "serving.md").read_text()


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 48), (90, 120, 60)).save("photo.jpg")
    with serving({"colours": plain_parser()}) as service:
        yield service


def blocks(language: str, service: Service) -> list[str]:
    return [
        block.replace("http://127.0.0.1:8000/", service.address)
        for block in re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)
    ]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_of_curl_answer(running: Service) -> None:
    (block,) = blocks("bash", running)
    done = subprocess.run(["bash", "-ec", block], capture_output=True, text=True, check=True)
    assert '"grass"' in done.stdout
    assert Image.open("labels.png").mode == "P" and Image.open("overlay.jpg").size == (64, 48)


def test_the_client_in_python_reads_the_masks(running: Service, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = blocks("py", running)
    exec(compile(block, "docs/serving.md", "exec"), {})
    assert "grass: 100% of the picture, 3072 pixels" in capsys.readouterr().out


def test_every_code_of_a_problem_is_in_the_table() -> None:
    sources = Path(__file__).resolve().parents[2] / "src" / "sceneparse" / "serving"
    text = "\n".join(path.read_text() for path in sources.glob("*.py"))
    codes = set(re.findall(r'Problem\(\s*\d{3},\s*"([a-z-]+)"', text)) | set(re.findall(r'\d{3}: \("([a-z-]+)"', text))
    documented = set(
        re.findall(r"`([a-z0-9-]+)`", TEXT.partition("## When there is no answer")[2].partition("## Running")[0])
    )
    assert len(codes) > 12 and codes - {"fault"} <= documented


def test_every_option_that_the_docs_name_exists_and_every_default_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parse("serve", ["--help"])
    text = capsys.readouterr().out
    for option in set(re.findall(r"`(--[a-z-]+)", TEXT)) - {"--count", "--model"}:
        assert option in text, option
    defaults = ServeSettings()
    limits = (defaults.max_bytes, defaults.max_pixels, defaults.max_tested, defaults.max_side, defaults.crf_bytes)
    for value in (defaults.port, *limits, defaults.queue, defaults.connections):
        assert str(value) in text, value
    assert {
        f"--{field.name}".replace("_", "-") for field in fields(ServeSettings) if field.name.startswith("max_")
    } <= set(re.findall(r"`(--[a-z-]+)", TEXT))


def test_a_file_without_its_line_breaks_is_told_how_curl_sends_it_whole(running: Service) -> None:
    content, head = Path("photo.jpg").read_bytes(), {"Content-Type": "application/x-www-form-urlencoded"}
    assert running.ask("/v1/parse", content, head).status == 200  # as of curl --data-binary
    refused = running.ask("/v1/parse", content.translate(None, b"\r\n\0"), head)
    assert refused.status == 400 and "as curl -d sends files: use --data-binary" in refused.json()["detail"]
    assert running.ask("/v1/parse", b"photo", head).status == 415
