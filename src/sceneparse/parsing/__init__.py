"""What a user holds: `load` gives a `Parser`, a `Parser` makes a picture a `Parse`; `predict_pictures` does folders."""

from sceneparse.parsing.parse import LegendEntry, Parse
from sceneparse.parsing.parser import Parser, load
from sceneparse.parsing.stream import Failure, StreamSummary, predict_pictures

__all__ = ["Failure", "LegendEntry", "Parse", "Parser", "StreamSummary", "load", "predict_pictures"]
