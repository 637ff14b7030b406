"""The service as a process of its own."""

import http.client
import json
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.labels import LabelSpace
from sceneparse.serving import ServeSettings, load_models, serve, server
from sceneparse.serving.app import make_app
from sceneparse.settings import DataSettings
from tests.support.brightest import brightest_parser
from tests.support.forked import COMMAND, started
from tests.support.running import wait_for
from tests.support.served import picture
from tests.support.together import ONE_THREAD

Started = tuple[BaseProcess, tuple[str, int], Path]
"""A service's process, where it listens, and the file of what it says on the standard error."""


@contextmanager
def started_service(script: Path, words: list[str], folder: Path) -> Iterator[Started]:
    """A service that a script starts, once it listens; it is killed in the end."""
    said = folder / "said.txt"
    process = started(script, words, said, ONE_THREAD)
    try:
        wait_for(lambda: (said.exists() and said.read_bytes().endswith(b"\n")) or not process.is_alive(), 120)
        assert process.is_alive(), said.with_suffix(".err").read_text()
        parts = urlsplit(said.read_text().split()[2])
        assert parts.hostname and parts.port
        yield process, (parts.hostname, parts.port), said.with_suffix(".err")
    finally:
        process.kill()
        process.join()


@pytest.fixture
def process(tiny_run: Path, tmp_path: Path) -> Iterator[Started]:
    """`sceneparse serve` with two models."""
    words = [str(tiny_run / "model"), f"second={tiny_run / 'model'}", "--port", "0", "--engine", "torch"]
    with started_service(COMMAND, ["serve", *words], tmp_path) as service:
        yield service


def test_a_service_that_is_told_to_stop_finishes_what_it_took(process: Started) -> None:
    running, place, errors = process
    statuses: list[int] = []

    def ask() -> None:
        connection = http.client.HTTPConnection(*place, timeout=60)
        connection.request("POST", "/v1/parse?model=second", picture((400, 500)))
        response = connection.getresponse()
        assert json.loads(response.read())["model"] == "tiny"
        statuses.append(response.status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until_taken(place, 4)
    running.terminate()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4
    running.join(30)
    assert running.exitcode == 0
    said = errors.read_text()
    assert said.endswith("stopped\n")
    assert "model second: PyTorch" in said and "Traceback" not in said


SLOW = """
from tests.support.brightest import BrightestChannel
from sceneparse.serving import ServeSettings, serve
from sceneparse.serving.pace import Paces
from tests.support.served import plain_parser

Paces.measure = lambda _: None  # which waits for the engine
engine = BrightestChannel()
engine.gate.clear()
serve({"slow": plain_parser(engine)}, ServeSettings(port=0, stop_seconds=1.0))
"""


def test_a_parse_that_takes_too_long_does_not_keep_a_service_from_ending(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    with started_service(tmp_path / "slow.py", [], tmp_path) as (running, place, errors):
        connection = http.client.HTTPConnection(*place, timeout=60)
        connection.request("POST", "/v1/parse", picture())
        wait_until_taken(place, 1)
        time.sleep(0.5)  # it is looked at, and its turn comes
        running.terminate()
        assert connection.getresponse().status == 503
        running.join(20)
        assert running.exitcode == 0  # the engine would take a minute
        assert "its parse took longer than --stop-seconds" in errors.read_text()


def wait_until_taken(place: tuple[str, int], count: int) -> None:
    """Wait until so many pictures are in work or answered."""
    for _ in range(3000):
        connection = http.client.HTTPConnection(*place, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        counts = re.findall(r'^sceneparse_(?:queue_length|requests_total\{path="/v1/parse".*\}) (\S+)$', text, re.M)
        if sum(map(float, counts)) >= count:
            return
        time.sleep(0.01)
    pytest.fail("the pictures did not come")


def test_mistakes_get_one_clear_line(tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(tiny_run / "model")
    cases = [
        ([model, model], "two models are called 'run'"),
        (["nowhere/at/all"], "nowhere/at/all"),
        ([model, "--port", "99999"], "port 99999"),
        ([model, "--host", "203.0.113.1"], "cannot listen there"),
        ([model, "--host", "a..b"], "cannot listen there (no such name)"),
        ([model, "--formats", "SVG"], "'SVG' is unknown"),
        ([model, "--api-keys", str(tmp_path / "none")], "cannot be read as a file of API keys"),
        ([model, "--log", str(tmp_path / "no" / "log")], "cannot be written as the log"),
        ([model, "--tasks", "material"], "does not tell task 'material'"),
    ]
    for words, expected in cases:
        assert main(["serve", *words, "--engine", "torch"]) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1 and expected in lines[0], (words, lines)


def test_that_it_is_measured_how_long_pictures_take_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    @contextmanager
    def working(text: str) -> Iterator[None]:
        done.append(text)
        yield
        done.append("done")

    paces = SimpleNamespace(measure=lambda: done.append("measured"))
    stub = SimpleNamespace(paces=paces, run_until_stopped=lambda: None, failed=False, unfinished=False)
    monkeypatch.setattr(server, "working", working)
    monkeypatch.setattr(server, "Server", lambda *_: stub)
    serve({}, ServeSettings())
    assert done == ["measuring how long pictures take", "measured", "done"]


def test_models_are_called_by_their_runs_as_in_reports(tiny_run: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        shutil.copytree(tiny_run, tmp_path / name)
    models = [str(tmp_path / "first" / "model"), str(tmp_path / "second")]
    assert list(load_models(models, engine="torch")) == ["first", "second"]
    assert list(load_models([f"day={models[0]}", models[1]], engine="torch")) == ["day", "second"]
    assert list(load_models(models[:1], engine="torch")) == ["first"], "alone it is called no other than beside others"


def test_models_take_names(tiny_run: Path) -> None:
    parsers = load_models([f"day={tiny_run / 'model'}", str(tiny_run / "model")], engine="torch")
    assert list(parsers) == ["day", "run"]


def test_missing_packages_are_named(
    tiny_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("sceneparse.serving")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["serve", str(tiny_run / "model")]) == 2
    assert "pip install 'sceneparse[serve]'" in capsys.readouterr().err


def test_without_rasterio_no_model_of_rasters_is_served_where_tiffs_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rasterio", None)
    space, both = LabelSpace(("a", "b", "c")), ServeSettings(formats=("PNG", "TIFF"))
    fields = {"fields": brightest_parser(labels=space, data=DataSettings(kind="geotiff"))}
    make_app(fields, ServeSettings())
    with pytest.raises(UserError, match="rasters need rasterio"):
        make_app(fields, both)
    make_app({"photos": brightest_parser(labels=space)}, both)
