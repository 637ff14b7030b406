"""The names of the engines and of their files, listed once for the command line and for `sceneparse.inference`."""

from pathlib import Path
from typing import Literal, get_args

from sceneparse.errors import UserError

EngineName = Literal["auto", "torch", "compile", "openvino", "onnxruntime"]
ENGINE_NAMES: tuple[EngineName, ...] = get_args(EngineName)

TORCH_ALONE = ("float16", "tf32")
"""Precisions that OpenVINO does not compute in."""

EXPORTED_SUFFIXES: dict[str, str] = {"openvino": ".xml", "onnx": ".onnx", "torch": ".pt2"}
"""How the exported file of each format ends. OpenVINO's weights lie beside it, in a .bin."""


def is_exported(path: Path) -> bool:
    """Return whether a path is that of an exported file, there or not."""
    return path.suffix in EXPORTED_SUFFIXES.values() and not path.is_dir()


def refuse_missing_file(path: Path) -> None:
    """Refuse an exported file that is not there.

    Raises:
        UserError: It is not there.
    """
    if not path.is_file():
        raise UserError(f"no such file: {path}")


def refuse_other_suffix(path: Path, format: str) -> None:  # noqa: A002 - the command's word
    """Refuse a file whose name has another suffix than its format's.

    Args:
        path: The file that is to be written.
        format: A key of `EXPORTED_SUFFIXES`.

    Raises:
        UserError: It has.
    """
    if path.suffix != EXPORTED_SUFFIXES[format]:
        raise UserError(f"{path}: the file of format {format} must end in {EXPORTED_SUFFIXES[format]}")
