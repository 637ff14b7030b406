"""`sceneparse data show` as a function: draw samples of a split, as they are and as training would see them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sceneparse.arguments import check_number
from sceneparse.data.augmenter import Augmented, Augmenter, counts_needed
from sceneparse.data.class_changes import changes_in
from sceneparse.data.class_counts import count_classes
from sceneparse.data.mirroring import Mirror
from sceneparse.data.notes import short_notes
from sceneparse.data.sample import DataSet, notes_of
from sceneparse.data.sampling import AUGMENTATION
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.drawing.class_changes import changes_table
from sceneparse.drawing.contact import Variant, contact_sheet
from sceneparse.errors import counted
from sceneparse.progress import results_console
from sceneparse.recipes import from_mapping
from sceneparse.settings import AugmentationSettings, DataSettings, PreprocessingSettings, SamplingSettings


def show(
    settings: DataSettings,
    split: str,
    path: Path,
    *,
    count: int = 6,
    channels: int | None = None,
    augmentation: AugmentationSettings | Mapping[str, Any] | None = None,
    sampling: SamplingSettings | None = None,
    preprocessing: PreprocessingSettings | None = None,
    seed: int = 0,
) -> tuple[str, ...]:
    """Draw samples of a split beside their masks and augmented variants, and write a PNG.

    Args:
        settings: The data set.
        split: Which of its splits.
        path: The PNG.
        count: Number of samples.
        channels: Channels of the pictures. None: as many as pictures of the kind usually have.
        augmentation: What training does to pictures; each sample is shown in two such versions beside the original.
            A mapping, or None: what differs from the defaults, with crops as large as the first picture.
        sampling: How training favours rare classes: samples that it draws more often are likelier to be shown, and a
            line says over which class a crop was laid. None: not at all.
        preprocessing: Gives the colour of padding (`mean`). None, or one of other channels: the default's.
        seed: Decides which samples, and what augmentation draws.

    Returns:
        What is to be said of the split: what was left out, and what its undrawn pixels are.

    Raises:
        UserError: No such data set, split or augmentation, broken files in it, or no sample is asked for.
    """
    check_number("count", count, least=1, whole=True)
    channels = channels or KINDS[settings.kind].channels(settings)
    mean = PreprocessingSettings().mean if channels == 3 else (0.0,)
    if preprocessing is not None and len(preprocessing.mean) in (1, channels):
        mean = preprocessing.mean
    dataset = open_dataset(settings, split, channels=channels)
    if isinstance(augmentation, AugmentationSettings):
        chosen = augmentation
    else:
        given = {"crop": list(dataset[0].size), **(augmentation or {})}
        chosen = from_mapping(AugmentationSettings, given, "augmentation")

    sampling = sampling or SamplingSettings()
    counts = factors = None
    if counts_needed(chosen, sampling):
        counts = count_classes(dataset, split=split, progress=True)
        if sampling.repeat_threshold > 0:
            factors = counts.repeat_factors(sampling.repeat_threshold)
    augmenter = Augmenter(dataset.__getitem__, chosen, sampling, mean, counts, Mirror.of(dataset))

    def augmented(index: int, variant: int) -> Variant:
        letters = list(dataset.name(index).encode())

        def streams(purpose: int) -> np.random.Generator:
            use = [] if purpose == AUGMENTATION else [purpose]
            return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, variant, *letters, *use])))

        made = augmenter(index, streams)
        return Variant(made.sample, _said(made, dataset))

    shown = contact_sheet(dataset, path, count=count, augmented=augmented, seed=seed, factors=factors)
    changed = changes_in(dataset)
    if changed is not None:
        changed.count()
        for index in shown:
            dataset[index]
        results_console().print(changes_table(changed.changes()))
        results_console().print(f"pixels are those of the {counted(min(count, len(dataset)), 'sample')} above")
    return short_notes(notes_of(dataset))


def _said(made: Augmented, dataset: DataSet) -> str:
    """How a training sample came about, where a rare class had a part in it."""
    names = dataset.labels.names
    said = []
    if made.rare is not None:
        said.append(f"crop drawn for {names[made.rare]}")
    if made.donor is not None:
        said.append(f"{', '.join(names[name] for name in made.pasted)} pasted from {dataset.name(made.donor)}")
    return "; ".join(said)
