"""Convolutions over resized maps, computed before resizing, against the plain formulation."""

import copy
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from sceneparse.networks import PSPNet, SceneParser, UPerNet
from sceneparse.networks.backbones import make_backbone
from sceneparse.networks.exact import matrices as matrices_module
from sceneparse.networks.exact.convolution import (
    ArrangedConcatConv2d,
    ConcatConv2d,
    arrange_weights,
    concat_conv2d,
    concatenate,
    plain_concat_conv2d,
)
from sceneparse.networks.exact.matrices import _cached_matrices
from sceneparse.networks.pyramid import PyramidPooling
from tests.support.slow import slow_unless

FLOAT64, FLOAT32 = 1e-12, 2e-6


def error(got: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    got, expected = got.detach().double(), expected.detach().double()
    return float((got - expected).abs().max() / expected.abs().max().clamp(min=1e-300))


def case(
    sizes: Sequence[tuple[int, int]], channels: Sequence[int], kernel: tuple[int, int], seed: int, batch: int = 2
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Maps, weight and bias in float64 that want gradients."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()

    maps = [draw(batch, width, *size) for width, size in zip(channels, sizes, strict=True)]
    return maps, draw(5, sum(channels), *kernel), draw(5)


def check(maps: list[Tensor], weight: Tensor, bias: Tensor | None, align_corners: bool) -> None:
    exact = concat_conv2d(maps, weight, bias, align_corners)
    plain = plain_concat_conv2d(maps, weight, bias, align_corners)
    assert exact.shape == plain.shape and exact.dtype == plain.dtype
    assert error(exact, plain) <= FLOAT64
    inputs = [*maps, weight] if bias is None else [*maps, weight, bias]
    seed = torch.randn(plain.shape, dtype=plain.dtype, generator=torch.Generator().manual_seed(0))
    ours, theirs = torch.autograd.grad(exact, inputs, seed), torch.autograd.grad(plain, inputs, seed)
    assert [mine.shape for mine in ours] == [value.shape for value in inputs]
    assert max(error(mine, other) for mine, other in zip(ours, theirs, strict=True)) <= FLOAT64
    single = [value.detach().float() for value in (*maps, weight)]
    rounded = concat_conv2d(single[:-1], single[-1], None if bias is None else bias.detach().float(), align_corners)
    upcast = [value.double() for value in single]
    reference = plain_concat_conv2d(
        upcast[:-1], upcast[-1], None if bias is None else bias.detach().float().double(), align_corners
    )
    assert rounded.dtype == torch.float32
    assert error(rounded, reference) <= FLOAT32


@pytest.mark.parametrize("seed", range(80))
def test_any_sizes_ratios_and_kernels_give_the_plain_numbers_and_gradients(seed: int) -> None:
    draw = random.Random(seed)
    sizes = [(draw.randint(1, 24), draw.randint(1, 24)) for _ in range(draw.randint(2, 5))]
    # On both sides of the number of cells, since taps come into order in the weights or in the products.
    channels = [draw.choice((1, 3, 8, 70)) for _ in sizes]
    kernel = (draw.choice((1, 3, 5, 7)), draw.choice((1, 3, 5)))
    maps, weight, bias = case(sizes, channels, kernel, seed, batch=draw.randint(1, 3))
    if draw.random() < 0.5:
        maps = [source.contiguous(memory_format=torch.channels_last) for source in maps]
        weight = weight.contiguous(memory_format=torch.channels_last)
    check(maps, weight, bias if draw.random() < 0.8 else None, align_corners=draw.random() < 0.5)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    "sizes",
    [
        [(1, 1), (1, 1), (2, 2), (6, 6)],  # one pixel
        [(2, 3), (1, 1), (2, 2), (3, 3), (6, 6)],  # a map smaller than the grids
        [(15, 1), (1, 9), (4, 1)],  # lines
        [(16, 16), (8, 8), (4, 4), (2, 2)],  # whole ratios
        [(17, 23), (9, 12), (5, 6), (3, 3)],  # a picture of odd sides
        [(7, 7), (7, 7)],  # nothing to resize
    ],
)
def test_sizes_of_real_pictures_and_of_tiny_ones(sizes: list[tuple[int, int]], align_corners: bool) -> None:
    check(*case(sizes, [4] * len(sizes), (3, 3), seed=1), align_corners)


@pytest.mark.parametrize("seed", range(12))
def test_pyramid_pooling_with_any_bins(seed: int) -> None:
    draw = random.Random(seed)
    bins = [draw.randint(1, 9) for _ in range(draw.randint(1, 4))]
    maps = torch.randn(2, 6, draw.randint(1, 20), draw.randint(1, 20), dtype=torch.float64, requires_grad=True)
    pyramid = PyramidPooling(6, bins, branch_channels=None, pool=draw.choice(("avg", "max"))).double()
    torch.manual_seed(seed)
    weight = torch.randn(5, sum(pyramid.channels), 3, 3, dtype=torch.float64)
    align_corners = draw.random() < 0.5
    exact = concat_conv2d(pyramid(maps), weight, None, align_corners)
    plain = plain_concat_conv2d(pyramid(maps), weight, None, align_corners)
    assert error(exact, plain) <= FLOAT64
    seeds = torch.randn_like(plain)
    assert error(*(torch.autograd.grad(out, maps, seeds)[0] for out in (exact, plain))) <= FLOAT64


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("channels", [3, 100])
def test_without_a_gradient_the_numbers_are_the_same(batch: int, channels: int) -> None:
    maps, weight, bias = case([(9, 10), (1, 1), (4, 3), (7, 9)], [channels] * 4, (3, 3), seed=6, batch=batch)
    for layout in (torch.contiguous_format, torch.channels_last):
        maps = [source.contiguous(memory_format=layout) for source in maps]
        before = copy.deepcopy([source.detach() for source in maps])
        with torch.no_grad():
            exact = concat_conv2d(maps, weight, bias, True)
        assert error(exact, plain_concat_conv2d(maps, weight, bias, True)) <= FLOAT64
        assert all(torch.equal(source, old) for source, old in zip(maps, before, strict=True))


@pytest.mark.parametrize("bias", [False, True])
def test_arranged_weights_give_the_same_numbers(bias: bool) -> None:
    torch.manual_seed(0)
    options = {"padding": 1, "bias": bias, "align_corners": False}
    network = nn.ModuleDict(
        {
            "exact": ConcatConv2d((3, 4, 40), 5, 3, **options),  # type: ignore[arg-type]
            "plain": ConcatConv2d((3, 4, 40), 5, 3, **options, resampling="plain"),  # type: ignore[arg-type]
        }
    ).double()
    network["plain"].load_state_dict(network["exact"].state_dict())
    maps, *_ = case([(12, 8), (6, 4), (2, 2)], [3, 4, 40], (3, 3), seed=7)
    arrange_weights(network)
    assert isinstance(network["exact"], ArrangedConcatConv2d) and isinstance(network["plain"], ConcatConv2d)
    assert error(network["exact"](maps), network["plain"](maps)) <= FLOAT64
    assert not list(network["exact"].parameters())


def test_second_derivatives_are_right() -> None:
    maps, weight, bias = case([(5, 4), (3, 2)], [2, 2], (3, 3), seed=3)
    assert torch.autograd.gradgradcheck(
        lambda x, y, w, b: concat_conv2d([x, y], w, b, False), (*maps, weight, bias), atol=1e-6
    )


def test_bfloat16_is_as_near_to_the_truth_as_the_plain_formulation() -> None:
    maps, weight, bias = case([(20, 20), (1, 1), (2, 2), (3, 3), (6, 6)], [64] * 5, (3, 3), seed=4)
    maps, weight, bias = [source.detach() for source in maps], weight.detach(), bias.detach()
    truth = plain_concat_conv2d(maps, weight, bias, False)
    rounded = [value.bfloat16() for value in (*maps, weight, bias)]
    results = [
        compute(rounded[:-2], rounded[-2], rounded[-1], False) for compute in (concat_conv2d, plain_concat_conv2d)
    ]
    assert all(result.dtype == torch.bfloat16 for result in results)
    exact, plain = ((result.double() - truth).square().mean().sqrt() for result in results)
    assert exact <= 1.5 * plain
    with torch.autocast("cpu", torch.bfloat16):
        mixed = concat_conv2d([source.float() for source in maps], weight.float(), bias.float(), False)
    assert mixed.dtype == torch.bfloat16 and error(mixed, truth) < 0.02


def network(
    kind: type[SceneParser], resampling: str, *, output_stride: int | None = None, **options: Any
) -> SceneParser:
    torch.manual_seed(0)
    backbone = make_backbone("resnet10t", output_stride=output_stride or (8 if kind is PSPNet else 32))
    made = kind(backbone, 4, **{"channels": 24, "resampling": resampling, **options})
    generator = torch.Generator().manual_seed(1)
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var):
                assert values is not None
                values.uniform_(0.5, 1.5, generator=generator)
    return made.double()


