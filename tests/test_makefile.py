"""Where `make demo` and `make test` look for PyTorch, and which tests see a GPU."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("make"), reason="needs make; on Linux alone PyPI's PyTorch is large"
)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """The only programs that are found: there may be an NVIDIA GPU here."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("make", "uname", "grep"):
        (folder / name).symlink_to(shutil.which(name) or "")
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """An index of PyTorch's builds for the CPU."""
    (tmp_path / "whl" / "torch").mkdir(parents=True)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/whl"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gpu(tools: Path) -> None:
    """What says that there is an NVIDIA GPU."""
    (tools / "nvidia-smi").write_text("#!/bin/sh\n")
    (tools / "nvidia-smi").chmod(0o755)


def torch_index(tools: Path, index: str, **environment: str) -> tuple[str, str]:
    """What pip is given, and what is said of it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE"))}
    run = subprocess.run(
        ["make", "-s", "torch-index", f"BIN={Path(sys.executable).parent}", f"TORCH_CPU={index}"],
        cwd=ROOT,
        env={**clean, "PATH": str(tools), "PIP_CONFIG_FILE": os.devnull, "no_proxy": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout, run.stderr


def test_a_machine_without_a_gpu_gets_the_build_for_the_cpu(tools: Path, index: str) -> None:
    given, said = torch_index(tools, index)
    assert given == f"--extra-index-url {index}\n" and "the build for the CPU" in said


@pytest.mark.usefixtures("gpu")
def test_a_machine_with_an_nvidia_gpu_gets_what_pypi_has(tools: Path, index: str) -> None:
    assert torch_index(tools, index) == ("", "")


def test_where_the_builds_cannot_be_reached_pypi_has_to_do(tools: Path) -> None:
    given, said = torch_index(tools, "http://127.0.0.1:9/whl")
    assert given == "" and "http://127.0.0.1:9/whl does not answer" in said


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"])
def test_how_pip_is_configured_comes_first(tools: Path, index: str, name: str) -> None:
    given, said = torch_index(tools, index, **{name: "https://example.org"})
    assert given == "" and "pip is configured" in said


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment in which all is installed, and whose Python says what it is asked to test, and with which GPUs."""
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    for name in (".installed", ".installed-dev"):
        (folder / name).touch()
    says = 'echo "GPUs ${CUDA_VISIBLE_DEVICES-all}: ${SCENEPARSE_SLOW_TESTS-} $*"'
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nif [ "$1" = -c ]; then exec {sys.executable} "$@"; fi\n{says}\n')
    python.chmod(0o755)
    return folder


def pytest_calls(tools: Path, venv: Path, target: str = "tests", **environment: str) -> list[str]:
    """What pytest is called with."""
    hidden = ("MAKE", "CUDA_VISIBLE_DEVICES", "SCENEPARSE_SLOW_TESTS")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    run = subprocess.run(
        ["make", "-s", target, f"VENV={venv}"],
        cwd=ROOT,
        env={**clean, "PATH": str(tools), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.splitlines()


def test_without_a_gpu_all_tests_run_in_two_processes(tools: Path, venv: Path) -> None:
    assert pytest_calls(tools, venv) == ["GPUs all:  -m pytest -n 2 --dist worksteal"]
    assert pytest_calls(tools, venv, "test-slow") == ["GPUs all: 1 -m pytest -n 2 --dist worksteal"]


@pytest.mark.usefixtures("gpu")
def test_only_tests_that_are_for_a_gpu_see_it(tools: Path, venv: Path) -> None:
    count = min(max(2, len(os.sched_getaffinity(0)) - 2), 14)
    assert pytest_calls(tools, venv, OMP_NUM_THREADS="1") == [
        f"GPUs :  -m pytest -m not cuda -n {count} --dist worksteal",
        "GPUs all:  -m pytest -m cuda",
    ]
