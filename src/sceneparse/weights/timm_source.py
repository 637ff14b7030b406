"""What timm's own files say of its models, read as text: importing timm imports PyTorch, which takes seconds."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from sceneparse.settings.backbone_names import OWN, side_of, unknown_backbone
from sceneparse.tables import HOMES

WEIGHTED = ("url", "hf_hub_id")
"""What the entry of a model with pretrained weights has."""


BACKBONES = Path(__file__).parents[1] / "networks" / "backbones"
"""Where this package's own backbones are, and their table."""


def hub_repository(name: str) -> str | None:
    """Return where a model's pretrained weights lie on the Hugging Face hub, such as "timm/resnet50.a1_in1k".

    Args:
        name: A model of timm's, with or without the tag of its weights.

    Returns:
        The repository; None where timm's files do not say it in so many words.
    """
    architecture, _, tag = name.partition(".")
    entries = [one for one in _entries(architecture) if one[1].keys() & set(WEIGHTED)]
    # As timm does: an asterisk, or no tag at all, marks the usual weights, else they are the first.
    usual = [one for one in entries if one[0].endswith("*") or not one[0]] or entries
    chosen = [one for one in entries if one[0].rstrip("*") == tag] if tag else usual
    if not chosen:
        return None
    own, said = chosen[0]
    repository = said.get("hf_hub_id")
    if repository is None or not repository.endswith("/"):
        return repository
    return f"{repository}{architecture}.{own.rstrip('*')}".rstrip(".")


def refuse_unknown_backbone(name: str) -> None:
    """Refuse a backbone's name that is surely none: neither timm's, nor one of this package's or an installed one's.

    Args:
        name: A backbone's, with or without the tag of its weights.

    Raises:
        UserError: There is no such backbone; the message names near ones.
    """
    from importlib.metadata import entry_points

    architecture = name.partition(".")[0]
    if architecture in OWN or side_of(architecture) is not None:
        return
    quoted = tuple(f"{quote}{architecture}{quote}" for quote in "'\"")
    known: list[str] = []
    # The table of this package's own stands among the last of them, which import PyTorch.
    for file in (*_files(), *BACKBONES.glob("*.py")):
        text = file.read_text(encoding="utf-8")
        found = re.findall(r"^@register_model\s+def (\w+)\(", text, re.MULTILINE)
        # Names that timm knows in another way, such as those that it has given up, stand in its files too.
        if architecture in found or any(one in text for one in quoted):
            return
        known += found
    # Whatever another package adds, it may make known to timm what it needs.
    if known and not any(entry_points(group=f"sceneparse.{one}") for one in HOMES):
        raise unknown_backbone(name, [*known, *OWN])


def _files() -> list[Path]:
    """The files of timm's models; none where it is not installed."""
    spec = find_spec("timm")  # which does not import it
    folders = () if spec is None else spec.submodule_search_locations or ()
    return sorted(file for folder in folders for file in Path(folder, "models").glob("*.py"))


def _entries(architecture: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the tags of a model's weights, and the texts that its entry in timm's tables gives by name."""
    for file in _files():
        text = file.read_text(encoding="utf-8")
        if not any(f"{quote}{architecture}{end}" in text for quote in "'\"" for end in f".{quote}"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Dict):
                yield from _of_table(node, architecture)


def _of_table(table: ast.Dict, architecture: str) -> Iterator[tuple[str, dict[str, str]]]:
    for key, value in zip(table.keys, table.values, strict=True):
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(value, ast.Call)):
            continue
        own, _, tag = key.value.partition(".")
        if own == architecture:
            said = {
                one.arg: one.value.value
                for one in value.keywords
                if one.arg is not None and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)
            }
            yield tag, {name: text for name, text in said.items() if text}
