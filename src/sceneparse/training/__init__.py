"""Training: losses, schedules, the loop, checkpoints and resume.

Nothing here knows the command line.
"""

from sceneparse.training.loop import train
from sceneparse.training.progress import TrainingStopped

__all__ = ["TrainingStopped", "train"]
