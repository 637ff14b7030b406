"""trackio: https://huggingface.co/docs/trackio."""

import secrets
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout

from sceneparse.training.trackers.kind import TrackedRun, TrackerKind


class TrackioRun:
    """A run of trackio, in TRACKIO_DIR of this machine, or in a Space (TRACKIO_SPACE_ID).

    Args:
        run: What to open.
    """

    def __init__(self, run: TrackedRun) -> None:
        import trackio

        # trackio finds a run by its name, which several trainings may share.
        self.identity = run.identity or f"{run.name}-{secrets.token_hex(3)}"
        self._last = 0
        # It tells where it writes; standard output belongs to the program that trains.
        with redirect_stdout(sys.stderr):
            self._run = trackio.init(
                project=run.project,
                name=self.identity,
                config=dict(run.settings),
                resume="never" if run.identity is None else "allow",
                embed=False,
            )

    def log(self, values: Mapping[str, float], iteration: int) -> None:
        """Add a point."""
        self._last = iteration
        self._run.log(dict(values), step=iteration)

    def finish(self, status: str) -> None:
        """End the run; trackio has no word for how, so that it is a last value."""
        with redirect_stdout(sys.stderr):
            self._run.log({"status": status}, step=self._last)
            self._run.finish()


TRACKIO = TrackerKind(
    title="trackio",
    package="trackio",
    # Its releases so far ask for Pillow below 13, which sceneparse needs: together they install without that bound.
    install="pip install --no-deps trackio && pip install 'gradio-client>=2' orjson brotli 'uvicorn[standard]' httpx",
    open=TrackioRun,
    project_variable="TRACKIO_PROJECT",
)
