"""The command line: each command calls one function of the package.

Nothing heavy is imported here; a command imports its room when it runs, so that help answers at once.
"""

import argparse
import difflib
import os
import re
import shlex
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from sceneparse.arguments import argument, on_command_line
from sceneparse.cli import data, evaluating, predicting, serving, training, weights
from sceneparse.cli.command import Command
from sceneparse.cli.mistyped import refuse_mistyped
from sceneparse.cli.streams import patient_streams
from sceneparse.errors import UserError, reason_of
from sceneparse.files import FORBIDDEN
from sceneparse.processes import LOST, STOPPED, end_with_parent, failed, leads, leave, lost_peer, supervised

COMMANDS: dict[str, Command] = {
    "demo": training.DEMO,
    "train": training.TRAIN,
    "sweep": training.SWEEP,
    "evaluate": evaluating.EVALUATE,
    "diagnose": evaluating.DIAGNOSE,
    "calibrate": evaluating.CALIBRATE,
    "compare": evaluating.COMPARE,
    "predict": predicting.PREDICT,
    "discover": predicting.DISCOVER,
    "serve": serving.SERVE,
    "export": weights.EXPORT,
    "bench": evaluating.BENCH,
    "data list": data.DATA_LIST,
    "data get": data.DATA_GET,
    "data check": data.DATA_CHECK,
    "data show": data.DATA_SHOW,
    "data export": data.DATA_EXPORT,
    "data build-broden": data.DATA_BUILD_BRODEN,
    "import": weights.IMPORT,
    "models": weights.MODELS,
}


MISSING = "the following arguments are required"
"""How argparse begins to say it."""


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line (the usage is for --help)."""

    def __init__(self, *, example: str = "", **how: Any) -> None:
        super().__init__(**how)
        self.example = example
        # Python's own takes -1e3 for an option.
        self._negative_number_matcher = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")

    def error(self, message: str) -> NoReturn:
        """Raise the error as the user's mistake; of what is missing with the command's example."""
        shown = f", as in: {self.example}" if self.example and message.startswith(MISSING) else ""
        raise UserError(f"{message}{shown}; see '{self.prog} --help'")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Refuse a value that is not among an argument's choices, in the words of all other settings."""
        if action.choices is not None and value not in action.choices:
            name = "/".join(action.option_strings) or action.metavar or action.dest
            known = [str(choice) for choice in action.choices]
            near = difflib.get_close_matches(str(value), known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise UserError(f"{self.prog}: {name} is '{value}', but must be one of {', '.join(known)}{hint}")


def _usage(group: str = "") -> str:
    """The commands and what each does; of a group alone, such as data, if one is given."""
    shown = {name: command for name, command in COMMANDS.items() if name.startswith(group)}
    width = max(map(len, shown))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in shown.items()]
    return "\n".join(
        [
            "sceneparse: give every pixel of a picture its label, with PSPNet and UPerNet",
            "",
            "usage: sceneparse COMMAND [arguments]",
            "",
            *lines,
            "",
            "'sceneparse COMMAND --help' shows a command's arguments and an example.",
        ]
    )


def _find(given: Sequence[str]) -> tuple[str, list[str]]:
    """Find the command that the first arguments name; return its name and the arguments after it."""
    for count in (2, 1):
        if (name := " ".join(given[:count])) in COMMANDS:
            return name, list(given[count:])
    if given[0] == "data":
        verbs = [name.split()[1] for name in COMMANDS if name.startswith("data ")]
        near = difflib.get_close_matches(given[1], verbs, n=1) if len(given) > 1 else []
        if near:
            raise UserError(f"no command 'data {given[1]}'; did you mean 'data {near[0]}'?")
        raise UserError(f"sceneparse data: give one of {', '.join(verbs)}, such as 'sceneparse data check my-data'")
    near = difflib.get_close_matches(given[0], COMMANDS, n=1)
    raise UserError(
        f"no command '{given[0]}'; did you mean '{near[0]}'?"
        if near
        else f"no command '{given[0]}'; commands: {', '.join(COMMANDS)}"
    )


