"""Verbs that parse pictures, videos, volumes and rasters: predict and discover."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sceneparse.cli.beforehand import (
    announce_conversions,
    loading,
    refuse_missing_model,
    refuse_unfit,
    refuse_unwritable_folder,
    refuse_wrong_protocol,
)
from sceneparse.cli.command import MODEL_HELP, Command, engine_arguments, protocol_arguments
from sceneparse.cli.order import check_order
from sceneparse.cli.predict_arguments import collection_arguments, raster_arguments, video_arguments
from sceneparse.cli.predict_checks import (
    check_collection_arguments,
    check_ignoring,
    check_legend,
    check_model,
    check_raster_arguments,
    check_video_arguments,
    check_volume_arguments,
    check_write,
    takes_videos_of_folders,
)
from sceneparse.cli.predict_opening import opened
from sceneparse.cli.predict_wishes import Given, of_pictures, of_rasters, of_videos, of_volumes
from sceneparse.datasets.forms.table import FORMS
from sceneparse.paths import expanded, expanded_text
from sceneparse.settings.data import Grids
from sceneparse.settings.legend import LegendLayout
from sceneparse.tasks import TASK_NAMES

if TYPE_CHECKING:
    from sceneparse.parsing import Parser
    from sceneparse.parsing.artefacts.artefact import Inputs as Kind


def tasks_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that chooses the tasks of a unified model."""
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=TASK_NAMES,
        help="what a unified model shall tell (default: all that it knows)",
    )


def _predict_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=expanded_text, metavar="MODEL", help=f"{MODEL_HELP}, or an exported file")
    parser.add_argument(
        "inputs",
        type=expanded_text,
        metavar="INPUT",
        nargs="+",
        help="pictures, folders, globs, videos, a camera such as /dev/video0, volumes (.nii.gz), or rasters (GeoTIFF)",
    )
    parser.add_argument(
        "--out", type=expanded_text, required=True, metavar="DIR", help="where label maps, overlays and JSON go"
    )
    parser.add_argument("--no-overlay", action="store_true", help="write label maps and JSON only")
    parser.add_argument(
        "--legend",
        choices=get_args(LegendLayout),
        default="auto",
        help="where overlays name their classes: auto (beside upright ones, below others; default), below, or none",
    )
    parser.add_argument(
        "--write",
        nargs="+",
        metavar="NAME",
        help="what to write beside the JSON, in place of the default: labels, overlay, confidence, confidence16, "
        "geojson, and of a unified model parts, materials, textures, panels; of videos labels, overlay, timeline; of "
        "volumes labels, montage; of rasters labels, polygons (GeoJSON), geopackage; or what an installed package adds",
    )
    parser.add_argument(
        "--ignore-below",
        type=float,
        metavar="P",
        help="give no class to pixels whose class is less probable than P (above 0, at most 1), as pseudo-labels to "
        "train on",
    )
    parser.add_argument("--again", action="store_true", help="also do what is already done")
    tasks_argument(parser)
    video_arguments(parser)
    volumes = parser.add_argument_group("volumes")
    volumes.add_argument(
        "--modalities",
        nargs="+",
        metavar="NAME",
        help="what a case's volumes are called, in the order of the channels (default: as in training)",
    )
    volumes.add_argument(
        "--grids",
        choices=get_args(Grids),
        help="where the affines of a case's volumes differ: equal refuses it, resample brings all onto the first one's "
        "voxels, ignore takes them voxel by voxel (default: as in training, else equal)",
    )
    raster_arguments(parser)
    collection_arguments(parser)
    protocol_arguments(parser)
    engine_arguments(parser)
    parser.add_argument(
        "--as",
        dest="forms",
        action="append",
        default=[],
        metavar="FORM",
        help=f"also write DIR's label maps as annotations, in DIR/FORM ({', '.join(FORMS)}), or as the server of a "
        "benchmark (cityscapes, voc2012) takes them, in a folder to be packed and sent; may be given several times",
    )


def _predict(arguments: argparse.Namespace) -> int:
    from sceneparse.parsing.annotating import refuse_unwritable, write_annotations
    from sceneparse.parsing.picture_inputs import Inputs
    from sceneparse.parsing.runs.collection import needs_collection
    from sceneparse.parsing.runs.raster import split_rasters
    from sceneparse.parsing.runs.video import split_videos
    from sceneparse.parsing.runs.volume import split_volumes
    from sceneparse.parsing.submissions import submission_form, write_submissions

    check_order(arguments)
    forms = list(dict.fromkeys(arguments.forms))
    annotations = [name for name in forms if name in FORMS]
    submissions = {name: submission_form(name) for name in forms if name not in FORMS}
    videos, others = split_videos(arguments.inputs, Path(arguments.out), folders=takes_videos_of_folders(arguments))
    volumes, others = split_volumes(others, Path(arguments.out))
    rasters, pictures = split_rasters(others, Path(arguments.out))
    check_video_arguments(arguments, bool(videos), bool(pictures))
    check_volume_arguments(arguments, bool(volumes))
    check_raster_arguments(arguments, bool(rasters), bool(pictures))
    check_collection_arguments(arguments, bool(videos), [source for source in pictures if needs_collection(source)])
    check_ignoring(arguments, {"videos": bool(videos), "volumes": bool(volumes), "rasters": bool(rasters)})
    there: dict[Kind, bool] = {
        "pictures": bool(pictures),
        "videos": bool(videos),
        "volumes": bool(volumes),
        "rasters": bool(rasters),
    }
    check_write(arguments, there)
    check_legend(arguments, there)
    if pictures and arguments.runner == "loop":
        # What is missing is said before a model is fetched or converted.
        found = Inputs(pictures, Path(arguments.out))
        for name in annotations:
            refuse_unwritable(Path(arguments.out), name, ((one.name, one.path) for one in found))
    refuse_wrong_protocol(arguments)
    refuse_missing_model(arguments.model)
    refuse_unfit(arguments.model, arguments)
    check_model(arguments, submissions.values(), bool(pictures))
    if "://" not in arguments.out:
        refuse_unwritable_folder(Path(arguments.out), "summary.json")
    given = Given(videos, volumes, rasters, pictures)
    parser = opened(arguments, given)
    for form in submissions.values():
        form.refuse_others(parser.labels, parser.name)
    if arguments.runner == "ray":
        from sceneparse.parsing.runs.collection import predict_collection

        summary = predict_collection(
            parser,
            pictures,
            arguments.out,
            store=arguments.store or "files",
            overlay=not arguments.no_overlay,
            column=arguments.column,
            workers=arguments.workers,
            address=arguments.address,
            again=arguments.again,
            write=arguments.write,
            ignore_below=arguments.ignore_below,
            legend=arguments.legend,
        )
        failed = summary.failed
    else:
        failed = _predict_here(arguments, parser, given)
    for name in submissions:
        written = write_submissions(parser, arguments.out, name, ignore_below=arguments.ignore_below)
        print(f"results: {written}")
    for name in annotations:
        written = write_annotations(parser, arguments.out, name, ignore_below=arguments.ignore_below)
        print(f"{name}: {written}")
    return 1 if failed else 0


