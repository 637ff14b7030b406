"""Lightning Fabric on one device of any kind: it knows CPUs, CUDA and Apple's GPUs, and here Intel's as well."""

from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.accelerators.accelerator import Accelerator
from lightning_fabric.plugins.precision import MixedPrecision, Precision
from lightning_fabric.strategies.single_device import SingleDeviceStrategy

from sceneparse.devices.choosing import device_count
from sceneparse.settings.training import Precision as PrecisionName

FABRIC_PRECISION: dict[str, Any] = {
    "float32": "32-true",
    "tf32": "32-true",
    "bfloat16": "bf16-mixed",
    "float16": "16-mixed",
}
"""What Fabric calls our precisions; how float32 numbers are multiplied is set around each step."""


class IntelGPU(Accelerator):
    """Intel's GPUs, one of them."""

    def setup_device(self, device: torch.device) -> None:
        """Make it the device that this process computes on."""
        torch.xpu.set_device(device)

    def teardown(self) -> None:
        """Give back the memory that is not used any more."""
        torch.xpu.empty_cache()

    @staticmethod
    def parse_devices(devices: list[int]) -> list[int]:
        """Return the numbers of devices as they are given."""
        return devices

    @staticmethod
    def get_parallel_devices(devices: list[int]) -> list[torch.device]:
        """Return the devices of these numbers."""
        return [torch.device("xpu", index) for index in devices]

    @staticmethod
    def auto_device_count() -> int:
        """Return how many there are."""
        return device_count("xpu")

    @staticmethod
    def is_available() -> bool:
        """Return whether there is one."""
        return device_count("xpu") > 0

    @staticmethod
    def name() -> str:
        """Return what PyTorch calls them."""
        return "xpu"


def fabric_on(device: torch.device, precision: PrecisionName) -> Fabric:
    """Make what moves networks and batches to one device and runs them in a precision, for one process.

    Args:
        device: The device; without a number the first of its kind.
        precision: Any but auto.
    """
    if device.type == "xpu":
        index = device.index or 0
        found = Precision() if precision in ("float32", "tf32") else _mixed(precision, "xpu")
        strategy = SingleDeviceStrategy(torch.device("xpu", index))
        return Fabric(accelerator=IntelGPU(), devices=[index], strategy=strategy, plugins=[found])
    devices = 1 if device.index is None or device.type == "mps" else [device.index]
    return Fabric(accelerator=device.type, devices=devices, precision=FABRIC_PRECISION[precision])


def _mixed(precision: PrecisionName, kind: str) -> Precision:
    return MixedPrecision(FABRIC_PRECISION[precision], kind)
