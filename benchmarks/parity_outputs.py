"""Recorded outputs from ours: what a network gives, and what the published code made of it."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from parity_cases import Case
from parity_losses import accuracy, loss_of
from parity_meaning import Wanted, state_entry
from parity_targets import Targets
from sceneparse.networks import ConcatUPerNet, SceneParser
from sceneparse.weights.importing.checkpoint import ImportedModel
from sceneparse.weights.importing.families.table import families_named
from sceneparse.weights.importing.family import Recognition, theirs

BGR = ("unifiedparsing", "caffe", "csail-baseline")
"""Families whose networks take blue first. An import turns them round, so that all models take red first."""

Again = Callable[..., ImportedModel]


def pictures_of(case: Case, family: str) -> list[Tensor]:
    """The pictures of a case, as a model of ours takes them."""
    images = [value for value in case.inputs().values() if value.is_floating_point()]
    return [image.flip(1) for image in images] if family in BGR else images


def network_outputs(
    case: Case, family: str, imported: ImportedModel, again: Again
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Every recorded output in evaluation mode that ours has a counterpart of; and those in float64, where recorded."""
    single = _evaluated_outputs(case, family, imported, again, torch.float32)
    return single, _evaluated_outputs(case, family, again(), again, torch.float64) if case.reference64 else {}


def _evaluated_outputs(
    case: Case, family: str, imported: ImportedModel, again: Again, dtype: torch.dtype
) -> dict[str, np.ndarray]:
    images = [image.to(dtype) for image in pictures_of(case, family)]
    wanted = [case.wanted(name) for name in case.reference]
    readings: dict[bool | None, list[Run]] = {}
    got = {}
    for one in wanted:
        if one.align_corners not in readings:
            model = imported if one.align_corners is None else again(align_corners=one.align_corners)
            model.model.network.to(dtype)
            readings[one.align_corners] = [evaluated(case, family, model, image) for image in images]
        value = _averaged(one, readings[one.align_corners])
        if value is not None:
            got[one.name] = one.stored(value).numpy()
    return got


def _averaged(one: Wanted, runs: list["Run"]) -> Tensor | None:
    """An output of one picture; or, of the same at several scales, the mean of the probabilities and its winner."""
    if len(runs) == 1 or one.form not in ("softmax", "labels"):
        return runs[0].output(one)
    probabilities = [value for run in runs if (value := run.output(replace(one, form="softmax"))) is not None]
    mean = torch.stack(probabilities).mean(dim=0)
    return mean if one.form == "softmax" else mean.argmax(1).int()


def evaluated(case: Case, family: str, imported: ImportedModel, image: Tensor) -> "Run":
    """A network's run over a picture, with every part of it that an output may ask for."""
    network = imported.model.network
    named = [name for name in case.reference if state_entry(name) is None and name not in KNOWN]
    parts = _Parts(network, named, case, family)
    with torch.inference_mode():
        output = network(image)
        features = network.backbone(image)
        aux = None if network.aux_head is None else network.aux_head(features[2])
        decoded = network.fuse(features) if isinstance(network, ConcatUPerNet) else parts.classified
    parts.close()
    tasks = list(imported.model.config.network.tasks.parts)
    targets = Targets.of(case, family, tasks)
    return Run(network, image, output, aux, features, decoded, parts.seen, targets, tasks)


KNOWN = ("logits", "out", "raw", "aux_raw", "loss", "logp", "prob")
"""Outputs that are no part of a network by its published name."""


class Run:
    """What a network gave for a picture, and what the families make of that."""

    def __init__(
        self,
        network: SceneParser,
        image: Tensor,
        output: Any,
        aux: Tensor | None,
        features: list[Tensor],
        decoded: Tensor | None,
        seen: dict[str, Tensor],
        targets: Targets,
        parts: list[int],
    ) -> None:
        self.align_corners = network.align_corners
        self.size = (image.shape[-2], image.shape[-1])
        self.output_of, self.aux, self.features, self.decoded, self.seen = output, aux, features, decoded, seen
        self.targets, self.parts = targets, parts

    def output(self, wanted: Wanted) -> Tensor | None:
        """A recorded output, before parts of it were left out; None if there is no such thing here."""
        if wanted.name in self.seen:
            return self.seen[wanted.name]
        if wanted.form == "loss":
            return loss_of(wanted, self.output_of, self.aux, self.targets, self.align_corners)
        if wanted.form == "accuracy":
            return accuracy(wanted, self.output_of, self.aux, self.targets, self.align_corners)
        if wanted.form == "map":
            return self.decoded
        if re.match(r"(layer|stage|feat|res|conv|c)[\w.]*?\d", wanted.name):
            return self._feature(wanted)
        logits = self._logits(wanted)
        if logits is None:
            return None
        if logits.ndim == 4:
            logits = wanted.sized(logits, self.size, self.align_corners)
        return self._formed(wanted, logits)

    def _logits(self, wanted: Wanted) -> Tensor | None:
        if wanted.task:
            found: Tensor | None = getattr(self.output_of, wanted.task)
            return found
        if wanted.head == "aux":
            return self.aux
        image: Tensor | None = self.output_of.image if wanted.head == "image" else self.output_of.logits
        return image

    def _formed(self, wanted: Wanted, logits: Tensor) -> Tensor:
        if wanted.form == "labels":
            return logits.argmax(1).int()
        if wanted.form == "logits":
            return logits
        function = Tensor.softmax if wanted.form == "softmax" else Tensor.log_softmax
        if wanted.task != "part":
            return function(logits, 1)
        return torch.cat([function(block, 1) for block in logits.split(self.parts, dim=1)], dim=1)

    def _feature(self, wanted: Wanted) -> Tensor | None:
        fitting = [maps for maps in self.features if wanted.stored(maps).shape == wanted.shape]
        return fitting[0] if len(fitting) == 1 else None


class _Parts:
    """What parts of a network give that an output is named after: "ppm_last_conv", "decoder.fpn_out.0"."""

    def __init__(self, network: SceneParser, names: list[str], case: Case, family: str) -> None:
        self.seen: dict[str, Tensor] = {}
        self.classified: Tensor | None = None
        modules = dict(network.named_modules())
        self._handles = []
        if "head.classifier" in modules:
            self._handles.append(modules["head.classifier"].register_forward_pre_hook(self._classifies))
        ours = {key: theirs(key, recognition_of(case, family).names) for key in network.state_dict()} if names else {}
        for name in names:
            plain = re.sub(r"_(sub|raw)$", "", name)
            keys = {key for key, other in ours.items() if re.match(rf"((en|de)coder\.)?{re.escape(plain)}\.", other)}
            for path, module in modules.items():
                if keys and keys == {key for key in ours if key.startswith(f"{path}.")}:
                    self._handles.append(module.register_forward_hook(self._keeps(name)))
                    break

    def _classifies(self, _: Any, given: tuple[Tensor, ...]) -> None:
        self.classified = given[0]

    def _keeps(self, name: str) -> Callable[..., None]:
        def keep(_: Any, __: Any, value: Any) -> None:
            if isinstance(value, Tensor):
                self.seen.setdefault(name, value.clone())

        return keep

    def close(self) -> None:
        for handle in self._handles:
            handle.remove()


def recognition_of(case: Case, family: str) -> Recognition:
    """What the family makes of the case's keys and shapes."""
    shapes = {key: tuple(shape) for key, (shape, _) in case.keys().items()}
    [found] = [one for member in families_named(family) if (one := member.recognise(shapes)) is not None]
    return found
