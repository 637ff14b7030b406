"""`sceneparse bench`: the speed of a model on this machine, engine by engine, and where its time goes."""

from sceneparse.benching.command import bench
from sceneparse.benching.record import Bench, ComponentRow, Row
from sceneparse.benching.table import print_bench

__all__ = ["Bench", "ComponentRow", "Row", "bench", "print_bench"]
