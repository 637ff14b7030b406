"""Fold batch norms into the convolutions before them.

In evaluation mode batch normalisation is a fixed scale and shift of each channel, so it can be merged into the
convolution's weights. Whether a normalisation follows a convolution, and nothing else sees what is between the two, is
not a matter of names: it is observed, by running the network once on a small picture and noting who uses what.
"""

from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from sceneparse.networks.exact.convolution import concat_conv2d

PROBE = 64
"""Side of the observed picture, in pixels: two cells at stride 32."""


class Uses(TorchFunctionMode):
    """Counts how often each tensor is used, by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.uses: Counter[int] = Counter()
        self.kept: list[Any] = []  # what is kept alive cannot hand its id on

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if any(isinstance(leaf, Tensor) for leaf in tree_leaves(out)):
            self.use((args, kwargs))
            self.kept.append((args, kwargs, out))
        return out

    def use(self, tree: Any) -> None:
        """Count the tensors in it as used."""
        self.uses.update(id(leaf) for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


class _Observer(Uses):
    """Records convolutions by weight and normalisations by running mean besides."""

    def __init__(self) -> None:
        super().__init__()
        self.made_by: dict[int, int] = {}  # id of a convolution's output -> id of its weight
        self.normalized: list[tuple[int, int]] = []  # id of a normalisation's input, id of its running mean

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = super().__torch_function__(func, types, args, kwargs)
        tensors = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, Tensor)]
        if func in (F.conv2d, torch.conv2d) and len(tensors) >= 2:
            self.made_by[id(out)] = id(tensors[1])
        elif func is concat_conv2d:
            self.made_by[id(out)] = id(args[1])
        elif func is F.batch_norm and len(tensors) >= 2:
            self.normalized.append((id(tensors[0]), id(tensors[1])))
        return out


def fold_batch_norm(network: nn.Module, channels: int) -> tuple[int, int]:
    """Fold, in place, each batch norm whose input is the output of one convolution that nothing else uses.

    Left as they are: normalisations after anything else (a sum, a concatenation), convolutions whose weights have a
    second use, and what doesn't run in evaluation mode (auxiliary heads).

    Args:
        network: In evaluation mode, float32, on the CPU.
        channels: Channels of its input.

    Returns:
        How many were folded, and how many ran.
    """
    observer = _Observer()
    with torch.no_grad():
        image = torch.zeros(1, channels, PROBE, PROBE)
        with observer:
            out = network(image)
    observer.use(out)
    convolutions = {id(m.weight): m for m in network.modules() if isinstance(m, nn.Conv2d)}
    locations: dict[int, list[tuple[nn.Module, str]]] = {}
    norms: dict[int, nn.BatchNorm2d] = {}
    for parent in network.modules():
        for name, child in parent._modules.items():  # a module may have two names
            if isinstance(child, nn.BatchNorm2d) and child.running_mean is not None:
                norms[id(child.running_mean)] = child
                locations.setdefault(id(child.running_mean), []).append((parent, name))
    runs = Counter(norm for _, norm in observer.normalized)
    folded = 0
    for tensor, norm in observer.normalized:
        weight = observer.made_by.get(tensor)
        if weight not in convolutions or norm not in norms:
            continue
        once = (observer.uses[tensor], observer.uses[weight], runs[norm], len(locations[norm]))
        if once != (1, 1, 1, 1):
            continue
        _fold(convolutions[weight], norms[norm])
        (parent, name), *_ = locations[norm]
        setattr(parent, name, _what_remains(norms[norm]))
        folded += 1
    return folded, len(runs)


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )


def _what_remains(norm: nn.BatchNorm2d) -> nn.Module:
    """Return what follows the folded convolution: timm's BatchNormAct2d holds an activation too."""
    from timm.layers.norm_act import BatchNormAct2d

    return nn.Sequential(norm.drop, norm.act) if isinstance(norm, BatchNormAct2d) else nn.Identity()
