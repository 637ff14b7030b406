"""Layers for a batch that several processes share: they see the whole batch, as one process would.

Statistics of batch norm are those of all processes' pictures together, and what dropout drops is drawn for the whole
batch, each process taking its own pictures' share. So a step depends on the batch, not on how many processes share it.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed
import torch.nn.functional as F
from timm.layers.drop import DropPath
from timm.layers.norm_act import BatchNormAct2d, convert_sync_batchnorm
from torch import Tensor, nn


def share_batch(network: nn.Module, device: torch.device) -> None:
    """Replace a network's layers, in place, by those that see the batch of all processes; parameters and names stay.

    On CUDA batch norm becomes torch.nn.SyncBatchNorm, which needs such a device; elsewhere `SharedBatchNorm2d`.

    Args:
        network: A network that is not a layer itself.
        device: Where it is going to be trained.
    """
    if device.type == "cuda":
        convert_sync_batchnorm(network)
    for module in network.modules():
        # The layers keep all that they hold; only what they do changes.
        shared = SHARED.get(type(module))
        if shared is None and isinstance(module, nn.BatchNorm2d):
            shared = SharedBatchNorm2d
        if shared is not None:
            module.__class__ = shared


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm whose statistics are those of all processes; in evaluation mode as `torch.nn.BatchNorm2d`."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in torch.nn.BatchNorm2d
        """Normalise (N, C, h, w), with N and size as they are in this process, to the same shape."""
        return _normalized(self, input) if self.training else super().forward(input)


class SharedBatchNormAct2d(BatchNormAct2d):
    """timm's batch norm with an activation behind it, with the statistics of all processes."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, h, w) to the same shape."""
        return self.act(self.drop(_normalized(self, x))) if self.training else super().forward(x)


def _normalized(norm: nn.BatchNorm2d, maps: Tensor) -> Tensor:
    """Normalise maps by the statistics of all processes, and update the running statistics."""
    result, mean, var, count = _BatchNorm.apply(maps, norm.weight, norm.bias, norm.eps)
    if norm.track_running_stats:
        assert norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None
        norm.num_batches_tracked.add_(1)
        share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
        with torch.no_grad():
            norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
            norm.running_var.lerp_((var * count / (count - 1)).to(norm.running_var.dtype), share)
    return result


class _BatchNorm(torch.autograd.Function):
    """Batch norm by sums over all processes (Ioffe & Szegedy, arXiv 1502.03167, algorithm 1 and section 3)."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        wide = maps.to(torch.promote_types(maps.dtype, torch.float32))
        own_var, own_mean = (one.double() for one in torch.var_mean(wide, dim=(0, 2, 3), correction=0))
        own_count = own_mean.new_full((1,), maps.numel() / maps.shape[1])
        # In float64 the squares of means lose nothing that float32 values had.
        sums = torch.cat([own_count, own_count * own_mean, own_count * (own_var + own_mean.square())])
        torch.distributed.all_reduce(sums)
        count, (mean, square) = sums[0], (sums[1:] / sums[0]).chunk(2)
        var = (square - mean.square()).clamp(min=0)
        ctx.save_for_backward(maps, weight, mean, var, count)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, var, count)
        near = mean.to(wide.dtype), var.to(wide.dtype)
        return F.batch_norm(maps, *near, weight, bias, training=False, eps=eps), mean, var, count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight, mean, var, count = ctx.saved_tensors
        dtype = torch.promote_types(maps.dtype, torch.float32)
        wide, inverse = gradient.to(dtype), (var + ctx.eps).rsqrt()
        centred = maps.to(dtype) - _channels(mean.to(dtype))
        grad_bias = wide.sum(dim=(0, 2, 3)).double()
        grad_weight = (wide * centred).sum(dim=(0, 2, 3)).double() * inverse
        sums = torch.cat([grad_bias, grad_weight])
        torch.distributed.all_reduce(sums)
        sum_bias, sum_weight = (sums / count).chunk(2)
        scale = weight.double() * inverse
        grad_maps = wide * _channels(scale.to(dtype))
        grad_maps -= centred * _channels((scale * inverse * sum_weight).to(dtype))
        grad_maps -= _channels((scale * sum_bias).to(dtype))
        # Those of weight and bias stay this process's own: they are added up with all other gradients.
        return grad_maps.to(maps.dtype), grad_weight.to(weight.dtype), grad_bias.to(weight.dtype), None


def _channels(values: Tensor) -> Tensor:
    return values[:, None, None]


class SharedDropout2d(nn.Dropout2d):
    """Dropout of whole channels, drawn for the batch of all processes."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in torch.nn.Dropout2d
        """Drop channels of (N, C, h, w)."""
        if not self.training or self.p == 0:
            return input
        return input * _own_noise(input, (input.shape[1], 1, 1), 1 - self.p)


class SharedDropout(nn.Dropout):
    """Dropout of single values, drawn for the batch of all processes."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in torch.nn.Dropout
        """Drop values of (N, …)."""
        if not self.training or not self.p:
            return input
        # As PyTorch draws it, which on GPUs is not what `bernoulli_` draws.
        whole = F.dropout(torch.ones_like(_of_all(input, input.shape[1:])), self.p)
        return input * _own_share(whole, len(input))


class SharedDropPath(DropPath):
    """Stochastic depth (timm's), drawn for the batch of all processes."""

    def forward(self, x: Tensor) -> Tensor:
        """Drop whole samples of (N, …)."""
        if not self.training or not self.drop_prob:
            return x
        keep = 1 - self.drop_prob
        noise = _own_noise(x, (1,) * (x.ndim - 1), keep)
        return x * (noise if self.scale_by_keep else noise * keep)


SHARED: dict[type[nn.Module], type[nn.Module]] = {
    BatchNormAct2d: SharedBatchNormAct2d,
    nn.Dropout2d: SharedDropout2d,
    nn.Dropout: SharedDropout,
    DropPath: SharedDropPath,
}
"""What each layer becomes; batch norms of other kinds become `SharedBatchNorm2d`."""


def _own_noise(maps: Tensor, shape: Sequence[int], keep: float) -> Tensor:
    """Draw a mask over the whole batch, 1 / keep or 0, and return this process's share of it.

    All processes draw the same mask, their generators being seeded alike, as one process would draw it.
    """
    return _own_share(_of_all(maps, shape).bernoulli_(keep).div_(keep), len(maps))


def _of_all(maps: Tensor, shape: Sequence[int]) -> Tensor:
    """Make an empty tensor of this shape for each sample of the whole batch."""
    last = maps.ndim == 4 and maps.is_contiguous(memory_format=torch.channels_last) and not maps.is_contiguous()
    return torch.empty(
        (len(maps) * torch.distributed.get_world_size(), *shape),
        dtype=maps.dtype,
        device=maps.device,
        # Random numbers come in the order of memory.
        memory_format=torch.channels_last if last else torch.contiguous_format,
    )


def _own_share(whole: Tensor, count: int) -> Tensor:
    """Return this process's samples of those of the whole batch."""
    begin = count * torch.distributed.get_rank()
    return whole[begin : begin + count]
