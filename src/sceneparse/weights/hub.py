"""Model folders on the Hugging Face hub."""

import re
import sys
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

from sceneparse.errors import UserError, reason_of
from sceneparse.weights.config import FILES, LABELS
from sceneparse.weights.paths import ALBUMENTATIONS, PROCESSOR
from sceneparse.weights.reaching import offline, without_retries

LONGEST = 200
"""Characters of the library's own words that a message repeats at most."""


def is_hub_id(source: str) -> bool:
    """Whether a string has the form of a hub id: user/name."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", source) is not None


SAFE = (*FILES, PROCESSOR, "*.safetensors.index.json", "model-*.safetensors", "albumentations_*.json")
"""What is fetched of a repository at first: a model folder of ours, or another library's with safe weights."""

OLD = ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin")
"""What is fetched where that brings no weights: files of older versions of transformers, which are read as data."""


def fetch_from_hub(repo_id: str) -> Path:
    """Return a repository's model, brought into the hub's cache: of ours, or of another library.

    Raises:
        UserError: There is no such repository, it can't be reached, or it holds no weights.
    """
    folder, away = _snapshot(repo_id, SAFE)
    if not any(folder.glob("*.safetensors")):
        folder, away = _snapshot(repo_id, OLD)
        if not any(folder.glob("*.bin")):
            if away:
                raise UserError(_not_given(repo_id, f"{away}, and what was fetched of it has no weights"))
            raise UserError(f"{repo_id}: the hub's repository holds neither model.safetensors nor pytorch_model.bin")
    if away and (missing := _maybe_missing(folder)):
        print(
            f"{repo_id}: {away}, so what was fetched before is taken; {missing} is not among it: if the repository has "
            "one, pictures are prepared otherwise until it is fetched",
            file=sys.stderr,
        )
    return folder


def _maybe_missing(folder: Path) -> str:
    """Return what says how pictures are prepared, if a folder of another library lacks it; "" where nothing lacks."""
    if (folder / LABELS).is_file() or any((folder / name).is_file() for name in (PROCESSOR, ALBUMENTATIONS)):
        return ""
    return f"{PROCESSOR} or {ALBUMENTATIONS}"


def _snapshot(repo_id: str, files: tuple[str, ...]) -> tuple[Path, str]:
    """Return the folder that a repository's files are in, and why the hub wasn't asked for them; "" where it was."""
    with without_retries() as why:
        try:
            return Path(huggingface_hub.snapshot_download(repo_id, allow_patterns=list(files))), why
        except Exception as error:  # the library's errors differ between its versions; all are the user's to mend
            raise UserError(_not_given(repo_id, why or _reason(error))) from error


def refuse_unreachable(repo_id: str) -> None:
    """Refuse a repository of which nothing has been fetched yet where the hub cannot be reached.

    Raises:
        UserError: It is so.
    """
    kept = Path(huggingface_hub.constants.HF_HUB_CACHE, f"models--{repo_id.replace('/', '--')}")
    if not kept.exists() and (why := offline()):
        raise UserError(_not_given(repo_id, why))


def _not_given(repo_id: str, reason: str) -> str:
    return (
        f"no folder {repo_id}, and the hub gives no model of that id ({reason}); check the name, the network and your "
        f"login; it would be kept in {huggingface_hub.constants.HF_HUB_CACHE}"
    )


def push_to_hub(folder: Path, repo_id: str, *, private: bool = False, token: str | None = None) -> str:
    """Upload a model folder; the repository is made if it isn't there.

    Args:
        folder: The model folder.
        repo_id: The repository, such as "user/name".
        private: Whether a new repository is private.
        token: An access token; None takes the one that `hf auth login` stored.

    Returns:
        The repository's address.

    Raises:
        UserError: Not a model folder, a bad id, no permission or no network.
    """
    if missing := [name for name in FILES if not (Path(folder) / name).is_file()]:
        raise UserError(f"{folder}: no {missing[0]} in it; give a model folder with {', '.join(FILES)}")
    if not is_hub_id(repo_id):
        raise UserError(f"'{repo_id}' is not a hub id; give one such as user/name")
    api = huggingface_hub.HfApi(token=token)
    try:
        address = api.create_repo(repo_id, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repo_id, folder_path=folder, allow_patterns=list(FILES), commit_message="Upload a sceneparse model"
        )
    except Exception as error:  # see above
        raise UserError(
            f"{repo_id}: the hub did not take the model ({_reason(error)}); check the name, the network and your login"
        ) from error
    return str(address)


def _reason(error: Exception) -> str:
    if isinstance(error, LocalEntryNotFoundError):  # which its servers' answers are no cause of
        return "it cannot be reached: no network"
    if isinstance(error, RepositoryNotFoundError):
        return "there is no such repository, or it is private"
    reason = reason_of(error)
    return reason if len(reason) <= LONGEST else f"{reason[:LONGEST]} …"
