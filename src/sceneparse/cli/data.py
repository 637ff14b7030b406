"""Verbs about data sets: data list, data get, data check, data show, data export and data build-broden."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sceneparse.cli.beforehand import loading, refuse_wrong_counts
from sceneparse.cli.beforehand_data import refuse_missing_split
from sceneparse.cli.command import Command, output_file, recipe_settings
from sceneparse.datasets.forms.table import FORMS
from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import require
from sceneparse.paths import expanded, expanded_text

if TYPE_CHECKING:
    from sceneparse.settings import Recipe


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", choices=list(KINDS), metavar="KIND", help="all that is known of one")
    parser.add_argument(
        "--json", type=output_file, metavar="FILE", help="also write all that is known of all kinds as JSON"
    )


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
    parser.add_argument("--out", type=expanded, required=True, metavar="DIR", help="its folder, made if it isn't there")
    parser.add_argument("--keep", action="store_true", help="keep the archives too, in DIR/archives")


def _get(arguments: argparse.Namespace) -> int:
    from sceneparse.datasets.getting.get import get_dataset

    get_dataset(arguments.kind, KINDS[arguments.kind].entry, arguments.out, keep=arguments.keep)
    folder = shlex.quote(str(arguments.out))
    print(f"data set: {arguments.out}\ncheck it: sceneparse data check {folder} --kind {arguments.kind}")
    return 0


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=expanded_text, metavar="DIR", help="the data set's folder, 'toyworld' or a recipe")
    parser.add_argument(
        "--kind",
        choices=list(KINDS),
        metavar="KIND",
        help="as 'sceneparse data list' names it, or mixture: what the recipe mixes (default: what DIR looks like)",
    )
    parser.add_argument(
        "--root", type=expanded_text, metavar="DIR", help="of a recipe: the folder that its data lie in (data.root)"
    )


def _read_data(arguments: argparse.Namespace) -> tuple["Recipe", int]:
    """The recipe whose data set a command line names, and the number of its pictures' channels."""
    from sceneparse.datasets.named import named_data

    given: dict[str, Any] = dict(recipe_settings(arguments))
    backbone, own = dict(given.get("backbone", {})), dict(given.get("data", {}))
    wanted = backbone.pop("in_channels", None)
    for name in ("kind", "root"):
        require(
            getattr(arguments, name) is None or name not in own, f"--{name} and --data.{name} say the same: give one"
        )
    kind, root = arguments.kind or own.pop("kind", None), arguments.root or own.pop("root", None)
    # How many channels are asked for depends on no other setting here.
    changes = given | {"backbone": backbone, "data": own}
    recipe, usual = named_data(arguments.data, kind, root=root, changes=changes, where="command line")
    return recipe, wanted or usual


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    _data_arguments(parser)
    parser.add_argument("--json", type=output_file, metavar="FILE", help="also write the findings as JSON")


def _check(arguments: argparse.Namespace) -> int:
    from sceneparse.doctor import check_data

    recipe, channels = _read_data(arguments)
    return 0 if check_data(recipe, channels=channels, json=arguments.json).ok else 2


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    _data_arguments(parser)
    parser.add_argument("--split", default="train", help="default: train")
    parser.add_argument("--count", type=int, default=6, metavar="N", help="samples in the picture (default: 6)")
    parser.add_argument(
        "--recipe", type=expanded_text, help="show its draws and augmentation (default: the standard ones)"
    )
    parser.add_argument(
        "--out", type=output_file, default=Path("samples.png"), metavar="FILE", help="default: samples.png"
    )


def _show(arguments: argparse.Namespace) -> int:
    from sceneparse.datasets.named import look_of
    from sceneparse.files import refuse_unwritable_file

    refuse_wrong_counts(arguments, "count")
    settings: dict[str, Any] = dict(recipe_settings(arguments))
    given: Any = {name: settings[name] for name in ("augmentation", "sampling", "preprocessing") if name in settings}
    look = look_of(arguments.recipe, **given)
    recipe, channels = _read_data(arguments)
    refuse_missing_split(recipe.data, arguments.split, channels)
    refuse_unwritable_file(arguments.out)
    with loading():
        from sceneparse.datasets.show import show_data
    show_data(recipe, split=arguments.split, count=arguments.count, out=arguments.out, channels=channels, **look)
    return 0


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    _data_arguments(parser)
    parser.add_argument("--out", type=expanded, required=True, metavar="DIR", help="a new folder")
    parser.add_argument(
        "--as",
        dest="form",
        default="folder",
        metavar="FORM",
        help=f"the form of annotation: {', '.join(FORMS)} (default: folder, pictures and masks to train on)",
    )


def _export(arguments: argparse.Namespace) -> int:
    from sceneparse.datasets.left_out import say_left_out
    from sceneparse.datasets.writing import export_dataset

    recipe, channels = _read_data(arguments)
    counts = export_dataset(recipe.data, arguments.out, form=arguments.form, channels=channels)
    print(f"data set: {arguments.out} ({', '.join(f'{split} {count:,}' for split, count in counts.items())})")
    if arguments.form == "folder":
        print(f"check it: sceneparse data check {shlex.quote(str(arguments.out))}")
    say_left_out(recipe.data)
    return 0


def _build_broden_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=expanded, required=True, metavar="DIR", help="a new folder for the joint set")
    parser.add_argument("--ade20k", type=expanded, metavar="DIR", help="ADE20K with its full annotation, any release")
    parser.add_argument(
        "--pascal", type=expanded, metavar="DIR", help="holds VOC2010, context (Pascal-Context) and part (Pascal-Part)"
    )
    parser.add_argument("--opensurfaces", type=expanded, metavar="DIR", help="OpenSurfaces, release 0")
    parser.add_argument("--dtd", type=expanded, metavar="DIR", help="DTD, release 1.0.1")
    parser.add_argument(
        "--tables", type=expanded, metavar="DIR", help="label tables (default: Broden+'s, which come along)"
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
    also=("backbone.in_channels", "augmentation.mirror"),
)

DATA_SHOW = Command(
    "a contact sheet of samples with their masks, before and after augmentation",
    "sceneparse data show my-data --out samples.png",
    _show_arguments,
    _show,
    settings=True,
    groups=("data", "augmentation", "sampling", "preprocessing"),
    also=("backbone.in_channels",),
)

DATA_EXPORT = Command(
    "write any data set as a folder of pictures, masks and a classes.json, or in a form of an annotation tool",
    "sceneparse data export toyworld --out my-pictures --data.toyworld.train_count 600",
    _export_arguments,
    _export,
    settings=True,
    groups=("data",),
    also=("backbone.in_channels",),
)

DATA_BUILD_BRODEN = Command(
    "make the joint set of Unified Perceptual Parsing from the data sets that it is made of",
    "sceneparse data build-broden --ade20k ADE20K_2021_17_01 --dtd dtd --opensurfaces opensurfaces --out broden",
    _build_broden_arguments,
    _build_broden,
)
