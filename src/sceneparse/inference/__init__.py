"""Inference: engines that score pictures, and the protocols under which pictures are tested.

Nothing here knows metrics, or pictures on disk. `open_model` is imported from its module of the same name.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sceneparse.inference.choosing import EngineName, make_engine
    from sceneparse.inference.engine import Engine, TaskEngine, TorchEngine
    from sceneparse.inference.exported_file import export_model
    from sceneparse.inference.open_model import Opened
    from sceneparse.inference.protocol import PRESETS, TestProtocol, check_protocol, resolve
    from sceneparse.inference.scoring import Prediction, label, predict, predict_batch, scores
    from sceneparse.inference.tasks import TaskPrediction, predict_tasks, predict_tasks_batch

# Imported when first used: a protocol that doesn't hold together is refused before torch is loaded.
_HOMES = {
    "PRESETS": "protocol",
    "Engine": "engine",
    "EngineName": "choosing",
    "Opened": "open_model",
    "Prediction": "scoring",
    "TaskEngine": "engine",
    "TaskPrediction": "tasks",
    "TestProtocol": "protocol",
    "TorchEngine": "engine",
    "check_protocol": "protocol",
    "export_model": "exported_file",
    "label": "scoring",
    "make_engine": "choosing",
    "predict": "scoring",
    "predict_batch": "scoring",
    "predict_tasks": "tasks",
    "predict_tasks_batch": "tasks",
    "resolve": "protocol",
    "scores": "scoring",
}

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
    "predict",
    "predict_batch",
    "predict_tasks",
    "predict_tasks_batch",
    "resolve",
    "scores",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sceneparse.inference' has no attribute '{name}'")
    return getattr(import_module(f"sceneparse.inference.{_HOMES[name]}"), name)
