"""Read and write models as single files for other runtimes, with their classes, preprocessing and protocol."""

import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from sceneparse.errors import UserError
from sceneparse.files import whole_file
from sceneparse.inference import onnx_engine, openvino_engine
from sceneparse.inference.engine import TaskEngine
from sceneparse.inference.program import SMALLEST, Program, Traits, exported
from sceneparse.labels import LabelSpace, TaskLabels
from sceneparse.networks.unfilled import sketched
from sceneparse.settings import Precision
from sceneparse.settings.engine import EXPORTED_SUFFIXES, not_run, refuse_missing_file, refuse_other_suffix
from sceneparse.unfinished import temporary_folder
from sceneparse.weights.at_hand import NOTE
from sceneparse.weights.build import build_backbone
from sceneparse.weights.config import ModelConfig, config_from_json, config_to_json
from sceneparse.weights.labels_file import labels_from_json, labels_to_json
from sceneparse.weights.model import Model

Format = Literal["openvino", "onnx", "torch"]

SUFFIXES = EXPORTED_SUFFIXES

SAID = ("mirror_image", "temperatures")
"""The traits that are not among a note's, since its labels and its settings say them."""


@dataclass(frozen=True)
class Note:
    """The metadata in an exported file: the model's settings, classes and traits."""

    config: ModelConfig
    labels: LabelSpace
    tasks: TaskLabels | None
    traits: Traits
    quantized: bool = False

    @classmethod
    def of(cls, model: Model, traits: Traits, *, quantized: bool = False) -> "Note":
        """Return the metadata of a model whose program has these traits."""
        return cls(model.config, model.labels, model.tasks, traits, quantized)

    def dumps(self) -> str:
        """Return the metadata as JSON text."""
        value = {
            "config": config_to_json(self.config),
            "labels": labels_to_json(self.labels, self.tasks),
            "traits": {key: value for key, value in asdict(self.traits).items() if key not in SAID},
            "quantized": self.quantized,
        }
        return json.dumps(value, ensure_ascii=True)

    @classmethod
    def loads(cls, text: str | None, path: Path) -> "Note":
        """Read metadata that `dumps` wrote.

        Raises:
            UserError: No note, or a damaged one.
        """
        if text is None:
            raise UserError(f"{path}: it does not say what its classes are; export the model with sceneparse export")
        try:
            value = json.loads(text)
            config, labels, quantized = value["config"], value["labels"], bool(value["quantized"])
            given = value["traits"]
            traits = Traits(**given)
            traits = replace(traits, mean=tuple(traits.mean), std=tuple(traits.std), tasks=tuple(traits.tasks))
        except (ValueError, KeyError, TypeError):
            raise UserError(f"{path}: what it says of its model is damaged; export it again") from None
        settings = config_from_json(config, str(path))
        if "smallest" not in given:
            traits = replace(traits, smallest=_smallest(settings))
        objects, tasks = labels_from_json(labels, str(path))
        traits = replace(traits, mirror_image=objects.mirror_image, temperatures=settings.temperatures)
        return cls(settings, objects, tasks, traits, quantized)


def _smallest(config: ModelConfig) -> int:
    """Return the smallest side of pictures for a program whose file is too old to say it."""
    if config.backbone.sides == "padded":
        return SMALLEST
    with sketched():
        return build_backbone(config.backbone, config.network).smallest


def export_model(model: Model, path: Path, format: Format) -> Path:  # noqa: A002 - the command's word
    """Write a model as a program that takes any batch of pictures of any size.

    It takes `images` (N, C, H, W), float32, 0..255, RGB, and gives `logits` (N, classes, h, w) at the network's own
    stride and `labels` (N, H, W), int32; of a unified network also the logits of its other tasks, by their names.

    Args:
        model: The model.
        path: The file; its suffix must be the format's.
        format: openvino (an .xml with its .bin), onnx, or torch (a torch.export program, .pt2).

    Returns:
        The path.

    Raises:
        UserError: Another suffix, or a package that the format needs is missing.
        ConversionError: The format cannot hold the network.
    """
    if format not in WRITERS:
        raise UserError(f"format '{format}' is unknown: use {', '.join(get_args(Format))}")
    refuse_other_suffix(path, format)
    program = Program(model.network, model.config.preprocessing, labels=True)
    WRITERS[format](program, Note.of(model, program.traits), path)
    return path


def open_exported(path: Path, *, device: str = "auto", precision: Precision = "auto") -> tuple[TaskEngine, Note]:
    """Open an exported file: return an engine over it and the file's metadata.

    Args:
        path: An .xml (OpenVINO) or .onnx file that `export_model` wrote.
        device: As in `make_engine`.
        precision: As in `make_engine`.

    Raises:
        UserError: No such file, a damaged one, one of another kind, or a runtime that is missing.
    """
    model, note = read_exported(path)
    if path.suffix == ".xml":
        engine: TaskEngine = openvino_engine.OpenVINOEngine(
            model, note.traits, device=device, precision=precision, quantized=note.quantized
        )
        return engine, note
    return onnx_engine.OnnxEngine(model, note.traits, device=device, precision=precision), note


def read_exported(path: Path) -> tuple[Any, Note]:
    """Read an exported file: return its runtime's model, with all outputs, and the file's metadata.

    Args:
        path: As in `open_exported`.

    Returns:
        An `openvino.Model` of an .xml file, an `onnx.ModelProto` of an .onnx file; and the metadata.

    Raises:
        UserError: No such file, a damaged one, one of another kind, or a runtime that is missing.
    """
    refuse_missing_file(path)
    if path.suffix == ".xml":
        model = openvino_engine.read(path)
        text = model.get_rt_info([NOTE]).astype(str) if model.has_rt_info([NOTE]) else None
        return model, Note.loads(text, path)
    if path.suffix == ".onnx":
        proto = onnx_engine.read(path)
        text = next((entry.value for entry in proto.metadata_props if entry.key == NOTE), None)
        return proto, Note.loads(text, path)
    raise not_run(path)


def write_openvino(model: Any, note: Note, path: Path) -> None:
    """Write an OpenVINO model, the weights first, so that whoever sees the .xml has them too."""
    ov = openvino_engine.installed()
    model.set_rt_info(note.dumps(), [NOTE])
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(path) as folder:
        ov.save_model(model, folder / path.name, compress_to_fp16=False)
        for suffix in (".bin", ".xml"):
            with whole_file(path.with_suffix(suffix)) as temporary:
                (folder / path.name).with_suffix(suffix).replace(temporary)


def _openvino(program: Program, note: Note, path: Path) -> None:
    write_openvino(openvino_engine.converted(program), note, path)


def _onnx(program: Program, note: Note, path: Path) -> None:
    model = onnx_engine.converted(program)
    entry = model.metadata_props.add()
    entry.key, entry.value = NOTE, note.dumps()
    content = onnx_engine.serialized(model)
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def _torch(program: Program, note: Note, path: Path) -> None:
    with whole_file(path) as temporary, warnings.catch_warnings():
        # It warns of weights that are views of one another, as `arrange_weights` makes some, and saves them rightly.
        warnings.simplefilter("ignore")
        torch.export.save(exported(program), temporary, extra_files={NOTE: note.dumps()})


WRITERS: dict[str, Callable[[Program, Note, Path], None]] = {"openvino": _openvino, "onnx": _onnx, "torch": _torch}
"""What writes each format."""
