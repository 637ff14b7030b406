"""Verbs about data sets: data list, data get, data check, data show, data export and data build-broden."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sceneparse.arguments import argument
from sceneparse.cli.command import Command, recipe_settings
from sceneparse.datasets.forms.table import FORMS
from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError

if TYPE_CHECKING:
    from sceneparse.settings import DataSettings


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", choices=list(KINDS), metavar="KIND", help="all that is known of one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all that is known of all kinds as JSON")


def _list(arguments: argparse.Namespace) -> int:
    from sceneparse.datasets.getting.listing import catalogue_json, describe, overview
    from sceneparse.files import refuse_unwritable_file, write_json

    if arguments.json:
        refuse_unwritable_file(arguments.json)
    if arguments.kind:
        print(describe(arguments.kind))
    else:
        from sceneparse.progress import results_console

        results_console().print(overview())
    if arguments.json:
        write_json(arguments.json, catalogue_json())
    return 0


def _get_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=list(KINDS), metavar="KIND", help="as 'sceneparse data list' names it")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="its folder, made if it isn't there")
    parser.add_argument("--keep", action="store_true", help="keep the archives too, in DIR/archives")


def _get(arguments: argparse.Namespace) -> int:
    from sceneparse.datasets.getting.get import get_dataset

    get_dataset(arguments.kind, KINDS[arguments.kind].entry, arguments.out, keep=arguments.keep)
    print(f"data set: {arguments.out}\ncheck it: sceneparse data check {arguments.out} --kind {arguments.kind}")
    return 0


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DIR", help="the data set's folder, 'toyworld' or a recipe")
    parser.add_argument(
        "--kind",
        choices=list(KINDS),
        metavar="KIND",
        help="as 'sceneparse data list' names it, or mixture: what the recipe mixes (default: what DIR looks like)",
    )
    parser.add_argument("--root", metavar="DIR", help="mixture only: the folder that its data sets lie in")


def _data_settings(arguments: argparse.Namespace) -> "DataSettings":
    """The settings of the data set that a command line names, recognising its kind where that is not named."""
    from sceneparse.recipes import from_mapping, read_recipe
    from sceneparse.recipes.reading import layered
    from sceneparse.settings import Recipe

    given: dict[str, Any] = dict(recipe_settings(arguments))
    # How many channels are asked for depends on no other setting here.
    given["backbone"] = {name: value for name, value in given.get("backbone", {}).items() if name != "in_channels"}
    if arguments.data in KINDS and KINDS[arguments.data].root == "none":
        return from_mapping(Recipe, {"data": {"kind": arguments.data}}, "command line", given).data
    if arguments.kind is None:
        arguments.kind = given.get("data", {}).get("kind") or _recognised(Path(arguments.data))
    if KINDS[arguments.kind].root == "none":
        raise UserError(f"kind {arguments.kind} has no folder: give {arguments.kind} in place of {arguments.data}")
    if KINDS[arguments.kind].mixes:
        if arguments.root:
            given = layered({"data": {"root": arguments.root}}, given)
        data = read_recipe(arguments.data, **given).data
        if not KINDS[data.kind].mixes:
            raise UserError(f"{arguments.data}: its data are of kind {data.kind}, not a mixture")
        return data
    if arguments.root:
        raise UserError(f"--root has no effect, since the kind is {arguments.kind}: give the folder itself")
    folder = {"kind": arguments.kind, "root": arguments.data}
    return from_mapping(Recipe, {"data": folder}, "command line", given).data


def _recognised(root: Path) -> str:
    """The kind that a folder has the look of; a line says it, if it isn't the kind `folder` alone."""
    from sceneparse.datasets.recognising import recognise

    found = recognise(root.expanduser())
    if found.kind != "folder" or found.others:
        print(f"{found.describe()}; to train on it: {argument('data.kind', found.kind)}", file=sys.stderr)
    return found.kind


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    _data_arguments(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the findings as JSON")


def _check(arguments: argparse.Namespace) -> int:
    from sceneparse.doctor import check, print_diagnosis
    from sceneparse.files import refuse_unwritable_file, write_json
    from sceneparse.progress import results_console

    if arguments.json:
        refuse_unwritable_file(arguments.json)
    settings = _data_settings(arguments)
    wanted: Any = recipe_settings(arguments).get("backbone", {})
    channels = wanted.get("in_channels", KINDS[settings.kind].channels(settings))
    diagnosis = check(settings, channels=channels, mirrored=_mirrors(arguments, settings))
    print_diagnosis(diagnosis, results_console())
    if arguments.json:
        write_json(arguments.json, diagnosis.to_json())
    return 0 if diagnosis.ok else 2


def _mirrors(arguments: argparse.Namespace, settings: "DataSettings") -> bool:
    """Whether pictures are mirrored in training, by a mixture's recipe or by the defaults, and the command line."""
    from sceneparse.recipes import from_mapping, read_recipe
    from sceneparse.settings import AugmentationSettings

    given: Any = dict(recipe_settings(arguments)).get("augmentation", {})
    if KINDS[settings.kind].mixes:
        return read_recipe(arguments.data, augmentation=given).augmentation.mirror > 0
    return from_mapping(AugmentationSettings, given, "command line").mirror > 0


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    _data_arguments(parser)
    parser.add_argument("--split", default="train", help="default: train")
    parser.add_argument("--count", type=int, default=6, metavar="N", help="samples in the picture (default: 6)")
    parser.add_argument("--recipe", default=None, help="show its draws and augmentation (default: the standard ones)")
    parser.add_argument("--out", type=Path, default=Path("samples.png"), metavar="FILE", help="default: samples.png")


def _show(arguments: argparse.Namespace) -> int:
    from sceneparse.datasets.show import show
    from sceneparse.recipes import read_recipe

    recipe = read_recipe(arguments.recipe) if arguments.recipe else None
    settings = _data_settings(arguments)
    notes = show(
        settings,
        arguments.split,
        arguments.out,
        count=arguments.count,
        augmentation=recipe.augmentation if recipe else None,
        sampling=recipe.sampling if recipe else None,
        preprocessing=recipe.preprocessing if recipe else None,
    )
    print("\n".join([f"contact sheet: {arguments.out}", *(f"note: {note}" for note in notes)]))
    _say_left_out(settings)
    return 0


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    _data_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument(
        "--as",
        dest="form",
        default="folder",
        metavar="FORM",
        help=f"the form of annotation: {', '.join(FORMS)} (default: folder, pictures and masks to train on)",
    )


def _export(arguments: argparse.Namespace) -> int:
    from sceneparse.datasets.writing import export_dataset

    settings = _data_settings(arguments)
    counts = export_dataset(settings, arguments.out, form=arguments.form)
    print(f"data set: {arguments.out} ({', '.join(f'{split} {count:,}' for split, count in counts.items())})")
    if arguments.form == "folder":
        print(f"check it: sceneparse data check {arguments.out}")
    _say_left_out(settings)
    return 0


def _say_left_out(settings: "DataSettings") -> None:
    """Count files whose format isn't read, if there are any."""
    from sceneparse.datasets.left_out import left_out_of

    for one in left_out_of(settings).kinds:
        print(one, file=sys.stderr)


def _build_broden_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder for the joint set")
    parser.add_argument("--ade20k", type=Path, metavar="DIR", help="ADE20K with its full annotation, any release")
    parser.add_argument(
        "--pascal", type=Path, metavar="DIR", help="holds VOC2010, context (Pascal-Context) and part (Pascal-Part)"
    )
    parser.add_argument("--opensurfaces", type=Path, metavar="DIR", help="OpenSurfaces, release 0")
    parser.add_argument("--dtd", type=Path, metavar="DIR", help="DTD, release 1.0.1")
    parser.add_argument(
        "--tables", type=Path, metavar="DIR", help="label tables (default: Broden+'s, which come along)"
    )
    parser.add_argument(
        "--min-pictures", type=int, default=50, metavar="N", help="of an object or material (default: 50)"
    )
    parser.add_argument(
        "--min-pixels", type=int, default=50_000, metavar="N", help="of an object or material (default: 50000)"
    )
    parser.add_argument(
        "--part-pictures", type=int, default=20, metavar="N", help="pictures of an object's part (default: 20)"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides which pictures are held out (default: 0)")


def _build_broden(arguments: argparse.Namespace) -> int:
    from sceneparse.datasets.broden.build import build_broden

    built = build_broden(**{name: value for name, value in vars(arguments).items() if name != "command_line"})
    print("\n".join(built.describe()))
    print(f"joint set: {arguments.out}")
    return 0


DATA_LIST = Command(
    "which data sets can be read: what they are, their terms, where they are had, how they lie on disk",
    "sceneparse data list ade20k",
    _list_arguments,
    _list,
)

DATA_GET = Command(
    "fetch a published data set: goes on where it stopped, compares checksums, unpacks",
    "sceneparse data get ade20k --out ade20k",
    _get_arguments,
    _get,
)

DATA_CHECK = Command(
    "the data doctor: read everything and say what is wrong, before a minute is spent on training",
    "sceneparse data check my-data",
    _check_arguments,
    _check,
    settings=True,
    groups=("data",),
)

DATA_SHOW = Command(
    "a contact sheet of samples with their masks, before and after augmentation",
    "sceneparse data show my-data --out samples.png",
    _show_arguments,
    _show,
    settings=True,
    groups=("data",),
)

DATA_EXPORT = Command(
    "write any data set as a folder of pictures, masks and a classes.json, or in a form of an annotation tool",
    "sceneparse data export toyworld --out my-pictures --data.toyworld.train_count 600",
    _export_arguments,
    _export,
    settings=True,
    groups=("data",),
)

DATA_BUILD_BRODEN = Command(
    "make the joint set of Unified Perceptual Parsing from the data sets that it is made of",
    "sceneparse data build-broden --ade20k ADE20K_2021_17_01 --dtd dtd --opensurfaces opensurfaces --out broden",
    _build_broden_arguments,
    _build_broden,
)
