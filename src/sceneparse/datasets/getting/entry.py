"""An entry of the list of data sets: contents, owner, terms, addresses and layout on disk.

Checksums are given only where they are widely used and agree between independent projects (torchvision, GluonCV,
PaddleDetection, detection toolkits' own scripts); where none does, the archive's SHA-256 is reported and compared
with nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Download:
    """An archive.

    Args:
        url: Where it is.
        checksum: "md5:…", "sha1:…" or "sha256:…"; None where none is known for sure.
        into: The folder that it is unpacked into, below the data set's.
    """

    url: str
    checksum: str | None = None
    into: str = ""

    @property
    def file(self) -> str:
        """The archive's name."""
        return self.url.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Entry:
    """An entry of the list of data sets: contents, owner, terms, addresses and layout on disk.

    Args:
        title: Its name.
        contents: Pictures, classes and splits, in a line.
        licence: Its terms, in a line.
        page: Its owner's page; empty for none.
        tree: The expected tree, a line each.
        size: How much is to be fetched, or how, in a word or two.
        downloads: What `sceneparse data get` fetches.
        by_hand: Why and what the user has to fetch, where there are no downloads.
        test: What papers test on and by which measure, in a line.
    """

    title: str
    contents: str
    licence: str
    page: str
    tree: tuple[str, ...]
    size: str = ""
    downloads: tuple[Download, ...] = ()
    by_hand: str = ""
    test: str = ""
