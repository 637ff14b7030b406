"""Whether the pretrained weights that settings ask for can be had: found out before PyTorch is loaded."""

from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.settings import BackboneSettings

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
    """Refuse a file of weights that is not there.

    Raises:
        UserError: It is not there.
    """
    if not path.is_file():
        if str(path).lower() in ("none", "random", "no", "false"):
            raise UserError(f"backbone.weights: no file {path}; did you mean null, which starts from random weights?")
        raise UserError(f"backbone.weights: no file {path}; give a .safetensors or .pth file, 'hub' or null")


def not_fetched(name: str, reason: str, repository: str | None = None) -> str:
    """Return in a line that a backbone's weights are not on this machine and cannot be fetched.

    Args:
        name: The backbone.
        reason: Why not.
        repository: Where they lie on the Hugging Face hub, if that is known.
    """
    where = f"https://huggingface.co/{repository}" if repository else f"https://huggingface.co/timm?search={name}"
    return (
        f"backbone {name}: timm's pretrained weights could not be fetched ({reason}); fetch model.safetensors from "
        f"{where} elsewhere and give {argument('backbone.weights', 'FILE')}, or null to start from random weights"
    )
