"""The command line: each command is one call into a room below.

Nothing heavy is imported here; a command imports its room when it runs, so that help answers at once.
"""

import argparse
import difflib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, get_args

from sceneparse.errors import UserError
from sceneparse.settings import DataKind, DataSettings, ProtocolSettings


class _Parser(argparse.ArgumentParser):
    """argparse whose complaints are one line (the usage is for --help)."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see '{self.prog} --help'")


@dataclass(frozen=True)
class Command:
    """A verb: what it does in a line, an example, its arguments, and the call."""

    summary: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    settings: bool = False
    """Whether `--dotted.name value` arguments are settings of the recipe."""
    groups: tuple[str, ...] | None = None
    """Which groups of settings it takes; None: all, and recipes by their names."""


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="where it goes (default: demo)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the two trainings (default: 0)")


def _demo(arguments: argparse.Namespace) -> int:
    from sceneparse.training.demo import demo

    report = demo(arguments.out, seed=arguments.seed)
    print(f"report: {report}")
    return 0


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe of the package (listed below) or a .yaml file")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run folder (default: runs/<recipe's name>)")
    parser.add_argument(
        "--resume", action="store_true", help="continue exactly where the run in the run folder stopped"
    )


def _train(arguments: argparse.Namespace) -> int:
    from sceneparse.recipes import read_recipe
    from sceneparse.training import train

    run = train(read_recipe(arguments.recipe, arguments.settings), arguments.out, resume=arguments.resume)
    print(f"model: {run / 'model'}")
    return 0


def _protocol_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("protocol (default: the one that the model was trained with)")
    group.add_argument("--protocol", metavar="NAME", help="whole, window, semseg, mmseg or csail")
    group.add_argument("--scales", type=float, nargs="+", metavar="S", help="average the scores over these scales")
    group.add_argument("--flip", action="store_true", default=None, help="average with the mirrored picture")
    group.add_argument("--window", type=int, nargs=2, metavar=("H", "W"), help="slide a window over the picture")
    group.add_argument("--stride", type=float, metavar="F", help="step of the window as a fraction of its size")


def _protocol_overrides(arguments: argparse.Namespace) -> list[str]:
    """The protocol's arguments as settings."""
    values = {
        "name": arguments.protocol,
        "scales": arguments.scales,
        "flip": arguments.flip,
        "window": arguments.window,
        "stride": arguments.stride,
    }
    return [f"--{key}={value}" for key, value in values.items() if value is not None]


def _engine_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=("auto", "torch", "compile", "openvino", "onnxruntime"),
        default="auto",
        help="auto: OpenVINO on a CPU if it is installed, else PyTorch",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto")
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="default: auto")


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder, a hub id or an exported file")
    parser.add_argument("--data", metavar="DIR", help="the data set's folder (default: what the model was trained on)")
    parser.add_argument("--kind", choices=get_args(DataKind), help="the data set's kind (default: the model's)")
    parser.add_argument("--split", help="split to test on (default: the data set's test split)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where metrics.json and the report go (default: MODEL/../evaluation)"
    )
    parser.add_argument("--count", type=int, metavar="N", help="test only N pictures, evenly spaced")
    _protocol_arguments(parser)
    _engine_arguments(parser)


def _evaluate(arguments: argparse.Namespace) -> int:
    from sceneparse.evaluation import evaluate_model

    evaluate_model(
        arguments.model,
        data=arguments.data,
        kind=arguments.kind,
        split=arguments.split,
        out=arguments.out,
        count=arguments.count,
        protocol=_protocol_overrides(arguments),
        engine=arguments.engine,
        device=arguments.device,
        precision=arguments.precision,
    )
    return 0


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder or a hub id")
    parser.add_argument("--format", choices=("openvino", "onnx", "torch"), required=True, help="the file's kind")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: beside the model folder, with its name")
    parser.add_argument(
        "--precision", choices=("float32", "int8"), default="float32", help="int8: openvino only (default: float32)"
    )
    group = parser.add_argument_group("for int8")
    group.add_argument(
        "--calibration", nargs="+", default=[], metavar="INPUT", help="pictures, folders or globs to take ranges from"
    )
    group.add_argument("--data", metavar="DIR", help="a labelled data set, for the accuracy before and after")
    group.add_argument("--kind", choices=get_args(DataKind), help="its kind (default: the model's)")
    group.add_argument("--split", help="its split (default: the data set's test split)")
    group.add_argument("--count", type=int, metavar="N", help="test only N of its pictures, evenly spaced")


