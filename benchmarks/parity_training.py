"""One step in training mode: outputs, losses, gradients by the published keys, and running statistics."""

import numpy as np
import torch
from torch import Tensor

from parity_cases import Case
from parity_losses import Targets, loss_of
from parity_meaning import Wanted
from parity_outputs import Again, Run, pictures_of, recognition_of
from sceneparse.weights.importing.checkpoint import ImportedModel
from sceneparse.weights.importing.families.table import families_named
from sceneparse.weights.importing.family import Family, theirs


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
    output = network(image)
    run = Run(network, image, output, output.aux, [], None, {}, targets, parts)
    names = {key: theirs(key, recognition_of(case, family).names) for key in network.state_dict()}
    wanted = [case.wanted(name) for name in case.reference]
    got: dict[str, Tensor] = {}
    if targets.given:
        total = loss_of(Wanted.read("loss", (1,), _learnt(case)), output, output.aux, targets, network.align_corners)
        assert total is not None
        total.sum().backward()
    ours = {names[key]: value.grad for key, value in network.named_parameters() if value.grad is not None}
    mapping = Mapping(case, family)
    gradients = mapping.gradients(ours)
    buffers = mapping.buffers({names[key]: value for key, value in network.named_buffers() if key in names})
    for one in wanted:
        kind, _, key = one.name.partition(":")
        value: Tensor | None
        if kind == "grad" and key:
            value = _thinned(mapping.find(gradients, key))
        elif key:
            value = mapping.find(buffers, key)
        elif one.form == "gradient_norms":
            value = torch.stack([gradients[key].norm() for key in mapping.order if key in gradients])
        else:
            value = run.output(one)
            value = None if value is None else one.stored(value)
        if value is not None:
            got[one.name] = value.detach().contiguous()
    return {name: value.numpy() for name, value in got.items()}


def _learnt(case: Case) -> str:
    """What the manifest says of the loss that is learnt from."""
    meanings = case.manifest["outputs"]
    return str(next((text for name, text in meanings.items() if name.startswith(("loss", "grad"))), ""))


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
        self.weights = {
            (key if len(case.manifest["state_dicts"]) == 1 else f"{part}.{key}"): value
            for part in case.manifest["state_dicts"]
            for key, value in case.weights(part).items()
        }
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
        """Running statistics by the published keys."""
        adapted = self.adapt(dict(self.weights))
        taken = {}
        for key, value in ours.items():
            changed = key in adapted and not torch.equal(adapted[key], self.weights[key])
            taken[self.same.get(key, key)] = value + (self.weights[key] - adapted[key]) if changed else value
        return taken

    def find(self, values: dict[str, Tensor], key: str) -> Tensor | None:
        """A value by a key that may lack the half of the pair that it is in."""
        plain = key.removeprefix("module.")
        for candidate in (plain, f"encoder.{plain}", f"decoder.{plain}"):
            found = values.get(self.same.get(candidate, candidate))
            if found is not None:
                return found
        return None
