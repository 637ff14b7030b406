"""The demo: what sceneparse does, shown on the built-in toy world in minutes.

It trains the PSPNet and the FCN of the same size and budget, scores both on scenes that neither has seen, and shows
where they differ: on objects that look alike and only the scene around them says what they are (PSPNet paper,
section 3.1, "mismatched relationship").
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneparse.data import DataSet
from sceneparse.datasets.opening import open_dataset
from sceneparse.drawing import paint
from sceneparse.drawing.picture_grid import write_picture_grid
from sceneparse.errors import counted
from sceneparse.evaluation import Comparison, Evaluation, evaluate, machine, print_scores, write_report
from sceneparse.files import whole_file
from sceneparse.inference import Engine, TestProtocol, TorchEngine, label, resolve
from sceneparse.labels import LabelSpace
from sceneparse.parsing import load, predict_pictures
from sceneparse.progress import results_console
from sceneparse.recipes import read_recipe
from sceneparse.toyworld import LOOKALIKES
from sceneparse.training.loop import train
from sceneparse.weights.model import Model, load_model

EXAMPLES = 6
"""Scenes that are written as pictures and parsed, as a user would."""


def demo(out: Path, *, seed: int = 0) -> Path:
    """Train, evaluate, predict and report on the toy world. A second call continues or reuses what is there.

    Args:
        out: The folder for everything: pspnet/ and fcn/ (run folders), evaluation/ (metrics.json, report.html),
            pictures/ and parsed/ (scenes and what `sceneparse predict` makes of them), overview.png.
        seed: Seed of the two trainings.

    Returns:
        The report's path.
    """
    models: dict[str, Model] = {}
    for architecture in ("fcn", "pspnet"):
        recipe = read_recipe(f"toy-{architecture}")
        recipe = replace(recipe, training=replace(recipe.training, seed=seed))
        run = out / architecture
        print(f"training {architecture} ({counted(recipe.training.iterations, 'iteration')}) in {run}", flush=True)
        train(recipe, run, resume=(run / "recipe.yaml").exists())
        models[architecture] = load_model(run / "model")
    config = models["pspnet"].config
    dataset = open_dataset(config.data, config.data.test)
    protocol = resolve(config.protocol)
    engines: dict[str, Engine] = {
        name: TorchEngine(model.network, config.preprocessing) for name, model in models.items()
    }
    evaluations: dict[str, Evaluation] = {
        name: evaluate(engine, dataset, protocol, progress=f"evaluating {name}") for name, engine in engines.items()
    }
    print_scores(evaluations["pspnet"], results_console())
    report = write_report(
        out / "evaluation",
        evaluations["pspnet"],
        engines["pspnet"],
        dataset,
        title="PSPNet on the toy world",
        name="PSPNet",
        run=out / "pspnet",
        comparison=Comparison("FCN", evaluations["fcn"], engines["fcn"], LOOKALIKES),
        facts={"data": f"toy world, {len(dataset)} held-out scenes", "machine": machine()},
    )
    _write_pictures(dataset, out / "pictures")
    predict_pictures(load(out / "pspnet" / "model"), [out / "pictures"], out / "parsed", again=True)
    _overview(dataset, engines, protocol, out / "overview.png")
    for name in ("fcn", "pspnet"):
        print(f"{name:<7} mean IoU {evaluations[name].scores.mean_iou:.3f}")
    print(f"parsed pictures: {out / 'parsed'}\noverview: {out / 'overview.png'}")
    return report


def _write_pictures(dataset: DataSet, folder: Path) -> None:
    for index in range(min(EXAMPLES, len(dataset))):
        with whole_file(folder / f"scene{index}.png") as temporary:
            Image.fromarray(dataset[index].image.permute(1, 2, 0).numpy()).save(temporary)


def _overview(
    dataset: DataSet,
    engines: dict[str, Engine],
    protocol: TestProtocol,
    path: Path,
) -> None:
    """Write a picture of scenes that only the PSPNet reads right: for each pair of look-alikes, the clearest case."""
    gaps: list[dict[int, int]] = [{} for _ in LOOKALIKES]
    for index in range(len(dataset)):
        sample = dataset[index]
        assert sample.objects is not None
        truth = sample.objects.numpy()
        right = {name: label(engine, sample.image, protocol).numpy() == truth for name, engine in engines.items()}
        gained = right["pspnet"].astype(int) - right["fcn"]
        for gap, pair in zip(gaps, LOOKALIKES, strict=True):
            here = np.isin(truth, [dataset.labels.names.index(name) for name in pair])
            gap[index] = int(gained[here].sum())
    chosen = list(dict.fromkeys(max(gap, key=gap.__getitem__) for gap in gaps))
    rows = [_tiles(dataset, index, engines, protocol) for index in chosen]
    write_picture_grid(path, ("picture", "truth", "FCN", "PSPNet"), rows)


def _tiles(dataset: DataSet, index: int, engines: dict[str, Engine], protocol: TestProtocol) -> list[Image.Image]:
    sample, space = dataset[index], dataset.labels
    assert sample.objects is not None
    maps = [sample.objects, *(label(engines[name], sample.image, protocol) for name in ("fcn", "pspnet"))]
    picture = Image.fromarray(sample.image.permute(1, 2, 0).numpy())
    return [picture, *(_painted(labels.numpy(), space) for labels in maps)]


def _painted(labels: NDArray[Any], space: LabelSpace) -> Image.Image:
    return Image.fromarray(paint(labels, space))