NETWORKS = [
    (PSPNet, {}),
    (PSPNet, {"reduce": False, "pool": "max"}),
    (PSPNet, {"bins": (1, 4), "align_corners": True}),
    (UPerNet, {}),
    (UPerNet, {"align_corners": True}),
]


@pytest.mark.parametrize(("kind", "options"), NETWORKS)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_whole_networks_give_the_plain_scores_and_gradients(
    kind: type[SceneParser], options: dict[str, Any], training: bool
) -> None:
    images = torch.randn(2, 3, 97, 65, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    logits, gradients = [], []
    for resampling in ("exact", "plain"):
        made = network(kind, resampling, **options).train(training)
        torch.manual_seed(3)  # the same channels are dropped
        logits.append(made(images).logits)
        logits[-1].square().mean().backward()
        gradients.append({name: value.grad for name, value in made.named_parameters() if value.grad is not None})
    assert error(*logits) <= FLOAT64
    assert "head.layer.conv.weight" in gradients[0]
    check_gradients(*gradients)


def check_gradients(exact: dict[str, Tensor], plain: dict[str, Tensor]) -> None:
    assert exact.keys() == plain.keys()
    largest = max(float(value.abs().max()) for value in plain.values())
    for name, value in plain.items():
        # Through batch norm some gradients are sums that cancel to nothing; nothing has no relative error.
        scale = max(float(value.abs().max()), 1e-3 * largest)
        assert float((exact[name] - value).abs().max()) <= FLOAT64 * scale, name


@pytest.mark.parametrize("seed", [slow_unless(seed < 8, seed) for seed in range(16)])
def test_whole_networks_of_any_bins_strides_and_sizes_give_the_plain_scores_and_gradients(seed: int) -> None:
    draw = random.Random(seed)
    kind = (PSPNet, UPerNet)[seed % 2]
    options: dict[str, object] = {
        "align_corners": draw.random() < 0.5,
        "bins": tuple(draw.randint(1, 7) for _ in range(draw.randint(1, 4))),
        "pool": draw.choice(("avg", "max")),
    }
    if kind is PSPNet:
        options["reduce"] = draw.random() < 0.7
    stride = draw.choice((8, 16, 32)) if kind is PSPNet else 32
    training = draw.random() < 0.5
    shape = (draw.randint(2, 3), 3, draw.randint(33, 120), draw.randint(33, 120))
    images = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    logits, gradients = [], []
    for resampling in ("exact", "plain"):
        made = network(kind, resampling, output_stride=stride, **options).train(training)
        torch.manual_seed(seed)  # the same channels are dropped
        picture = images.clone().requires_grad_()
        logits.append(made(picture).logits)
        logits[-1].square().mean().backward()
        assert picture.grad is not None
        found = {name: value.grad for name, value in made.named_parameters() if value.grad is not None}
        gradients.append({"picture": picture.grad, **found})
    assert error(*logits) <= FLOAT64
    picture_error = error(*(found.pop("picture") for found in gradients))
    assert picture_error <= FLOAT64
    check_gradients(*gradients)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("sizes", [[(33, 29), (1, 1), (2, 2), (3, 3), (6, 6)], [(40, 36), (20, 18), (10, 9), (5, 5)]])
def test_single_precision_holds_with_as_many_channels_as_real_heads_have(
    sizes: list[tuple[int, int]], align_corners: bool
) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = [torch.rand(1, 512, *size, generator=generator) for size in sizes]
    weight = torch.randn(24, 512 * len(sizes), 3, 3, generator=generator)
    exact = concat_conv2d(maps, weight, None, align_corners)
    plain = plain_concat_conv2d([source.double() for source in maps], weight.double(), None, align_corners)
    assert error(exact, plain) <= FLOAT32


@pytest.mark.parametrize("kind", [PSPNet, UPerNet])
def test_both_formulations_have_the_same_parameters(kind: type[SceneParser]) -> None:
    exact, plain = (network(kind, resampling).state_dict() for resampling in ("exact", "plain"))
    assert {name: value.shape for name, value in exact.items()} == {name: value.shape for name, value in plain.items()}
    assert all(torch.equal(exact[name], plain[name]) for name in plain)


@pytest.fixture
def empty_cache() -> Iterator[None]:
    _cached_matrices.cache_clear()
    yield
    _cached_matrices.cache_clear()


@pytest.mark.usefixtures("empty_cache")
@pytest.mark.parametrize("align_corners", [False, True])
def test_long_matrices_are_cut_into_strips_and_give_the_same_numbers(
    align_corners: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrices_module, "STRIP", 4)
    for batch, sizes in ((1, [(23, 17), (12, 9), (5, 3), (1, 1)]), (2, [(9, 30), (9, 14), (30, 31)])):
        maps, weight, bias = case(sizes, [3] * len(sizes), (3, 3), seed=9, batch=batch)
        check(maps, weight, bias, align_corners)
        with torch.no_grad():
            exact = concat_conv2d(maps, weight, bias, align_corners)
        assert error(exact, plain_concat_conv2d(maps, weight, bias, align_corners)) <= FLOAT64


@pytest.mark.usefixtures("empty_cache")
def test_what_was_made_in_inference_mode_can_be_trained_with() -> None:
    maps, weight, bias = case([(9, 8), (4, 4)], [3, 3], (3, 3), seed=5)
    with torch.inference_mode():
        before = concat_conv2d(maps, weight, bias, False)
    after = concat_conv2d(maps, weight, bias, False)
    after.sum().backward()
    assert _cached_matrices.cache_info()[:2] == (1, 1)  # hits, misses
    assert torch.equal(before, after) and all(source.grad is not None for source in maps)


@pytest.mark.usefixtures("empty_cache")
def test_the_cache_is_bounded_and_tells_all_apart() -> None:
    for side in range(2, 42):
        check(*case([(side, 5), (3, 2)], [2, 2], (3, 3), seed=side), align_corners=side % 2 == 0)
    assert _cached_matrices.cache_info().currsize <= 32
    maps, weight, bias = case([(6, 7), (3, 2)], [2, 2], (3, 3), seed=0)
    for align_corners in (True, False, True):
        check(maps, weight, bias, align_corners)
        check(maps, weight[..., 1:2], bias, align_corners)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.usefixtures("empty_cache")
def test_a_graph_keeps_its_own_constants_and_takes_any_size() -> None:
    class Fusion(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = ConcatConv2d((3, 3), 5, 3, padding=1, align_corners=True)

        def forward(self, first: Tensor, second: Tensor) -> Tensor:
            return self.conv([first, second])

    fusion = Fusion().eval()
    sides = [torch.export.Dim(name, min=2, max=512) for name in ("h", "w", "r", "c")]
    exported = torch.export.export(
        fusion,
        (torch.randn(1, 3, 9, 7), torch.randn(1, 3, 4, 5)),
        dynamic_shapes=({2: sides[0], 3: sides[1]}, {2: sides[2], 3: sides[3]}),
    ).module()
    with torch.no_grad():
        traced = torch.jit.trace(fusion, (torch.randn(1, 3, 9, 7), torch.randn(1, 3, 4, 5)))
    assert _cached_matrices.cache_info().currsize == 1  # of the trace's own comparison with the module
    for sizes in ([(12, 30), (3, 4)], [(5, 5), (11, 2)], [(31, 6), (31, 3)]):
        maps = [torch.randn(1, 3, *size) for size in sizes]
        torch.testing.assert_close(exported(*maps), fusion(*maps), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(traced(*maps), fusion(*maps), rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("empty_cache")
def test_tensors_that_only_stand_for_others_leave_nothing_in_the_cache() -> None:
    mode = FakeTensorMode()
    sizes = [(2, 3, 9, 7), (2, 3, 4, 5)]
    with mode:
        maps, weight = [torch.empty(size) for size in sizes], torch.empty(5, 6, 3, 3)
        assert type(concat_conv2d(maps, weight, None, True)) is FakeTensor
    assert _cached_matrices.cache_info().currsize == 0
    compiled = torch.compile(concat_conv2d, backend="eager")
    real, weight = [torch.randn(size) for size in sizes], torch.randn(5, 6, 3, 3)
    torch.testing.assert_close(compiled(real, weight, None, True), concat_conv2d(real, weight, None, True))


def test_the_backward_pass_keeps_neither_resized_maps_nor_products() -> None:
    maps, weight, bias = case([(16, 16), (8, 8), (4, 4), (2, 2)], [32] * 4, (3, 3), seed=8)
    kept: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes() // value.element_size()
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        concat_conv2d(maps, weight, bias, False)
    given = sum(source.numel() for source in maps) + weight.numel()
    matrices = 2 * 3 * (8 + 4 + 2) * 16
    assert sum(kept.values()) <= given + weight.numel() + matrices  # the weight twice: as it is and arranged


def test_a_copied_layer_computes_the_same_and_holds_only_its_parameters() -> None:
    layer = ConcatConv2d((3, 3), 5, 3, padding=1, align_corners=False)
    maps = [torch.randn(1, 3, 9, 7), torch.randn(1, 3, 4, 5)]
    before = layer(maps)
    assert torch.equal(copy.deepcopy(layer)(maps), before)
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_the_concatenation_is_the_first_map_and_the_others_resized() -> None:
    first, second = torch.randn(1, 2, 3, 4), torch.randn(1, 1, 1, 1)
    output = concatenate([first, second], align_corners=False)
    assert torch.equal(output[:, :2], first)
    torch.testing.assert_close(output[:, 2:], second.expand(1, 1, 3, 4))


def test_a_kernel_that_changes_the_size_is_refused() -> None:
    with pytest.raises(ValueError, match="does not keep"):
        ConcatConv2d((3, 3), 5, 3, padding=0, align_corners=False)
