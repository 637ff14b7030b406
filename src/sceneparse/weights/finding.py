"""Find the model that a command names: a folder here, a published checkpoint, or a repository of the hub.

Nothing heavy is imported before something is fetched or imported: a name that stands for nothing is refused at once.
"""

import os
import shlex
from pathlib import Path

from sceneparse.errors import UserError, counted, some
from sceneparse.files import aside_of
from sceneparse.recipes.reading import recipe_names
from sceneparse.settings.engine import is_exported
from sceneparse.weights.checkpoint_folders import decoder_of, refuse_without_checkpoint
from sceneparse.weights.config import CONFIG, FILES, LABELS, WEIGHTS, read_config
from sceneparse.weights.foreign import imported_folder, is_foreign
from sceneparse.weights.hub import fetch_from_hub, is_hub_id, refuse_unreachable
from sceneparse.weights.labels_file import read_labels
from sceneparse.weights.paths import CHECKPOINT_FILES, looks_like_path, near_folders
from sceneparse.weights.published.catalogue import Published, find_published, nearest, sharing
from sceneparse.weights.run_folder import MODEL, model_folder_of, named, run_folder, runs_in

BESIDE_EXPORTED = (".json", ".bin", ".data")
"""How the names of files end that lie beside an exported one: its record, or its weights."""


def find_model(source: str | Path) -> Path:
    """Return a model folder on this machine, fetched or imported if need be.

    Of a training's run folder it is the best model so far, of one of its checkpoints that checkpoint's; which one that
    is, is said on standard error. While a training has not ended, what is returned is a copy of its model, since a
    better one may take its place at any moment.

    Args:
        source: A folder, of ours or of another library (`foreign.is_foreign`), a training's run folder, or a file of
            its checkpoints; if there is none of that name, the name of a published checkpoint (`published.catalogue`)
            or a hub id such as "user/name".

    Raises:
        UserError: No such model, one that lacks a file, or one that cannot be fetched or imported.
    """
    folder = _here(source)
    _refuse_file_of_model(folder, source)
    if folder is None:
        folder = fetched_folder(str(source))
    elif _may_be_of_training(folder) or _is_of_run(folder):
        from sceneparse.weights.trained import of_training  # which reads checkpoints, and so needs PyTorch

        if (trained := of_training(folder)) is not None:
            return trained
    _refuse_file(folder, source)
    folder = local_folder(folder)
    _refuse_incomplete(folder, source)
    return folder


def refuse_missing(source: str | Path) -> None:
    """Refuse what is no model, as far as that shows without fetching, importing or building anything.

    Args:
        source: As in `find_model`.

    Raises:
        UserError: There is no such folder or name, or a folder that lacks a file or holds a damaged one.
    """
    folder = _here(source)
    _refuse_file_of_model(folder, source)
    if folder is None:
        published = published_of(str(source))
        if published is None or published.on_hub:
            refuse_unreachable(str(source))
        return
    if _may_be_of_training(folder):
        return
    _refuse_file(folder, source)
    if not is_foreign(folder):
        _refuse_incomplete(folder, source)
        read_config(folder / CONFIG)
        read_labels(folder / LABELS)


def refuse_missing_checkpoint(source: str) -> None:
    """Refuse the name of a checkpoint that is not there: neither a file or a folder, nor a name or a hub id.

    Raises:
        UserError: There is none, several checkpoints share the name, or nothing in the folder can be imported.
    """
    if os.path.exists(source):  # noqa: PTH110 - see below
        if os.path.isdir(source):  # noqa: PTH112
            refuse_without_checkpoint(Path(source))
        else:
            decoder_of(Path(source))  # raises where half of a pair is named
        return
    if source.endswith(CHECKPOINT_FILES):
        raise UserError(f"{source}: no such checkpoint; give a file (.pth, .safetensors, .caffemodel) or a folder")
    if not is_model_name(source):
        near = near_folders(source) if looks_like_path(source) else near_names(source)
        raise UserError(
            f"{source}: no such checkpoint{near}; give a file ({', '.join(CHECKPOINT_FILES)}), a folder, a name "
            "that 'sceneparse models --published' lists, or a hub id such as user/name"
        )
    published_of(source)


