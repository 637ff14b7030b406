"""Write `exports/TOOL` and `expected/TOOL`: what annotation tools export, and the masks that they make of it themselves.

Run by hand where a tool's package is installed (too large to be a requirement of the tests), one or several at a time:

    python make_exports.py labelme label_studio darwin segments supervisely

Made with labelme 6.3.1, label-studio-sdk 2.1.2, darwin-py 3.6.3, segments-ai 1.33.0 and supervisely 6.74.51.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HERE = Path(__file__).parent
HEIGHT, WIDTH = 37, 52


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 4, (5, 7, 3), dtype=np.uint8) * 60
    Image.fromarray(values).resize((WIDTH, HEIGHT), Image.Resampling.NEAREST).save(path)


def expected(tool: str, name: str, mask: NDArray[Any]) -> None:
    path = HERE / "expected" / tool / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8)).save(path)


def blob(seed: int) -> NDArray[np.bool_]:
    """A round mask with a hole."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((HEIGHT, WIDTH))
    far = np.hypot(y - rng.integers(8, HEIGHT - 8), x - rng.integers(8, WIDTH - 8))
    mask: NDArray[np.bool_] = (far < rng.integers(6, 14)) & (far > rng.integers(1, 5))
    return mask


def corners(seed: int, count: int, *, outside: bool = False) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    low, high = (-9, 9) if outside else (0, -1)
    xs, ys = rng.uniform(low, WIDTH + high, count), rng.uniform(low, HEIGHT + high, count)
    return [[round(float(x), 2), round(float(y), 2)] for x, y in zip(xs, ys, strict=True)]


