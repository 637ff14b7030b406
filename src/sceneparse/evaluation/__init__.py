"""Evaluation: metrics, running a protocol over a data set, and the report.

Nothing here knows of training.
"""

from sceneparse.evaluation.command import evaluate_model, machine
from sceneparse.evaluation.comparison import Comparison
from sceneparse.evaluation.evaluate import Evaluation, PictureScore, evaluate
from sceneparse.evaluation.metrics import ClassScore, ConfusionMatrix, Scores, score
from sceneparse.evaluation.report import write_report
from sceneparse.evaluation.terminal import print_scores

__all__ = [
    "ClassScore",
    "Comparison",
    "ConfusionMatrix",
    "Evaluation",
    "PictureScore",
    "Scores",
    "evaluate",
    "evaluate_model",
    "machine",
    "print_scores",
    "score",
    "write_report",
]