def parser_of(name: str) -> argparse.ArgumentParser:
    """Make the parser of a command's arguments (settings of the recipe left aside), which also prints its help."""
    command = COMMANDS[name]
    parser = _Parser(
        example=command.example.splitlines()[0],
        prog=f"sceneparse {name}",
        description=command.summary[0].upper() + command.summary[1:] + ".",
        epilog=f"example:\n  {command.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    return parser


def _parse(name: str, given: list[str]) -> argparse.Namespace:
    command, parser = COMMANDS[name], parser_of(name)
    if command.settings and {"-h", "--help"} & set(given):
        from sceneparse.recipes import settings_help
        from sceneparse.recipes.options import options_help

        parser.epilog = f"{settings_help(command.groups)}\n{options_help(given)}{parser.epilog}"
    options = [option for action in parser._actions for option in action.option_strings]
    first = {
        name: str(action.metavar)
        for action in parser._actions
        if not action.option_strings
        for name in (action.dest, str(action.metavar).lower())
    }
    if command.settings:
        from sceneparse.cli.settings import parted

        # Before argparse, which would take a setting's value for the command's first argument.
        own, settings = parted(given, options)
        refuse_mistyped(own, options, f"sceneparse {name}", settings=True, first=first)
        try:
            arguments, rest = parser.parse_known_args(own)
        except UserError as error:
            more = command.missing(own) if command.missing and "required" in str(error) else ""
            raise UserError(f"{error}{more}") from None
        arguments.command, arguments.settings = command, [*settings, *rest]
    else:
        refuse_mistyped(given, options, f"sceneparse {name}", settings=False, first=first)
        arguments, rest = parser.parse_known_args(given)
    arguments.command_line = [*name.split(), *given]
    if rest and not command.settings:
        hint = f"see 'sceneparse {name} --help'"
        before = given[given.index(rest[0]) - 1 : given.index(rest[0])] if rest[0] in given else []
        if os.path.exists(rest[0]):  # noqa: PTH110  (Path's own question fails at names that are too long)
            if any(action.nargs == "+" and not action.option_strings for action in parser._actions):
                hint += "; several files or folders stand together, with no option between them"
            elif "--data" in options and "--data" not in given and os.path.isdir(rest[0]):  # noqa: PTH112
                hint = f"the data set is given as {argument('data', rest[0])}"
        elif before and not (rest[0].startswith("-") or before[0].startswith("-")):
            hint += f"; a name with blanks stands in quotes: {shlex.quote(f'{before[0]} {rest[0]}')}"
        raise UserError(f"sceneparse {name}: unexpected '{rest[0]}'; {hint}")
    return arguments


def main(given: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 our fault or some pictures failed, 2 the user's mistake."""
    # Read when torch loads. Threads that spin while they wait starve the loader's workers, and every other program on
    # the machine: with one busy neighbour on two cores, training was three times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with on_command_line(), patient_streams() as lost:
        code = _main(sys.argv[1:] if given is None else given)
        sys.stdout.flush()
        if lost and not code:
            return failed(2, f"error: what this command prints cannot be written ({lost[0]})")
        return code


def _main(given: Sequence[str]) -> int:
    if supervised():
        end_with_parent()
    name = None
    try:
        if (said := _said_of_itself(given)) is not None:
            print(said)
            return 0
        name, rest = _find(given)
        return leave(COMMANDS[name].run(_parse(name, rest)))
    except UserError as error:
        return failed(2, f"error: {error}")
    except KeyboardInterrupt:
        if leads():
            print("stopped", file=sys.stderr)
        return leave(STOPPED)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FORBIDDEN and error.filename:
            return failed(2, f"error: {os.fsdecode(error.filename)}: {reason_of(error)}; name another file or folder")
        if lost_peer(error):
            return failed(LOST, "error: another process has failed: see what it says")
        if name is not None and _ran_out(error):
            return failed(2, f"error: not enough memory ({_first_line(error)}); {_with_less(name)}")
        traceback.print_exc()
        return failed(1, "error: this is a fault in sceneparse; please report it with the lines above")


def _said_of_itself(given: Sequence[str]) -> str | None:
    """What is printed where no command is asked for: which there are, or the version."""
    helps = ("-h", "--help", "help")
    if not given or given[0] in helps:
        return _usage()
    if given[0] == "data" and given[1:2] and given[1] in helps:
        return _usage("data ")
    if given[0] == "--version":
        from sceneparse.version import __version__

        return f"sceneparse {__version__}"
    return None


def _ran_out(error: Exception) -> bool:
    if "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from sceneparse.devices.memory import ran_out

    return ran_out(error)


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")[:200]


def _with_less(name: str) -> str:
    """What makes do with less memory, as far as a command has it."""
    if COMMANDS[name].settings and COMMANDS[name].groups is None:
        return (
            "make --training.batch smaller (auto finds one that fits), or have it worked through in chunks "
            "(--training.accumulate)"
        )
    options = [option for action in parser_of(name)._actions for option in action.option_strings]
    less = [option for option in ("--size", "--window", "--batch", "--device") if option in options]
    return f"ask for less by {' or '.join(less)}" if less else "end other programs that take it, and try again"
