"""Large pictures made smaller, with their label maps."""

from collections.abc import Hashable

from sceneparse.data.sample import DataSet, Sample, identity_of, notes_of, size_of
from sceneparse.labels import LabelSpace, TaskLabels


def shrunken_size(height: int, width: int, short: int) -> tuple[int, int]:
    """Return the size of a picture after its shorter side is reduced to `short`, with the sides' ratio kept."""
    factor = short / min(height, width)
    return (height, width) if factor >= 1 else (round(height * factor), round(width * factor))


class Shrunken:
    """A data set whose pictures have a shorter side of at most `short` pixels; see `DataSet`.

    Pictures are interpolated (bilinear, antialiased); a label map's pixel is a copy of the nearest one.

    Args:
        dataset: The whole.
        short: Largest shorter side in pixels.
    """

    def __init__(self, dataset: DataSet, short: int) -> None:
        self.tasks: TaskLabels = dataset.tasks
        self.notes = notes_of(dataset)
        self._dataset, self._short = dataset, short

    @property
    def labels(self) -> LabelSpace:
        """The objects' label space."""
        return self._dataset.labels

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self._dataset[index]
        size = shrunken_size(*sample.size, self._short)
        if size == sample.size:
            return sample
        # Not at the top: opening a data set must not wait for them.
        from torchvision.transforms.v2 import InterpolationMode
        from torchvision.transforms.v2 import functional as transforms

        masks = {
            name: transforms.resize(mask[None], list(size), InterpolationMode.NEAREST_EXACT)[0]
            for name, mask in sample.masks().items()
        }
        return sample.with_images(transforms.resize(sample.image, list(size), antialias=True), masks)

    def name(self, index: int) -> str:
        """The sample's name, without reading it."""
        return self._dataset.name(index)

    def identity(self, index: int) -> Hashable | None:
        """What a sample is; see `identity_of`."""
        return identity_of(self._dataset, index)

    def stored_size(self, index: int) -> tuple[int, int] | None:
        """The sample's size once it is shrunken; see `size_of`."""
        size = size_of(self._dataset, index)
        return None if size is None else shrunken_size(*size, self._short)
