"""Turn a published checkpoint into a model, or into the weights of a backbone."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.files import whole_file
from sceneparse.settings import BackboneSettings, NetworkSettings, PreprocessingSettings, ProtocolSettings
from sceneparse.weights.architectures import architecture_of
from sceneparse.weights.card import model_card
from sceneparse.weights.importing.agreement import decisions, disagreements
from sceneparse.weights.importing.assumed import assumed
from sceneparse.weights.importing.channel_order import Order, as_rgb, order_of, turn_first
from sceneparse.weights.importing.channels import fitted
from sceneparse.weights.importing.convert import (
    Account,
    Recognised,
    configure,
    convert,
    convert_backbone,
    open_settings,
    recognise,
    refuse_contradictions,
)
from sceneparse.weights.importing.families.backbone import BackboneRecognition
from sceneparse.weights.importing.families.table import AUTO
from sceneparse.weights.importing.family import OpenSetting, UngivenError
from sceneparse.weights.importing.names import name_classes, name_tasks
from sceneparse.weights.importing.normalisation import if_in_bytes, is_turned
from sceneparse.weights.importing.processors import Beside
from sceneparse.weights.importing.reading import read_checkpoint
from sceneparse.weights.model import Model, save_model

TURNED = OpenSetting(
    "preprocessing.mean",
    "its mean is ImageNet's in the order blue, green, red: if its network takes BGR, save it again as "
    "{'state_dict': …, 'input_space': 'BGR'} (of a .safetensors: with that in its metadata) and import that; if it "
    "takes RGB",
    must=True,
)
"""A mean that would be put on the wrong channels without a word."""

GIVEN_TURNED = (
    "preprocessing.mean is given as ImageNet's in the order blue, green, red, but the network, which took BGR, is "
    "turned to take RGB: give mean and standard deviation in the order red, green, blue"
)
"""What is said of one that is given so."""


@dataclass(frozen=True)
class ImportedModel:
    """The model that a checkpoint was turned into.

    Args:
        model: The model, its network in evaluation mode on the CPU.
        family: What it was recognised as.
        why: The facts that decided it, for people.
        account: Where its keys went.
        classes: Where the names of its classes are from, for people.
        source: What was read.
        notes: What was done with the rest of the file, for people.
        warnings: Settings that nothing tells and that were not given, with what they were taken for.
        published: Licence of the weights and terms of their data, for the model card; None where not known.
    """

    model: Model
    family: str
    why: tuple[str, ...]
    account: Account
    classes: str
    source: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    published: str | None = None

    def named(self, name: str, published: str | None = None) -> "ImportedModel":
        """Return the same model under another name, with the licence and the terms under which it was published."""
        config = replace(self.model.config, name=name)
        return replace(self, model=replace(self.model, config=config), published=published)

    def save(self, out: Path) -> None:
        """Write a model folder, whole or not at all.

        Args:
            out: The folder.

        Raises:
            UserError: `out` is something else than a model folder or an empty one.
        """
        origin = f"{Path(self.source).name} ({self.family}: {'; '.join(self.why)})"
        config, labels = self.model.config, self.model.labels
        save_model(out, self.model, model_card(config, labels, None, origin=origin, published=self.published))

    def describe(self) -> list[str]:
        """Return what was recognised and done, a line each."""
        config = self.model.config
        return [
            f"recognised: {self.family}: {config.network.architecture} on {config.backbone.name}, "
            f"{len(self.model.labels)} classes",
            *(f"  {why}" for why in self.why),
            *(f"warning: {warning}" for warning in self.warnings),
            *_account(self.account, self.notes),
            f"classes: {self.classes}",
            *self._tasks(),
        ]

    def describe_as_it_is(self, path: str | Path) -> list[str]:
        """Return the same where no settings of the import could be given, with how they are, if a line advises it.

        Args:
            path: What was imported.
        """
        lines = self.describe()
        advised = any("give " in line for line in lines)
        return [*lines, import_first(path)] if advised else lines

    def _tasks(self) -> list[str]:
        if not architecture_of(self.model.config.network).learns_tasks:
            return []
        if self.model.tasks is None:
            return ["other tasks: no names are known for so many classes, so that the model predicts the objects alone"]
        return ["other tasks: assumed to be Broden+'s scenes, parts and materials, since there are as many"]


@dataclass(frozen=True)
class ImportedBackbone:
    """The weights of a bare backbone, for `backbone.weights`, under timm's names.

    Args:
        name: The value for `backbone.name`.
        state: The weights.
        why: The facts that decided it, for people.
        account: Where its keys went.
        source: What was read.
        notes: What was done with the rest of the file, for people.
    """

    name: str
    state: dict[str, Tensor]
    why: tuple[str, ...]
    account: Account
    source: str
    notes: tuple[str, ...]

    def save(self, out: Path) -> None:
        """Write a .safetensors file, whole or not at all.

        Raises:
            UserError: `out` has another ending.
        """
        if out.suffix != ".safetensors":
            raise UserError(f"{out}: a bare backbone becomes a file of weights; give a name that ends in .safetensors")
        with whole_file(out) as path:
            path.write_bytes(save(self.state, metadata={"format": "pt", "pad_type": "symmetric"}))

    def describe(self) -> list[str]:
        """Return what was recognised and done, a line each."""
        return [
            f"recognised: a bare backbone, {self.name}",
            *(f"  {why}" for why in self.why),
            *_account(self.account, self.notes),
            f"use: --backbone.name {self.name} --backbone.weights with the file below",
        ]


def _account(account: Account, notes: Sequence[str]) -> list[str]:
    lines = [f"keys: {account.used} used, every parameter filled"]
    lines += [f"  {count} not used: {reason}" for reason, count in account.dropped]
    return lines + [f"  {note}" for note in notes]


def import_checkpoint(
    path: str | Path,
    family: str = AUTO,
    labels: Path | None = None,
    *,
    backbone: Mapping[str, Any] | BackboneSettings | None = None,
    network: Mapping[str, Any] | NetworkSettings | None = None,
    preprocessing: Mapping[str, Any] | PreprocessingSettings | None = None,
    protocol: Mapping[str, Any] | ProtocolSettings | None = None,
) -> ImportedModel | ImportedBackbone:
    """Turn a published checkpoint into a model, or into a backbone's weights if that is all it holds.

    Nothing is imported half: every key of the checkpoint is used or belongs to a kind that is known to be of no use,
    and every parameter of the network is filled. Nothing in the file is run.

        import_checkpoint("train_epoch_100.pth", network={"align_corners": True})

    Args:
        path: A file, a folder or the first of a pair (`read_checkpoint`).
        family: Whose code wrote it (`family_names`), "backbone", or "auto": recognised by its keys and shapes.
        labels: A classes.json that names its classes.
        backbone: What wins over the backbone that was recognised: a mapping of the settings that differ, or settings
            that replace all of them.
        network: The same of the network.
        preprocessing: The same of the preprocessing.
        protocol: The protocol in place of the family's.

    Raises:
        UserError: No such file, a damaged or hostile one, or one that no family fits whole.
    """
    checkpoint = read_checkpoint(path)
    found = recognise(checkpoint, family)
    given = {"backbone": backbone, "network": network, "preprocessing": preprocessing, "protocol": protocol}
    changes = {name: value for name, value in given.items() if value is not None}
    if isinstance(found, BackboneRecognition):
        if changes or labels is not None:
            raise UserError(f"{checkpoint.source}: is a bare backbone, which has neither settings nor classes to give")
        state, account = convert_backbone(checkpoint, found)
        return ImportedBackbone(found.name, state, found.why, account, checkpoint.source, checkpoint.notes)
    order = order_of(checkpoint.stated)
    beside = checkpoint.beside(found.recognition.backbone.in_channels)
    if order.unturned and beside.preprocessing is not None and is_turned(beside.preprocessing):
        order = Order(f"{order.unturned} is false and the mean ImageNet's in the order blue, green, red, which")
    # A family that knows its input has turned it itself.
    turned = bool(order.bgr) and not found.recognition.says_input
    found = _with_beside(found, beside, turned=turned)
    refuse_contradictions(found, changes, checkpoint.source)
    config = configure(found, changes)
    fitting = fitted(config.preprocessing, config.backbone.in_channels, checkpoint.source, beside.unread)
    config = replace(config, preprocessing=fitting)
    filled, account = convert(checkpoint, found, config)
    if turned:
        turn_first(filled, checkpoint.source)
    wrong = (GIVEN_TURNED,) if turned and preprocessing is not None and is_turned(config.preprocessing) else ()
    sigmoid = found.recognition.num_classes == 1
    space, classes = name_classes(checkpoint, filled.num_classes, labels, sigmoid=sigmoid)
    tasks = name_tasks(space, config.network)
    return ImportedModel(
        Model(filled, config, space, tasks),
        found.name,
        found.recognition.why,
        account,
        classes,
        checkpoint.source,
        (
            *checkpoint.notes,
            *beside.notes,
            *((_turned(order, beside),) if turned else ()),
            *assumed(found.recognition, changes, unread=beside.unread != ""),
            *disagreements(found.recognition, checkpoint.stated),
        ),
        (*open_settings(found, changes), *wrong, *order.warnings, *decisions(found.recognition, checkpoint.stated)),
    )


def import_as_it_is(path: str | Path) -> ImportedModel | ImportedBackbone:
    """Import a checkpoint where no settings of the import can be given; one that needs some says how they are given.

    Raises:
        UserError: As in `import_checkpoint`.
    """
    try:
        return import_checkpoint(path)
    except UngivenError as error:
        raise UserError(f"{error}; {import_first(path)}") from None


def import_first(path: str | Path) -> str:
    """Return where settings of an import are given, for people who gave a checkpoint to another command."""
    return f"settings of an import are given to one of its own: sceneparse import {shlex.quote(str(path))} --out MODEL"


def _turned(order: Order, beside: Beside) -> str:
    """Return a line on a network that took BGR."""
    both = "its first convolution and its mean and standard deviation are"
    what = both if beside.preprocessing is not None else "its first convolution is"
    return f"{order.bgr} is BGR: {what} turned round, so that the model takes RGB as any other"


def _with_beside(found: Recognised, beside: Beside, *, turned: bool) -> Recognised:
    """Return what was recognised, with the preprocessing and the size that stand beside the weights.

    Args:
        found: What was recognised.
        beside: What stands there.
        turned: Whether the network takes BGR and is turned, so that the preprocessing is, too.
    """
    recognition, preprocessing = found.recognition, beside.preprocessing
    if turned and preprocessing is not None:
        preprocessing = as_rgb(preprocessing)
    unclear = not turned and preprocessing is not None and is_turned(preprocessing)
    doubtful = beside.of_wrapper and found.name == "smp"
    return replace(
        found,
        recognition=replace(
            recognition,
            preprocessing=preprocessing or recognition.preprocessing,
            protocol=beside.protocol or recognition.protocol,
            says_input=recognition.says_input or beside.preprocessing is not None,
            says_size=recognition.says_size or beside.protocol is not None,
            open=(
                *recognition.open,
                *beside.open,
                *((TURNED,) if unclear else ()),
                *((if_in_bytes(preprocessing),) if doubtful and preprocessing is not None else ()),
            ),
        ),
    )
