"""Make a model folder in the cache of a published checkpoint: fetched, checked, imported, kept for the next time."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from filelock import FileLock
from rich.console import Console

from sceneparse.downloading import ChecksumError, Fetched, UnreachableError, download_bar, fetch_from, read_record
from sceneparse.errors import UnwritableError, UserError, counted
from sceneparse.files import make_folder, write_json
from sceneparse.progress import working
from sceneparse.version import __version__
from sceneparse.weights.config import CONFIG, LABELS, WEIGHTS
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint
from sceneparse.weights.importing.families.table import AUTO
from sceneparse.weights.paths import CAFFE, SAFE, TORCH
from sceneparse.weights.published.catalogue import RECORD, File, Published
from sceneparse.weights.reaching import reachable

MODEL = "model"
"""The model folder in a checkpoint's folder."""

TRIES = 3
"""Attempts in a row that may end without a single byte, at each address of a file."""

wait = time.sleep
"""Waits so many seconds between two attempts."""


def obtain(one: Published) -> Path:
    """Return a published checkpoint's model folder; the first time it is fetched, checked and imported.

    Licence, data terms, and how far the file could be checked are printed on standard error, that first time only.
    Several processes may ask for the same one: one fetches it, the others wait.

    Raises:
        UserError: It cannot be fetched (what is missing, and where it would be put), another file came, or what came
            cannot be imported.
    """
    if model := kept_model(one):
        return model
    with _locked(one) as folder:
        if model := kept_model(one):  # another process made it while this one waited
            return model
        model, console = folder / MODEL, _console()
        paths, record = _files(one, folder, console)
        with working(f"importing {paths[0].name}"):
            imported = import_published(one, paths[0])
            imported.save(model)
        console.print("\n".join(imported.describe()), markup=False)
        for path in paths:
            if path.name in record:  # what was put there by hand stays
                path.unlink()
    console.print(f"kept for the next time: {model}", markup=False)
    return model


@contextmanager
def checkpoint_of(one: Published) -> Iterator[Path]:
    """Fetch and check a published checkpoint; yield its file, or the first of its pair, which stays in the cache.

    Licence, data terms, and how far the file could be checked are printed on standard error.

    Raises:
        UserError: As in `obtain`.
    """
    with _locked(one) as folder:
        console = _console()
        paths, _ = _files(one, folder, console)
        yield paths[0]
        console.print(f"kept for the next time: {', '.join(map(str, paths))}", markup=False)


def kept_model(one: Published) -> Path | None:
    """Return the model folder that an earlier call left in the cache; None where there is none.

    Raises:
        UserError: The checkpoint is one that cannot be imported.
    """
    if one.refused:
        raise UserError(f"{one.name}: {one.refused}; 'sceneparse models --published' lists others")
    model = one.folder / MODEL
    return model if all((model / name).is_file() for name in (CONFIG, WEIGHTS, LABELS)) else None


def import_published(
    one: Published, path: Path, family: str = AUTO, labels: Path | None = None, **settings: Any
) -> ImportedModel:
    """Import a published checkpoint's file under its name; the arguments are those of `import_checkpoint`.

    Raises:
        UserError: It cannot be imported, or is another network than the published one.
    """
    imported = import_checkpoint(path, one.family if family == AUTO else family, labels, **settings)
    if not isinstance(imported, ImportedModel):
        raise UserError(f"{path}: holds a bare backbone, but {one.name} is a whole network; delete it to fetch it anew")
    _refuse_another(one, path, imported)
    return imported.named(one.short or one.name, one.licence_line())


DEPTH = re.compile(r"(?:^[RS]-|resnet|resnest)(\d+)", re.IGNORECASE)
"""The depth in a ResNet's or a ResNeSt's name, here and in the catalogue (R-50-D8, ResNet50dilated)."""


def _refuse_another(one: Published, path: Path, imported: ImportedModel) -> None:
    """Refuse a file of other classes, another architecture or another depth than the catalogue has.

    Raises:
        UserError: It is one.
    """
    config, classes = imported.model.config, len(imported.model.labels)
    depths = [found[1] if (found := DEPTH.search(name)) else "" for name in (one.backbone, config.backbone.name)]
    known = re.search(r"\d+", one.classes)
    if (
        (known is None or int(known[0]) == classes)
        and one.architecture.partition(" (")[0] == config.network.architecture
        and (depths[0] == depths[1] or not depths[0])
    ):
        return
    has = f"{config.network.architecture} on {config.backbone.name} with {counted(classes, 'class', 'classes')}"
    published = f"{one.architecture} on {one.backbone} with {one.classes} classes"
    advice = "put the right one there in its stead" if one.by_hand else "delete it to fetch it anew"
    raise UserError(f"{path}: is {has}, but {one.name} is {published}: it is another file; {advice}")


