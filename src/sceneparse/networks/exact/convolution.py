"""Convolution over upsampled maps, computed before upsampling: the same numbers for less work.

Both heads run a convolution over one map at full size, concatenated with several small ones that were resized to it
(PSPNet paper, figure 3; UPerNet paper, figure 4). A convolution is linear in its input channels, so its kernel can be
split by source; and each tap of it mixes channels, which commutes with resizing, which mixes pixels:

    conv(cat[x, up(p1), up(p2), ...]) = conv_x(x) + sum over sources i and taps t of shift_t(up(W_i,t p_i))

So the small maps are multiplied by the matrices of all taps while they are small, and the products are resized,
shifted and summed by two constant matrices: one along the width for each source, then one along the height for all
sources together, whose product is added onto conv_x(x). Rows of the matrices that fall outside are zero: the padding.

For a source of C channels and h×w cells, k×k taps and an output of O×H×W numbers, this takes k²·h·w·C·O multiply-adds
and at most k·h·W·(k·w + H)·O to resize; the plain formulation takes k²·H·W·C·O. Its memory: all sources resized along
the width, k·h·W·O numbers each (k·h/H of the output), the products of one row of taps at a time, and k·(w·W + h·H)
numbers of constants a source. A matrix of all (H·W) × cells is never made.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function

from sceneparse.networks.exact.full_bias import full_bias_conv2d
from sceneparse.networks.exact.matrices import Strip, in_graph, known, matrices_for
from sceneparse.networks.resample import resize

Resampling = Literal["exact", "plain"]


class ConcatConv2d(nn.Conv2d):
    """A convolution over the concatenation of a map and others resized to it; it keeps the map's size.

    Its parameters are those of `nn.Conv2d` over the concatenated channels.

    Args:
        in_channels: Channels of each map.
        out_channels: Channels of the result.
        kernel_size: Side of the kernel, odd.
        padding: Half of the kernel, rounded down.
        bias: Whether there is a bias.
        align_corners: How maps are resized.
        resampling: "exact" takes `concat_conv2d`, "plain" `plain_concat_conv2d`.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        kernel_size: int,
        *,
        padding: int,
        bias: bool = True,
        align_corners: bool,
        resampling: Resampling = "exact",
    ):
        if kernel_size != 2 * padding + 1:
            raise ValueError(f"kernel {kernel_size} with padding {padding} does not keep a map's size")
        super().__init__(sum(in_channels), out_channels, kernel_size, padding=padding, bias=bias)
        self.channels = tuple(in_channels)
        self.align_corners = align_corners
        self.resampling = resampling

    def forward(self, input: Sequence[Tensor]) -> Tensor:  # type: ignore[override]  # noqa: A002
        """Convolve maps (N, C_i, h_i, w_i) to (N, out_channels, h_0, w_0)."""
        return FORMULATIONS[self.resampling](input, self.weight, self.bias, self.align_corners)


