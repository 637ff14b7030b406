"""To what size an image processor of transformers brings pictures: by its class, which reads the same `size` otherwise.

By image_processing_*.py of transformers 5.24.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from sceneparse.arguments import argument
from sceneparse.settings import ProtocolSettings

CLASS = re.compile(r"(ImageProcessor|FeatureExtractor)(Fast|Pil)?$")

SHORT_BY_DEFAULT = (
    "ConvNext",
    "PoolFormer",
    "Levit",
    "CLIP",
    "ChineseCLIP",
    "Bit",
    "MobileViT",
    "MobileNetV1",
    "MobileNetV2",
)
"""Classes of which a size of a single number is the short side; others make a square of it."""

WARPS_FROM = 384
"""The size from which ConvNext's class brings both sides to it; below, it crops (`crop_pct`)."""

CROPS = {"ConvNext": 224 / 256, "PoolFormer": 0.9}
"""The share that is kept of the short side when the middle is cropped out, by class, where `crop_pct` isn't given."""

LEVIT = 256 / 224
"""By what Levit's class brings the short side to more than its size, of which it then crops the middle."""

WITHOUT_SIZE = ("GLPN", "VitMatte", "Swin2SR")
"""Classes that have no size: they bring a picture's own sides to the next multiple."""

MULTIPLES = ("size_divisor", "size_divisibility", "pad_size")
"""What such a multiple is called."""

READ = ("resize", "rescale", "normalize", "convert_rgb", "reduce_labels", "center_crop", "flip_channel_order")
"""Of the steps that are switched by a key do_…, those that are read, or that are none of pictures to be parsed."""


@dataclass(frozen=True)
class ProcessorSize:
    """What a processor brings pictures to.

    Args:
        protocol: The protocol that does it, or that is nearest.
        notes: What it does, and what is left out with good reason, for people.
        unfollowed: What it does otherwise than the protocol, for people.
    """

    protocol: ProtocolSettings
    notes: tuple[str, ...] = ()
    unfollowed: tuple[str, ...] = ()


def processor_size(said: Mapping[str, Any]) -> ProcessorSize:
    """Return to what size a processor brings pictures.

    Args:
        said: Its preprocessor_config.json.
    """
    unfollowed = tuple(_left_out(said))
    if said.get("do_resize", True) is False:
        return ProcessorSize(ProtocolSettings("whole"), ("pictures are tested at their own size",), unfollowed)
    name = str(said.get("image_processor_type") or said.get("feature_extractor_type") or "")
    kind, size = CLASS.sub("", name), said.get("size")
    if kind in SHORT_BY_DEFAULT and _is_side(size):
        size = {"shortest_edge": size}
    short = size.get("shortest_edge") if isinstance(size, Mapping) else None
    notes: tuple[str, ...] = ()
    if kind == "ConvNext" and _is_side(short) and short >= WARPS_FROM:
        size = {"height": short, "width": short}
    elif kind in CROPS and _is_side(side := short or _square(size)):
        share = said.get("crop_pct")
        enlarged = int(side / (share if isinstance(share, float) and 0 < share <= 1 else CROPS[kind]))
        size = {"shortest_edge": enlarged}
        if kind == "ConvNext":
            notes = (
                f"of pictures whose short side is {enlarged}, {name} crops the middle {side}x{side}, which is left "
                "out: it would leave the rim of every picture unlabelled",
            )
    elif kind == "Levit" and _is_side(short):
        size = {"shortest_edge": int(LEVIT * short)}
    elif said.get("keep_aspect_ratio") is True and (side := _square(size)):
        size = {"shortest_edge": side}
        multiple = said.get("ensure_multiple_of")
        rounded = f", and rounds both to multiples of {multiple}" if _is_side(multiple) and multiple > 1 else ""
        unfollowed = (
            f"of pictures with a side below {side}, it brings that side to {side} which changes less "
            f"(keep_aspect_ratio){rounded}; here it is always the short side, and unrounded",
            *unfollowed,
        )
    elif said.get("keep_aspect_ratio") is True:
        size = None
    elif _is_side(multiple := said.get("ensure_multiple_of")) and isinstance(size, Mapping):
        rounded_sides = {key: round(value / multiple) * multiple for key, value in size.items() if _is_side(value)}
        size = rounded_sides if set(rounded_sides) == {"height", "width"} else size
    found = protocol_of_size(size)
    if size is None and said.get("size") is None and (kind in WITHOUT_SIZE or said.keys() & MULTIPLES):
        return ProcessorSize(ProtocolSettings("whole"), ("pictures are tested at their own size",), unfollowed)
    if found is None:
        unfollowed = (f"its size {json.dumps(said.get('size'))} cannot be followed", *unfollowed)
        return ProcessorSize(ProtocolSettings("mmseg"), notes, (*unfollowed, "the short side is brought to 512"))
    return ProcessorSize(found, (size_note(found), *notes), unfollowed)


def _left_out(said: Mapping[str, Any]) -> list[str]:
    """Return the other steps that a processor does."""
    found = [
        f"{key} is left out" for key in said if key.startswith("do_") and said[key] is True and key[3:] not in READ
    ]
    for key in MULTIPLES:
        multiple = said.get(key)
        if _is_side(multiple) and multiple > 1 and "do_pad is left out" not in found:
            found.append(f"{key} {multiple} is left out")
    return found


def protocol_of_size(size: Any) -> ProtocolSettings | None:
    """Return the protocol of a size as most processors read it; None for one that no protocol has."""
    if _is_side(size):
        size = {"height": size, "width": size}
    if not isinstance(size, Mapping) or not all(map(_is_side, size.values())):
        return None
    match dict(size):
        case {"height": height, "width": width} if height == width and len(size) == 2:
            return ProtocolSettings("whole", resize="square", size=height)
        case {"height": height, "width": width} if len(size) == 2:
            return ProtocolSettings("whole", resize="fixed", size=(height, width))
        case {"shortest_edge": short, "longest_edge": long} if len(size) == 2:
            return ProtocolSettings("whole", resize="short", size=short, max_long=long)
        case {"shortest_edge": short} if len(size) == 1:
            return ProtocolSettings("whole", resize="short", size=short)
        case {"longest_edge": long} if len(size) == 1:
            return ProtocolSettings("whole", resize="long", size=long)
    return None


def size_note(found: ProtocolSettings) -> str:
    """Return what a protocol of `protocol_of_size` brings pictures to, for people."""
    if found.resize in ("square", "fixed"):
        height, width = found.sides * (3 - len(found.sides))
        return (
            f"pictures are brought to {height}x{width} (height x width) whatever their shape; "
            f"{argument('protocol.name', 'mmseg')} keeps the shape"
        )
    bound = f", the long one at most {found.max_long}" if found.max_long else ""
    return f"the {found.resize} side of pictures is brought to {found.size}{bound}"


def _square(size: Any) -> int | None:
    """Return the side of a square size; None for any other."""
    found = protocol_of_size(size)
    return found.size if found is not None and found.resize == "square" and isinstance(found.size, int) else None


def _is_side(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
