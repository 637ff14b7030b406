"""Paste things of one augmented sample onto another (Ghiasi et al., "Simple Copy-Paste", CVPR 2021).

The paper pastes instances. Label maps know classes, so what is pasted is all that shows some classes, or some of its
connected regions. Nothing is blended at the edges: the paper found no gain in it.
"""

from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneparse.data.sample import Sample
from sceneparse.labels import IGNORE
from sceneparse.labels.regions import find_regions
from sceneparse.tasks import Task


def to_paste(objects: Tensor, classes: Collection[int], chance: np.random.Generator | None) -> Tensor:
    """Return which pixels of a sample are pasted.

    Args:
        objects: (H, W) its label map.
        classes: The classes that are pasted.
        chance: Decides about each connected region with probability 0.5; None takes all.

    Returns:
        (H, W) bool.
    """
    labels = objects.numpy()
    table = np.zeros(max(int(labels.max()), *classes) - IGNORE + 1, dtype=bool)
    table[[index - IGNORE for index in classes]] = True
    chosen = table.take(labels - IGNORE)
    if chance is None or not chosen.any():
        return torch.from_numpy(chosen)
    regions = find_regions(np.where(chosen, labels, IGNORE))
    kept: NDArray[np.bool_] = (chance.random(len(regions)) < 0.5) & (regions.classes != IGNORE)
    return torch.from_numpy(kept[regions.ids])


def pasted(sample: Sample, donor: Sample, chosen: Tensor) -> Sample:
    """Return a sample with pixels of another one in their place, and what is known of them.

    Where sizes differ, both pictures' first pixel lies in the same corner, and what reaches beyond is left out.

    Objects, materials and textures are the donor's where its pixels are, unknown if it is not labelled for them. Of
    parts nothing is known there: that a pixel shows no part is said of an object by the other pixels of its picture
    (see `Sample.parts`), so that a part of the one would make pixels of the other "no part" which may show one. The
    scene stays what it is.

    Args:
        sample: What is pasted on; it has object labels.
        donor: Where the pixels come from.
        chosen: (H, W) bool, the donor's pixels that are pasted.
    """
    height, width = (min(one, other) for one, other in zip(sample.size, donor.size, strict=True))
    here = (..., slice(height), slice(width))
    chosen = chosen[here]
    if not chosen.any():
        return sample
    image = sample.image.clone()
    _copy(image[here], donor.image[here], chosen)
    own, others = sample.masks(), donor.masks()
    if Task.PART.truth in own:
        own.setdefault("owners", own[Task.OBJECT.truth])
    masks = {}
    for name, mask in own.items():
        known = others.get(name) if name not in (Task.PART.truth, "owners") else None
        masks[name] = mask.clone()
        _copy(masks[name][here], None if known is None else known[here], chosen)
    return sample.with_images(image, masks)


def _copy(into: Tensor, values: Tensor | None, chosen: Tensor) -> None:
    """Set the chosen pixels, to `IGNORE` without values. NumPy's masked copy is several times quicker than torch's."""
    np.copyto(into.numpy(), IGNORE if values is None else values.numpy(), where=chosen.numpy())
