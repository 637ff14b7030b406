"""What all programs here share: their command line, and where their figures go."""

import json
import re
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sceneparse.files import write_json

if TYPE_CHECKING:  # compatibility.py runs on top of packages that have no such modules
    import torch

    from sceneparse.settings import Recipe

STDOUT = Path("-")
"""What `--json` without a file means."""


def command_line(description: str | None) -> ArgumentParser:
    """A parser of the options that every program has, `--quick` and `--json`.

    Args:
        description: The program's docstring, which its help shows as it is.
    """
    parser = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the smallest sizes, in seconds: does it all run?")
    parser.add_argument(
        "--json",
        nargs="?",
        type=Path,
        const=STDOUT,
        metavar="FILE",
        help="write the figures to this file as well; without a file: print them as JSON instead of a table",
    )
    return parser


def parsed(parser: ArgumentParser, quick: Mapping[str, Any]) -> Namespace:
    """What was given on the command line.

    Args:
        parser: As `command_line` made it.
        quick: The defaults of the quick form; what is given still wins over them.
    """
    return _with_defaults(parser, quick).parse_args()


def parsed_with_settings(parser: ArgumentParser, quick: Mapping[str, Any]) -> tuple[Namespace, list[str]]:
    """The same of a program that takes a recipe's settings as well (--dotted.name VALUE or =VALUE), beside it."""
    words: list[str] = []
    for word in sys.argv[1:]:
        # A value apart from its name would be taken for an argument of the program's own.
        if words and re.fullmatch(r"--\w+(\.\w+)+", words[-1]):
            words[-1] = f"{words[-1]}={word}"
        else:
            words.append(word)
    return _with_defaults(parser, quick).parse_known_args(words)


def device_of(parser: ArgumentParser, named: str) -> "torch.device":
    """The device that was named. The program ends, with a line on standard error, where it is not there.

    Args:
        parser: The program's.
        named: auto, cpu, cuda or cuda:N.
    """
    from sceneparse.devices import choose_device
    from sceneparse.errors import UserError

    try:
        return choose_device(named)
    except UserError as error:
        parser.error(str(error))


def recipe_of(source: str | Path, arguments: Sequence[str] = ()) -> "Recipe":
    """A recipe whose steps are measured. The program ends, with a line on standard error, where there can be none.

    Args:
        source: A recipe of the package or a .yaml file.
        arguments: Settings that win over it (--dotted.name=value).
    """
    from sceneparse.cli.settings import given_settings
    from sceneparse.errors import UserError
    from sceneparse.recipes import read_recipe
    from sceneparse.settings import Recipe

    try:
        given: Any = given_settings(Recipe, arguments)
        recipe = read_recipe(source, **given)
    except UserError as error:
        _refuse(str(error))
    if recipe.training.batch == "auto":
        # What fits differs from machine to machine, and from row to row of a table.
        _refuse(f"{recipe.name}: training.batch is auto, but rows are compared at one batch: give --training.batch=8")
    return recipe


def _refuse(text: str) -> NoReturn:
    print(f"error: {text}", file=sys.stderr)
    raise SystemExit(2)


def _with_defaults(parser: ArgumentParser, quick: Mapping[str, Any]) -> ArgumentParser:
    if "--quick" in sys.argv[1:]:
        parser.set_defaults(**quick)
    return parser


def write_figures(figures: Any, into: Path | None, show: Callable[[], object] = lambda: None) -> None:
    """Show figures, and write them as JSON where that was asked for.

    Args:
        figures: Rows, each of which becomes a line of JSON, or one object.
        into: As `--json` was given.
        show: Prints the table; nothing where it stands on the terminal already.
    """
    if into != STDOUT:
        show()
        if into is not None:
            write_json(into, figures)
        return
    rows: Iterable[Any] = figures if isinstance(figures, list) else [figures]
    for row in rows:
        print(json.dumps(row), flush=True)


def note(text: str) -> None:
    """Say on standard error what is not measured, or how far a program is."""
    print(text, file=sys.stderr, flush=True)
