"""Biases of an OpenVINO model that is to compute in bfloat16, kept whole.

OpenVINO rounds the biases of convolutions to bfloat16 too (2026.4). Folded batch norms make these as large as values
are, and their error is the same at every pixel: a PSPNet loses as many labels by it as by the rounding of all its
weights. What follows a convolution and is computed with it, though, is computed in float32. So a bias is added in two
steps: what bfloat16 holds of it, as a bias, and what is left of it behind that.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import openvino

CONVOLUTIONS = {"Convolution", "GroupConvolution"}

BOUND = 3.0e38
"""Values are clipped to this range between the steps, without effect: OpenVINO would otherwise put them together."""


def with_whole_biases(model: "openvino.Model") -> "openvino.Model":
    """Return a copy of a model in which the biases of convolutions are added in two steps.

    Args:
        model: In float32; it stays as it is.
    """
    model = model.clone()
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Add":
            _split(node)
    return model


def _split(node: Any) -> None:
    """Replace a sum of a convolution and a constant by two sums."""
    from openvino import opset13 as ops

    products, bias = node.input_value(0), node.input_value(1)
    if products.get_node().get_type_name() == "Constant":
        products, bias = bias, products
    constant = bias.get_node()
    if products.get_node().get_type_name() not in CONVOLUTIONS or constant.get_type_name() != "Constant":
        return
    whole = constant.data.astype(np.float32)
    rounded = _rounded(whole)
    readers = list(node.output(0).get_target_inputs())
    first = ops.clamp(ops.add(products, ops.constant(rounded)), -BOUND, BOUND)
    both = ops.add(first, ops.constant(whole - rounded))
    both.output(0).set_names(node.output(0).get_names())
    for reader in readers:
        reader.replace_source_output(both.output(0))


def _rounded(values: np.ndarray) -> np.ndarray:
    """Round float32 values to the nearest of bfloat16, to even where two are as near."""
    bits = values.view(np.uint32)
    bits = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    found: np.ndarray = bits.view(np.float32)
    return found
