"""Whether a run folder holds a training already: known before PyTorch is loaded."""

from pathlib import Path

from sceneparse.arguments import argument
from sceneparse.errors import UserError
from sceneparse.weights.run_folder import CHECKPOINTS, MODEL


def refuse_taken(out: Path) -> None:
    """Refuse to begin a training where there is one.

    Raises:
        UserError: There is one.
    """
    if any((out / CHECKPOINTS).glob("last-[0-9]*.pt")) or (out / MODEL).exists():
        raise UserError(
            f"{out} already holds a training: go on with it ({argument('resume', True, option='--resume')}) or name "
            f"another folder ({argument('out', 'DIR')})"
        )
