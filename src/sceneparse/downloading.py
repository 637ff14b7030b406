"""Download a large file: continue where it stopped, verify its checksum, and leave it whole or absent."""

import hashlib
import http.client
import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from sceneparse.errors import UnwritableError, UserError, reason_of
from sceneparse.files import make_folder, write_errors, write_json

CHUNK = 1 << 20
TRIES = 5
"""Attempts in a row that may end without a single byte."""
TIMEOUT = 60
"""Seconds without a byte after which a connection counts as lost."""

Advance = Callable[[int, int | None], None]
"""Called with the bytes that have arrived and the bytes of the whole file (None: unknown)."""


class ChecksumError(UserError):
    """A file arrived whole, but is another one than it should be; it has been deleted."""


class UnreachableError(UserError):
    """A server gave nothing.

    Args:
        urls: The addresses that were asked.
        reason: Why, the same for all.
    """

    def __init__(self, urls: Sequence[str], reason: str) -> None:
        super().__init__(f"{' or '.join(urls)}: cannot be fetched ({reason})")
        self.urls, self.reason = tuple(urls), reason


@dataclass(frozen=True)
class Fetched:
    """A file that was downloaded.

    Args:
        path: Where it lies.
        bytes: Its size.
        sha256: Its SHA-256.
        compared: Whether it was compared with a checksum.
        url: Where it came from.
    """

    path: Path
    bytes: int
    sha256: str
    compared: bool
    url: str


