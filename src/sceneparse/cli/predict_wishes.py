"""What `predict` is given, and what it asks of each kind of input: the arguments of the functions that parse."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sceneparse.cli.predict_arguments import given_ranges

if TYPE_CHECKING:
    from sceneparse.parsing.artefacts.artefact import Inputs
    from sceneparse.parsing.runs.raster.sources import RasterSource
    from sceneparse.parsing.runs.summaries import Kind
    from sceneparse.parsing.runs.video.sources import VideoSource


@dataclass(frozen=True)
class Given:
    """The inputs of a command, parted by what parses them.

    Args:
        videos: Videos, or a camera alone.
        volumes: Files, folders and patterns of volumes.
        rasters: Rasters.
        pictures: Files, folders and patterns of pictures.
    """

    videos: "list[VideoSource]"
    volumes: list[str]
    rasters: "list[RasterSource]"
    pictures: list[str]

    @property
    def by_kind(self) -> "dict[Kind, bool]":
        """Whether there are some of a kind."""
        return {
            "video": bool(self.videos),
            "volume": bool(self.volumes),
            "raster": bool(self.rasters),
            "picture": bool(self.pictures),
        }

    @property
    def live(self) -> bool:
        """Whether it is a camera, which never shows the same twice."""
        return any(video.live for video in self.videos)

    @property
    def elsewhere(self) -> frozenset[Path]:
        """The files in folders of pictures that are parsed as something else."""
        files = [*(one.path for one in self.rasters), *(Path(one.address) for one in self.videos if not one.live)]
        return frozenset(files)


def of_videos(arguments: argparse.Namespace) -> dict[str, Any]:
    """What is asked of videos: arguments of `predict_videos` and `videos_done`."""
    drawn = arguments.write is None or "overlay" in arguments.write
    return {
        "overlay": not arguments.no_overlay,
        "label_frames": arguments.label_frames,
        "smooth": arguments.smooth or 0.0,
        "seconds": arguments.seconds,
        "write": _written(arguments, "videos"),
        "legend": arguments.legend if drawn else "auto",
    }


def of_volumes(arguments: argparse.Namespace) -> dict[str, Any]:
    """What is asked of volumes: arguments of `predict_volumes` and `volumes_done`."""
    return {
        "modalities": arguments.modalities,
        "grids": arguments.grids,
        "montage": not arguments.no_overlay,
        "write": _written(arguments, "volumes"),
    }


def of_rasters(arguments: argparse.Namespace) -> dict[str, Any]:
    """What is asked of rasters: arguments of `predict_rasters` and `rasters_done`."""
    return {
        "bands": arguments.bands or (),
        "ranges": given_ranges(arguments),
        "write": _written(arguments, "rasters"),
    }


def of_pictures(arguments: argparse.Namespace, given: Given) -> dict[str, Any]:
    """What is asked of pictures: arguments of `predict_pictures` and `nothing_left`."""
    return {
        "overlay": not arguments.no_overlay,
        "write": _written(arguments, "pictures"),
        "ignore_below": arguments.ignore_below,
        "without": given.elsewhere,
        "legend": arguments.legend,
    }


def _written(arguments: argparse.Namespace, inputs: "Inputs") -> tuple[str, ...] | None:
    """Those of the artefacts that are asked for which inputs of a kind have; None where none are named."""
    from sceneparse.parsing.artefacts.choice import fitting

    return arguments.write and fitting(arguments.write, inputs)
