"""The data doctor: everything that is wrong with a data set, found before training does."""

from sceneparse.doctor.check import check
from sceneparse.doctor.command import check_data
from sceneparse.doctor.findings import Diagnosis, Finding, print_diagnosis

__all__ = ["Diagnosis", "Finding", "check", "check_data", "print_diagnosis"]
