"""Recorded outputs of the published implementations, compared with ours after an import of their weights.

    python benchmarks/parity.py --cases DIR
    python benchmarks/parity.py --cases DIR --only semseg_pspnet50_eval csail_resnet50_upernet --json

DIR holds a folder for each case (manifest.json: keys, shapes, inputs, limits; outputs.safetensors), and beside them
`fill.py`, which makes weights and inputs from names, and `golden.py`, which reads and compares. Of each case a
checkpoint is written in its family's own form, imported as a user would with `--from auto`, and run on the case's
inputs. What no key can tell (an output stride, the alignment of corners) is taken from the manifest, as a user would
give it on the command line, and stands in the table. The quick form runs the three cases with the fewest weights.

It ends with 1 if an output is off by more than its limit, or if a case cannot be run.
"""

import importlib.util
import json
import math
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from command_line import command_line, note, parsed, write_figures
from parity_cases import Case, operator_outputs, protocol_outputs
from parity_families import changes_of, checkpoint_of, expected_family
from parity_outputs import network_outputs
from parity_training import training_outputs
from sceneparse.errors import UserError
from sceneparse.recipes.layers import merged
from sceneparse.weights.importing.checkpoint import ImportedModel, import_checkpoint

QUICK = 3
"""So many of the smallest cases are the quick form."""


@dataclass(frozen=True)
class Row:
    """One output of one case."""

    family: str
    case: str
    output: str
    error: float | None
    limit: float | None
    ok: bool
    note: str = ""


def main() -> int:
    """Compare and print; 1 if anything is off."""
    torch.manual_seed(0)
    parser = command_line(__doc__)
    parser.add_argument("--cases", type=Path, metavar="DIR", help="the folder of the cases")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these cases alone")
    given = parsed(parser, {})
    if given.cases is None:
        if not given.quick:
            parser.error("--cases is missing: the folder of the recorded cases")
        note("nothing is compared: no recorded cases were given (--cases DIR)")
        return 0
    tools = {name: load_module(given.cases, name) for name in ("fill", "golden")}
    names = given.only or sorted(path.parent.name for path in given.cases.glob("*/manifest.json"))
    if not names:
        sys.exit(f"{given.cases}: no case in it; a case is a folder with a manifest.json")
    if given.quick and not given.only:
        names = sorted(names, key=lambda name: weights_of(given.cases / name))[:QUICK]
    rows: list[Row] = []
    for number, name in enumerate(names, 1):
        note(f"{number}/{len(names)} {name}")
        rows += compare(given.cases / name, **tools)
    write_figures([asdict(row) for row in rows], given.json, lambda: show(rows))
    return 0 if all(row.ok for row in rows) else 1


def compare(folder: Path, fill: ModuleType, golden: ModuleType) -> list[Row]:
    """Run a case and compare every stored output. A case that cannot be run is a row that says why."""
    family = "?"
    try:
        case = Case.read(folder, fill)
        family, got, got64, given = _outputs(case)
    except Exception as error:  # whatever stops one case must not stop the others, and counts as a miss
        reason = " ".join(str(error).split()) or type(error).__name__
        note(f"  cannot be run: {reason}")
        return [Row(family, folder.name, "-", None, None, False, f"cannot be run: {reason[:200]}")]
    rows = [
        Row(family, case.name, name, float(difference), float(limit), bool(ok), given)
        for name, difference, limit, ok in golden.compare(case.manifest, case.reference, got)
    ]
    rows += [
        Row(family, case.name, f"{name} (float64)", float(difference), float(limit), bool(ok), given)
        for name, difference, limit, ok in golden.compare64(case.reference64, got64)
    ]
    missed = [name for name in case.reference if name not in got]
    missed += [f"{name} (float64)" for name in case.reference64 if name not in got64]
    return rows + [Row(family, case.name, name, None, None, False, "no rule for this output") for name in missed]


def _outputs(case: Case) -> tuple[str, dict[str, np.ndarray], dict[str, np.ndarray], str]:
    """The family, the outputs in float32, those in float64, and what the user gave."""
    expected = expected_family(case.manifest)
    if expected == "protocol":
        return expected, protocol_outputs(case), {}, ""
    if expected == "operator":
        return expected, operator_outputs(case), {}, ""
    changes: dict[str, Any] = changes_of(case.manifest)
    shown = " ".join(f"{group}.{name}={value}" for group, given in changes.items() for name, value in given.items())
    with tempfile.TemporaryDirectory() as folder:
        path = checkpoint_of(case, expected, Path(folder))
        imported = import_checkpoint(path, "auto", **changes)
        if not isinstance(imported, ImportedModel):
            raise UserError("recognised as a bare backbone")
        family = imported.family
        if expected not in (None, family):
            raise UserError(f"recognised as {family}, but is {expected}")

        def again(**network: Any) -> ImportedModel:
            given: dict[str, Any] = merged(changes, {"network": network})
            other = import_checkpoint(path, family, **given)
            assert isinstance(other, ImportedModel)
            return other

        if case.manifest["mode"] == "train":
            return family, *training_outputs(case, family, imported, again), shown
        return family, *network_outputs(case, family, imported, again), shown


def weights_of(case: Path) -> int:
    """How many weights a case has."""
    manifest = json.loads((case / "manifest.json").read_text(encoding="utf-8"))
    shapes = [shape for half in manifest["state_dicts"].values() for _, shape, *_ in half]
    return sum(math.prod(shape) for shape in shapes)


def load_module(folder: Path, name: str) -> ModuleType:
    """`fill` or `golden`, which lie beside the cases."""
    path = folder / f"{name}.py"
    if not path.is_file():
        sys.exit(f"{path}: not there; the folder of cases holds it beside them")
    # golden.py imports fill by this name.
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    sys.path.remove(str(folder))
    return module


def show(rows: list[Row]) -> None:
    """A table on the terminal."""
    table = Table(title="Outputs of the published implementations and ours")
    for column in ("family", "case", "output"):
        table.add_column(column, overflow="fold")
    for column in ("largest error", "limit", "of limit"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    table.add_column("given", overflow="fold")
    for row in rows:
        figures = ["-"] * 3
        if row.error is not None and row.limit is not None:
            share = f"{100 * row.error / row.limit:.2g}%" if row.limit else "-"
            figures = [f"{row.error:.2g}", f"{row.limit:.2g}", share]
        table.add_row(row.family, row.case, row.output, *figures, "ok" if row.ok else "MISS", row.note)
    Console(width=160).print(table)
    cases = {row.case for row in rows}
    failed = {row.case for row in rows if not row.ok}
    print(
        f"{len(cases) - len(failed)} of {len(cases)} cases agree, {sum(row.ok for row in rows)} of {len(rows)} outputs"
    )


if __name__ == "__main__":
    sys.exit(main())
