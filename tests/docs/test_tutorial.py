"""The tutorial does what it shows, from its first line to its last.

All that is run is the page's own text, in its order and in an empty folder: `bash` snippets by bash (`serve` in the
background, as from a second terminal; other `sceneparse` commands by the function that the program calls, since each
would import torch anew), `py` snippets by Python; the `yaml` snippet goes into the file that its first line names.
Six things are replaced so that it takes a minute and disturbs nobody, and nothing else: fewer pictures, fewer
iterations, smaller batches, a smaller network, a port that is free, and thus the address that is asked. Every line that
the page shows as output must be printed by the snippet before it; figures may differ, since the shorter training learns
less.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import sceneparse
from sceneparse.cli import main
from sceneparse.labels import LabelSpace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
SHORTER = {
    "--data.toyworld.train_count 600": "--data.toyworld.train_count 32",
    "--data.toyworld.eval_count 60": "--data.toyworld.eval_count 8",
    "architecture: pspnet, channels: 128": "architecture: fcn, channels: 16",
    "iterations: 450": "iterations: 3",
    "batch: 8": "batch: 2",
    "sceneparse serve runs/mine/model\n": "sceneparse serve runs/mine/model --port 0\n",
}
ADDRESS = "http://127.0.0.1:8000/"
PIPED: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


def snippets() -> list[tuple[str, str]]:
    """The page's code blocks with their languages, shortened."""
    text = PAGE.read_text(encoding="utf-8")
    for long, short in SHORTER.items():
        assert text.count(long) == 1, f"the tutorial must say '{long.strip()}' once: it is replaced here"
        text = text.replace(long, short)
    return re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)


def said(line: str) -> str:
    """A line without its figures, the bars that show them, and its spacing."""
    return " ".join(re.sub(r"[█▉▊▋▌▍▎▏]", "", re.sub(r"\d[\d.,]*", "#", line)).split())


class Reader:
    """Someone who types the tutorial's snippets in an empty folder."""

    def __init__(self, folder: Path) -> None:
        programs = folder / "programs"
        programs.mkdir()
        program = programs / "sceneparse"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m sceneparse.cli "$@"\n')
        program.chmod(0o755)
        source = Path(sceneparse.__file__).parents[1]
        self._environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(source)}
        self._service: subprocess.Popen[str] | None = None
        self._address = ADDRESS

    def bash(self, text: str) -> str:
        """Run a snippet; what it prints."""
        if text.startswith("sceneparse serve"):
            return self._serve(text)
        lines = text.replace("\\\n", " ").splitlines()
        if all(line.startswith("sceneparse ") for line in lines):
            return "".join(self._command(shlex.split(line)[1:]) for line in lines)
        done = subprocess.run(["bash", "-euc", text.replace(ADDRESS, self._address)], **PIPED, env=self._environment)
        assert done.returncode == 0, f"{text}{done.stdout}"
        return done.stdout

    def _command(self, words: list[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = main(words)
        assert code == 0, f"{words}: {printed.getvalue()}"
        return printed.getvalue()

    def _serve(self, text: str) -> str:
        self._service = subprocess.Popen(["bash", "-euc", f"exec {text}"], **PIPED, env=self._environment)
        assert self._service.stdout is not None
        printed = ""
        for line in self._service.stdout:
            printed += line
            if found := re.match(r"serving at (http\S+)", line):
                self._address = found[1]
                # What it says later must not fill the pipe.
                threading.Thread(target=self._service.stdout.read, daemon=True).start()
                return printed
        pytest.fail(f"the service did not start: {printed}")

    def py(self, text: str) -> str:
        """Run a snippet of Python; what it prints."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(text.replace(ADDRESS, self._address), PAGE.name, "exec"), {"__name__": "__main__"})
        return printed.getvalue()

    def yaml(self, text: str) -> str:
        """Write a snippet into the file that its first line names."""
        Path(text.partition("\n")[0].removeprefix("# ")).write_text(text)
        return ""

    def stop(self) -> int | None:
        """End the service as Ctrl-C does; its exit code."""
        if self._service is None or self._service.poll() is not None:
            return None
        self._service.terminate()
        try:
            return self._service.wait(60)
        finally:
            self._service.kill()


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield reader
    reader.stop()


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl"))), reason="bash or curl is not installed")
def test_every_snippet_runs_and_prints_what_the_page_shows(reader: Reader) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("fastapi")
    printed = ""
    run = {"bash": reader.bash, "py": reader.py, "yaml": reader.yaml}
    for language, text in snippets():
        if language != "text":
            printed = run[language](text)
            continue
        lines = [said(line) for line in printed.splitlines()]
        for line in map(said, text.splitlines()):
            assert any(other.startswith(line) for other in lines), f"'{line}' is not printed, but\n{printed}"
    assert reader.stop() == 0
    # What the page tells of the files beside the snippets.
    assert "grass" in LabelSpace.read(Path("my-data/classes.json")).names
    assert Image.open("samples.png").width > 600
    assert Path("runs/mine/evaluation/report.html").is_file()
    assert Image.open("parsed/00004.png").size == (128, 128) and Path("parsed/00004_overlay.jpg").is_file()
    assert Image.open("overlay.jpg").width >= 128
