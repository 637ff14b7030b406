"""Whether the pretrained weights that settings ask for can be had: found out before PyTorch is loaded."""

import shlex
from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings
from sceneparse.weights.config import CONFIG, LABELS, WEIGHTS
from sceneparse.weights.run_folder import CHECKPOINTS, header_of, run_folder, taken_of

HUB = "hub"
"""The value of `backbone.weights` that means timm's own pretrained weights."""


def refuse_unobtainable(backbone: BackboneSettings) -> None:
    """Refuse weights of a backbone that surely cannot be had: a file that is not there, the hub without a network.

    Raises:
        UserError: They cannot be had.
    """
    if backbone.weights is None:
        return
    if backbone.weights != HUB:
        refuse_missing_weights(Path(backbone.weights))
        return
    from sceneparse.weights.reaching import nothing_fetched, offline

    # Of what has been fetched before, timm alone knows which of it this backbone needs.
    if nothing_fetched() and (why := offline()):
        raise UserError(not_fetched(backbone.name, why))


def refuse_missing_weights(path: Path) -> None:
    """Refuse a file of weights that is not there, or that is no backbone's but a whole model's.

    Raises:
        UserError: It is so; the message says how a training starts from a model.
    """
    if (model := _model_of(path)) is not None:
        init = argument("init.model", str(model), option=f"--init {shlex.quote(str(model))}")
        raise UserError(
            f"backbone.weights: {path} is a whole model, not a backbone alone: to start from it give {init}, with "
            "backbone.weights null"
        )
    if path.is_dir():
        raise UserError(f"backbone.weights: {path} is a folder; give a .safetensors or .pth file, 'hub' or null")
    if not path.is_file():
        if str(path).lower() in ("none", "random", "no", "false"):
            raise UserError(f"backbone.weights: no file {path}; did you mean null, which starts from random weights?")
        raise UserError(f"backbone.weights: no file {path}; give a .safetensors or .pth file, 'hub' or null")


def _model_of(path: Path) -> Path | None:
    """What `init.model` takes, where a path is a model, a training's run folder, or a file in one; else None."""
    if path.is_dir():
        return path if _is_own(path) or run_folder(path) is not None else None
    if path.is_file() and path.suffix in (".safetensors", ".pt"):
        if path.name == WEIGHTS and _is_own(path.parent):
            return path.parent
        if path.parent.name == CHECKPOINTS and run_folder(path.parent.parent) is not None:
            return path
        if path.suffix == ".safetensors" and taken_of(header_of(path)).iteration is not None:
            return path
    return None


def _is_own(folder: Path) -> bool:
    # A backbone's folder of the hub has a config.json too, but no classes.
    return (folder / CONFIG).is_file() and (folder / LABELS).is_file()


def not_fetched(name: str, reason: str, repository: str | None = None) -> str:
    """Return in a line that a backbone's weights are not on this machine and cannot be fetched.

    Args:
        name: The backbone.
        reason: Why not.
        repository: Where they lie on the Hugging Face hub, if that is known; else timm's files are asked.
    """
    if repository is None:
        from sceneparse.weights.timm_source import hub_repository

        repository = hub_repository(name)
    file = "model.safetensors"
    where = (
        f"https://huggingface.co/{repository}/resolve/main/{file}"
        if repository
        else f"{file} of one of the models that https://huggingface.co/timm?search={name} lists"
    )
    return (
        f"backbone {name}: timm's pretrained weights could not be fetched ({reason}); where there is a network, fetch "
        f"{where}, and give that file: {argument('backbone.weights', file)}; null starts from random weights"
    )
