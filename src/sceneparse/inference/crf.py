"""Dense conditional random field: align labels with the picture's edges (Krähenbühl & Koltun, NIPS 2011).

Every pixel is tied to every other by two Gaussian kernels, one over positions (smoothness) and one over positions and
colours (appearance), and mean-field inference looks for labels that agree with the network's probabilities and with
each other under a Potts model. Networks that the papers compare with end in one (DeepLab, arXiv 1606.00915).

A kernel over positions is separable: two matrix products. A kernel over colours is not, but it has a low rank: with M
colours of the picture as landmarks it is a product of (pixels, M) features with themselves (Nyström's approximation,
exact if the picture has no other colours). So the appearance kernel is a sum of M separable ones. A wide Gaussian over
positions is computed between square cells of a small fraction of its width, so that nearly all the work is matrix
products.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.arguments import argument
from sceneparse.errors import UserError

FLOATS = 1 << 25
"""Floats of the largest intermediate result (128 MiB): so many of the kernel's features are worked on together."""

FINENESS = 20
"""A cell's side is the width of the Gaussian divided by this, at least a pixel."""

LEAST = 0.01
"""Classes that are nowhere more probable than this, nor the most probable one, are left out: they would cost as much
as the others."""


@dataclass(frozen=True)
class Field:
    """The strength of the ties between pixels; the defaults are PyDenseCRF's example, for pictures of some 500 pixels.

    Args:
        smooth: Weight of the kernel over positions alone.
        smooth_width: Its standard deviation in pixels.
        appearance: Weight of the kernel over positions and colours.
        appearance_width: Its standard deviation over positions, in pixels.
        appearance_color: Its standard deviation over colours, 0..255.
        steps: Steps of the mean-field inference.
        landmarks: Colours that the appearance kernel is computed with.
    """

    smooth: float = 3.0
    smooth_width: float = 3.0
    appearance: float = 10.0
    appearance_width: float = 80.0
    appearance_color: float = 13.0
    steps: int = 5
    landmarks: int = 96


@torch.no_grad()
def refine(scores: Tensor, image: Tensor, field: Field = Field()) -> Tensor:
    """Return the field's marginals after mean-field inference.

    Kernels are normalised symmetrically, and a pixel counts among its own neighbours. Classes that are nowhere more
    probable than `LEAST`, nor the most probable one, get 0.

    Args:
        scores: (classes, H, W) float32 logits, or logarithms of probabilities.
        image: (C, H, W) uint8.
        field: How strongly pixels are tied.

    Returns:
        (classes, H, W) float32 probabilities, on the device of the scores.
    """
    image = image.to(scores.device).float()
    kernels = [
        (field.smooth, _Kernel(torch.ones_like(image[:1]), field.smooth_width)),
        (field.appearance, _Kernel(_color_features(image, field), field.appearance_width)),
    ]
    unary = scores.float().log_softmax(dim=0)
    probable = unary.flatten(1).amax(dim=1) > math.log(LEAST)
    probable[unary.argmax(dim=0).unique()] = True
    unary = unary[probable]
    marginals = unary.exp()
    for _ in range(field.steps):
        energy = unary.clone()
        for weight, kernel in kernels:
            energy += weight * kernel(marginals)
        marginals = energy.softmax(dim=0)
    result = torch.zeros_like(scores, dtype=torch.float32)
    result[probable] = marginals
    return result


def refuse_reduced(image: Tensor, size: tuple[int, int]) -> None:
    """Refuse a picture that was reduced for the network, since the field ties all pixels that there were.

    Args:
        image: (C, H, W).
        size: The picture's own height and width.

    Raises:
        UserError: The image has another size.
    """
    height, width = image.shape[-2:]
    if (height, width) != tuple(size):
        raise UserError(
            f"a protocol with a CRF looks at all pixels of a picture: give it {size[0]}×{size[1]} pixels, not "
            f"{height}×{width}, or leave the CRF out ({argument('protocol.crf', option='--crf')})"
        )


def work(size: tuple[int, int], field: Field = Field()) -> int:
    """Return the multiply-adds of a step for each class, to which the time of `refine` is proportional.

    It grows faster than the pixels: a kernel over positions goes along whole rows and columns.

    Args:
        size: The picture's height and width.
        field: As `refine` takes it.
    """
    total = 0
    for features, rows, columns in _kernels(size, field):
        total += features * (2 * size[0] * size[1] + rows * columns * (rows + columns))
    return total


