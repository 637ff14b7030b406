"""Settings that another package declares for what it adds."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from sceneparse.errors import UserError

Options = TypeVar("Options")


def read_options(kind: type[Options], given: Mapping[str, Any], setting: str) -> Options:
    """Read options as the dataclass that declares them.

    Args:
        kind: The dataclass.
        given: What differs from its defaults.
        setting: The dotted name of the setting that holds them, such as "data.options".

    Raises:
        UserError: An unknown option (the nearest known one is named), or a value of the wrong type or out of range.
    """
    import jsonargparse

    known = [item.name for item in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}"
            raise UserError(f"{setting}: unknown setting '{name}'; {hint}")
    parser = jsonargparse.ArgumentParser(exit_on_error=False, add_help=False)
    parser.add_class_arguments(kind, None)
    try:
        read = parser.instantiate(parser.parse_object(dict(given)))
        return kind(**vars(read))
    except (jsonargparse.ArgumentError, TypeError, ValueError) as error:
        raise UserError(f"{setting}: {' '.join(str(error).split())}") from None
    except UserError as error:
        raise UserError(f"{setting}: {error}") from None
