"""The demo: what sceneparse does, shown on the built-in toy world in minutes.

It trains the PSPNet and the FCN of the same size and budget, scores both on scenes that neither has seen, and shows
where they differ: on objects that look alike and only the scene around them says what they are (PSPNet paper,
section 3.1, "mismatched relationship").
"""

import hashlib
import json
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from sceneparse.data import DataSet
from sceneparse.datasets.opening import open_dataset
from sceneparse.devices import choose_device
from sceneparse.drawing import paint
from sceneparse.drawing.picture_grid import write_picture_grid
from sceneparse.errors import counted
from sceneparse.evaluation import Comparison, Evaluation, evaluate, machine, print_scores, write_report
from sceneparse.files import whole_file, write_json
from sceneparse.inference import Engine, TorchEngine, label, resolve
from sceneparse.parsing import load, predict_pictures
from sceneparse.progress import results_console, working
from sceneparse.recipes import read_recipe
from sceneparse.settings import Recipe
from sceneparse.toyworld import LOOKALIKES
from sceneparse.training.budget import seconds_of
from sceneparse.training.checkpoint import Checkpoints
from sceneparse.training.durations import exactly, roughly
from sceneparse.training.loop import train
from sceneparse.training.probe import Pace, measure
from sceneparse.training.progress import TrainingStopped
from sceneparse.training.recipe_losses import RecipeLosses
from sceneparse.training.run import is_finished, open_run
from sceneparse.training.trial import prepare_tried
from sceneparse.weights.model import load_model
from sceneparse.weights.run_folder import MODEL

NETWORKS = ("fcn", "pspnet")
"""What is trained, in this order: `toy-` before it is the recipe's name, and by itself the run folder's."""

EXAMPLES = 6
"""Scenes that are written as pictures and parsed, as a user would."""

LOOKED_AT = 40
"""Scenes among which the overview's are looked for: those in which the PSPNet gains most."""

REPORTED = 100
"""Pictures that the report and the parsed pictures label once more, those that it labels by both networks twice."""

MEASURED_AS = 120.0
"""Measuring the machine takes a few hundredths of so many seconds."""

FACTS = "demo.json"
"""What the demo came to, written last: where it stands and fits the models, everything is done."""

SPENT = "spent.json"
"""How long all calls took up to now, for one that goes on."""

REPORT = Path("evaluation") / "report.html"
OVERVIEW = "overview.png"
SIDE = 256
"""About so many pixels a side has a scene in the overview."""
PARSED = "parsed"

LOWEST = "lowest_class"
"""The key of each network's class of lowest IoU in `FACTS`."""

LOOKALIKE_NAMES = tuple(name for pair in LOOKALIKES for name in pair)


def demo(out: Path, *, seed: int = 0) -> Path:
    """Train, evaluate, predict and report on the toy world. A second call goes on where the first one stopped.

    What it takes on this machine is measured in the first seconds, said, and at the end compared with what it took. The
    time of calls that were stopped counts too.

    Args:
        out: The folder for everything: pspnet/ and fcn/ (run folders), evaluation/ (metrics.json, report.html),
            pictures/ and parsed/ (scenes and what `sceneparse predict` makes of them), overview.png, demo.json (the
            figures) and spent.json (seconds).
        seed: Seed of the two trainings.

    Returns:
        The report's path.

    Raises:
        UserError: A run folder in `out` holds another training.
        TrainingStopped: Ctrl-C or SIGTERM during a training; a checkpoint was written.
    """
    began = time.monotonic()
    recipes = {name: _recipe(name, seed) for name in NETWORKS}
    states = {name: _state(recipe, out / name) for name, recipe in recipes.items()}
    left = {name: iterations for name, (iterations, _) in states.items()}
    if not any(left.values()) and (facts := _finished(out)):
        print(f"{out}: this demo is finished; it took {exactly(facts['seconds'])}")
        return _said(out, facts)
    before = _spent(out, sum(seconds for _, seconds in states.values()))
    expected = _expected_seconds(recipes, left)
    print(f"this will take {roughly(expected)} on this machine", flush=True)
    try:
        for number, name in enumerate(NETWORKS, 1):
            _train(recipes[name], out, name, f"{number} of {len(NETWORKS)}", left[name])
        facts = _test(out)
    finally:
        took = time.monotonic() - began
        write_json(out / SPENT, {"seconds": round(before + took, 1)})
    facts |= {"seconds": round(before + took, 1), "expected_seconds": round(before + expected, 1)}
    write_json(out / FACTS, facts)
    whole = f" (with the calls before {exactly(facts['seconds'])})" if before else ""
    print(f"took {exactly(took)}{whole}; {roughly(expected)} were expected")
    return _said(out, facts)


