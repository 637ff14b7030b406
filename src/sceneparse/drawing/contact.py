"""Contact sheets: samples of a data set beside their masks and augmented variants, to check before training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sceneparse.data.sample import DataSet, Sample, tasks_of
from sceneparse.drawing.embedding import data_uri
from sceneparse.drawing.lettering import Lettering
from sceneparse.drawing.notebook import result_html
from sceneparse.drawing.panel import written_name
from sceneparse.errors import counted
from sceneparse.files import whole_file
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from sceneparse.tasks import MAPS, Task, TruthName

if TYPE_CHECKING:
    from torch import Tensor

CELL = (320, 320)
"""Largest width and height of a picture in it."""

EMBEDDED = (1600, 12000)
"""Largest width and height of a sheet in a notebook, whose pages must still load; WebP ends at 16,383 pixels."""

MARGIN, GAP, CAPTION = 24, 8, 22
PAPER, INK, PALE = (250, 250, 248), (32, 33, 36), (118, 122, 128)


@dataclass(frozen=True)
class Variant:
    """An augmented version of a sample.

    Args:
        sample: The version.
        caption: What stands below it.
    """

    sample: Sample
    caption: str = ""


@dataclass(frozen=True, eq=False)
class ContactSheet:
    """Samples of a data set beside their masks and augmented variants, drawn.

    Args:
        image: The picture.
        indices: The indices of the samples that are shown.
        title: What it is of, such as "folder my-data train".
        notes: What is to be said of the data: what was left out, and what their undrawn pixels are.
        report: The PNG that was written; None where none was.
    """

    image: Image.Image
    indices: tuple[int, ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    report: Path | None = None

    def __repr__(self) -> str:
        width, height = self.image.size
        what = ": ".join(filter(None, (self.title, counted(len(self.indices), "sample"))))
        return f"ContactSheet({what}; {width}×{height} pixels)"

    def _repr_html_(self) -> str:
        shown = self.image.copy()
        shown.thumbnail(EMBEDDED)
        picture = f'<img src="{data_uri(shown)}" alt="{escape(self.title, quote=True)}" style="max-width:100%">'
        return result_html(repr(self), [picture], self.notes, self.report)

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        self.image.save(content, "PNG")
        return content.getvalue()


def contact_sheet(
    dataset: DataSet,
    path: Path | None = None,
    *,
    count: int = 6,
    augmented: Callable[[int, int], Variant] | None = None,
    variants: int = 2,
    seed: int = 0,
    factors: NDArray[np.float64] | None = None,
) -> ContactSheet:
    """Draw some of a data set's pictures beside their masks in the classes' colours, with a legend.

    Every task that a picture is labelled for has its mask; the scene stands beside the picture's name.

    Ignored pixels are black with grey stripes. Pictures of one channel are drawn grey; of more than three, the first
    three.

    Args:
        dataset: Where the samples come from.
        path: The PNG to write. Default: none is.
        count: Number of samples, or all if there are fewer.
        augmented: Makes a variant, given the sample's index and the variant's number (0, 1, …); without it only
            originals are drawn.
        variants: Variants to draw beside each sample.
        seed: Which samples are drawn.
        factors: (N,) how often training draws each sample in an epoch, which is said beside its name, and how much
            likelier it is to be among those that are shown; None: all alike.
    """
    rng = np.random.default_rng(seed)
    chances = None if factors is None else factors / factors.sum()
    indices = sorted(rng.choice(len(dataset), size=min(count, len(dataset)), replace=False, p=chances).tolist())
    rows = []
    tasks = tasks_of(dataset) or TaskLabels(dataset.labels)
    spaces = mask_spaces(tasks)
    shown = {task: _Counts.of(space) for task, space in spaces.items()}
    for index in indices:
        sample = dataset[index]
        scene = f" ({tasks.scenes.names[sample.scene]})" if tasks.scenes and sample.scene is not None else ""
        often = "" if factors is None else f", {factors[index]:.1f} times an epoch"
        versions = [Variant(sample, sample.name + scene + often)]
        if augmented is not None:
            versions += [augmented(index, number) for number in range(variants)]
        for number, version in enumerate(versions):
            for task, counts in shown.items():
                if (mask := version.sample.masks().get(task)) is not None:
                    counts.add(mask.numpy(), original=number == 0)
        captions = [version.caption for version in versions]
        rows.append(_Row(captions, [_pictures(version.sample, spaces) for version in versions]))
    image = _draw(rows, spaces, shown)
    if path is not None:
        with whole_file(path) as temporary:
            image.save(temporary, format="PNG")
    return ContactSheet(image, tuple(indices), report=path)


def mask_spaces(tasks: TaskLabels) -> dict[TruthName, LabelSpace]:
    """Return the label spaces of all tasks with a label per pixel, by the name of the sample's field."""
    found = {task.truth: tasks.space(task) for task in MAPS}
    return {name: space for name, space in found.items() if space is not None}