def peak_bytes(size: tuple[int, int], classes: int, field: Field = Field()) -> int:
    """Return about how much memory `refine` takes at most, with the scores that it is given.

    Args:
        size: The picture's height and width.
        classes: How many the scores have; fewer may be probable.
        field: As `refine` takes it.
    """
    pixels = size[0] * size[1]
    chunks = []
    for features, rows, columns in _kernels(size, field):
        cells = rows * columns * classes
        chunks.append(max(cells, min(FLOATS, features * cells)))
    # Counted: features in chunks and their products, all maps of classes, and the colours' kernel while it is made.
    return 4 * (5 * max(chunks) + 8 * classes * pixels + 4 * field.landmarks * pixels)


def _kernels(size: tuple[int, int], field: Field) -> list[tuple[int, int, int]]:
    """Return of each kernel the number of features, and rows and columns of cells."""
    steps = [(1, _step(field.smooth_width)), (field.landmarks, _step(field.appearance_width))]
    return [(features, -(-size[0] // step), -(-size[1] // step)) for features, step in steps]


def _step(width: float) -> int:
    """Return the side of the cells of a Gaussian over positions, in pixels."""
    return max(1, int(width / FINENESS))


class _Kernel:
    """A normalised Gaussian kernel between all pixels: over positions, times the product of features.

    Args:
        features: (M, H, W) features of each pixel.
        width: Standard deviation over positions in pixels.
    """

    def __init__(self, features: Tensor, width: float) -> None:
        self.size = (features.shape[-2], features.shape[-1])
        self.step = _step(width)
        self.features = self._blocks(features)
        self.rows, self.columns = (
            _gaussian_line(-(-side // self.step), width / self.step, features) for side in self.size
        )
        self.norm = torch.ones_like(features[:1])
        # Nyström's product can fall a little below zero where two colours are far from all landmarks.
        self.norm = self._apply(self.norm).clamp_min(1e-6).rsqrt()

    def __call__(self, maps: Tensor) -> Tensor:
        """Sum (classes, H, W) over all pixels by the kernel, for each pixel; the shape stays."""
        return self._apply(maps * self.norm) * self.norm

    def _apply(self, maps: Tensor) -> Tensor:
        blocks = self._blocks(maps)
        (rows, columns), classes = self._cells(), len(maps)
        result = torch.zeros_like(blocks)
        # As many features at a time as memory allows.
        for chunk in self.features.split(max(1, FLOATS // (rows * columns * classes)), dim=2):
            cells = (chunk.mT @ blocks).view(rows, -1)
            cells = self.columns @ (self.rows @ cells).view(rows, columns, -1)
            result += chunk @ cells.view(rows * columns, -1, classes)
        whole = result.view(rows, columns, self.step, self.step, classes).permute(4, 0, 2, 1, 3)
        return whole.reshape(classes, rows * self.step, columns * self.step)[:, : self.size[0], : self.size[1]]

    def _blocks(self, maps: Tensor) -> Tensor:
        """Cut (K, H, W) into (cells, pixels of a cell, K); beyond the picture there are zeros."""
        (height, width), (rows, columns), step = self.size, self._cells(), self.step
        maps = F.pad(maps, (0, columns * step - width, 0, rows * step - height))
        cells = maps.view(-1, rows, step, columns, step).permute(1, 3, 2, 4, 0)
        return cells.reshape(rows * columns, step * step, -1)

    def _cells(self) -> tuple[int, int]:
        return -(-self.size[0] // self.step), -(-self.size[1] // self.step)


def _gaussian_line(cells: int, width: float, like: Tensor) -> Tensor:
    """Return the Gaussian between the cells of a line, (cells, cells), with a tensor's type and device."""
    index = torch.arange(cells, device=like.device, dtype=like.dtype)
    return torch.exp(-0.5 * ((index[:, None] - index) / width) ** 2)


def _color_features(image: Tensor, field: Field) -> Tensor:
    """Return (M, H, W) features whose products are the Gaussian kernel of the colours."""
    colors = image.flatten(1).T / field.appearance_color
    known = torch.unique(colors, dim=0)
    marks = known if len(known) <= field.landmarks else _spread_out(known, field.landmarks)
    # The inverse square root, by eigenvalues: landmarks that are near each other make small ones.
    values, vectors = torch.linalg.eigh(_gaussian(marks, marks).double())
    root = vectors * torch.where(values > 1e-6, values, torch.inf).rsqrt()
    features = _gaussian(colors, marks) @ root.to(colors.dtype)
    return features.T.reshape(-1, *image.shape[-2:])


def _gaussian(one: Tensor, other: Tensor) -> Tensor:
    return torch.exp(-0.5 * torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist") ** 2)


def _spread_out(colors: Tensor, count: int) -> Tensor:
    """Choose `count` of the colours, each the one that is farthest from those before it."""
    chosen = [int((colors - colors.mean(dim=0)).norm(dim=1).argmin())]
    distance = (colors - colors[chosen[0]]).norm(dim=1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (colors - colors[chosen[-1]]).norm(dim=1))
    return colors[chosen]