def _console() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def _locked(one: Published) -> Iterator[Path]:
    """Yield a checkpoint's folder in the cache, to this process alone."""
    make_folder(one.folder)
    with FileLock(one.folder / ".lock"):
        yield one.folder


def _files(one: Published, folder: Path, console: Console) -> tuple[list[Path], dict[str, Any]]:
    """Return where a checkpoint's files lie, fetched and checked, and the record of those that were fetched."""
    record = read_record(folder / RECORD)
    by_hand = [_put_by_hand(one, file, folder) for file in one.files if one.by_hand]
    paths = by_hand or [_fetched(file, one, folder, record, console) for file in one.files]
    console.print(f"{one.name}: {one.licence_line()}", markup=False)
    return paths, record


def _fetched(file: File, one: Published, folder: Path, record: dict[str, Any], console: Console) -> Path:
    """Return where a file lies, fetched if it isn't there yet, and compared with what is known of it."""
    path = folder / file.name
    there, first = path.is_file(), record.get(file.name)
    checksum = f"sha256:{first['sha256']}" if first else file.checksum
    # Without a network nobody shall wait for a second attempt.
    tries = TRIES if there or any(map(reachable, file.urls)) else 1
    with _explained(one, file, folder, first), download_bar(True, f"fetching {file.name}") as advance:
        fetched = fetch_from(file.urls, path, checksum, advance, tries=tries, wait=wait)
    console.print(f"{file.name}: {fetched.bytes:,} bytes, {_checked(fetched, file, first)}", markup=False)
    if not there:
        record[file.name] = {
            "url": fetched.url,
            "bytes": fetched.bytes,
            "sha256": fetched.sha256,
            "compared_with": file.checksum,
            "on": date.today().isoformat(),
            "sceneparse": __version__,
        }
        write_json(folder / RECORD, record)
    return path


def _checked(fetched: Fetched, file: File, first: dict[str, Any] | None) -> str:
    """Say which check was possible."""
    if first is not None:
        return f"the same as on {first['on']} (sha256 {fetched.sha256})"
    if file.checksum is None:
        return (
            f"sha256 {fetched.sha256}; its owner publishes no checksum of it, so that it was compared with nothing: "
            "later fetches are compared with this one"
        )
    kind, _, digits = file.checksum.partition(":")
    if kind == "sha256" and len(digits) < 64:
        return f"sha256 {fetched.sha256}, which begins with the {len(digits)} digits in its name"
    return f"{kind} as published ({digits[:16]}…)"


@contextmanager
def _explained(one: Published, file: File, folder: Path, first: dict[str, Any] | None) -> Iterator[None]:
    """Say in one line what is missing, and where it would be put."""
    try:
        yield
    except UnwritableError:
        raise
    except ChecksumError as error:
        if first is None:
            raise UserError(f"{one.name}: {error}") from None
        raise UserError(
            f"{one.name}: {file.name} is another file than the one that was first fetched on {first['on']}: {error}; "
            f"to take the new one, delete {folder / RECORD}"
        ) from None
    except UserError as error:
        why = f": {error}"
        if isinstance(error, UnreachableError):
            why = f" from {' or '.join(error.urls)} ({error.reason})"
        raise UserError(
            f"{one.name}: {folder / file.name} is missing and cannot be fetched{why}; put it there by hand, or give "
            "the same command when there is a network"
        ) from None
    except OSError as error:
        raise UserError(f"{one.name}: {file.name} cannot be written into {folder} ({error})") from None


def _put_by_hand(one: Published, file: File, folder: Path) -> Path:
    """Return the only checkpoint in a folder, which somebody has put there."""
    suffixes = (CAFFE,) if one.family == "caffe" else (*TORCH, SAFE)
    found = sorted(path for path in folder.iterdir() if path.suffix in suffixes)
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{folder}: holds {len(found)} checkpoints; leave only that of {one.name} there")
    raise UserError(
        f"{one.name} lies on Google Drive, which gives it to browsers only: fetch {file.urls[0]}, put the "
        f"{suffixes[0]} file into {folder}, and give the same command again"
    )
