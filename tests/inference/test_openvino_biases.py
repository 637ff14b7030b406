"""Biases of an OpenVINO model in two steps."""

import numpy as np
import pytest
import torch

from sceneparse.inference.openvino_biases import _rounded, with_whole_biases


def test_values_are_rounded_as_torch_rounds_them() -> None:
    values = torch.cat([torch.randn(1000), torch.tensor([0.0, -0.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-9, 3e38])])
    np.testing.assert_array_equal(_rounded(values.numpy()), values.bfloat16().float().numpy())


def test_the_sum_of_both_steps_is_the_bias() -> None:
    ov = pytest.importorskip("openvino")
    from openvino import opset13 as ops

    images = ops.parameter([1, 2, 4, 4], np.float32, name="images")
    weight = ops.constant(np.zeros((3, 2, 1, 1), np.float32))
    products = ops.convolution(images, weight, [1, 1], [0, 0], [0, 0], [1, 1])
    bias = np.array([1.2345678, -0.001234567, 12345.678], np.float32).reshape(1, 3, 1, 1)
    result = ops.relu(ops.add(products, ops.constant(bias)))
    model = ov.Model([result], [images], "m")
    before = [node.get_type_name() for node in model.get_ordered_ops()]
    split = with_whole_biases(model)
    assert [node.get_type_name() for node in model.get_ordered_ops()] == before
    assert [node.get_type_name() for node in split.get_ordered_ops()].count("Add") == 2
    constants = [node.data for node in split.get_ordered_ops() if node.get_type_name() == "Constant"]
    first, rest = [one for one in constants if one.shape == bias.shape]
    np.testing.assert_array_equal(first + rest, bias)
    found = ov.Core().compile_model(split, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(
        [np.zeros((1, 2, 4, 4), np.float32)]
    )[0]
    np.testing.assert_allclose(found[0, :, 0, 0], np.maximum(bias.ravel(), 0), rtol=1e-6)
