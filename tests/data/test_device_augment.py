"""Changes on the device are those of the loader's processes, but for the rounding of interpolation."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sceneparse.data import device_augment
from sceneparse.data.batch import Batch
from sceneparse.data.device_augment import Windows, augmented, refuse_on_device
from sceneparse.data.feeding import on_device, widened
from sceneparse.data.loader import training_batches
from sceneparse.data.sample import Sample
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from sceneparse.settings import AugmentationSettings, PreprocessingSettings, SamplingSettings

CPU = torch.device("cpu")


class Pictures:
    """Smooth pictures of several sizes, with blocks of classes."""

    labels = LabelSpace(("a", "b", "c", "d"))
    tasks = TaskLabels(labels)
    channels = 3

    def __len__(self) -> int:
        return 6

    def name(self, index: int) -> str:
        return f"{index}"

    def __getitem__(self, index: int) -> Sample:
        height, width = 50 + 7 * index, 90 - 9 * index
        y, x = torch.arange(height)[:, None] / height, torch.arange(width) / width
        waves = [128 + 120 * torch.sin(6 * (y * (one + 1) + x * (index + 1))) for one in range(self.channels)]
        objects = ((y * 3).long() + (x * 4).long()).clamp(max=4).to(torch.int16) - 1
        return Sample(torch.stack(waves).to(torch.uint8), objects, name=self.name(index))


def windows_of(augmentation: AugmentationSettings, *, batch: int, narrow: bool) -> Windows:
    found = next(
        training_batches(
            Pictures(), augmentation, PreprocessingSettings(mean=(0.45,), std=(0.22,)),
            batch=batch, seed=3, start=0, stop=1, workers=0, cache_mb=1, narrow=narrow, whole=False,
        )
    )  # fmt: skip
    assert isinstance(found, Windows)
    return found


def batches(augmentation: AugmentationSettings, *, whole: bool, narrow: bool = False, start: int = 0) -> list[Batch]:
    found = training_batches(
        Pictures(),
        augmentation,
        PreprocessingSettings(mean=(0.45,), std=(0.22,)),
        batch=4,
        seed=3,
        start=start,
        stop=6,
        workers=0,
        cache_mb=1,
        sampling=SamplingSettings(),
        whole=whole,
        narrow=narrow,
    )
    return [on_device(batch, CPU, augmentation) for batch in found]


def settings(**changes: Any) -> AugmentationSettings:
    """All changes off but those given."""
    plain: dict[str, Any] = {
        "crop": (40, 48),
        "scale": (1.0, 1.0),
        "mirror": 0.0,
        "rotate": 0.0,
        "blur_probability": 0.0,
    }
    return AugmentationSettings(**plain | changes)


def differences(augmentation: AugmentationSettings, **device: Any) -> tuple[Tensor, float]:
    """How far pictures differ, in steps of 255, and the share of label maps' pixels that do."""
    pictures, pixels, wrong = [], 0, 0
    for one, other in zip(batches(augmentation, whole=True), batches(augmentation, whole=False, **device), strict=True):
        assert (one.names, one.indices) == (other.names, other.indices)
        assert (other.images.dtype, other.objects.dtype) == (torch.uint8, torch.int16)
        pictures.append((one.images.int() - other.images.int()).abs().flatten())
        wrong += int((one.objects != other.objects).sum())
        pixels += one.objects.numel()
    return torch.cat(pictures), wrong / pixels


