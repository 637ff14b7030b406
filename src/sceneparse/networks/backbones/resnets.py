"""ResNets whose stem has three 3×3 convolutions, registered with timm, which lacks them.

timm has the deep stems from 50 layers on: resnet50c (widths 32, 32, 64) and resnet50s (64, 64, 128). Some published
scene parsers put them under shallower and deeper ones: CSAIL's ResNet-18, mmsegmentation's ResNet-18 V1c, the PSPNet
paper's ResNet-269.
"""

from collections.abc import Callable
from typing import Any

import timm
from timm.models import register_model
from torch import nn

from sceneparse.settings.backbone_names import DEEP_STEMS, DEEPEST, STEM_WIDTHS

RESNET269 = (3, 30, 48, 8)
"""Bottlenecks in each stage of the PSPNet paper's deepest network: 3 · 89 convolutions, the stem and the classifier."""


def _register(name: str, base: str, letter: str, **own: Any) -> None:

    def make(pretrained: bool = False, **options: Any) -> nn.Module:
        if pretrained:
            raise ValueError(f"there are no weights of {name}")
        stem: dict[str, Any] = {"stem_type": "deep", "stem_width": STEM_WIDTHS[letter]}
        model: nn.Module = timm.create_model(base, pretrained=False, **stem, **own, **options)
        return model

    make.__name__ = name
    make.__doc__ = f"{name} with a deep stem."
    entry: Callable[..., nn.Module] = make
    register_model(entry)


for _base in DEEP_STEMS:
    for _letter in STEM_WIDTHS:
        if not timm.is_model(f"{_base}{_letter}"):
            _register(f"{_base}{_letter}", _base, _letter)

if not timm.is_model(DEEPEST):
    _register(DEEPEST, "resnet200", "s", layers=RESNET269)
