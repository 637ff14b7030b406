"""The guide for MMSegmentation checkpoints does what it shows, with a small file in MMSegmentation's form.

Its commands and its Python are run as they stand, in their order and in one folder; the training is made shorter.
"""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from sceneparse.cli import main
from tests.support.mmseg_file import write_mmseg_file
from tests.support.small import TINY, write_data_set

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mmsegmentation.md"
SHORTER = [one for one in TINY if not one.startswith(("--backbone.", "--network."))]
"""What is set beside the recipe in the page, so that its training takes a second; the network is the checkpoint's."""


def test_the_guide_imports_predicts_and_fine_tunes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    without: Callable[[str], None],
) -> None:
    without("openvino")  # converting takes longer than all the rest
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))
    write_mmseg_file(tmp_path / "iter_80000.pth")
    write_data_set(tmp_path / "my-data")
    Image.new("RGB", (64, 48), (90, 120, 60)).save("photo.jpg")
    text = PAGE.read_text(encoding="utf-8")
    verbs = []
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S):
        if language == "py":
            exec(compile(code, PAGE.name, "exec"), {})
            continue
        for line in code.splitlines():
            words = shlex.split(line)[1:]
            verbs.append(words[0])
            assert main([*words, *(SHORTER if words[0] == "train" else [])]) == 0, line
    assert verbs == ["import", "predict", "train", "models"]
    shown = capsys.readouterr().out
    for line in re.findall(r"^    (recognised: .*)$", text, re.M):
        assert line in shown
    for name in ("parsed/photo.png", "parsed/photo_overlay.jpg", "parsed/photo.json"):
        assert name in text and Path(name).is_file()
    assert Path("overlay.png").is_file() and Path("runs/mine/model/config.json").is_file()
