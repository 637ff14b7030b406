"""`sceneparse bench`: how fast a model is on this machine, engine by engine, and where its time goes."""

from sceneparse.benching.command import bench
from sceneparse.benching.record import Bench, PartRow, Row
from sceneparse.benching.table import print_bench

__all__ = ["Bench", "PartRow", "Row", "bench", "print_bench"]
