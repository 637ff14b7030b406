"""What is left of a run that is stopped: whole files only, and a second run ends it."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sceneparse.inference.later import Later
from sceneparse.parsing import Parse, Parser, predict_pictures
from sceneparse.parsing.parser import Parser as RealParser
from tests.parsing.runs.test_pictures import calls, outputs, tree
from tests.support.brightest import BrightestChannel, OnGpu
from tests.support.forked import started
from tests.support.together import ONE_THREAD


@pytest.mark.parametrize("engine", [BrightestChannel, OnGpu])
def test_an_interrupt_leaves_whole_files_only(
    make_parser: Callable[..., Parser],
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: type[BrightestChannel],
) -> None:
    out, parser = tmp_path / "out", make_parser(engine=engine())
    begin = RealParser.begin

    def stop_at_the_third(self: Parser, reads: Any) -> list[Later[Parse]]:
        if calls(self) == 2:
            raise KeyboardInterrupt
        return begin(self, reads)

    monkeypatch.setattr(RealParser, "begin", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        predict_pictures(parser, [pictures], out, progress=False)
    check_whole(out)
    monkeypatch.undo()
    summary = predict_pictures(parser, [pictures], out, progress=False)
    assert summary.done + summary.skipped == 4
    assert tree(out) == outputs("a", "b", "c", "below/d")


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_after_a_kill_some_are_whole_none_half_and_a_second_run_ends_it(
    parser: Parser, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for index in range(60):
        Image.open(pictures / "a.png").resize((300, 200)).save(pictures / f"n{index:02}.png")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    process = started(program, [str(pictures), str(out)], tmp_path / "said.txt", ONE_THREAD)
    end = time.monotonic() + 60
    while len(list(out.glob("[!.]*.json"))) < 5:
        assert process.is_alive() and time.monotonic() < end
        time.sleep(0.005)
    process.kill()
    process.join()
    assert not (out / "summary.json").exists()
    whole = check_whole(out)
    assert 5 <= whole < 64
    summary = predict_pictures(parser, [pictures], out, progress=False)
    assert summary.done + summary.skipped == 64 and summary.skipped >= whole - 1
    assert check_whole(out) == 64


def check_whole(out: Path) -> int:
    """Every visible file can be read to its end, and every JSON has its pictures; the number of JSONs."""
    marks = [path for path in out.rglob("[!.]*.json") if path.name != "summary.json"]
    for mark in marks:
        for file in json.loads(mark.read_text())["files"].values():
            assert mark.with_name(file).is_file()
    for suffix in (".png", ".jpg"):
        for path in out.rglob(f"[!.]*{suffix}"):
            Image.open(path).load()
    return len(marks)


PROGRAM = """
import sys
from collections.abc import Callable
from pathlib import Path

from sceneparse.inference import Opened
from sceneparse.labels import LabelSpace
from sceneparse.parsing import Parser, predict_pictures
from sceneparse.settings import *
from sceneparse.weights.config import ModelConfig

class BrightestChannel:
    num_classes, align_corners, padding_color = 3, False, (0.0, 0.0, 0.0)
    def __call__(self, images):
        return images.float() / 32
    def describe(self):
        return "the brightest channel"

space = LabelSpace(
    ("brick", "grass", "water"), colors=((200, 10, 10), (10, 200, 10), (10, 10, 200)), ids=(7, 0, 30)
)
config = ModelConfig(
    "brightest", BackboneSettings(), NetworkSettings(), PreprocessingSettings((0.5,), (0.5,)), ProtocolSettings(),
    DataSettings(),
)
opened = Opened(BrightestChannel(), config, space, "brightest", None)
predict_pictures(Parser(opened), [sys.argv[1]], Path(sys.argv[2]), progress=False)
"""