@dataclass(frozen=True)
class _Counts:
    """Pixels of what is drawn for a task: ignored ones first, then those of each class.

    Shares are of the originals: a crop that goes beyond its picture is padded, and padding is none of the data's
    ignored pixels.

    Args:
        originals: Those of the originals.
        all: Those of the variants as well.
    """

    originals: NDArray[np.int64]
    all: NDArray[np.int64]

    @classmethod
    def of(cls, labels: LabelSpace) -> _Counts:
        return cls(np.zeros(len(labels) + 1, dtype=np.int64), np.zeros(len(labels) + 1, dtype=np.int64))

    def add(self, mask: NDArray[np.int16], *, original: bool) -> None:
        counts = np.bincount((mask - IGNORE).ravel(), minlength=len(self.all))
        for sums in (self.all, self.originals)[: 1 + original]:
            sums += counts

    def written(self, name: str, index: int) -> str:
        """A class's name with its share; the name alone where the variants alone have it."""
        count = self.originals[index - IGNORE]
        return f"{name} {count / self.originals.sum():.1%}" if count else name


@dataclass(frozen=True)
class _Row:
    """For a sample and each of its variants: what stands below, and the pictures to draw side by side."""

    captions: Sequence[str]
    versions: Sequence[Sequence[Image.Image]]

    @property
    def height(self) -> int:
        return max(image.height for version in self.versions for image in version)


