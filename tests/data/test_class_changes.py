"""Classes of any data set can be merged, dropped and renamed, and what became of each is said."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sceneparse.cli.settings import given_settings
from sceneparse.datasets.opening import open_dataset
from sceneparse.datasets.show import show_data
from sceneparse.doctor import check
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.labels.mirroring import Pair
from sceneparse.recipes import from_mapping
from sceneparse.settings import ClassSettings, DataSettings, Recipe, SourceSettings, ToyWorldSettings
from tests.support.layouts import LAYOUTS
from tests.support.small import write_data_set

TOY = DataSettings("toyworld", toyworld=ToyWorldSettings(size=64, train_count=3, eval_count=2))


@pytest.fixture
def folder(tmp_path: Path) -> DataSettings:
    """Three pictures of five classes and ignored pixels, one row each: 0 1 2 3 4 255."""
    from PIL import Image

    write_data_set(tmp_path / "set", {"train": 2, "val": 1, "test": 1}, size=(6, 8))
    names = ["road", "car", "bus", "sky", "void"]
    (tmp_path / "set" / "classes.json").write_text(json.dumps({"names": names, "ignore": 255}))
    for path in (tmp_path / "set").glob("*/masks/*.png"):
        Image.fromarray(np.repeat(np.array([[0], [1], [2], [3], [4], [255]], np.uint8), 8, axis=1)).save(path)
    return DataSettings(root=str(tmp_path / "set"))


def rows(settings: DataSettings, split: str = "train") -> tuple[tuple[str, ...], list[int]]:
    dataset = open_dataset(settings, split)
    objects = dataset[0].objects
    assert objects is not None
    return dataset.labels.names, objects[:, 0].tolist()


@pytest.mark.parametrize(
    ("classes", "names", "labels"),
    [
        ({"merge": {"vehicle": ["car", "bus"]}}, ("road", "vehicle", "sky", "void"), [0, 1, 1, 2, 3, IGNORE]),
        ({"drop": ["void", "road"]}, ("car", "bus", "sky"), [IGNORE, 0, 1, 2, IGNORE, IGNORE]),
        ({"rename": {"car": "bus", "sky": "air"}}, ("road", "bus", "air", "void"), [0, 1, 1, 2, 3, IGNORE]),
        ({"merge": {"car": ["bus"]}}, ("road", "car", "sky", "void"), [0, 1, 1, 2, 3, IGNORE]),
        (
            {"merge": {"thing": ["bus", "road"]}, "drop": ["void"], "rename": {"car": "auto", "sky": None}},
            ("thing", "auto"),
            [0, 1, 0, IGNORE, IGNORE, IGNORE],
        ),
    ],
)
def test_classes_of_a_folder_become_others(
    folder: DataSettings, classes: dict[str, Any], names: tuple[str, ...], labels: list[int]
) -> None:
    settings = replace(folder, classes=from_mapping(ClassSettings, classes, "test"))
    assert rows(settings) == (names, labels)
    # Some samples of a split, and several splits joined, have the same classes.
    assert rows(settings, "train[:1]") == rows(settings, "train+val") == (names, labels)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_every_kind_can_drop_and_rename(kind: str, tmp_path: Path) -> None:
    layout = LAYOUTS[kind](tmp_path)
    own = open_dataset(layout.settings, "train", channels=layout.channels)
    first, second, *others = own.labels.names
    given = replace(layout.settings.classes, drop=(first,), rename={second: "another"})
    changed = open_dataset(replace(layout.settings, classes=given), "train", channels=layout.channels)
    assert changed.labels.names == ("another", *others)
    before, after = own[0].objects, changed[0].objects
    assert before is not None and after is not None
    assert after.tolist() == np.where(before > 0, before - 1, IGNORE).tolist()
    assert changed.name(0) == own.name(0) and changed[0].name == own[0].name


def test_every_unknown_name_is_named_with_what_may_have_been_meant(folder: DataSettings) -> None:
    wrong = ClassSettings(merge={"vehicle": ("car", "buss")}, drop=("viod",), rename={"zebra": "horse"})
    with pytest.raises(UserError) as error:
        open_dataset(replace(folder, classes=wrong), "train")
    for part in ("'buss' (did you mean 'bus'?)", "'viod' (did you mean 'void'?)", "'zebra'", "it has bus, car"):
        assert part in str(error.value)
    assert "\n" not in str(error.value) and "'car'" not in str(error.value)


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ({"drop": ["car"], "rename": {"car": "bus", "sky": "air"}}, "names 'car' more than once"),
        ({"drop": ["car", "car"], "merge": {"x": ["sky"]}}, "names 'car' more than once"),
        ({"merge": {"x": []}}, "'x' must be a list of classes"),
        ({"rename": {"car": " "}}, "'car' is ' ', but must be a name"),
    ],
)
def test_what_contradicts_itself_is_refused(classes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        from_mapping(Recipe, {"data": {"classes": classes}}, "test")


def test_no_class_left_is_refused(folder: DataSettings) -> None:
    everything = ClassSettings(drop=("road", "car", "bus", "sky", "void"))
    with pytest.raises(UserError, match=r"leaves .* no class of objects: drop fewer"):
        open_dataset(replace(folder, classes=everything), "train")


def test_a_mixture_renames_by_source_and_then_changes_the_union(folder: DataSettings) -> None:
    renames: dict[str, dict[str, str | None]] = {"one": {"car": "auto"}, "two": {"bus": "coach"}}
    sources = tuple(
        SourceSettings(root=folder.root, name=name, rename=rename, test=None) for name, rename in renames.items()
    )
    mixture = DataSettings("mixture", sources=sources, classes=ClassSettings(merge={"vehicle": ("auto", "coach")}))
    found = open_dataset(mixture, "train")
    assert found.labels.names == ("road", "vehicle", "bus", "sky", "void", "car")
    labels = [sample.objects[:, 0].tolist() for sample in (found[0], found[2]) if sample.objects is not None]
    assert labels == [[0, 1, 2, 3, 4, IGNORE], [0, 5, 1, 3, 4, IGNORE]]
    assert len(list(found.draws(2, 0, 0, 3))) == 3  # type: ignore[attr-defined]
    wrong = replace(mixture, sources=(replace(sources[0], rename={"cra": "x", "buss": "y"}), sources[1]))
    with pytest.raises(UserError, match=r"'one' of the mixture has no class 'cra' \(.*'car'\?\), 'buss' \(.*'bus'\?\)"):
        open_dataset(wrong, "train")


def test_other_tasks_classes_change_too() -> None:
    own = open_dataset(TOY, "train")
    assert own.tasks.materials is not None and own.tasks.tree is not None
    gone, kept = own.tasks.materials.names[0], own.tasks.materials.names[1:]
    found = open_dataset(replace(TOY, classes=ClassSettings(drop=(gone,))), "train")
    assert found.tasks.materials is not None and found.tasks.materials.names == kept
    before, after = own[0].materials, found[0].materials
    assert before is not None and after is not None
    assert after.tolist() == np.where(before > 0, before - 1, IGNORE).tolist()


@pytest.mark.parametrize("kind", ["folder", "nifti", "toyworld"])
def test_the_doctor_counts_what_each_class_moved(kind: str, folder: DataSettings, tmp_path: Path) -> None:
    settings = {"folder": lambda: folder, "toyworld": lambda: TOY}.get(
        kind, lambda: LAYOUTS[kind](tmp_path / "other").settings
    )()
    channels = 4 if kind == "nifti" else 3
    own = check(settings, progress=False, channels=channels)
    first, second, third, *_ = own.labels.names
    classes = replace(settings.classes, merge={"both": (first, third)}, drop=(second,))
    found = check(replace(settings, classes=classes), progress=False, channels=channels)
    pixels = np.sum([split.pixels for split in own.splits], axis=0)
    said = {change.name: (change.becomes, change.pixels) for change in found.changes if change.task == "objects"}
    assert said[first] == ("both", pixels[0]) and said[second] == (None, pixels[1])
    assert said[third] == ("both", pixels[2])
    for before, after in zip(own.splits, found.splits, strict=True):
        assert after.pixels == (before.pixels[0] + before.pixels[2], *before.pixels[3:])
        assert after.ignored == before.ignored + before.pixels[1] and after.total == before.total
    content = found.to_json()
    assert {"task": "objects", "class": second, "becomes": None, "pixels": int(pixels[1])} in content["class_changes"]
    assert "class_changes" not in own.to_json()


def test_a_contact_sheet_says_what_became_of_each_class(
    folder: DataSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_data(replace(folder, classes=ClassSettings(drop=("void",))), out=tmp_path / "sheet.png", count=2)
    printed = capsys.readouterr().out
    assert "void" in printed and "ignored" in printed and "16" in printed and "2 samples" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data.classes", "a.json"],
        ["--data.classes=a.json"],
        ["--data={kind: huggingface, classes: a.json}"],
        ["--data.classes.file", "a.json"],
    ],
)
def test_a_file_of_classes_is_taken_where_it_stood_before(arguments: list[str]) -> None:
    given = given_settings(Recipe, arguments)["data"]["classes"]
    assert given == {"file": "a.json"}
    old = from_mapping(Recipe, {"data": {"kind": "huggingface", "root": "x", "classes": "a.json"}}, "test").data
    assert old.classes == ClassSettings(file="a.json")
    earlier: Any = "a.json"
    assert DataSettings("huggingface", root="x", classes=earlier).classes == old.classes


def test_a_file_of_classes_is_refused_where_the_kind_has_its_own() -> None:
    with pytest.raises(UserError, match=r"data\.classes\.file has no effect: kind camvid takes"):
        DataSettings("camvid", root="x", classes=ClassSettings(file="a.json"))


def test_what_became_one_class_by_its_name_alone_is_in_the_table(folder: DataSettings) -> None:
    path = Path(str(folder.root)) / "classes.json"
    path.write_text(json.dumps({"names": ["road", "Road", "bus", "sky", "void"], "ignore": 255}))
    changed = replace(folder, classes=ClassSettings(drop=("void",), rename={"sky": "Bus"}))
    assert rows(changed) == (("road", "bus"), [0, 0, 1, 1, IGNORE, IGNORE])
    became = {change.name: change.becomes for change in check(changed, progress=False).changes}
    assert became == {"road": "road", "Road": "road", "bus": "bus", "sky": "bus", "void": None}


@pytest.fixture
def sided(folder: DataSettings) -> DataSettings:
    """The same with a left and a right door, and a left and a right light, which classes.json pairs."""
    path = Path(str(folder.root)) / "classes.json"
    names = ["left door", "right door", "left light", "right light", "hood"]
    mirror = [["left door", "right door"], ["right light", "left light"]]
    path.write_text(json.dumps({"names": names, "ignore": 255, "ids": [0, 1, 2, 3, 4], "mirror": mirror}))
    return folder


DOORS, LIGHTS = ("left door", "right door"), ("right light", "left light")


@pytest.mark.parametrize(
    ("classes", "pairs"),
    [
        ({}, (DOORS, LIGHTS)),
        ({"drop": ["hood"]}, (DOORS, LIGHTS)),
        # In a mirror image the right door is what is dropped, or what has become one with something else.
        ({"drop": ["left door"]}, (LIGHTS, ("right door", None))),
        ({"drop": ["right light"]}, (DOORS, ("left light", None))),
        ({"drop": ["left door", "right door"]}, (LIGHTS,)),
        ({"merge": {"left": ["left door", "hood"]}}, (("left", None), ("right door", None), LIGHTS)),
        (
            {"merge": {"left": ["left door", "hood"]}, "mirror": [["left", "right door"]]},
            (("left", "right door"), LIGHTS),
        ),
        ({"merge": {"light": ["left light", "right light"]}}, (DOORS,)),
        (
            {"rename": {"left light": "lamp one", "right door": "gate"}},
            (("left door", "gate"), ("right light", "lamp one")),
        ),
        (
            {"merge": {"left": ["left door", "left light"], "right": ["right door", "right light"]}},
            (("left", "right"),),
        ),
        ({"mirror": None}, ()),
        ({"mirror": [["hood", None]]}, (DOORS, LIGHTS, ("hood", None))),
        ({"mirror": [["right door", "left door"]]}, (DOORS, LIGHTS)),
        ({"drop": ["left light"], "mirror": [["hood", "right light"]]}, (DOORS, ("hood", "right light"))),
        (
            {"rename": {"hood": "a"}, "drop": ["left door"], "mirror": [["a", "right door"]]},
            (LIGHTS, ("a", "right door")),
        ),
    ],
)
def test_mirror_pairs_follow_what_becomes_of_their_classes(
    sided: DataSettings, classes: dict[str, Any], pairs: tuple[Pair, ...]
) -> None:
    settings = replace(sided, classes=from_mapping(ClassSettings, classes, "test"))
    labels = open_dataset(settings, "train").labels
    assert set(labels.mirror) == set(pairs)
    assert check(settings, progress=False).labels.mirror == labels.mirror


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ({"merge": {"side": ["left door", "left light"]}}, "data.classes pairs 'side' with both 'right door' and"),
        (
            {"mirror": [["hood", "left door"]]},
            r"data\.classes\.mirror pairs 'left door' with both 'right door' and 'hood'",
        ),
        ({"mirror": [["hood", "hood"]]}, r"data\.classes\.mirror pairs 'hood' with itself"),
        ({"mirror": [["left door", None]]}, "mirror image of 'left door' is none of the classes, but .* 'right door'"),
        ({"mirror": [["hood", None], ["hood", "left light"]]}, "mirror image of 'hood' is none of .* 'left light'"),
        ({"mirror": [["hood", "trnk"]]}, r"data\.classes\.mirror: .* has no class 'trnk'"),
        (
            {"mirror": [["hood"]]},
            "mirror is .* but must be a list of items, each a list of 2 texts, the last maybe null",
        ),
        ({"mirror": [[None, "hood"]]}, "must be a list of items, each a list of 2 texts, the last maybe null"),
    ],
)
def test_a_class_with_two_mirror_images_is_refused(sided: DataSettings, classes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        open_dataset(replace(sided, classes=from_mapping(ClassSettings, classes, "test")), "train")


def test_pairs_alone_change_no_label_no_value_of_a_mask_and_no_name(sided: DataSettings) -> None:
    own = open_dataset(sided, "train")
    found = open_dataset(replace(sided, classes=ClassSettings(mirror=None)), "train")
    assert found.labels == replace(own.labels, mirror=())
    assert rows(sided) == rows(replace(sided, classes=ClassSettings(mirror=None)))
    assert check(replace(sided, classes=ClassSettings(mirror=None)), progress=False).changes == ()
    given = given_settings(Recipe, ["--data.classes.mirror", '[["left door", "hood"]]'])
    assert from_mapping(Recipe, {"data": {"kind": "toyworld"}}, "test", given).data.classes.mirror == (
        ("left door", "hood"),
    )
    assert ClassSettings(mirror=[["left door", None]]).mirror == (("left door", None),)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="must be a list of items, each two names, the last maybe None, or None"):
        ClassSettings(mirror=[[None, "hood"]])  # type: ignore[arg-type]
    none = given_settings(Recipe, ["--data.classes.mirror", "null"])
    assert from_mapping(Recipe, {"data": {"kind": "toyworld"}}, "test", none).data.classes.mirror is None


def test_a_source_that_has_a_paired_class_without_its_partner_changes_no_pair(sided: DataSettings) -> None:
    """Kept from the one source alone, the side has its mirror image from the other, also where that lists no pairs."""
    both = SourceSettings(root=sided.root, name="both", test=None)
    alone = SourceSettings(root=sided.root, name="alone", keep={"objects": ("left door", "hood")}, test=None)
    mixture = DataSettings("mixture", sources=(both, alone))
    assert set(open_dataset(mixture, "train").labels.mirror) == {DOORS, LIGHTS}
    one = replace(mixture, sources=(alone,))
    assert open_dataset(one, "train").labels.mirror == (("left door", None),)
    # What one source calls so is another thing than the side that another's rename calls so.
    renamed = replace(both, rename={"left light": "hood", "hood": "roof"})
    found = open_dataset(replace(mixture, sources=(renamed, alone)), "train").labels
    assert set(found.mirror) == {DOORS, ("hood", None), ("right light", None)}


def test_pairs_of_a_mixture_s_sources_are_its_own(sided: DataSettings) -> None:
    sources = (
        SourceSettings(root=sided.root, name="one", rename={"left door": "port", "right door": "starboard"}, test=None),
        SourceSettings(root=sided.root, name="two", keep={"objects": ("left light", "hood")}, test=None),
    )
    mixture = DataSettings("mixture", sources=sources)
    found = open_dataset(mixture, "train").labels
    assert set(found.mirror) == {("port", "starboard"), LIGHTS}
    assert open_dataset(replace(mixture, classes=ClassSettings(mirror=None)), "train").labels.mirror == ()
    other = replace(sources[1], keep={}, rename={"left light": "port", "right light": "hood", "hood": "roof"})
    wrong = replace(mixture, sources=(sources[0], other))
    with pytest.raises(UserError, match="the mixture pairs 'port' with both 'starboard' and 'hood'"):
        open_dataset(wrong, "train")
    unpaired = replace(wrong, classes=ClassSettings(mirror=None))
    assert not open_dataset(unpaired, "train").labels.mirror
    assert check(unpaired, progress=False).labels.mirror == ()


def test_pairs_of_other_tasks_can_be_given() -> None:
    own = open_dataset(TOY, "train").tasks
    assert own.textures is not None and own.parts is not None
    one, other = own.textures.names[:2]
    found = open_dataset(replace(TOY, classes=ClassSettings(mirror=((one, other),))), "train").tasks
    assert found.textures is not None and found.textures.mirror == ((one, other),)
    assert found.tree is not None and found.tree.children == own.tree.children  # type: ignore[union-attr]
    with pytest.raises(UserError, match="which are classes of different tasks"):
        open_dataset(replace(TOY, classes=ClassSettings(mirror=((one, own.parts.names[0]),))), "train")
