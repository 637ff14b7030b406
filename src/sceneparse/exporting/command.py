"""`sceneparse export` as a function: write the file, check that it agrees with PyTorch, measure what int8 costs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from sceneparse.arguments import check_choice, check_flag, check_number, check_type, several
from sceneparse.calls import by_name
from sceneparse.errors import UserError
from sceneparse.evaluation.command import protocol_of
from sceneparse.exporting import quantizing
from sceneparse.exporting.accuracy import LabelledPictures, measure_accuracy, open_labelled
from sceneparse.exporting.calibration import CalibrationPictures
from sceneparse.exporting.checking import agrees, check_export
from sceneparse.exporting.placing import placed
from sceneparse.exporting.record import Accuracy, Check, Export, record_of
from sceneparse.exporting.table import print_checks, print_export
from sceneparse.exporting.wishes import at_size, refuse_missing_packages, refuse_unfit
from sceneparse.files import refuse_unwritable_file, write_json
from sceneparse.inference import TorchEngine, export_model, openvino_engine
from sceneparse.inference.exported_file import (
    SUFFIXES,
    Format,
    Note,
    open_exported,
    write_openvino,
)
from sceneparse.inference.program import ConversionError, Program
from sceneparse.paths import expanded, expanded_source
from sceneparse.progress import results_console, working
from sceneparse.weights.conversions import time_to_convert
from sceneparse.weights.model import Model, find_model, load_model
from sceneparse.weights.run_folder import named_folder


@by_name("export")
def export(
    model: str | Path,
    format: Format,  # noqa: A002 - the command's word
    *,
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
    error. In int8 the labels are compared, and accuracy too if there are labelled pictures. Only then are the file and
    a record of the figures (model.onnx.json) put in their place; where it fails, what was there stays.

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
        UserError: No such model, a missing package, no calibration pictures, labelled pictures of other classes than
            the model's, or a file that does not agree.
    """
    check_type("model", model, (str, Path), "a model folder, a published checkpoint's name or a hub id")
    model = expanded_source(model)
    check_choice("format", format, get_args(Format))
    check_type("out", out, (str, Path, type(None)), "a file or None")
    file = expanded(out) if out else None
    check_flag("int8", int8)
    calibration = several("calibration", calibration, "pictures, folders and patterns")
    for name, text in (("data", data), ("kind", kind), ("split", split)):
        check_type(name, text, (str, Path, type(None)) if name == "data" else (str, type(None)), "a name or None")
    if count is not None:
        check_number("count", count, least=1, whole=True)
    check_flag("progress", progress)
    labelling = {"data": data, "kind": kind, "split": split, "count": count}
    refuse_unfit(format, file, int8, calibration, labelling)
    suffix = "-int8.xml" if int8 else SUFFIXES[format]
    refuse_missing_packages(format, int8)
    folder = find_model(model)
    loaded = load_model(folder)
    loaded = replace(loaded, config=at_size(loaded.config, size))
    path = file or default_path(model, loaded.config.name, suffix)
    refuse_unwritable_file(path)
    labelled = open_labelled(str(model), loaded, data, kind, split, count) if int8 else None
    with placed(path) as new, _in_words_of_export(str(model)):
        checks: tuple[Check, ...] = ()
        accuracy = None
        if int8:
            accuracy = _quantize(loaded, new, calibration, labelled, progress)
        else:
            # It is the same conversion as before the first use with OpenVINO; of others nothing is known.
            time = f", {time_to_convert(folder)}" if format == "openvino" else ""
            with working(f"exporting to {path}{time}", shown=progress):
                export_model(loaded, new, format)
            with working("comparing with PyTorch", shown=progress):
                checks = tuple(check_export(loaded, new, format))
            if progress:
                print_checks(checks, results_console(highlight=False))
            _refuse_disagreement(checks, path)
        write_json(record_of(new), Export(new, checks, accuracy).to_json())
    result = Export(path, checks, accuracy)
    if progress:
        print_export(result, results_console(highlight=False))
    return result


def _refuse_disagreement(checks: Sequence[Check], path: Path) -> None:
    if wrong := [check for check in checks if not agrees(check)]:
        raise ConversionError(
            f"its file {path} does not give PyTorch's answers at {', '.join(check.pictures for check in wrong)}, so it "
            "was not kept"
        )


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


def _quantize(
    model: Model,
    path: Path,
    calibration: Sequence[str | Path],
    labelled: LabelledPictures | None,
    progress: bool,
) -> Accuracy:
    """Write the quantised file and return what quantisation costs."""
    pictures = CalibrationPictures(calibration, model.config)
    protocol = protocol_of(model.config, None, model.config.data)
    with working("calibrating", shown=progress):
        engine = TorchEngine(model.network, model.config.preprocessing, device="cpu")
        inputs = quantizing.calibration_inputs(engine, pictures, protocol)
        program = Program(model.network, model.config.preprocessing, labels=True)
        converted = openvino_engine.converted(program)
        quantized = quantizing.quantized(converted, inputs)
        write_openvino(quantized, Note.of(model, program.traits, quantized=True), path)
    with working("comparing with float32", shown=progress):
        before = openvino_engine.OpenVINOEngine(converted, program.traits, precision="float32")
        after, _ = open_exported(path)
        return measure_accuracy(
            {"float32": before, "int8": after},
            pictures,
            protocol,
            tasks=model.tasks,
            calibrated_on=len(inputs),
            labelled=labelled,
            progress=progress,
        )