def colored(objects: Tensor, labels: LabelSpace) -> NDArray[np.uint8]:
    """Paint a label map as (H, W, 3) uint8 in its classes' colours; ignored pixels black with grey stripes."""
    indices = objects.numpy()
    colors = np.vstack([labels.palette, np.zeros((1, 3), dtype=np.uint8)])[indices]
    height, width = indices.shape
    period = max(6, min(height, width) // 24)
    stripes = (np.add.outer(np.arange(height), np.arange(width)) % period) < max(1, period // 6)
    colors[(indices == IGNORE) & stripes] = 128
    return colors


def _pictures(sample: Sample, spaces: Mapping[TruthName, LabelSpace]) -> list[Image.Image]:
    pixels = sample.image if sample.image.shape[0] >= 3 else sample.image[:1].expand(3, -1, -1)
    images = [_fitted(pixels[:3].permute(1, 2, 0).numpy(), Image.Resampling.LANCZOS)]
    for task, mask in sample.masks().items():
        if task in spaces:
            # Colours of several classes must not blend, so no interpolation.
            images.append(_fitted(colored(mask, spaces[task]), Image.Resampling.NEAREST))  # type: ignore[index]
    return images


def _fitted(pixels: NDArray[np.uint8], resampling: Image.Resampling) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    factor = min(CELL[0] / image.width, CELL[1] / image.height)
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.NEAREST if factor > 1 else resampling)


def _draw(
    rows: Sequence[_Row], spaces: Mapping[TruthName, LabelSpace], shown: Mapping[TruthName, _Counts]
) -> Image.Image:
    """Draw the rows: columns as wide as their widest picture, rows as high as their highest, the legend below."""
    columns = max(len(row.versions) for row in rows)
    widths = [
        max(sum(image.width for image in row.versions[column]) + GAP * (len(row.versions[column]) - 1) for row in rows)
        for column in range(columns)
    ]
    titles = ["original", *(f"augmented {number + 1}" for number in range(columns - 1))]
    width = max(2 * MARGIN + sum(widths) + 2 * MARGIN * (columns - 1), 480)
    legend = list(_legend(spaces, shown, width - 2 * MARGIN))
    legend_height = CAPTION * (legend[-1].row + 1) if legend else 0
    top = MARGIN + CAPTION + 4
    height = top + sum(row.height + CAPTION + GAP for row in rows) + GAP + legend_height + MARGIN
    canvas = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(canvas)
    left = MARGIN
    for title, column in zip(titles, widths, strict=True):
        Lettering(15).write(draw, (left, MARGIN), title, INK)
        left += column + 2 * MARGIN
    for row in rows:
        left = MARGIN
        for images, column in zip(row.versions, widths, strict=True):
            x = left
            for image in images:
                canvas.paste(image, (x, top))
                x += image.width + GAP
            left += column + 2 * MARGIN
        left = MARGIN
        for number, (caption, column) in enumerate(zip(row.captions, widths, strict=True)):
            last = number == len(widths) - 1 or not any(row.captions[number + 1 :])
            room = width - MARGIN - left if last else column + MARGIN
            at = left, top + row.versions[number][0].height + 3
            Lettering(12).write(draw, at, _cut(caption, room), PALE)
            left += column + 2 * MARGIN
        top += row.height + CAPTION + GAP
    for entry in legend:
        x, y = MARGIN + entry.x, top + GAP + entry.row * CAPTION
        canvas.paste(entry.swatch, (x, y))
        draw.rectangle((x, y, x + 13, y + 13), outline=PALE)
        Lettering(13).write(draw, (x + 20, y - 1), entry.text, INK)
    return canvas


def _cut(text: str, width: float) -> str:
    """A text, its end left out where it is wider than there is room."""
    if Lettering(12).length(text) <= width:
        return text
    while text and Lettering(12).length(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


@dataclass(frozen=True)
class _Entry:
    text: str
    swatch: Image.Image
    x: int
    row: int


def _legend(spaces: Mapping[TruthName, LabelSpace], shown: Mapping[TruthName, _Counts], width: int) -> Iterator[_Entry]:
    """Yield the classes that occur, in the label spaces' order, with their share of the originals' pixels.

    What is ignored comes last, or the padding where nothing of the originals is. Each task but the objects begins a row
    of its own, with its name.
    """
    x, row = 0, 0
    for task, labels in spaces.items():
        counts = shown[task]
        if not counts.all.any():
            continue
        occurring = [index for index in range(len(labels)) if counts.all[index - IGNORE]]
        entries = [(written_name(labels.names[index], labels), index) for index in occurring]
        if counts.all[0]:
            entries.append(("ignored" if counts.originals[0] else "padding", IGNORE))
        if x:
            x, row = 0, row + 1
        for number, (name, index) in enumerate(entries):
            title = f"{task}: " if task != Task.OBJECT.truth and number == 0 else ""
            text = f"{title}{counts.written(name, index)}"
            size = 20 + round(Lettering(13).length(text)) + 20
            if x and x + size > width:
                x, row = 0, row + 1
            swatch = Image.new("RGB", (14, 14), labels.colors[index] if index != IGNORE else (0, 0, 0))
            if index == IGNORE:
                ImageDraw.Draw(swatch).line((0, 13, 13, 0), fill=(128, 128, 128), width=2)
            yield _Entry(text, swatch, x, row)
            x += size
