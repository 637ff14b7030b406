"""MLflow: https://mlflow.org/docs/latest/ml/tracking."""

import os
import time
from collections.abc import Mapping
from typing import Any

from sceneparse.training.trackers.kind import PROJECT, TrackedRun, TrackerKind

ENDS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}

AT_ONCE = 100
"""Parameters that MLflow takes in one request."""

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
        project = run.project or os.environ.get("MLFLOW_EXPERIMENT_NAME") or PROJECT
        known = self._client.get_experiment_by_name(project)
        experiment = known.experiment_id if known is not None else self._client.create_experiment(project)
        self.identity = str(self._client.create_run(experiment, run_name=run.name).info.run_id)
        parameters = [Param(key, _cut(str(value))) for key, value in run.settings.items()]
        for first in range(0, len(parameters), AT_ONCE):
            self._client.log_batch(self.identity, params=parameters[first : first + AT_ONCE])

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """Add a point."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self.identity, metrics=[Metric(key, one, now, iteration) for key, one in values.items()])

    def finish(self, status: str) -> None:
        """End the run by MLflow's word for it."""
        self._client.set_terminated(self.identity, ENDS[status])


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"


MLFLOW = TrackerKind(
    title="MLflow",
    package="mlflow",
    install="pip install 'sceneparse[mlflow]'",
    open=MlflowRun,
)
