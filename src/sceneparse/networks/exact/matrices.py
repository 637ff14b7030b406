"""The constant matrices that resize maps: along one side at a time, for every tap of a convolution."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from sceneparse.devices.sums import widest
from sceneparse.networks.exact.constants import used

Sizes = tuple[tuple[int, int], ...]

STRIP = 128
"""A long matrix is applied in strips of about so many rows. An output is made of few cells, so most of a long matrix is
zero; strips leave that out, and the work grows with a map's area, not faster.
"""


def in_graph() -> bool:
    """Return whether a graph is being made (compiled, exported or traced), in which sizes may be unknown."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined]


def known(*sizes: int) -> bool:
    """Return whether sizes are numbers even while a graph is made, where those of a picture may be symbols.

    The grids that maps are pooled to are; what is made of them alone is a constant of the graph.
    """
    # Dynamo calls symbols int.
    return not torch.compiler.is_dynamo_compiling() and all(isinstance(size, int) for size in sizes)


def shifted_interpolation(
    inputs: Sequence[int], outputs: int, kernel: int, align_corners: bool, device: torch.device | str = "cpu"
) -> Tensor:
    """Return the matrices that resize lines of cells to one length and shift them, one for each tap of a convolution.

    Row i of tap t is row i + t - kernel // 2 of the interpolation matrix, and zero where there is no such row: what a
    convolution padded with zeros sees at that tap. A weight is the quotient of two whole numbers, so it is right to the
    last bit; and in a graph whose runtime computes in a 16-bit format, to that format's last bit, which positions of
    more than a few cells would not be. Exporters take their time for every operation, so all lines share each.

    Args:
        inputs: Cells of each line.
        outputs: Their length after resizing.
        kernel: Taps, an odd number; 1 gives the interpolation matrices themselves.
        align_corners: As in `resize`.
        device: Where they are made.

    Returns:
        (outputs, kernel, Σ inputs), the lines' columns side by side, float64 (on Apple's GPUs float32), in 0..1.
    """
    taps = range(-(kernel // 2), kernel // 2 + 1)
    cells, length = _cells(inputs, device)
    last = length - 1
    # Positions in units in which those of the outputs and of the inputs are whole numbers: `step` of these lie between
    # two outputs, and `unit` of their products with a line's length between two cells.
    step, first = (1, 0) if align_corners else (2, 1)
    place = torch.arange(first, first + step * outputs, step, device=device)[:, None, None]
    place = place + torch.tensor([[step * tap] for tap in taps], device=device)
    inside = (place >= 0) & (place < step * outputs)
    unit = max(outputs - 1, 1) if align_corners else step * outputs
    source = place * last if align_corners else place * length - outputs
    away = torch.minimum(source.clamp(min=0), last * unit) - cells * unit
    # A cell's weight falls linearly from 1 at its own position to 0 at its neighbours'.
    return ((unit - away.abs()).clamp(min=0) * inside).to(widest(place.device)) / unit


def _cells(lines: Sequence[int], device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return each cell's number in its line, and that line's length, for lines side by side: two of (Σ lines,)."""
    if known(*lines):
        both = [(number, line) for line in lines for number in range(line)]
        return tuple(torch.tensor(each, device=device) for each in zip(*both, strict=True))  # type: ignore[return-value]
    numbers = torch.cat([torch.arange(line, device=device) for line in lines])
    return numbers, torch.cat([torch.full((line,), line, device=device) for line in lines])


class Strip(NamedTuple):
    """Neighbouring rows of a constant matrix.

    Args:
        rows: Which rows.
        used: The columns that are not zero in all of them; None stands for all columns.
        matrix: (rows, used columns).
    """

    rows: slice
    used: Tensor | None
    matrix: Tensor

    def factors(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the factors whose product is these rows of matrix · maps, for maps (B, columns, X)."""
        return (
            self.matrix.expand(maps.shape[0], -1, -1),
            maps if self.used is None else maps.index_select(1, self.used),
        )


class Matrices(NamedTuple):
    """The matrices that resize along the width, (W, w_i·l) for each source, and along the height, (H, Σ k·h_i)."""

    wide: tuple[tuple[Strip, ...], ...]
    tall: tuple[Strip, ...]


def matrices_for(sources: Sequence[Tensor], base: Tensor, kernel: tuple[int, int], align_corners: bool) -> Matrices:
    """Return the matrices that resize sources (N, C_i, h_i, w_i) to a base (N, O, H, W) for a kernel of (k, l) taps.

    They have the base's type and device, and are kept for the 32 latest combinations of sizes and the rest.
    """
    sizes = tuple((source.shape[-2], source.shape[-1]) for source in sources)
    size = (base.shape[-2], base.shape[-1])
    # Constants made of what a tracer shows in place of tensors belong to its graph, not to the next call.
    if in_graph() or type(base) is not Tensor:
        return _matrices(sizes, size, kernel, align_corners, base.dtype, base.device, traced=True)
    return used(_cached_matrices(sizes, size, kernel, align_corners, base.dtype, base.device))


@lru_cache(maxsize=32)
def _cached_matrices(
    sizes: Sizes,
    size: tuple[int, int],
    kernel: tuple[int, int],
    align_corners: bool,
    dtype: torch.dtype,
    device: torch.device,
) -> Matrices:
    # Made in inference mode they could never take part in a backward pass.
    with torch.inference_mode(False), torch.no_grad():
        return _matrices(sizes, size, kernel, align_corners, dtype, device, traced=False)


def _matrices(
    sizes: Sizes,
    size: tuple[int, int],
    kernel: tuple[int, int],
    align_corners: bool,
    dtype: torch.dtype,
    device: torch.device,
    traced: bool,
) -> Matrices:
    height, width = size
    rows, columns = kernel
    made_on = device if traced else torch.device("cpu")
    heights, widths = [inputs for inputs, _ in sizes], [inputs for _, inputs in sizes]
    across = shifted_interpolation(widths, width, columns, align_corners, made_on).transpose(1, 2)
    down = shifted_interpolation(heights, height, rows, align_corners, made_on)
    if traced:  # all lines share each operation
        across, down = across.to(dtype), down.to(dtype)
    wide = [taps.flatten(1) for taps in across.split(widths, dim=1)]
    tall = torch.cat([taps.flatten(1) for taps in down.split(heights, dim=2)], dim=1)
    # What a matrix holds is not known while a graph is made.
    cut = _as_it_is if traced else _strips
    return Matrices(tuple(cut(matrix, dtype, device) for matrix in wide), cut(tall, dtype, device))


def _as_it_is(matrix: Tensor, dtype: torch.dtype, device: torch.device) -> tuple[Strip, ...]:
    assert (matrix.dtype, matrix.device) == (dtype, device)
    return (Strip(slice(None), None, matrix),)


def _whole(matrix: Tensor, dtype: torch.dtype, device: torch.device) -> tuple[Strip, ...]:
    return (Strip(slice(None), None, matrix.to(dtype).to(device)),)


def _strips(matrix: Tensor, dtype: torch.dtype, device: torch.device) -> tuple[Strip, ...]:
    """Cut a matrix into strips of `STRIP` rows or somewhat more; keep it whole where strips would spare little."""
    rows, columns = matrix.shape
    if rows < 2 * STRIP or columns <= STRIP:
        return _whole(matrix, dtype, device)
    strips, start = [], 0
    for block in matrix.tensor_split(rows // STRIP):
        used = block.any(dim=0).nonzero().flatten()
        span = slice(start, start + len(block))
        strips.append(Strip(span, used.to(device), block.index_select(1, used).to(dtype).to(device)))
        start = span.stop
    return tuple(strips)
