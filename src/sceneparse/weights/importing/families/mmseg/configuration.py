"""Read the configuration that MMSegmentation writes into its files, as data.

A file's `meta` holds the text of the Python configuration that trained it: under `config` in 0.x, under `cfg` in 1.x.
Nothing of it is run: of the syntax tree, assignments of literals, `dict(…)` calls and earlier names are read, and
everything else is left out.
"""

import ast
import json
import math
import re
import warnings
from collections.abc import Mapping
from typing import Any

LONGEST = 1_000_000
"""Characters at most; the longest published one has 20,000."""

DEEPEST = 60
"""Levels of nesting at most."""

Configuration = dict[str, Any]


class Unread:
    """A value that is no literal."""


UNREAD = Unread()


def configuration_in(meta: Mapping[str, Any]) -> Configuration | None:
    """Return the configuration in a file's `meta`, with `UNREAD` for what is no literal; None where there is none.

    Args:
        meta: What the file says beside its weights.
    """
    for key in ("cfg", "config"):
        given = meta.get(key)
        found = dict(given) if isinstance(given, Mapping) else parse(given) if isinstance(given, str) else None
        if found and isinstance(found.get("model"), Mapping):
            return found
    return None


def parse(text: str) -> Configuration | None:
    """Return the variables that a configuration's text assigns; None where it is not to be read.

    Args:
        text: Python or JSON.
    """
    if len(text) > LONGEST:
        return None
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None
    # The first versions wrote each file's path before its text, bases first.
    lines = text.splitlines()
    several = [index for index, line in enumerate(lines) if re.fullmatch(r"\S+\.py", line)]
    for index in several:
        lines[index] = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse("\n".join(lines))
        return _Reader(merging=len(several) > 1).read(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Reader:
    """Reads assignments in order.

    Args:
        merging: Whether the text is that of several files, of which a later one's dictionary changes an earlier one's.
    """

    def __init__(self, *, merging: bool) -> None:
        self.merging = merging
        self.known: Configuration = {}

    def read(self, tree: ast.Module) -> Configuration:
        for statement in tree.body:
            if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                continue
            [target] = statement.targets
            if not isinstance(target, ast.Name):
                continue
            value = self._value(statement.value, 0)
            before = self.known.get(target.id)
            if self.merging and isinstance(before, dict) and isinstance(value, dict):
                value = _merged(before, value)
            self.known[target.id] = value
        return self.known

    def _value(self, node: ast.expr, depth: int) -> Any:
        if depth > DEEPEST:
            return UNREAD
        match node:
            case ast.Constant():
                return node.value
            case ast.Name() if node.id in self.known or node.id != "inf":
                return self.known.get(node.id, UNREAD)
            case ast.Name(id="inf") | ast.Attribute(value=ast.Name(id="np" | "numpy" | "math" | "torch"), attr="inf"):
                return math.inf
            case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value="inf" | "Inf" | "infinity")]):
                return math.inf
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return -number
            case ast.Tuple() | ast.List():
                return [self._value(item, depth + 1) for item in node.elts]
            case ast.Dict():
                pairs = zip(node.keys, node.values, strict=True)
                return {
                    key.value: self._value(value, depth + 1)
                    for key, value in pairs
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                }
            case ast.Call(func=ast.Name(id="dict"), args=[]):
                return {word.arg: self._value(word.value, depth + 1) for word in node.keywords if word.arg is not None}
            case _:
                return UNREAD


def _merged(before: Configuration, after: Configuration, depth: int = 0) -> Configuration:
    """Return a dictionary changed by another, as configurations inherit: `_delete_` starts afresh."""
    changes = dict(after)
    if changes.pop("_delete_", False) is True or depth > DEEPEST:
        return changes
    merged = dict(before)
    for key, value in changes.items():
        old = merged.get(key)
        both = isinstance(value, dict) and isinstance(old, dict)
        merged[key] = _merged(old, value, depth + 1) if both else value  # type: ignore[arg-type]
    return merged


def type_of(settings: Mapping[str, Any]) -> str | None:
    """Return the class that settings are for, without its scope: "Resize" of "mmseg.Resize"; None without one."""
    kind = settings.get("type")
    return kind.rpartition(".")[2] if isinstance(kind, str) else None
