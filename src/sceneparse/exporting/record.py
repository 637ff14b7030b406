"""The results of `sceneparse export`: checks of the file, and what quantisation costs."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Check:
    """The comparison of an exported file with PyTorch on noise of one size.

    Args:
        height: Of the pictures.
        width: Of the pictures.
        error: Largest difference of the logits, relative to the largest logit; of several tasks that of the worst.
        equal: Share of equal labels, both of those that the file gives and of those that its logits give; of several
            tasks the least.
        batch: How many pictures the file was given at once.
    """

    height: int
    width: int
    error: float
    equal: float
    batch: int = 1

    @property
    def pictures(self) -> str:
        """What was compared, for people: "97×161", and of several pictures at once "2 of 97×161"."""
        size = f"{self.height}×{self.width}"
        return size if self.batch == 1 else f"{self.batch} of {size}"


@dataclass(frozen=True)
class Accuracy:
    """The cost of quantisation: how many labels change, and the accuracy before and after.

    Args:
        calibrated_on: Inputs that gave the ranges.
        compared_on: Pictures whose labels were compared.
        equal: Share of their pixels that keep their float32 label, objects.
        tasks: The same of a unified network's other tasks, by their names; of the scene the share of pictures.
        mean_iou: Mean IoU before and after, on labelled pictures if there are any.
        pixel_accuracy: Pixel accuracy before and after, likewise.
        protocol: How the labelled pictures were tested.
    """

    calibrated_on: int
    compared_on: int
    equal: float
    tasks: dict[str, float]
    mean_iou: tuple[float, float] | None
    pixel_accuracy: tuple[float, float] | None
    protocol: str | None


@dataclass(frozen=True)
class Export:
    """An exported file and the results of its checks.

    Args:
        path: The file.
        checks: The comparisons with PyTorch; none of an int8 file.
        accuracy: What quantisation costs; None of a float32 file.
    """

    path: Path
    checks: tuple[Check, ...]
    accuracy: Accuracy | None

    def to_json(self) -> dict[str, Any]:
        """Return what is written beside the file; see `record_of`."""
        return {
            "file": self.path.name,
            "bytes": sum(path.stat().st_size for path in files_of(self.path)),
            "checks": [asdict(check) for check in self.checks],
            "accuracy": None if self.accuracy is None else asdict(self.accuracy),
        }


def record_of(path: Path) -> Path:
    """Return the file beside an exported one that holds its record: model.onnx.json of model.onnx."""
    return path.with_name(f"{path.name}.json")


def files_of(path: Path) -> list[Path]:
    """Return an exported file and the files that belong to it, such as OpenVINO's weights."""
    return [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
