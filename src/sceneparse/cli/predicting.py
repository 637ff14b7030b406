"""Verbs that parse pictures: predict and discover."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sceneparse.cli.command import Command, engine_arguments, protocol_arguments, protocol_overrides
from sceneparse.settings import ProtocolSettings

if TYPE_CHECKING:
    from sceneparse.parsing import Parser


def tasks_argument(parser: argparse.ArgumentParser) -> None:
    """What a unified model shall tell."""
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=("scene", "object", "part", "material", "texture"),
        help="what a unified model shall tell (default: all that it knows)",
    )


def under_protocol(parser: "Parser", arguments: argparse.Namespace) -> "Parser":
    """The model under the protocol that the arguments say; what they don't say is the model's own."""
    from sceneparse.recipes import from_mapping, to_mapping

    overrides = protocol_overrides(arguments)
    if not overrides:
        return parser
    stored = {} if arguments.protocol else to_mapping(parser.config.protocol)
    return parser.with_protocol(from_mapping(ProtocolSettings, stored, "the model's protocol", overrides))


def _predict_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder, a hub id or an exported file")
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help="pictures, folders or globs")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where label maps, overlays and JSON go")
    parser.add_argument("--no-overlay", action="store_true", help="write label maps and JSON only")
    parser.add_argument("--again", action="store_true", help="also do pictures that are already done")
    tasks_argument(parser)
    protocol_arguments(parser)
    engine_arguments(parser)


def _predict(arguments: argparse.Namespace) -> int:
    from sceneparse.parsing import load, predict_pictures

    parser = load(
        arguments.model,
        engine=arguments.engine,
        device=arguments.device,
        precision=arguments.precision,
        tasks=arguments.tasks,
    )
    parser = under_protocol(parser, arguments)
    summary = predict_pictures(
        parser, arguments.inputs, arguments.out, overlay=not arguments.no_overlay, again=arguments.again
    )
    return 1 if summary.failed else 0


def _discover_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="the folder or hub id of a unified model")
    parser.add_argument("inputs", metavar="FOLDER", nargs="+", help="pictures, folders or globs")
    parser.add_argument(
        "--out", type=Path, default=Path("discoveries"), metavar="DIR", help="default: a folder named discoveries"
    )
    engine_arguments(parser)


def _discover(arguments: argparse.Namespace) -> int:
    from sceneparse.parsing import discover, load

    parser = load(arguments.model, engine=arguments.engine, device=arguments.device, precision=arguments.precision)
    for table in discover(parser, arguments.inputs, arguments.out):
        print(f"{table.name}: {len(table.rows)} x {len(table.columns)} classes that occur together")
    print(f"tables: {arguments.out / 'discoveries.json'}\npicture: {arguments.out / 'discoveries.png'}")
    return 0


PREDICT = Command(
    "parse pictures: label map, overlay and JSON for each",
    "sceneparse predict runs/my-recipe/model holiday/ 'more/**/*.jpg' --out parsed",
    _predict_arguments,
    _predict,
)

DISCOVER = Command(
    "what goes together in many pictures: scenes and objects, objects, parts, materials and textures",
    "sceneparse discover runs/toy-unified/model holiday/ --out discoveries",
    _discover_arguments,
    _discover,
)
