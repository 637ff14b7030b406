"""Runs side by side: their curves, the settings in which they differ, and what they score class by class."""

from sceneparse.comparing.command import compare_runs
from sceneparse.comparing.comparison import RunComparison
from sceneparse.comparing.run import ComparedRun

__all__ = ["ComparedRun", "RunComparison", "compare_runs"]
