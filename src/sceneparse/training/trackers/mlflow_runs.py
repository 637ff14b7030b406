"""MLflow: https://mlflow.org/docs/latest/ml/tracking."""

import re
import time
from collections.abc import Mapping
from typing import Any

from sceneparse.errors import reason_of
from sceneparse.training.progress import say_once
from sceneparse.training.trackers.kind import TrackedRun, TrackerKind

ENDS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}

AT_ONCE = 100
"""Parameters that MLflow takes in one request."""

LONGEST_NAME = 250
"""Characters of a parameter's name that MLflow takes."""

LONGEST = 500
"""Characters of a parameter's value that every version and store of MLflow takes."""


class MlflowRun:
    """A run of MLflow, where MLFLOW_TRACKING_URI points: a server, a database or a folder.

    Args:
        run: What to open.
    """

    def __init__(self, run: TrackedRun) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param

        # Without MLflow's global active run, which belongs to the program that trains.
        self._client: Any = MlflowClient()
        if run.identity is not None:
            self.identity = run.identity
            self._client.update_run(self.identity, status="RUNNING")
            return
        known = self._client.get_experiment_by_name(run.project)
        experiment = known.experiment_id if known is not None else self._client.create_experiment(run.project)
        self.identity = str(self._client.create_run(experiment, run_name=run.name).info.run_id)
        parameters = [Param(key, _cut(str(value))) for key, value in taken(run.settings).items()]
        for first in range(0, len(parameters), AT_ONCE):
            try:
                self._client.log_batch(self.identity, params=parameters[first : first + AT_ONCE])
            except Exception as error:  # the figures that follow are worth more than these
                say_once(f"warning: MLflow does not take all settings of the run ({reason_of(error)[:300]})")
                break

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """Add a point."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self.identity, metrics=[Metric(key, one, now, iteration) for key, one in values.items()])

    def finish(self, status: str) -> None:
        """End the run by MLflow's word for it."""
        self._client.set_terminated(self.identity, ENDS[status])


def taken(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings under names that MLflow takes for parameters: what it refuses in them is "_".

    It takes letters, digits, "_", "-", "." and blanks, on every system and store, and 250 characters. Others come from
    names of classes (init.classes) and of another package's options.

    Args:
        settings: Values by their dotted names.
    """
    found: dict[str, Any] = {}
    for key, value in settings.items():
        name = base = re.sub(r"[^\w.\- ]", "_", key)[: LONGEST_NAME - len(" 99")]
        number = 1
        while name in found:  # two names may come to the same
            number += 1
            name = f"{base} {number}"
        found[name] = value
    return found


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"


MLFLOW = TrackerKind(
    title="MLflow",
    package="mlflow",
    install="pip install 'sceneparse[mlflow]'",
    open=MlflowRun,
    project_variable="MLFLOW_EXPERIMENT_NAME",
)
