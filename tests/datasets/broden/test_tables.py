"""The label tables of Broden+: golden values from the published format, and refusals of damaged ones."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from sceneparse.datasets.broden.choosing import Counts, choose
from sceneparse.datasets.broden.tables import BrodenTables, published_tables, read_tables
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace, PartTree, TaskLabels
from sceneparse.standard.tables import published_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with published_folder() as tables:
        return Path(shutil.copytree(tables, tmp_path / "tables"))


def test_the_published_label_spaces_have_their_sizes_and_first_and_last_names() -> None:
    tasks = published_tables().tasks
    assert tasks.objects and tasks.parts and tasks.materials and tasks.scenes and tasks.textures and tasks.tree
    assert [len(s) for s in (tasks.objects, tasks.parts, tasks.materials)] == [335, 152, 25]
    assert [len(s) for s in (tasks.scenes, tasks.textures)] == [365, 47]
    assert (tasks.objects.names[0], tasks.parts.names[0], tasks.materials.names[0]) == ("wall", "leg", "brick")
    assert (tasks.scenes.names[0], tasks.scenes.names[364]) == ("airfield", "zen_garden")
    assert (tasks.textures.names[0], tasks.textures.names[46]) == ("banded", "zigzagged")


def test_the_hierarchy_gives_77_objects_427_channels_with_one_for_no_part_each() -> None:
    tree = published_tables().tasks.tree
    assert tree is not None
    owners = [children for children in tree.children if children]
    assert len(owners) == 77 and sum(len(children) + 1 for children in owners) == 427
    person = tree.children[tree.objects.names.index("person")]
    assert [tree.parts.names[part] for part in person[:4]] == ["leg", "head", "torso", "arm"]


@pytest.mark.parametrize(
    ("dataset", "category", "raw", "index"),
    [
        ("ade20k", "object", 3, IGNORE),  # abacus: listed, and dropped
        ("ade20k", "object", 10, 129),  # air conditioner
        ("ade20k", "object", 48, 274),  # arcade machines: merged with 47
        ("ade20k", "object", 47, 274),
        ("ade20k", "scene", 0, IGNORE),  # misc
        ("ade20k", "scene", 3, 292),  # acropolis: ruin
        ("pascal", "part", 17, 2),  # torso
        ("os", "material", 6, 20),  # concrete: stone
        ("os", "material", 5, IGNORE),  # chalkboard
        ("ade20k", "part", 3148, IGNORE),  # past the table's last row, which the original's table ends at
        ("pascal", "object", 6655, IGNORE),
    ],
)
def test_raw_ids_become_the_published_labels(dataset: str, category: str, raw: int, index: int) -> None:
    assert published_tables().lookup(dataset, category)[raw] == index


def test_written_tables_are_read_back(tmp_path: Path) -> None:
    published_tables().write(tmp_path)
    assert read_tables(tmp_path) == published_tables()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("object.csv", "2,sky", "3,sky", r"object.csv:4: label 3.*2 is next"),
        ("object.csv", "0,-", "0,wall0", r"label 0 must be '-'"),
        ("object.csv", "label,name", "id,name", r"object.csv:1: the first row must be 'label,name'"),
        ("object_part_hierarchy.csv", "2,sky,0;82,-;cloud", "2,sky,0;83,-;cloud", r"part 83 is not 'cloud'"),
        ("object_part_hierarchy.csv", "2,sky,0;82,-;cloud", "2,sea,0;82,-;cloud", r"object 2 is not 'sea'"),
        ("object_part_hierarchy.csv", "2,sky,0;82,-;cloud", "2,sky,82,cloud", r"must begin with 0"),
        ("label_assignment.csv", "pascal,part,1,body,25,body", "pascal,part,1,body,25,leg", r"part 25 is 'body'"),
        ("label_assignment.csv", "pascal,part,1,body,25,body", "pascal,part,1,body,225,body", r"no label 225"),
        ("label_assignment.csv", "pascal,part,1,body,25,body", "pascal,part,one,body,25,body", r"'one' is not a whole"),
        ("label_assignment.csv", "pascal,part,2,engine", "pascal,part,1,engine", r"1 has a row already"),
        ("label_assignment.csv", "pascal,part,2,engine", "pascal,part,2", r"5 values, but 6 are expected"),
    ],
)
def test_a_damaged_table_is_refused_by_file_and_row(folder: Path, file: str, old: str, new: str, message: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_tables(folder)


def test_a_missing_table_is_named(folder: Path) -> None:
    (folder / "scene.csv").unlink()
    with pytest.raises(UserError, match=r"scene\.csv: no such file"):
        read_tables(folder)


def test_parts_with_sides_are_mirror_pairs_by_their_names(tmp_path: Path) -> None:
    objects, parts = LabelSpace(("person", "sky")), LabelSpace(("left arm", "head", "right arm"))
    BrodenTables(TaskLabels(objects, tree=PartTree(objects, parts, ((0, 1, 2), ()))), ()).write(tmp_path)
    tables = read_tables(tmp_path)
    assert tables.tasks.parts is not None and tables.tasks.parts.mirror == (("left arm", "right arm"),)
    published = published_tables().tasks.parts
    assert published is not None and published.mirror == ()
    kept, ones = np.array([9, 9]), np.array([[9, 9, 9], [0, 0, 0]])
    none = {str(task): np.zeros(0, dtype=np.int64) for task in ("scene", "material", "texture")}
    for frequent, pairs in ((ones, (("left arm", "right arm"),)), (ones * [1, 1, 0], (("left arm", None),))):
        counts = Counts(none | {"object": kept}, none | {"object": kept}, frequent)
        chosen = choose(tables, counts, min_pictures=1, min_pixels=1, part_pictures=1).tasks.parts
        assert chosen is not None and chosen.mirror == pairs
