"""Every kind of data set is declared in full in one file, and a kind of another package is one like ours."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.errors import UserError
from sceneparse.parsing.submissions import submission_form
from sceneparse.recipes import from_mapping, read_recipe, to_yaml
from sceneparse.settings import DataSettings, Recipe, SourceSettings
from sceneparse.settings.kinds import used_by
from tests.support.outside import install

MODULE = """
from dataclasses import dataclass, replace

from sceneparse.datasets.folder import KIND as FOLDER, open_folder
from sceneparse.datasets.kind import DatasetKind, root_of
from sceneparse.errors import require


@dataclass(frozen=True)
class Options:
    folder: str = "first"
    shift: int = 0

    def __post_init__(self):
        require(self.shift >= 0, f"shift is {self.shift}, but must be 0 or more")


def open_drawn(settings, split, channels):
    options = KIND.read_options(settings.options, "data.options")
    return open_folder(root_of(settings) / options.folder, split, channels)


KIND = DatasetKind(
    open=open_drawn,
    entry=replace(FOLDER.entry, title="Drawings of the lab"),
    card="Drawings that the lab made.",
    options=Options,
)
NO_KIND = "drawn"
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A lab's package with a kind of its own, and the folder of a data set of that kind."""
    entries = {"drawn": "KIND", "broken": "NO_KIND"}
    install(tmp_path / "package", monkeypatch, package="lab_drawn", group="datasets", entries=entries, code=MODULE)
    root = tmp_path / "drawings"
    mask = Image.new("L", (4, 4))
    mask.putpixel((1, 1), 1)
    for folder, picture in (("images", Image.new("RGB", (4, 4))), ("masks", mask)):
        (root / "first" / "train" / folder).mkdir(parents=True)
        picture.save(root / "first" / "train" / folder / "1.png")
    (root / "first" / "classes.json").write_text(json.dumps({"names": ["paper", "ink"]}))
    yield root
    sys.modules.pop("lab_drawn", None)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_says_all_that_there_is_to_say(name: str) -> None:
    kind = KINDS[name]
    settings = DataSettings(name, root=None if kind.root == "none" else "somewhere")
    assert kind.describe(settings).endswith(".") and "\n" not in kind.describe(settings)
    assert kind.entry.title and kind.entry.contents and kind.entry.licence and kind.entry.tree
    assert bool(kind.entry.downloads) != bool(kind.entry.by_hand)
    assert kind.channels(settings) == (4 if kind.volumes else 3)
    assert set(kind.uses) <= {"classes", "toyworld", "huggingface", "nifti", "orientation", "range", "camera"}
    assert kind.reported is None or not kind.splits or kind.reported in kind.splits
    if kind.submission is not None:
        assert kind.submission.benchmark == name and kind.submission.labels == kind.labels


CHANGES = {
    "root": "somewhere",
    "classes": {"file": "classes.json"},
    "toyworld": {"size": 64},
    "huggingface": {"subset": "large"},
    "nifti": {"truth": "labels"},
    "annotation": "split",
    "batches": "mixed",
    "sources": [{"kind": "dtd", "root": "dtd"}],
    "options": {"unheard_of": 1},
}


@pytest.mark.parametrize("changed", CHANGES)
@pytest.mark.parametrize("name", KINDS)
def test_a_kind_refuses_what_it_does_not_use_and_says_what_it_does(name: str, changed: str) -> None:
    data = {"kind": name, **({"root": "here"} if KINDS[name].root == "required" else {}), changed: CHANGES[changed]}
    used = used_by(name)
    if changed == "options" and KINDS[name].options is not None:
        with pytest.raises(UserError, match=r"^x\.yaml: data\.options: unknown setting 'unheard_of'"):
            from_mapping(DataSettings, data, "x.yaml")
        return
    if changed in used and not (changed == "batches" and not KINDS[name].mixes):
        without = {key: value for key, value in data.items() if key != changed}
        assert from_mapping(DataSettings, data, "x.yaml") != from_mapping(DataSettings, without, "x.yaml")
        return
    says = "has no options" if changed == "options" else "takes"
    with pytest.raises(
        UserError, match=rf"^x\.yaml: data\.{changed}[\w.]* has no effect: kind {name} {says}"
    ) as caught:
        from_mapping(DataSettings, data, "x.yaml")
    if changed not in used and changed != "options":
        instead = "; its classes get other colours by data.classes.colors, other names by data.classes.rename"
        assert str(caught.value).endswith(", ".join(used[1:]) + (instead if changed == "classes" else ""))


