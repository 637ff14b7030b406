"""What a user holds: `load` gives a `Parser`, a `Parser` makes a picture a `Parse`; `predict_pictures` does folders."""

from sceneparse.parsing.discover import Table, discover
from sceneparse.parsing.parse import Parse
from sceneparse.parsing.parser import Parser, load
from sceneparse.parsing.runs.pictures import StreamSummary, predict_pictures
from sceneparse.parsing.runs.summary import Failure
from sceneparse.parsing.task_parse import SceneEntry, TaskMap, TaskParse

__all__ = [
    "Failure",
    "Parse",
    "Parser",
    "SceneEntry",
    "StreamSummary",
    "Table",
    "TaskMap",
    "TaskParse",
    "discover",
    "load",
    "predict_pictures",
]