def _recipe(name: str, seed: int) -> Recipe:
    recipe = read_recipe(f"toy-{name}")
    return replace(recipe, training=replace(recipe.training, seed=seed))


def _state(recipe: Recipe, run: Path) -> tuple[int, float]:
    """Return how many iterations a training still needs, 0 where its model is there, and the seconds that it took."""
    opened, checkpoint = open_run(recipe, run, resume=True, warn=lambda _: None)
    done, seconds = (checkpoint.iteration, checkpoint.seconds) if checkpoint else (0, 0.0)
    # A training that was stopped after its last step still has to write its model.
    left = 0 if is_finished(checkpoint, opened, run) else max(1, recipe.training.iterations - done)
    return left, seconds


def _spent(out: Path, trained: float) -> float:
    """Return how many seconds the calls before took.

    Args:
        out: The demo's folder.
        trained: What the trainings there took: all that is known of a call that was killed. Where they took nothing,
            the demo begins.
    """
    if not trained or not (out / SPENT).is_file():
        return trained
    return max(trained, float(json.loads((out / SPENT).read_text(encoding="utf-8"))["seconds"]))


def _expected_seconds(recipes: Mapping[str, Recipe], left: Mapping[str, int]) -> float:
    """Measure the machine, and return how long all that is left to do will take on it."""
    recipe = recipes["pspnet"]
    with working("measuring this machine"):
        pace = _pace(recipe)
    training, tested = recipe.training, recipe.data.toyworld.eval_count
    pictures = len(NETWORKS) * (tested + min(LOOKED_AT, tested)) + REPORTED
    picture = pace.validation / min(training.validate_count or tested, tested)
    return pictures * picture + sum(
        seconds_of(iterations, pace, training) for iterations in left.values() if iterations
    )


def _pace(recipe: Recipe) -> Pace:
    """Measure how fast this machine trains and tests, on a network that is thrown away."""
    began = time.monotonic()
    prepared = prepare_tried(recipe, None, "auto")
    losses = RecipeLosses.prepared(prepared, None)
    with TemporaryDirectory(prefix="sceneparse-demo-") as folder:
        return measure(prepared, losses, None, Checkpoints(Path(folder)), began, MEASURED_AS)


def _train(recipe: Recipe, out: Path, name: str, number: str, left: int) -> None:
    """Train a network, or go on with it; say how to go on where it is stopped."""
    run = out / name
    if left:
        print(f"training {number}: {name}, {counted(left, 'iteration')}, in {run}", flush=True)
    try:
        train(recipe, run, resume=True)
    except TrainingStopped:
        again = f"sceneparse demo --out {shlex.quote(str(out))}"
        print(f"the demo goes on from there when it is started again: {again}", file=sys.stderr)
        raise


def _test(out: Path) -> dict[str, Any]:
    """Test the trained networks, and write report, parsed pictures and overview; returns the figures."""
    models = {name: load_model(out / name / MODEL) for name in NETWORKS}
    config = models["pspnet"].config
    dataset = open_dataset(config.data, config.data.test)
    protocol = resolve(config.protocol, config.sizes)
    engines: dict[str, Engine] = {
        name: TorchEngine(model.network, config.preprocessing) for name, model in models.items()
    }
    evaluations: dict[str, Evaluation] = {
        name: evaluate(engine, dataset, protocol, progress=f"evaluating {name}") for name, engine in engines.items()
    }
    print_scores(evaluations["pspnet"], results_console())
    with working("writing the report") as say:
        write_report(
            out / REPORT.parent,
            evaluations["pspnet"],
            engines["pspnet"],
            dataset,
            title="PSPNet on the toy world",
            name="PSPNet",
            run=out / "pspnet",
            comparison=Comparison("FCN", evaluations["fcn"], engines["fcn"], LOOKALIKES),
            facts={"data": f"toy world, {len(dataset)} held-out scenes", "machine": machine(choose_device())},
        )
        say("drawing the overview")
        _overview(dataset, engines, evaluations, out / OVERVIEW)
    _write_pictures(dataset, out / "pictures")
    predict_pictures(load(out / "pspnet" / MODEL), [out / "pictures"], out / PARSED, again=True)
    return {
        "mean_iou": {name: one.scores.mean_iou for name, one in evaluations.items()},
        "lookalikes_mean_iou": {name: _lookalikes_mean_iou(one) for name, one in evaluations.items()},
        LOWEST: {name: _lowest(one) for name, one in evaluations.items()},
        "models": {name: _fingerprint(out / name) for name in NETWORKS},
    }


