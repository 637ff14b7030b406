"""Services that several tests ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the service's packages are not installed (sceneparse[serve])")

from sceneparse.serving import ServeSettings
from tests.support.served import Service, Shifted, picture, plain_parser, serving, unified_parser


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "requests.jsonl"


@pytest.fixture(scope="module")
def service(log: Path) -> Iterator[Service]:
    """Three models: by colours, by shifted colours, and of all tasks."""
    settings = ServeSettings(
        max_bytes=60_000, max_pixels=40_000, max_side=2000, body_seconds=1.0, header_seconds=1.0, log=log
    )
    parsers = {"colours": plain_parser(), "shifted": plain_parser(Shifted()), "all tasks": unified_parser()}
    with serving(parsers, settings) as running:
        yield running


@pytest.fixture(scope="session")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of 90 × 60 pixels: red, green, blue."""
    path = tmp_path_factory.mktemp("pictures") / "stripes.png"
    path.write_bytes(picture((60, 90)))
    return path
