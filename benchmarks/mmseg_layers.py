"""Layers as MMSegmentation 1.2.2 writes them down: the keys and shapes of their tensors."""

Shape = tuple[int, ...]
Shapes = dict[str, Shape]


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


def attention(key: str, width: int) -> Shapes:
    """torch's multi-head attention, as MMCV wraps it."""
    found: Shapes = {f"{key}.attn.in_proj_weight": (3 * width, width), f"{key}.attn.in_proj_bias": (3 * width,)}
    return found | linear(f"{key}.attn.out_proj", width, width)


def feed_forward(key: str, width: int, factor: int) -> Shapes:
    return linear(f"{key}.layers.0.0", factor * width, width) | linear(f"{key}.layers.1", width, factor * width)
