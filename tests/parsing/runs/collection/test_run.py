"""Collections on Ray, from end to end; Ray is started once for all."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sceneparse.cli import main
from sceneparse.errors import UserError
from sceneparse.parsing import Parser, load, predict_pictures
from sceneparse.parsing.runs.collection import predict_collection
from sceneparse.parsing.runs.collection.cluster import Shares, shares
from sceneparse.parsing.runs.tally import StreamSummary, Tally
from sceneparse.toyworld import render


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    package = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in (os.environ.get("PYTHONPATH"), _source()) if path))
        package.init(
            address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20
        )
        yield package
        package.shutdown()


def _source() -> str:
    import sceneparse

    return str(Path(str(sceneparse.__file__)).parents[1])


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Parser:
    return load(tiny_run / "model", engine="torch", precision="float32")


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("[!.]*"))
        if path.is_file() and path.name not in ("summary.json", "manifest.jsonl")
    }


@pytest.mark.usefixtures("ray")
def test_workers_write_what_the_loop_writes_and_a_second_run_does_nothing(
    model: Parser,
    folder: Path,
    tar: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # where the workers are not
    inputs, out = [folder.name, tar.name], tmp_path / "out"
    first = predict_collection(model, inputs, "out", workers=1)
    assert (first.done, first.skipped, first.failed) == (8, 0, 1)
    said = capsys.readouterr().err
    assert "9 pictures, 1 worker with 2 processors each" in said
    assert "8 parsed, 1 failed" in said and "left out: " in said
    predict_pictures(model, [folder.name], tmp_path / "loop", progress=False)
    loop = tree(tmp_path / "loop")
    assert {name: content for name, content in tree(out).items() if name in loop} == loop
    manifest = lines(out)
    assert [line["name"] for line in manifest] == [
        *("a", "b", "broken", "c", "d", "below/e"),
        *(f"shard-000/train/{number}" for number in range(3)),
    ]
    assert [line["name"] for line in manifest if line["status"] == "failed"] == ["broken"]
    assert "not a picture" in manifest[2]["reason"] and manifest[0]["files"]["labels"] == "a.png"
    before, text = tree(out), (out / "manifest.jsonl").read_bytes()
    second = predict_collection(model, inputs, "out", workers=1, progress=False)
    assert (second.done, second.skipped, second.failed) == (0, 8, 1) and second.shares == first.shares
    assert tree(out) == before and (out / "manifest.jsonl").read_bytes() == text


@pytest.mark.usefixtures("ray")
def test_rows_of_parquet_files_hold_each_picture_once(model: Parser, folder: Path, tmp_path: Path) -> None:
    import pyarrow.parquet

    out = tmp_path / "out"
    for expected in ((5, 0, 1), (0, 5, 1)):
        summary = predict_collection(
            model, [str(folder)], str(out), store="parquet", overlay=False, workers=1, progress=False
        )
        assert (summary.done, summary.skipped, summary.failed) == expected
        assert sum(summary.shares.values()) == pytest.approx(1)
    table = pyarrow.parquet.read_table(out / "parts")
    assert sorted(table["name"].to_pylist()) == ["a", "b", "below/e", "c", "d"]
    assert table.column_names == ["name", "digest", "json", "labels"] and len(lines(out)) == 6


@pytest.mark.usefixtures("ray")
def test_what_a_killed_worker_had_begun_is_done_again(model: Parser, tmp_path: Path) -> None:
    if not Path("/proc").is_dir():
        pytest.skip("finds its processes in /proc")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(60):
        pixels = render(0, index % 5, 200).image.permute(1, 2, 0).contiguous().numpy()
        Image.fromarray(pixels).save(pictures / f"{index:02}.png")
    out = tmp_path / "out"
    killed: list[int] = []

    def kill() -> None:
        end = time.monotonic() + 300
        while time.monotonic() < end and len(killed) < 2:
            done = len(list(out.glob("*_overlay.jpg")))
            if done > 5 + 20 * len(killed) and (workers := _workers()):
                os.kill(workers[0], signal.SIGKILL)
                killed.append(workers[0])
            time.sleep(0.005)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    summary = predict_collection(model, [str(pictures)], str(out), workers=1, progress=False)
    assert len(killed) == 2 and summary.done + summary.skipped == 60 and not summary.failed
    predict_pictures(model, [pictures], tmp_path / "loop", progress=False)
    assert tree(out) == tree(tmp_path / "loop")
    assert [line["name"] for line in lines(out)] == [f"{index:02}" for index in range(60)]


def _workers() -> list[int]:
    """Workers among the processes that this one has started."""
    parents, workers = {}, []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if (entry / "cmdline").read_bytes().startswith(b"ray::MapWorker"):
                    workers.append(int(entry.name))
            except OSError:  # it has just ended
                continue

    def ours(pid: int) -> bool:
        while pid > 1 and pid != os.getpid():
            pid = parents.get(pid, 0)
        return pid == os.getpid()

    return [pid for pid in workers if ours(pid)]


@pytest.mark.usefixtures("ray")
def test_a_workers_complaint_is_a_line_for_the_user(model: Parser, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "parts").write_text("no folder")
    with pytest.raises(UserError, match="cannot be written"):
        predict_collection(model, [str(folder)], str(tmp_path / "out"), store="parquet", workers=1, progress=False)


def test_an_output_folder_that_is_a_file_is_a_mistake(model: Parser, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("no folder")
    with pytest.raises(UserError, match="cannot be written"):
        predict_collection(model, [str(folder)], str(tmp_path / "out"))


class Cluster:
    """What `shares` asks of Ray."""

    def __init__(self, **there: float) -> None:
        self._there = there

    def cluster_resources(self) -> dict[str, float]:
        return self._there


@pytest.mark.parametrize(
    ("there", "workers", "device", "expected"),
    [
        ({"CPU": 1}, None, "auto", Shares(1, 1, 0)),
        ({"CPU": 2}, None, "auto", Shares(2, 1, 0)),
        ({"CPU": 32}, None, "auto", Shares(8, 4, 0)),
        ({"CPU": 32}, 5, "auto", Shares(5, 6, 0)),
        ({"CPU": 32, "GPU": 4}, None, "auto", Shares(4, 8, 1)),
        ({"CPU": 32, "GPU": 4}, None, "cpu", Shares(8, 4, 0)),
    ],
)
def test_processors_are_shared_out(there: dict[str, float], workers: int | None, device: str, expected: Shares) -> None:
    assert shares(Cluster(**there), workers, device) == expected  # type: ignore[arg-type]


def test_more_workers_than_processors_are_refused() -> None:
    with pytest.raises(UserError, match="the cluster has 2 processors; give 1 to 2"):
        shares(Cluster(CPU=2), 3, "auto")  # type: ignore[arg-type]


def test_a_parser_that_workers_cannot_load_is_refused(make_parser: Callable[..., Parser], folder: Path) -> None:
    with pytest.raises(UserError, match=r"not made by sceneparse\.load"):
        predict_collection(make_parser(), [str(folder)], "out")


def test_without_ray_it_says_what_to_install(
    tiny_run: Path, folder: Path, tmp_path: Path, without: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    without("ray")
    words = ["predict", str(tiny_run / "model"), str(folder), "--out", str(tmp_path / "out"), "--engine", "torch"]
    assert main([*words, "--runner", "ray"]) == 2
    assert "pip install 'sceneparse[ray]'" in capsys.readouterr().err


def test_workers_are_told_where_legends_go(
    tiny_run: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def noted(*_: object, **options: Any) -> StreamSummary:
        asked.append(options)
        return Tally().stream_summary(1.0)

    monkeypatch.setattr("sceneparse.parsing.runs.collection.predict_collection", noted)
    monkeypatch.setattr("sceneparse.parsing.runs.collection.addresses.refuse_without_ray", lambda: None)
    words = ["predict", str(tiny_run / "model"), str(folder), "--out", str(tmp_path / "out"), "--engine", "torch"]
    assert main([*words, "--runner", "ray", "--legend", "none"]) == 0
    assert [options["legend"] for options in asked] == ["none"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["shards.tar"], "add --runner ray"),
        (["s3://bucket/photos"], "add --runner ray"),
        (["photos", "--out", "s3://bucket/parsed"], "only workers write to a URL"),
        (["photos", "--workers", "2"], "--workers is for --runner ray alone"),
        (["photos", "--smooth", "0.5"], "--smooth is for videos and cameras"),
        (["photos", "--label-frames"], "--label-frames is for videos"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "model", "--out", "out", *words]) == 2
    assert said in capsys.readouterr().err
