"""Why a model fails, by the three failure kinds of the PSPNet paper; and temperatures that mend its confidence."""

from sceneparse.diagnosing.calibrating import Calibrated, calibrate_model
from sceneparse.diagnosing.command import diagnose_model
from sceneparse.diagnosing.diagnose import Case, Diagnosis, cases_of, diagnose, learn_from, one_case
from sceneparse.diagnosing.findings import Finding, Findings
from sceneparse.diagnosing.relations import Relations, learn
from sceneparse.diagnosing.report import write_diagnosis
from sceneparse.diagnosing.terminal import print_findings, print_rival
from sceneparse.diagnosing.versus import Opponent

__all__ = [
    "Calibrated",
    "Case",
    "Diagnosis",
    "Finding",
    "Findings",
    "Opponent",
    "Relations",
    "calibrate_model",
    "cases_of",
    "diagnose",
    "diagnose_model",
    "learn",
    "learn_from",
    "one_case",
    "print_findings",
    "print_rival",
    "write_diagnosis",
]