def labelme() -> None:
    for name in ("onnxruntime", "osam", "PyQt5", "PyQt5.QtCore", "PyQt5.QtGui", "PyQt5.QtWidgets"):
        sys.modules.setdefault(name, MagicMock())
    from labelme import utils
    from labelme._label_file import LabelFile

    values = {"_background_": 0, "__ignore__": 255, "car": 1, "road": 2, "tree": 3}
    root = HERE / "exports" / "labelme"
    own = blob(4)
    rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
    crop = own[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = [[float(columns[0]), float(rows[0])], [float(columns[-1]), float(rows[-1])]]
    scenes: dict[str, list[tuple[str, str, list[list[float]]]]] = {
        "one": [
            ("road", "polygon", corners(1, 7)),
            ("car", "rectangle", [[30.4, 20.6], [12.2, 8.1]]),
            ("tree", "circle", [[20.5, 18.25], [25.1, 20.0]]),
            ("__ignore__", "polygon", corners(2, 3)),
        ],
        "sub/two": [
            ("road", "linestrip", corners(3, 4)),
            ("car", "mask", box),
            ("tree", "point", [[40.7, 9.3]]),
            ("_background_", "polygon", corners(5, 4)),
            ("road", "line", [[1.0, 2.0], [45.5, 30.2]]),
        ],
        "sub/three": [("tree", "polygon", corners(6, 5, outside=True)), ("car", "oriented_rectangle", corners(7, 4))],
        "none": [],
    }
    for seed, (name, shapes) in enumerate(scenes.items()):
        picture(root / f"{name}.png", seed)
        drawn: list[dict[str, Any]] = [
            {
                "label": label,
                "points": points,
                "group_id": None,
                "description": "",
                "shape_type": kind,
                "flags": {},
                "mask": utils.img_arr_to_b64(crop.astype(np.uint8)) if kind == "mask" else None,
            }
            for label, kind, points in shapes
        ]
        path = root / f"{name}.json"
        LabelFile().save(str(path), drawn, Path(name).name + ".png", HEIGHT, WIDTH)
        read = LabelFile(str(path)).shapes
        expected("labelme", name, utils.shapes_to_label((HEIGHT, WIDTH), read, values)[0])
    picture(root / "left out.png", 9)


def label_studio() -> None:
    from label_studio_sdk.converter import brush

    root = HERE / "exports" / "label_studio"
    tasks = []
    for number, labels in ((1, ("road", "car")), (2, ("car", "tree", "road")), (3, ())):
        name = f"NAME {number}.png"
        picture(root / "media" / name, number)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        results: list[dict[str, Any]] = []
        for place, label in enumerate(labels):
            soft = blob(10 * number + place) * np.uint8(255 if place else 128)
            results.append(
                {
                    "original_width": WIDTH,
                    "original_height": HEIGHT,
                    "image_rotation": 0,
                    "value": {"format": "rle", "rle": brush.mask2rle(soft), "brushlabels": [label]},
                    "id": f"r{number}{place}",
                    "from_name": "tag",
                    "to_name": "image",
                    "type": "brushlabels",
                    "origin": "manual",
                }
            )
            (alpha,) = brush.decode_from_annotation(
                "tag",
                [{**results[-1]["value"], "type": "brushlabels", "original_width": WIDTH, "original_height": HEIGHT}],
            ).values()
            mask[alpha > 0] = ("car", "road", "tree").index(label) + 1
        address = (f"/data/upload/1/1a2b3c4d-{name}", "/data/local-files/?d=media/NAME%202.png", f"s3://b/media/{name}")
        tasks.append(
            {
                "id": number,
                "annotations": [{"id": number + 6, "completed_by": 3, "result": results, "was_cancelled": False}],
                "file_upload": f"1a2b3c4d-{name}",
                "predictions": [],
                "data": {"image": address[number - 1]},
            }
        )
        expected("label_studio", f"NAME {number}", mask)
        outputs = [
            {**result["value"], "type": "brushlabels", "original_width": WIDTH, "original_height": HEIGHT}
            for result in results
        ]
        png = HERE / "exports" / "label_studio_png"
        picture(png / name, number)
        brush.save_brush_images_from_annotation(number, number + 6, 3, "tag", outputs, str(png), "png")
    skipped = {"id": 4, "annotations": [{"id": 11, "result": [], "was_cancelled": True}], "data": {"image": "x.png"}}
    (root / "project-1-at-2026-11-27.json").write_text(json.dumps([*tasks, skipped]))
    short = [
        {"image": f"/data/upload/1/1a2b3c4d-NAME {n}.png", "id": n, "annotator": 3, "annotation_id": n + 6}
        for n in (1, 2, 3)
    ]
    (HERE / "exports" / "label_studio_png" / "tasks.json").write_text(json.dumps(short))


def darwin() -> None:
    from darwin.exporter.formats.mask import export
    from darwin.utils import parse_darwin_json

    root = HERE / "exports" / "darwin"

    def polygon(name: str, paths: list[list[list[float]]]) -> dict[str, Any]:
        points = [[{"x": x, "y": y} for x, y in path] for path in paths]
        xs, ys = [x for path in paths for x, _ in path], [y for path in paths for _, y in path]
        box = {"x": min(xs), "y": min(ys), "w": max(xs) - min(xs), "h": max(ys) - min(ys)}
        return {"id": name, "name": name, "polygon": {"paths": points}, "bounding_box": box}

    labels = np.zeros((HEIGHT, WIDTH), int)
    labels[blob(1)] = 1
    labels[blob(2)] = 2
    flat = labels.ravel()
    ends = np.flatnonzero(np.diff(flat)).tolist() + [flat.size - 1]
    runs = [value for start, end in zip([-1, *ends], ends, strict=False) for value in (int(flat[end]), end - start)]
    layer = {"dense_rle": runs, "mask_annotation_ids_mapping": {"u1": 1, "u2": 2}, "total_pixels": flat.size}
    scenes: dict[str, list[dict[str, Any]]] = {
        "one": [polygon("Road", [corners(1, 7), corners(2, 4)]), polygon("car", [corners(3, 5)])],
        "two": [
            {"id": "u1", "name": "tree", "mask": {"sparse_rle": None}, "slot_names": ["0"]},
            {"id": "u2", "name": "car", "mask": {"sparse_rle": None}, "slot_names": ["0"]},
            {"id": "u3", "name": "__raster_layer__", "raster_layer": layer, "slot_names": ["0"]},
        ],
        "three": [polygon("tree", [corners(4, 6, outside=True)]), polygon("Road", [corners(5, 3)])],
    }
    files = []
    for seed, (name, annotations) in enumerate(scenes.items()):
        folder = "/" if name == "one" else "/drive"
        picture(root / "images" / folder.strip("/") / f"{name}.png", seed)
        slot = {
            "type": "image",
            "slot_name": "0",
            "width": WIDTH,
            "height": HEIGHT,
            "source_files": [{"file_name": f"{name}.png", "url": ""}],
        }
        item = {"name": f"{name}.png", "path": folder, "slots": [slot], "source_info": {"item_id": name}}
        path = root / "releases" / "latest" / "annotations" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps({"version": "2.0", "schema_ref": "schema.json", "item": item, "annotations": annotations})
        )
        files.append(parse_darwin_json(path, None))
    for mode in ("index", "rgb"):
        out = HERE / "exports" / f"darwin_{mode}"
        out.mkdir(parents=True, exist_ok=True)
        export(files, out, mode)
        for seed, name in enumerate(scenes):
            picture(out / "images" / ("drive" if name != "one" else "") / f"{name}.png", seed)
    names = [
        line.split(",")[0] for line in (HERE / "exports" / "darwin_index" / "class_mapping.csv").read_text().split()[1:]
    ]
    known = ["__background__", "car", "Road", "tree"]
    for mask in (HERE / "exports" / "darwin_index" / "masks").rglob("*.png"):
        values = np.array(Image.open(mask))
        table = np.array([known.index(name) if name in known else 99 for name in names])
        expected(
            "darwin",
            mask.relative_to(HERE / "exports" / "darwin_index" / "masks").with_suffix("").as_posix(),
            table[values],
        )