@pytest.mark.parametrize(
    ("changes", "furthest"),
    [
        ({}, 0),
        ({"mirror": 0.5}, 0),
        ({"scale": (0.5, 2.0), "mirror": 0.5}, 1),
        ({"short": (30, 80), "max_long": 100, "scale": (1.0, 1.0), "cat_max_ratio": 0.6}, 1),
        ({"color": 0.5}, 1),
        ({"photometric": True}, 1),
        ({"blur_probability": 0.5, "mirror": 0.5}, 1),
        ({"rotate": 10.0, "rotate_probability": 0.7}, 1),
        ({"rotate": 40.0, "scale": (0.5, 2.0), "mirror": 0.5, "blur_probability": 0.5, "color": 0.4}, 3),
        ({"rotate": 10.0, "scale": (0.5, 2.0), "mirror": 0.5, "blur_probability": 0.5, "photometric": True}, 4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
def test_the_device_makes_of_a_picture_what_the_loader_makes_of_it(changes: dict[str, Any], furthest: int) -> None:
    apart, wrong = differences(settings(**changes))
    assert int(apart.max()) <= furthest
    assert float(apart.float().mean()) <= 0.25 * furthest
    assert wrong <= (0.001 if changes.get("rotate") else 0)


def test_label_maps_of_bytes_become_what_they_were() -> None:
    _, wrong = differences(settings(scale=(0.5, 2.0)), narrow=True)
    assert wrong == 0
    whole = [batches(settings(), whole=True, narrow=narrow) for narrow in (False, True)]
    assert all(torch.equal(one.objects, other.objects) for one, other in zip(*whole, strict=True))
    assert any((one.objects == IGNORE).any() for one in whole[0])


def test_pictures_of_any_number_of_channels_are_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pictures, "channels", 5)
    apart, _ = differences(settings(scale=(0.5, 2.0), rotate=20.0, color=0.5))
    assert int(apart.max()) <= 1


def test_a_later_start_gives_the_same_pictures() -> None:
    augmentation = settings(scale=(0.5, 2.0), rotate=10.0, mirror=0.5)
    late, all_of_them = batches(augmentation, whole=False, start=4), batches(augmentation, whole=False)
    assert all(torch.equal(one.images, other.images) for one, other in zip(late, all_of_them[4:], strict=True))


def test_windows_hold_no_more_than_what_is_stored() -> None:
    found = windows_of(settings(scale=(2.0, 2.0)), batch=4, narrow=True)
    # Twice as large on the device as in the file.
    assert found.labels.dtype == torch.uint8 and found.labels.numel() <= 4 * 20 * 24
    assert found.pixels.numel() == 3 * found.labels.numel()


class Launches(TorchDispatchMode):
    """Counts what a GPU would be given to do: all but views, and tensors that are only taken."""

    count = 0

    def __torch_dispatch__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view and "empty" not in func.name()
        return func(*args, **(kwargs or {}))


def test_a_picture_more_is_three_launches_more() -> None:
    counts = []
    augmentation = settings(scale=(0.5, 0.9), rotate=10.0, mirror=0.5, color=0.4, blur_probability=0.9)
    for batch in (4, 5, 8):
        windows = windows_of(augmentation, batch=batch, narrow=True)
        with Launches() as launches:
            augmented(windows, augmentation)
        counts.append(launches.count)
    # Of each its bytes to floats, their resize, and the copy to where the batch is.
    assert counts[1] - counts[0] == 3 and counts[2] - counts[0] == 12
    assert counts[0] < 100


@pytest.mark.parametrize("narrow", [False, True])
def test_a_batch_of_windows_is_to_the_bit_what_each_of_them_would_be(narrow: bool) -> None:
    augmentation = settings(scale=(0.5, 2.0), rotate=10.0)
    windows = windows_of(augmentation, batch=6, narrow=narrow)
    samples = [Pictures()[index] for index in windows.indices]
    sizes = [(plan.rows.size, plan.columns.size) for plan in windows.plans]
    height, width = (max(side) for side in zip(*sizes, strict=True))
    image = device_augment._resized(windows)
    inside = torch.zeros(6, 1, height, width)
    for one, size in zip(inside, sizes, strict=True):
        one[:, : size[0], : size[1]] = 1
    maps = device_augment._label_maps(windows, inside)
    assert image.shape[-2:] == maps.shape[-2:] == (height, width)
    for number, (sample, plan) in enumerate(zip(samples, windows.plans, strict=True)):
        rows, columns = plan.rows, plan.columns
        assert sample.objects is not None
        own = sample.image[None, :, rows.start : rows.stop, columns.start : columns.stop].float()
        own = F.interpolate(own, sizes[number], mode="bilinear", antialias=True).round_()
        expected = F.pad(own[0], (0, width - columns.size, 0, height - rows.size))
        assert torch.equal(image[number], expected)
        known = sample.objects[rows.sources()[:, None], columns.sources()].float() - IGNORE
        assert torch.equal(maps[number, 0], F.pad(known, (0, width - columns.size, 0, height - rows.size)))


def test_what_the_device_cannot_do_is_refused() -> None:
    refuse_on_device(settings(), tasks=False)
    with pytest.raises(UserError, match=r"data.augment_on device needs augmentation.crop, which is null"):
        refuse_on_device(settings(crop=None), tasks=False)
    with pytest.raises(UserError, match=r"data.augment_on device cannot paste"):
        refuse_on_device(settings(copy_paste=0.5), tasks=False)
    with pytest.raises(UserError, match=r"this one learns several: use data.augment_on host"):
        refuse_on_device(settings(), tasks=True)


def test_bytes_are_widened_once() -> None:
    maps = torch.tensor([[[0, 254, 255]]], dtype=torch.uint8)
    batch = Batch(torch.zeros(1, 3, 1, 3, dtype=torch.uint8), maps, ("a",), ("",), (0,))
    wide = widened(batch)
    assert wide.objects.tolist() == [[[0, 254, IGNORE]]]
    assert widened(wide) is wide