def _lookalikes_mean_iou(evaluation: Evaluation) -> float:
    alike = [one.iou or 0.0 for one in evaluation.scores.classes if one.name in LOOKALIKE_NAMES]
    return sum(alike) / len(alike)


def _lowest(evaluation: Evaluation) -> dict[str, Any]:
    """Return the class of the lowest IoU with it: whether every class is found."""
    iou, name = min((one.iou, one.name) for one in evaluation.scores.classes if one.iou is not None)
    return {"name": name, "iou": iou}


def _fingerprint(run: Path) -> str:
    return hashlib.sha256((run / MODEL / "model.safetensors").read_bytes()).hexdigest()


def _finished(out: Path) -> dict[str, Any] | None:
    """Return the facts of a demo that is done and whose files are all there; None where there is something to do."""
    if not all((out / name).is_file() for name in (FACTS, REPORT, OVERVIEW, Path(PARSED) / "summary.json")):
        return None
    facts: dict[str, Any] = json.loads((out / FACTS).read_text(encoding="utf-8"))
    if LOWEST not in facts:  # as earlier versions wrote them
        return None
    return facts if facts["models"] == {name: _fingerprint(out / name) for name in NETWORKS} else None


def _said(out: Path, facts: Mapping[str, Any]) -> Path:
    """Print the figures, and where everything is; returns the report's path."""
    for name in NETWORKS:
        mean, alike, lowest = (facts[key][name] for key in ("mean_iou", "lookalikes_mean_iou", LOWEST))
        last = f"lowest class {lowest['name']} {lowest['iou']:.2%}"
        print(f"{name:<7} mean IoU {mean:.2%}, look-alikes {alike:.2%}, {last}")
    print(f"parsed pictures: {out / PARSED}\noverview: {out / OVERVIEW}")
    return out / REPORT


def _write_pictures(dataset: DataSet, folder: Path) -> None:
    for index in range(min(EXAMPLES, len(dataset))):
        with whole_file(folder / f"scene{index}.png") as temporary:
            Image.fromarray(dataset[index].image.permute(1, 2, 0).numpy()).save(temporary)


def _overview(
    dataset: DataSet, engines: Mapping[str, Engine], evaluations: Mapping[str, Evaluation], path: Path
) -> None:
    """Write a picture of scenes that only the PSPNet reads right: for each pair of look-alikes, the clearest case."""
    protocol = evaluations["pspnet"].protocol
    gains = {
        ours.index: (ours.mean_iou or 0.0) - (theirs.mean_iou or 0.0)
        for ours, theirs in zip(evaluations["pspnet"].pictures, evaluations["fcn"].pictures, strict=True)
    }
    looked_at = sorted(gains, key=gains.__getitem__, reverse=True)[:LOOKED_AT]
    pairs: list[dict[int, int]] = [{} for _ in LOOKALIKES]
    rows = {}
    for index in looked_at:
        sample = dataset[index]
        assert sample.objects is not None
        truth = sample.objects.numpy()
        maps = {name: label(engine, sample.image, protocol).numpy() for name, engine in engines.items()}
        gained = (maps["pspnet"] == truth).astype(int) - (maps["fcn"] == truth)
        for pixels, pair in zip(pairs, LOOKALIKES, strict=True):
            here = np.isin(truth, [dataset.labels.names.index(name) for name in pair])
            pixels[index] = int(gained[here].sum())
        picture = Image.fromarray(sample.image.permute(1, 2, 0).numpy())
        painted = (Image.fromarray(paint(one, dataset.labels)) for one in (truth, maps["fcn"], maps["pspnet"]))
        rows[index] = [picture, *painted]
    chosen = dict.fromkeys(max(pixels, key=pixels.__getitem__) for pixels in pairs)
    # A whole multiple of the scene's side: every pixel is drawn equally large.
    side = picture.width * max(1, round(SIDE / picture.width))
    write_picture_grid(path, ("picture", "truth", "FCN", "PSPNet"), [rows[index] for index in chosen], side=side)
