"""Import a checkpoint by its path, a published checkpoint by its name, or a repository of the hub by its id."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneparse.errors import UserError, counted
from sceneparse.weights.checkpoint_file import is_checkpoint
from sceneparse.weights.config import CARD
from sceneparse.weights.finding import fetched_repository, is_model_name, near_names, published_of
from sceneparse.weights.foreign import is_foreign
from sceneparse.weights.importing.checkpoint import ImportedBackbone, ImportedModel, import_checkpoint
from sceneparse.weights.importing.convert import AUTO
from sceneparse.weights.importing.reading import CAFFE, SAFE, TORCH
from sceneparse.weights.model import Model, load_model, save_model
from sceneparse.weights.published.obtaining import checkpoint_of, import_published, kept_model

FILES = (*TORCH, SAFE, CAFFE)
"""How files of checkpoints end: what ends so is no hub id."""


@dataclass(frozen=True)
class KeptModel:
    """A published checkpoint that an earlier command has imported.

    Args:
        model: The model.
        folder: Its folder in the cache.
        published: Licence of the weights and terms of their data.
    """

    model: Model
    folder: Path
    published: str

    def save(self, out: Path) -> None:
        """Write a model folder, whole or not at all.

        Raises:
            UserError: `out` is something else than a model folder or an empty one.
        """
        save_model(out, self.model, (self.folder / CARD).read_text(encoding="utf-8"))

    def describe(self) -> list[str]:
        """Return what it is, a line each."""
        config = self.model.config
        return [
            f"{config.name}: {config.network.architecture} on {config.backbone.name}, "
            + counted(len(self.model.labels), "class", "classes"),
            f"  imported before, and taken from the cache: {self.folder}",
            f"  {self.published}",
        ]


def import_named(
    source: str, family: str = AUTO, labels: Path | None = None, **settings: Any
) -> ImportedModel | ImportedBackbone | KeptModel:
    """Import a checkpoint, fetched and checked first if it is named.

    A published checkpoint that was imported before, by whatever command, is taken from the cache, if no family, labels
    or settings are given. Licence and terms of one that is fetched are printed on standard error, as is how far it
    could be checked.

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
    if Path(source).exists() or source.endswith(FILES):
        return import_checkpoint(source, family, labels, **settings)
    if not is_model_name(source):
        raise UserError(
            f"{source}: no such checkpoint{near_names(source)}; give a file ({', '.join(FILES)}), a folder, a name "
            "that 'sceneparse models --published' lists, or a hub id such as user/name"
        )
    published = published_of(source)
    if published is None or published.on_hub:
        folder = fetched_repository(source, published)
        if not is_foreign(folder):
            raise UserError(f"{source}: is a model of sceneparse already: every command takes it as it is")
        imported = import_checkpoint(folder, family, labels, **settings)
        if not isinstance(imported, ImportedModel):
            return imported
        facts = None if published is None else published.licence_line()
        if facts is not None:
            print(f"{source}: {facts}", file=sys.stderr)
        return imported.named(source.rpartition("/")[2], facts)
    kept = kept_model(published)
    if kept is not None and family == AUTO and labels is None and not settings:
        return KeptModel(load_model(kept), kept, published.licence_line())
    with checkpoint_of(published) as path:
        return import_published(published, path, family, labels, **settings)
