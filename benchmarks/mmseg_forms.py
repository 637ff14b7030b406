"""The keys and shapes of MMSegmentation's published files: heads on backbones, from what its modules are made of.

Written from MMSegmentation 1.2.2's modules, not from what imports them, so that either can prove the other wrong.
"""

import re
from collections.abc import Callable

from mmseg_convolutional import CONVNEXTS, HRNETS, convnext, hrnet, mobilenet, resnet, unet
from mmseg_layers import Shapes, conv, module
from mmseg_transformers import SWINS, TWINS, VITS, beit, swin, twins, vit


def jpu() -> Shapes:
    found: Shapes = {}
    for index, width in enumerate((512, 1024, 2048)):
        found |= module(f"neck.conv_layers.{index}", 512, width, 3)
    return found


def psp(into: int, channels: int, classes: int) -> Shapes:
    found = _classified("decode_head", channels, classes)
    for index in range(4):
        found |= module(f"decode_head.psp_modules.{index}.1", channels, into, 1)
    return found | module("decode_head.bottleneck", channels, into + 4 * channels, 3)


def uper(widths: tuple[int, ...], channels: int, classes: int) -> Shapes:
    found = psp(widths[-1], channels, classes)
    for index, width in enumerate(widths[:-1]):
        found |= module(f"decode_head.lateral_convs.{index}", channels, width, 1)
        found |= module(f"decode_head.fpn_convs.{index}", channels, channels, 3)
    return found | module("decode_head.fpn_bottleneck", channels, 4 * channels, 3)


def aspp(into: int, channels: int, classes: int) -> Shapes:
    found = _classified("decode_head", channels, classes) | module("decode_head.image_pool.1", channels, into, 1)
    for index, side in enumerate((1, 3, 3, 3)):
        found |= module(f"decode_head.aspp_modules.{index}", channels, into, side)
    return found | module("decode_head.bottleneck", channels, 5 * channels, 3)


def fcn(
    key: str, into: int, channels: int, classes: int, count: int = 1, concat: bool = False, side: int = 3
) -> Shapes:
    found = _classified(key, channels, classes)
    for index in range(count):
        found |= module(f"{key}.convs.{index}", channels, channels if index else into, side)
    return found | (module(f"{key}.conv_cat", channels, into + channels, side) if concat else {})


def _classified(key: str, channels: int, classes: int) -> Shapes:
    return conv(f"{key}.conv_seg", classes, channels, 1, bias=True)


def form(name: str, backbone: str, head: str, channels: int, classes: int) -> Shapes:
    """The keys and shapes of a published file.

    Args:
        name: Its name.
        backbone: MMSegmentation's backbone.
        head: Its decode head.
        channels: The decode head's width.
        classes: Number of classes.
    """
    found, widths = BACKBONES[backbone](name)
    narrow = widths[-1] == 512 and backbone.startswith("ResNet")
    if head == "UPerHead":
        found |= uper(widths, channels, classes)
    elif head == "PSPHead":
        found |= psp(widths[-1], channels, classes)
    elif head == "ASPPHead":
        found |= aspp(widths[-1], channels, classes)
    elif backbone == "HRNet":
        return found | fcn("decode_head", sum(widths), sum(widths), classes, side=1)
    else:
        found |= fcn("decode_head", widths[-1], channels, classes, 2, concat=True)
    return found | fcn("auxiliary_head", widths[2], 64 if narrow else 256, classes)


Made = tuple[Shapes, tuple[int, ...]]


def _resnet_of(name: str, stem: tuple[int, int, int] | None) -> Made:
    depth = int(re.search(r"r(18|50|101)", name)[1])  # type: ignore[index]
    made = resnet(depth, stem)
    widths = (256, 512, 1024, 2048) if depth >= 50 else (64, 128, 256, 512)
    return (made | jpu(), widths) if "jpu" in name else (made, widths)


def _word(name: str, words: dict[str, object]) -> str:
    return max((word for word in words if word in name), key=len)


def _vit_of(name: str) -> Made:
    size = "s16" if "-s16" in name else "b16"
    return vit(size, "-ln_" in name, "_mln_" in name), (VITS[size][0],) * 4


def _beit_of(name: str) -> Made:
    size = "large" if "large" in name else "base"
    mae = name.startswith("mae")
    return beit(size, 512 if mae else 640, mae), (VITS[size][0],) * 4


def _sized(
    make: Callable[[str], Shapes], words: dict[str, object], widths: Callable[[str], tuple[int, ...]], name: str
) -> Made:
    word = _word(name, words)
    return make(word), widths(word)


BACKBONES: dict[str, Callable[[str], Made]] = {
    "ResNet": lambda name: _resnet_of(name, None),
    "ResNetV1c": lambda name: _resnet_of(name, (32, 32, 64)),
    "ResNeSt": lambda _: (resnet(101, (64, 64, 128), split=True, pooled=True), (256, 512, 1024, 2048)),
    "MobileNetV2": lambda _: (mobilenet(), (24, 32, 96, 320)),
    "SwinTransformer": lambda name: _sized(
        lambda word: swin(word, 12 if "window12" in name else 7),
        dict(SWINS),
        lambda word: tuple(SWINS[word][0] * 2**stage for stage in range(4)),
        name,
    ),
    "mmpretrain.ConvNeXt": lambda name: _sized(
        convnext, dict(CONVNEXTS), lambda word: tuple(CONVNEXTS[word][0] * 2**stage for stage in range(4)), name
    ),
    "HRNet": lambda name: _sized(
        hrnet, dict(HRNETS), lambda word: tuple(HRNETS[word][0] * 2**stage for stage in range(4)), name
    ),
    "VisionTransformer": _vit_of,
    "BEiT": _beit_of,
    "MAE": _beit_of,
    "PCPVT": lambda name: _sized(twins, dict(TWINS), lambda word: TWINS[word][0], name),
    "SVT": lambda name: _sized(twins, dict(TWINS), lambda word: TWINS[word][0], name),
    "UNet": lambda _: (unet(), (1024, 512, 256, 128)),
}
"""What makes each backbone's keys and shapes of a file's name, and the widths of its four maps."""
