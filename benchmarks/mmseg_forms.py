"""The keys and shapes of MMSegmentation's published files, from tables of what its modules are made of.

Written from MMSegmentation 1.2.2's modules, not from what imports them, so that either can prove the other wrong.
"""

import re
from collections.abc import Callable

Shape = tuple[int, ...]
Shapes = dict[str, Shape]

RESNET_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
MOBILENET = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))
SWINS = {
    "tiny": (96, (2, 2, 6, 2), (3, 6, 12, 24)),
    "small": (96, (2, 2, 18, 2), (3, 6, 12, 24)),
    "base": (128, (2, 2, 18, 2), (4, 8, 16, 32)),
}
CONVNEXTS = {
    "tiny": (96, (3, 3, 9, 3)),
    "small": (96, (3, 3, 27, 3)),
    "base": (128, (3, 3, 27, 3)),
    "large": (192, (3, 3, 27, 3)),
    "xlarge": (256, (3, 3, 27, 3)),
}
HRNETS = {"hr18s": (18, 2, (1, 3, 2)), "hr18": (18, 4, (1, 4, 3)), "hr48": (48, 4, (1, 4, 3))}
TWINS = {
    "pcpvt-s": ((64, 128, 320, 512), (3, 4, 6, 3), (8, 8, 4, 4)),
    "pcpvt-b": ((64, 128, 320, 512), (3, 4, 18, 3), (8, 8, 4, 4)),
    "pcpvt-l": ((64, 128, 320, 512), (3, 8, 27, 3), (8, 8, 4, 4)),
    "svt-s": ((64, 128, 256, 512), (2, 2, 10, 4), (4, 4, 4, 4)),
    "svt-b": ((96, 192, 384, 768), (2, 2, 18, 2), (4, 4, 4, 4)),
    "svt-l": ((128, 256, 512, 1024), (2, 2, 18, 2), (4, 4, 4, 4)),
}
VITS = {"s16": (384, 12), "b16": (768, 12), "base": (768, 12), "large": (1024, 24)}


def norm(key: str, width: int) -> Shapes:
    """A layer norm."""
    return {f"{key}.weight": (width,), f"{key}.bias": (width,)}


def batch_norm(key: str, width: int) -> Shapes:
    return norm(key, width) | {
        f"{key}.running_mean": (width,),
        f"{key}.running_var": (width,),
        f"{key}.num_batches_tracked": (),
    }


def conv(key: str, out: int, into: int, side: int, bias: bool = False) -> Shapes:
    return {f"{key}.weight": (out, into, side, side)} | ({f"{key}.bias": (out,)} if bias else {})


def linear(key: str, out: int, into: int, bias: bool = True) -> Shapes:
    return {f"{key}.weight": (out, into)} | ({f"{key}.bias": (out,)} if bias else {})


def module(key: str, out: int, into: int, side: int) -> Shapes:
    """A ConvModule with a batch norm."""
    return conv(f"{key}.conv", out, into, side) | batch_norm(f"{key}.bn", out)


def resnet(depth: int, stem: tuple[int, int, int] | None, split: bool = False, pooled: bool = False) -> Shapes:
    """A ResNet: `stem` of the V1c's widths or None for a 7×7; `split` for ResNeSt; `pooled` for shortcuts that pool."""
    found: Shapes = {}
    into = 3
    if stem is None:
        found |= conv("backbone.conv1", 64, 3, 7) | batch_norm("backbone.bn1", 64)
        into = 64
    else:
        for index, width in enumerate(stem):
            found |= conv(f"backbone.stem.{3 * index}", width, into, 3)
            found |= batch_norm(f"backbone.stem.{3 * index + 1}", width)
            into = width
    wide = 4 if depth >= 50 else 1
    for stage, blocks in enumerate(RESNET_BLOCKS[depth]):
        width = 64 * 2**stage
        for block in range(blocks):
            key = f"backbone.layer{stage + 1}.{block}"
            found |= _resnet_block(key, into, width, wide > 1, split)
            if block == 0 and into != wide * width:
                found |= conv(f"{key}.downsample.{int(pooled)}", wide * width, into, 1)
                found |= batch_norm(f"{key}.downsample.{int(pooled) + 1}", wide * width)
            into = wide * width
    return found


