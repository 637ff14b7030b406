"""`sceneparse data show` as a function: draw samples of a split, as they are and as training would see them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sceneparse.arguments import check_flag, check_number, check_type
from sceneparse.calls import by_name
from sceneparse.data.augmenter import Augmented, Augmenter, counts_needed
from sceneparse.data.class_changes import changes_in
from sceneparse.data.class_counts import count_classes
from sceneparse.data.mirroring import Mirror
from sceneparse.data.notes import short_notes
from sceneparse.data.sample import DataSet, notes_of
from sceneparse.data.sampling import AUGMENTATION
from sceneparse.datasets.left_out import say_left_out
from sceneparse.datasets.named import Named, look_of, named_data
from sceneparse.datasets.opening import open_dataset
from sceneparse.drawing.class_changes import changes_table
from sceneparse.drawing.contact import ContactSheet, Variant, contact_sheet
from sceneparse.errors import counted
from sceneparse.files import behind_link, refuse_unwritable_file
from sceneparse.paths import expanded
from sceneparse.progress import results_console
from sceneparse.recipes import from_mapping
from sceneparse.recipes.keywords import in_data
from sceneparse.settings import AugmentationSettings, DataSettings, PreprocessingSettings, Recipe, SamplingSettings


@by_name("show_data", elsewhere=in_data("show_data"))
def show_data(
    data: Named,
    *,
    kind: str | None = None,
    split: str = "train",
    count: int = 6,
    out: str | Path | None = None,
    recipe: str | Path | Recipe | None = None,
    augmentation: AugmentationSettings | Mapping[str, Any] | None = None,
    sampling: SamplingSettings | Mapping[str, Any] | None = None,
    preprocessing: PreprocessingSettings | Mapping[str, Any] | None = None,
    channels: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> ContactSheet:
    """Draw samples of a data set beside their masks, each with two versions as a training would see it.

    Args:
        data: As `check_data` takes it; of a recipe the data alone.
        kind: As there.
        split: Which of its splits.
        count: Number of samples, or all if there are fewer.
        out: The PNG to write. Default: none is; a notebook shows what is returned, `image` is the picture.
        recipe: Whose draws and augmentation are shown, by its name, its file or itself. Default: the standard ones,
            with crops as large as the first picture.
        augmentation: What training does to pictures: what differs from that, or all of it.
        sampling: How training favours rare classes, likewise: samples that it draws more often are likelier to be
            shown, and a line says over which class a crop was laid. Default without a recipe: not at all.
        preprocessing: Gives the colour of padding (`mean`), likewise.
        channels: Channels of the pictures. Default: as in `check_data`.
        seed: Decides which samples, and what augmentation draws.
        progress: Show progress, and what is to be said of the split.

    Returns:
        The picture, with what is to be said of the split: what was left out, and what its undrawn pixels are.

    Raises:
        UserError: No such data set, split or augmentation, broken files in it, or no sample is asked for.
    """
    check_number("count", count, least=1, whole=True)
    check_type("split", split, str, "a name")
    check_type("out", out, (str, Path, type(None)), "a file or None")
    check_number("seed", seed, least=0, whole=True)
    check_flag("progress", progress)
    if channels is not None:
        check_number("channels", channels, least=1, whole=True)
    file = None if out is None else behind_link(expanded(out))
    if file is not None:
        refuse_unwritable_file(file)
    look = look_of(recipe, augmentation=augmentation, sampling=sampling, preprocessing=preprocessing)
    named, usual = named_data(data, kind, shown=progress)
    sheet = _sheet(named.data, split, file, count, channels or usual, look, seed, progress)
    sheet = replace(sheet, title=f"{named.data.kind} {named.data.root or ''}".strip() + f" {split}")
    if progress:
        lines = [] if file is None else [f"contact sheet: {file}"]
        for line in (*lines, *(f"note: {note}" for note in sheet.notes)):
            print(line)
        say_left_out(named.data)
    return sheet


def _sheet(
    settings: DataSettings,
    split: str,
    file: Path | None,
    count: int,
    channels: int,
    look: Mapping[str, Any],
    seed: int,
    progress: bool,
) -> ContactSheet:
    """Draw samples of a split by what `look_of` returned, and say what became of classes that were changed."""
    augmentation, preprocessing = look["augmentation"], look["preprocessing"]
    mean = PreprocessingSettings().mean if channels == 3 else (0.0,)
    if preprocessing is not None and len(preprocessing.mean) in (1, channels):
        mean = preprocessing.mean
    dataset = open_dataset(settings, split, channels=channels)
    if isinstance(augmentation, AugmentationSettings):
        chosen = augmentation
    else:
        given = {"crop": list(dataset[0].size), **(augmentation or {})}
        chosen = from_mapping(AugmentationSettings, given, "augmentation")

    sampling = look["sampling"] or SamplingSettings()
    counts = factors = None
    if counts_needed(chosen, sampling):
        counts = count_classes(dataset, split=split, progress=progress)
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

    sheet = contact_sheet(dataset, file, count=count, augmented=augmented, seed=seed, factors=factors)
    changed = changes_in(dataset)
    if changed is not None and progress:
        changed.count()
        for index in sheet.indices:
            dataset[index]
        results_console().print(changes_table(changed.changes()))
        results_console().print(f"pixels are those of the {counted(min(count, len(dataset)), 'sample')} above")
    return replace(sheet, notes=short_notes(notes_of(dataset)))


def _said(made: Augmented, dataset: DataSet) -> str:
    """How a training sample came about, where a rare class had a part in it."""
    names = dataset.labels.names
    said = []
    if made.rare is not None:
        said.append(f"crop drawn for {names[made.rare]}")
    if made.donor is not None:
        said.append(f"{', '.join(names[name] for name in made.pasted)} pasted from {dataset.name(made.donor)}")
    return "; ".join(said)
