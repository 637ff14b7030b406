"""What `sceneparse export` does: the file, the proof that it agrees with PyTorch, and what int8 costs in accuracy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from sceneparse.datasets import open_dataset
from sceneparse.errors import UserError
from sceneparse.evaluation.command import data_settings
from sceneparse.evaluation.evaluate import evaluate, spaced
from sceneparse.exporting import quantizing
from sceneparse.files import write_json
from sceneparse.inference import (
    Engine,
    TaskEngine,
    TestProtocol,
    TorchEngine,
    export_model,
    label,
    openvino_engine,
    predict_tasks,
    resolve,
)
from sceneparse.inference.exporting import SUFFIXES, Format, Note, open_exported, write_openvino
from sceneparse.inference.openvino_engine import OpenVINOEngine
from sceneparse.inference.program import Program, Traits
from sceneparse.labels import TaskLabels
from sceneparse.networks import resize
from sceneparse.pictures import find_pictures
from sceneparse.pictures.reading import read_picture
from sceneparse.tasks import Task
from sceneparse.weights.model import Model, find_model, load_model

CHECKED = ((97, 161), (200, 136), (256, 256), (333, 250), (65, 480))
"""Sizes at which an exported file is compared with PyTorch."""

ERROR, EQUAL = 1e-4, 0.9999
"""What is demanded of a float32 file at each size: the largest relative error, the least share of equal labels."""


@dataclass(frozen=True)
class Check:
    """An exported file beside PyTorch at one size, on noise.

    Args:
        height: Of the picture.
        width: Of the picture.
        error: Largest difference of the logits, relative to the largest logit; of several tasks that of the worst.
        equal: Share of equal labels; of several tasks the least.
    """

    height: int
    width: int
    error: float
    equal: float


@dataclass(frozen=True)
class Accuracy:
    """What quantisation costs.

    Args:
        calibrated_on: Inputs that gave the ranges.
        compared_on: Pictures whose labels were compared.
        equal: Share of their pixels that keep their float32 label, objects.
        tasks: The same of a unified network's other tasks, by their names; of the scene the share of pictures.
        mean_iou: Mean IoU before and after, on labelled pictures if there are any.
        pixel_accuracy: Pixel accuracy before and after, likewise.
    """

    calibrated_on: int
    compared_on: int
    equal: float
    tasks: dict[str, float]
    mean_iou: tuple[float, float] | None
    pixel_accuracy: tuple[float, float] | None


@dataclass(frozen=True)
class Export:
    """What was exported, and how it was found to be."""

    path: Path
    checks: tuple[Check, ...]
    accuracy: Accuracy | None

    def to_json(self) -> dict[str, Any]:
        """The record that is written beside the file."""
        return {
            "file": self.path.name,
            "bytes": sum(path.stat().st_size for path in files_of(self.path)),
            "checks": [asdict(check) for check in self.checks],
            "accuracy": None if self.accuracy is None else asdict(self.accuracy),
        }


def export(
    model: str | Path,
    *,
    format: Format,  # noqa: A002 - the command's word
    out: str | Path | None = None,
    int8: bool = False,
    calibration: Sequence[str | Path] = (),
    data: str | None = None,
    kind: str | None = None,
    split: str | None = None,
    count: int | None = None,
    progress: bool = True,
) -> Export:
    """Write a model as one program for any batch and size of pictures, and prove it.

    In float32 the file is run in its runtime at five sizes and compared with PyTorch; a file that does not agree is an
    error. In int8 the labels are compared, and accuracy too if there are labelled pictures.

    Args:
        model: A model folder or a hub id.
        format: openvino (.xml and .bin), onnx or torch (.pt2, a torch.export program).
        out: The file. Default: the model folder's name with the format's suffix, beside the folder.
        int8: Quantise (openvino only).
        calibration: Pictures, folders and patterns that give the ranges for int8; labels are compared on some of them.
        data: A labelled data set's folder for accuracy before and after int8. Default: the model's own, if it needs no
            folder.
        kind: As in `data.kind`. Default: the model's.
        split: Split of the labelled data set. Default: the model's test split.
        count: Test only so many labelled pictures, evenly spaced.
        progress: Show what happens, and the tables.

    Raises:
        UserError: No such model, a missing package, no calibration pictures, or a file that does not agree.
    """
    console = Console(stderr=True, quiet=not progress, highlight=False)
    if int8 and format != "openvino":
        raise UserError("int8 is for --format openvino; export onnx and torch in float32")
    if int8 and not calibration:
        raise UserError("int8 needs pictures to take its ranges from: name some with --calibration")
    if (calibration or data) and not int8:
        raise UserError("--calibration and --data are for --precision int8; leave them out, or give that")
    folder = find_model(model)
    suffix = "-int8.xml" if int8 else SUFFIXES[format]
    path = Path(out) if out else folder.resolve().with_name(f"{folder.resolve().name}{suffix}")
    loaded = load_model(folder)
    if int8:
        quantizing.installed()
        with console.status("calibrating"):
            pictures = _spread(calibration, loaded.config.backbone.in_channels)
            path, calibrated_on = _quantize(loaded, path, pictures)
        with console.status("comparing with float32"):
            accuracy = _accuracy(loaded, path, pictures, calibrated_on, data, kind, split, count, progress)
        result = Export(path, (), accuracy)
    else:
        with console.status(f"exporting to {path}"):
            export_model(loaded, path, format)
        with console.status("comparing with PyTorch"):
            result = Export(path, tuple(_checks(loaded, path, format)), None)
    write_json(path.with_suffix(".json"), result.to_json())
    if progress:
        print_export(result, Console(highlight=False))
    if wrong := [check for check in result.checks if check.error > ERROR or check.equal < EQUAL]:
        sizes = ", ".join(f"{check.height}×{check.width}" for check in wrong)
        raise RuntimeError(f"{path} does not give PyTorch's answers at {sizes}; it must not be used")
    return result


def files_of(path: Path) -> list[Path]:
    """An exported file and what belongs to it."""
    return [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]


def print_export(result: Export, console: Console) -> None:
    """Tables of what was found."""
    if result.checks:
        table = Table("picture", "relative error of logits", "equal labels", title="the file beside PyTorch, float32")
        for check in result.checks:
            table.add_row(f"{check.height}×{check.width}", f"{check.error:.1e}", f"{check.equal:.4%}")
        console.print(table)
    if accuracy := result.accuracy:
        table = Table("", "float32", "int8", title=f"calibrated on {accuracy.calibrated_on} inputs")
        table.add_row(f"labels as in float32, {accuracy.compared_on} pictures", "100%", f"{accuracy.equal:.2%}")
        for task, equal in accuracy.tasks.items():
            table.add_row(f"{task} as in float32", "100%", f"{equal:.2%}")
        for name, values in (("mean IoU", accuracy.mean_iou), ("pixel accuracy", accuracy.pixel_accuracy)):
            if values is not None:
                table.add_row(name, *(f"{value:.2%}" for value in values))
        console.print(table)
    sizes = ", ".join(f"{path} ({path.stat().st_size / 2**20:.1f} MiB)" for path in files_of(result.path))
    console.print(f"exported: {sizes}", markup=False, soft_wrap=True)


def _checks(model: Model, path: Path, format: Format) -> Iterator[Check]:  # noqa: A002
    expected = TorchEngine(model.network, model.config.preprocessing, device="cpu", precision="float32")
    tasks = Traits.of(model.network, model.config.preprocessing).tasks
    if format == "torch":
        scores = _program_scores(path)
    else:
        scores = partial(_engine_scores, open_exported(path, device="cpu", precision="float32")[0], tasks)
    generator = torch.Generator().manual_seed(0)
    for height, width in CHECKED:
        noise = torch.rand(1, model.config.backbone.in_channels, height // 8, width // 8, generator=generator)
        images = resize(255 * noise, (height, width), align_corners=False)
        pairs = list(zip(_engine_scores(expected, tasks, images), scores(images), strict=True))
        errors = [float((found - truth).abs().max() / truth.abs().max()) for truth, found in pairs]
        equal = [_equal(*(_winners(one, (height, width), expected) for one in pair)) for pair in pairs]
        yield Check(height, width, max(errors), min(equal))


def _engine_scores(engine: TaskEngine, tasks: tuple[str, ...], images: Tensor) -> list[Tensor]:
    """The logits of the objects, and behind them those of the other tasks, as a program gives them."""
    if not tasks:
        return [engine(images)]
    output = engine.heads(images, tasks)
    return [output.logits, *(getattr(output, task) for task in tasks if task != Task.OBJECT)]


def _program_scores(path: Path) -> Callable[[Tensor], list[Tensor]]:
    """The same of a torch.export program, which gives labels too."""
    program = torch.export.load(path).module()

    def scores(images: Tensor) -> list[Tensor]:
        logits, _, *others = program(images)
        return [logits, *others]

    return scores


def _winners(scores: Tensor, size: tuple[int, int], engine: Engine) -> Tensor:
    """The best class of each pixel, or of the picture where it has one answer."""
    return (scores if scores.dim() == 2 else resize(scores, size, engine.align_corners)).argmax(dim=1)


def _equal(first: Tensor, second: Tensor) -> float:
    return float((first == second).double().mean())


def _spread(sources: Sequence[str | Path], channels: int, most: int = 100) -> list[Tensor]:
    """At most so many of the pictures, evenly spaced."""
    paths = [found.path for found in find_pictures(sources)]
    return [read_picture(paths[index], channels) for index in spaced(len(paths), most)]


def _quantize(model: Model, path: Path, pictures: list[Tensor]) -> tuple[Path, int]:
    if path.suffix != ".xml":
        raise UserError(f"{path}: the file of format openvino must end in .xml")
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu")
    inputs = quantizing.calibration_inputs(engine, pictures, resolve(model.config.protocol))
    program = Program(model.network, model.config.preprocessing, labels=True)
    quantized = quantizing.quantized(openvino_engine.converted(program), inputs)
    write_openvino(quantized, Note.of(model, program.traits, quantized=True), path)
    return path, len(inputs)


def _accuracy(
    model: Model,
    path: Path,
    pictures: list[Tensor],
    calibrated_on: int,
    data: str | None,
    kind: str | None,
    split: str | None,
    count: int | None,
    progress: bool,
) -> Accuracy:
    before: Engine = OpenVINOEngine.of(model.network, model.config.preprocessing, precision="float32")
    after, _ = open_exported(path)
    protocol = resolve(model.config.protocol)
    compared = [pictures[index] for index in spaced(len(pictures), 20)]
    told = [[_told(engine, one, protocol, model.tasks) for engine in (before, after)] for one in compared]
    same: dict[str, float] = {task: sum(_equal(x[task], y[task]) for x, y in told) / len(told) for task in told[0][0]}
    mean_iou = pixel_accuracy = None
    if data is not None or (kind or model.config.data.kind) == "toyworld":
        settings = data_settings(model.config, data, kind, split)
        dataset = open_dataset(settings, settings.test, channels=model.config.backbone.in_channels)
        first, second = (
            evaluate(engine, dataset, protocol, count=count, progress=name if progress else None).scores
            for name, engine in (("float32", before), ("int8", after))
        )
        mean_iou = (first.mean_iou, second.mean_iou)
        pixel_accuracy = (first.pixel_accuracy, second.pixel_accuracy)
    return Accuracy(calibrated_on, len(compared), same.pop(Task.OBJECT), same, mean_iou, pixel_accuracy)


def _told(engine: Engine, picture: Tensor, protocol: TestProtocol, tasks: TaskLabels | None) -> dict[Task, Tensor]:
    """What a picture is told to be, by task: a class for each pixel, of the scene one."""
    if tasks is None:
        return {Task.OBJECT: label(engine, picture, protocol)}
    return predict_tasks(engine, picture, protocol, tasks).answers()