def segments() -> None:
    from segments.utils import bitmap2file, get_semantic_bitmap

    root = HERE / "exports" / "segments"
    folder = root / "segments" / "jane_streets" / "v1.0"
    categories = [
        {"name": "car", "id": 1, "color": [0, 0, 142], "has_instances": True},
        {"name": "road", "id": 4, "color": [128, 64, 128], "has_instances": False},
        {"name": "tree", "id": 300, "color": [107, 142, 35]},
    ]
    samples: list[dict[str, Any]] = []
    for number in (1, 2):
        name = f"street {number}.png"
        picture(folder / name, number)
        ids = np.zeros((HEIGHT, WIDTH), np.uint32)
        for place, value in enumerate((1, 2, 70000)):
            ids[blob(20 * number + place)] = value
        annotations = [{"id": 1, "category_id": 1}, {"id": 2, "category_id": 4}, {"id": 70000, "category_id": 300}]
        (folder / f"street {number}_label_ground-truth.png").write_bytes(bitmap2file(ids).getvalue())
        semantic = get_semantic_bitmap(ids, annotations)
        expected("segments", f"street {number}", np.searchsorted([0, 1, 4, 300], semantic))
        label = {
            "label_status": "REVIEWED",
            "attributes": {"segmentation_bitmap": {"url": f"https://h/{number}"}, "annotations": annotations},
        }
        samples.append(
            {
                "uuid": str(number),
                "name": name,
                "attributes": {"image": {"url": f"https://h/a/{name}"}},
                "labels": {"ground-truth": label},
            }
        )
    samples.append(
        {
            "uuid": "3",
            "name": "x.png",
            "attributes": {"image": {"url": "https://h/x.png"}},
            "labels": {"ground-truth": None},
        }
    )
    dataset = {
        "name": "streets",
        "owner": "jane",
        "task_type": "segmentation-bitmap",
        "task_attributes": {"format_version": "0.1", "categories": categories},
        "labelsets": [{"name": "ground-truth"}],
        "samples": samples,
    }
    (root / "streets-v1.0.json").write_text(json.dumps({"name": "v1.0", "description": "", "dataset": dataset}))


def supervisely() -> None:
    import supervisely as sly

    root = HERE / "exports" / "supervisely"
    classes = [
        sly.ObjClass(n, sly.AnyGeometry, c)
        for n, c in (("car", [0, 0, 142]), ("road", [128, 64, 128]), ("tree", [107, 142, 35]))
    ]
    meta = sly.ProjectMeta(obj_classes=sly.ObjClassCollection(classes))
    (root).mkdir(parents=True, exist_ok=True)
    (root / "meta.json").write_text(json.dumps(meta.to_json()))
    car, road, tree = classes

    def polygon(seed: int, count: int, holes: tuple[int, ...] = ()) -> Any:
        def points(one: int, many: int) -> list[Any]:
            return [sly.PointLocation(int(y), int(x)) for x, y in corners(one, many)]

        return sly.Polygon(points(seed, count), [points(hole, 3) for hole in holes])

    scenes = {
        ("first", "one"): [(road, polygon(1, 8, (2, 3))), (car, sly.Bitmap(blob(3)))],
        ("first", "two"): [(tree, sly.Bitmap(blob(4))), (road, sly.Rectangle(5, 8, 20, 30)), (car, polygon(5, 4))],
        ("second", "one"): [(car, polygon(6, 11)), (tree, sly.Point(3, 3))],
    }
    for seed, ((dataset, name), figures) in enumerate(scenes.items()):
        picture(root / dataset / "img" / f"{name}.png", seed)
        annotation = sly.Annotation((HEIGHT, WIDTH), [sly.Label(figure, own) for own, figure in figures])
        path = root / dataset / "ann" / f"{name}.png.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(annotation.to_json()))
        read = sly.Annotation.from_json(json.loads(path.read_text()), meta)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        for label in read.labels:
            if label.geometry.geometry_name() != "point":
                label.geometry.draw(mask, ("car", "road", "tree").index(label.obj_class.name) + 1)
        expected("supervisely", f"{dataset}/{name}", mask)


TOOLS = SimpleNamespace(
    labelme=labelme, label_studio=label_studio, darwin=darwin, segments=segments, supervisely=supervisely
)

if __name__ == "__main__":
    for tool in sys.argv[1:]:
        getattr(TOOLS, tool)()
