"""The random changes of `augment`, made to whole batches where the network computes.

The loader reads the samples, draws what becomes of them and cuts out what their crops show; all that changes pixels is
done here. What is drawn is the same, and so is what comes out of it, but for the rounding of interpolation.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from sceneparse.data.augment import GREY, Plan, blur_taps
from sceneparse.data.batch import Batch
from sceneparse.data.photometric import saturated, turned_hue
from sceneparse.data.sample import Sample
from sceneparse.errors import require
from sceneparse.labels import IGNORE
from sceneparse.settings import AugmentationSettings

NUMBERS = (
    "height", "width", "top", "left", "cosine", "sine", "mirror", "area", "brightness", "contrast", "saturation",
    "added", "first", "saturated", "hue", "last", "center", "near", "far",
)  # fmt: skip
"""The columns of `Windows.numbers`."""


def refuse_on_device(settings: AugmentationSettings, *, tasks: bool) -> None:
    """Refuse what the changes on the device cannot do.

    Args:
        settings: The changes.
        tasks: Whether the network learns other tasks beside the objects.

    Raises:
        UserError: There is no crop, things are pasted, or there are several tasks.
    """
    use = "use data.augment_on host"
    require(
        settings.crop is not None, f"data.augment_on device needs augmentation.crop, which is null: give one, or {use}"
    )
    require(settings.copy_paste == 0, f"data.augment_on device cannot paste (augmentation.copy_paste): {use}")
    require(not tasks, f"data.augment_on device is for networks of one task, and this one learns several: {use}")


@dataclass(frozen=True)
class Windows:
    """A batch before its changes: the windows that its crops show, as they are stored.

    Args:
        pixels: The windows' pictures, one (C·h·w) after the other; uint8.
        labels: Their label maps of objects, one (h·w) after the other; uint8 with 255 or int16 with `IGNORE` where
            nothing counts.
        sources: (N, H + W) int64. First for each row after the resize, then for each column, where the pixels of the
            original that are nearest lie in `labels`: a row's number plus a column's. H and W are those of the largest
            picture after the resize; what is beyond a smaller one is 0.
        numbers: (N, numbers) float32, what each of `NUMBERS` is for a picture.
        fill: (N, C) float32, the colour of what a picture does not cover, 0..255.
        plans: What is to become of each.
        names: The samples' names.
        paths: The pictures' files, empty where there are none.
        indices: The samples' indices in the data set.
        mirror: (classes + 1,) int16, the class of each class in a mirror image, `IGNORE` for index -1; None: all stay.
    """

    pixels: Tensor
    labels: Tensor
    sources: Tensor
    numbers: Tensor
    fill: Tensor
    plans: tuple[Plan, ...]
    names: tuple[str, ...]
    paths: tuple[str, ...]
    indices: tuple[int, ...]
    mirror: Tensor | None = None

    @classmethod
    def of(
        cls,
        items: Sequence[tuple[int, Sample, Plan]],
        settings: AugmentationSettings,
        mean: Sequence[float],
        *,
        narrow: bool,
        mirror: Tensor | None = None,
    ) -> "Windows":
        """Cut out windows.

        Args:
            items: Each sample with its index and its plan; all of equally many channels.
            settings: The changes.
            mean: Colour (0..1, one value a channel or one for all) of what a picture does not cover.
            narrow: Whether label maps become bytes.
            mirror: The class of each class in a mirror image, as of `mirror_table`.
        """
        pixels, labels, fills = [], [], []
        for _, sample, (rows, columns, _, draw) in items:
            here = (..., slice(rows.start, rows.stop), slice(columns.start, columns.stop))
            assert sample.objects is not None
            pixels.append(sample.image[here].flatten())
            labels.append(sample.objects[here].flatten())
            fill = torch.tensor(mean, dtype=torch.float32).mul_(255).expand(len(sample.image))
            colored = len(sample.image) == 3 and (settings.color > 0 or settings.photometric)
            # As `augment`, which pads a picture of whole numbers with whole numbers.
            fills.append(fill if colored or draw.angle else (fill + 0.5).floor())
        known = torch.cat(labels)
        return cls(
            torch.cat(pixels),
            known.to(torch.uint8) if narrow else known,
            _sources([plan for _, _, plan in items]),
            torch.tensor([_numbers(plan) for _, _, plan in items]),
            torch.stack(fills),
            tuple(plan for _, _, plan in items),
            tuple(sample.name for _, sample, _ in items),
            tuple(sample.path for _, sample, _ in items),
            tuple(index for index, _, _ in items),
            mirror,
        )

    def mapped(self, change: Callable[[Tensor], Tensor]) -> "Windows":
        """Return the windows with each of their tensors changed."""
        return replace(
            self,
            pixels=change(self.pixels),
            labels=change(self.labels),
            sources=change(self.sources),
            numbers=change(self.numbers),
            fill=change(self.fill),
            mirror=None if self.mirror is None else change(self.mirror),
        )

    def pin_memory(self) -> "Windows":
        """Return the windows in memory that a GPU copies from by itself; the loader calls it."""
        return self.mapped(Tensor.pin_memory)


def _largest(plans: Sequence[Plan]) -> tuple[int, int]:
    """The height and width of a picture that holds each of the windows after the resize."""
    return max(plan.rows.size for plan in plans), max(plan.columns.size for plan in plans)


def _sources(plans: Sequence[Plan]) -> Tensor:
    """`Windows.sources`: found here, where it costs no launch of a kernel."""
    height, width = _largest(plans)
    sources = torch.zeros(len(plans), height + width, dtype=torch.int64)
    begin = 0
    for found, (rows, columns, _, _) in zip(sources, plans, strict=True):
        stored = columns.stop - columns.start
        found[: rows.size] = (rows.sources() - rows.start) * stored + begin
        found[height : height + columns.size] = columns.sources() - columns.start
        begin += (rows.stop - rows.start) * stored
    return sources


def _numbers(plan: Plan) -> list[float]:
    rows, columns, _, draw = plan
    made = draw.photometric
    contrast = 1.0 if made.contrast is None else made.contrast
    return [
        rows.size, columns.size, rows.offset, columns.offset, math.cos(draw.angle), math.sin(draw.angle),
        -1.0 if draw.mirror else 1.0, rows.size * columns.size, *draw.color, made.brightness or 0.0,
        contrast if made.contrast_first else 1.0, 1.0 if made.saturation is None else made.saturation,
        float(made.hue or 0), 1.0 if made.contrast_first else contrast,
        *(blur_taps(draw.blur) if draw.blur else (1.0, 0.0, 0.0)),
    ]  # fmt: skip


def augmented(windows: Windows, settings: AugmentationSettings) -> Batch:
    """Return the batch that windows become, where they are.

    Args:
        windows: The windows, on the device.
        settings: The changes; what of them happens stands in the plans.
    """
    value = dict(zip(NUMBERS, windows.numbers.T[:, :, None, None, None], strict=True))
    image = _resized(windows)
    inside = _inside(image, value)
    if image.shape[1] == 3 and (settings.color > 0 or settings.photometric):
        # Channels first, as the changes of one picture have it.
        image = image.transpose(0, 1).contiguous()
        image = _recolored(image, value) if settings.color > 0 else _distorted(image, value)
        image = image.transpose(0, 1)
    fill = windows.fill[:, :, None, None]
    # Nothing counts as zero there, so that borders blend into the fill.
    image = (image - fill) * inside
    grid = _grid(windows.plans[0].crop, (image.shape[-2], image.shape[-1]), value)
    image = F.grid_sample(image, grid, mode="bilinear", align_corners=False).add_(fill)
    maps = F.grid_sample(_label_maps(windows, inside), grid, mode="nearest", align_corners=False)
    if any(plan.draw.blur for plan in windows.plans):
        image = _blurred(image, value)
    return Batch(
        image.add_(0.5).clamp_(0, 255).to(torch.uint8),
        _turned(maps[:, 0].add_(IGNORE).to(torch.int16), windows, value),
        windows.names,
        windows.paths,
        windows.indices,
    )


def _resized(windows: Windows) -> Tensor:
    """The pictures of the windows after the resize, (N, C, H, W) float, in the upper left, zero beyond."""
    plans, channels = windows.plans, windows.fill.shape[1]
    image = torch.zeros(len(plans), channels, *_largest(plans), device=windows.pixels.device)
    begin = 0
    for number, (rows, columns, _, _) in enumerate(plans):
        stored = rows.stop - rows.start, columns.stop - columns.start
        end = begin + channels * stored[0] * stored[1]
        own = windows.pixels[begin:end].view(1, channels, *stored)
        if stored != (rows.size, columns.size):
            own = F.interpolate(own.float(), (rows.size, columns.size), mode="bilinear", antialias=True)
        image[number, :, : rows.size, : columns.size] = own[0]
        begin = end
    # To whole numbers, as `augment` has it.
    return image.round_()


def _label_maps(windows: Windows, inside: Tensor) -> Tensor:
    """The label maps after the resize, (N, 1, H, W) float, shifted so that zero is `IGNORE`, as it is beyond a window.

    Args:
        windows: The windows.
        inside: Where they are, as of `_inside`.
    """
    rows, columns = windows.sources.split(list(inside.shape[-2:]), dim=1)
    labels = windows.labels.take(rows[:, None, :, None] + columns[:, None, None, :])
    maps = labels.float() - IGNORE
    if labels.dtype == torch.uint8:
        maps.masked_fill_(labels == 255, 0)
    return maps.mul_(inside)


def _inside(image: Tensor, value: dict[str, Tensor]) -> Tensor:
    """Where the windows are, (N, 1, H, W), 0 or 1."""
    rows, columns = (torch.arange(image.shape[side], device=image.device) for side in (-2, -1))
    return ((rows[:, None] < value["height"]) & (columns < value["width"])).float()


def _grid(crop: tuple[int, int], size: tuple[int, int], value: dict[str, Tensor]) -> Tensor:
    """For each pixel of each crop, turned and mirrored about its centre: its (x, y) as `grid_sample` takes it."""
    device = value["top"].device
    value = {name: one[:, 0] for name, one in value.items()}
    y = (torch.arange(crop[0], device=device) - (crop[0] - 1) / 2)[:, None]
    x = (torch.arange(crop[1], device=device) - (crop[1] - 1) / 2) * value["mirror"]
    across = value["cosine"] * x - value["sine"] * y + (crop[1] / 2 - value["left"])
    down = value["sine"] * x + value["cosine"] * y + (crop[0] / 2 - value["top"])
    return torch.stack([across * (2 / size[1]) - 1, down * (2 / size[0]) - 1], dim=-1)


def _turned(labels: Tensor, windows: Windows, value: dict[str, Tensor]) -> Tensor:
    """Let the labels (N, H, W) of mirrored pictures be what their classes are in a mirror image."""
    if windows.mirror is None or not any(plan.draw.mirror for plan in windows.plans):
        return labels
    return torch.where(value["mirror"][:, 0] < 0, windows.mirror[labels.long()], labels)


def _recolored(image: Tensor, value: dict[str, Tensor]) -> Tensor:
    """Change brightness, contrast and saturation of pictures (3, N, H, W), as `augment` does."""
    brightness, contrast, saturation, area = (
        value[name][:, 0] for name in ("brightness", "contrast", "saturation", "area")
    )
    image.mul_(brightness)
    grey = image[0] * GREY[0] + image[1] * GREY[1] + image[2] * GREY[2]
    middle = grey.sum(dim=(1, 2), keepdim=True) / area
    grey.sub_(middle).mul_(contrast * (1 - saturation)).add_(middle)
    return image.sub_(middle).mul_(contrast * saturation).add_(grey)


def _distorted(image: Tensor, value: dict[str, Tensor]) -> Tensor:
    """Change pictures (3, N, H, W) as `Photometric` does; what is not made is a change that changes nothing."""
    added, first, factor, hue, last = (value[name][:, 0] for name in ("added", "first", "saturated", "hue", "last"))
    image = image.add_(added).clamp_(0, 255).mul_(first).clamp_(0, 255)
    image = turned_hue(saturated(image, factor), hue)
    return image.mul_(last).clamp_(0, 255)


def _blurred(image: Tensor, value: dict[str, Tensor]) -> Tensor:
    """Blur pictures (N, C, H, W), each with its own taps."""
    center, near, far = (value[name] for name in ("center", "near", "far"))
    wide = F.pad(image, (2, 2, 2, 2), mode="replicate")
    across = wide[..., 2:-2] * center + (wide[..., 1:-3] + wide[..., 3:-1]) * near
    across += (wide[..., :-4] + wide[..., 4:]) * far
    down = across[..., 2:-2, :] * center + (across[..., 1:-3, :] + across[..., 3:-1, :]) * near
    return down.add_((across[..., :-4, :] + across[..., 4:, :]) * far)


def window_problem(items: Sequence[tuple[int, Sample, Plan]]) -> str | None:
    """Return what keeps windows from being one batch, for a message; None where nothing does."""
    first = items[0][1]
    for _, sample, _ in items:
        if len(sample.image) != len(first.image):
            return (
                f"pictures of one batch differ in channels: '{first.name}' has {len(first.image)}, '{sample.name}' has "
                f"{len(sample.image)}"
            )
    return None
