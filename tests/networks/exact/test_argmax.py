import random
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from sceneparse.networks import resize
from sceneparse.networks.exact import argmax
from sceneparse.networks.exact.argmax import upsampled_labels, worth_skipping
from sceneparse.parsing import Parser, load
from sceneparse.recipes import from_mapping
from sceneparse.settings import Recipe
from sceneparse.toyworld import render
from sceneparse.training.loop import train
from tests.support.gpus import needs_cuda

SIZES = [
    ((6, 7), (47, 55)),
    ((6, 7), (48, 56)),
    ((9, 5), (17, 11)),
    ((5, 4), (23, 61)),
    ((1, 1), (9, 8)),
    ((1, 6), (7, 31)),
    ((7, 1), (31, 1)),
    ((5, 6), (5, 6)),
    ((12, 11), (7, 5)),
    ((4, 12), (30, 6)),
    ((8, 9), (1, 1)),
]


def maps(size: tuple[int, int]) -> Iterator[Tensor]:
    """Logit maps of many kinds: noise, smooth regions, and both of large offsets."""
    generator = torch.Generator().manual_seed(size[0] * 100 + size[1])
    for classes in (1, 2, 7, 40):
        noise = torch.randn(classes, *size, generator=generator)
        yield noise
        yield resize(4 * torch.randn(1, classes, 3, 3, generator=generator), size, True)[0]
        yield 0.1 * noise + 5 * torch.randn(classes, 1, 1, generator=generator)
        yield 50 * noise.sign() + noise
        yield torch.full((classes, *size), 2.5)
        yield noise[torch.arange(classes) // 2]  # classes two by two the same


def maps_of_ties(size: tuple[int, int]) -> Iterator[Tensor]:
    """Whole numbers: at many pixels several classes are equal but for rounding."""
    for logits in maps(size):
        yield logits.round()
        yield (logits > 0).float()


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("small", "size"), SIZES)
def test_labels_are_those_of_the_upsampled_scores(
    small: tuple[int, int], size: tuple[int, int], align_corners: bool
) -> None:
    for number, logits in enumerate(maps(small)):
        labels = upsampled_labels(logits, size, align_corners)
        assert labels.dtype == torch.int16 and tuple(labels.shape) == size
        assert torch.equal(labels.long(), resize(logits[None], size, align_corners)[0].argmax(dim=0)), number


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("small", "size"), SIZES)
def test_where_labels_differ_the_scores_are_within_rounding(
    small: tuple[int, int], size: tuple[int, int], align_corners: bool
) -> None:
    for number, logits in enumerate(maps_of_ties(small)):
        labels = upsampled_labels(logits, size, align_corners).long()
        exact = resize(logits[None].double(), size, align_corners)[0]
        lost = exact.amax(dim=0) - exact.gather(0, labels[None])[0]
        assert lost.max() <= 1e-6 * logits.abs().max(), number


@pytest.mark.parametrize("align_corners", [False, True])
def test_of_classes_that_tie_the_lowest_wins(align_corners: bool) -> None:
    """Whole numbers at positions that are sums of powers of two: every score is exact, and many are equal."""
    generator = torch.Generator().manual_seed(0)
    size = (33, 33) if align_corners else (40, 40)
    for classes in (2, 3, 9, 30):
        for _ in range(5):
            logits = torch.randint(0, 3, (classes, 5, 5), generator=generator).float()
            expected = resize(logits[None].double(), size, align_corners)[0].argmax(dim=0)
            assert torch.equal(upsampled_labels(logits, size, align_corners).long(), expected)


def check(logits: Tensor, size: tuple[int, int], align_corners: bool) -> int:
    """The number of pixels whose label differs; they must have scores within rounding of each other."""
    labels = upsampled_labels(logits, size, align_corners).long()
    differs = labels != resize(logits[None], size, align_corners)[0].argmax(dim=0)
    if differs.any():
        exact = resize(logits[None].double(), size, align_corners)[0][:, differs]
        lost = exact.amax(dim=0) - exact.gather(0, labels[differs][None])[0]
        assert lost.max() <= 4 * torch.finfo(torch.float32).eps * logits.abs().max()
    return int(differs.sum())


