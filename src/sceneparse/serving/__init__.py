"""The HTTP service around one or more `Parser`s, and its web page. It knows nothing of training.

A request's way: `connections` (limits of a connection) → `guard` (who may ask) → `app` (what is asked) → `body` and
`picture` (what came) → `batcher` (its turn) → `answers` (what goes back).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sceneparse.serving.app import make_app
    from sceneparse.serving.batcher import Batcher
    from sceneparse.serving.models import load_models
    from sceneparse.serving.server import Server, serve
    from sceneparse.serving.settings import ServeSettings

# Imported when first used: wrong settings are refused before torch is loaded.
_HOMES = {
    "Batcher": "batcher",
    "ServeSettings": "settings",
    "Server": "server",
    "load_models": "models",
    "make_app": "app",
    "serve": "server",
}

__all__ = ["Batcher", "ServeSettings", "Server", "load_models", "make_app", "serve"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sceneparse.serving' has no attribute '{name}'")
    return getattr(import_module(f"sceneparse.serving.{_HOMES[name]}"), name)
