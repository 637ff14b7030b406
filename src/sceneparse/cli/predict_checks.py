"""Refusals of arguments of `predict` that don't fit its inputs."""

import argparse
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sceneparse.arguments import check_number, check_probability
from sceneparse.cli.predict_arguments import given_ranges
from sceneparse.errors import UserError
from sceneparse.tasks import Task

if TYPE_CHECKING:
    from sceneparse.datasets.submission import SubmissionForm
    from sceneparse.parsing.artefacts.artefact import Inputs as Kind


def check_write(arguments: argparse.Namespace, inputs: "dict[Kind, bool]") -> None:
    """Refuse a choice of what is written that the inputs cannot be written in."""
    from sceneparse.parsing.artefacts.choice import refuse_unfit

    if arguments.write is None:
        return
    refuse_unfit(arguments.write, [kind for kind, given in inputs.items() if given], overlay=not arguments.no_overlay)
    if arguments.label_frames:
        raise UserError("--write says what is written: name labels in it, and leave --label-frames out")
    if arguments.forms and "labels" not in arguments.write:
        raise UserError(f"--as {arguments.forms[0]} needs label maps: add labels to --write")


def check_legend(arguments: argparse.Namespace, inputs: "dict[Kind, bool]") -> None:
    """Refuse a layout of the legend where no overlay is drawn."""
    if arguments.legend == "auto":
        return
    if not (inputs["pictures"] or inputs["videos"]):
        raise UserError("--legend is for pictures and videos, and there are none among the inputs")
    if arguments.no_overlay:
        raise UserError("--legend says where overlays have their legend: leave --no-overlay out")
    if arguments.write is not None and not {"overlay", "panels"} & set(arguments.write):
        raise UserError("--legend says where overlays have their legend: add overlay to --write")


def check_ignoring(arguments: argparse.Namespace, others: Mapping[str, bool]) -> None:
    """Refuse a least probability that is none, or inputs that know none."""
    if arguments.ignore_below is None:
        return
    check_probability("ignore_below", arguments.ignore_below)
    for name, given in others.items():
        if given:
            raise UserError(f"--ignore-below is for pictures, and there are {name} among the inputs")


def takes_videos_of_folders(arguments: argparse.Namespace) -> bool:
    """Return whether videos that a folder holds are parsed: where nothing is asked for that videos don't have.

    Those that are named are refused then; of those that merely lie in a folder of pictures it is said that they are
    left out.
    """
    from sceneparse.parsing.artefacts.table import ARTEFACTS

    written = arguments.write is None or any(
        name in ARTEFACTS and "videos" in ARTEFACTS[name].inputs for name in arguments.write
    )
    others = any(task != Task.OBJECT for task in arguments.tasks or ())
    here = arguments.runner == "loop" and arguments.ignore_below is None
    return written and here and not others and find_spec("av") is not None


def check_video_arguments(arguments: argparse.Namespace, videos: bool, pictures: bool) -> None:
    """Refuse arguments about videos without a video, and what videos don't have."""
    given = {"--smooth": arguments.smooth, "--seconds": arguments.seconds, "--label-frames": arguments.label_frames}
    if not videos and (idle := [name for name, value in given.items() if value]):
        raise UserError(f"{idle[0]} is for videos and cameras, and there are none among the inputs")
    if videos and (more := [task for task in arguments.tasks or () if task != Task.OBJECT]):
        raise UserError(f"videos are parsed for their objects alone, not by '{more[0]}': leave --tasks out")
    if videos:
        from sceneparse.parsing.runs.video.wishes import refuse_unfit

        refuse_unfit(arguments.smooth or 0.0, arguments.seconds)
    if videos and not pictures and arguments.forms:
        raise UserError(f"--as {arguments.forms[0]} is for pictures, and there are none among the inputs")


