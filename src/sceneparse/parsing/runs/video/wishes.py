"""What a run over videos is asked for, and refuses before PyTorch is loaded where it cannot be."""

from importlib.util import find_spec

from sceneparse.errors import require
from sceneparse.pictures.forms import NO_PYAV


def refuse_unfit(smooth: float, seconds: float | None) -> None:
    """Refuse wishes that nothing can fulfil, and all of them without PyAV, which is not imported.

    Args:
        smooth: As in `predict_videos`, like the next one.
        seconds: …

    Raises:
        UserError: A value out of its range, or PyAV is missing.
    """
    require(0 <= smooth < 1, f"smoothing {smooth:g}: give the weight of the frames before, 0 or more and below 1")
    require(seconds is None or seconds > 0, "seconds: give more than 0")
    require(find_spec("av") is not None, NO_PYAV)
