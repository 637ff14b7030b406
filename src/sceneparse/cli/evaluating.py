"""Verbs that measure: evaluate, diagnose, calibrate, compare and bench."""

import argparse
from typing import TYPE_CHECKING, Any

from sceneparse.cli.beforehand import (
    announce_conversions,
    loading,
    refuse_missing_model,
    refuse_unfit,
    refuse_unfit_engine,
    refuse_unwritable_folder,
    refuse_wrong_counts,
    refuse_wrong_protocol,
)
from sceneparse.cli.beforehand_data import refuse_missing_data, refuse_missing_truth
from sceneparse.cli.command import (
    MODEL_HELP,
    Command,
    changed_protocol,
    device_argument,
    engine_arguments,
    in_processes,
    output_file,
    process_arguments,
    protocol_arguments,
    recipe_settings,
)
from sceneparse.cli.order import check_model_before_data
from sceneparse.datasets.kinds import KINDS
from sceneparse.errors import UserError
from sceneparse.paths import expanded, expanded_text

if TYPE_CHECKING:
    from sceneparse.settings import Recipe


def _on_what(arguments: argparse.Namespace) -> dict[str, Any]:
    """What all verbs that measure a model on a data set are given, by the names of their functions' arguments."""
    names = ("data", "kind", "split", "out", "count", "engine", "device", "precision")
    return {name: getattr(arguments, name) for name in names}


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=expanded_text, metavar="MODEL", help=f"{MODEL_HELP}, or an exported file")
    parser.add_argument(
        "--data", type=expanded_text, metavar="DIR", help="the data set's folder; only the toy world needs none"
    )
    parser.add_argument(
        "--kind", choices=list(KINDS), metavar="KIND", help="the data set's kind (default: the model's)"
    )
    _split_argument(parser)
    parser.add_argument(
        "--out",
        type=expanded,
        metavar="DIR",
        help="where metrics.json and the report go (default: evaluation in the run, else MODEL-evaluation)",
    )
    parser.add_argument("--count", type=int, metavar="N", help="test only N pictures, evenly spaced")
    protocol_arguments(parser)
    engine_arguments(parser)
    process_arguments(parser)


def _split_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split",
        help="split to test on (default: the data set's test split; where the model's own data have none, what its "
        "training held out)",
    )


def _evaluate(arguments: argparse.Namespace) -> int:
    return in_processes(arguments, _evaluate_here)


def _evaluate_here(arguments: argparse.Namespace) -> int:
    refuse_wrong_protocol(arguments)
    refuse_wrong_counts(arguments, "count")
    check_model_before_data(arguments)
    refuse_missing_model(arguments.model)
    refuse_unfit(arguments.model, arguments)
    refuse_missing_data(arguments.model, arguments.data, arguments.kind, arguments.split, command="evaluate")
    refuse_unwritable_folder(arguments.out, "metrics.json")
    announce_conversions([arguments.model], arguments)
    with loading():
        from sceneparse.evaluation import evaluate_model
    evaluate_model(arguments.model, protocol=lambda own: changed_protocol(own, arguments), **_on_what(arguments))
    return 0


def _diagnose_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=expanded_text, metavar="MODEL", help=f"{MODEL_HELP}, or an exported file")
    parser.add_argument(
        "--data", type=expanded_text, metavar="DIR", help="the data set's folder; only the toy world needs none"
    )
    parser.add_argument("--kind", choices=list(KINDS), help="the data set's kind (default: the model's)")
    _split_argument(parser)
    parser.add_argument(
        "--rival", type=expanded_text, metavar="MODEL2", help="a second model, to be compared picture by picture"
    )
    parser.add_argument(
        "--out",
        type=expanded,
        metavar="DIR",
        help="where diagnosis.json and the report go (default: diagnosis in the run, else MODEL-diagnosis)",
    )
    parser.add_argument("--count", type=int, metavar="N", help="test only N pictures, evenly spaced")
    parser.add_argument(
        "--learn-split",
        metavar="SPLIT",
        help="split from whose truth is learnt which classes occur together (default: the training split)",
    )
    parser.add_argument(
        "--learn-count", type=int, default=500, metavar="N", help="so many of its pictures (default: 500)"
    )
    protocol_arguments(parser)
    engine_arguments(parser)


