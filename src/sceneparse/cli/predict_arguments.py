"""Arguments of predict that are about some of its inputs alone."""

import argparse

from sceneparse.errors import UserError


def video_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments about videos and cameras."""
    group = parser.add_argument_group("videos and cameras")
    group.add_argument(
        "--smooth",
        type=float,
        metavar="A",
        help="average the scores over frames, with this weight for those before: 0 (none) up to below 1",
    )
    group.add_argument("--label-frames", action="store_true", help="also write a label map for each frame")
    group.add_argument("--seconds", type=float, metavar="S", help="parse so much of each; ends a camera's recording")


def raster_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments about rasters and deep pictures."""
    group = parser.add_argument_group("rasters: GeoTIFFs, and TIFFs that are no common pictures")
    group.add_argument(
        "--bands",
        type=int,
        nargs="+",
        metavar="N",
        help="which bands are the channels, counted from 1 (default: as in training, else all)",
    )
    range_argument(group)


def range_argument(group: "argparse._ArgumentGroup") -> None:
    """Add the argument about the numbers that are black and white."""
    group.add_argument(
        "--range",
        type=float,
        nargs="+",
        metavar="V",
        help="the values that become black and white in rasters and in pictures of more than 8 bits: LOW HIGH, or such "
        "a pair for each band (default: as in training, else 0 and the largest of the type)",
    )


def given_ranges(arguments: argparse.Namespace) -> list[tuple[float, float]]:
    """Return the ranges that the arguments say.

    Raises:
        UserError: No pairs, or one that is no range.
    """
    limits = arguments.range or []
    if len(limits) % 2:
        raise UserError("--range takes two values, black and white, or two for each band")
    ranges = list(zip(limits[::2], limits[1::2], strict=True))
    if ranges:
        from sceneparse.pictures.rasters import BandForm

        BandForm(ranges=tuple(ranges))  # refuses a range that is none
    return ranges


def collection_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments about collections."""
    group = parser.add_argument_group("whole collections (inputs may be .tar and .parquet files and URLs too)")
    group.add_argument(
        "--runner",
        choices=("loop", "ray"),
        default="loop",
        help="loop: one picture after the other in this process (default); ray: workers on this machine or a cluster",
    )
    group.add_argument("--workers", type=int, metavar="N", help="how many workers (default: by processors and GPUs)")
    group.add_argument("--address", metavar="ADDRESS", help="a Ray cluster (default: Ray on this machine alone)")
    group.add_argument(
        "--store", choices=("files", "parquet"), help="what is written: files (default), or rows of Parquet files"
    )
    group.add_argument("--column", metavar="NAME", help="the column of Parquet inputs that holds the pictures")