def test_the_refused_setting_of_a_group_is_named() -> None:
    with pytest.raises(UserError, match=r"data\.nifti\.truth has no effect: kind folder takes root, train, val, test,"):
        from_mapping(Recipe, {"data": {"root": "here", "nifti": {"truth": "x"}}}, "x.yaml")


def test_a_mixture_takes_the_settings_of_its_data_sets() -> None:
    data = {"kind": "mixture", "sources": [{"kind": "toyworld"}], "toyworld": {"size": 64}}
    assert from_mapping(Recipe, {"data": data}, "x.yaml").data.toyworld.size == 64
    with pytest.raises(UserError, match=r"data\.nifti\.truth has no effect: kind mixture takes"):
        from_mapping(Recipe, {"data": {**data, "nifti": {"truth": "x"}}}, "x.yaml")


def test_a_source_is_no_mixture_and_has_a_folder_only_where_its_kind_has() -> None:
    for source, message in (
        ({"kind": "mixture"}, "a mixture is made of data sets, not of mixtures"),
        ({"kind": "dtd"}, "has no root"),
        ({"kind": "toyworld", "root": "here"}, "root has no effect"),
        ({"kind": "dtx", "root": "here"}, "did you mean 'dtd'"),
        ({"kind": "dtd", "root": "here", "options": {"a": 1}}, "options has no effect: kind dtd has no options"),
    ):
        with pytest.raises(UserError, match=message):
            SourceSettings(**source)


class TestAKindOfAnotherPackage:
    def test_its_name_works_in_recipes_with_settings_of_its_own(self, lab: Path, tmp_path: Path) -> None:
        data = {"kind": "drawn", "root": str(lab), "options": {"folder": "first"}}
        recipe = from_mapping(Recipe, {"data": data}, "x.yaml")
        assert len(open_dataset(recipe.data, "train")) == 1
        (tmp_path / "recipe.yaml").write_text(to_yaml(recipe))
        assert read_recipe(tmp_path / "recipe.yaml") == recipe

    def test_its_settings_are_checked(self, lab: Path) -> None:
        for options, message in (
            ({"foldr": "first"}, r"data\.options: unknown setting 'foldr'; did you mean 'folder'"),
            ({"shift": "far"}, r"data\.options: .*shift"),
            ({"shift": -1}, r"data\.options: shift is -1, but must be 0 or more"),
        ):
            with pytest.raises(UserError, match=message):
                from_mapping(Recipe, {"data": {"kind": "drawn", "root": str(lab), "options": options}}, "x.yaml")

    def test_it_is_mixed_listed_described_checked_and_exported(
        self, lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        source = SourceSettings("drawn", str(lab), options={"folder": "first"}, val=None, test=None)
        mixture = open_dataset(DataSettings("mixture", sources=(source,)), "train")
        assert mixture.name(0) == "drawn/1"
        assert main(["data", "list", "drawn"]) == 0
        assert "Drawings of the lab" in capsys.readouterr().out
        assert main(["data", "check", str(lab), "--kind", "drawn", "--data.val", "train"]) == 0
        assert (
            main(["data", "show", str(lab), "--kind", "drawn", "--count", "1", "--out", str(tmp_path / "s.png")]) == 0
        )
        assert main(["data", "export", str(lab), "--kind", "drawn", "--out", str(tmp_path / "out")]) == 0
        assert KINDS["drawn"].describe(DataSettings("drawn", str(lab))) == "Drawings that the lab made."

    @pytest.mark.usefixtures("lab")
    def test_one_that_is_no_kind_is_refused_with_the_package_that_brings_it(self) -> None:
        with pytest.raises(UserError, match=r"lab_drawn: .*'broken' .* is of type str, but must be a DatasetKind"):
            KINDS["broken"]


def test_results_have_a_form_only_where_a_server_takes_them() -> None:
    assert submission_form("cityscapes").file("aachen_leftImg8bit") == "cityscapes/aachen.png"
    with pytest.raises(UserError, match=r"results of .camvid.; there are forms for: voc2012, cityscapes"):
        submission_form("camvid")
    with pytest.raises(UserError, match=r"benchmark is 'cityscape', but must be one of .*; did you mean 'cityscapes'"):
        submission_form("cityscape")
