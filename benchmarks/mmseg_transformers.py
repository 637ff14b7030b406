"""Transformers of MMSegmentation 1.2.2 as backbones: the keys and shapes of their tensors."""

from mmseg_layers import Shapes, attention, batch_norm, conv, feed_forward, linear, norm

SWINS = {
    "tiny": (96, (2, 2, 6, 2), (3, 6, 12, 24)),
    "small": (96, (2, 2, 18, 2), (3, 6, 12, 24)),
    "base": (128, (2, 2, 18, 2), (4, 8, 16, 32)),
}
TWINS = {
    "pcpvt-s": ((64, 128, 320, 512), (3, 4, 6, 3), (8, 8, 4, 4)),
    "pcpvt-b": ((64, 128, 320, 512), (3, 4, 18, 3), (8, 8, 4, 4)),
    "pcpvt-l": ((64, 128, 320, 512), (3, 8, 27, 3), (8, 8, 4, 4)),
    "svt-s": ((64, 128, 256, 512), (2, 2, 10, 4), (4, 4, 4, 4)),
    "svt-b": ((96, 192, 384, 768), (2, 2, 18, 2), (4, 4, 4, 4)),
    "svt-l": ((128, 256, 512, 1024), (2, 2, 18, 2), (4, 4, 4, 4)),
}
VITS = {"s16": (384, 12), "b16": (768, 12), "base": (768, 12), "large": (1024, 24)}


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


def vit(size: str, last_norm: bool, neck: bool) -> Shapes:
    """A ViT as 0.x wrote it, whose patches are cut with a bias; 1.x builds none."""
    width, depth = VITS[size]
    found: Shapes = {"backbone.cls_token": (1, 1, width), "backbone.pos_embed": (1, 1025, width)}
    found |= conv("backbone.patch_embed.projection", width, 3, 16, bias=True)
    for block in range(depth):
        key = f"backbone.layers.{block}"
        found |= norm(f"{key}.ln1", width) | attention(f"{key}.attn", width)
        found |= norm(f"{key}.ln2", width) | feed_forward(f"{key}.ffn", width, 4)
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
        found |= norm(f"{key}.ln1", width) | norm(f"{key}.ln2", width) | feed_forward(f"{key}.ffn", width, 4)
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
            found |= norm(f"{key}.norm1", width) | norm(f"{key}.norm2", width)
            found |= feed_forward(f"{key}.ffn", width, factor)
            if local and block % 2 == 0:
                found |= linear(f"{key}.attn.qkv", 3 * width, width) | linear(f"{key}.attn.proj", width, width)
                continue
            found |= attention(f"{key}.attn", width)
            if (side := 8 // 2**stage) > 1:
                found |= conv(f"{key}.attn.sr", width, width, side, bias=True) | norm(f"{key}.attn.norm", width)
        if local:
            found |= norm(f"backbone.norm_list.{stage}", width)
    return found
