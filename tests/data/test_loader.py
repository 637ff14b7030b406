import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from sceneparse.data.batch import Batch
from sceneparse.data.loader import training_batches
from sceneparse.data.sample import Sample
from sceneparse.data.sampling import Share, draws
from sceneparse.errors import UserError
from sceneparse.labels import IGNORE, LabelSpace, TaskLabels
from sceneparse.settings import AugmentationSettings, PreprocessingSettings
from tests.support.running import running, wait_for

AUGMENTATION = AugmentationSettings(crop=(16, 20), color=0.3)


class Pictures:
    """A data set in memory that counts what is read."""

    def __init__(self, count: int, size: Callable[[int], tuple[int, int]] = lambda _: (24, 28)) -> None:
        self.count, self.size = count, size
        self.labels = LabelSpace(("a", "b"))
        self.reads: list[int] = []
        self.broken: int | None = None
        self.unlabelled: int | None = None

    @property
    def tasks(self) -> TaskLabels:
        return TaskLabels(self.labels)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        self.reads.append(index)
        if index == self.broken:
            raise UserError(f"images/{index}.png: broken")
        height, width = self.size(index)
        generator = torch.Generator().manual_seed(index)
        image = torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)
        mask = torch.full((height, width), index % 2, dtype=torch.int16)
        objects = None if index == self.unlabelled else mask
        return Sample(image=image, objects=objects, parts=mask, name=self.name(index), path=f"{index}.png")

    def name(self, index: int) -> str:
        return f"picture{index}"


def batches(
    dataset: Pictures,
    start: int = 0,
    stop: int = 5,
    *,
    batch: int = 4,
    workers: int = 0,
    seed: int = 3,
    cache_mb: int = 1,
    augmentation: AugmentationSettings = AUGMENTATION,
    rank: int = 0,
    world: int = 1,
) -> list[Batch]:
    found = training_batches(
        dataset,
        augmentation,
        PreprocessingSettings(),
        batch=batch,
        seed=seed,
        start=start,
        stop=stop,
        workers=workers,
        cache_mb=cache_mb,
        rank=rank,
        world=world,
    )
    return [one for one in found if isinstance(one, Batch)]


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a.images, b.images) and torch.equal(a.objects, b.objects) and a.names == b.names
        for a, b in zip(one, other, strict=True)
    )


def test_workers_and_cache_change_no_pixel() -> None:
    alone = batches(Pictures(10))
    assert same(alone, batches(Pictures(10), workers=1))
    assert same(alone, batches(Pictures(10), workers=2, cache_mb=0))


def test_a_late_start_gives_the_same_batches_and_reads_nothing_of_the_past() -> None:
    dataset = Pictures(10)
    late = batches(dataset, 3, 5)
    assert same(batches(Pictures(10), 0, 5)[3:], late)
    assert set(dataset.reads) == {index for batch in late for index in batch.indices}


def test_each_epoch_shows_every_sample_once_in_another_order_across_batch_borders() -> None:
    row = [index for batch in batches(Pictures(10), 0, 5) for index in batch.indices]
    assert sorted(row[:10]) == sorted(row[10:]) == list(range(10))
    assert row[:10] != row[10:]


def test_a_sample_is_augmented_otherwise_in_each_epoch_and_under_each_seed() -> None:
    first, second = batches(Pictures(1), 0, 2, batch=1)
    assert not torch.equal(first.images, second.images)
    assert not same(batches(Pictures(10)), batches(Pictures(10), seed=4))


def test_a_batch_may_be_larger_than_the_data_set() -> None:
    (batch,) = batches(Pictures(3), 0, 1, batch=8)
    assert batch.images.shape == (8, 3, 16, 20) and batch.objects.shape == (8, 16, 20)
    assert sorted(batch.indices[:3]) == [0, 1, 2]


def test_processes_share_a_batch_without_overlap() -> None:
    whole = batches(Pictures(10), 0, 5)
    parts = [batches(Pictures(10), 0, 5, rank=rank, world=2) for rank in (0, 1)]
    for all_of_it, left, right in zip(whole, *parts, strict=True):
        assert torch.equal(all_of_it.images, torch.cat([left.images, right.images]))
    assert draws(10, 4, 0, 2, Share(1, 2)) == draws(10, 4, 0, 2)[2:]