def check_volume_arguments(arguments: argparse.Namespace, volumes: bool) -> None:
    """Refuse arguments about volumes without a volume, and what volumes don't have."""
    given = {"--modalities": arguments.modalities, "--grids": arguments.grids}
    if not volumes and (idle := [name for name, value in given.items() if value]):
        raise UserError(f"{idle[0]} is for volumes, and there are none among the inputs")
    if volumes and (more := [task for task in arguments.tasks or () if task != Task.OBJECT]):
        raise UserError(f"volumes are parsed for their objects alone, not by '{more[0]}': leave --tasks out")
    if volumes and arguments.runner == "ray":
        raise UserError("volumes are parsed in this process: leave --runner ray out")
    if volumes and arguments.forms:
        raise UserError(f"--as {arguments.forms[0]} is for pictures, and there are volumes among the inputs")


def check_raster_arguments(arguments: argparse.Namespace, rasters: bool, pictures: bool) -> None:
    """Refuse arguments about rasters and pictures without such, and what rasters don't have."""
    if not rasters and arguments.bands:
        raise UserError("--bands is for rasters (GeoTIFF), and there are none among the inputs")
    if not (rasters or pictures) and arguments.range:
        raise UserError("--range is for pictures and rasters (GeoTIFF), and there are none among the inputs")
    given_ranges(arguments)  # refuses what is no range
    if rasters and (more := [task for task in arguments.tasks or () if task != Task.OBJECT]):
        raise UserError(f"rasters are parsed for their objects alone, not by '{more[0]}': leave --tasks out")
    if rasters and arguments.runner == "ray":
        raise UserError(
            "rasters (GeoTIFF) are among the inputs, which are parsed in this process by windows and keep their "
            "georeference: leave --runner ray out"
        )
    if rasters and arguments.forms:
        raise UserError(f"--as {arguments.forms[0]} is for pictures, and there are rasters among the inputs")
    if rasters:
        from sceneparse.pictures.rasters import installed

        installed()  # what is missing is said before a model is fetched or converted


def check_collection_arguments(arguments: argparse.Namespace, videos: bool, collections: list[str]) -> None:
    """Refuse arguments about workers without workers, and inputs that need these."""
    if arguments.runner == "ray":
        if videos:
            raise UserError("videos are parsed in this process: leave --runner ray out")
        if arguments.forms and ("://" in arguments.out or arguments.store == "parquet"):
            raise UserError(
                f"--as {arguments.forms[0]} needs label maps as files on a disk: give --out DIR, no --store"
            )
        from sceneparse.parsing.runs.collection.addresses import refuse_without_ray

        if arguments.workers is not None:
            check_number("workers", arguments.workers, least=1, whole=True)
        refuse_without_ray()
        return
    if collections:
        raise UserError(f"{collections[0]}: URLs, tar and Parquet files are parsed by workers; add --runner ray")
    names = ("workers", "address", "store", "column")
    if idle := [name for name in names if getattr(arguments, name) is not None]:
        raise UserError(f"--{idle[0]} is for --runner ray alone")
    if "://" in arguments.out:
        raise UserError(f"--out {arguments.out}: only workers write to a URL; add --runner ray")


def check_model(arguments: argparse.Namespace, submissions: "Iterable[SubmissionForm]", pictures: bool) -> None:
    """Refuse what the model's classes and tasks rule out, where they are known before it is opened.

    Args:
        arguments: The command's.
        submissions: The benchmarks' forms that are asked for.
        pictures: Whether there are pictures among the inputs.

    Raises:
        UserError: The model has other classes than a benchmark, or lacks the task of an artefact.
    """
    from sceneparse.parsing.artefacts.choice import fitting, picture_artefacts
    from sceneparse.parsing.chosen_tasks import other_tasks
    from sceneparse.weights.at_hand import labels_at_hand, settings_at_hand

    config, labels = settings_at_hand(arguments.model), labels_at_hand(arguments.model)
    if config is None or labels is None:
        return
    for form in submissions:
        form.refuse_others(labels[0], config.name)
    if pictures and arguments.write is not None:
        tasks = [task for task in other_tasks(labels[1]) if arguments.tasks is None or task in arguments.tasks]
        picture_artefacts(tasks, fitting(arguments.write, "pictures"), model=config.name)