def refuse_own(source: str) -> None:
    """Refuse to import what is a model of sceneparse's own already.

    Args:
        source: A path or a name.

    Raises:
        UserError: It is a model folder or a run folder, or the file of weights in one.
    """
    path = Path(source)
    folder = path.parent if path.name == WEIGHTS and os.path.isfile(path) else path  # noqa: PTH113
    # Not Path's own question, which fails where a name is too long for any file.
    if not os.path.isdir(folder):  # noqa: PTH112
        return
    # What no other library's folder has.
    if run_folder(folder) is not None or all((folder / one).is_file() for one in (CONFIG, LABELS)):
        raise UserError(f"{source}: is a model of sceneparse's own: every command takes {folder} as it is")


def _here(source: str | Path) -> Path | None:
    """Return the folder (or file) of that path; None where there is none."""
    # Not Path's own questions, which fail where a name is too long for any file.
    folder = Path(source)
    if not os.path.exists(folder) and os.path.isdir(aside_of(folder)):  # noqa: PTH110, PTH112
        folder = aside_of(folder)
    return named(folder) if os.path.exists(folder) else None  # noqa: PTH110


def _may_be_of_training(path: Path) -> bool:
    """Return whether a path is a training's folder, or may be one of its checkpoints; what that holds shows later."""
    return run_folder(path) is not None or (path.is_file() and path.suffix in (".pt", ".safetensors"))


def _is_of_run(folder: Path) -> bool:
    """Return whether a folder is the model of a run folder, which a training that goes on may replace."""
    return folder.name == MODEL and run_folder(folder.parent) is not None


def _refuse_file_of_model(path: Path | None, source: str | Path) -> None:
    """Refuse a file that a model folder or an exported file consists of; the message names the model."""
    if path is None or not path.is_file():
        return
    if path.name in FILES and (path.parent / CONFIG).is_file():
        raise UserError(f"{source}: is a file of a model: name its folder, {Path(source).parent}")
    whole = Path(source).with_suffix(".xml" if path.suffix == ".bin" else "")
    if path.suffix in BESIDE_EXPORTED and is_exported(whole) and whole.is_file():
        raise UserError(f"{source}: lies beside an exported model: name that, {whole}")


def _refuse_file(folder: Path, source: str | Path) -> None:
    if not folder.is_dir():
        raise UserError(
            f"{source}: not a folder; a model is a folder with {', '.join(FILES)}; of a checkpoint's file "
            "'sceneparse import' makes one"
        )


def _refuse_incomplete(folder: Path, source: str | Path) -> None:
    for name in (CONFIG, WEIGHTS, LABELS):
        if not (folder / name).is_file():
            if (folder / "model" / CONFIG).is_file():
                raise UserError(
                    f"{source}: holds a model in a folder of its own; its model is {Path(source) / 'model'}"
                )
            if runs := runs_in(folder):
                raise UserError(_one_of(source, runs))
            raise UserError(f"{source}: no {name} in it; {_advice(folder)}a model folder has {', '.join(FILES)}")


def _one_of(source: str | Path, runs: list[Path]) -> str:
    """Refuse a folder of runs in a line that names some of them: those that have a model already, if there are any."""
    ready = [str(run) for run in runs if model_folder_of(run) is not None] or [str(run) for run in runs]
    said = f"{source}: is no model, but a folder of {counted(len(runs), 'run')}"
    if len(runs) == 1:
        return f"{said}: name it, {ready[0]}"
    compare = f"sceneparse compare {shlex.quote(str(source))}"
    return f"{said}: name one of them, such as {some(ready)} ('{compare}' shows what they score)"


