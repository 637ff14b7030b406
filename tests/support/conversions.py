"""Conversions of networks for other runtimes, each made once: one takes seconds, whatever the network's width."""

import hashlib
import io
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sceneparse.inference import onnx_engine, openvino_engine
from sceneparse.inference.program import Program


def fingerprint(program: Program) -> str:
    """SHA-256 of all that a program is: its modules with their settings, and every weight."""
    buffer = io.BytesIO()
    _ByValue(buffer).dump(program)
    return hashlib.sha256(buffer.getvalue()).hexdigest()


class _ByValue(pickle.Pickler):
    """Writes equal objects as equal bytes; pickle alone also writes which values in them are one object.

    So a model that was read from its folder counts as equal to the one that was written there.
    """

    def persistent_id(self, value: Any) -> bytes | None:
        """Stand for a value that may be shared, by bytes that are made anew each time and so are no shared object."""
        if isinstance(value, Tensor):
            numbers = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
            form = repr((value.dtype, tuple(value.shape), value.stride()))
            return form.encode() + hashlib.sha256(numbers.data).digest()
        plain = isinstance(value, tuple) and all(isinstance(one, str | int | float | None) for one in value)
        return repr(value).encode() if plain or isinstance(value, str) else None


class Conversions:
    """Programs that were converted before, by any process, in a folder.

    What is equal to the last bit, and nothing else, counts as converted before; conversion itself stays what it is.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._to_openvino, self._to_onnx = openvino_engine.converted, onnx_engine.converted

    def openvino(self, program: Program) -> Any:
        """See `openvino_engine.converted`."""
        # Not by path: a model that was read so keeps its weights' file open and mapped.
        path = kept(self._file(program, ".xml"), partial(self._write_openvino, program))
        weights = openvino_engine.installed().Tensor(_bytes(path.with_suffix(".bin")))
        return openvino_engine.core().read_model(path.read_text(), weights)

    def onnx(self, program: Program) -> Any:
        """See `onnx_engine.converted`."""
        path = kept(self._file(program, ".onnx"), lambda path: _write(path, self._to_onnx(program)))
        return onnx_engine.installed()[1].load_from_string(path.read_bytes())

    def _file(self, program: Program, suffix: str) -> Path:
        return self._folder / f"{fingerprint(program)}{suffix}"

    def _write_openvino(self, program: Program, path: Path) -> None:
        model = self._to_openvino(program)
        openvino_engine.installed().save_model(model, path, compress_to_fp16=False)


@contextmanager
def remembered(folder: Path) -> Iterator[Conversions]:
    """Within the context, a program that was converted before is read from a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    conversions = Conversions(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openvino_engine, "converted", conversions.openvino)
        patch.setattr(onnx_engine, "converted", conversions.onnx)
        yield conversions


def kept(path: Path, make: Callable[[Path], None]) -> Path:
    """Return the path, where a file is made first if there is none; the file beside it comes first."""
    if not path.is_file():
        temporary = path.with_name(f"{os.getpid()}-{path.name}")
        make(temporary)
        for suffix in (".bin", path.suffix):
            with suppress(FileNotFoundError):
                temporary.with_suffix(suffix).replace(path.with_suffix(suffix))
    return path


def _bytes(path: Path) -> Any:
    import numpy as np

    return np.fromfile(path, np.uint8)


def _write(path: Path, model: Any) -> None:
    path.write_bytes(model.SerializeToString())
