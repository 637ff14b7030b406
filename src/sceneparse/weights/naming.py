"""What reports call a model: runs of one recipe are told apart by their folders."""

from pathlib import Path

from sceneparse.weights.run_folder import MODEL, named, run_around


def name_of(source: str | Path) -> str:
    """Return what to call a model by where it lies: its run, or its own folder or file; else as it was named.

    Args:
        source: What a command was given.

    Returns:
        Such as "mine" of runs/mine and runs/mine/model, "mine/last-60" of a checkpoint in it, or "mine.onnx".
    """
    path = Path(source)
    if (run := run_around(path)) is not None:
        return f"{run.name}/{path.stem}" if path.is_file() else run.name
    if not path.exists():
        return str(source)
    whole = named(path).resolve()
    return whole.parent.name if whole.name == MODEL and whole.parent.name else whole.name
