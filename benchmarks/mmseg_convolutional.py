"""Convolutional backbones of MMSegmentation 1.2.2: the keys and shapes of their tensors."""

from mmseg_layers import Shapes, batch_norm, conv, linear, module, norm

RESNET_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
MOBILENET = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))
CONVNEXTS = {
    "tiny": (96, (3, 3, 9, 3)),
    "small": (96, (3, 3, 27, 3)),
    "base": (128, (3, 3, 27, 3)),
    "large": (192, (3, 3, 27, 3)),
    "xlarge": (256, (3, 3, 27, 3)),
}
HRNETS = {"hr18s": (18, 2, (1, 3, 2)), "hr18": (18, 4, (1, 4, 3)), "hr48": (48, 4, (1, 4, 3))}


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


def unet() -> Shapes:
    found: Shapes = {}
    into = 3
    for stage in range(5):
        width = 64 * 2**stage
        for index, source in enumerate((into, width)):
            found |= module(f"backbone.encoder.{stage}.{int(stage > 0)}.convs.{index}", width, source, 3)
        into = width
    return found
