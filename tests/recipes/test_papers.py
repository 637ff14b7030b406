"""The papers' recipes say what the papers and their authors' configurations say, number by number."""

from functools import cache

import pytest

from sceneparse.inference import resolve
from sceneparse.recipes import read_recipe, recipe_names
from sceneparse.recipes.sweep import read_sweep
from sceneparse.settings import Recipe

PSPNET = {
    # Zhao et al., CVPR 2017, section 5.1: iterations on ADE20K, VOC and Cityscapes; crops as in hszhao/semseg.
    "ade20k": (150_000, 473),
    "voc2012": (30_000, 473),
    "cityscapes": (90_000, 713),
}
NAMES = [name for name in recipe_names() if name.split("-")[0] in PSPNET]
OF_THE_PAPER = [name for name in NAMES if "multilabel" not in name and "upernet" not in name]


@cache
def recipe(name: str) -> Recipe:
    return read_recipe(name, data={"root": "anywhere"})


def test_every_row_that_the_papers_report_has_a_recipe() -> None:
    depths = {f"ade20k-pspnet{depth}" for depth in (18, 50, 101, 152, 269)}
    others = {f"{data}-pspnet{depth}" for data in ("voc2012", "cityscapes") for depth in (50, 101)}
    mobile = {f"{data}-pspnet-mobilenetv2{stride}" for data in ("ade20k", "voc2012") for stride in ("", "-stride16")}
    assert depths | others | mobile | {"ade20k-upernet50", "ade20k-upernet101", "ade20k-fcn50"} <= set(NAMES)
    assert "voc2012-pspnet-multilabel" in NAMES


@pytest.mark.parametrize("name", OF_THE_PAPER)
def test_pspnet_is_trained_as_in_its_paper(name: str) -> None:
    read = recipe(name)
    iterations, crop = PSPNET[name.split("-")[0]]
    assert (read.training.iterations, read.training.batch, read.augmentation.crop) == (iterations, 16, (crop, crop))
    optimizer = read.optimizer
    assert (optimizer.kind, optimizer.lr, optimizer.power, optimizer.momentum) == ("sgd", 0.01, 0.9, 0.9)
    assert (optimizer.weight_decay, optimizer.head_factor, optimizer.warmup) == (1e-4, 10, 0)
    changes = read.augmentation
    assert (changes.scale, changes.rotate, changes.mirror) == ((0.5, 2.0), 10, 0.5)
    assert changes.blur_probability == 0.5 and changes.color == 0
    assert read.loss.aux_weight == 0.4 and read.network.aux
    assert read.network.output_stride == (16 if name.endswith("stride16") else 8)


@pytest.mark.parametrize("name", OF_THE_PAPER)
def test_pspnet_is_tested_as_by_its_authors_release(name: str) -> None:
    protocol = resolve(recipe(name).protocol)
    size, window = (2048, 713) if name.startswith("cityscapes") else (512, 473)
    assert (protocol.name, protocol.resize, protocol.size, protocol.window) == (
        "semseg", "long", size, (window, window)
    )  # fmt: skip
    assert protocol.flip and protocol.stride == pytest.approx(2 / 3) and protocol.scales == (1.0,)


def test_voc_is_learnt_from_the_augmented_list() -> None:
    assert {recipe(name).data.train for name in NAMES if name.startswith("voc2012")} == {"train_aug"}


@pytest.mark.parametrize(("depth", "iterations"), [(50, 150_000), (101, 200_000)])
def test_upernet_is_trained_as_in_its_authors_configuration(depth: int, iterations: int) -> None:
    """CSAILVision/semantic-segmentation-pytorch, config/ade20k-resnet50-upernet.yaml and -resnet101-.

    30 and 40 epochs of 5,000 iterations, 8 GPUs with 2 pictures each.
    """
    read = recipe(f"ade20k-upernet{depth}")
    assert (read.training.iterations, read.training.batch) == (iterations, 16)
    optimizer = read.optimizer
    assert (optimizer.lr, optimizer.head_factor, optimizer.power, optimizer.weight_decay) == (0.02, 1, 0.9, 1e-4)
    changes = read.augmentation
    assert (changes.crop, changes.short, changes.max_long) == (None, (300, 375, 450, 525, 600), 1000)
    assert changes.rotate_probability == changes.blur_probability == 0 and changes.mirror == 0.5
    assert not read.network.aux and read.protocol.name == "csail"


def test_the_sweeps_vary_what_the_tables_vary() -> None:
    @cache
    def rows(name: str) -> list[Recipe]:
        return [row.recipe for row in read_sweep(name, data={"root": "anywhere"}).rows]

    def network(one: Recipe) -> tuple[object, ...]:
        return one.network.architecture, one.network.bins, one.network.pool, one.network.reduce

    whole = (1, 2, 3, 6)
    assert [network(one)[1:] for one in rows("pspnet-table1")][1:] == [
        ((1,), "max", False),
        ((1,), "avg", False),
        (whole, "max", False),
        (whole, "avg", False),
        (whole, "max", True),
        (whole, "avg", True),
    ]
    assert [one.network.architecture for one in rows("pspnet-table1")] == ["fcn"] + ["pspnet"] * 6
    assert [one.loss.aux_weight if one.network.aux else None for one in rows("pspnet-table2")] == [
        None, 0.3, 0.4, 0.6, 0.9
    ]  # fmt: skip
    assert {one.network.architecture for one in rows("pspnet-table2")} == {"fcn"}
    assert [one.backbone.name for one in rows("pspnet-table3")] == [f"resnet{n}s" for n in (50, 101, 152, 269)]
    steps = rows("pspnet-table4")
    assert [(one.network.architecture, one.network.aux, one.augmentation.scale[0] < 1) for one in steps] == [
        ("fcn", False, False),
        ("fcn", False, True),
        ("fcn", True, True),
        ("pspnet", True, True),
        ("pspnet", True, True),
    ]
    assert steps[0].augmentation.mirror == 0 and steps[0].augmentation.crop == (473, 473)
    tables = rows("upernet-table2")
    assert [(bool(one.network.bins), one.network.finest, one.network.fuse) for one in tables] == [
        (False, 16, False), (False, 8, False), (False, 4, False), (True, 4, False), (True, 4, True)
    ]  # fmt: skip
