"""`sceneparse data show` as a function: draw samples of a split, as they are and as training would see them."""

from pathlib import Path

import numpy as np

from sceneparse.data.augment import augment
from sceneparse.data.class_changes import changes_in
from sceneparse.data.sample import Sample, notes_of
from sceneparse.datasets.kinds import KINDS
from sceneparse.datasets.opening import open_dataset
from sceneparse.drawing.class_changes import changes_table
from sceneparse.drawing.contact import contact_sheet
from sceneparse.errors import counted, require
from sceneparse.progress import results_console
from sceneparse.settings import AugmentationSettings, DataSettings, PreprocessingSettings


def show(
    settings: DataSettings,
    split: str,
    path: Path,
    *,
    count: int = 6,
    augmentation: AugmentationSettings | None = None,
    seed: int = 0,
) -> tuple[str, ...]:
    """Draw samples of a split beside their masks and augmented variants, and write a PNG.

    Args:
        settings: The data set.
        split: Which of its splits.
        path: The PNG.
        count: Number of samples.
        augmentation: What training does to pictures; each sample is shown in two such versions beside the original.
            None: the defaults, with crops as large as the first picture.
        seed: Decides which samples, and what augmentation draws.

    Returns:
        What is to be said of the split: what was left out, and what its undrawn pixels are.

    Raises:
        UserError: No such data set or split, broken files in it, or no sample is asked for.
    """
    require(count >= 1, f"count is {count}, but must be at least 1")
    channels = KINDS[settings.kind].channels(settings)
    mean = PreprocessingSettings().mean if channels == 3 else (0.0,)
    dataset = open_dataset(settings, split, channels=channels)
    chosen = augmentation or AugmentationSettings(crop=dataset[0].size)

    def augmented(sample: Sample, variant: int) -> Sample:
        letters = list(sample.name.encode())
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, variant, *letters])))
        return augment(sample, chosen, mean, rng)

    changed = changes_in(dataset)
    if changed is not None:
        changed.count()
    contact_sheet(dataset, path, count=count, augmented=augmented, seed=seed)
    if changed is not None:
        results_console().print(changes_table(changed.changes()))
        results_console().print(f"pixels are those of the {counted(min(count, len(dataset)), 'sample')} above")
    return notes_of(dataset)
