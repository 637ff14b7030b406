"""Evaluation: metrics, running a protocol over a data set, and the report.

Nothing here knows of training.
"""

from sceneparse.evaluation.command import evaluate_model, machine
from sceneparse.evaluation.diagnosing import Diagnosis, diagnose, diagnose_model
from sceneparse.evaluation.evaluate import Evaluation, PictureScore, evaluate, print_scores
from sceneparse.evaluation.exports import Export, export
from sceneparse.evaluation.metrics import ClassScore, ConfusionMatrix, Scores, score
from sceneparse.evaluation.report import write_report
from sceneparse.evaluation.rival import Rival

__all__ = [
    "ClassScore",
    "ConfusionMatrix",
    "Diagnosis",
    "Evaluation",
    "Export",
    "PictureScore",
    "Rival",
    "Scores",
    "diagnose",
    "diagnose_model",
    "evaluate",
    "evaluate_model",
    "export",
    "machine",
    "print_scores",
    "score",
    "write_report",
]
