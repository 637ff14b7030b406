"""HRNetV2 as scene parsers have it: the maps of its four branches as they are (Sun et al., 2019, arXiv 1904.04514).

timm's HRNets widen each branch for the classifier of ImageNet before they give it, and bring coarser branches to a
finer one's size by copying pixels. Here are the branches themselves, at strides 4, 8, 16 and 32, brought to size
bilinearly, under names of their own that timm is made to know.
"""

from collections.abc import Callable
from typing import Any

import timm
from timm.models import register_model
from timm.models.hrnet import HighResolutionModule
from torch import Tensor, nn

from sceneparse.networks.resample import resize
from sceneparse.settings.backbone_names import HRNETS


class BilinearModule(HighResolutionModule):
    """A module of branches that are fused at any size: coarser ones are resized bilinearly to each finer one.

    They are enlarged by the ratio of their strides first and brought to the finer one's size then, as in
    mmsegmentation; this differs where a side is no multiple of 32.
    """

    def forward(self, x: list[Tensor]) -> list[Tensor]:
        """Turn each branch's map into one of the same shape."""
        if self.num_branches == 1:
            return [self.branches[0](x[0])]
        maps = [branch(one) for branch, one in zip(self.branches, x, strict=True)]
        fused = []
        for finest, layers in enumerate(self.fuse_layers):
            assert isinstance(layers, nn.ModuleList)
            size = (maps[finest].shape[-2], maps[finest].shape[-1])
            made = [layer(one) for layer, one in zip(layers, maps, strict=True)]
            made[finest + 1 :] = [resize(coarser, size, False) for coarser in made[finest + 1 :]]
            fused.append(self.fuse_act(sum(made[1:], made[0])))
        return fused


def fuse_bilinearly(model: nn.Module) -> nn.Module:
    """Replace the fusing modules of an HRNet by `BilinearModule`; parameters keep their names."""
    for module in list(model.modules()):
        if isinstance(module, HighResolutionModule):
            module.__class__ = BilinearModule
            for child in module.fuse_layers.modules():
                if isinstance(child, nn.Upsample):
                    child.mode, child.align_corners = "bilinear", False
    return model


def _register(name: str, base: str) -> None:

    def make(pretrained: bool = False, **options: Any) -> nn.Module:
        if pretrained:
            raise ValueError(f"there are no weights of {name}")
        own: dict[str, Any] = {"feature_location": ""} if options.get("features_only") else {}
        model: nn.Module = timm.create_model(base, pretrained=False, **own, **options)
        return fuse_bilinearly(model)

    make.__name__ = name
    make.__doc__ = f"The branches of {base}."
    entry: Callable[..., nn.Module] = make
    register_model(entry)


for _name, _base in HRNETS.items():
    if not timm.is_model(_name):
        _register(_name, _base)
