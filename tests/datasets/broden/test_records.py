"""Record files: what they say, and refusals of damaged ones."""

from pathlib import Path

import pytest

from sceneparse.datasets.broden.records import Record, read_records, write_records
from sceneparse.errors import UserError

GOOD = '{"height": 512, "width": 683, "file_index": 0, "nr_part": 1, "dataset": "ade20k"}'


def test_records_are_lines_and_survive_writing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(f'{GOOD}\n{{"file_index": 7, "dataset": "os", "width": 5, "height": 6}}\n')
    records = read_records(tmp_path / "a.json")
    assert records == [Record("ade20k", 0, 512, 683, 1), Record("os", 7, 6, 5)]
    write_records(tmp_path / "b.json", records)
    assert read_records(tmp_path / "b.json") == records


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[" + GOOD + "]", r"a\.json:2: expected a record"),
        ("[" + GOOD + ",", r"not valid JSON.*a JSON array\?"),
        (GOOD.replace("ade20k", "coco"), "dataset 'coco' is none of"),
        (GOOD.replace('"height": 512, ', ""), "no 'height'"),
        (GOOD.replace("512", '"512"'), "height is '512'"),
        (GOOD.replace('"file_index": 0', '"file_index": -1'), "file_index is -1"),
        (GOOD.replace("}", ', "path": "x"}'), "unknown key 'path'"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "a.json").write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(UserError, match=message):
        read_records(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("file", "count", "datasets", "first"),
    [
        ("broden_ade20k_pascal_train.first50.json", 50, {"ade20k"}, Record("ade20k", 0, 512, 683, 0)),
        ("broden_ade20k_pascal_val.first50.json", 50, {"ade20k"}, Record("ade20k", 7, 512, 538, 0)),
        ("broden_pascal_records.first20.json", 20, {"pascal"}, Record("pascal", 0, 375, 500, 1)),
        ("broden_os_train.first50.json", 50, {"os"}, Record("os", 0, 512, 683)),
        ("dtd_training_list.first50.json", 50, {"dtd"}, Record("dtd", 21, 639, 640)),
    ],
)
def test_the_published_samples_are_read(shared: Path, file: str, count: int, datasets: set[str], first: Record) -> None:
    records = read_records(shared / "data" / "broden_plus" / "samples" / file)
    assert len(records) == count and {record.dataset for record in records} == datasets and records[0] == first
