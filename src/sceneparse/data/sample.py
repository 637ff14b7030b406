"""What a data set gives: one picture with whatever truth it has."""

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from sceneparse.labels import LabelSpace

MASKS = ("objects", "parts", "materials", "textures")
"""The fields of a `Sample` that are label maps and go through every geometric change with the picture."""


@dataclass(frozen=True)
class Sample:
    """A picture and its truth; each task is optional, since most data sets label only some of them.

    Args:
        image: (C, H, W) uint8.
        objects: (H, W) int16 class indices, `IGNORE` (-1) where unknown.
        parts: The same for parts.
        materials: The same for materials.
        textures: The same for textures.
        scene: Index of the whole picture's scene class.
        name: A stable, unique name inside its data set (a relative path without suffix, "/" as separator).
        path: The picture's file, empty when there is none.
    """

    image: Tensor
    objects: Tensor | None = None
    parts: Tensor | None = None
    materials: Tensor | None = None
    textures: Tensor | None = None
    scene: int | None = None
    name: str = ""
    path: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[-2], self.image.shape[-1]

    def with_images(self, image: Tensor, masks: dict[str, Tensor]) -> "Sample":
        """A copy with another picture and the named label maps replaced."""
        return replace(self, image=image, **masks)  # type: ignore[arg-type]

    def masks(self) -> dict[str, Tensor]:
        """The label maps that are there, by field name."""
        return {name: mask for name in MASKS if isinstance(mask := getattr(self, name), torch.Tensor)}


class DataSet(Protocol):
    """A split of a data set: samples by index, at their original size, always the same."""

    labels: LabelSpace
    """The objects' label space."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample:
        """The sample.

        Raises:
            UserError: Its files are missing or broken; the message names the file.
        """
        ...

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        ...
