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
    published = published_of(source)
    if published is not None and not published.on_hub:
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
    if published is not None or is_hub_id(source):
        return published
    if several := sharing(source):
        names = ", ".join(one.short or one.name for one in several)
        raise UserError(f"{len(several)} published checkpoints are a {source}: name one of {names}")
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
