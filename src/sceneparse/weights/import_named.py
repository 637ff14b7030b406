"""Import a checkpoint by its path, a published checkpoint by its name, or a repository of the hub by its id."""

import shutil
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sceneparse.errors import UserError, counted
from sceneparse.weights.card import model_card
from sceneparse.weights.checkpoint_file import is_checkpoint
from sceneparse.weights.config import CARD, WEIGHTS
from sceneparse.weights.finding import fetched_repository, published_of, refuse_missing_checkpoint, refuse_own
from sceneparse.weights.foreign import is_foreign
from sceneparse.weights.importing.checkpoint import ImportedBackbone, ImportedModel, import_checkpoint
from sceneparse.weights.importing.families.table import AUTO
from sceneparse.weights.model import Model, load_model
from sceneparse.weights.paths import CHECKPOINT_FILES
from sceneparse.weights.published.obtaining import checkpoint_of, import_published, kept_model
from sceneparse.weights.saving import Description, write_folder


@dataclass(frozen=True)
class KeptModel:
    """A model that needs no import: an earlier command has imported it, or sceneparse wrote it.

    Args:
        model: The model.
        folder: Its folder in a cache.
        origin: How it came there, for people.
        published: Licence of the weights and terms of their data; None where not known.
    """

    model: Model
    folder: Path
    origin: str
    published: str | None = None

    def save(self, out: Path) -> None:
        """Write a copy of its folder, whole or not at all.

        Raises:
            UserError: `out` is something else than a model folder or an empty one.
        """
        config, labels, card = self.model.config, self.model.labels, self.folder / CARD
        text = card.read_text(encoding="utf-8") if card.is_file() else model_card(config, labels, None)
        weights = self.folder / WEIGHTS
        write_folder(out, Description(config, labels, self.model.tasks, text), partial(shutil.copyfile, weights))

    def describe(self) -> list[str]:
        """Return what it is, a line each."""
        config = self.model.config
        return [
            f"{config.name}: {config.network.architecture} on {config.backbone.name}, "
            + counted(len(self.model.labels), "class", "classes"),
            f"  {self.origin}: {self.folder}",
            *([] if self.published is None else [f"  {self.published}"]),
        ]


def import_named(
    source: str, family: str = AUTO, labels: Path | None = None, **settings: Any
) -> ImportedModel | ImportedBackbone | KeptModel:
    """Import a checkpoint, fetched and checked first if it is named.

    A published checkpoint that was imported before, by whatever command, is taken from the cache, if no family, labels
    or settings are given. Licence and terms of one that is fetched are printed on standard error, as is how far it
    could be checked. A model of sceneparse's own on the hub is checked and copied as it is.

    Args:
        source: A path, as `read_checkpoint` takes it; if there is no such file or folder, the name of a published
            checkpoint, or a hub id such as "user/name".
        family: As in `import_checkpoint`, like the next ones.
        labels: …
        **settings: …

    Raises:
        UserError: There is no such checkpoint, it cannot be fetched, or it cannot be imported.
    """
    if Path(source).is_file() and is_checkpoint(Path(source)):
        raise UserError(f"{source}: is a checkpoint of sceneparse's own: every command takes it as it is")
    refuse_own(source)
    if Path(source).exists() or source.endswith(CHECKPOINT_FILES):
        return import_checkpoint(source, family, labels, **settings)
    refuse_missing_checkpoint(source)
    published = published_of(source)
    if published is None or published.on_hub:
        folder = fetched_repository(source, published)
        facts = None if published is None else published.licence_line()
        if not is_foreign(folder):
            if family != AUTO or labels is not None or settings:
                raise UserError(
                    f"{source}: is a model of sceneparse already, with classes and settings of its own: give no others"
                )
            origin = "a model of sceneparse already, copied from the hub's cache"
            return KeptModel(load_model(folder), folder, origin, facts)
        imported = import_checkpoint(folder, family, labels, **settings)
        if not isinstance(imported, ImportedModel):
            return imported
        if facts is not None:
            print(f"{source}: {facts}", file=sys.stderr)
        return imported.named(source.rpartition("/")[2], facts)
    kept = kept_model(published)
    if kept is not None and family == AUTO and labels is None and not settings:
        return KeptModel(load_model(kept), kept, "imported before, and taken from the cache", published.licence_line())
    with checkpoint_of(published) as path:
        return import_published(published, path, family, labels, **settings)
