"""Verbs that train: demo, train and sweep."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from sceneparse.arguments import check_number
from sceneparse.cli.beforehand import loading, refuse_unready, refuse_unwritable_folder, refuse_wrong_counts
from sceneparse.cli.command import Command, in_processes, process_arguments, recipe_settings
from sceneparse.cli.order import check_recipe_before_data
from sceneparse.errors import UserError
from sceneparse.paths import expanded, expanded_text
from sceneparse.recipes.reading import OF_RUN


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=expanded, default=Path("demo"), metavar="DIR", help="where it goes (default: demo)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the two trainings (default: 0)")


def _demo(arguments: argparse.Namespace) -> int:
    check_number("seed", arguments.seed, least=0, whole=True)
    refuse_unwritable_folder(arguments.out, "demo.json")
    with loading():
        from sceneparse.training.demo import demo
    report = demo(arguments.out, seed=arguments.seed)
    print(f"report: {report}")
    return 0


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recipe", type=expanded_text, metavar="RECIPE", help="a recipe of the package (listed below) or a .yaml file"
    )
    parser.add_argument("--out", type=expanded, metavar="DIR", help="the run folder (default: runs/<recipe's name>)")
    parser.add_argument(
        "--init",
        type=expanded_text,
        metavar="MODEL",
        help="start from this model, by the names of its classes: the same as --init.model (see init below)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue exactly where the run in the run folder stopped"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would be trained, and what is wrong with it, and take no step: settings, data, network, length",
    )
    process_arguments(parser)
    parser.add_argument(
        "--strategy",
        choices=("auto", "ddp", "fsdp"),
        default="auto",
        help="several processes: each has the whole network (ddp, auto) or a share of its weights (fsdp)",
    )


def _recipe_to_resume(given: Sequence[str]) -> str:
    """How a training is resumed by its own recipe, where none is given; empty where that isn't what is asked for."""
    words = [word for one in given for word in one.split("=", 1)]
    out = Path(words[words.index("--out") + 1]) if "--out" in words[:-1] else None
    if out is None or "--resume" not in words or not (out / OF_RUN).is_file():
        return ""
    command = shlex.join(["sceneparse", "train", str(out / OF_RUN), "--out", str(out), "--resume"])
    return f"; the run's own recipe goes on with it: {command}"


def _train(arguments: argparse.Namespace) -> int:
    check_recipe_before_data(arguments)
    return in_processes(arguments, _train_here)


def _train_here(arguments: argparse.Namespace) -> int:
    from sceneparse.processes import leads
    from sceneparse.recipes import read_recipe
    from sceneparse.training.taken import begins_anew

    if arguments.init is not None:
        if any(one.split("=")[0] in ("--init", "--init.model") for one in arguments.settings):
            raise UserError("--init and --init.model say the same: give one of them")
        arguments.settings.append(f"--init.model={arguments.init}")
    recipe = read_recipe(arguments.recipe, **recipe_settings(arguments))
    refuse_unready(recipe, arguments.out, arguments.strategy, resume=arguments.resume)
    if arguments.resume and leads() and (line := begins_anew(arguments.out or Path("runs") / recipe.name)):
        print(f"note: {line}", file=sys.stderr)
    if arguments.dry_run:
        with loading():
            from sceneparse.training.dry_run import foresee
        foresee(recipe, arguments.out, resume=arguments.resume, strategy=arguments.strategy)
        return 0
    with loading():
        from sceneparse.training.loop import train
    run = train(recipe, arguments.out, resume=arguments.resume, strategy=arguments.strategy)
    if leads():
        print(f"model: {run / 'model'}")
    return 0


def _sweep_arguments(parser: argparse.ArgumentParser) -> None:
    from sceneparse.recipes.sweep import load_sweep, sweep_names

    sweeps = "\n".join(f"  {name:<28} {load_sweep(name)['description']}" for name in sweep_names())
    parser.description = f"{parser.description}\n\nsweeps:\n{sweeps}"
    parser.add_argument(
        "sweep", type=expanded_text, metavar="SWEEP", help="a sweep of the package (listed above) or a .yaml file"
    )
    parser.add_argument("--out", type=expanded, metavar="DIR", help="its folder (default: sweeps/<the sweep's name>)")
    parser.add_argument(
        "--processes", type=int, metavar="N", help="runs at a time (default: one for each GPU, one on the CPU)"
    )
    parser.add_argument("--seeds", type=int, nargs="+", metavar="S", help="seeds of each row (default: the sweep's)")
    parser.add_argument("--dry-run", action="store_true", help="say what would run, and run nothing")


def _sweep(arguments: argparse.Namespace) -> int:
    from sceneparse.recipes.sweep import read_sweep
    from sceneparse.training.sweeping.protocols import refuse_unfit_protocols, refuse_unknown_backbones

    sweep = read_sweep(arguments.sweep, arguments.seeds, **recipe_settings(arguments))
    out = arguments.out or Path("sweeps") / sweep.name
    refuse_wrong_counts(arguments, "processes")
    refuse_unfit_protocols(sweep)
    refuse_unknown_backbones(sweep)
    refuse_unwritable_folder(out, "summary.json")
    with loading():
        from sceneparse.training.sweeping.running import list_runs, run_sweep

    if arguments.dry_run:
        list_runs(sweep, out)
        return 0
    return 1 if run_sweep(sweep, out, processes=arguments.processes) else 0


DEMO = Command(
    "built-in toy world: train, evaluate, predict and report, in minutes, with nothing but this package",
    "sceneparse demo --out demo",
    _demo_arguments,
    _demo,
)

TRAIN = Command(
    "train what a recipe says; any setting can be overridden by its dotted name",
    "sceneparse train camvid-pspnet-mobilenetv2 --data.root CamVid --training.iterations 2000",
    _train_arguments,
    _train,
    settings=True,
    missing=_recipe_to_resume,
)

SWEEP = Command(
    "train a table of settings with several seeds, and sum it up: means, spreads, pictures",
    "sceneparse sweep toy-table1 --out sweeps/toy-table1",
    _sweep_arguments,
    _sweep,
    settings=True,
)
