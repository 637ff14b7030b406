"""The HTTP service around one or more `Parser`s, and its web page. It knows nothing of training.

A request's way: `connections` (limits of a connection) → `guard` (who may ask) → `app` (what is asked) → `body` and
`picture` (what came) → `batcher` (its turn) → `answers` (what goes back).
"""

from sceneparse.serving.app import make_app
from sceneparse.serving.batcher import Batcher
from sceneparse.serving.models import load_models
from sceneparse.serving.server import Server, serve
from sceneparse.serving.settings import ServeSettings

__all__ = ["Batcher", "ServeSettings", "Server", "load_models", "make_app", "serve"]
