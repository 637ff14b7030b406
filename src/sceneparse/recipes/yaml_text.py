"""YAML that people write: a key that stands twice in one mapping is an error, as the format says it is."""

from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"
"""The tag of "<<", by which a mapping takes over what others hold; it may stand several times."""


class TwiceError(yaml.constructor.ConstructorError):
    """A key stands twice in a mapping."""


class _Loader(yaml.SafeLoader):
    """PyYAML's own takes the last of equal keys, and says nothing of the others."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Here, since where mappings are made what they take over by "<<" stands among their own keys.
        mapping = super().compose_mapping_node(anchor)
        known: dict[tuple[str, str], int] = {}
        for key, _ in mapping.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            if (name := (key.tag, key.value)) in known:
                first = "" if known[name] == key.start_mark.line else f", after line {known[name] + 1}"
                problem = f"'{key.value}' stands here a second time{first}: remove one of them"
                raise TwiceError(None, None, problem, key.start_mark)
            known[name] = key.start_mark.line
        return mapping


def load_yaml(text: str) -> Any:
    """Return what a YAML document holds.

    Raises:
        TwiceError: A key stands twice in a mapping; `errors.reason_of` says where.
        yaml.YAMLError: It is none.
    """
    return yaml.load(text, Loader=_Loader)
