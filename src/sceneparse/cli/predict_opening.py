"""Open the model of `predict`: its network is converted for OpenVINO only where something is left to parse."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sceneparse.cli.beforehand import announce_conversions, loading
from sceneparse.cli.command import changed_protocol
from sceneparse.cli.predict_arguments import given_ranges
from sceneparse.cli.predict_wishes import Given, of_pictures, of_rasters, of_videos, of_volumes

if TYPE_CHECKING:
    from sceneparse.parsing import Parser

UNUSED = {"engine": "torch", "device": "cpu", "precision": "float32"}
"""How a model is opened that may have nothing to do: the way that is ready at once."""


def opened(arguments: argparse.Namespace, given: Given) -> "Parser":
    """Open the model.

    Args:
        arguments: The command's.
        given: Its inputs.

    Raises:
        UserError: As of `load`.
    """
    ready = _may_be_done(arguments, given)
    if not ready:
        announce_conversions([arguments.model], arguments)
    with loading():
        from sceneparse.parsing import load

    def loaded(**how: Any) -> "Parser":
        protocol = partial(changed_protocol, arguments=arguments)
        parser = load(arguments.model, protocol=protocol, tasks=arguments.tasks, **how)
        return parser.with_ranges(given_ranges(arguments)) if arguments.range and given.pictures else parser

    if ready:
        parser = loaded(**UNUSED)
        if _is_done(parser, arguments, given):
            return parser
        announce_conversions([arguments.model], arguments)
    return loaded(**{name: getattr(arguments, name) for name in UNUSED})


def _may_be_done(arguments: argparse.Namespace, given: Given) -> bool:
    """Whether a run over each kind has ended in the output folder, and the network is, or may be, still to convert."""
    from sceneparse.parsing.runs.summaries import SUMMARIES
    from sceneparse.settings.engine import is_exported
    from sceneparse.weights.at_hand import folder_at_hand
    from sceneparse.weights.conversions import is_still_to_convert

    asked = arguments.engine, arguments.device, arguments.precision
    if arguments.runner != "loop" or arguments.again or given.live:
        return False
    if not all(Path(arguments.out, SUMMARIES[kind]).is_file() for kind, there in given.by_kind.items() if there):
        return False
    if is_exported(Path(arguments.model)) or arguments.engine not in ("auto", "openvino"):
        return False
    folder = folder_at_hand(arguments.model)
    return folder is None or is_still_to_convert(folder, *asked)


def _is_done(parser: "Parser", arguments: argparse.Namespace, given: Given) -> bool:
    """Whether earlier runs left all inputs whole, by a model whose engine is asked for nothing."""
    out = Path(arguments.out)
    if given.videos:
        from sceneparse.parsing.runs.video import videos_done

        if not videos_done(parser, given.videos, out, **of_videos(arguments)):
            return False
    if given.volumes:
        from sceneparse.parsing.runs.volume import volumes_done

        if not volumes_done(parser, given.volumes, out, **of_volumes(arguments)):
            return False
    if given.rasters:
        from sceneparse.parsing.runs.raster import rasters_done

        if not rasters_done(parser, given.rasters, out, **of_rasters(arguments)):
            return False
    if not given.pictures:
        return True
    from sceneparse.parsing.runs.left import nothing_left

    return nothing_left(parser, given.pictures, out, **of_pictures(arguments, given))
