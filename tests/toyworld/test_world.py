"""The toy world: pure, fully labelled, consistent, and with look-alikes that are really alike."""

import hashlib
import time
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from sceneparse.data.sample import Sample
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE
from sceneparse.toyworld import (
    LOOKALIKES,
    MATERIALS,
    OBJECTS,
    PART_TREE,
    PARTS,
    SCENES,
    TEXTURES,
    ToyWorld,
    lookalikes,
    render,
)
from sceneparse.toyworld.canvas import Canvas, rgb
from sceneparse.toyworld.spaces import tag
from sceneparse.toyworld.view import Light, Stage
from tests.support.forked import started

SCENE_COUNT = 128


def digest(sample: Sample) -> str:
    """A fingerprint of all that a sample holds."""
    sha = hashlib.sha256(str(sample.scene).encode())
    for tensor in (sample.image, *sample.masks().values()):
        sha.update(tensor.contiguous().numpy().tobytes())
    return sha.hexdigest()


@cache
def scenes() -> tuple[Sample, ...]:
    """Scenes that many tests look at."""
    return tuple(render(11, index, 96) for index in range(SCENE_COUNT))


def test_the_same_arguments_give_the_same_bytes_in_any_order() -> None:
    forwards = [digest(render(3, index, 64)) for index in range(12)]
    backwards = [digest(render(3, index, 64)) for index in reversed(range(12))]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 12


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    program = (
        "import hashlib\nfrom sceneparse.toyworld import render\n"
        "sha = hashlib.sha256()\n"
        "for index in range(8):\n"
        "    sample = render(5, index, 64)\n"
        "    for tensor in (sample.image, *sample.masks().values()):\n"
        "        sha.update(tensor.contiguous().numpy().tobytes())\n"
        "print(sha.hexdigest())"
    )
    (tmp_path / "program.py").write_text(program)
    process = started(tmp_path / "program.py", [], tmp_path / "said.txt", {})
    process.join()
    sha = hashlib.sha256()
    for index in range(8):
        sample = render(5, index, 64)
        for tensor in (sample.image, *sample.masks().values()):
            sha.update(tensor.contiguous().numpy().tobytes())
    assert (tmp_path / "said.txt").read_text().strip() == sha.hexdigest()


def test_a_sample_has_the_promised_shapes_and_types() -> None:
    for size in (32, 77, 128, 640):
        sample = render(1, 4, size)
        assert sample.image.shape == (3, size, size)
        assert sample.image.dtype == torch.uint8
        assert set(sample.masks()) == {"objects", "parts", "materials", "textures"}
        for mask in sample.masks().values():
            assert mask.shape == (size, size)
            assert mask.dtype == torch.int16
            assert mask.is_contiguous()
        assert sample.scene in range(len(SCENES))


def test_a_scene_has_the_same_layout_at_every_size() -> None:
    agreement = []
    for index in range(16):
        coarse, fine = render(2, index, 96).objects, render(2, index, 192).objects
        assert coarse is not None and fine is not None
        agreement.append((fine[::2, ::2] == coarse).float().mean().item())
    assert np.mean(agreement) > 0.93


def test_every_pixel_has_an_object_a_material_and_a_texture() -> None:
    for sample in scenes():
        for mask, space in ((sample.objects, OBJECTS), (sample.materials, MATERIALS), (sample.textures, TEXTURES)):
            assert mask is not None
            assert mask.min() >= 0
            assert mask.max() < len(space)


def test_parts_lie_inside_objects_that_have_them() -> None:
    seen = set()
    for sample in scenes():
        assert sample.objects is not None and sample.parts is not None
        pairs = torch.stack((sample.objects.flatten(), sample.parts.flatten())).unique(dim=1).T.tolist()
        for thing, part in pairs:
            assert part == IGNORE or part in PART_TREE.children[thing], (OBJECTS.names[thing], PARTS.names[part])
            seen.add((thing, part))
    owned = {(thing, part) for thing, parts in enumerate(PART_TREE.children) for part in parts}
    missing = {(OBJECTS.names[thing], PARTS.names[part]) for thing, part in owned - seen}
    assert not missing


def test_every_class_of_every_task_occurs() -> None:
    for field, space in (("objects", OBJECTS), ("parts", PARTS), ("materials", MATERIALS), ("textures", TEXTURES)):
        seen = set().union(*(getattr(sample, field).unique().tolist() for sample in scenes()))
        assert set(range(len(space))) <= seen, field


def test_every_object_class_is_in_at_least_one_picture_in_twenty() -> None:
    pictures: Counter[int] = Counter()
    for sample in scenes():
        assert sample.objects is not None
        values, counts = sample.objects.unique(return_counts=True)
        pictures.update(value for value, count in zip(values.tolist(), counts.tolist(), strict=True) if count >= 17)
    rare = {
        OBJECTS.names[index]: pictures[index] for index in range(len(OBJECTS)) if pictures[index] < SCENE_COUNT / 20
    }
    assert not rare


def test_every_eight_scenes_in_a_row_hold_each_kind_once() -> None:
    kinds = [sample.scene for sample in scenes()]
    for start in range(0, SCENE_COUNT, len(SCENES)):
        assert sorted(kinds[start : start + len(SCENES)]) == list(range(len(SCENES)))  # type: ignore[type-var]
    assert kinds[:8] != kinds[8:16] or kinds[:8] != kinds[16:24]


def test_the_light_differs_between_scenes_and_no_picture_is_flat() -> None:
    skies = [
        sample.image[:, sample.objects == OBJECTS.names.index("sky")].float().mean(dim=1)
        for sample in scenes()
        if sample.objects is not None and (sample.objects == OBJECTS.names.index("sky")).any()
    ]
    spread = torch.stack(skies).std(dim=0)
    assert spread.min() > 15
    assert all(sample.image.float().std() > 12 for sample in scenes())