def test_processes_share_each_part_of_a_batch() -> None:
    whole = draws(100, 12, 0, 3)
    shares = [draws(100, 12, 0, 3, Share(rank, 2, chunks=3)) for rank in (0, 1)]
    for part in range(3):
        own = slice(2 * part, 2 * part + 2)
        assert whole[4 * part : 4 * part + 4] == shares[0][own] + shares[1][own]


def test_the_cache_spares_reading_but_keeps_to_its_bound() -> None:
    cached = Pictures(4)
    batches(cached, 0, 5)
    assert sorted(cached.reads) == [0, 1, 2, 3]
    uncached = Pictures(4)
    batches(uncached, 0, 5, cache_mb=0)
    assert len(uncached.reads) == 20
    large = Pictures(4, lambda _: (330, 330))  # 3 + 2 bytes a pixel: one of them fits into a MiB
    batches(large, 0, 5)
    assert len(large.reads) == 1 + 3 * 5


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_file_is_the_same_one_line_from_every_process(workers: int) -> None:
    dataset = Pictures(10)
    dataset.broken = 7
    with pytest.raises(UserError, match=r"^images/7\.png: broken$"):
        batches(dataset, workers=workers)


def test_a_sample_without_objects_is_refused() -> None:
    dataset = Pictures(4)
    dataset.unlabelled = 2
    with pytest.raises(UserError, match="'picture2' has no object labels"):
        batches(dataset)


def test_different_sizes_without_a_crop_are_refused_with_the_way_out() -> None:
    dataset = Pictures(10, lambda index: (24, 28 + index))
    whole = replace(AUGMENTATION, crop=None)
    with pytest.raises(UserError, match=r"3x24x.*set augmentation\.crop"):
        batches(dataset, augmentation=whole)
    assert batches(Pictures(10), 0, 1, augmentation=whole)[0].images.shape == (4, 3, 24, 28)


def test_an_empty_data_set_is_refused() -> None:
    with pytest.raises(UserError, match="no samples"):
        batches(Pictures(0))


def test_loading_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    batches(Pictures(10))
    batches(Pictures(10), 0, 1, workers=1)
    assert torch.equal(before, torch.get_rng_state())


ENDLESS = """
import sys
sys.path[:0] = {path!r}
from test_loader import Pictures, AUGMENTATION
from sceneparse.data.loader import training_batches
from sceneparse.settings import PreprocessingSettings
import multiprocessing
row = training_batches(Pictures(10), AUGMENTATION, PreprocessingSettings(), batch=4, seed=0, start=0, stop=10**9,
    workers=2, cache_mb=1)
next(row)
print(*[child.pid for child in multiprocessing.active_children()], flush=True)
while True:
    next(row)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_workers_ignore_ctrl_c_and_die_with_the_training_process() -> None:
    path = [os.path.dirname(__file__), *sys.path]  # noqa: PTH120
    process = subprocess.Popen([sys.executable, "-c", ENDLESS.format(path=path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    children = [int(number) for number in process.stdout.readline().split()]
    assert len(children) == 2
    for child in children:
        os.kill(child, signal.SIGINT)
    time.sleep(0.3)
    assert all(running(child) for child in children)
    process.kill()
    process.wait()
    wait_for(lambda: not any(running(child) for child in children), 10)


def test_whole_pictures_of_several_sizes_are_filled_up_to_the_largest_of_their_batch() -> None:
    pictures = Pictures(8, lambda index: (24, 20 + 4 * index))
    settings = AugmentationSettings(crop=None, short=(12, 18), rotate_probability=0.0, blur_probability=0.0)
    for batch in batches(pictures, augmentation=settings):
        widths = (batch.objects[:, 0] != IGNORE).sum(1)
        assert batch.images.shape[-1] == widths.max() and len(set(widths.tolist())) > 1
        assert batch.images.shape[-2:] == batch.objects.shape[-2:]


class Ending(Pictures):
    """Pictures of which the first ends the process that reads it, or has another error."""

    error: Exception | None = None

    def __getitem__(self, index: int) -> Sample:
        if self.error is not None:
            raise self.error
        os._exit(1)


def test_a_loader_process_that_dies_is_told_from_an_error_in_it() -> None:
    with pytest.raises(UserError, match="a loader process died"):
        batches(Ending(4), workers=1)
    dataset = Ending(4)
    dataset.error = RuntimeError("DataLoader worker: shapes differ")
    with pytest.raises(RuntimeError, match="shapes differ"):
        batches(dataset, workers=1)