def _predict_here(arguments: argparse.Namespace, parser: "Parser", given: Given) -> int:
    """Videos, cameras, volumes, rasters and pictures, one after the other; how many failed."""
    failed, out, again = 0, Path(arguments.out), arguments.again
    _refuse_records(arguments, parser, given)
    if given.videos:
        from sceneparse.parsing.runs.video import predict_videos

        failed += predict_videos(parser, given.videos, out, again=again, **of_videos(arguments)).failed
    if given.volumes:
        from sceneparse.parsing.runs.volume import predict_volumes
        from sceneparse.parsing.runs.volume.sources import pictures_among

        for line in pictures_among(given.volumes, out):
            print(line, file=sys.stderr)
        failed += predict_volumes(parser, given.volumes, out, again=again, **of_volumes(arguments)).failed
    if given.rasters:
        from sceneparse.parsing.runs.raster import predict_rasters

        failed += predict_rasters(parser, given.rasters, out, again=again, **of_rasters(arguments)).failed
    if given.pictures:
        from sceneparse.parsing import predict_pictures

        how = of_pictures(arguments, given)
        failed += predict_pictures(parser, given.pictures, out, again=again, **how).failed
    return failed


def _refuse_records(arguments: argparse.Namespace, parser: "Parser", given: Given) -> None:
    """Refuse pictures of which a file would take the place of one of a video, a volume or a raster."""
    from sceneparse.parsing.artefacts.file_names import refuse_records
    from sceneparse.parsing.picture_inputs import Inputs
    from sceneparse.parsing.runs.volume import find_volumes, modalities_for

    if not (given.pictures and (given.videos or given.volumes or given.rasters)):
        return
    out = Path(arguments.out)
    found = Inputs(given.pictures, out, given.elsewhere)
    names = modalities_for(parser, arguments.modalities) if given.volumes else ()
    cases = find_volumes(given.volumes, names, out) if given.volumes else []
    others: dict[Kind, list[tuple[str, str]]] = {
        "videos": [(one.name, one.shown) for one in given.videos],
        "volumes": [(one.name, one.shown) for one in cases],
        "rasters": [(one.name, one.shown) for one in given.rasters],
    }
    refuse_records(((one.name, str(one.path)) for one in found), others, arguments.write)


def _discover_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=expanded_text, metavar="MODEL", help="a unified model: its folder, name or hub id"
    )
    parser.add_argument("inputs", type=expanded_text, metavar="FOLDER", nargs="+", help="pictures, folders or globs")
    parser.add_argument(
        "--out", type=expanded, default=Path("discoveries"), metavar="DIR", help="default: a folder named discoveries"
    )
    engine_arguments(parser)


def _discover(arguments: argparse.Namespace) -> int:
    from sceneparse.parsing.chosen_tasks import refuse_objects_alone
    from sceneparse.pictures import find_pictures
    from sceneparse.weights.at_hand import labels_at_hand, settings_at_hand

    check_order(arguments)
    refuse_missing_model(arguments.model)
    refuse_unfit(arguments.model, arguments)
    config, labels = settings_at_hand(arguments.model), labels_at_hand(arguments.model)
    if config is not None and labels is not None:
        refuse_objects_alone(config.name, labels[1])
    find_pictures(arguments.inputs)  # raises at once what is wrong with them
    refuse_unwritable_folder(arguments.out, "discoveries.json")
    announce_conversions([arguments.model], arguments)
    with loading():
        from sceneparse.parsing import discover, load
    parser = load(arguments.model, engine=arguments.engine, device=arguments.device, precision=arguments.precision)
    for table in discover(parser, arguments.inputs, arguments.out):
        print(f"{table.name}: {len(table.rows)} x {len(table.columns)} classes that occur together")
    print(f"tables: {arguments.out / 'discoveries.json'}\npicture: {arguments.out / 'discoveries.png'}")
    return 0


PREDICT = Command(
    "parse pictures, videos, volumes and rasters: label map, overlay and JSON for each",
    "sceneparse predict runs/my-recipe/model holiday/ 'more/**/*.jpg' --out parsed",
    _predict_arguments,
    _predict,
)

DISCOVER = Command(
    "what goes together in many pictures: scenes and objects, objects, parts, materials and textures",
    "sceneparse discover runs/toy-unified/model holiday/ --out discoveries",
    _discover_arguments,
    _discover,
)
