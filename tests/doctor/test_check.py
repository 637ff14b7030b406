"""The data doctor: every trouble is found, named, counted, and none of them ends the check."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from sceneparse.arguments import on_command_line
from sceneparse.doctor import Diagnosis, Finding, check, print_diagnosis
from sceneparse.doctor.findings import EXAMPLES
from sceneparse.errors import UserError
from sceneparse.settings import ClassSettings, DataSettings, SourceSettings, ToyWorldSettings

SPACE = {"names": ["sky", "road"], "colors": [[0, 0, 255], [128, 64, 128]], "ignore": 255}
MASK = np.array([[0, 0, 1, 1, 1, 255]] * 4, dtype=np.uint8)


def write(root: Path, counts: dict[str, int]) -> None:
    """Pictures that all differ, and a good mask for each."""
    (root / "classes.json").write_text(json.dumps(SPACE))
    rng = np.random.default_rng(0)
    for split, count in counts.items():
        for kind in ("images", "masks"):
            (root / split / kind).mkdir(parents=True)
        for index in range(count):
            picture = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
            Image.fromarray(picture).save(root / split / "images" / f"{index:03}.png")
            Image.fromarray(MASK).save(root / split / "masks" / f"{index:03}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, {"train": 3, "val": 2, "test": 2})
    return tmp_path


def diagnose(root: Path, **settings: str) -> Diagnosis:
    data = DataSettings(kind="folder", root=str(root), **settings)  # type: ignore[arg-type]
    return check(data, progress=False, workers=2)


def found(diagnosis: Diagnosis, code: str) -> Finding:
    """The one finding of that code."""
    (finding,) = [finding for finding in diagnosis.findings if finding.code == code]
    return finding


def test_a_sound_data_set_has_no_findings_and_its_balance_is_counted(root: Path) -> None:
    diagnosis = diagnose(root)
    assert diagnosis.ok and diagnosis.findings == ()
    assert diagnosis.verdict == "7 pictures: ready to train on"
    train = diagnosis.splits[0]
    assert (train.name, train.pictures, train.sizes) == ("train", 3, {(4, 6): 3})
    assert train.pixels == (24, 36) and train.pictures_with == (3, 3)
    assert (train.ignored, train.total) == (12, 72)
    assert train.share(1) == pytest.approx(0.6)


def turned(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(root / "train/images/000.png", exif=exif)


def jpeg_mask(root: Path) -> None:
    (root / "train/masks/000.png").unlink()
    Image.fromarray(MASK).save(root / "train/masks/000.jpg")


def copies(root: Path) -> None:
    (root / "val/images/000.png").write_bytes((root / "val/images/001.png").read_bytes())


def shared_picture(root: Path) -> None:
    (root / "val/images/000.png").write_bytes((root / "train/images/001.png").read_bytes())


def cut_off(root: Path) -> None:
    path = root / "train/images/000.png"
    path.write_bytes(path.read_bytes()[:70])


def set_space(root: Path, **changes: object) -> None:
    (root / "classes.json").write_text(json.dumps({**SPACE, **changes}))


CASES: dict[str, tuple[Callable[[Path], object], str, str, str, str]] = {
    "picture alone": (
        lambda root: (root / "train/masks/001.png").unlink(),
        "error",
        "no-mask",
        "train: 1 file without a mask in train/masks",
        "train/images/001.png",
    ),
    "mask alone": (
        lambda root: (root / "val/images/001.png").unlink(),
        "error",
        "no-picture",
        "val: 1 file without a picture in val/images",
        "val/masks/001.png",
    ),
    "two of a name": (
        lambda root: Image.new("RGB", (6, 4)).save(root / "val/images/001.bmp"),
        "error",
        "same-name",
        "val: 1 file with another file's name",
        "val/images/001.png",
    ),
    "cut off": (cut_off, "error", "unreadable", "damaged or cut off", "train/images/000.png"),
    "empty mask file": (
        lambda root: (root / "train/masks/002.png").write_bytes(b""),
        "error",
        "unreadable",
        "the file is empty",
        "train/masks/002.png",
    ),
    "other size": (
        lambda root: Image.new("L", (5, 4)).save(root / "test/masks/001.png"),
        "error",
        "size",
        "5×4 pixels, but its picture",
        "test/masks/001.png",
    ),
    "turned by exif": (turned, "error", "turned", "EXIF turns it upright", "train/masks/000.png"),
    "unknown values": (
        lambda root: set_space(root, ignore=None),
        "error",
        "unknown-values",
        "7 masks: value 255 at 28 pixels",
        "test/masks/000.png",
    ),
    "colour mask": (
        lambda root: Image.new("RGB", (6, 4), (9, 0, 0)).save(root / "train/masks/000.png"),
        "error",
        "mask-is-rgb",
        '"masks": "rgb"',
        "train/masks/000.png",
    ),
    "grey mask": (
        lambda root: set_space(root, masks="rgb", ignore=[]),
        "error",
        "mask-is-index",
        "7 masks are grey, but the label space expects colours",
        "train/masks/000.png",
    ),
    "jpeg mask": (jpeg_mask, "error", "jpeg-mask", "cannot be a JPEG", "train/masks/000.jpg"),
    "copies": (copies, "warning", "copies", "val: 1 picture more than once", "val/images/000.png = val/images/001.png"),
    "shared": (
        shared_picture,
        "error",
        "shared-pictures",
        "1 picture in train and val at once",
        "train/images/001.png = val/images/000.png",
    ),
    "never in training": (
        lambda root: set_space(root, names=["sky", "road", "car"], colors=None),
        "warning",
        "class-never",
        "train: 1 class never occurs and cannot be learnt",
        "car",
    ),
    "nothing labelled": (
        lambda root: Image.new("L", (6, 4), 255).save(root / "val/masks/000.png"),
        "warning",
        "nothing-labelled",
        "val: 1 mask ignored everywhere",
        "val/masks/000.png",
    ),
    "mixed forms": (
        lambda root: Image.new("L", (6, 4), 3).save(root / "train/images/000.png"),
        "note",
        "mixed-forms",
        "(2 colour, 1 grey)",
        "train/images/000.png",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_trouble_is_found_and_named(case: str, root: Path) -> None:
    spoil, severity, code, message, example = CASES[case]
    spoil(root)
    diagnosis = diagnose(root)
    finding = next(finding for finding in diagnosis.findings if finding.code == code)
    assert finding.severity == severity
    assert message in finding.message
    assert example in finding.examples
    assert diagnosis.ok == (severity != "error")


def test_all_troubles_are_found_in_one_go(root: Path) -> None:
    for spoil in (cut_off, shared_picture):
        spoil(root)
    (root / "test/masks/000.png").write_bytes(b"nonsense")
    (root / "test/images/001.png").unlink()
    diagnosis = diagnose(root)
    assert {finding.code for finding in diagnosis.findings} == {"unreadable", "shared-pictures", "no-picture"}
    assert found(diagnosis, "unreadable").count == 2
    assert "2 files cannot be read" in found(diagnosis, "unreadable").message
    assert not diagnosis.ok and "not ready" in diagnosis.verdict and "(3 errors)" in diagnosis.verdict


def test_values_are_judged_over_all_masks_together(root: Path) -> None:
    set_space(root, names=["a", "b", "c"], colors=None)
    for index in range(3):
        Image.fromarray(np.array([[1, 2, 3, 255, 0, 0]] * 4, dtype=np.uint8)).save(root / f"train/masks/{index:03}.png")
    finding = found(diagnose(root), "unknown-values")
    assert "3 masks: value 3 at 12 pixels" in finding.message and '"reduce zero label"' in finding.message
    assert '"ids": [1, …, 3]' in finding.message


def test_of_several_files_that_cannot_be_read_each_reason_is_told(root: Path) -> None:
    cut_off(root)
    for name in ("train/images/001.png", "val/images/000.png"):
        (root / name).write_bytes(b"")
    finding = found(diagnose(root), "unreadable")
    assert "3 files cannot be read; put whole ones in their place or leave them out. " in finding.message
    assert "train/images/001.png and 1 more: the file is empty; " in finding.message
    assert "train/images/000.png: " in finding.message and "damaged or cut off" in finding.message


def test_unknown_values_do_not_count_as_ignored(root: Path) -> None:
    set_space(root, ignore=None)
    assert [split.ignored for split in diagnose(root).splits] == [0, 0, 0]


def test_only_some_examples_are_kept_but_all_are_counted(tmp_path: Path) -> None:
    write(tmp_path, {"train": 14, "val": 1, "test": 1})
    for index in range(14):
        (tmp_path / f"train/masks/{index:03}.png").write_bytes(b"")
    finding = found(diagnose(tmp_path), "unreadable")
    assert finding.count == 14 and len(finding.examples) == EXAMPLES


def test_too_much_ignored_is_a_warning(root: Path) -> None:
    set_space(root, names=["sky"], colors=None, ids=[0], ignore=[1, 255])
    finding = next(finding for finding in diagnose(root).findings if finding.code == "mostly-ignored")
    assert finding.severity == "warning" and "67% of all pixels are ignored" in finding.message


def test_splits_that_the_settings_name_must_exist(root: Path) -> None:
    diagnosis = diagnose(root, train="train+extra", test="final")
    severities = {finding.message: finding.severity for finding in diagnosis.findings if finding.code == "no-split"}
    assert list(severities.values()) == ["error", "warning"]
    assert "data.train is 'train+extra', but there is no split 'extra'; there are: train, val, test" in severities


def test_a_default_test_split_that_is_not_there_is_a_note(tmp_path: Path) -> None:
    write(tmp_path, {"train": 3, "val": 2})
    finding = found(diagnose(tmp_path), "no-split")
    assert (finding.severity, finding.message) == (
        "note",
        "data.test is 'test', but there is no split 'test'; there are: train, val; to evaluate on what is held out "
        "from training: split='val'",
    )
    with on_command_line():  # whole, since `data check` takes no split
        command = f"sceneparse evaluate MODEL --data {tmp_path} --split 'train[:2]'"
        own = found(diagnose(tmp_path, train="train[2:]", val="train[:2]"), "no-split").message
        assert own.endswith(f"to evaluate on what is held out from training: {command}")


@pytest.mark.parametrize("left", ["folder", "nothing"])
def test_pictures_to_test_on_that_nobody_annotated_yet_stop_no_training(left: str, root: Path) -> None:
    for path in (root / "test" / "masks").iterdir():
        path.unlink()
    if left == "nothing":
        (root / "test" / "masks").rmdir()
    diagnosis = diagnose(root)
    assert diagnosis.ok
    if left == "folder":
        assert found(diagnosis, "empty-split") == Finding(
            "warning",
            "empty-split",
            "test: no picture with a mask in test/images, 2 pictures without a mask; it is not trained on, but nothing "
            "can be measured on it",
        )
    else:
        assert found(diagnosis, "no-folder").severity == "warning"
    # Where they are trained on, or the masks have no pictures, it is wrong as ever.
    assert not diagnose(root, val="test").ok


def test_a_missing_folder_and_an_empty_split_are_findings(root: Path) -> None:
    (root / "more" / "images").mkdir(parents=True)
    for kind in ("images", "masks"):
        (root / "void" / kind).mkdir(parents=True)
    diagnosis = diagnose(root)
    assert "more/masks: no such folder" in found(diagnosis, "no-folder").message
    assert "void: no picture with a mask" in found(diagnosis, "empty-split").message


def test_another_layout_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not the expected layout"):
        diagnose(tmp_path)


def test_json_and_tables_hold_the_findings(root: Path) -> None:
    shared_picture(root)
    diagnosis = diagnose(root)
    value = json.loads(json.dumps(diagnosis.to_json()))
    assert value["ok"] is False and value["findings"][0]["code"] == "shared-pictures"
    assert value["splits"][0]["pixels"] == {"sky": 24, "road": 36}
    assert value["splits"][0]["sizes"] == [{"height": 4, "width": 6, "pictures": 3}]
    console = Console(file=StringIO(), width=120)
    print_diagnosis(diagnosis, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for expected in ("60.00%", "6×4", "shared-pictures", "val/images/000.png", "not ready: mend the errors first"):
        assert expected in text


def test_square_brackets_in_names_are_printed(root: Path) -> None:
    for path in list((root / "train").rglob("*.png")):
        path.rename(path.with_name(f"a{path.name}"))
    classes = ClassSettings(rename={"sky": "[red]sky"})
    data = DataSettings(kind="folder", root=str(root), train="train[a*]", classes=classes)
    console = Console(file=StringIO(), width=120)
    print_diagnosis(check(data, progress=False, workers=1), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("train[a*]") >= 2 and text.count("[red]sky") >= 2


def test_a_progress_bar_is_shown_only_when_asked_for(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diagnose(root)
    assert capsys.readouterr() == ("", "")


def test_the_toy_world_has_nothing_on_disk_but_a_balance() -> None:
    diagnosis = check(DataSettings(kind="toyworld", toyworld=ToyWorldSettings(32, 6, 2)), progress=False)
    assert diagnosis.ok and diagnosis.root is None
    assert found(diagnosis, "built-in").severity == "note"
    assert [split.pictures for split in diagnosis.splits] == [6, 2, 2]
    assert sum(diagnosis.splits[0].pixels) + diagnosis.splits[0].ignored == 6 * 32 * 32


def test_camvid_is_sound(shared: Path) -> None:
    diagnosis = check(DataSettings(kind="camvid", root=str(shared / "data" / "camvid")), progress=False)
    assert diagnosis.findings == ()
    facts = json.loads((shared / "data" / "camvid" / "classes.json").read_text())
    for split in diagnosis.splits:
        assert list(split.pixels) == facts["pixels"][split.name]["per_class"]
        assert list(split.pictures_with) == facts["pixels"][split.name]["images_with_class"]
        assert split.ignored == facts["pixels"][split.name]["void"]


def test_every_task_of_a_mixture_is_counted_and_a_broken_sample_is_named(tmp_path: Path) -> None:
    root = tmp_path / "dtd"
    for split, texture, tone in (("train", "banded", 9), ("train", "dotted", 90), ("val", "dotted", 200)):
        (root / split / texture).mkdir(parents=True)
        Image.new("RGB", (6, 5), (tone, 9, 9)).save(root / split / texture / "a.jpg")
    sources = (SourceSettings("dtd", str(root), test=None), SourceSettings("toyworld"))
    settings = DataSettings(kind="mixture", sources=sources, toyworld=ToyWorldSettings(32, 2, 1))
    diagnosis = check(settings, progress=False)
    assert diagnosis.ok and [split.pictures for split in diagnosis.splits] == [4, 2, 1]
    assert [other.task for other in diagnosis.others] == ["parts", "materials", "textures", "scene"]
    textures = diagnosis.others[2]
    banded = textures.labels.names.index("banded")
    assert textures.splits[0].pictures_with[banded] == 1 and textures.splits[0].pixels[banded] == 30
    assert diagnosis.to_json()["tasks"]["textures"]["splits"][0]["pixels"]["banded"] == 30
    (root / "train" / "dotted" / "a.jpg").write_bytes(b"no picture")
    diagnosis = check(settings, progress=False)
    assert not diagnosis.ok and "dtd/dotted/a" in diagnosis.findings[0].examples[0]


def test_pictures_in_validation_and_test_alike_are_only_a_warning(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        (tmp_path / split / "banded").mkdir(parents=True)
        tone = 9 if split == "train" else 99
        Image.new("RGB", (6, 5), (tone, 9, 9)).save(tmp_path / split / "banded" / "a.jpg")
    diagnosis = check(DataSettings(kind="dtd", root=str(tmp_path)), progress=False)
    assert diagnosis.ok and diagnosis.findings[0].code == "shared-pictures"


def test_extra_keys_of_classes_json_are_a_warning_and_not_printed_too(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "classes.json").write_text(json.dumps({**SPACE, "colour": "red"}))
    diagnosis = diagnose(root)
    assert diagnosis.ok and diagnosis.verdict == "7 pictures: ready to train on (1 warning)"
    assert "did you mean 'colors'" in found(diagnosis, "extra-keys").message
    assert capsys.readouterr().err == ""