def _export(arguments: argparse.Namespace) -> int:
    from sceneparse.evaluation import export

    export(
        arguments.model,
        format=arguments.format,
        out=arguments.out,
        int8=arguments.precision == "int8",
        calibration=arguments.calibration,
        data=arguments.data,
        kind=arguments.kind,
        split=arguments.split,
        count=arguments.count,
    )
    return 0


def _bench_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a model folder, a hub id, an exported file, or a recipe (random weights; settings can be overridden)",
    )
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("H", "W"), help="the picture (default: as 'sceneparse models')"
    )
    parser.add_argument("--batch", type=int, default=4, metavar="N", help="pictures at a time, beside 1 (default: 4)")
    parser.add_argument("--repeats", type=int, default=10, metavar="N", help="rounds that count (default: 10)")
    parser.add_argument(
        "--engine",
        nargs="+",
        choices=("torch", "compile", "openvino", "onnxruntime"),
        help="default: all, or an exported file's own",
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=("float32", "bfloat16"),
        help="default: float32, and bfloat16 where it is faster here",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto")
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory, which takes a process a row")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the record as JSON")


def _bench(arguments: argparse.Namespace) -> int:
    from sceneparse.evaluation.benching import bench

    bench(
        arguments.model,
        overrides=arguments.settings,
        size=arguments.size and tuple(arguments.size),
        batch=arguments.batch,
        repeats=arguments.repeats,
        engines=arguments.engine,
        precisions=arguments.precision,
        device=arguments.device,
        memory=not arguments.no_memory,
        json=arguments.json,
    )
    return 0


def _tasks_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=("scene", "object", "part", "material", "texture"),
        help="what a unified model shall tell (default: all that it knows)",
    )


def _predict_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder, a hub id or an exported file")
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help="pictures, folders or globs")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where label maps, overlays and JSON go")
    parser.add_argument("--no-overlay", action="store_true", help="write label maps and JSON only")
    parser.add_argument("--again", action="store_true", help="also do pictures that are already done")
    _tasks_argument(parser)
    _protocol_arguments(parser)
    _engine_arguments(parser)


def _predict(arguments: argparse.Namespace) -> int:
    from sceneparse.parsing import load, predict_pictures
    from sceneparse.recipes import from_mapping, to_mapping

    parser = load(
        arguments.model,
        engine=arguments.engine,
        device=arguments.device,
        precision=arguments.precision,
        tasks=arguments.tasks,
    )
    if overrides := _protocol_overrides(arguments):
        stored = {} if arguments.protocol else to_mapping(parser.config.protocol)
        parser = parser.with_protocol(from_mapping(ProtocolSettings, stored, "the model's protocol", overrides))
    summary = predict_pictures(
        parser, arguments.inputs, arguments.out, overlay=not arguments.no_overlay, again=arguments.again
    )
    return 1 if summary.failed else 0


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DIR", help="the data set's folder, 'toyworld' or a recipe")
    kinds = [kind for kind in get_args(DataKind) if kind != "toyworld"]
    parser.add_argument(
        "--kind", choices=(*kinds, "mixture"), default="folder", help="default: folder; mixture: what the recipe mixes"
    )
    parser.add_argument("--root", metavar="DIR", help="mixture only: the folder that its data sets lie in")


def _discover_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="the folder or hub id of a unified model")
    parser.add_argument("inputs", metavar="FOLDER", nargs="+", help="pictures, folders or globs")
    parser.add_argument(
        "--out", type=Path, default=Path("discoveries"), metavar="DIR", help="default: a folder named discoveries"
    )
    _engine_arguments(parser)


