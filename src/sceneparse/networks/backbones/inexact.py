"""Dilated models of timm whose features are not those that their weights were trained for, and why."""

from timm.models.resnest import ResNestBottleneck
from torch import nn

POOLS = (nn.AvgPool2d, nn.MaxPool2d)


def why_inexact(body: nn.Module, undilated: nn.Module, factor: int, *, averages: bool) -> str | None:
    """Return why a model's features at a smaller stride, every second or fourth taken, are not those at stride 32.

    Args:
        body: The model as timm dilates it, by half, with the modules' names of the other.
        undilated: The same model without dilation.
        factor: Product of all strides that were given up: 2 or 4.
        averages: Whether shortcuts that average keep doing so.

    Returns:
        The reason, for people; None where they are the same but for means over the whole picture.
    """
    if any(isinstance(module, ResNestBottleneck) for module in body.modules()):
        return _averaged(4) if factor == 4 else None
    before = dict(undilated.named_modules())
    full, pooled = 1, set[str]()
    for path, module in body.named_modules():
        other = before.get(path)
        if isinstance(module, nn.Conv2d) and isinstance(other, nn.Conv2d) and max(module.kernel_size) > 1:
            if module.stride != other.stride:
                full = 2 * max(module.dilation)
            elif max(module.dilation) != full * max(other.dilation):
                return f"timm leaves convolutions behind the first of its stages undilated ({path})"
        elif averages and isinstance(module, POOLS) and _stride(module) != _stride(other):
            # In some models shortcuts come before the convolutions of their block, in others behind.
            pooled.add(_stage(path))
            if full > 2 or len(pooled) > 1:
                return _averaged(4)
    return None


def _stage(path: str) -> str:
    """Return what begins the names of a stage's modules: "layer3", "stages.2"."""
    first, second, *_ = [*path.split("."), ""]
    return first if first[-1].isdigit() else f"{first}.{second}"


def _stride(module: nn.Module | None) -> int:
    """Return a pooling's stride; 1 for what is none."""
    stride = module.stride if isinstance(module, POOLS) else 1
    return stride if isinstance(stride, int) else max(stride)


def _averaged(stage: int) -> str:
    return f"in stage {stage} it averages cells next to each other, where its weights expect those two cells apart"