def _advice(folder: Path) -> str:
    """What to do about a folder that another library's training left; empty where nothing speaks for one."""
    steps = [one for one in folder.glob("checkpoint-*") if (one / CONFIG).is_file()]
    if steps:
        last = max(steps, key=lambda one: int(digits) if (digits := one.name.rpartition("-")[2]).isdigit() else -1)
        return f"it holds checkpoints of transformers' Trainer: name one of them, such as {last}; "
    marks = ("trainer_state.json", "training_args.bin", "pytorch_model.bin", WEIGHTS, f"{WEIGHTS}.index.json")
    if not (folder / CONFIG).is_file() and any((folder / name).is_file() for name in marks):
        return (
            "it holds weights without what says which network they are of: copy the config.json of the model that was "
            "trained into it (transformers writes it by model.save_pretrained), or import the weights by 'sceneparse "
            "import'; "
        )
    return ""


def is_model_name(source: str) -> bool:
    """Return whether a text may name a model that is no folder here: a published checkpoint, or a hub id."""
    return find_published(source) is not None or _may_be_hub_id(source) or bool(sharing(source))


def _may_be_hub_id(source: str) -> bool:
    return is_hub_id(source) and not looks_like_path(source)


def local_folder(folder: Path) -> Path:
    """Return a folder as a model folder of ours: as it is, or imported if it is another library's.

    Raises:
        UserError: It is another library's, and cannot be imported.
    """
    return imported_folder(folder, folder.resolve().name) if is_foreign(folder) else folder


def fetched_folder(source: str) -> Path:
    """Return the model folder of a published checkpoint or of a hub id, fetched if need be.

    Raises:
        UserError: There is none, several share the name, or it cannot be fetched or imported.
    """
    published = published_of(source)
    if published is not None and not published.on_hub:
        from sceneparse.weights.published.obtaining import obtain

        return obtain(published)
    folder = fetched_repository(source, published)
    if not is_foreign(folder):
        return folder
    facts = None if published is None else published.licence_line()
    return imported_folder(folder, source, published=facts)


def published_of(source: str) -> Published | None:
    """Return the published checkpoint of this name; None for a hub id that the catalogue doesn't have.

    Raises:
        UserError: It is neither, or several checkpoints share the name.
    """
    published = find_published(source)
    if published is not None or _may_be_hub_id(source):
        return published
    if several := sharing(source):
        names = ", ".join(one.short or one.name for one in several)
        raise UserError(f"{len(several)} published checkpoints are a {source}: name one of {names}")
    if looks_like_path(source):
        is_id = is_hub_id(source) and Path(source).parent.is_dir()
        elsewhere = f"; '{source}' of the hub is taken where no folder here has its first name" if is_id else ""
        raise UserError(
            f"no model folder {source}{near_folders(source)}; give a folder with {FILES[0]}, a name that "
            f"'sceneparse models --published' lists, or a hub id such as user/name{elsewhere}"
        )
    if source in recipe_names():
        raise UserError(
            f"{source} is a recipe, not a model: train it first ('sceneparse train {source} …'), and name its run "
            f"folder, such as runs/{source}"
        )
    raise UserError(
        f"no model folder {source}, nor a published checkpoint of that name{near_names(source)}; give a folder with "
        f"{FILES[0]}, a name that 'sceneparse models --published' lists, or a hub id such as user/name"
    )


def fetched_repository(repo_id: str, published: Published | None) -> Path:
    """Return a repository of the hub in the cache, of ours or of another library.

    Args:
        repo_id: The hub id.
        published: What the catalogue knows of it.

    Raises:
        UserError: It is known to be one that cannot be imported, or it cannot be fetched.
    """
    if published is not None and published.refused:
        raise UserError(f"{repo_id}: {published.refused}")
    return fetch_from_hub(repo_id)


def near_names(source: str) -> str:
    """Return the published names that are most like one that there is not, in brackets; nothing if none is."""
    near = nearest(source)
    return f" (near: {', '.join(near)})" if near else ""
