"""Settings of the loss: what is minimised."""

import math
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from sceneparse.errors import require
from sceneparse.settings.choices import Choice
from sceneparse.settings.types import check_types
from sceneparse.tables import require_known, table
from sceneparse.tasks import TASK_NAMES

UNIFIED_ONLY = ("object_weight", "part_weight", "part_objects", "scene_weight", "material_weight", "texture_weight")
"""Settings that only a network of several tasks has a use for."""

TASK_OF = {
    "part_weight": "parts",
    "part_objects": "parts",
    "scene_weight": "scenes",
    "material_weight": "materials",
    "texture_weight": "textures",
}
"""The setting of `network.tasks` without which such a setting has no effect."""

OPTIONAL = ("class_weights", "hard_fraction", "hard_threshold")
"""Settings that a loss may have no use for; its entry in the table of losses says which it uses."""


@dataclass(frozen=True)
class LossSettings:
    """What is minimised: cross-entropy averaged over the pixels that count, or another loss.

    Args:
        kind: The loss of the main and of the auxiliary head: cross_entropy; focal, boundary_cross_entropy (pixels near
            borders weigh more), dice, jaccard (soft), lovasz (Lovász-softmax); combined, several of them with weights;
            or one that an installed package brings along. Other tasks than the objects have cross-entropy.
        options: The loss's own settings, by name, such as options.label_smoothing of cross_entropy; with a loss.kind,
            --help shows them.
        aux_weight: Weight of the auxiliary head's loss (PSPNet paper, table 2).
        class_weights: null (all 1), "median" (median frequency balancing over the training split) or one
            number a class.
        class_weights_end: The power to which the class weights are raised at the end of training; it changes
            evenly from 1 at the beginning. 1 leaves them as they are; with 0 they fade out: rare classes are learnt
            early, and the last steps see classes as often as they are.
        hard_fraction: Online hard example mining: keep only this fraction of the batch's pixels, those of highest
            loss (with training.accumulate of each chunk's). 1 keeps all.
        hard_threshold: Mining also keeps every pixel whose true class has a probability below this.
        object_weight: upernet_unified only, as the next ones: weight of the objects' loss. Mining and class weights
            hold for objects alone. These weights are the release's, but the texture's, which its code lacks.
        part_weight: Weight of the parts' loss: for each object the mean over its pixels.
        part_objects: What becomes of the losses of objects with parts: their sum (the release) or their mean over the
            objects of the batch.
        scene_weight: Weight of the scene's loss.
        material_weight: Weight of the materials' loss.
        texture_weight: Weight of the textures' loss, whose gradient stays in the texture head.
    """

    kind: Annotated[str, Choice("losses")] = "cross_entropy"
    options: dict[str, Any] = field(default_factory=dict, hash=False)
    aux_weight: float = 0.4
    class_weights: Literal["median"] | tuple[float, ...] | None = None
    class_weights_end: float = 1.0
    hard_fraction: float = 1.0
    hard_threshold: float = 0.7
    object_weight: float = 1.0
    part_weight: float = 0.5
    part_objects: Literal["sum", "mean"] = "sum"
    scene_weight: float = 0.25
    material_weight: float = 1.0
    texture_weight: float = 1.0

    def __post_init__(self) -> None:
        check_types(self, "loss")
        for task in ("aux", *TASK_NAMES):
            weight = getattr(self, f"{task}_weight")
            require(weight >= 0, f"loss.{task}_weight is {weight}, but must be 0 or more")
        end = self.class_weights_end
        require(0 <= end < math.inf, f"loss.class_weights_end is {end}, but must be 0 or more")
        require(
            self.class_weights is not None or end == _default("class_weights_end"),
            "loss.class_weights_end has no effect, since loss.class_weights is null: there are none to change",
        )
        require(
            0 < self.hard_fraction <= 1,
            f"loss.hard_fraction is {self.hard_fraction}, but must be above 0 and at most 1",
        )
        require(0 <= self.hard_threshold <= 1, f"loss.hard_threshold is {self.hard_threshold}, but must be in 0..1")
        require(
            self.hard_fraction < 1 or self.hard_threshold == _default("hard_threshold"),
            "loss.hard_threshold has no effect, since loss.hard_fraction is 1: nothing is mined",
        )
        require_known("losses", self.kind, "loss.kind")
        # Another package's entry may import torch: it is asked only where there is something to ask.
        if self.options or self.kind != _default("kind") or any(getattr(self, n) != _default(n) for n in OPTIONAL):
            table("losses")[self.kind].check(self)


def _default(name: str) -> Any:
    return next(item.default for item in fields(LossSettings) if item.name == name)
