"""The truth of a recorded case: labels by task, and which objects have parts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from parity_cases import Case
from parity_meaning import TASKS, names_task, words_of
from sceneparse.standard.tables import released_tasks

SOURCES = (("object", "part", "scene"), ("material",))
"""The tasks of each source of pictures in the unified network's training program: it computes no other head."""


@dataclass(frozen=True)
class Owned:
    """What is known of one object's parts.

    Args:
        logits: (N, parts, h, w) of the object's parts, the first of which is "no part".
        labels: (N, h, w) indices of them.
        inside: (N, h, w), where the object is.
        known: (N,) 1 for pictures in which the object's parts are labelled.
    """

    logits: Tensor
    labels: Tensor
    inside: Tensor
    known: Tensor


@dataclass(frozen=True)
class Targets:
    """The truth of a case.

    Args:
        family: The family that learns from it.
        given: Labels by the name of the input.
        ignored: The label of each that does not count.
        extra: Facts of the manifest beside: which objects have parts.
        parts: Channels of each object's parts.
        source: The source of pictures that the unified network learns from, by its number in `SOURCES`, if named.
        aux_weight: The weight of the auxiliary loss that the network's configuration names, if it does.
    """

    family: str
    given: dict[str, Tensor]
    ignored: dict[str, int]
    extra: dict[str, Any] = field(default_factory=dict)
    parts: list[int] = field(default_factory=list)
    source: int | None = None
    aux_weight: float | None = None

    @classmethod
    def of(cls, case: Case, family: str, parts: list[int]) -> "Targets":
        """The truth of a case, if it has one."""
        given = {name: value for name, value in case.inputs().items() if not value.is_floating_point()}
        ignored = {source["name"]: source.get("ignore") for source in case.manifest["inputs"]}
        usual = -1 if family in ("csail", "csail-baseline") else 255
        return cls(
            family,
            given,
            {name: usual if ignored[name] is None else ignored[name] for name in given},
            case.manifest.get("extra") or {},
            parts,
            _source(case.manifest),
            _aux_weight(case.manifest),
        )

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of the unified network that are learnt: those of the source, or all that are labelled."""
        labelled = tuple(one for one in TASKS if self.has(one))
        return labelled if self.source is None else tuple(one for one in labelled if one in SOURCES[self.source])

    @cached_property
    def owners(self) -> list[int]:
        """The objects with parts, by their labels: as the manifest has them, else as the published tables do."""
        if "object_with_part" in self.extra:
            return list(self.extra["object_with_part"])
        tree = released_tasks().tree
        assert tree is not None
        if list(tree.sizes) != self.parts:
            raise ValueError(
                f"the network has {len(self.parts)} objects with parts, the published tables {len(tree.sizes)}; "
                "which they are must stand under extra: object_with_part in the manifest"
            )
        return list(tree.owners)

    def labels(self) -> tuple[Tensor, int]:
        """The map of labels (N, h, w), and the one that is ignored."""
        name = "y" if "y" in self.given else next(name for name, value in self.given.items() if value.ndim == 3)
        return self.given[name], self.ignored[name]

    def task(self, task: str) -> Tensor:
        """The labels of a task, by the words in the input's name.

        Raises:
            ValueError: None, or several, have them.
        """
        found = [name for name in self._named(task) if not _flags(name)]
        if len(found) != 1:
            raise ValueError(f"{len(found)} inputs are the {task} labels, of {', '.join(self.given)}")
        return self.given[found[0]]

    def has(self, task: str) -> bool:
        """Whether `task` finds labels."""
        return sum(not _flags(name) for name in self._named(task)) == 1

    def owned(self, logits: Tensor) -> Iterator[Owned]:
        """What is known of each object's parts, from the part head's logits (N, Σ parts, h, w)."""
        objects, parts = self.task("object"), self.task("part")
        valid = next((self.given[name] for name in self._named("part") if _flags(name)), None)
        for index, (label, block) in enumerate(zip(self.owners, logits.split(self.parts, dim=1), strict=True)):
            known = torch.ones(len(objects)) if valid is None else valid[:, index]
            yield Owned(block, parts[:, index] if parts.ndim == 4 else parts, objects == label, known)

    def _named(self, task: str) -> list[str]:
        named = {name: [word for word in words_of(name) if names_task(word, task)] for name in self.given}
        if task == "object":  # "object_part" would be the parts of objects
            return [name for name, words in named.items() if words and not self._is_part(name)]
        return [name for name, words in named.items() if words]

    def _is_part(self, name: str) -> bool:
        return any(names_task(word, "part") for word in words_of(name))


def _flags(name: str) -> bool:
    """Whether an input says in which pictures parts are labelled, rather than which parts."""
    return "valid" in words_of(name)


def _source(manifest: dict[str, Any]) -> int | None:
    """The source of pictures that a manifest names: "source_idx": 0, or the same in its descriptions."""
    given = manifest["source"].get("args", {}).get("source_idx", manifest.get("extra", {}).get("source_idx"))
    if given is None:
        texts = " ".join([*manifest.get("outputs", {}).values(), *manifest.get("notes", [])])
        found = re.search(r"source_idx\W{0,4}([01])\b", texts)
        given = found[1] if found else None
    return None if given is None else int(given)


def _aux_weight(manifest: dict[str, Any]) -> float | None:
    """The weight of the auxiliary loss that a manifest's arguments name."""
    given = manifest["source"].get("args", {})
    head = given.get("auxiliary_head")
    if isinstance(head, dict) and isinstance(head.get("loss_decode"), dict):
        weight = head["loss_decode"].get("loss_weight")
    else:
        weight = next(
            (given[name] for name in ("deep_sup_scale", "aux_weight", "auxiliary_loss_weight") if name in given), None
        )
    return None if weight is None else float(weight)
