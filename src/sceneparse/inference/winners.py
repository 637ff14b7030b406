"""The winner of an upsampled map of scores at every pixel, and its probability, without the upsampled scores.

On a GPU a kernel finds both in registers (`networks.exact.kernels`). On a CPU winners need little of the upsampled
scores (`networks.exact.argmax`), and their probabilities few of the exponentials
(`networks.exact.label_probabilities`). Where that doesn't pay they need all of them, but no more than the largest
log-softmax of each pixel, which takes half as long as to find the winner, its score and the sum of the others'
exponentials. Many classes are resized and summed with the classes side by side in memory, where bilinear interpolation
is six times as fast as in planes; few are faster in planes.
"""

import torch
from torch import Tensor

from sceneparse.inference.deciding import HALF, shifted
from sceneparse.inference.rows import Stretch, band_height
from sceneparse.inference.tempering import NONE
from sceneparse.networks.exact.argmax import upsampled_labels, worth_skipping
from sceneparse.networks.exact.label_probabilities import label_probabilities, worth_multiplying
from sceneparse.networks.exact.reading import Arriving

SIDE_BY_SIDE = 32
"""So many classes or more are kept side by side in memory."""

_FEW = 16
"""Fewer classes are looked at in one go as fast, but in large pictures."""


def worth_splitting(logits: Tensor, size: tuple[int, int]) -> bool:
    """Return whether `winners_of` is faster than to look at all upsampled scores at once."""
    many = len(logits) >= _FEW or worth_multiplying(logits, size)
    return logits.device.type == "cpu" and many and worth_skipping(logits, size)


@torch.no_grad()
def winners_of(
    logits: Tensor, size: tuple[int, int], align_corners: bool, temperature: float = NONE
) -> tuple[Tensor, Tensor]:
    """Return each pixel's class of the highest upsampled score, and its probability among all of them.

    Args:
        logits: (classes, h, w), finite, on the CPU.
        size: Height and width of the result.
        align_corners: As in `networks.resize`.
        temperature: What the logits are divided by before they become probabilities.

    Returns:
        (H, W) int16 classes and (H, W) float32 probabilities.
    """
    logits = logits.float()
    side_by_side = len(logits) >= SIDE_BY_SIDE
    logits = logits.permute(1, 2, 0).contiguous().permute(2, 0, 1) if side_by_side else logits.contiguous()
    labels = upsampled_labels(logits, size, align_corners)
    # Resizing is linear: the small map is divided, not every pixel of the large one.
    scores = logits if temperature == NONE else logits / temperature
    if worth_multiplying(logits, size):
        return labels, label_probabilities(scores, labels, align_corners)
    confidence = torch.empty(size)
    stretch = Stretch((logits.shape[-2], logits.shape[-1]), size, align_corners)
    step = band_height(len(logits), size[1], "cpu")
    for start in range(0, size[0], step):
        stop = min(start + step, size[0])
        first, end = stretch.reach(start, stop)
        if side_by_side:
            rows = scores.permute(1, 2, 0)[first:end]
            band = stretch.side_by_side(rows, start, stop).log_softmax(dim=2).amax(dim=2)
        else:
            band = stretch(scores[:, first:end], start, stop).log_softmax(dim=0).amax(dim=0)
        confidence[start:stop] = band.exp_()
    return labels, confidence


def labels_of(logits: Tensor, size: tuple[int, int], align_corners: bool, threshold: float = HALF) -> Tensor:
    """Return the winner of every pixel of upsampled logits alone.

    Args:
        logits: (classes, h, w), or (N, classes, h, w).
        size: As in `winners_of`.
        align_corners: As in `winners_of`.
        threshold: As in `deciding.decided`.

    Returns:
        (*size) or (N, *size) int16, on the CPU.
    """
    return labels_on_their_way(logits, size, align_corners, threshold).values()


def labels_on_their_way(
    logits: Tensor, size: tuple[int, int], align_corners: bool, threshold: float = HALF
) -> Arriving:
    """Begin what `labels_of` returns, and don't wait for it."""
    return Arriving(upsampled_labels(shifted(logits, threshold, dim=-3), size, align_corners), beside=True)


@torch.no_grad()
def winners_by_kernels(
    logits: Tensor, size: tuple[int, int], align_corners: bool, temperature: float = NONE, threshold: float = HALF
) -> tuple[Arriving, Arriving]:
    """Begin what `winners_of` does for several pictures at once, on a GPU, and don't wait for it.

    Args:
        logits: (N, classes, h, w), finite, which kernels take (`usable.usable`).
        size: As in `winners_of`.
        align_corners: As in `winners_of`.
        temperature: As in `winners_of`.
        threshold: As in `deciding.decided`.

    Returns:
        (N, *size) int16 classes and float32 probabilities, on their way to the CPU.
    """
    from sceneparse.networks.exact.kernels.labels import sure_labels

    labels, confidence = sure_labels(logits, size, align_corners, temperature)
    if threshold != HALF:
        decision = upsampled_labels(shifted(logits, threshold, dim=1), size, align_corners)
        confidence = torch.where(decision == labels, confidence, 1 - confidence)  # there are two classes
        labels = decision
    return Arriving(labels, beside=True), Arriving(confidence, beside=True)
