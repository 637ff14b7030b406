"""A batch of training samples."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from sceneparse.data.sample import MASKS


@dataclass(frozen=True)
class Batch:
    """A batch of training samples as tensors.

    Args:
        images: (N, C, H, W) uint8.
        objects: (N, H, W) int16 class indices, `IGNORE` where nothing counts; or uint8, 255 where nothing counts (see
            `training_batches`, narrow).
        names: The samples' names.
        paths: The pictures' files, empty where there are none.
        indices: The samples' indices in the data set.
        scenes: (N,) int64 class indices, `IGNORE` where unknown. This and the next are None where the task is not
            trained on.
        parts: Like `objects`.
        owners: The objects that `parts` are parts of: the sample's own, or else its objects.
        materials: Like `objects`.
        textures: Like `objects`.
    """

    images: Tensor
    objects: Tensor
    names: tuple[str, ...]
    paths: tuple[str, ...]
    indices: tuple[int, ...]
    scenes: Tensor | None = None
    parts: Tensor | None = None
    owners: Tensor | None = None
    materials: Tensor | None = None
    textures: Tensor | None = None

    def __repr__(self) -> str:
        return f"Batch({len(self.names)} of shape {tuple(self.images.shape[1:])}; {', '.join(self.maps())})"

    def maps(self) -> dict[str, Tensor]:
        """The label maps that are there, by field name."""
        return {name: mask for name in MASKS if (mask := getattr(self, name)) is not None}

    def mapped(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """Return the batch with each of its tensors changed."""
        scenes = {} if self.scenes is None else {"scenes": change(self.scenes)}
        maps = {name: change(mask) for name, mask in self.maps().items()}
        return replace(self, images=change(self.images), **scenes, **maps)  # type: ignore[arg-type]

    def pin_memory(self) -> "Batch":
        """Return the batch in memory that a GPU copies from by itself; the loader calls it."""
        return self.mapped(Tensor.pin_memory)
