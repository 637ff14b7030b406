"""Antialiased bicubic interpolation as two matrix products, for runtimes that have no such operation."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

SHARPNESS = -0.5
"""Keys' coefficient of the cubic where antialiasing is on, in PyTorch as in Pillow."""


class BicubicAsProducts(TorchFunctionMode):
    """Inside it, antialiased bicubic interpolation to a size is computed by matrix products: equal but for rounding.

    Plain ViTs bring their positions to a picture's grid of patches by it, and OpenVINO has no rule for it.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Compute such interpolations here, and leave all else as it is."""
        given = dict(kwargs or {})
        if (
            func is F.interpolate
            and len(args) == 1
            and given.get("mode") == "bicubic"
            and given.get("antialias")
            and given.get("size") is not None
            and not given.get("align_corners")
        ):
            return interpolated(args[0], *given["size"])
        return func(*args, **given)


def interpolated(maps: Tensor, height: int, width: int) -> Tensor:
    """Return maps (N, C, h, w) interpolated to a height and a width, bicubic and antialiased."""
    rows, columns = (weights(old, new).to(maps) for old, new in zip(maps.shape[-2:], (height, width), strict=True))
    return rows @ maps @ columns.T


def weights(old: int, new: int) -> Tensor:
    """Return the matrix (new, old) that interpolates one side: each row adds up to 1.

    Positions are whole numbers, in units that make them so, and the cubics are products of quotients of these. So a
    runtime that computes this in a 16-bit format gets weights that are right to a few of its last bits.
    """
    count = torch.full((1, 1), new)
    away = ((2 * torch.arange(old) + 1) * count - (2 * torch.arange(new)[:, None] + 1) * old).abs()
    # Where the map shrinks, the filter widens with the step from place to place.
    unit = 2 * count.clamp(min=old)
    far, to_one, to_two = away.float() / unit, (unit - away).float() / unit, (2 * unit - away).float() / unit
    near = to_one * (1 + far * (1 - (SHARPNESS + 2) * far))
    outer = -SHARPNESS * to_one * to_two * to_two
    found = torch.where(away < unit, near, torch.where(away < 2 * unit, outer, torch.zeros_like(far)))
    return found / found.sum(dim=1, keepdim=True)
