from typing import Any

import pytest
import torch
from torch import Tensor


class ToyEngine:
    """Scores from colours, and from the position inside the window, so that windows and mirror images do differ.

    Its logits come at a stride, like a network's; `seen` holds type and shape of what it was asked.
    """

    padding_color = (120.5, 110.25, 100.0)

    def __init__(self, num_classes: int = 4, stride: int = 1, align_corners: bool = False) -> None:
        self.num_classes, self.stride, self.align_corners = num_classes, stride, align_corners
        self.weight = torch.randn(num_classes, 3, generator=torch.Generator().manual_seed(3)) / 40
        self.seen: list[tuple[Any, ...]] = []

    def __call__(self, images: Tensor) -> Tensor:
        self.seen.append((images.dtype, *images.shape))
        small = images[:, :, :: self.stride, :: self.stride].float() - 110
        logits = torch.einsum("kc,nchw->nkhw", self.weight, small)
        rows, columns = torch.arange(small.shape[-2]), torch.arange(small.shape[-1])
        classes = torch.arange(self.num_classes).view(-1, 1, 1)
        return logits + 0.05 * classes * columns + 0.03 * (self.num_classes - classes) * rows[:, None]


@pytest.fixture
def toy() -> type[ToyEngine]:
    return ToyEngine


@pytest.fixture
def picture() -> Tensor:
    """(3, 46, 70) uint8: smooth colours and noise."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 3, 5, 7, generator=generator) * 200
    smooth = torch.nn.functional.interpolate(coarse, (46, 70), mode="bilinear")[0]
    return (smooth + 50 * torch.rand(3, 46, 70, generator=generator)).to(torch.uint8)
