import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sceneparse.errors import UserError
from sceneparse.training.record import Average, Record
from sceneparse.weights.run_folder import METRICS


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


def test_lines_after_the_checkpoint_are_cut_on_resume(tmp_path: Path) -> None:
    record = Record(tmp_path, 0, 0, print)
    record.write("train", 1, {"loss": 2.0})
    length = record.length
    record.write("train", 2, {"loss": 1.0})
    record.close()
    (tmp_path / METRICS).open("a").write('{"kind": "tra')
    resumed = Record(tmp_path, length, 1, print)
    resumed.write("train", 2, {"loss": 0.5})
    resumed.close()
    assert lines(tmp_path) == [
        {"kind": "train", "iteration": 1, "loss": 2.0},
        {"kind": "train", "iteration": 2, "loss": 0.5},
    ]


def test_a_file_shorter_than_the_checkpoint_says_is_simply_continued(tmp_path: Path) -> None:
    record = Record(tmp_path, 500, 3, print)
    record.write("train", 4, {"loss": 1.0})
    assert record.length == (tmp_path / METRICS).stat().st_size
    record.close()
    assert [line["iteration"] for line in lines(tmp_path)] == [4]


def test_numbers_reach_tensorboard_and_what_is_not_finite_is_null(tmp_path: Path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="TensorBoard is not installed: pip install -e '.[tensorboard]'",
    )
    record = Record(tmp_path, 0, 0, print)
    record.write("validation", 5, {"mean_iou": 0.25, "loss": float("nan"), "protocol": "whole"})
    record.close()
    assert lines(tmp_path) == [
        {"kind": "validation", "iteration": 5, "mean_iou": 0.25, "loss": None, "protocol": "whole"}
    ]
    board = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert board.Tags()["scalars"] == ["validation/mean_iou"]
    (event,) = board.Scalars("validation/mean_iou")
    assert (event.step, event.value) == (5, 0.25)


def test_whoever_never_installed_tensorboard_hears_nothing_of_it_and_metrics_are_whole(
    tmp_path: Path, without: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    without("tensorboard")
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    said: list[str] = []
    record = Record(tmp_path, 0, 0, said.append)
    record.write("train", 1, {"loss": 2.0})
    record.close()
    assert lines(tmp_path) == [{"kind": "train", "iteration": 1, "loss": 2.0}]
    assert not (tmp_path / "tensorboard").exists() and said == []


@pytest.mark.parametrize("package", ["pkg_resources", "tensorboard"])
def test_curves_that_somebody_has_and_that_will_lack_are_said_in_a_line(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An old TensorBoard without what it imports; or one that was there when the training began.
    class Broken:
        def __getattr__(self, name: str) -> None:
            raise ModuleNotFoundError(f"No module named '{package}'", name=package)

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", Broken())
    if package == "tensorboard":
        (tmp_path / "tensorboard").mkdir()
    said: list[str] = []
    record = Record(tmp_path, 0, 0, said.append)
    record.write("train", 1, {"loss": 2.0})
    record.close()
    assert lines(tmp_path) == [{"kind": "train", "iteration": 1, "loss": 2.0}]
    (line,) = said
    assert "metrics.jsonl" in line and "pip install 'sceneparse[tensorboard]'" in line and "\n" not in line


def test_an_average_that_goes_on_from_its_sums_is_the_same() -> None:
    whole = Average({})
    for value in (1.0, 2.0, 6.0):
        whole.add({"loss": value})
    before = Average({})
    before.add({"loss": 1.0})
    after = Average(before.sums)
    for value in (2.0, 6.0):
        after.add({"loss": value})
    assert whole.take(["loss"]) == after.take(["loss"]) == {"loss": 3.0}
    after.add({"loss": 5.0})
    assert after.take(["loss"]) == {"loss": 5.0}


def test_a_loss_is_averaged_over_the_iterations_that_say_something_of_it() -> None:
    average = Average({})
    for values in ({"loss": 1.0, "scene_loss": 4.0}, {"loss": 3.0}, {"loss": 2.0, "scene_loss": 2.0}):
        average.add(values)
    assert average.take(["loss", "scene_loss", "part_loss"]) == {"loss": 2.0, "scene_loss": 3.0, "part_loss": None}


def test_a_line_is_written_whole_or_said_to_have_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(tmp_path, 0, 0, lambda _: None)
    whole = record._file
    written: list[int] = []

    class Narrow:
        """Takes ten bytes at a time, and a hundred in all."""

        def write(self, content: bytes) -> int:
            if sum(written) >= 100:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(whole.write(content[:10]))
            return written[-1]

    monkeypatch.setattr(record, "_file", Narrow())
    record.write("train", 1, {"loss": 2.5})
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"kind": "train", "iteration": 1, "loss": 2.5}
    with pytest.raises(UserError, match=r"metrics\.jsonl: cannot be written \(No space left on device; "):
        record.write("train", 2, {"loss": 2.5, "words": "x" * 100})
