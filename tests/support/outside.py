"""A package of somebody else's that adds an entry to one of our tables, as if it were installed."""

import importlib
from pathlib import Path

import pytest

from sceneparse.tables import table


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, *, group: str, name: str, attribute: str, code: str) -> None:
    """Make a package importable that has one entry point; both are gone after the test.

    Args:
        folder: Where it is written.
        monkeypatch: Undoes it.
        group: The table's name, such as losses.
        name: The entry's name.
        attribute: What the entry is called in the package's code.
        code: The package, one module.
    """
    module = f"outside_{name}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(
        f"[sceneparse.{group}]\n{name} = {module}:{attribute}\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    # A table asks for entry points once; after the test it asks again.
    known = table(group)
    monkeypatch.delitem(known.__dict__, "_added", raising=False)
    monkeypatch.setattr(known, "_loaded", dict(known._loaded))
    monkeypatch.setitem(known.__dict__, "_added", type(known)._added.func(known))  # type: ignore[attr-defined]
    monkeypatch.setattr(known, "_broken", set())