class ArrangedConcatConv2d(nn.Module):
    """A `ConcatConv2d` for inference alone, whose weight is rearranged once instead of at each call.

    In a 16-bit format its products are those of rounded factors, and all that is made of the products is computed in
    float32: matrices of rounded weights, and sums that are rounded at each stage, would cost more than the paper's
    formulation loses.

    Args:
        layer: What it computes.
        dtype: The format of the factors, a 16-bit one; None for the layer's own.
        rounded: Whether the result is rounded to that format.
    """

    def __init__(self, layer: ConcatConv2d, dtype: torch.dtype | None = None, *, rounded: bool = True):
        super().__init__()
        self.dtype, self.rounded = dtype, rounded
        own, taps = arrange(layer.weight.detach().to(dtype), layer.channels)
        self.own = nn.Buffer(own.contiguous(memory_format=torch.channels_last))
        self.bias = None if layer.bias is None else nn.Buffer(layer.bias.detach())
        self.sources = len(taps)
        for index, matrices in enumerate(taps):
            self.register_buffer(f"taps{index}", matrices.contiguous())
        self.align_corners = layer.align_corners

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Convolve maps (N, C_i, h_i, w_i) to (N, out_channels, h_0, w_0)."""
        weight = Arranged(self.own, tuple(self.get_buffer(f"taps{index}") for index in range(self.sources)))
        if self.dtype is None:
            return arranged_concat_conv2d(maps, weight, self.bias, self.align_corners)
        with torch.autocast(self.own.device.type, enabled=False):
            maps = [one.to(self.dtype) for one in maps]
            sums = arranged_concat_conv2d(maps, weight, self.bias, self.align_corners, torch.float32)
            return sums.to(self.dtype) if self.rounded else sums


def arrange_weights(network: nn.Module) -> None:
    """Replace, in place, every exact `ConcatConv2d` of a network that is only used for inference from now on."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, ConcatConv2d) and child.resampling == "exact":
                setattr(module, name, ArrangedConcatConv2d(child))


def concatenate(maps: Sequence[Tensor], align_corners: bool) -> Tensor:
    """Concatenate the first map and the others resized to it: (N, ΣC_i, h_0, w_0)."""
    first, *others = maps
    size = (first.shape[-2], first.shape[-1])
    return torch.cat([first, *(resize(other, size, align_corners) for other in others)], dim=1)


