"""Find the model that a command names: a folder here, a published checkpoint, or a repository of the hub."""

from pathlib import Path

from sceneparse.errors import UserError
from sceneparse.weights.config import FILES
from sceneparse.weights.foreign import imported_folder, is_foreign
from sceneparse.weights.hub import fetch_from_hub, is_hub_id
from sceneparse.weights.published.catalogue import Published, find_published, nearest, sharing
from sceneparse.weights.published.obtaining import obtain


def is_model_name(source: str) -> bool:
    """Return whether a text may name a model that is no folder here: a published checkpoint, or a hub id."""
    return is_hub_id(source) or find_published(source) is not None or bool(sharing(source))


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
    published = find_published(source)
    if published is not None and not published.on_hub:
        return obtain(published)
    if is_hub_id(source):
        return _from_hub(source, published)
    if several := sharing(source):
        names = ", ".join(one.short or one.name for one in several)
        raise UserError(f"{len(several)} published checkpoints are a {source}: name one of {names}")
    raise UserError(
        f"no model folder {source}, nor a published checkpoint of that name{_hint(source)}; give a folder with "
        f"{FILES[0]}, a name that 'sceneparse models --published' lists, or a hub id such as user/name"
    )


def _from_hub(repo_id: str, published: Published | None) -> Path:
    if published is not None and published.refused:
        raise UserError(f"{repo_id}: {published.refused}")
    folder = fetch_from_hub(repo_id)
    if not is_foreign(folder):
        return folder
    facts = [] if published is None else [f"{repo_id}: {published.licence_line()}"]
    return imported_folder(folder, repo_id.rpartition("/")[2], facts=facts)


def _hint(source: str) -> str:
    near = nearest(source)
    return f" (near: {', '.join(near)})" if near else ""
