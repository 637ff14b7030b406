"""Read the JSON files of annotation tools, and look at their beginnings to see which tool wrote them."""

import gc
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sceneparse.errors import UserError, json_fault, reason_of
from sceneparse.pictures.finding import is_hidden

ENDS = 65_536
"""Bytes of a file's beginning and of its end that are looked at to see what it is."""

FILES = 12
"""Files of a folder that are looked at."""

FOLDERS = 48
"""Folders that are looked at."""


def load(path: Path) -> Any:
    """Return what a JSON file holds, in any Unicode encoding, with a byte order mark or without.

    Raises:
        UserError: It is missing, cannot be read, or is not JSON.
    """
    # Python's garbage collector would look at all lists again and again while millions are made: half of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        whole = "; it is cut off: export it again" if _is_cut(error) else ""
        line, column, what = json_fault(error)
        raise UserError(f"{path}:{line}:{column}: not valid JSON ({what}){whole}") from None
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)})") from None
    finally:
        if collecting:
            gc.enable()


def _is_cut(error: json.JSONDecodeError) -> bool:
    """Whether a text is the beginning of JSON: its fault is at its end, or in a text in quotes that reaches there."""
    return error.pos >= len(error.doc.rstrip()) - 1 or error.msg.startswith("Unterminated string")


def as_dict(value: Any) -> dict[str, Any]:
    """Return a JSON object as it is, and anything else as an empty one: what it should hold is missed then."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return a JSON list as it is, and anything else as an empty one."""
    return value if isinstance(value, list) else []


def as_key(value: Any) -> str | float | None:
    """Return a number or text as it is, and anything else as text, which is nobody's id."""
    return value if value is None or isinstance(value, str | int | float) else repr(value)


def peeked_list(path: Path, key: str) -> list[Any] | None:
    """Return a list of objects of a JSON file by its key, without reading what else it holds; None where it has none.

    Args:
        path: The file, which may be large.
        key: Its key.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    decoder = json.JSONDecoder()
    for found in re.finditer(rf'"{re.escape(key)}"\s*:\s*(?=\[)', text):
        try:
            value, _ = decoder.raw_decode(text, found.end())
        except (json.JSONDecodeError, RecursionError):
            continue
        if all(isinstance(item, dict) for item in value):
            return list(value)
    return None


class Glimpse(NamedTuple):
    """What a look at a JSON file's beginning and end shows.

    Args:
        path: The file.
        listed: Whether it is a list at the top.
        keys: The keys at the top, or those of a list's first element, as far as the beginning goes.
        text: Beginning and end.
        whole: Whether that is all of it.
    """

    path: Path
    listed: bool
    keys: frozenset[str]
    text: str
    whole: bool = True

    def names(self, *words: str) -> int:
        """The number of these words that occur as keys somewhere in what was looked at."""
        return sum(f'"{word}"' in self.text for word in words)

    def is_cut(self) -> bool:
        """Whether the file is cut off: of a large one, whether it ends otherwise than objects of lists and objects."""
        if not self.whole:
            return re.search(r"[\]}]\s*[\]}]\s*\Z", self.text) is None
        try:
            json.loads(self.text)
        except json.JSONDecodeError as error:
            return _is_cut(error)
        except RecursionError:
            return False
        return False


def glimpse(path: Path) -> Glimpse | None:
    """Look at the beginning and the end of a JSON file; None for one that cannot be read or is none."""
    try:
        with path.open("rb") as file:
            start = file.read(ENDS)
            size = os.fstat(file.fileno()).st_size
            end = b""
            if size > ENDS:
                file.seek(max(ENDS, size - ENDS))
                end = file.read()
    except OSError:
        return None
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = start.decode(encoding, errors="replace").lstrip()
    if text[:1] not in ("{", "["):
        return None
    listed = text[0] == "["
    keys = frozenset(_keys(text, 2 if listed else 1))
    return Glimpse(path, listed, keys, f"{text}\n{end.decode(errors='replace')}", size <= ENDS)


_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|[{}\[\]]')


def _keys(text: str, wanted: int) -> Iterator[str]:
    """The keys at a depth of the first object that lies there."""
    depth = 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in "{[":
            depth += 1
        elif sign in "}]":
            depth -= 1
            if depth < wanted:
                return
        elif token[2] and depth == wanted:
            yield token[1]


def glimpses(root: Path, depth: int = 2) -> Iterator[Glimpse]:
    """Look at JSON files of a folder and of those below it: of each folder the first ones, of many folders some.

    Args:
        root: The folder.
        depth: How many folders further down are looked at.
    """
    for folder in _folders(root, depth):
        for path in json_files(folder)[:FILES]:
            if (found := glimpse(path)) is not None:
                yield found


def json_files(folder: Path) -> list[Path]:
    """List the JSON files of a folder, sorted, without hidden ones."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.lower().endswith(".json")]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if not name.startswith(".")]


def folders_below(root: Path) -> list[Path]:
    """List a folder and those below it, each once, sorted: links are followed as they are for pictures.

    Hidden folders are left out, and those that systems keep for themselves, such as of deleted files.
    """
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop(0)
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            with os.scandir(folder) as entries:
                below = [folder / e.name for e in entries if not is_hidden(e.name) and e.is_dir()]
        except OSError:
            continue
        seen.add((status.st_dev, status.st_ino))
        found.append(folder)
        waiting += sorted(below)
    return sorted(found)


def json_below(root: Path) -> list[Path]:
    """List the JSON files of a folder and of those below it, sorted, without hidden ones; see `folders_below`."""
    return sorted(path for folder in folders_below(root) for path in json_files(folder))


def _folders(root: Path, depth: int) -> list[Path]:
    found, level = [root], [root]
    for _ in range(depth):
        below = []
        for folder in level:
            try:
                with os.scandir(folder) as entries:
                    below += [folder / e.name for e in entries if not is_hidden(e.name) and e.is_dir()]
            except OSError:
                continue
        level = sorted(below)[: FOLDERS - len(found)]
        found += level
    return found