def plain_concat_conv2d(maps: Sequence[Tensor], weight: Tensor, bias: Tensor | None, align_corners: bool) -> Tensor:
    """Convolve as the papers write it, over resized maps: the reference for `concat_conv2d`."""
    padding = (weight.shape[-2] // 2, weight.shape[-1] // 2)
    return F.conv2d(concatenate(maps, align_corners), weight, bias, padding=padding)


def concat_conv2d(maps: Sequence[Tensor], weight: Tensor, bias: Tensor | None, align_corners: bool) -> Tensor:
    """Convolve a map and others resized to it, without making the resized maps; exact, under autograd.

    Args:
        maps: (N, C_i, h_i, w_i), two or more; the first decides the size of the result. Fastest in channels-last
            memory, weight too.
        weight: (O, ΣC_i, k, l) with odd k and l, which may differ.
        bias: (O,) or None.
        align_corners: How the others are resized, as in `resize`.

    Returns:
        (N, O, h_0, w_0), channels-last.
    """
    # To who observes the functions of torch (`inference.fold`), this is one function of one weight.
    if not in_graph() and has_torch_function((*maps, weight)):
        return handle_torch_function(concat_conv2d, (*maps, weight), maps, weight, bias, align_corners)
    return arranged_concat_conv2d(maps, arrange(weight, [source.shape[1] for source in maps]), bias, align_corners)


FORMULATIONS: dict[Resampling, Callable[[Sequence[Tensor], Tensor, Tensor | None, bool], Tensor]] = {
    "exact": concat_conv2d,
    "plain": plain_concat_conv2d,
}


class Arranged(NamedTuple):
    """A weight (O, ΣC_i, k, l) split by source: (O, C_0, k, l), and (k, l·O, C_i) for each of the others."""

    own: Tensor
    taps: tuple[Tensor, ...]


def arrange(weight: Tensor, channels: Sequence[int]) -> Arranged:
    """Split a weight into those of maps with so many channels each."""
    out, _, rows, columns = weight.shape
    # Split at once: the gradient of the blocks is then put together at once too.
    own, *blocks = weight.split(list(channels), dim=1)
    return Arranged(own, tuple(block.permute(2, 3, 0, 1).reshape(rows, columns * out, -1) for block in blocks))


def arranged_concat_conv2d(
    maps: Sequence[Tensor],
    weight: Arranged,
    bias: Tensor | None,
    align_corners: bool,
    sums: torch.dtype | None = None,
) -> Tensor:
    """Compute `concat_conv2d` with a weight that was rearranged before.

    Args:
        maps: See there.
        weight: The rearranged weight.
        bias: See there; it may be in float32 where the weight is in a 16-bit format, if no gradient is needed.
        align_corners: See there.
        sums: The type in which products are resized and summed, and of the result; None for the products' own.
    """
    first, *others = maps
    count, _, height, width = first.shape
    rows, columns = weight.own.shape[-2:]
    kept = torch.is_grad_enabled() or in_graph()
    convolve = F.conv2d if sums is None else full_bias_conv2d
    base = convolve(first, weight.own, bias, padding=(rows // 2, columns // 2))
    if sums is not None:
        base = base.to(sums)
    wide, tall = matrices_for(others, base, (rows, columns), align_corners)
    lines = _along_width(
        (
            (products if sums is None else products.to(sums), strips)
            for source, taps, strips in zip(others, weight.taps, wide, strict=True)
            for products in _tap_products(source, taps, columns)
        ),
        # What no gradient needs is written in place; of several pictures the rows would not lie in one piece.
        None if kept or count > 1 else base.new_empty(rows * sum(m.shape[-2] for m in others), width, base.shape[1]),
    )
    # No size is left for `view` to work out: where sizes are only known at run time it would ask for a divisor.
    flat = base.permute(0, 2, 3, 1).reshape(count, height, width * base.shape[1])
    add = torch.baddbmm if kept else Tensor.baddbmm_
    added = [add(flat[:, strip.rows], *strip.factors(lines)) for strip in tall]
    if kept:
        flat = _join(added)
    return flat.view(count, height, width, base.shape[1]).permute(0, 3, 1, 2)


def _tap_products(source: Tensor, taps: Tensor, columns: int) -> list[Tensor]:
    """Multiply a source (N, C, h, w) by the matrices of all taps (k, l·O, C), l being `columns`.

    Returns:
        One or more (N, r, w·l, O), whose rows r are together those of (tap's row, h), in that order.
    """
    count, channels, height, width = source.shape
    out = taps.shape[1] // columns
    pixels = source.permute(0, 2, 3, 1)
    if in_graph():
        # Products of four dimensions leave no size to be worked out. How many pictures there will be is not known.
        few = known(height, width) and height * width < channels
    else:
        pixels = pixels.reshape(count * height * width, channels)
        few = len(pixels) < channels
    if not few:
        return [F.linear(pixels, row).view(count, height, width * columns, out) for row in taps.unbind()]
    # The rows of taps must come before the map's: products of few cells are moved in no time and taken all at once.
    products = F.linear(pixels, taps.flatten(0, 1)).view(count, height, width, len(taps), columns * out)
    return [products.permute(0, 3, 1, 2, 4).reshape(count, len(taps) * height, width * columns, out)]


def _along_width(pieces: Iterable[tuple[Tensor, tuple[Strip, ...]]], into: Tensor | None) -> Tensor:
    """Resize products (N, r, w·l, O) along the width, each by its (W, w·l), and sum over the taps.

    Returns:
        The rows of all pieces (N, R, W·O), in `into` (R, W, O) if that is given; N is 1 then.
    """
    lines, stop = [], 0
    for products, strips in pieces:
        count, rows, _, out = products.shape
        start, stop = stop, stop + rows
        flat = products.flatten(0, 1)
        if into is None:
            wide = _join([torch.bmm(*strip.factors(flat)) for strip in strips])
            lines.append(wide.view(count, rows, wide.shape[1] * out))
        elif len(strips) == 1:
            torch.bmm(*strips[0].factors(flat), out=into[start:stop])
        else:
            torch.cat([torch.bmm(*strip.factors(flat)) for strip in strips], dim=1, out=into[start:stop])
    return torch.cat(lines, dim=1) if into is None else into.view(1, stop, -1)


def _join(pieces: Sequence[Tensor]) -> Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(list(pieces), dim=1)
