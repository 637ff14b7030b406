"""Building the joint set from small trees in each owner's layout, and reading it back."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.datasets.broden.build import build_broden
from sceneparse.datasets.broden.coding import write_ids
from sceneparse.datasets.broden.dataset import open_broden
from sceneparse.datasets.broden.tables import published_tables
from sceneparse.doctor import check
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.settings import DataSettings

RAW = {(row.category, row.name): row.raw_label for row in published_tables().assignments if row.dataset == "ade20k"}


def save(path: Path, size: tuple[int, int], tone: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (tone, 80, 70)).save(path)


@pytest.fixture
def ade20k(tmp_path: Path) -> Path:
    """Four pictures: car and sky everywhere, a wheel in three, a boat in one; the first is large."""
    root = tmp_path / "ADE20K_2021_17_01"
    for number in range(4):
        split = "training" if number < 3 else "validation"
        folder = root / "images" / "ADE" / split / "urban" / "street"
        size = (1200, 1100) if number == 0 else (40, 30)
        save(folder / f"ADE_{number}.jpg", size, 10 * number)
        objects = np.full((size[1], size[0]), RAW["object", "sky"])
        objects[:, : size[0] // 2] = RAW["object", "car"]
        if number == 1:
            objects[:5] = RAW["object", "boat"]
        write_ids(folder / f"ADE_{number}_seg.png", objects)
        if number != 1:
            parts = np.zeros_like(objects)
            parts[: size[1] // 2, : size[0] // 4] = RAW["part", "wheel"]
            if number == 2:
                parts[-1, 0] = RAW["part", "door"]
            write_ids(folder / f"ADE_{number}_parts_1.png", parts)
        annotation = {"annotation": {"scene": ["outdoor", "urban", "street"]}}
        (folder / f"ADE_{number}.json").write_text(json.dumps(annotation), encoding="latin-1")
    return root


@pytest.fixture
def opensurfaces(tmp_path: Path) -> Path:
    root = tmp_path / "opensurfaces"
    (root / "photos-labels").mkdir(parents=True)
    for photo, red in (("5", 1), ("8", 0), ("9", 43)):  # brick, nothing, wood
        save(root / "photos" / f"{photo}.jpg", (40, 30), int(photo))
        pixels = np.zeros((30, 40, 3), dtype=np.uint8)
        pixels[:10, :, 0] = red
        Image.fromarray(pixels).save(root / "photos-labels" / f"{photo}.png")
    (root / "photos.csv").write_text("photo_id,scene_category_name\n5,kitchen\n8,kitchen\n9,kitchen\n")
    return root


@pytest.fixture
def dtd(tmp_path: Path) -> Path:
    root = tmp_path / "dtd"
    for texture in ("banded", "dotted"):
        for number in range(2):
            save(
                root / "images" / texture / f"{texture}_{number}.jpg",
                (20, 20),
                50 * number + (100 if texture == "banded" else 120),
            )
    lines = [f"{t}/{t}_{n}.jpg {t} lined " for t in ("banded", "dotted") for n in range(2)]
    (root / "labels").mkdir()
    (root / "labels" / "labels_joint_anno.txt").write_text("\n".join(lines) + "\n")
    return root


def test_frequent_classes_are_kept_and_rare_ones_become_unlabelled(ade20k: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    built = build_broden(out, ade20k=ade20k, min_pictures=2, min_pixels=100, part_pictures=2, progress=False)
    assert built.tasks.objects is not None and set(built.tasks.objects.names) == {"sky", "car"}
    assert built.tasks.parts is not None and built.tasks.parts.names == ("wheel",)
    assert built.tasks.scenes is not None and built.tasks.scenes.names == ("street",)
    assert built.records == {("ade20k", "train"): 3, ("ade20k", "val"): 1}
    samples = [dataset[i] for s in ("train", "val") for dataset in [open_broden(out, s)] for i in range(len(dataset))]
    by_name = {sample.name.rsplit("/", 1)[1]: sample for sample in samples}
    assert set(by_name) == {"ADE_0", "ADE_1", "ADE_2", "ADE_3"}
    large = by_name["ADE_0"]
    assert large.size == (512, 559) and large.scene == 0
    car = built.tasks.objects.names.index("car")
    assert large.objects is not None and large.parts is not None
    assert (large.objects == car).float().mean().item() == pytest.approx(0.5, abs=0.01)
    assert (large.parts == 0).float().mean().item() == pytest.approx(0.125, abs=0.01)
    boat = by_name["ADE_1"]
    assert boat.objects is not None and (boat.objects[:5] == IGNORE).all() and (boat.objects[5:] >= 0).all()
    door = by_name["ADE_2"]
    assert door.parts is not None and door.parts[-1, 0] == IGNORE


def test_all_sources_together_are_read_back_and_pass_the_doctor(
    ade20k: Path, opensurfaces: Path, dtd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["data", "build-broden", "--ade20k", ade20k, "--opensurfaces", opensurfaces, "--dtd", dtd, "--out", out]
    least = ["--min-pictures", "1", "--min-pixels", "1", "--part-pictures", "1"]
    assert main([*map(str, words), *least]) == 0
    assert "3 objects, 2 parts, 2 materials, 1 scenes, 2 textures" in capsys.readouterr().out
    train, val = open_broden(out, "train"), open_broden(out, "val")
    names = {dataset.name(index) for dataset in (train, val) for index in range(len(dataset))}
    assert len(names) == len(train) + len(val) == 4 + 2 + 4, "the photo without any material is left out"
    assert {"os/5", "os/9", "dtd/dotted/dotted_1"} <= names
    assert train.tasks.materials is not None and train.tasks.materials.names == ("brick", "wood")
    diagnosis = check(DataSettings(kind="broden", root=str(out)), progress=False)
    assert diagnosis.ok and [other.task for other in diagnosis.others] == ["parts", "materials", "textures", "scene"]
    assert sum(split.pictures for split in diagnosis.splits) == 10


def test_pascal_is_built_with_its_matlab_files(tmp_path: Path) -> None:
    pytest.importorskip("scipy.io")
    from tests.support.pascal import write_pascal

    out = tmp_path / "out"
    least = {"min_pictures": 1, "min_pixels": 1, "part_pictures": 1}
    built = build_broden(out, pascal=write_pascal(tmp_path / "pascal"), progress=False, **least)  # type: ignore[arg-type]
    sample = open_broden(out, "train")[0]
    assert built.tasks.parts is not None and built.tasks.parts.names == ("arm",)
    assert sample.parts is not None and (sample.parts == 0).sum() == 3


def test_the_split_depends_on_the_seed_alone(dtd: Path, tmp_path: Path) -> None:
    def held_out(name: str, seed: int) -> str:
        build_broden(tmp_path / name, dtd=dtd, seed=seed, progress=False)
        return open_broden(tmp_path / name, "val").name(0)

    assert held_out("a", 1) == held_out("b", 1)
    assert len({held_out(f"c{seed}", seed) for seed in range(6)}) > 1


def test_mistakes_are_refused(ade20k: Path, dtd: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give at least one of"):
        build_broden(tmp_path / "a")
    with pytest.raises(UserError, match="no class occurs often enough"):
        build_broden(tmp_path / "b", ade20k=tmp_path_of_sceneless(ade20k), progress=False)
    build_broden(tmp_path / "c", dtd=dtd, progress=False)
    with pytest.raises(UserError, match="is there already"):
        build_broden(tmp_path / "c", dtd=dtd, progress=False)
    (dtd / "images" / "banded" / "banded_0.jpg").unlink()
    with pytest.raises(UserError, match=r"banded_0\.jpg: no such file"):
        build_broden(tmp_path / "d", dtd=dtd, progress=False)


def test_a_build_that_was_broken_off_goes_on(ade20k: Path, dtd: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match="no class occurs often enough"):
        build_broden(out, ade20k=tmp_path_of_sceneless(ade20k), progress=False)
    damaged = next(ade20k.rglob("ADE_2_seg.png"))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:50])
    with pytest.raises(UserError, match=r"ADE_2_seg\.png: damaged"):
        build_broden(out, ade20k=ade20k, progress=False)
    damaged.write_bytes(whole)
    copies = {path: path.stat().st_ino for path in (out / "broden_dataset").rglob("ADE*.*")}
    assert {"ADE_0.jpg", "ADE_0_seg.png", "ADE_3_parts_1.png"} <= {path.name for path in copies}
    least = {"min_pictures": 2, "min_pixels": 100, "part_pictures": 2}
    build_broden(out, ade20k=ade20k, dtd=dtd, progress=False, **least)  # type: ignore[arg-type]
    build_broden(tmp_path / "new", ade20k=ade20k, dtd=dtd, progress=False, **least)  # type: ignore[arg-type]
    files = [
        {file.relative_to(one): file.read_bytes() for file in one.rglob("*") if file.is_file()}
        for one in (out, tmp_path / "new")
    ]
    assert files[0] == files[1]
    kept = [path for path, number in copies.items() if path.stat().st_ino == number]
    assert {path.name for path in copies} - {path.name for path in kept} <= {"ADE_2_seg.png"}


def test_records_of_a_build_that_was_broken_off_do_not_stay(dtd: Path, tmp_path: Path) -> None:
    meta = tmp_path / "out" / "meta_file"
    meta.mkdir(parents=True)
    (meta / "broden_os_train.json").write_text("{}\n")
    build_broden(tmp_path / "out", dtd=dtd, progress=False)
    assert sorted(path.name for path in meta.glob("*.json")) == ["dtd_training_list.json", "dtd_validation_list.json"]


def test_every_source_is_looked_at_before_one_is_copied(ade20k: Path, dtd: Path, tmp_path: Path) -> None:
    for wrong in ({"pascal": tmp_path}, {"opensurfaces": tmp_path}, {"dtd": tmp_path / "none"}):
        with pytest.raises(UserError):
            build_broden(tmp_path / "out", ade20k=ade20k, progress=False, **wrong)  # type: ignore[arg-type]
    (dtd / "images" / "banded" / "banded_0.jpg").unlink()
    (dtd / "images" / "dotted" / "dotted_0.jpg").unlink()
    with pytest.raises(UserError, match=r"banded_0\.jpg: no such file \(and 1 more\)"):
        build_broden(tmp_path / "out", ade20k=ade20k, dtd=dtd, progress=False)
    assert not (tmp_path / "out").exists()


def test_a_map_of_another_shape_than_its_picture_is_refused(ade20k: Path, tmp_path: Path) -> None:
    picture, exif = next(ade20k.rglob("ADE_3.jpg")), Image.Exif()
    exif[0x0112] = 6
    with Image.open(picture) as image:
        image.load()
    image.save(picture, exif=exif)
    with pytest.raises(
        UserError, match=r"ADE_3_seg\.png: 40×30 pixels, but .* has 30×40, .*: save the picture without"
    ):
        build_broden(tmp_path / "out", ade20k=ade20k, progress=False)
    image.resize((41, 33)).save(picture)
    with pytest.raises(UserError, match=r"40×30 pixels, but .* has 41×33, another shape; fetch both again"):
        build_broden(tmp_path / "out", ade20k=ade20k, progress=False)
    least = {"min_pictures": 1, "min_pixels": 1, "part_pictures": 1}
    for size in ((80, 60), (27, 20)):  # another scale, whose sides may be rounded
        image.resize(size).save(picture)
        build_broden(tmp_path / f"{size}", ade20k=ade20k, progress=False, **least)  # type: ignore[arg-type]
        with Image.open(next((tmp_path / f"{size}").rglob("ADE_3_seg.png"))) as scaled:
            assert scaled.size == size


def tmp_path_of_sceneless(ade20k: Path) -> Path:
    """The same tree without annotation of scenes, which are kept however rare they are."""
    for path in ade20k.rglob("*.json"):
        path.unlink()
    return ade20k
