"""One step in training mode: outputs, losses, gradients by the published keys, and running statistics."""

import re

import numpy as np
import torch
from torch import Tensor

from parity_cases import Case
from parity_losses import loss_of
from parity_meaning import HALVES, TASKS, Wanted, state_entry, words_of
from parity_outputs import Again, Run, pictures_of, recognition_of
from parity_targets import Targets
from sceneparse.networks import UnifiedUPerNet
from sceneparse.weights.importing.checkpoint import ImportedModel
from sceneparse.weights.importing.families.table import families_named
from sceneparse.weights.importing.family import Family, theirs

UNCOUNTED = ("csail", "csail-baseline", "unifiedparsing")
"""Families whose batch norm does not count its batches (synchronised, on one device)."""

BUFFERS = (
    *("running_mean", "running_var", "num_batches_tracked"),
    *("_tmp_running_mean", "_tmp_running_var", "_running_iter"),
)
"""The last parts of keys that are no parameters."""


def training_outputs(
    case: Case, family: str, imported: ImportedModel, again: Again
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Every recorded output of a step that ours has a counterpart of; and those in float64, where recorded."""
    single = _step(case, family, imported, torch.float32)
    return single, _step(case, family, again(), torch.float64) if case.reference64 else {}


def _step(case: Case, family: str, imported: ImportedModel, dtype: torch.dtype) -> dict[str, np.ndarray]:
    network = imported.model.network.to(dtype).train()
    image = pictures_of(case, family)[0].to(dtype)
    parts = list(imported.model.config.network.tasks.parts)
    targets = Targets.of(case, family, parts)
    wanted = [case.wanted(name) for name in case.reference]
    output = network(image, _computed(wanted, targets)) if isinstance(network, UnifiedUPerNet) else network(image)
    run = Run(network, image, output, output.aux, [], None, {}, targets, parts)
    names = {key: theirs(key, recognition_of(case, family).names) for key in network.state_dict()}
    if targets.given:
        total = loss_of(_learnt(case), output, output.aux, targets, network.align_corners)
        assert total is not None
        total.sum().backward()
    mapping = Mapping(case, family)
    gradients = mapping.gradients(
        {names[key]: value.grad for key, value in network.named_parameters() if value.grad is not None}
    )
    buffers = mapping.buffers({names[key]: value for key, value in network.named_buffers() if key in names})
    got: dict[str, Tensor] = {}
    for one in wanted:
        entry = state_entry(one.name)
        value: Tensor | None
        if entry is not None:
            kind, key = entry
            value = _thinned(mapping.find(gradients, key)) if kind == "grad" else mapping.find(buffers, key)
        elif one.form == "gradient_norms":
            value = mapping.norms(gradients, one)
        else:
            value = run.output(one)
            value = None if value is None else one.stored(value)
        if value is not None:
            got[one.name] = value.detach().contiguous()
    return {name: value.numpy() for name, value in got.items()}


def _computed(wanted: list[Wanted], targets: Targets) -> tuple[str, ...]:
    """The unified network's tasks that the recorded program computed: those it learnt, and those it gave outputs of.

    All that a step does not compute keeps its running statistics.
    """
    given = {one.task for one in wanted if state_entry(one.name) is None}
    return tuple(task for task in TASKS if task in given or task in targets.tasks) or TASKS


def _learnt(case: Case) -> Wanted:
    """The loss that is learnt from: the one output that the gradients' description names, else the sum of all."""
    meanings = case.manifest["outputs"]
    meaning = str(next((text for name, text in meanings.items() if name.startswith("grad")), ""))
    losses = [one for one in map(case.wanted, case.reference) if one.form == "loss"]
    named = [one for one in losses if re.search(rf"(?<![\w.]){re.escape(one.name)}(?![\w.])", meaning)]
    if len(named) == 1:
        return named[0]
    if "*" not in meaning:
        meaning = str(next((text for name, text in meanings.items() if name.startswith("loss")), meaning))
    return Wanted.read("loss", (1,), meaning)


def _thinned(gradient: Tensor | None) -> Tensor | None:
    """Large gradients are recorded in part."""
    if gradient is None or gradient.numel() <= 4000:
        return gradient
    return gradient.reshape(-1)[:: gradient.numel() // 1000][:1000]


class Mapping:
    """From our gradients and buffers back to the published ones, where an import changed the values.

    What a family's `adapt` does is linear: its transpose takes gradients back, and what it added to running means is
    taken off again.
    """

    def __init__(self, case: Case, family: str) -> None:
        keys = case.keys()
        self.same = {key: alias or key for key, (_, alias) in keys.items()}
        """Several keys may name one tensor; which is the one."""
        self.order = list(dict.fromkeys(self.same.values()))
        self.counted = family not in UNCOUNTED
        self.weights = case.state()
        shapes = {key: tuple(shape) for key, (shape, _) in keys.items()}
        members: list[Family] = [member for member in families_named(family) if member.recognise(shapes) is not None]
        self.adapt = members[0].adapt or dict

    def gradients(self, ours: dict[str, Tensor]) -> dict[str, Tensor]:
        """Gradients by the published keys."""
        dtype = next(iter(ours.values())).dtype if ours else torch.float32
        source = {
            key: value.to(dtype).requires_grad_() if value.is_floating_point() else value
            for key, value in self.weights.items()
        }
        adapted = self.adapt(source)
        total = sum((adapted[key] * gradient).sum() for key, gradient in ours.items())
        if isinstance(total, Tensor):
            total.backward()
        return {self.same[key]: value.grad for key, value in source.items() if value.grad is not None}

    def buffers(self, ours: dict[str, Tensor]) -> dict[str, Tensor]:
        """Running statistics by the published keys; those that a step does not touch are as they were filled."""
        adapted = self.adapt(dict(self.weights))
        taken = {self.same[key]: value for key, value in self.weights.items() if key.rpartition(".")[2] in BUFFERS}
        for key, value in ours.items():
            if key.endswith("num_batches_tracked") and not self.counted:
                continue
            changed = key in adapted and not torch.equal(adapted[key], self.weights[key])
            taken[self.same.get(key, key)] = value + (self.weights[key] - adapted[key]) if changed else value
        return taken

    def norms(self, gradients: dict[str, Tensor], wanted: Wanted) -> Tensor:
        """The norm of each parameter's gradient in the published order, of one half of a pair if the name says so.

        Parameters without a gradient are left out, or 0 where the recording counts them.
        """
        half = next((half for half in HALVES if words_of(wanted.name) & {half, half[:3]}), "")
        keys = [key for key in self.order if key.rpartition(".")[2] not in BUFFERS and key.startswith(half)]
        if wanted.shape != (len(keys),):
            keys = [key for key in keys if key in gradients]
        zero = next(iter(gradients.values())).new_zeros(())
        return torch.stack([gradients[key].norm() if key in gradients else zero for key in keys])

    def find(self, values: dict[str, Tensor], key: str) -> Tensor | None:
        """A value by a key that may lack the half of the pair that it is in."""
        for candidate in (key, *(f"{half}.{key}" for half in HALVES)):
            found = values.get(self.same.get(candidate, candidate))
            if found is not None:
                return found
        return None
