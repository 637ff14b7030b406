"""`sceneparse bench`: how fast a model is on this machine, engine by engine, and where its time goes."""

from sceneparse.evaluation.benching.command import bench
from sceneparse.evaluation.benching.record import Bench, PartRow, Row
from sceneparse.evaluation.benching.table import print_bench

__all__ = ["Bench", "PartRow", "Row", "bench", "print_bench"]