def fetch(
    url: str,
    target: Path,
    checksum: str | None,
    advance: Advance,
    *,
    tries: int = TRIES,
    wait: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Download a file, or what is missing of it.

    What has arrived lies beside `target` as NAME.part until it is whole, and is gone on with the next time if the
    server still has the same file. A connection that breaks is taken up again.

    Args:
        url: The file.
        target: Where it goes.
        checksum: "md5:…", "sha1:…", "sha256:…" or "sha384:…" with all digits or the first ones, or None.
        advance: Called as the download goes on.
        tries: Attempts in a row that may end without a single byte.
        wait: Waits so many seconds before the next attempt.

    Raises:
        ChecksumError: Another file came, which has been deleted; or one lies at `target`, which stays there.
        UnwritableError: It cannot be written there.
        UserError: The server has no such file or doesn't answer, or the disk is full.
    """
    make_folder(target.parent)
    part = target.with_name(f"{target.name}.part")
    if not target.is_file():
        _complete(url, part, advance, tries, wait)
        found = _digests(part, checksum, advance)
        if wrong := _difference(checksum, found):
            part.unlink()
            _note(part).unlink(missing_ok=True)
            raise ChecksumError(
                f"{url}: its {wrong}: damaged on its way, or changed by its owner; it was deleted: try again"
            )
        part.replace(target)
        _note(part).unlink(missing_ok=True)
    else:
        found = _digests(target, checksum, advance)
        if wrong := _difference(checksum, found):
            raise ChecksumError(
                f"{target}: its {wrong}: it is another file, or damaged; put the right one there, or delete it to "
                "fetch it anew"
            )
    return Fetched(target, target.stat().st_size, found["sha256"], checksum is not None, url)


def fetch_from(
    urls: Sequence[str],
    target: Path,
    checksum: str | None,
    advance: Advance,
    *,
    tries: int = TRIES,
    wait: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Fetch a file from the first of its addresses that gives it.

    Args:
        urls: The owner's address, then mirrors.
        target: As in `fetch`, like the next ones.
        checksum: …
        advance: …
        tries: …
        wait: …

    Raises:
        ChecksumError: At least one address gives a file, but another one.
        UserError: No address gives it; the message says why for each.
    """
    errors: list[UserError] = []
    for url in urls[:1] if target.is_file() else urls:
        try:
            return fetch(url, target, checksum, advance, tries=tries, wait=wait)
        except UnwritableError:
            raise
        except UserError as error:
            errors.append(error)
    reasons = {error.reason if isinstance(error, UnreachableError) else None for error in errors}
    if len(reasons) == 1 and (reason := reasons.pop()) is not None:  # said once, not after each address
        raise UnreachableError(urls, reason)
    kind = ChecksumError if any(isinstance(error, ChecksumError) for error in errors) else UserError
    raise kind("; ".join(map(str, errors))) from None


def read_record(path: Path) -> dict[str, Any]:
    """Read what is known of files that were fetched before: nothing, where there is no record.

    Raises:
        UserError: The record cannot be read.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)}); delete it to fetch all again") from None
    return record if isinstance(record, dict) else {}


@contextmanager
def download_bar(shown: bool, title: str) -> Iterator[Advance]:
    """Show a bar of bytes, speed and time left on standard error; yield what moves it."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task(title, total=None)

        def advance(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


def _complete(url: str, part: Path, advance: Advance, tries: int, wait: Callable[[float], None]) -> None:
    fruitless = 0
    while True:
        before = _size(part)
        try:
            _receive(url, part, advance)
        except urllib.error.HTTPError as error:
            if error.code not in (408, 429, 500, 502, 503, 504):
                raise UserError(
                    f"{url}: the server says {error.code} ({error.reason}): it may have moved; see its owner's page"
                ) from None
            reason = f"the server says {error.code} ({error.reason})"
        except UserError:  # of the disk, which no other try mends
            raise
        except (OSError, http.client.HTTPException) as error:
            reason = _reason(error)
        else:
            return
        fruitless = 0 if _size(part) > before else fruitless + 1
        if fruitless >= tries:
            if kept := _size(part):
                raise UserError(
                    f"{url}: cannot be fetched ({reason}); {kept:,} bytes are kept, and the same command goes on from "
                    "there"
                )
            raise UnreachableError((url,), reason)
        wait(min(30.0, 2.0**fruitless))


def _reason(error: Exception) -> str:
    """Say in few words why a connection failed."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, socket.gaierror):
        return "no network, or no such server"
    return reason_of(cause if isinstance(cause, Exception) else error)


def _receive(url: str, part: Path, advance: Advance) -> None:
    """Ask for what is missing, and write it.

    Raises:
        OSError: The connection broke, or ended early.
    """
    have, known = _size(part), _known(part, url)
    if not known:
        have = 0
    request = urllib.request.Request(url, headers={"User-Agent": "sceneparse", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if known.get("validator"):
            request.add_header("If-Range", known["validator"])
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range", "").rpartition("/")[2] == str(have):  # all of it was there already
            return
        part.unlink(missing_ok=True)
        raise ConnectionError("the server has another file now; it is fetched anew") from None
    with response:
        total = _total(response.headers, response.status)
        goes_on = response.status == 206 and _starts_at(response.headers) == have and total == known.get("total")
        if response.status == 206 and not goes_on:
            part.unlink(missing_ok=True)
            raise ConnectionError("the server has another file now; it is fetched anew")
        have = have if goes_on else 0
        _refuse_full_disk(part.parent, None if total is None else total - have)
        with write_errors(part):
            if not goes_on:
                part.unlink(missing_ok=True)
                write_json(_note(part), {"url": url, "total": total, "validator": _validator(response.headers)})
            with part.open("ab") as file:
                while chunk := response.read(CHUNK):
                    file.write(chunk)
                    have += len(chunk)
                    advance(have, total)
    if total is not None and have != total:
        raise ConnectionError(f"the connection ended after {have:,} of {total:,} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _known(part: Path, url: str) -> dict[str, Any]:
    """What was said of the file when its first bytes came; nothing if that was another one."""
    try:
        said = json.loads(_note(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) and said.get("url") == url else {}


def _validator(headers: Message) -> str | None:
    """What tells this version of the file from another (RFC 9110: a strong ETag, or the date)."""
    tag = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _total(headers: Message, status: int) -> int | None:
    text = headers.get("Content-Range", "").rpartition("/")[2] if status == 206 else headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _starts_at(headers: Message) -> int | None:
    text = headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(text) if text.isdigit() else None


def _refuse_full_disk(folder: Path, wanted: int | None) -> None:
    free = shutil.disk_usage(folder).free
    if wanted is not None and wanted > free:
        raise UserError(f"{folder}: {wanted / 1e9:.1f} GB are needed, but {free / 1e9:.1f} GB are free; make room")


def _digests(path: Path, checksum: str | None, advance: Advance) -> dict[str, str]:
    kinds = {"sha256", *([checksum.partition(":")[0]] if checksum else [])}
    digests = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}
    total, done = _size(path), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            for digest in digests.values():
                digest.update(chunk)
            done += len(chunk)
            advance(done, total)
    return {kind: digest.hexdigest() for kind, digest in digests.items()}


def _difference(checksum: str | None, found: dict[str, str]) -> str:
    """Return how a file's digests differ from its checksum; empty where they don't."""
    if checksum is None:
        return ""
    kind, _, wanted = checksum.partition(":")
    if found[kind].startswith(wanted):
        return ""
    return f"{kind} is {found[kind]}, but should {'be' if len(found[kind]) == len(wanted) else 'begin with'} {wanted}"
