"""Load training batches: which samples each holds follows from the seed and the iteration's number.

Iteration i takes the samples i·batch … (i+1)·batch - 1 of an endless row of samples: epoch after epoch, each in an
order of its own. The order of an epoch is a function of (seed, epoch), a sample's augmentation one of (seed, epoch,
index), and so is what is pasted onto it. So neither the number of workers nor a stop and a start in between changes a
single pixel, and starting late reads nothing of what was before.
"""

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from sceneparse.arguments import argument
from sceneparse.data.augment import Plan, padded
from sceneparse.data.augmenter import Augmenter, counts_needed
from sceneparse.data.batch import Batch
from sceneparse.data.class_changes import ClassChanges
from sceneparse.data.class_counts import ClassCounts
from sceneparse.data.device_augment import Windows, window_problem
from sceneparse.data.mirroring import Mirror, mirror_table
from sceneparse.data.mixture import Mixture
from sceneparse.data.sample import DataSet, Sample
from sceneparse.data.sampling import Draw, Repeats, Share, draws, stream
from sceneparse.data.single_task import SplitAnnotation
from sceneparse.data.workers import deaths_named, loaded
from sceneparse.errors import UserError, counted
from sceneparse.labels import IGNORE, LabelSpace
from sceneparse.settings import AugmentationSettings, PreprocessingSettings, SamplingSettings
from sceneparse.tasks import MAPS, Task, TruthName

OBJECTS_ALONE: tuple[TruthName, ...] = (Task.OBJECT.truth,)

PREFETCH = 3
"""Batches that each worker keeps ready."""


class BrokenSampleError(UserError):
    """A sample of the training split cannot be read or used."""


