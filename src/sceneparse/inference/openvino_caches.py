"""OpenVINO without the machine code that it keeps for every shape: memory does not grow with the sizes of pictures.

For each shape of its input, size and batch, OpenVINO makes machine code for each layer, and keeps it twice: in a cache
of each compiled network (5,000 entries) and in oneDNN's, of the process (1,024). Of a PSPNet of 5 million parameters
that is 5 to 12 MiB for each shape (2026.4): half a gigabyte after a hundred sizes of picture. Without both caches
nothing is kept. As long as the shape stays the same, that costs nothing; whenever it changes, the code is made anew,
which takes that network 15 to 25 ms of one core.
"""

import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import openvino

OWN = {"CPU_RUNTIME_CACHE_CAPACITY": 0}
"""Of a compiled network: keep no code of its own."""

_VARIABLE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


def switch_off_onednn(core: "openvino.Core") -> None:
    """Have OpenVINO's oneDNN keep no code in this process, unless its variable in the environment says how much.

    The library reads the variable once, when it computes for the first time: a convolution is computed here. PyTorch
    has a oneDNN of its own, which reads the same variable and needs its cache, so the variable does not stay.
    """
    if _VARIABLE in os.environ:
        return
    os.environ[_VARIABLE] = "0"
    try:
        import openvino.opset13 as ops
        from openvino import Model

        image = ops.parameter([1, 8, 4, 4], np.float32)
        kernel = ops.constant(np.ones((8, 8, 3, 3), np.float32))
        product = ops.convolution(image, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
        compiled = core.compile_model(Model([product], [image], "first"), "CPU", {"INFERENCE_NUM_THREADS": 1})
        compiled.create_infer_request().infer([np.zeros((1, 8, 4, 4), np.float32)])
    finally:
        del os.environ[_VARIABLE]
