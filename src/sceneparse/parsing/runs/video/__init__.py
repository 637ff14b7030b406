"""Videos and cameras: overlay videos, label frames, and what is seen over time."""

from sceneparse.parsing.runs.video.run import predict_videos
from sceneparse.parsing.runs.video.sources import VIDEO_SUFFIXES, VideoSource, split_videos

__all__ = ["VIDEO_SUFFIXES", "VideoSource", "predict_videos", "split_videos"]
