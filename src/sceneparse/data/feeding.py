"""Bring batches to where the network computes: few bytes, from pinned memory, while the device still computes."""

from dataclasses import replace

import torch
from torch import Tensor

from sceneparse.data.batch import Batch
from sceneparse.data.device_augment import Windows, augmented
from sceneparse.devices.memory import to_device, uploads
from sceneparse.labels import IGNORE
from sceneparse.settings import AugmentationSettings

BYTE = 255
"""What `IGNORE` is in a label map of bytes."""


def on_device(batch: Batch | Windows, device: torch.device, settings: AugmentationSettings) -> Batch:
    """Return a batch on a device, its label maps int16 and its pictures changed if they were not yet.

    On CUDA the copy goes through a stream of its own: the program is ahead of the device, so that a batch travels while
    the step before it is computed.

    Args:
        batch: The batch, as the loader gives it.
        device: Where the network computes.
        settings: The changes that are made to windows.
    """
    there = _moved(batch, device)
    return augmented(there, settings) if isinstance(there, Windows) else widened(there)


def _moved(batch: Batch | Windows, device: torch.device) -> Batch | Windows:
    if device.type == "cpu":
        return batch  # the loader's own memory
    if device.type != "cuda":
        return batch.mapped(lambda one: to_device(one, device))
    copies, steps = uploads(device), torch.cuda.current_stream(device)
    with torch.cuda.stream(copies):
        there = batch.mapped(lambda one: one.to(device, non_blocking=True))
    steps.wait_stream(copies)

    def kept(one: Tensor) -> Tensor:
        # Its memory belongs to the other stream, which must not give it to the next batch too early.
        one.record_stream(steps)
        return one

    return there.mapped(kept)


def widened(batch: Batch) -> Batch:
    """Return a batch whose label maps of bytes are int16, `IGNORE` where nothing counts; as it is where none are."""
    maps = {
        name: one.to(torch.int16).masked_fill_(one == BYTE, IGNORE)
        for name, one in batch.maps().items()
        if one.dtype == torch.uint8
    }
    return replace(batch, **maps) if maps else batch  # type: ignore[arg-type]
