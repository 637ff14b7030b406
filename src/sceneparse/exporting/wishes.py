"""What `sceneparse export` is asked for, and refuses before PyTorch is loaded where it cannot be."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from sceneparse.arguments import argument
from sceneparse.errors import UserError, require
from sceneparse.files import refuse_unwritable_file
from sceneparse.inference.protocol import resolve
from sceneparse.pictures.finding import find_pictures
from sceneparse.settings.engine import refuse_not_installed, refuse_other_suffix
from sceneparse.weights.config import ModelConfig

PACKAGES = {"openvino": ("openvino",), "onnx": ("onnx", "onnxruntime", "onnxscript"), "torch": ()}
"""By format: the modules without which no file of it can be made and checked."""


def refuse_unfit(
    format: str,  # noqa: A002 - the command's word
    out: Path | None,
    int8: bool,
    calibration: Sequence[str | Path],
    labelled: Mapping[str, object],
) -> None:
    """Refuse wishes that have no effect beside the others, or that nothing can fulfil.

    Args:
        format: openvino, onnx or torch, like the next ones as in `export`.
        out: …
        int8: …
        calibration: …
        labelled: Those about labelled pictures, by their names; None is no wish.

    Raises:
        UserError: There are such, the file has another suffix than the format's or cannot be written, or there are no
            such pictures to calibrate with.
    """
    if int8:
        _refuse_int8(format, calibration)
    else:
        _refuse_for_int8(calibration, labelled)
    if out is not None:
        refuse_other_suffix(out, format)
        refuse_unwritable_file(out)
    if int8:
        find_pictures(calibration)  # raises at once what is wrong with them


def refuse_missing_packages(format: str, int8: bool) -> None:  # noqa: A002 - the command's word
    """Refuse a format of which no file can be made and checked here, since a package is not installed.

    Args:
        format: As in `export`, like the next one.
        int8: …

    Raises:
        UserError: One is not.
    """
    refuse_not_installed(*PACKAGES[format], *(["nncf"] if int8 else []))


def at_size(config: ModelConfig, size: int | Literal["own", "auto"] | None) -> ModelConfig:
    """Return a model's settings with a protocol that brings pictures to a size.

    Args:
        config: The settings.
        size: As in `export`.

    Raises:
        UserError: The protocol doesn't hold together with it, or the model doesn't know the sizes that it learnt from.
    """
    if size is None:
        return config
    protocol = config.protocol.at_size(size)
    resolve(protocol, config.sizes)  # refuses what doesn't hold together
    return replace(config, protocol=protocol)


def _refuse_int8(format: str, calibration: Sequence[str | Path]) -> None:  # noqa: A002 - the command's word
    require(
        format == "openvino",
        f"int8 is for {argument('format', 'openvino')}; export onnx and torch in float32",
    )
    require(
        bool(calibration),
        f"int8 needs pictures to take its ranges from: name some in {argument('calibration')}",
    )


def _refuse_for_int8(calibration: Sequence[str | Path], labelled: Mapping[str, object]) -> None:
    """Refuse, of a file in float32, what int8 alone needs."""
    asked = argument("int8", True, option="--precision int8")
    if calibration or labelled["data"]:
        raise UserError(
            f"{argument('calibration')} and {argument('data')} are for {asked}; leave them out, or give that"
        )
    if idle := [argument(name) for name, value in labelled.items() if value is not None]:
        raise UserError(
            f"{' and '.join(idle)} {'is' if len(idle) == 1 else 'are'} for the labelled pictures of {asked}; leave "
            f"{'it' if len(idle) == 1 else 'them'} out, or give that"
        )
