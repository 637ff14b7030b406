"""What `sceneparse bench` is asked for, and refuses before PyTorch is loaded where it cannot be."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from sceneparse.arguments import argument, check_choice, check_names, check_number, check_type, checked_size
from sceneparse.errors import require
from sceneparse.files import refuse_unwritable_file
from sceneparse.paths import expanded
from sceneparse.settings import Precision
from sceneparse.settings.engine import ENGINE_NAMES

LEAST = 33
"""Pixels a side of the smallest picture that is measured: what most exported programs take."""


def refuse_unmeasurable(
    size: Any,
    batch: Any,
    repeats: Any,
    engines: Sequence[str] | None,
    precisions: Sequence[str] | None,
    json: str | Path | None,
) -> tuple[int, int] | None:
    """Refuse wishes that nothing can fulfil; return the size as plain numbers.

    Args:
        size: As in `bench`, like the next ones.
        batch: …
        repeats: …
        engines: …
        precisions: …
        json: …

    Raises:
        UserError: A size, a batch or a number that is none, an engine or a precision that there is not or that is named
            twice, or a record that cannot be written there.
    """
    size = checked_size("size", size)
    require(
        size is None or min(size) >= LEAST,
        f"{argument('size', size)} is too small: a picture that is measured has at least {LEAST} pixels a side",
    )
    for what, number in (("batch", batch), ("repeats", repeats)):
        check_number(what, number, least=1, whole=True)
    named = [one for one in ENGINE_NAMES if one != "auto"]
    _check_chosen("engines", engines, named, argument("engines", option="--engine"))
    fixed = [one for one in get_args(Precision) if one != "auto"]
    _check_chosen("precisions", precisions, fixed, argument("precisions", option="--precision"))
    check_type("json", json, (str, Path, type(None)), "a file or None")
    if json is not None:
        refuse_unwritable_file(expanded(json))
    return size


def _check_chosen(name: str, chosen: Sequence[str] | None, choices: Sequence[str], shown: str) -> None:
    """Refuse what is no list of an argument's values, each of them once."""
    if chosen is None:
        return
    check_names(name, chosen, choices[0])
    for one in chosen:
        check_choice(name, one, choices)
    twice = next((one for one in chosen if list(chosen).count(one) > 1), None)
    require(twice is None, f"{shown} names {twice} twice, which would be measured once")
