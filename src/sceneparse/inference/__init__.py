"""Inference: engines that score pictures, and the protocols under which pictures are tested.

Nothing here knows metrics, or pictures on disk.
"""

from sceneparse.inference.choosing import EngineName, make_engine
from sceneparse.inference.engine import Engine, TaskEngine, TorchEngine
from sceneparse.inference.exported_file import export_model
from sceneparse.inference.open_model import Opened, open_model
from sceneparse.inference.protocol import PRESETS, TestProtocol, check_protocol, resolve
from sceneparse.inference.scoring import Prediction, label, predict, predict_batch, scores
from sceneparse.inference.tasks import TaskPrediction, predict_tasks, predict_tasks_batch

__all__ = [
    "PRESETS",
    "Engine",
    "EngineName",
    "Opened",
    "Prediction",
    "TaskEngine",
    "TaskPrediction",
    "TestProtocol",
    "TorchEngine",
    "check_protocol",
    "export_model",
    "label",
    "make_engine",
    "open_model",
    "predict",
    "predict_batch",
    "predict_tasks",
    "predict_tasks_batch",
    "resolve",
    "scores",
]