def _diagnose(arguments: argparse.Namespace) -> int:
    refuse_wrong_protocol(arguments)
    refuse_wrong_counts(arguments, "count", "learn_count")
    check_model_before_data(arguments)
    refuse_missing_model(arguments.model)
    refuse_unfit(arguments.model, arguments)
    if arguments.rival is not None:
        from sceneparse.weights.run_folder import names_of_two

        refuse_missing_model(arguments.rival)
        names_of_two(arguments.model, arguments.rival)  # raises where both are the same
        refuse_unfit_engine(arguments.rival, arguments)
    tested = refuse_missing_data(
        arguments.model, arguments.data, arguments.kind, arguments.split, also=arguments.rival, command="diagnose"
    )
    refuse_missing_truth(arguments.model, tested, arguments.learn_split)
    refuse_unwritable_folder(arguments.out, "diagnosis.json")
    announce_conversions(filter(None, (arguments.model, arguments.rival)), arguments)
    with loading():
        from sceneparse.diagnosing import diagnose_model
    diagnose_model(
        arguments.model,
        comparison=arguments.rival,
        learn_split=arguments.learn_split,
        learn_count=arguments.learn_count,
        protocol=lambda own: changed_protocol(own, arguments),
        **_on_what(arguments),
    )
    return 0


def _calibrate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=expanded_text, metavar="MODEL", help="a model folder, or a training's run folder")
    parser.add_argument(
        "--data", type=expanded_text, metavar="DIR", help="the data set's folder; only the toy world needs none"
    )
    parser.add_argument("--kind", choices=list(KINDS), metavar="KIND", help="its kind (default: the model's)")
    parser.add_argument(
        "--split", help="split to fit to, which the model has not learnt from (default: its validation split)"
    )
    parser.add_argument(
        "--out",
        type=expanded,
        metavar="DIR",
        help="where calibration.json goes (default: calibration in the run, else MODEL-calibration)",
    )
    parser.add_argument("--count", type=int, metavar="N", help="take only N pictures, evenly spaced")
    parser.add_argument("--reset", action="store_true", help="take the temperatures away again")
    engine_arguments(parser)


def _calibrate(arguments: argparse.Namespace) -> int:
    from sceneparse.weights.calibrated import folder_to_calibrate, refuse_crf, reset_temperatures
    from sceneparse.weights.config import CONFIG, read_config

    check_model_before_data(arguments)
    folder = folder_to_calibrate(arguments.model)
    if arguments.reset:
        given = [name for name in ("data", "kind", "split", "out", "count") if getattr(arguments, name) is not None]
        if given:
            raise UserError(f"--{given[0]} has no effect beside --reset, which looks at no pictures: leave one out")
        print(f"{folder}: {reset_temperatures(folder)}")
        return 0
    refuse_wrong_counts(arguments, "count")
    refuse_crf(arguments.model, read_config(folder / CONFIG).protocol)
    refuse_unfit(str(folder), arguments)
    refuse_missing_data(str(folder), arguments.data, arguments.kind, arguments.split, to_fit=True, command="calibrate")
    refuse_unwritable_folder(arguments.out, "calibration.json")
    announce_conversions([str(folder)], arguments)
    with loading():
        from sceneparse.diagnosing import calibrate_model
    calibrate_model(arguments.model, **_on_what(arguments))
    return 0


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        type=expanded_text,
        metavar="RUN",
        nargs="+",
        help="run folders, as train writes them, or folders of runs; they may be going on; of several, others are left "
        "out (runs/*)",
    )
    parser.add_argument(
        "--out",
        type=expanded,
        metavar="DIR",
        help="where comparison.html and comparison.json go (default: nowhere, the table alone)",
    )


