"""Print the tables of `sceneparse export`."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from sceneparse.errors import counted
from sceneparse.exporting.record import Check, Export, files_of


def print_checks(checks: Sequence[Check], console: Console) -> None:
    """Print how a file compares with PyTorch."""
    table = Table("picture", "relative error of logits", "equal labels", title="the file beside PyTorch, float32")
    for check in checks:
        table.add_row(check.pictures, f"{check.error:.1e}", f"{check.equal:.4%}")
    console.print(table)


def print_export(result: Export, console: Console) -> None:
    """Print what quantisation costs, and the files with their sizes."""
    if accuracy := result.accuracy:
        table = Table("", "float32", "int8", title=f"calibrated on {accuracy.calibrated_on} inputs")
        table.add_row(
            f"labels as in float32, {counted(accuracy.compared_on, 'picture')}", "100%", f"{accuracy.equal:.2%}"
        )
        for task, equal in accuracy.tasks.items():
            table.add_row(f"{task} as in float32", "100%", f"{equal:.2%}")
        for name, values in (("mean IoU", accuracy.mean_iou), ("pixel accuracy", accuracy.pixel_accuracy)):
            if values is not None:
                table.add_row(name, *(f"{value:.2%}" for value in values))
        console.print(table)
        if accuracy.protocol is not None:
            console.print(f"protocol {accuracy.protocol}", markup=False, soft_wrap=True)
    sizes = ", ".join(f"{path} ({path.stat().st_size / 2**20:.1f} MiB)" for path in files_of(result.path))
    console.print(f"exported: {sizes}", markup=False, soft_wrap=True)
