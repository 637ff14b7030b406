"""Settings of the draws: which training samples come how often, and where they are cropped."""

from dataclasses import dataclass

from sceneparse.errors import require
from sceneparse.settings.types import check_types


@dataclass(frozen=True)
class SamplingSettings:
    """Draws that favour rare classes; the objects' classes decide.

    What is rare is counted once, in a pass over the masks of the training split, and kept in class_counts.json of the
    run folder.

    Args:
        repeat_threshold: Share of the pictures; those that show a class that fewer pictures than this show are drawn
            more often: of a class in the share f of the pictures sqrt(repeat_threshold / f) times an epoch (LVIS, CVPR
            2019; 0.001 there). 0 draws each picture once an epoch.
        rare_crops: Probability that a crop is laid over a pixel of one of its picture's classes, drawn by rarity
            rather than anywhere.
        temperature: How strongly that draw, and the draw of what `augmentation.copy_paste` pastes, favours rare
            classes: of a class with the share f of the labelled pixels the chance is exp((1 - f) / temperature), scaled
            to sum to 1 (DAFormer, CVPR 2022; 0.01 there). Large values draw classes evenly.
    """

    repeat_threshold: float = 0.0
    rare_crops: float = 0.0
    temperature: float = 0.01

    def __post_init__(self) -> None:
        check_types(self, "sampling")
        for name in ("repeat_threshold", "rare_crops"):
            require(0 <= getattr(self, name) <= 1, f"sampling.{name} is {getattr(self, name)}, but must be in 0..1")
        require(self.temperature > 0, f"sampling.temperature is {self.temperature}, but must be a number above 0")
