"""A published checkpoint on a server on this machine, which stands for its owner's."""

from pathlib import Path

import pytest

from sceneparse.weights.published import catalogue, obtaining
from sceneparse.weights.published.catalogue import File, Published
from tests.support.catalogue import NAME, SHORT, Publish
from tests.support.mmseg_file import write_mmseg_file
from tests.support.owner import Owner


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_mmseg_file(tmp_path_factory.mktemp("theirs") / "pspnet.pth").read_bytes()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCENEPARSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(obtaining, "wait", lambda _: None)
    return tmp_path / "cache"


@pytest.fixture
def publish(owner: Owner, checkpoint: bytes, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Put a checkpoint on the owner's server, and into the catalogue as its only one."""

    def make(*mirrors: str, checksum: str | None = None, file: str = "pspnet.pth") -> Published:
        owner.files[file] = checkpoint
        one = Published(
            name=NAME,
            short=SHORT,
            plain=SHORT,
            family="mmseg",
            architecture="pspnet",
            backbone="R-18-D8",
            data="Cityscapes",
            classes="3",
            files=(File((f"{owner.url}/{file}", *mirrors), checksum),),
            licence="Apache-2.0",
            miou=77.0,
            miou_multiscale=None,
            protocol="whole picture",
            source="a metafile",
        )
        monkeypatch.setattr(catalogue, "catalogue", lambda: (one,))
        return one

    return make