def planted_stage(seed: int, size: int = 128) -> Stage:
    rng = np.random.Generator(np.random.Philox(key=seed))
    return Stage(Canvas(size), lookalikes.planted_camera(rng), Light.draw(rng), rng)


@pytest.mark.parametrize("pair", LOOKALIKES, ids=lambda pair: "-".join(pair))
def test_lookalikes_and_their_ground_are_the_same_pixels_with_other_labels(pair: tuple[str, str]) -> None:
    first, second = (OBJECTS.names.index(name) for name in pair)
    for seed in range(5):
        stages = [planted_stage(seed), planted_stage(seed)]
        for stage, name in zip(stages, pair, strict=True):
            lookalikes.plant(stage, name)
        ours, theirs = (stage.canvas for stage in stages)
        assert np.array_equal(ours.image, theirs.image)
        assert ours.image.std() > 0.02
        swapped = np.where(ours.maps[0] == first, second, ours.maps[0])
        assert np.array_equal(swapped, theirs.maps[0])
        assert (ours.maps[0] == first).sum() >= 2 * 30
        assert np.array_equal(ours.maps[3], theirs.maps[3])


@pytest.mark.parametrize("pair", LOOKALIKES, ids=lambda pair: "-".join(pair))
def test_nothing_near_a_planted_lookalike_tells_its_scene(pair: tuple[str, str]) -> None:
    for seed in range(20):
        stage = planted_stage(seed)
        lookalikes.plant(stage, pair[0])
        objects = stage.canvas.maps[0]
        rows = np.nonzero((objects == OBJECTS.names.index(pair[0])).any(axis=1))[0]
        outside = np.nonzero((objects == IGNORE).any(axis=1))[0]
        assert rows.min() - outside.max() > 0.34 * 128
        ground = np.unique(objects[outside.max() + 2 :])
        assert len(ground) == 2  # the look-alike and one ground


def test_both_members_of_a_pair_are_planted_in_scenes_of_their_own() -> None:
    assert set(lookalikes.PLANTED) <= set(SCENES.names)
    for pair in LOOKALIKES:
        homes = [{scene for scene, name in lookalikes.PLANTED.items() if name == member} for member in pair]
        assert all(homes)
        assert not homes[0] & homes[1]


def test_members_of_a_pair_are_about_equally_frequent() -> None:
    pixels = Counter[str]()
    for sample in scenes():
        assert sample.objects is not None and sample.scene is not None
        what = lookalikes.PLANTED.get(SCENES.names[sample.scene])
        if what is not None:
            pixels[what] += int((sample.objects[64:] == OBJECTS.names.index(what)).sum())
    for first, second in LOOKALIKES:
        assert 0.5 < pixels[first] / pixels[second] < 2


def test_a_stroke_labels_the_pixels_that_it_covers_by_half_or_more() -> None:
    canvas = Canvas(64)
    what = tag("boat", "metal", "plain", "hull")
    canvas.paint(canvas.polygons([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]), rgb(1, 0, 0), what)
    inside = np.zeros((64, 64), dtype=bool)
    inside[16:48, 16:48] = True
    assert np.array_equal(canvas.maps[0] == what.object, inside)
    assert np.array_equal(canvas.maps[1] == what.part, inside)
    assert canvas.image[0, 20, 20] == 1 and canvas.image[0, 10, 10] == 0
    half = canvas.rectangle(0, 0, 10.3 / 64, 1)
    assert half.cover[0, 10] == pytest.approx(0.3, abs=1e-4)


def test_strokes_outside_the_picture_change_nothing() -> None:
    canvas = Canvas(32)
    what = tag("rock", "stone")
    for region in (
        canvas.polygons([(1.5, 0), (2, 0), (2, 1)]),
        canvas.ellipses((-1, 0.5, 0.2, 0.2)),
        canvas.rectangle(0.2, 1.1, 0.4, 1.3),
        canvas.blob(0.5, -2, 0.1, 0.1),
    ):
        canvas.paint(region, rgb(1, 1, 1), what)
    assert canvas.image.max() == 0
    assert (canvas.maps == IGNORE).all()


def test_the_splits_share_no_scene() -> None:
    seen = {
        split: {digest(ToyWorld(48, 24, split)[index]) for index in range(24)} for split in ("train", "val", "test")
    }
    assert len(set().union(*seen.values())) == 3 * 24


def test_a_split_is_a_data_set() -> None:
    world = ToyWorld(64, 20, "train")
    assert len(world) == 20
    assert world.labels is OBJECTS
    assert world.name(12) == "train/00012"
    assert world[12].name == "train/00012"
    assert digest(world[12]) == digest(ToyWorld(64, 500, "train")[12])
    for index in (20, -1):
        with pytest.raises(IndexError):
            world[index]
    assert len([world[index] for index in range(len(world))]) == 20


@pytest.mark.parametrize(
    ("size", "count", "split", "message"),
    [
        (64, 10, "training", "no split 'training'"),
        (31, 10, "train", "at least 32"),
        (64, 0, "train", "at least 1"),
    ],
)
def test_a_wrong_world_is_the_users_error(size: int, count: int, split: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ToyWorld(size, count, split)


def test_a_scene_that_is_too_small_is_the_users_error() -> None:
    with pytest.raises(UserError, match="at least 32"):
        render(1, 0, 16)


def test_rendering_keeps_up_with_training() -> None:
    render(1, 0, 128)
    start = time.process_time()
    for index in range(40):
        render(1, index, 128)
    assert 40 / (time.process_time() - start) > 20