def _resnet_block(key: str, into: int, width: int, bottleneck: bool, split: bool) -> Shapes:
    if not bottleneck:
        first, second = conv(f"{key}.conv1", width, into, 3), conv(f"{key}.conv2", width, width, 3)
        return first | batch_norm(f"{key}.bn1", width) | second | batch_norm(f"{key}.bn2", width)
    found = conv(f"{key}.conv1", width, into, 1) | batch_norm(f"{key}.bn1", width)
    if split:
        inner = max(width * 2 // 4, 32)
        # Two groups, so each takes half of the channels.
        found |= conv(f"{key}.conv2.conv", 2 * width, width // 2, 3) | batch_norm(f"{key}.conv2.bn0", 2 * width)
        found |= conv(f"{key}.conv2.fc1", inner, width, 1, bias=True) | batch_norm(f"{key}.conv2.bn1", inner)
        found |= conv(f"{key}.conv2.fc2", 2 * width, inner, 1, bias=True)
    else:
        found |= conv(f"{key}.conv2", width, width, 3) | batch_norm(f"{key}.bn2", width)
    return found | conv(f"{key}.conv3", 4 * width, width, 1) | batch_norm(f"{key}.bn3", 4 * width)


def mobilenet() -> Shapes:
    found = module("backbone.conv1", 32, 3, 3)
    into = 32
    for group, (factor, out, blocks) in enumerate(MOBILENET):
        for block in range(blocks):
            inner = into * factor
            rows = [(inner, into, 1)] if factor > 1 else []
            rows += [(inner, 1, 3), (out, inner, 1)]
            for index, row in enumerate(rows):
                found |= module(f"backbone.layer{group + 1}.{block}.conv.{index}", *row)
            into = out
    return found


def swin(size: str, side: int) -> Shapes:
    width, depths, heads = SWINS[size]
    found = conv("backbone.patch_embed.projection", width, 3, 4, bias=True) | norm("backbone.patch_embed.norm", width)
    for stage, (depth, count) in enumerate(zip(depths, heads, strict=True)):
        own = width * 2**stage
        for block in range(depth):
            key = f"backbone.stages.{stage}.blocks.{block}"
            found |= norm(f"{key}.norm1", own) | norm(f"{key}.norm2", own)
            found |= {
                f"{key}.attn.w_msa.relative_position_bias_table": ((2 * side - 1) ** 2, count),
                f"{key}.attn.w_msa.relative_position_index": (side**2, side**2),
            }
            found |= linear(f"{key}.attn.w_msa.qkv", 3 * own, own) | linear(f"{key}.attn.w_msa.proj", own, own)
            found |= linear(f"{key}.ffn.layers.0.0", 4 * own, own) | linear(f"{key}.ffn.layers.1", own, 4 * own)
        if stage < 3:
            key = f"backbone.stages.{stage}.downsample"
            found |= norm(f"{key}.norm", 4 * own) | linear(f"{key}.reduction", 2 * own, 4 * own, bias=False)
        found |= norm(f"backbone.norm{stage}", own)
    return found


def convnext(size: str) -> Shapes:
    width, depths = CONVNEXTS[size]
    found = conv("backbone.downsample_layers.0.0", width, 3, 4, bias=True) | norm(
        "backbone.downsample_layers.0.1", width
    )
    for stage, depth in enumerate(depths):
        own = width * 2**stage
        if stage:
            found |= norm(f"backbone.downsample_layers.{stage}.0", own // 2)
            found |= conv(f"backbone.downsample_layers.{stage}.1", own, own // 2, 2, bias=True)
        for block in range(depth):
            key = f"backbone.stages.{stage}.{block}"
            found |= {f"{key}.gamma": (own,)} | conv(f"{key}.depthwise_conv", own, 1, 7, bias=True)
            found |= norm(f"{key}.norm", own) | linear(f"{key}.pointwise_conv1", 4 * own, own)
            found |= linear(f"{key}.pointwise_conv2", own, 4 * own)
        found |= norm(f"backbone.norm{stage}", own)
    return found


def hrnet(size: str) -> Shapes:
    width, blocks, modules = HRNETS[size]
    found = conv("backbone.conv1", 64, 3, 3) | batch_norm("backbone.bn1", 64)
    found |= conv("backbone.conv2", 64, 64, 3) | batch_norm("backbone.bn2", 64)
    into = 64
    for block in range(blocks):
        key = f"backbone.layer1.{block}"
        found |= _resnet_block(key, into, 64, bottleneck=True, split=False)
        if block == 0:
            found |= conv(f"{key}.downsample.0", 256, 64, 1) | batch_norm(f"{key}.downsample.1", 256)
        into = 256
    before = [256]
    for stage, count in zip((2, 3, 4), modules, strict=True):
        widths = [width * 2**branch for branch in range(stage)]
        for branch, own in enumerate(widths):
            key = f"backbone.transition{stage - 1}.{branch}"
            if branch >= len(before):
                found |= conv(f"{key}.0.0", own, before[-1], 3) | batch_norm(f"{key}.0.1", own)
            elif before[branch] != own:
                found |= conv(f"{key}.0", own, before[branch], 3) | batch_norm(f"{key}.1", own)
        for index in range(count):
            found |= _hrnet_module(f"backbone.stage{stage}.{index}", widths, blocks)
        before = widths
    return found


def _hrnet_module(key: str, widths: list[int], blocks: int) -> Shapes:
    found: Shapes = {}
    for branch, own in enumerate(widths):
        for block in range(blocks):
            found |= _resnet_block(f"{key}.branches.{branch}.{block}", own, own, bottleneck=False, split=False)
    for to, out in enumerate(widths):
        for source, into in enumerate(widths):
            fuse = f"{key}.fuse_layers.{to}.{source}"
            if source > to:
                found |= conv(f"{fuse}.0", out, into, 1) | batch_norm(f"{fuse}.1", out)
            for step in range(to - source):
                made = out if step == to - source - 1 else into
                found |= conv(f"{fuse}.{step}.0", made, into, 3) | batch_norm(f"{fuse}.{step}.1", made)
    return found


def _attention(key: str, width: int) -> Shapes:
    """torch's multi-head attention, as MMCV wraps it."""
    found: Shapes = {f"{key}.attn.in_proj_weight": (3 * width, width), f"{key}.attn.in_proj_bias": (3 * width,)}
    return found | linear(f"{key}.attn.out_proj", width, width)


def _ffn(key: str, width: int, factor: int) -> Shapes:
    return linear(f"{key}.layers.0.0", factor * width, width) | linear(f"{key}.layers.1", width, factor * width)


def vit(size: str, last_norm: bool, neck: bool) -> Shapes:
    """A ViT as 0.x wrote it, whose patches are cut with a bias; 1.x builds none."""
    width, depth = VITS[size]
    found: Shapes = {"backbone.cls_token": (1, 1, width), "backbone.pos_embed": (1, 1025, width)}
    found |= conv("backbone.patch_embed.projection", width, 3, 16, bias=True)
    for block in range(depth):
        key = f"backbone.layers.{block}"
        found |= norm(f"{key}.ln1", width) | _attention(f"{key}.attn", width)
        found |= norm(f"{key}.ln2", width) | _ffn(f"{key}.ffn", width, 4)
    if last_norm:
        found |= norm("backbone.ln1", width)
    if neck:
        for level in range(4):
            found |= conv(f"neck.lateral_convs.{level}.conv", width, width, 1, bias=True)
            found |= conv(f"neck.convs.{level}.conv", width, width, 3, bias=True)
    return found


def beit(size: str, side: int, position: bool) -> Shapes:
    """BEiT, or MAE (`position`), which has an embedding of positions as well, and biases of keys."""
    width, depth = VITS[size]
    cells = side // 16
    found: Shapes = {"backbone.cls_token": (1, 1, width)}
    if position:
        found["backbone.pos_embed"] = (1, cells**2 + 1, width)
    found |= conv("backbone.patch_embed.projection", width, 3, 16, bias=True)
    for block in range(depth):
        key = f"backbone.layers.{block}"
        found |= {f"{key}.gamma_1": (width,), f"{key}.gamma_2": (width,)}
        found |= norm(f"{key}.ln1", width) | norm(f"{key}.ln2", width) | _ffn(f"{key}.ffn", width, 4)
        if position:
            found[f"{key}.attn.qkv.bias"] = (3 * width,)
        else:
            found |= {f"{key}.attn.q_bias": (width,), f"{key}.attn.v_bias": (width,)}
        found |= {
            f"{key}.attn.relative_position_bias_table": ((2 * cells - 1) ** 2 + 3, width // 64),
            f"{key}.attn.relative_position_index": (cells**2 + 1, cells**2 + 1),
        }
        found |= linear(f"{key}.attn.qkv", 3 * width, width, bias=False) | linear(f"{key}.attn.proj", width, width)
    up = "neck.upsample_4x"
    for layer in (0, 3):
        found |= {f"{up}.{layer}.weight": (width, width, 2, 2), f"{up}.{layer}.bias": (width,)}
    found |= batch_norm(f"{up}.1", width)
    return found | {"neck.upsample_2x.0.weight": (width, width, 2, 2), "neck.upsample_2x.0.bias": (width,)}


def twins(size: str) -> Shapes:
    widths, depths, factors = TWINS[size]
    local = size.startswith("svt")
    found: Shapes = {}
    into = 3
    for stage, (width, depth, factor) in enumerate(zip(widths, depths, factors, strict=True)):
        key = f"backbone.patch_embeds.{stage}"
        found |= conv(f"{key}.projection", width, into, 2 if stage else 4, bias=True) | norm(f"{key}.norm", width)
        found |= conv(f"backbone.position_encodings.{stage}.proj", width, 1, 3, bias=True)
        into = width
        for block in range(depth):
            key = f"backbone.layers.{stage}.{block}"
            found |= norm(f"{key}.norm1", width) | norm(f"{key}.norm2", width) | _ffn(f"{key}.ffn", width, factor)
            if local and block % 2 == 0:
                found |= linear(f"{key}.attn.qkv", 3 * width, width) | linear(f"{key}.attn.proj", width, width)
                continue
            found |= _attention(f"{key}.attn", width)
            if (side := 8 // 2**stage) > 1:
                found |= conv(f"{key}.attn.sr", width, width, side, bias=True) | norm(f"{key}.attn.norm", width)
        if local:
            found |= norm(f"backbone.norm_list.{stage}", width)
    return found


def unet() -> Shapes:
    found: Shapes = {}
    into = 3
    for stage in range(5):
        width = 64 * 2**stage
        for index, source in enumerate((into, width)):
            found |= module(f"backbone.encoder.{stage}.{int(stage > 0)}.convs.{index}", width, source, 3)
        into = width
    return found


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
