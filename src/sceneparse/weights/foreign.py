"""Model folders of other libraries, given where ours are expected: they are imported once, and kept in the cache."""

import json
from pathlib import Path

from rich.console import Console

from sceneparse.errors import UserError
from sceneparse.progress import working
from sceneparse.weights.config import CONFIG, LABELS
from sceneparse.weights.kept import kept_model

MARKS = ("model_type", "architectures", "_model_class", "encoder_name")
"""Keys of which a config.json of transformers or segmentation_models_pytorch has at least one, and ours has none."""


def is_foreign(folder: Path) -> bool:
    """Return whether a folder holds another library's model: of transformers, of smp, or CSAIL's pair."""
    if (folder / LABELS).is_file():
        return False
    if (folder / CONFIG).is_file():
        try:
            config = json.loads((folder / CONFIG).read_bytes())
        except (OSError, ValueError):
            return False
        return isinstance(config, dict) and "format" not in config and any(mark in config for mark in MARKS)
    return any(path.name.startswith("encoder") and path.suffix == ".pth" for path in folder.iterdir())


def imported_folder(folder: Path, name: str, *, published: str | None = None) -> Path:
    """Return our model folder of another library's; it is made the first time, and again when a file changes.

    What it was recognised as is printed on standard error when it is made.

    Args:
        folder: The other library's folder.
        name: What the model is called: its own name, or a hub id of which the last part is taken.
        published: Licence of the weights and terms of their data, which are printed then too; None where not known.

    Raises:
        UserError: It holds nothing that can be imported.
    """

    def make(kept: Path) -> None:
        # Here, since recognising such a folder must not wait for PyTorch.
        from sceneparse.weights.importing.checkpoint import ImportedModel, import_as_it_is

        console = Console(stderr=True, highlight=False, soft_wrap=True)
        if published is not None:
            console.print(f"{name}: {published}", markup=False)
        with working(f"importing {name}"):
            imported = import_as_it_is(folder)
        if not isinstance(imported, ImportedModel):
            raise UserError(f"{folder}: holds a bare backbone; give it to a training with backbone.weights")
        console.print("\n".join(imported.describe_as_it_is(folder)), markup=False)
        imported.named(name.rpartition("/")[2], published).save(kept)

    return kept_model("imported", _facts(folder, name), make)


def _facts(folder: Path, name: str) -> list[str]:
    """What changes when a file of a folder does."""
    from sceneparse.weights.importing.processors import processor_of

    facts = [name, str(folder.resolve())]
    above = processor_of(folder)
    for path in sorted({*(path for path in folder.iterdir() if path.is_file()), *((above,) if above else ())}):
        state = path.stat()
        facts.append(f"{path.name} {state.st_size} {state.st_mtime_ns}")
    return facts
