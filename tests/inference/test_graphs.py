"""Recorded graphs of a network, with a recorder that plays what was recorded on the CPU."""

import time
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from sceneparse.inference.graphs import Compute, Graphs, Replay
from sceneparse.networks import PSPNet, normalize, preprocess
from sceneparse.networks.backbones import make_backbone
from sceneparse.networks.exact import matrices, pooling
from sceneparse.networks.exact.constants import keeping
from tests.support.gpus import needs_cuda
from tests.support.graphs import Player

CPU = torch.device("cpu")


def doubled(pictures: Tensor) -> tuple[Tensor | None, ...]:
    return (2.0 * pictures, None)


def picture(value: int, side: int = 4) -> Tensor:
    return torch.full((1, 3, side, side), value, dtype=torch.uint8)


def test_a_size_is_recorded_when_it_comes_for_the_third_time() -> None:
    player = Player()
    graphs = Graphs(player)
    results = [graphs(doubled, picture(value), CPU) for value in range(5)]
    # No call changes what an earlier one returned.
    assert [float(first[0, 0, 0, 0]) for first, _ in results if first is not None] == [0, 2, 4, 6, 8]
    assert all(second is None for _, second in results)
    assert (len(player.recorded), player.played) == (1, 3)


def test_sizes_types_and_what_is_asked_for_have_graphs_of_their_own() -> None:
    player = Player()
    graphs = Graphs(player, before=0)
    for pictures in (picture(1), picture(1, side=8), picture(1).float()):
        graphs(doubled, pictures, CPU)
    graphs(doubled, picture(1), CPU, ("part",))
    assert len(player.recorded) == 4
    graphs(doubled, picture(7), CPU)
    assert len(player.recorded) == 4


def test_as_many_sizes_as_pictures_record_nothing() -> None:
    player = Player()
    graphs = Graphs(player)
    for side in range(1, 200):
        graphs(doubled, picture(1, side), CPU)
    assert not player.recorded
    assert len(graphs._met) < 200


def test_the_graph_that_was_used_longest_ago_goes_first() -> None:
    player = Player()
    graphs = Graphs(player, before=0, most=2)
    for side in (1, 2, 1, 3, 1, 2):
        graphs(doubled, picture(1, side), CPU)
    assert [shape[-1] for shape in player.recorded] == [1, 2, 3, 2]


def test_what_cannot_be_recorded_is_computed_as_it_comes_and_is_said() -> None:
    graphs = Graphs(Player(RuntimeError("operation not permitted when stream is capturing\nmore")), before=0)
    for value in (1, 2):
        found, _ = graphs(doubled, picture(value), CPU)
        assert found is not None and float(found.max()) == 2 * value
    assert graphs.failure == "operation not permitted when stream is capturing"


def test_without_memory_for_one_more_graph_the_others_go() -> None:
    player = Player()
    graphs = Graphs(player, before=0)
    graphs(doubled, picture(1), CPU)
    player.fails = torch.OutOfMemoryError("CUDA out of memory")
    found, _ = graphs(doubled, picture(3, side=8), CPU)
    assert found is not None and float(found.max()) == 6
    assert not graphs._graphs and graphs.failure is None


def test_threads_take_turns_with_a_graph() -> None:
    player = Player()

    def slow(compute: Compute, pictures: Tensor) -> Replay:
        replay = player(compute, pictures)

        def run() -> None:
            time.sleep(0.001)  # long enough for another thread to bring its picture
            replay.run()

        return replay._replace(run=run)

    graphs = Graphs(slow, before=0)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda value: graphs(doubled, picture(value), CPU)[0], range(64)))
    assert [float(one.max()) for one in found if one is not None] == [2.0 * value for value in range(64)]
    assert len(player.recorded) == 1


def test_a_graph_holds_the_constants_that_normalise_its_pictures() -> None:
    normalize(picture(1), (0.5,), (0.25,))
    with keeping() as kept:
        normalize(picture(1), (0.5,), (0.25,))
    preprocess._cached.cache_clear()
    assert len(kept) == 1


def test_constants_that_a_graph_reads_are_held_though_their_caches_drop_them() -> None:
    torch.manual_seed(0)
    network = PSPNet(make_backbone("test_resnet", output_stride=8), 3, channels=8).eval()
    with torch.inference_mode(), keeping() as kept:
        network(torch.rand(1, 3, 64, 64))
    assert any(isinstance(one, matrices.Matrices) for one in kept)
    assert sum(isinstance(one, Tensor) for one in kept) == 1 + len(network.pyramid.bins)
    matrices._cached_matrices.cache_clear()
    pooling._cached.cache_clear()
    with torch.inference_mode(), keeping() as again:
        network(torch.rand(1, 3, 64, 64))
    assert len(again) == len(kept) and not any(one is other for one in kept for other in again)


def test_nothing_is_held_otherwise() -> None:
    with keeping() as kept:
        pass
    pooling.average_pool(torch.rand(1, 2, 8, 8), [1, 2])
    assert not kept


@needs_cuda
def test_a_graph_gives_the_networks_own_scores() -> None:
    from sceneparse.inference import TorchEngine
    from sceneparse.settings import PreprocessingSettings

    torch.manual_seed(0)
    network = PSPNet(make_backbone("test_resnet", output_stride=8), 3, channels=8).eval()
    engine = TorchEngine(network, PreprocessingSettings(), device="cuda", precision="float32")
    pictures = torch.randint(0, 256, (6, 3, 96, 128), dtype=torch.uint8)
    found = [engine(one[None]) for one in pictures]
    again = TorchEngine(network, PreprocessingSettings(), device="cuda", precision="float32")
    assert engine.graphs is not None and engine.graphs.failure is None
    for one, scores in zip(pictures, found, strict=True):
        torch.testing.assert_close(again._scored(one[None].cuda(), ("object",)).logits, scores)
