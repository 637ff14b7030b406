"""What the rooms export by name is there, also what is imported only when it is first used."""

import json
import pkgutil
import pydoc
import subprocess
import sys
from importlib import import_module

import pytest

import sceneparse

ROOMS = ["sceneparse", *(f"sceneparse.{room.name}" for room in pkgutil.iter_modules(sceneparse.__path__) if room.ispkg)]


@pytest.mark.parametrize("room", ROOMS)
def test_every_name_that_a_room_exports_is_there(room: str) -> None:
    module = import_module(room)
    assert all(hasattr(module, name) for name in getattr(module, "__all__", ()))


def test_public_names_are_listed_before_anybody_has_asked_for_one_and_without_torch() -> None:
    code = (
        "import json, sys, sceneparse, sceneparse.parsing; "
        "print(json.dumps([dir(sceneparse), dir(sceneparse.parsing), 'torch' in sys.modules]))"
    )
    names, parsing, torch = json.loads(subprocess.check_output([sys.executable, "-c", code]))
    assert set(sceneparse.__all__) <= set(names) and {"__version__", "__doc__"} <= set(names)
    assert not [name for name in names if name.startswith("_") and not name.startswith("__")]
    assert "import_module" not in names and {"Parse", "load"} <= set(parsing) and not torch


def test_help_shows_every_public_name_with_what_it_is_for() -> None:
    text = pydoc.plain(pydoc.render_doc(sceneparse))
    for line in (
        "Load a model to parse pictures with.",
        "class Parse(",
        "class Parser(",
        "Parse a picture; or several, one after the other, as `many` does.",
        "Train a network by a recipe, from start to end or from where it stopped.",
        "Score a model on labelled pictures.",
    ):
        assert line in text
    assert all(name in text for name in sceneparse.__all__)


def test_every_public_name_says_what_it_does_in_its_first_line() -> None:
    for name in sceneparse.__all__:
        first = (getattr(sceneparse, name).__doc__ or "").strip().split("\n")[0]
        assert first.endswith((".", ":", "`.")) and len(first) > 12, name
