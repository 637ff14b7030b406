"""What the rooms export by name is there, also what is imported only when it is first used."""

import pkgutil
from importlib import import_module

import pytest

import sceneparse

ROOMS = ["sceneparse", *(f"sceneparse.{room.name}" for room in pkgutil.iter_modules(sceneparse.__path__) if room.ispkg)]


@pytest.mark.parametrize("room", ROOMS)
def test_every_name_that_a_room_exports_is_there(room: str) -> None:
    module = import_module(room)
    assert all(hasattr(module, name) for name in getattr(module, "__all__", ()))
