"""The reader on a small set in the published layout, and on the three real pictures that are decoded by others."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.datasets.broden.coding import read_ids, write_ids
from sceneparse.datasets.broden.dataset import open_broden
from sceneparse.datasets.broden.tables import published_tables
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.settings import DataSettings


def picture(path: Path, size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 80, 70)).save(path)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """One picture of each source but Pascal, as published."""
    meta, data = tmp_path / "meta_file", tmp_path / "broden_dataset"
    published_tables().write(meta)
    records: dict[str, list[tuple[str, int, dict[str, int]]]] = {
        "broden_ade20k_pascal_train.json": [("ade20k", 1, {"nr_part": 1})],
        "broden_os_train.json": [("os", 0, {})],
        "dtd_training_list.json": [("dtd", 1, {})],
    }
    for file, listed in records.items():
        lines = [json.dumps({"dataset": d, "file_index": i, "height": 4, "width": 6, **more}) for d, i, more in listed]
        (meta / file).write_text("\n".join(lines) + "\n")
    (meta / "ade20k").mkdir()
    (meta / "ade20k" / "index_ade20k.csv").write_text("folder,filename\nx/a,ADE_1.jpg\nx/b,ADE_2.jpg\n")
    (meta / "ade20k" / "scene_categories.txt").write_text("ADE_1 misc\nADE_2 abbey\n")
    picture(data / "ade20k" / "x" / "b" / "ADE_2.jpg")
    # Columns: sky, car, nothing, car, car, unlisted; parts: wheel where the car is, and in the sky.
    rows = published_tables().assignments
    raw = {(r.category, r.name): r.raw_label for r in rows if r.dataset == "ade20k"}
    sky, car, wheel = raw["object", "sky"], raw["object", "car"], raw["part", "wheel"]
    objects = np.tile(np.array([sky, car, 0, car, car, 6000]), (4, 1))
    write_ids(data / "ade20k" / "x" / "b" / "ADE_2_seg.png", objects)
    write_ids(data / "ade20k" / "x" / "b" / "ADE_2_parts_1.png", np.tile([wheel, wheel, wheel, 0, 0, 0], (4, 1)))
    (data / "opensurfaces").mkdir(parents=True)
    (data / "opensurfaces" / "photos.csv").write_text("photo_id,other\n17,x\n")
    picture(data / "opensurfaces" / "photos" / "17.jpg")
    (data / "opensurfaces" / "photos-labels").mkdir()
    red = np.tile(np.array([0, 1, 5, 6, 34, 45], dtype=np.uint8), (4, 1))
    Image.fromarray(np.stack([red, red * 0 + 9, red * 0 + 8], -1)).save(
        data / "opensurfaces" / "photos-labels" / "17.png"
    )
    (meta / "dtd").mkdir()
    (meta / "dtd" / "labels_joint_anno.txt").write_text("banded/b_1.jpg banded\nzigzagged/z_2.jpg zigzagged banded \n")
    picture(data / "dtd" / "dtd-r1.0.1" / "images" / "zigzagged" / "z_2.jpg")
    return tmp_path


def test_each_source_gives_its_own_tasks_in_the_published_labels(published: Path) -> None:
    dataset = open_dataset(DataSettings(kind="broden", root=str(published)), "train")
    assert [dataset.name(index) for index in range(3)] == ["ade20k/x/b/ADE_2", "os/17", "dtd/zigzagged/z_2"]
    ade, surfaces, texture = (dataset[index] for index in range(3))
    tasks = dataset.tasks
    assert tasks.objects and tasks.parts and tasks.scenes and tasks.materials
    sky, car = tasks.objects.names.index("sky"), tasks.objects.names.index("car")
    wheel = tasks.parts.names.index("wheel")
    assert ade.objects is not None and ade.objects[0].tolist() == [sky, car, IGNORE, car, car, IGNORE]
    # A part counts only inside an object that can have it.
    assert ade.parts is not None and ade.parts[0].tolist() == [IGNORE, wheel, IGNORE, IGNORE, IGNORE, IGNORE]
    assert ade.scene is not None and tasks.scenes.names[ade.scene] == "church/outdoor"  # abbey is of rank 1
    assert ade.materials is None and ade.textures is None
    stone = tasks.materials.names.index("stone")
    assert surfaces.materials is not None
    assert surfaces.materials[0].tolist() == [IGNORE, 0, IGNORE, stone, stone, IGNORE]
    assert surfaces.objects is None and surfaces.scene is None
    assert texture.textures is not None and (texture.textures == 46).all() and texture.objects is None


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("broden_ade20k_pascal_train.json", '"height": 4', '"height": 5', "6×4 pixels, but its record says 6×5"),
        (
            "broden_ade20k_pascal_train.json",
            '"file_index": 1',
            '"file_index": 2',
            "picture 2 of ade20k, whose list has 2",
        ),
        ("ade20k/scene_categories.txt", "ADE_2", "ADE_3", "'ADE_3', but the index has 'ADE_2'"),
        ("ade20k/scene_categories.txt", "ADE_2 abbey\n", "", "the file is cut off"),
        ("dtd/labels_joint_anno.txt", "zigzagged/z", "woolly/z", r"z_2\.jpg: no such file"),
    ],
)
def test_what_does_not_fit_is_refused(published: Path, file: str, old: str, new: str, message: str) -> None:
    path = published / "meta_file" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=message):
        dataset = open_broden(published, "train")
        for index in range(len(dataset)):
            _ = dataset[index]


def test_a_map_of_another_size_and_a_missing_folder_are_refused(published: Path) -> None:
    write_ids(published / "broden_dataset/ade20k/x/b/ADE_2_seg.png", np.zeros((4, 5), dtype=np.int64))
    with pytest.raises(UserError, match=r"ADE_2_seg\.png: 5×4 pixels, but its picture has 6×4"):
        _ = open_broden(published, "train")[0]
    with pytest.raises(UserError, match="no split 'test'"):
        open_broden(published, "test")
    shutil.rmtree(published / "meta_file")
    with pytest.raises(UserError, match="there is no folder meta_file"):
        open_broden(published, "train")


def test_real_pictures_are_decoded_as_others_decoded_them(shared: Path, tmp_path: Path) -> None:
    """Raw ADE20K maps at the size of `broden512`, against its maps, scene and pixels of parts in each object."""
    folder = shared / "data" / "ade20k_full_sample"
    records = json.loads((folder / "broden512" / "records.json").read_text())
    for record in records:
        name = record["name"]
        shutil.copy(folder / "broden512" / f"{name}.jpg", tmp_path)
        shutil.copy(folder / "original" / f"{name}.json", tmp_path)
        for suffix in ("_seg.png", "_parts_1.png"):
            raw = Image.open(folder / "original" / f"{name}{suffix}")
            raw.resize((record["width"], record["height"]), Image.Resampling.NEAREST).save(tmp_path / f"{name}{suffix}")
    dataset = open_dataset(DataSettings(kind="ade20k_full", root=str(tmp_path)), "all")
    tree = dataset.tasks.tree
    assert tree is not None
    for index, record in enumerate(records):
        sample = dataset[index]
        assert sample.scene == record["scene_label"] and sample.objects is not None and sample.parts is not None
        expected = read_ids(folder / "broden512" / f"{record['name']}_object.png") - 1
        assert (sample.objects.numpy() == expected).mean() == 1.0
        counts: dict[str, dict[str, int]] = {}
        for thing, parts in record["parts_in_object_pixels"].items():
            inside = sample.parts[sample.objects == tree.objects.names.index(thing)].numpy()
            values, pixels = np.unique(inside[inside != IGNORE], return_counts=True)
            counts[thing] = {tree.parts.names[value]: int(count) for value, count in zip(values, pixels, strict=True)}
            assert counts[thing] == parts
        labelled = sum(map(sum, (own.values() for own in counts.values())))
        assert (sample.parts != IGNORE).sum() == labelled
        assert labelled == record["part_pixels"] - record["part_pixels_outside_their_objects"]
