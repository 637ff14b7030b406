"""Plain ViTs for pictures of the size that published scene parsers were trained at, registered with timm.

timm's are for the pictures of ImageNet; positions belong to a size, and those of a checkpoint are taken as they are.
"""

from collections.abc import Callable
from typing import Any

import timm
from timm.models import register_model
from torch import nn

VITS: dict[str, tuple[str, dict[str, Any]]] = {
    "vit_small_patch16_512": ("vit_small_patch16_224", {"img_size": 512}),
    "vit_base_patch16_512": ("vit_base_patch16_224", {"img_size": 512}),
    "beit_base_patch16_640": ("beit_base_patch16_224", {"img_size": 640}),
    "beit_large_patch16_640": ("beit_large_patch16_224", {"img_size": 640}),
    # MAE (arXiv 2111.06377) as its fine-tuned parser has it: BEiT's biases of offsets beside a position embedding.
    "mae_base_patch16_512": ("beit_base_patch16_224", {"img_size": 512, "use_abs_pos_emb": True}),
}
"""The names, and timm's models with the arguments that make them."""


def _register(name: str, base: str, own: dict[str, Any]) -> None:

    def make(pretrained: bool = False, **options: Any) -> nn.Module:
        if pretrained:
            raise ValueError(f"there are no weights of {name}")
        model: nn.Module = timm.create_model(base, pretrained=False, **own, **options)
        return model

    make.__name__ = name
    make.__doc__ = f"{base} for pictures of {own['img_size']} pixels."
    entry: Callable[..., nn.Module] = make
    register_model(entry)


for _name, (_base, _own) in VITS.items():
    if not timm.is_model(_name):
        _register(_name, _base, _own)
