"""Videos and cameras: overlay videos, label frames, and what is seen over time."""

from typing import TYPE_CHECKING, Any

from sceneparse.parsing.runs.video.sources import VideoSource, split_videos
from sceneparse.pictures.forms import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from sceneparse.parsing.runs.video.run import predict_videos, videos_done

__all__ = ["VIDEO_SUFFIXES", "VideoSource", "predict_videos", "split_videos", "videos_done"]


def __getattr__(name: str) -> Any:
    # Imported when first used: telling which inputs are videos must not wait for torch.
    if name not in ("predict_videos", "videos_done"):
        raise AttributeError(f"module 'sceneparse.parsing.runs.video' has no attribute '{name}'")
    from sceneparse.parsing.runs.video import run

    return getattr(run, name)
