"""Weights & Biases: https://docs.wandb.ai."""

import os
import secrets
from collections.abc import Mapping

from sceneparse.errors import UserError
from sceneparse.training.trackers.kind import TrackedRun, TrackerKind

EXIT_CODES = {"finished": 0, "stopped": 255, "failed": 1}
"""What W&B is told of the end: 255 is its own code of an interrupted run."""


class WandbRun:
    """A run of Weights & Biases, online or in a folder wandb/ of the run folder (WANDB_MODE=offline).

    Args:
        run: What to open.
    """

    def __init__(self, run: TrackedRun) -> None:
        import wandb

        # The identity is ours, so that it is known without a network: a run that began offline goes on under it.
        self.identity = run.identity or secrets.token_hex(4)
        self._run = wandb.init(
            project=run.project,
            name=run.name,
            id=self.identity,
            resume="allow",
            dir=os.environ.get("WANDB_DIR") or str(run.folder),
            config=dict(run.settings),
            allow_val_change=True,
        )

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """Add a point."""
        self._run.log(dict(values), step=iteration)

    def finish(self, status: str) -> None:
        """End the run, its exit code saying how."""
        self._run.summary["status"] = status
        self._run.finish(exit_code=EXIT_CODES[status])


def _check() -> None:
    """Refuse a run that would ask for a key in the middle of a training."""
    import wandb

    mode = os.environ.get("WANDB_MODE") or wandb.setup().settings.mode
    if mode in ("online", "run", "shared") and not wandb.login(prompt=False):
        raise UserError(
            "tracking.trackers: wandb knows no key on this machine: `wandb login`, or WANDB_MODE=offline to keep the "
            "run here until `wandb sync`"
        )


WANDB = TrackerKind(
    title="Weights & Biases",
    package="wandb",
    install="pip install 'sceneparse[wandb]'",
    open=WandbRun,
    check=_check,
    project_variable="WANDB_PROJECT",
    name_variable="WANDB_NAME",
)