def _compare(arguments: argparse.Namespace) -> int:
    from sceneparse.weights.run_folder import find_runs

    find_runs(arguments.runs)  # raises what is wrong with them before PyTorch is loaded
    refuse_unwritable_folder(arguments.out, "comparison.json")
    with loading():
        from sceneparse.comparing import compare_runs
    compare_runs(arguments.runs, out=arguments.out)
    return 0


def _bench_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        type=expanded_text,
        metavar="MODEL",
        help=f"{MODEL_HELP}, an exported file, or a recipe (random weights; settings can be overridden)",
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
        choices=("float32", "tf32", "bfloat16"),
        help="default: float32, and bfloat16 where it is faster here",
    )
    device_argument(parser)
    parser.add_argument(
        "--quick", action="store_true", help="end with the first look, in half a minute: a few pictures, no memory"
    )
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory, which takes a process a row")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="also write the record as JSON")


def _bench(arguments: argparse.Namespace) -> int:
    from sceneparse.benching.recipes import recipe_to_measure, refuse_nothing
    from sceneparse.benching.wishes import refuse_unmeasurable
    from sceneparse.recipes.reading import names_recipe
    from sceneparse.settings.device import refuse_absent
    from sceneparse.settings.engine import refuse_other_engine
    from sceneparse.weights.timm_source import refuse_unknown_backbone

    wishes = {name: getattr(arguments, name) for name in ("size", "batch", "repeats", "json")}
    refuse_unmeasurable(**wishes, engines=arguments.engine, precisions=arguments.precision)
    refuse_absent(arguments.device)
    source: str | Recipe = arguments.model
    if names_recipe(arguments.model):
        source = recipe_to_measure(arguments.model, **recipe_settings(arguments))
        refuse_unknown_backbone(source.backbone.name)
    elif arguments.settings:
        first = arguments.settings[0]
        raise UserError(f"unexpected '{first}': settings are for recipes, and {arguments.model} is none")
    else:
        refuse_nothing(arguments.model)
        if arguments.engine is not None and len(arguments.engine) == 1:
            refuse_other_engine(arguments.model, arguments.engine[0])
        refuse_missing_model(arguments.model)
    with loading():
        from sceneparse.benching import bench
    bench(
        source,
        name=arguments.model,
        size=arguments.size and tuple(arguments.size),
        batch=arguments.batch,
        repeats=arguments.repeats,
        engines=arguments.engine,
        precisions=arguments.precision,
        device=arguments.device,
        memory=not arguments.no_memory,
        quick=arguments.quick,
        json=arguments.json,
    )
    return 0


EVALUATE = Command(
    "score a model on labelled pictures: table, metrics.json and an HTML report",
    "sceneparse evaluate runs/my-recipe/model --data my-data --scales 0.75 1 1.25 --flip",
    _evaluate_arguments,
    _evaluate,
)

DIAGNOSE = Command(
    "why a model fails: the papers' three failure kinds, boundaries and calibration, as an HTML report",
    "sceneparse diagnose runs/my-recipe/model --data my-data --rival runs/other/model",
    _diagnose_arguments,
    _diagnose,
)

CALIBRATE = Command(
    "temperatures that make a model as sure as it is right, fitted on its validation split and kept in its folder",
    "sceneparse calibrate runs/my-recipe/model --data my-data",
    _calibrate_arguments,
    _calibrate,
)

COMPARE = Command(
    "runs side by side: differing settings and scores as a table; with --out also curves and classes, as an HTML page",
    "sceneparse compare runs/* --out comparison",
    _compare_arguments,
    _compare,
)

BENCH = Command(
    "speed and memory on this machine, engine by engine, and where the time goes",
    "sceneparse bench runs/my-recipe/model --size 512 512 --json bench.json",
    _bench_arguments,
    _bench,
    settings=True,
    groups=("backbone", "network", "preprocessing"),
    also=("data",),  # how many classes there are
)
