"""Videos and cameras: overlay videos, label frames, and what is seen over time."""

from sceneparse.parsing.runs.video.run import predict_videos
from sceneparse.parsing.runs.video.sources import VideoSource, split_videos
from sceneparse.pictures.forms import VIDEO_SUFFIXES

__all__ = ["VIDEO_SUFFIXES", "VideoSource", "predict_videos", "split_videos"]