@pytest.mark.parametrize("seed", range(20))
def test_fifty_random_maps_have_the_labels_of_their_upsampled_scores(seed: int) -> None:
    """A thousand in all: any number of classes, any sizes, noise, smooth regions, large steps and ties."""
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    differing = pixels = 0
    for _ in range(50):
        classes, small = draw.choice((1, 2, 5, 21, 150)), (draw.randint(1, 16), draw.randint(1, 16))
        size = (draw.randint(1, 110), draw.randint(1, 110))
        align_corners = draw.random() < 0.5
        noise = torch.randn(classes, *small, generator=generator)
        smooth = resize(5 * torch.randn(1, classes, 3, 3, generator=generator), small, True)[0]
        kind = draw.choice(("noise", "smooth", "both", "steps", "twins", "ties"))
        if kind == "ties":  # whole numbers: only rounding tells some classes apart
            check((2 * noise).round(), size, align_corners)
            continue
        twins = smooth[torch.arange(classes) // 2]
        steps = 60 * (noise > 0) + noise
        logits = {"noise": noise, "smooth": smooth, "both": smooth + noise, "steps": steps, "twins": twins}[kind]
        differing += check(logits, size, align_corners)
        pixels += size[0] * size[1]
    assert differing <= 1e-5 * pixels  # rounding


@pytest.fixture(scope="module")
def toy_parser(tmp_path_factory: pytest.TempPathFactory) -> Parser:
    """A PSPNet after a few seconds of training on the toy world."""
    recipe = from_mapping(
        Recipe,
        {
            "name": "argmax",
            "backbone": {"name": "resnet10t"},
            "network": {"architecture": "pspnet", "output_stride": 8, "channels": 16, "aux": False},
            "data": {"kind": "toyworld", "size": 64, "train_count": 64, "eval_count": 2, "workers": 0},
            "augmentation": {"crop": [64, 64]},
            "optimizer": {"kind": "adamw", "lr": 0.003, "head_factor": 1.0},
            "training": {"iterations": 15, "batch": 4, "validate_every": 0, "precision": "float32", "device": "cpu"},
        },
        "test",
    )
    run = train(recipe, tmp_path_factory.mktemp("argmax") / "run")
    # By PyTorch: it is its scores that are looked at, and OpenVINO would compile the network for each of their sizes.
    return load(run / "model", engine="torch", device="cpu", precision="float32")


def test_a_hundred_predictions_have_the_labels_of_their_upsampled_scores(toy_parser: Parser) -> None:
    differing, seen = 0, set()
    for index in range(100):
        side = 64 + index % 33
        image = render(2, index, side).image[:, : side - index % 7]
        logits = toy_parser.engine(image[None])[0]
        seen |= set(logits.argmax(dim=0).flatten().tolist())
        for align_corners in (False, True):
            differing += check(logits, (image.shape[-2], image.shape[-1]), align_corners)
    assert len(seen) > 3  # it has learnt something
    assert differing <= 2


def test_results_do_not_depend_on_how_many_cells_are_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(20, 9, 8, generator=torch.Generator().manual_seed(0))
    labels = []
    for values in (1, 1000, 1 << 30):
        monkeypatch.setattr(argmax, "AT_ONCE", values)
        labels.append(upsampled_labels(logits, (50, 61), False))
    assert torch.equal(labels[0], labels[1]) and torch.equal(labels[0], labels[2])


def test_any_memory_format_and_type_will_do() -> None:
    logits = torch.randn(6, 5, 7, generator=torch.Generator().manual_seed(0)).bfloat16()
    expected = upsampled_labels(logits.float(), (30, 40), False)
    assert torch.equal(upsampled_labels(logits, (30, 40), False), expected)
    turned = logits.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert torch.equal(upsampled_labels(turned, (30, 40), False), expected)
    assert torch.equal(upsampled_labels(logits.double(), (30, 40), False), expected)


def test_cells_with_one_winner_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counting(scores: Tensor, winners: Tensor, corners: list[Tensor]) -> Tensor:
        stay = candidates(scores, winners, corners)
        seen.append(stay.shape[0])
        assert (stay.sum(dim=1) <= 2).all()
        return stay

    candidates = argmax._candidates
    monkeypatch.setattr(argmax, "_candidates", counting)
    logits = torch.randn(100, 1, 1, generator=torch.Generator().manual_seed(0)).repeat(1, 10, 10)
    logits[3, :, :4] = logits[8, :, 4:] = 9
    upsampled_labels(logits, (80, 80), False)
    assert seen == [11]  # one for each row of cells, the two half ones at the edges included


def test_it_is_worth_it_on_a_cpu_where_cells_are_large() -> None:
    logits = torch.zeros(3, 10, 10)
    assert worth_skipping(logits, (80, 80)) and worth_skipping(logits, (20, 20))
    assert not worth_skipping(logits, (19, 20))
    assert not worth_skipping(logits.to("meta"), (80, 80))


@needs_cuda
def test_it_works_on_a_gpu() -> None:
    logits = torch.randn(20, 9, 8, generator=torch.Generator().manual_seed(0))
    labels = upsampled_labels(logits.cuda(), (50, 61), False)
    assert labels.is_cuda and (labels.cpu() == upsampled_labels(logits, (50, 61), False)).float().mean() > 0.999
