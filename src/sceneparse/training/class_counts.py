"""The counts of classes that draws, augmentation and class weights go by: made once a run, kept in its folder."""

import json
from pathlib import Path

from sceneparse.data.augmenter import counts_needed
from sceneparse.data.class_changes import changes_in
from sceneparse.data.class_counts import ClassCounts, count_classes
from sceneparse.errors import UserError
from sceneparse.files import write_json
from sceneparse.training.class_weights import are_counted, write_changes
from sceneparse.training.prepare import Prepared

FILE = "class_counts.json"
"""In the run folder: the pixels and pictures of each class of the training split, and the classes of each sample."""


def load_class_counts(prepared: Prepared, out: Path) -> ClassCounts | None:
    """Return the counts of the training split; None where no setting goes by them.

    The first process counts and writes class_counts.json; the others, and a training that goes on, read it.

    Args:
        prepared: The training.
        out: Its run folder.

    Raises:
        UserError: A sample cannot be read, none has a labelled pixel, or class_counts.json is damaged.
    """
    recipe, fabric = prepared.recipe, prepared.compute.fabric
    weighs = are_counted(prepared, out)
    if not weighs and not counts_needed(recipe.augmentation, recipe.sampling):
        return None
    path = out / FILE
    if fabric.is_global_zero and (prepared.checkpoint is None or not path.exists()):
        dataset, workers = prepared.data.training, prepared.loader_workers
        changed = changes_in(dataset) if weighs else None
        if changed is not None:  # whose own classes are counted in the process that reads
            changed.count()
            workers = 0
        counts = count_classes(dataset, workers=workers, progress=True, split=recipe.data.train)
        if changed is not None:
            write_changes(changed, out)
            changed.pixels = None
        write_json(path, counts.to_json())
    fabric.barrier()
    try:
        return ClassCounts.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: damaged; remove it to have the classes counted anew") from None
