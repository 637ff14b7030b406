"""Parsing: `load` returns a `Parser`, which turns a picture into a `Parse`; `predict_pictures` parses folders."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sceneparse.parsing.discovery import Table, discover
    from sceneparse.parsing.loading import load
    from sceneparse.parsing.parse import Parse
    from sceneparse.parsing.parser import Parser
    from sceneparse.parsing.probabilities import Probabilities
    from sceneparse.parsing.runs.pictures import predict_pictures
    from sceneparse.parsing.runs.tally import Failure, StreamSummary
    from sceneparse.parsing.task_parse import SceneEntry, TaskMap, TaskParse

# Imported when first used: the table of artefacts, in here too, must not wait for torch.
_HOMES = {
    "Failure": "runs.tally",
    "Parse": "parse",
    "Parser": "parser",
    "Probabilities": "probabilities",
    "SceneEntry": "task_parse",
    "StreamSummary": "runs.tally",
    "Table": "discovery",
    "TaskMap": "task_parse",
    "TaskParse": "task_parse",
    "discover": "discovery",
    "load": "loading",
    "predict_pictures": "runs.pictures",
}

__all__ = [
    "Failure",
    "Parse",
    "Parser",
    "Probabilities",
    "SceneEntry",
    "StreamSummary",
    "Table",
    "TaskMap",
    "TaskParse",
    "discover",
    "load",
    "predict_pictures",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sceneparse.parsing' has no attribute '{name}'")
    return getattr(import_module(f"sceneparse.parsing.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
