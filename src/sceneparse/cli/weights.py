"""Commands about models and their files: export, import and models."""

import argparse
import sys
from typing import Any

from sceneparse.cli.beforehand import loading, refuse_missing_model, refuse_wrong_counts
from sceneparse.cli.beforehand_data import refuse_missing_data
from sceneparse.cli.command import MODEL_HELP, Command, output_file, recipe_settings, size_argument
from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError
from sceneparse.paths import expanded, expanded_text


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=expanded_text, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--format", choices=("openvino", "onnx", "torch"), required=True, help="the file's kind")
    parser.add_argument(
        "--out",
        type=expanded,
        metavar="FILE",
        help="default: beside the model folder, with its name; here if MODEL is no folder",
    )
    parser.add_argument(
        "--precision", choices=("float32", "int8"), default="float32", help="int8: openvino only (default: float32)"
    )
    size_argument(parser)
    group = parser.add_argument_group("for int8")
    group.add_argument(
        "--calibration",
        type=expanded_text,
        nargs="+",
        default=[],
        metavar="INPUT",
        help="pictures, folders or globs to take ranges from",
    )
    group.add_argument(
        "--data", type=expanded_text, metavar="DIR", help="a labelled data set, for the accuracy before and after"
    )
    group.add_argument("--kind", choices=list(KINDS), metavar="KIND", help="its kind (default: the model's)")
    group.add_argument("--split", help="its split (default: the data set's test split)")
    group.add_argument("--count", type=int, metavar="N", help="test only N of its pictures, evenly spaced")


def _export(arguments: argparse.Namespace) -> int:
    from sceneparse.exporting.wishes import at_size, refuse_missing_packages, refuse_unfit
    from sceneparse.weights.at_hand import settings_at_hand

    refuse_wrong_counts(arguments, "count")
    labelling = {name: getattr(arguments, name) for name in ("data", "kind", "split", "count")}
    int8 = arguments.precision == "int8"
    refuse_unfit(arguments.format, arguments.out, int8, arguments.calibration, labelling)
    refuse_missing_model(arguments.model, exported=False)
    if (config := settings_at_hand(arguments.model)) is not None:
        at_size(config, arguments.size)
    if any(value is not None for value in labelling.values()):
        refuse_missing_data(arguments.model, arguments.data, arguments.kind, arguments.split)
    refuse_missing_packages(arguments.format, int8)
    with loading():
        from sceneparse.exporting import export
    export(
        arguments.model,
        format=arguments.format,
        out=arguments.out,
        size=arguments.size,
        int8=int8,
        calibration=arguments.calibration,
        **labelling,
    )
    return 0


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint",
        type=expanded_text,
        metavar="CHECKPOINT",
        help="a .pth, .safetensors or .caffemodel file, a folder of transformers or smp, the encoder's file of a pair, "
        "a published checkpoint's name or a hub id",
    )
    parser.add_argument(
        "--from",
        dest="family",
        default="auto",
        metavar="FAMILY",
        help="whose code wrote it (docs/import.md lists them); default: auto, recognised by its keys and shapes",
    )
    parser.add_argument(
        "--out",
        type=expanded,
        required=True,
        metavar="MODEL",
        help="the model folder, or the .safetensors file of a bare backbone",
    )
    parser.add_argument("--labels", type=expanded, metavar="FILE", help="a classes.json that names the classes")
    parser.add_argument("--again", action="store_true", help="also write over a model that is there already")


def _import(arguments: argparse.Namespace) -> int:
    from sceneparse.files import refuse_unwritable_file
    from sceneparse.labels import LabelSpace
    from sceneparse.weights.config import CONFIG, refuse_irreplaceable
    from sceneparse.weights.finding import refuse_missing_checkpoint, refuse_own
    from sceneparse.weights.importing.families.table import BACKBONE, refuse_unknown_family
    from sceneparse.weights.run_folder import RUN_FACTS
    from sceneparse.weights.timm_source import refuse_unknown_backbone

    settings: Any = recipe_settings(arguments)
    if (arguments.out.parent / RUN_FACTS).is_file():
        raise UserError(f"{arguments.out.parent}: a training's folder, whose model would be lost; choose another --out")
    if not arguments.again and (arguments.out.is_file() or (arguments.out / CONFIG).is_file()):
        raise UserError(f"{arguments.out}: is there already; choose another --out, or write over it with --again")
    if arguments.family != BACKBONE and arguments.out.suffix != ".safetensors":  # which a bare backbone becomes
        refuse_irreplaceable(arguments.out)
    if not arguments.out.exists():
        refuse_unwritable_file(arguments.out)
    refuse_own(arguments.checkpoint)
    refuse_missing_checkpoint(arguments.checkpoint)
    refuse_unknown_family(arguments.family)
    if name := settings.get("backbone", {}).get("name"):
        refuse_unknown_backbone(name)
    if arguments.labels is not None:
        LabelSpace.read(arguments.labels)  # raises what is wrong with it
    with loading():
        from sceneparse.weights.import_named import import_named
    imported = import_named(arguments.checkpoint, arguments.family, arguments.labels, **settings)
    print("\n".join(imported.describe()))
    imported.save(arguments.out)
    print(f"saved: {arguments.out}")
    return 0


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--published",
        nargs="*",
        metavar="WORD",
        help="published checkpoints in place of that: all, or those in whose names, family, architecture, backbone, "
        "data, licence or terms every WORD occurs; a name alone shows all that is known of it",
    )
    parser.add_argument("--json", type=output_file, metavar="FILE", help="also write the table as JSON")


def _models(arguments: argparse.Namespace) -> int:
    from sceneparse.files import refuse_unwritable_file

    if arguments.json:
        refuse_unwritable_file(arguments.json)
    return _inventory(arguments) if arguments.published is None else _published(arguments)


def _published(arguments: argparse.Namespace) -> int:
    from sceneparse.files import write_json
    from sceneparse.weights.published.listing import listed, print_published

    found = listed(arguments.published)
    print_published(found)
    if arguments.json:
        write_json(arguments.json, [one.to_json() for one in found])
    return 0


def _inventory(arguments: argparse.Namespace) -> int:
    from sceneparse.files import write_json

    with loading():
        from sceneparse.weights.inventory import inventory, print_inventory

    rows = inventory(progress=sys.stderr.isatty())
    print_inventory(rows)
    if arguments.json:
        write_json(arguments.json, [row.to_json() for row in rows])
    return 0


EXPORT = Command(
    "write a model as one OpenVINO, ONNX or torch.export program that takes any picture size",
    "sceneparse export runs/my-recipe/model --format openvino --precision int8 --calibration pictures/",
    _export_arguments,
    _export,
)

IMPORT = Command(
    "turn a published checkpoint (PSPNet, UPerNet, DeepLabV3, FCN) into a model; settings override its own",
    "sceneparse import train_epoch_100.pth --from semseg --out models/pspnet50-ade20k",
    _import_arguments,
    _import,
    settings=True,
    groups=("backbone", "network", "preprocessing", "protocol"),
)

MODELS = Command(
    "what can be built, with parameters and multiply-adds; published checkpoints by name",
    "sceneparse models --published upernet convnext ade20k",
    _list_arguments,
    _models,
)
