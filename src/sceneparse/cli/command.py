"""The description of a command, and the arguments that several commands share."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sceneparse.errors import UserError
from sceneparse.files import behind_link
from sceneparse.paths import expanded

if TYPE_CHECKING:
    from sceneparse.recipes.changes import Changes
    from sceneparse.settings import ProtocolSettings


MODEL_HELP = (
    "a model folder (transformers' and smp's too), a training's run folder or one of its checkpoints, a published "
    "checkpoint's name or a hub id"
)
"""What a MODEL may be, for help."""


@dataclass(frozen=True)
class Command:
    """A command: its summary in a line, an example, its arguments, and the function that runs it."""

    summary: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    settings: bool = False
    """Whether `--dotted.name value` arguments are settings of the recipe."""
    groups: tuple[str, ...] | None = None
    """Which groups of settings it takes, which its help lists; None: all, and recipes by their names."""
    also: tuple[str, ...] = ()
    """Other settings, or groups of them, that it reads."""
    missing: Callable[[Sequence[str]], str] | None = None
    """Returns what else is said where an argument is missing, of those that are given."""

    def refuse_without_effect(self, given: Mapping[str, Any]) -> None:
        """Refuse settings that the command does not read.

        Args:
            given: Nested settings.

        Raises:
            UserError: There is one.
        """
        if self.groups is None:
            return
        from sceneparse.recipes.flat import flat_settings

        read = (*self.groups, *self.also)
        for name in flat_settings(dict(given)):
            if not any(name == one or name.startswith(f"{one}.") for one in read):
                raise UserError(
                    f"command line: --{name} has no effect here: of the settings this command reads "
                    f"{', '.join(read[:-1])} and {read[-1]}; leave it out"
                )


def output_file(text: str) -> Path:
    """Read the name of a file that a command writes: where that is a link, what it names is written."""
    return behind_link(expanded(text))


def recipe_settings(arguments: argparse.Namespace) -> "Changes":
    """Return the settings of a recipe that a command's `--dotted.name value` arguments give.

    Raises:
        UserError: An unknown setting, one that the command does not read, or a value of the wrong type.
    """
    from sceneparse.cli.settings import given_settings
    from sceneparse.settings import Recipe

    given: Any = given_settings(Recipe, arguments.settings)
    arguments.command.refuse_without_effect(given)
    changes: Changes = given
    return changes


def protocol_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that change the test protocol."""
    group = parser.add_argument_group("protocol (default: the one that the model was trained with)")
    from sceneparse.settings.protocol import PROTOCOL_NAMES

    *names, last = PROTOCOL_NAMES
    group.add_argument("--protocol", choices=PROTOCOL_NAMES, metavar="NAME", help=f"{', '.join(names)} or {last}")
    size_argument(group)
    group.add_argument("--scales", type=float, nargs="+", metavar="S", help="average the scores over these scales")
    group.add_argument("--flip", action="store_true", default=None, help="average with the mirrored picture")
    group.add_argument("--window", type=int, nargs=2, metavar=("H", "W"), help="slide a window over the picture")
    group.add_argument(
        "--crf", action="store_true", default=None, help="bring labels into line with edges by a dense CRF (slow)"
    )
    group.add_argument("--stride", type=float, metavar="F", help="step of the window as a fraction of its size")
    group.add_argument(
        "--blend", choices=("mean", "hann"), help="how overlapping windows are averaged: alike, or by a Hann weight"
    )


def size_argument(group: "argparse._ActionsContainer") -> None:
    """Add the argument that says at which size pictures are parsed."""
    group.add_argument(
        "--size",
        type=_size,
        metavar="N",
        help="short side that pictures are brought to (of a protocol or a model that resizes by the long side, such as "
        "semseg, that one; by both, both), own (as they are), or auto (those larger than what the model learnt from to "
        "the size that it knows; default of protocol whole)",
    )


def _size(text: str) -> int | str:
    """Read a size of the command line: a number, own or auto."""
    if text in ("own", "auto"):
        return text
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no size: give a side in pixels, own or auto")
    return int(text)


def changed_protocol(own: "ProtocolSettings", arguments: argparse.Namespace) -> "ProtocolSettings":
    """Return a model's protocol with what the arguments change; a protocol's name starts from its own values.

    Args:
        own: The model's protocol.
        arguments: Those of `protocol_arguments`.

    Raises:
        UserError: There is no such protocol, or a value is none.
    """
    from sceneparse.settings import ProtocolSettings

    if arguments.protocol is not None:
        own = ProtocolSettings(arguments.protocol)
    if arguments.window:
        own = replace(own, upsampling=None)  # that of a model of transformers is about whole pictures
    given: dict[str, Any] = {
        "scales": arguments.scales and tuple(arguments.scales),
        "flip": arguments.flip,
        "window": arguments.window and tuple(arguments.window),
        "stride": arguments.stride,
        "blend": arguments.blend,
        "crf": arguments.crf,
    }
    try:
        if arguments.size is not None:
            own = own.at_size(arguments.size)
        return replace(own, **{name: value for name, value in given.items() if value is not None})
    except UserError as error:
        # Its options have the names of the settings that they change.
        raise UserError(str(error).replace("protocol.", "--")) from None


def engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose engine, device and precision."""
    from sceneparse.settings.engine import ENGINE_NAMES

    parser.add_argument(
        "--engine",
        choices=ENGINE_NAMES,
        default="auto",
        help="auto: OpenVINO on a CPU if it is installed, else PyTorch",
    )
    device_argument(parser)
    parser.add_argument(
        "--precision",
        choices=("auto", "float32", "tf32", "bfloat16"),
        default="auto",
        help="default: auto, bfloat16 where the device is faster in it, else float32; tf32 is there on some GPUs",
    )


def device_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that chooses the device."""
    from sceneparse.settings.device import DEVICE_NAMES

    parser.add_argument(
        "--device",
        type=_device,
        metavar="DEVICE",
        default="auto",
        help=f"{DEVICE_NAMES} (default: auto, the GPU if there is one)",
    )


def _device(text: str) -> str:
    from sceneparse.settings.device import checked_device

    try:
        return checked_device(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def process_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that start several processes."""
    parser.add_argument(
        "--devices", type=int, metavar="N", help="processes on this machine, each with a device of its own (default: 1)"
    )
    parser.add_argument("--num-nodes", type=int, metavar="M", help="machines with so many processes each (default: 1)")


def in_processes(arguments: argparse.Namespace, run: Callable[[argparse.Namespace], int]) -> int:
    """Run a command here, or start it in as many processes as its arguments ask for."""
    from sceneparse.processes import launch, to_launch

    if to_launch(arguments.devices, arguments.num_nodes):
        return launch(arguments.command_line, arguments.devices or 1, arguments.num_nodes or 1)
    return run(arguments)
