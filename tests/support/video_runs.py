"""Runs over videos, as tests start them and read what they wrote."""

import json
from pathlib import Path
from typing import Any

from sceneparse.parsing import Parser
from sceneparse.parsing.runs.tally import Summary
from sceneparse.parsing.runs.video import predict_videos, split_videos


def run(parser: Parser, clip: Path | str, out: Path, **options: Any) -> Summary:
    videos, rest = split_videos([str(clip)])
    assert not rest
    return predict_videos(parser, videos, out, **{"progress": False, **options})


def record(out: Path, name: str = "clip") -> dict[str, Any]:
    """What the run wrote about a video."""
    found: dict[str, Any] = json.loads((out / f"{name}_video.json").read_text())
    return found


def calls(parser: Parser) -> int:
    """How often the parser's engine was asked."""
    return parser.engine.calls  # type: ignore[attr-defined]


def visible(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())
