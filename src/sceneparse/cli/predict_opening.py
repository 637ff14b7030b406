"""Open the model of `predict`: its network is converted for OpenVINO only where something is left to parse."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sceneparse.cli.beforehand import announce_conversions, loading
from sceneparse.cli.command import changed_protocol
from sceneparse.cli.predict_arguments import given_ranges

if TYPE_CHECKING:
    from sceneparse.parsing import Parser

UNUSED = {"engine": "torch", "device": "cpu", "precision": "float32"}
"""How a model is opened that may have nothing to do: the way that is ready at once."""


def opened(arguments: argparse.Namespace, pictures: list[str], *, alone: bool) -> "Parser":
    """Open the model.

    Args:
        arguments: The command's.
        pictures: The pictures, folders and patterns among its inputs.
        alone: Whether there is nothing else among them.

    Raises:
        UserError: As of `load`.
    """
    ready = alone and _may_be_done(arguments)
    if not ready:
        announce_conversions([arguments.model], arguments)
    with loading():
        from sceneparse.parsing.artefacts.choice import fitting
        from sceneparse.parsing.runs.left import nothing_left
    if ready:
        parser = _loaded(arguments, pictures, **UNUSED)
        if nothing_left(
            parser,
            pictures,
            Path(arguments.out),
            overlay=not arguments.no_overlay,
            write=arguments.write and fitting(arguments.write, "pictures"),
            ignore_below=arguments.ignore_below,
            legend=arguments.legend,
        ):
            return parser
        announce_conversions([arguments.model], arguments)
    how = {name: getattr(arguments, name) for name in UNUSED}
    return _loaded(arguments, pictures, **how)


def _may_be_done(arguments: argparse.Namespace) -> bool:
    """Whether a run over pictures has ended in the output folder, and the network is, or may be, still to convert."""
    from sceneparse.settings.engine import is_exported
    from sceneparse.weights.at_hand import folder_at_hand
    from sceneparse.weights.conversions import is_still_to_convert

    asked = arguments.engine, arguments.device, arguments.precision
    if arguments.runner != "loop" or arguments.again or not Path(arguments.out, "summary.json").is_file():
        return False
    if is_exported(Path(arguments.model)) or arguments.engine not in ("auto", "openvino"):
        return False
    folder = folder_at_hand(arguments.model)
    return folder is None or is_still_to_convert(folder, *asked)


def _loaded(arguments: argparse.Namespace, pictures: list[str], **how: Any) -> "Parser":
    from sceneparse.parsing import load

    parser = load(arguments.model, protocol=lambda own: changed_protocol(own, arguments), tasks=arguments.tasks, **how)
    return parser.with_ranges(given_ranges(arguments)) if arguments.range and pictures else parser