def training_batches(
    dataset: DataSet,
    augmentation: AugmentationSettings,
    preprocessing: PreprocessingSettings,
    *,
    batch: int,
    seed: int,
    start: int,
    stop: int,
    workers: int,
    cache_mb: int,
    tasks: Collection[TruthName] = OBJECTS_ALONE,
    sampling: SamplingSettings | None = None,
    counts: ClassCounts | None = None,
    chunks: int = 1,
    rank: int = 0,
    world: int = 1,
    narrow: bool = False,
    whole: bool = True,
) -> Generator[Batch | Windows, None, None]:
    """Yield the augmented batches of iterations start … stop - 1.

    Workers start with the first batch that is asked for and end when the iterator is closed or used up.

    Args:
        dataset: Where samples come from.
        augmentation: How they are changed.
        preprocessing: Gives the colour of padding (`mean`).
        batch: Pictures of an iteration over all processes; this one gets batch / world of them.
        seed: Decides order and augmentation.
        start: First iteration.
        stop: One past the last iteration.
        workers: Loader processes; 0 loads in this one.
        cache_mb: Memory for decoded samples in MiB, over all workers of this process.
        tasks: What is trained on; the truth of other tasks is neither kept nor augmented. With the objects alone each
            sample must have them, else any of the tasks is enough.
        sampling: How draws favour rare classes; None: not at all.
        counts: The split's counts of classes, where `counts_needed` says that settings go by them.
        chunks: Chunks that a batch is computed in, one after the other; the processes share each of them.
        rank: This process among those that train together.
        world: Number of processes that train together.
        narrow: Whether batches go on to a GPU: label maps of less than 256 classes are bytes then, and with CUDA all
            tensors lie in pinned memory.
        whole: Whether the loader changes the pictures; else it gives their windows, for `device_augment.augmented`.

    Raises:
        UserError: The data set is empty or another one than was counted, a sample cannot be read or has no truth, or
            pictures without a crop differ in size; the message names the sample.
    """
    if len(dataset) == 0:
        raise UserError("the training split has no samples: there is nothing to train on")
    sampling = sampling or SamplingSettings()
    factors = None
    if counts_needed(augmentation, sampling):
        counts = _checked(counts, dataset)
        factors = counts.repeat_factors(sampling.repeat_threshold) if sampling.repeat_threshold else None
    decoded = _Decoded(dataset, (cache_mb << 20) // max(1, workers), tasks)
    augmenter = Augmenter(decoded, augmentation, sampling, preprocessing.mean, counts, Mirror.of(dataset))
    narrow_maps = narrow and tuple(tasks) == OBJECTS_ALONE and holds_bytes(dataset.labels)
    fills_up = augmentation.short is not None and augmentation.crop is None
    collate: _Collate | _CollateWindows = (
        _Collate(tasks, preprocessing.mean if fills_up else None, narrow=narrow_maps)
        if whole
        else _CollateWindows(augmentation, preprocessing.mean, mirror_table(dataset.labels), narrow=narrow_maps)
    )
    samples = _AugmentedSamples(augmenter, seed) if whole else _PlannedSamples(augmenter, seed)
    with deaths_named():
        for result in loaded(
            samples,
            workers=workers,
            prefetch=PREFETCH,
            batch_sampler=_Draws(dataset, batch, seed, start, stop, Share(rank, world, chunks), factors),
            collate_fn=collate,
            pin_memory=narrow and torch.cuda.is_available(),
        ):
            if isinstance(result, _Failure):
                raise BrokenSampleError(result.message)
            yield result


def holds_bytes(labels: LabelSpace) -> bool:
    """Return whether label maps of these classes fit into bytes, 255 left for pixels where nothing counts."""
    return len(labels) < 256


class _Draws:
    """Batch sampler: the draws of each iteration, computed when they are needed."""

    def __init__(
        self,
        dataset: DataSet,
        batch: int,
        seed: int,
        start: int,
        stop: int,
        share: Share,
        factors: NDArray[np.float64] | None,
    ) -> None:
        self.dataset, self.batch, self.seed = dataset, batch, seed
        self.start, self.stop, self.share, self.factors = start, stop, share, factors

    def __len__(self) -> int:
        return max(0, self.stop - self.start)

    def __iter__(self) -> Iterator[list[Draw]]:
        dataset = self.dataset
        if isinstance(dataset, Mixture | SplitAnnotation) or (
            isinstance(dataset, ClassChanges) and dataset.draws_itself
        ):
            for whole in dataset.draws(self.batch, self.seed, self.start, self.stop, self.factors):
                yield [whole[position] for position in self.share.of(self.batch)]
            return
        repeats = None if self.factors is None else Repeats(self.factors)
        for iteration in range(self.start, self.stop):
            yield draws(len(dataset), self.batch, self.seed, iteration, self.share, repeats)


def _checked(counts: ClassCounts | None, dataset: DataSet) -> ClassCounts:
    """The counts of a data set.

    Raises:
        UserError: They are another one's.
    """
    if counts is None:
        raise ValueError("these settings go by counts of the training split: pass those of `count_classes`")
    if len(counts) != len(dataset) or counts.names != dataset.labels.names:
        raise UserError(
            f"class_counts.json is of {counted(len(counts), 'sample')} and {len(counts.names)} classes, but the "
            f"training split has {counted(len(dataset), 'sample')} and {len(dataset.labels)} classes: remove that file "
            "of the run folder to have them counted anew"
        )
    return counts


class _AugmentedSamples(Dataset[object]):
    """The training samples that are drawn."""

    def __init__(self, augmenter: Augmenter, seed: int) -> None:
        self.augmenter, self.seed = augmenter, seed

    def __getitem__(self, draw: Draw) -> "tuple[int, Sample] | _Failure":
        try:
            made = self.augmenter(draw[1], lambda purpose: stream(self.seed, purpose, *draw))
        except UserError as error:
            # An exception from a worker would arrive as a worker's traceback; the user should see its one line.
            return _Failure(str(error))
        return draw[1], made.sample


class _PlannedSamples(Dataset[object]):
    """The training samples that are drawn, as they are stored, each with what is to become of it."""

    def __init__(self, augmenter: Augmenter, seed: int) -> None:
        self.augmenter, self.seed = augmenter, seed

    def __getitem__(self, draw: Draw) -> "tuple[int, Sample, Plan] | _Failure":
        try:
            return draw[1], *self.augmenter.planned(draw[1], lambda purpose: stream(self.seed, purpose, *draw))
        except UserError as error:
            return _Failure(str(error))


class _Decoded:
    """The data set's samples with the truth of some tasks; as many are kept as memory allows.

    The cache fills up and then stays: in a random order, any fixed subset of the samples is drawn as often as the most
    recent ones, and nothing is decoded only to push out something else.
    """

    def __init__(self, dataset: DataSet, cache_bytes: int, tasks: Collection[TruthName]) -> None:
        self.dataset, self.free, self.tasks = dataset, cache_bytes, frozenset(tasks)
        self.cache: dict[int, Sample] = {}

    def __call__(self, index: int) -> Sample:
        if index in self.cache:
            return self.cache[index]
        sample = self.dataset[index]
        sample = sample.only(self.tasks)
        if self.tasks == set(OBJECTS_ALONE) and sample.objects is None:
            raise UserError(f"sample '{sample.name}' has no object labels: training needs a mask for each picture")
        if sample.scene is None and not sample.masks():
            raise UserError(
                f"sample '{sample.name}' is labelled for none of the tasks: {', '.join(sorted(self.tasks))}"
            )
        size = sample.image.nbytes + sum(mask.nbytes for mask in sample.masks().values())
        if size <= self.free:
            self.free -= size
            self.cache[index] = sample
        return sample


@dataclass(frozen=True)
class _Failure:
    """A user's mistake that came up while a batch was made."""

    message: str


class _Collate:
    """Samples to a batch; what a sample has no truth for is `IGNORE`.

    Args:
        tasks: The tasks whose truth is wanted.
        mean: The colour with which samples are filled up to the largest height and width; None refuses unequal ones.
        narrow: Whether the objects' label maps become bytes, 255 where nothing counts.
    """

    def __init__(self, tasks: Collection[TruthName], mean: Sequence[float] | None, *, narrow: bool = False) -> None:
        self.mean, self.narrow = mean, narrow
        self.maps = [task.truth for task in MAPS if task is not Task.OBJECT and task.truth in tasks]
        self.scenes = Task.SCENE.truth in tasks

    def __call__(self, items: "list[tuple[int, Sample] | _Failure]") -> "Batch | _Failure":
        samples, indices = [], []
        for item in items:
            if isinstance(item, _Failure):
                return item
            indices.append(item[0])
            samples.append(item[1])
        if self.mean is not None:
            height, width = (max(sample.size[axis] for sample in samples) for axis in (0, 1))
            samples = [padded(sample, (height, width), self.mean) for sample in samples]
        first = samples[0]
        for sample in samples:
            if sample.image.shape != first.image.shape:
                one, other = (f"'{s.name}' is {'x'.join(map(str, s.image.shape))}" for s in (first, sample))
                return _Failure(
                    f"pictures of one batch differ in channels x height x width: {one}, {other}; "
                    f"set augmentation.crop, such as {argument('augmentation.crop', [473, 473])}"
                )
        unknown = torch.full(first.size, IGNORE, dtype=torch.int16)
        masks, objects = [sample.masks() for sample in samples], Task.OBJECT.truth
        maps: dict[str, Tensor] = {name: torch.stack([mask.get(name, unknown) for mask in masks]) for name in self.maps}
        if Task.PART.truth in maps:
            maps["owners"] = torch.stack([mask.get("owners", mask.get(objects, unknown)) for mask in masks])
        scenes = [IGNORE if sample.scene is None else sample.scene for sample in samples]
        labels = torch.stack([mask.get(objects, unknown) for mask in masks])
        return Batch(
            torch.stack([sample.image for sample in samples]),
            # -1 becomes 255.
            labels.to(torch.uint8) if self.narrow else labels,
            tuple(sample.name for sample in samples),
            tuple(sample.path for sample in samples),
            tuple(indices),
            scenes=torch.tensor(scenes) if self.scenes else None,
            **maps,
        )


class _CollateWindows:
    """Samples and plans to windows.

    Args:
        settings: The changes that are made to them.
        mean: The colour of what a picture does not cover.
        mirror: The class of each class in a mirror image, as of `mirror_table`.
        narrow: Whether label maps become bytes, 255 where nothing counts.
    """

    def __init__(
        self, settings: AugmentationSettings, mean: Sequence[float], mirror: Tensor | None, *, narrow: bool
    ) -> None:
        self.settings, self.mean, self.mirror, self.narrow = settings, mean, mirror, narrow

    def __call__(self, items: "list[tuple[int, Sample, Plan] | _Failure]") -> "Windows | _Failure":
        planned = []
        for item in items:
            if isinstance(item, _Failure):
                return item
            planned.append(item)
        problem = window_problem(planned)
        if problem is not None:
            return _Failure(problem)
        return Windows.of(planned, self.settings, self.mean, narrow=self.narrow, mirror=self.mirror)
