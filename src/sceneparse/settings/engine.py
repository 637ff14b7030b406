"""The engines and their files by name, and what they lack: known before PyTorch or any other of them is loaded."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from sceneparse.arguments import argument
from sceneparse.errors import UserError, require
from sceneparse.paths import meant
from sceneparse.settings.device import is_device
from sceneparse.settings.training import Precision

EngineName = Literal["auto", "torch", "compile", "openvino", "onnxruntime"]
ENGINE_NAMES: tuple[EngineName, ...] = get_args(EngineName)

TORCH_ALONE = ("float16", "tf32")
"""Precisions that OpenVINO does not compute in."""

EXPORTED_SUFFIXES: dict[str, str] = {"openvino": ".xml", "onnx": ".onnx", "torch": ".pt2"}
"""How the exported file of each format ends. OpenVINO's weights lie beside it, in a .bin."""

PACKAGES = {
    "openvino": ("OpenVINO", "openvino"),
    "onnx": ("onnx", "onnx"),
    "onnxruntime": ("onnxruntime", "onnx"),
    "onnxscript": ("onnxscript", "onnx"),
    "nncf": ("NNCF", "int8"),
}
"""By module: what a package is called, and the extra of ours that brings it."""

OF_ENGINES = {"openvino": ("openvino",), "onnxruntime": ("onnxruntime", "onnx")}
"""The modules that an engine needs beside PyTorch."""

ENGINES_OF_FILES = {".xml": "openvino", ".onnx": "onnxruntime"}
"""The engine of an exported file, by how its name ends; no engine runs a .pt2."""


def meant_by(value: object) -> str | None:
    """Return whether a value is surely an engine, a device or a precision, as calls name these; None of all others."""
    if not isinstance(value, str) or value == "auto":
        return None
    if value in ENGINE_NAMES:
        return "engine"
    if value in get_args(Precision):
        return "precision"
    return "device" if is_device(value) else None


def not_installed(module: str) -> UserError:
    """Return the error that a package is missing.

    Args:
        module: A key of `PACKAGES`.
    """
    title, extra = PACKAGES[module]
    return UserError(f"{title} is not installed; do: pip install 'sceneparse[{extra}]'")


def refuse_not_installed(*modules: str) -> None:
    """Refuse to go on without packages, none of which is imported.

    Args:
        modules: Keys of `PACKAGES`.

    Raises:
        UserError: One of them is not installed.
    """
    for module in modules:
        if find_spec(module) is None:
            raise not_installed(module)


def refuse_other_engine(source: str | Path, engine: str) -> None:
    """Refuse to run an exported file by another engine than its own.

    Args:
        source: A model, which may be an exported file.
        engine: As in `make_engine`.

    Raises:
        UserError: It is for another one, or for none of ours.
    """
    path = Path(source)
    if not is_exported(path):
        return
    own = ENGINES_OF_FILES.get(path.suffix)
    if own is None:
        raise not_run(path)
    require(
        engine in ("auto", own), f"{source} is a file for engine {own}, not {engine}; give the model folder for that"
    )


def not_run(path: Path) -> UserError:
    """Return the error that a file is none that an engine runs, such as a torch.export program."""
    return UserError(f"{path}: not a model; give a model folder, a hub id, or an exported .xml or .onnx file")


def refuse_unfit_for_openvino(device: str, precision: str) -> None:
    """Refuse a device or a precision that OpenVINO does not compute on or in.

    Args:
        device: As in `make_engine`, like the next one.
        precision: …

    Raises:
        UserError: It is another one.
    """
    require(
        device.partition(":")[0] in ("auto", "cpu"),
        f"engine openvino computes on the CPU, not on '{device}'; use {argument('device', 'cpu')} or, with a model "
        f"folder, {argument('engine', 'torch')}",
    )
    require(precision not in TORCH_ALONE, f"engine openvino computes in float32 or bfloat16, not in {precision}")


def refuse_unfit_for_onnxruntime(device: str, precision: str) -> None:
    """Refuse a device or a precision that ONNX Runtime does not compute on or in, as far as that shows by its name.

    Args:
        device: As in `make_engine`, like the next one.
        precision: …

    Raises:
        UserError: It is another one.
    """
    fits = precision in ("auto", "float32", "tf32")
    require(fits, f"engine onnxruntime computes in float32, not in {precision}")
    require(
        not device.startswith(("mps", "xpu")),
        f"engine onnxruntime computes on the CPU and on CUDA, not on '{device}'; use {argument('device', 'cpu')}",
    )


def is_exported(path: Path) -> bool:
    """Return whether a path is that of an exported file, there or not."""
    return path.suffix in EXPORTED_SUFFIXES.values() and not path.is_dir()


def refuse_missing_file(path: Path) -> None:
    """Refuse an exported file that is not there.

    Raises:
        UserError: It is not there.
    """
    if not path.is_file():
        raise UserError(f"no such file: {path}{meant(path)}")


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
