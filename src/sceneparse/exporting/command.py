"""`sceneparse export` as a function: write the file, check that it agrees with PyTorch, measure what int8 costs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from torch import Tensor

from sceneparse.arguments import argument, check_choice, check_flag, check_number, check_type, several
from sceneparse.errors import UserError
from sceneparse.evaluation.evaluate import spaced
from sceneparse.exporting import quantizing
from sceneparse.exporting.accuracy import LabelledData, measure_accuracy
from sceneparse.exporting.checking import agrees, check_export
from sceneparse.exporting.record import Export
from sceneparse.exporting.table import print_export
from sceneparse.files import write_json
from sceneparse.inference import TorchEngine, export_model, openvino_engine, resolve
from sceneparse.inference.exported_file import SUFFIXES, Format, Note, write_openvino
from sceneparse.inference.program import ConversionError, Program
from sceneparse.pictures import find_pictures
from sceneparse.pictures.reading import read_picture
from sceneparse.progress import results_console, working
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model, find_model, load_model
from sceneparse.weights.run_folder import named_folder

CALIBRATED = 100
"""Calibration pictures that are read at most, evenly spaced."""


def export(
    model: str | Path,
    *,
    format: Format,  # noqa: A002 - the command's word
    out: str | Path | None = None,
    size: int | Literal["own", "auto"] | None = None,
    int8: bool = False,
    calibration: str | Path | Sequence[str | Path] = (),
    data: str | None = None,
    kind: str | None = None,
    split: str | None = None,
    count: int | None = None,
    progress: bool = True,
) -> Export:
    """Write a model as one program for any batch and size of pictures, and check that it agrees with PyTorch.

    In float32 the file is run in its runtime at five sizes and compared with PyTorch; a file that does not agree is an
    error. In int8 the labels are compared, and accuracy too if there are labelled pictures.

    Args:
        model: A model folder, a training's run folder or one of its checkpoints, a published checkpoint's name or a hub
            id.
        format: openvino (.xml and .bin), onnx or torch (.pt2, a torch.export program).
        out: The file. Default: the model folder's name with the format's suffix, beside the folder; of what is fetched
            by its name the model's name, in this folder.
        size: At which size pictures are parsed with the file (`protocol.size`). Default: the model's protocol says it.
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
    check_type("model", model, (str, Path), "a model folder, a published checkpoint's name or a hub id")
    check_choice("format", format, get_args(Format))
    check_type("out", out, (str, Path, type(None)), "a file or None")
    check_flag("int8", int8)
    calibration = several("calibration", calibration, "pictures, folders and patterns")
    for name, text in (("data", data), ("kind", kind), ("split", split)):
        check_type(name, text, (str, Path, type(None)) if name == "data" else (str, type(None)), "a name or None")
    if count is not None:
        check_number("count", count, least=1, whole=True)
    check_flag("progress", progress)
    if int8 and format != "openvino":
        raise UserError(f"int8 is for {argument('format', 'openvino')}; export onnx and torch in float32")
    if int8 and not calibration:
        raise UserError(f"int8 needs pictures to take its ranges from: name some in {argument('calibration')}")
    if (calibration or data) and not int8:
        asked = argument("int8", True, option="--precision int8")
        raise UserError(
            f"{argument('calibration')} and {argument('data')} are for {asked}; leave them out, or give that"
        )
    folder = find_model(model)
    suffix = "-int8.xml" if int8 else SUFFIXES[format]
    loaded = _at_size(load_model(folder), size)
    path = Path(out) if out else default_path(model, loaded.config.name, suffix)
    if int8:
        quantizing.installed()
        with working("calibrating", shown=progress):
            pictures = _calibration_pictures(calibration, loaded.config)
            with _in_words_of_export(str(model)):
                calibrated_on = _quantize(loaded, path, pictures)
        with working("comparing with float32", shown=progress):
            accuracy = measure_accuracy(
                loaded,
                path,
                pictures,
                calibrated_on=calibrated_on,
                labelled=LabelledData(data, kind, split, count),
                progress=progress,
            )
        result = Export(path, (), accuracy)
    else:
        with working(f"exporting to {path}", shown=progress), _in_words_of_export(str(model)):
            export_model(loaded, path, format)
        with working("comparing with PyTorch", shown=progress):
            result = Export(path, tuple(check_export(loaded, path, format)), None)
    write_json(path.with_suffix(".json"), result.to_json())
    if progress:
        print_export(result, results_console(highlight=False))
    if wrong := [check for check in result.checks if not agrees(check)]:
        sizes = ", ".join(f"{check.height}×{check.width}" for check in wrong)
        raise RuntimeError(f"{path} does not give PyTorch's answers at {sizes}; it must not be used")
    return result


def _at_size(model: Model, size: int | Literal["own", "auto"] | None) -> Model:
    """Return a model whose protocol brings pictures to a size."""
    if size is None:
        return model
    protocol = replace(model.config.protocol, size=size)
    resolve(protocol, model.config.sizes)  # refuses what doesn't hold together
    return replace(model, config=replace(model.config, protocol=protocol))


@contextmanager
def _in_words_of_export(model: str) -> Iterator[None]:
    """Say of a network that cannot be exported what is left: another engine is no choice of `export`."""
    try:
        yield
    except ConversionError as error:
        raise UserError(f"{model}: {error.reason}; without an export, the other commands run it with PyTorch") from None


def default_path(model: str | Path, name: str, suffix: str) -> Path:
    """Return where a file goes: beside the model folder, or here if the model was named and lies in a cache.

    Args:
        model: What `export` is given.
        name: The model's own name.
        suffix: The end of the file's name.
    """
    own = (named_folder(model) or Path(name)).resolve()
    return own.with_name(f"{own.name}{suffix}")


def _calibration_pictures(sources: Sequence[str | Path], config: ModelConfig) -> list[Tensor]:
    paths = [found.path for found in find_pictures(sources)]
    channels, data = config.backbone.in_channels, config.data
    chosen = spaced(len(paths), CALIBRATED)
    return [
        read_picture(paths[index], channels, orientation=data.orientation, value_range=data.range) for index in chosen
    ]


def _quantize(model: Model, path: Path, pictures: Sequence[Tensor]) -> int:
    """Write the quantised file and return the number of inputs that gave its ranges."""
    if path.suffix != ".xml":
        raise UserError(f"{path}: the file of format openvino must end in .xml")
    engine = TorchEngine(model.network, model.config.preprocessing, device="cpu")
    inputs = quantizing.calibration_inputs(engine, pictures, resolve(model.config.protocol, model.config.sizes))
    program = Program(model.network, model.config.preprocessing, labels=True)
    quantized = quantizing.quantized(openvino_engine.converted(program), inputs)
    write_openvino(quantized, Note.of(model, program.traits, quantized=True), path)
    return len(inputs)
