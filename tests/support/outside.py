"""A package of somebody else's that adds entries to one of our tables, as if it were installed."""

import importlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from sceneparse.tables import table


def write(folder: Path, *, package: str, group: str, entries: Mapping[str, str], code: str) -> None:
    """Write a package as pip would leave it; whoever has the folder on `sys.path` has it installed.

    Args:
        folder: Where it is written.
        package: Its name, which its one module has too.
        group: The table's name, such as losses.
        entries: What each entry of the table is called in the package's code, by the entry's name.
        code: The module.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{package}.py").write_text(code, encoding="utf-8")
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    points = "".join(f"{name} = {package}:{attribute}\n" for name, attribute in entries.items())
    (metadata / "entry_points.txt").write_text(f"[sceneparse.{group}]\n{points}", encoding="utf-8")


def install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, package: str, group: str, entries: Mapping[str, str], code: str
) -> None:
    """Make a package of this name importable, with its entries in the table; all is gone after the test.

    Args:
        folder: Where it is written.
        monkeypatch: Undoes it.
        package: See `write`.
        group: See `write`.
        entries: See `write`.
        code: See `write`.
    """
    write(folder, package=package, group=group, entries=entries, code=code)
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    # A table asks for entry points once; after the test it has those of before again.
    known = table(group)
    monkeypatch.delitem(known.__dict__, "_added", raising=False)
    monkeypatch.setattr(known, "_loaded", dict(known._loaded))
    monkeypatch.setitem(known.__dict__, "_added", type(known)._added.func(known))  # type: ignore[attr-defined]
    monkeypatch.setattr(known, "_broken", set())
