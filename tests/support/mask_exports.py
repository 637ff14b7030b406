"""Exports of annotation tools in their documented forms, drawn here: three pictures to train on, two to validate on."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NAMES = ("road", "sky", "car")
COLORS = ((128, 64, 128), (70, 130, 180), (0, 0, 142))
VOC_COLORS = ((128, 0, 0), (0, 128, 0), (128, 128, 0))
"""VOC's palette from its second colour on, which tools take where classes have none."""
SPLITS = {"train": 3, "val": 2}
HEIGHT, WIDTH = 12, 16


def labels(index: int) -> NDArray[np.uint8]:
    """A label map: 0 what nobody drew, then road, sky and car (in every second picture)."""
    drawn = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    drawn[2:8, 1:9] = 1
    drawn[5:11, 6:15] = 2
    if index % 2:
        drawn[0, :4] = 3
    return drawn


def counts(splits: Sequence[str] = ("train", "val")) -> list[int]:
    """Pixels of each class over all splits, of what nobody drew first."""
    drawn = [labels(index) for split in splits for index in range(SPLITS[split])]
    return np.bincount(np.concatenate([one.ravel() for one in drawn]), minlength=4).tolist()


def save(pixels: NDArray[np.uint8], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def picture(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def painted(drawn: NDArray[np.uint8], colors: Sequence[tuple[int, int, int]] = COLORS) -> NDArray[np.uint8]:
    return np.array([(0, 0, 0), *colors], dtype=np.uint8)[drawn]


def each() -> list[tuple[str, str, int, int]]:
    """Split, name, index in the split, and a number of its own, of all pictures."""
    found: list[tuple[str, str, int, int]] = []
    for split, number in SPLITS.items():
        found += [(split, f"{split}_{index}", index, len(found) + index) for index in range(number)]
    return found


def cvat(root: Path, *, colored: bool = True, subset: str | None = None) -> None:
    """CVAT's "Segmentation mask 1.1", which is Datumaro's voc_segmentation."""
    for _, name, index, seed in each():
        save(picture(seed), root / "JPEGImages" / f"{name}.jpg")
        save(painted(labels(index), COLORS if colored else VOC_COLORS), root / "SegmentationClass" / f"{name}.png")
    lists: dict[str, list[str]] = {}
    for split, name, *_ in each():
        lists.setdefault(subset or split, []).append(name)
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    for split, names in lists.items():
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("\n".join(names) + "\n")
    shown = [",".join(map(str, color)) if colored else "" for color in ((0, 0, 0), *COLORS)]
    lines = [f"{name}:{color}::" for name, color in zip(("background", *NAMES), shown, strict=True)]
    (root / "labelmap.txt").write_text("\n".join(["# label:color_rgb:parts:actions", *lines]) + "\n")


def label_colors(root: Path, *, colored: bool = True, background: bool = False) -> None:
    shown = [" ".join(map(str, color)) if colored else "" for color in COLORS]
    lines = [f"{color} {name}" for color, name in zip(shown, NAMES, strict=True)]
    if background:
        lines.insert(0, "0 0 0 background" if colored else " background")
    (root / "label_colors.txt").write_text("\n".join(lines) + "\n")


def camvid_form(root: Path, *, colored: bool = True) -> None:
    for split, name, index, seed in each():
        save(picture(seed), root / split / f"{name}.jpg")
        save(painted(labels(index), COLORS if colored else VOC_COLORS), root / f"{split}annot" / f"{name}.png")
    label_colors(root, colored=colored)


def cityscapes_form(root: Path, *, images: str = "leftImg8bit") -> None:
    for split, name, index, seed in each():
        save(picture(seed), root / images / split / f"{name}_leftImg8bit.png")
        save(labels(index), root / "gtFine" / split / f"{name}_gtFine_labelIds.png")
        save(painted(labels(index)), root / "gtFine" / split / f"{name}_gtFine_color.png")
    label_colors(root)


def kitti_form(root: Path, *, background: bool = True) -> None:
    for split, name, index, seed in each():
        save(picture(seed), root / split / "image_2" / f"{name}.png")
        drawn = labels(index).astype(np.uint16)
        save(drawn if background else np.maximum(drawn, 1) - 1, root / split / "semantic" / f"{name}.png")  # type: ignore[arg-type]
    label_colors(root, background=background)


def kitti(root: Path) -> None:
    ids = np.array([0, 7, 23, 26], dtype=np.uint8)
    for _, name, index, seed in each():
        save(picture(seed), root / "training" / "image_2" / f"{name}.png")
        save(ids[labels(index)], root / "training" / "semantic" / f"{name}.png")


def roboflow(root: Path, *, listed: bool = True) -> None:
    for split, name, index, seed in each():
        folder = root / {"val": "valid"}.get(split, split)
        save(picture(seed), folder / f"{name}_jpg.rf.1a2b.jpg")
        save(labels(index), folder / f"{name}_jpg.rf.1a2b_mask.png")
        rows = [f"{value}, {name}" for value, name in enumerate(("background", *NAMES)) if listed or value]
        (folder / "_classes.csv").write_text("\n".join(["Pixel Value, Class", *rows]) + "\n")


def vistas(root: Path) -> None:
    names = ("void--unlabeled", "construction--flat--road", "nature--sky", "object--vehicle--car")
    colors = ((0, 0, 0), *COLORS)
    listed = [
        {"name": name, "readable": name.title(), "color": list(color), "evaluate": value > 0}
        for value, (name, color) in enumerate(zip(names, colors, strict=True))
    ]
    for split, name, index, seed in each():
        folder = root / {"train": "training", "val": "validation"}[split]
        save(picture(seed), folder / "images" / f"{name}.jpg")
        mask = Image.fromarray(labels(index))
        mask.putpalette(np.array(colors, dtype=np.uint8).tobytes())
        (folder / "v2.0" / "labels").mkdir(parents=True, exist_ok=True)
        mask.save(folder / "v2.0" / "labels" / f"{name}.png")
    (root / "config_v2.0.json").write_text(json.dumps({"labels": listed}))


def bdd100k(root: Path) -> None:
    ids = np.array([255, 0, 10, 13], dtype=np.uint8)
    for split, name, index, seed in each():
        save(picture(seed), root / "images" / "10k" / split / f"{name}.jpg")
        save(ids[labels(index)], root / "labels" / "sem_seg" / "masks" / split / f"{name}.png")


def column_runs(mask: NDArray[np.bool_]) -> list[int]:
    """COCO's run lengths of a mask, column by column, zeros first."""
    flat = mask.ravel(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *ends, flat.size]).tolist()
    return [0, *runs] if flat[0] else runs


def datumaro(root: Path) -> None:
    for split, number in SPLITS.items():
        items = []
        for index in range(number):
            drawn, name = labels(index), f"{split}_{index}"
            save(picture(10 * number + index), root / "images" / split / f"{name}.jpg")
            masks = [
                {
                    "type": "mask",
                    "label_id": value - 1,
                    "rle": {"counts": column_runs(drawn == value), "size": [HEIGHT, WIDTH]},
                    "z_order": value,
                }
                for value in (1, 2, 3)
                if (drawn == value).any()
            ]
            image = {"path": f"{name}.jpg", "size": [HEIGHT, WIDTH]}
            items.append({"id": name, "annotations": masks, "image": image})
        categories = {"label": {"labels": [{"name": name, "parent": "", "attributes": []} for name in NAMES]}}
        whole = {"dm_format_version": "1.0", "infos": {}, "categories": categories, "items": items}
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"{split}.json").write_text(json.dumps(whole))


WRITERS: dict[str, Callable[[Path], None]] = {
    "cvat": cvat,
    "camvid_form": camvid_form,
    "cityscapes_form": cityscapes_form,
    "kitti_form": kitti_form,
    "roboflow": roboflow,
    "datumaro": datumaro,
    "vistas": vistas,
    "bdd100k": bdd100k,
    "kitti": kitti,
}
"""By kind what writes an export of it into a folder that is there."""
