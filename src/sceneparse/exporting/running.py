"""Run an exported file as programs do that know nothing of this package: all of its outputs, in its runtime."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.inference import onnx_engine, openvino_engine
from sceneparse.inference.exported_file import Format, Note, read_exported
from sceneparse.inference.openvino_caches import OWN
from sceneparse.inference.program import INPUT, LABELS, LOGITS, ConversionError
from sceneparse.tasks import Task
from sceneparse.weights.at_hand import NOTE

RunFile = Callable[[Tensor], dict[str, Tensor]]
"""Turns (N, C, H, W) float32 pictures, 0..255, into all outputs of a file by their names."""


def open_whole(path: Path, format: Format) -> RunFile:  # noqa: A002 - the command's word
    """Open an exported file on the CPU, in float32.

    Args:
        path: The file.
        format: Its format.

    Returns:
        What runs it.

    Raises:
        UserError: The file is damaged, or its runtime is missing.
        ConversionError: Its runtime cannot take it; also raised for pictures that it cannot run.
    """
    run = OPENERS[format](path)

    def checked(images: Tensor) -> dict[str, Tensor]:
        number, _, height, width = images.shape
        with _running(format, f"for {number} of {height}×{width} pixels"):
            return run(images)

    return checked


def _openvino(path: Path) -> RunFile:
    model, _ = read_exported(path)
    settings = {
        "INFERENCE_PRECISION_HINT": openvino_engine.HINTS["float32"],
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        **OWN,
    }
    names = [output.any_name for output in model.outputs]  # compiled, they have further names
    with _running("openvino", ""):
        compiled = openvino_engine.core().compile_model(model, "CPU", settings)

    def run(images: Tensor) -> dict[str, Tensor]:
        found = compiled(images.numpy())
        return {name: torch.from_numpy(found[index].copy()) for index, name in enumerate(names)}

    return run


def _onnx(path: Path) -> RunFile:
    read_exported(path)
    runtime, _ = onnx_engine.installed()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    with _running("onnx", ""):
        session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(images: Tensor) -> dict[str, Tensor]:
        found = session.run(names, {INPUT: images.numpy()})
        return {name: torch.from_numpy(one) for name, one in zip(names, found, strict=True)}

    return run


def _torch(path: Path) -> RunFile:
    extra = {NOTE: ""}
    program: Any = torch.export.load(path, extra_files=extra).module()
    tasks = Note.loads(extra[NOTE], path).traits.tasks
    names = (LOGITS, LABELS, *(task for task in tasks if task != Task.OBJECT))

    def run(images: Tensor) -> dict[str, Tensor]:
        return dict(zip(names, program(images), strict=True))

    return run


OPENERS: dict[str, Callable[[Path], RunFile]] = {"openvino": _openvino, "onnx": _onnx, "torch": _torch}
"""What opens a file of each format."""


@contextmanager
def _running(runtime: str, what: str) -> Iterator[None]:
    """Turn a runtime's exceptions, of whatever kind, into one that names the format and what was run."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ConversionError(f"its {runtime} file cannot be run{what and ' '}{what} ({reason})") from error