def _discover(arguments: argparse.Namespace) -> int:
    from sceneparse.parsing import discover, load

    parser = load(arguments.model, engine=arguments.engine, device=arguments.device, precision=arguments.precision)
    for table in discover(parser, arguments.inputs, arguments.out):
        print(f"{table.name}: {len(table.rows)} x {len(table.columns)} classes that occur together")
    print(f"tables: {arguments.out / 'discoveries.json'}\npicture: {arguments.out / 'discoveries.png'}")
    return 0


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    _data_arguments(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the findings as JSON")


def _check(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from sceneparse.data import check, print_diagnosis
    from sceneparse.files import write_json

    diagnosis = check(_data_settings(arguments))
    print_diagnosis(diagnosis, Console())
    if arguments.json:
        write_json(arguments.json, diagnosis.to_json())
    return 0 if diagnosis.ok else 2


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    _data_arguments(parser)
    parser.add_argument("--split", default="train", help="default: train")
    parser.add_argument("--count", type=int, default=6, metavar="N", help="samples on the sheet (default: 6)")
    parser.add_argument("--recipe", default=None, help="show its augmentation (default: the standard one)")
    parser.add_argument("--out", type=Path, default=Path("samples.png"), metavar="FILE", help="default: samples.png")


def _show(arguments: argparse.Namespace) -> int:
    from sceneparse.data import show
    from sceneparse.recipes import read_recipe

    augmentation = read_recipe(arguments.recipe).augmentation if arguments.recipe else None
    show(_data_settings(arguments), arguments.split, arguments.out, count=arguments.count, augmentation=augmentation)
    print(f"contact sheet: {arguments.out}")
    return 0


def _data_settings(arguments: argparse.Namespace) -> DataSettings:
    if arguments.data == "toyworld":
        return DataSettings(kind="toyworld")
    if arguments.kind == "mixture":
        from sceneparse.recipes import read_recipe

        data = read_recipe(arguments.data, [f"--data.root={arguments.root}"] if arguments.root else []).data
        if data.kind != "mixture":
            raise UserError(f"{arguments.data}: its data are of kind {data.kind}, not a mixture")
        return data
    if arguments.root:
        raise UserError(f"--root has no effect, since the kind is {arguments.kind}: give the folder itself")
    return DataSettings(kind=arguments.kind, root=arguments.data)


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
    from sceneparse.data.broden import build_broden

    built = build_broden(**vars(arguments))
    print("\n".join(built.describe()))
    print(f"joint set: {arguments.out}")
    return 0


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT",
        help="a .pth, .safetensors or .caffemodel file, a folder of transformers, or the encoder's file of a pair",
    )
    parser.add_argument(
        "--from",
        dest="family",
        default="auto",
        metavar="FAMILY",
        help="whose code wrote it (docs/import.md lists them); default: auto, told by its keys and shapes",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="MODEL",
        help="the model folder, or the .safetensors file of a bare backbone",
    )
    parser.add_argument("--labels", type=Path, metavar="FILE", help="a classes.json that names the classes")


def _import(arguments: argparse.Namespace) -> int:
    from sceneparse.weights.importing import import_checkpoint

    imported = import_checkpoint(arguments.checkpoint, arguments.family, arguments.labels, arguments.settings)
    print("\n".join(imported.describe()))
    imported.save(arguments.out)
    print(f"saved: {arguments.out}")
    return 0


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table as JSON")


def _models(arguments: argparse.Namespace) -> int:
    from sceneparse.files import write_json
    from sceneparse.weights.inventory import inventory, print_inventory

    rows = inventory()
    print_inventory(rows)
    if arguments.json:
        write_json(arguments.json, [row.to_json() for row in rows])
    return 0


COMMANDS: dict[str, Command] = {
    "demo": Command(
        "built-in toy world: train, evaluate, predict and report, in minutes, with nothing but this package",
        "sceneparse demo --out demo",
        _demo_arguments,
        _demo,
    ),
    "train": Command(
        "train what a recipe says; any setting can be overridden by its dotted name",
        "sceneparse train camvid-pspnet-mobilenetv2 --data.root CamVid --training.iterations 2000",
        _train_arguments,
        _train,
        settings=True,
    ),
    "evaluate": Command(
        "score a model on labelled pictures: table, metrics.json and an HTML report",
        "sceneparse evaluate runs/my-recipe/model --data my-data --split test --scales 0.75 1 1.25 --flip",
        _evaluate_arguments,
        _evaluate,
    ),
    "predict": Command(
        "parse pictures: label map, overlay and JSON for each",
        "sceneparse predict runs/my-recipe/model holiday/ 'more/**/*.jpg' --out parsed",
        _predict_arguments,
        _predict,
    ),
    "discover": Command(
        "what goes together in many pictures: scenes and objects, objects, parts, materials and textures",
        "sceneparse discover runs/toy-unified/model holiday/ --out discoveries",
        _discover_arguments,
        _discover,
    ),
    "export": Command(
        "write a model as one OpenVINO, ONNX or torch.export program that takes any picture size",
        "sceneparse export runs/my-recipe/model --format openvino --precision int8 --calibration pictures/",
        _export_arguments,
        _export,
    ),
    "bench": Command(
        "speed and memory on this machine, engine by engine, and where the time goes",
        "sceneparse bench runs/my-recipe/model --size 512 512 --json bench.json",
        _bench_arguments,
        _bench,
        settings=True,
        groups=("backbone", "network", "preprocessing"),
    ),
    "data check": Command(
        "the data doctor: read everything and say what is wrong, before a minute is spent on training",
        "sceneparse data check my-data",
        _check_arguments,
        _check,
    ),
    "data show": Command(
        "a contact sheet of samples with their masks, before and after augmentation",
        "sceneparse data show my-data --out samples.png",
        _show_arguments,
        _show,
    ),
    "data build-broden": Command(
        "make the joint set of Unified Perceptual Parsing from the data sets that it is made of",
        "sceneparse data build-broden --ade20k ADE20K_2021_17_01 --dtd dtd --opensurfaces opensurfaces --out broden",
        _build_broden_arguments,
        _build_broden,
    ),
    "import": Command(
        "turn a published checkpoint of PSPNet, UPerNet or FCN into a model; settings override what it was taken for",
        "sceneparse import train_epoch_100.pth --from semseg --out models/pspnet50-ade20k",
        _import_arguments,
        _import,
        settings=True,
        groups=("backbone", "network", "preprocessing", "protocol"),
    ),
    "models": Command(
        "what can be built, with parameters and multiply-adds",
        "sceneparse models",
        _list_arguments,
        _models,
    ),
}


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
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


def _find(words: Sequence[str]) -> tuple[str, list[str]]:
    """The command that the words name, and the words after it."""
    for count in (2, 1):
        if (name := " ".join(words[:count])) in COMMANDS:
            return name, list(words[count:])
    if words[0] == "data":
        raise UserError(
            "sceneparse data: give 'check', 'show' or 'build-broden', such as 'sceneparse data check my-data'"
        )
    near = difflib.get_close_matches(words[0], COMMANDS, n=1)
    raise UserError(
        f"no command '{words[0]}'; did you mean '{near[0]}'?"
        if near
        else f"no command '{words[0]}'; commands: {', '.join(COMMANDS)}"
    )


def _parse(name: str, words: list[str]) -> argparse.Namespace:
    command = COMMANDS[name]
    parser = _Parser(
        prog=f"sceneparse {name}",
        description=command.summary[0].upper() + command.summary[1:] + ".",
        epilog=f"example:\n  {command.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    if command.settings and {"-h", "--help"} & set(words):
        from sceneparse.recipes import settings_help

        parser.epilog = f"{settings_help(command.groups)}\n{parser.epilog}"
    arguments, rest = parser.parse_known_args(words)
    if command.settings:
        arguments.settings = rest
    elif rest:
        options = [option for action in parser._actions for option in action.option_strings]
        near = difflib.get_close_matches(rest[0].split("=")[0], options, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"see 'sceneparse {name} --help'"
        raise UserError(f"sceneparse {name}: unexpected '{rest[0]}'; {hint}")
    return arguments


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 a fault of ours or some pictures failed, 2 a user's mistake."""
    # Read when torch loads. Threads that spin while they wait starve the loader's workers, and every other program on
    # the machine: with one busy neighbour on two cores, training was three times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = sys.argv[1:] if words is None else words
    if not words or words[0] in ("-h", "--help", "help"):
        print(_usage())
        return 0
    if words[0] == "--version":
        from sceneparse import __version__

        print(f"sceneparse {__version__}")
        return 0
    try:
        name, rest = _find(words)
        return COMMANDS[name].run(_parse(name, rest))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output left (as `head` does); nothing is wrong. Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        traceback.print_exc()
        print("error: this is a fault in sceneparse; please report it with the lines above", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
