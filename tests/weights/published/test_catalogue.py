"""The catalogue: facts of published checkpoints, and names that mean one of them each."""

import csv
import json
from importlib import resources
from pathlib import Path

import pytest

from sceneparse.cli import main
from sceneparse.datasets.kinds import KINDS
from sceneparse.recipes import recipe_names
from sceneparse.weights.importing.families.mmseg.published import published_rows
from sceneparse.weights.importing.families.table import family_names
from sceneparse.weights.published.catalogue import catalogue, find_published, matching
from sceneparse.weights.published.terms import TERMS, UNKNOWN


def test_every_name_means_one_checkpoint_and_none_is_a_recipes() -> None:
    names = [name for one in catalogue() for name in {one.name, one.short} if name]
    assert len(names) == len(set(names)) and len(catalogue()) == 309
    assert not set(names) & set(recipe_names())
    for one in catalogue():
        assert find_published(one.name) is one
        if one.short:
            assert find_published(one.short) is one and one.short.isascii() and one.short == one.short.lower()


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("upernet-convnext-tiny-ade20k", "convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512"),
        ("upernet-swin-tiny-ade20k", "swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512"),
        ("pspnet-resnet50-ade20k-512x512-80k", "pspnet_r50-d8_4xb4-80k_ade20k-512x512"),
        ("fcn-resnet18-cityscapes-769x769", "fcn_r18-d8_4xb2-80k_cityscapes-769x769"),
        ("semseg-pspnet-resnet50-ade20k", "semseg-pspnet50-ade20k"),
        ("unified-resnet50-broden", "upp-resnet50-upernet"),
    ],
)
def test_short_names_say_architecture_backbone_and_data(short: str, name: str) -> None:
    found = find_published(short)
    assert found is not None and found.name == name


def test_every_checkpoint_has_an_address_a_family_a_source_and_a_protocol_beside_its_figures() -> None:
    for one in catalogue():
        assert one.family in family_names(), one.name
        assert one.source and one.files and all(url.startswith("http") for file in one.files for url in file.urls)
        assert bool(one.protocol) == (one.miou is not None or one.miou_multiscale is not None), one.name
        assert len(one.files) == (2 if one.family in ("csail", "csail-baseline", "unifiedparsing") else 1)
        if not one.by_hand and not one.on_hub:
            assert all(file.name.endswith(".pth") for file in one.files)


def test_digits_in_a_name_are_a_check_only_where_they_are_the_files() -> None:
    for one in catalogue():
        for file in one.files:
            kind, _, digits = (file.checksum or "").partition(":")
            if kind == "sha256":
                assert one.family in ("mmseg", "torchvision") and f"-{digits}." in file.name
    (late,) = [one for one in catalogue() if one.family == "mmseg" and one.files[0].checksum is None]
    assert "-20230224_" in late.files[0].name, "published by MMSegmentation 1.x"


def test_terms_are_those_that_the_data_sets_state() -> None:
    kinds = {"ADE20K": "ade20k", "Cityscapes": "cityscapes", "Pascal VOC 2012 + Aug": "voc2012"}
    kinds |= {"Pascal Context 59": "pascal_context", "COCO-Stuff 164k": "coco_stuff"}
    for data, kind in kinds.items():
        assert TERMS[data] == KINDS[kind].entry.licence, (data, kind)
    assert {one.terms for one in catalogue() if one.data == "LoveDA"} == {UNKNOWN}


def test_words_filter_and_a_name_alone_shows_all_that_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "--published", "UPerNet", "convnext", "--json", str(tmp_path / "list.json")]) == 0
    shown = capsys.readouterr().out
    listed = json.loads((tmp_path / "list.json").read_text())
    assert len(listed) == len(matching(["upernet", "convnext"])) > 10
    for one in listed:
        assert (one["short"] or one["name"]) in shown
        assert one["licence"] is None or one["licence"].partition(" (")[0] in shown
    assert "data ADE20K: pictures for non-commercial research" in shown
    assert main(["models", "--published", "upernet-convnext-tiny-ade20k"]) == 0
    shown = capsys.readouterr().out
    for fact in ("46.11 at one scale, 46.62 at several", "mmassets.onedl.ai", "sha256 begins with", "Apache-2.0"):
        assert fact in shown
    assert main(["models", "--published", "nothing-like-it"]) == 2
    assert "no published checkpoint has all of 'nothing-like-it'" in capsys.readouterr().err


def test_what_cannot_be_imported_says_why_before_anything_is_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = [one for one in catalogue() if one.refused]
    assert {one.family for one in refused} == {"mmseg", "csail", "torchvision"} and len(refused) < 45
    fastfcn, lraspp = (
        "fastfcn_r50-d32_jpu_psp_4xb4-80k_ade20k-512x512",
        "lraspp_mobilenet_v3_large.COCO_WITH_VOC_LABELS_V1",
    )
    for name in (fastfcn, lraspp):
        assert main(["predict", name, __file__, "--out", str(tmp_path / "out")]) == 2
        assert "cannot be imported" in capsys.readouterr().err


def test_mmsegmentations_names_are_those_that_its_importer_knows() -> None:
    known = {row["name"]: row["file"] for row in published_rows()}
    for one in catalogue():
        if one.family == "mmseg" and one.backbone != "Swin-L":
            assert one.files[0].name == f"{known[one.name]}.pth", one.name


def test_the_pages_say_how_many_there_are() -> None:
    root = Path(__file__).resolve().parents[3]
    for page in ("README.md", "docs/published.md"):
        assert f"{len(catalogue())} published checkpoints are known by name" in (root / page).read_text(), page


def test_the_table_is_read_whole() -> None:
    text = (resources.files("sceneparse.weights.published") / "catalogue.csv").read_text(encoding="utf-8")
    assert [row["name"] for row in csv.DictReader(text.splitlines())] == [one.name for one in catalogue()]
