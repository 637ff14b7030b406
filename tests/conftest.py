"""Small data sets and models that the tests share."""

import gc
import os
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from sceneparse.processes.allocation import keep_freed_memory
from tests.support.chromium import Browser
from tests.support.conversions import Conversions, remembered
from tests.support.owner import Owner, owning
from tests.support.small import TINY, write_data_set

SHARED = Path(__file__).resolve().parents[2] / "shared"

GARBAGE = 20_000
"""New objects after which cycles among them are looked for. With Python's own 700, and all that is imported looked
through again and again, that took a fifth of the conversion of a network of all tasks.
"""


def pytest_configure() -> None:
    """Clear the pages of networks and pictures that come and go once, as a training does: it takes a tenth of the time.

    Which tests a training came before in a process is chance, so that none depends on it.
    """
    keep_freed_memory()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among what is imported and collected: nearly all of it stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(GARBAGE)
        gc.enable()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared material beside the checkout; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not there")
    return SHARED


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept for the next time is kept apart from the user's, and nothing waits for the disk.

    What a process that is killed has written is in the system's memory all the same: a power failure alone would tell.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        patch.setenv("SCENEPARSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("datasets")))
        yield


@pytest.fixture(autouse=True, scope="session")
def conversions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conversions]:
    """A network is converted for another runtime once, whichever of pytest's processes needs it first."""
    base = tmp_path_factory.getbasetemp()
    with remembered((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "conversions") as made:
        yield made


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser, for tests that are skipped where none is found."""
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def owner() -> Iterator[Owner]:
    """A server that stands for the owners' of published files."""
    with owning() as server:
        yield server


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a package look as if it weren't installed."""
    return lambda package: monkeypatch.setitem(sys.modules, package, None)


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    return write_data_set(tmp_path / "data")


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a real, very short training on a folder data set."""
    from sceneparse.cli.settings import given_settings
    from sceneparse.recipes import from_mapping
    from sceneparse.settings import Recipe
    from sceneparse.training.loop import train

    folder = tmp_path_factory.mktemp("tiny")
    data = write_data_set(folder / "data")
    recipe = from_mapping(Recipe, {"name": "tiny"}, "test", given_settings(Recipe, [*TINY, f"--data.root={data}"]))
    return train(recipe, folder / "run")
