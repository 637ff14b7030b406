"""What is known of devices: which there are, which precisions they have, what their memory holds, what they lack.

All else asks here, and works on any of them: CPUs, CUDA, Apple's GPUs (mps) and Intel's (xpu).
"""

from sceneparse.devices.arithmetic import float32_products, products_beside
from sceneparse.devices.choosing import choose_device, device_name, named_device, wait
from sceneparse.devices.precisions import DTYPES, choose_precision, fast_bfloat16

__all__ = [
    "DTYPES",
    "choose_device",
    "choose_precision",
    "device_name",
    "fast_bfloat16",
    "float32_products",
    "named_device",
    "products_beside",
    "wait",
]
