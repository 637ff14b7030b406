"""Large pictures made smaller."""

import torch

from sceneparse.data.sample import Sample
from sceneparse.data.shrinking import Shrunken, shrunken_size
from sceneparse.labels import LabelSpace, TaskLabels


class One:
    """A single sample."""

    labels = LabelSpace(("a", "b"))
    tasks = TaskLabels(labels)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        objects = torch.zeros(40, 60, dtype=torch.int16)
        objects[:, 30:] = 1
        return Sample(torch.full((3, 40, 60), 7, dtype=torch.uint8), objects, scene=3, name=self.name(index))

    def name(self, index: int) -> str:
        return f"{index}"


def test_the_shorter_side_is_brought_down_and_never_up() -> None:
    assert shrunken_size(1650, 2200, 512) == (512, 683)
    assert shrunken_size(500, 375, 512) == (500, 375)


def test_masks_follow_the_picture_without_new_values() -> None:
    sample = Shrunken(One(), 10)[0]
    assert sample.size == (10, 15) and sample.objects is not None and sample.objects.dtype == torch.int16
    assert sample.objects[0].tolist() == [0] * 7 + [1] * 8
    assert sample.scene == 3 and (sample.image == 7).all()
    assert Shrunken(One(), 40)[0].size == (40, 60)
