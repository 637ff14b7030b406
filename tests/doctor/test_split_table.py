"""The table of splits: what it leaves out."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from sceneparse.doctor import check, print_diagnosis
from sceneparse.settings import DataSettings


def test_ignored_pixels_have_a_column_only_where_there_are_some(data_set: Path) -> None:
    found = check(DataSettings(root=str(data_set)), progress=False, workers=1)
    for ignored in (1, 0):
        splits = tuple(replace(split, ignored=ignored * (split.name == "val")) for split in found.splits)
        output = StringIO()
        print_diagnosis(replace(found, splits=splits), Console(file=output, width=120))
        for said in (output.getvalue(), replace(found, splits=splits)._repr_html_()):
            shown = said.replace("test_ignored", "")  # the folder's name
            assert ("ignored" in shown) == bool(ignored) and "pictures" in shown
