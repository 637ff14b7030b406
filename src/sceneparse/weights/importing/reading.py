"""Read a checkpoint: a file, a folder, or a pair of files, in any form that published weights have.

What lies in it is hostile until proven otherwise: nothing in it is run, and nothing is allocated that its size does not
bear.
"""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sceneparse.errors import UserError, reason_of
from sceneparse.labels.space import Color
from sceneparse.weights.checkpoint_folders import WEIGHTS, decoder_of, pair_in, refuse_without_checkpoint
from sceneparse.weights.importing.family import Shapes
from sceneparse.weights.importing.folders import FOLDER, PAIRS_CONFIG, has_config, placed_by
from sceneparse.weights.importing.given_names import GivenNames, given_names, names_among
from sceneparse.weights.importing.metadata import metadata_of
from sceneparse.weights.importing.normalisation import differing_from, is_buffer, nearly_equal, of_buffers, of_stated
from sceneparse.weights.importing.pickles import TensorRecord
from sceneparse.weights.importing.processors import Beside, of_encoder, read_beside, read_object
from sceneparse.weights.importing.programs import program_in
from sceneparse.weights.importing.stated import Stated, encoder_settings, stated_in
from sceneparse.weights.importing.torchfile import ReadStorage, make_tensors, open_torch
from sceneparse.weights.importing.wrappers import unwrapped, weights_in
from sceneparse.weights.paths import CAFFE, SAFE, TORCH

WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
PART = re.compile(r"(-\d{5}-of-\d{5}\.(safetensors|bin)|\.index\.json|^config\.json|^preprocessor_config\.json)$")
"""Files that are of no use alone: one of transformers' several files of weights, their index, what stands beside."""

FEW = 256
"""Channels at most of a picture whose normalisation may stand in a file as a tensor."""

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Checkpoint:
    """The weights in a checkpoint.

    Args:
        tensors: By the checkpoint's own keys, without the prefixes that wrappers put before them; of an
            encoder/decoder pair, "encoder." and "decoder." stand before them. On the CPU, finite.
        source: What was read.
        notes: What was done with the rest, for people.
        class_names: The names of the classes, where the checkpoint gives them; several where it gives several, the
            likelier first.
        palette: Their colours (RGB), where it gives these too.
        meta: What a torch file says of itself beside the weights, under `meta`; of a folder also its "config.json"; of
            a pair the name of its folder (`FOLDER`) and its "config.yaml".
        beside: What stands beside the weights about the network's input, by the number of channels that it takes.
        stated: The settings that its training wrote beside the weights.
    """

    tensors: dict[str, Tensor]
    source: str
    notes: tuple[str, ...] = ()
    class_names: tuple[GivenNames, ...] = ()
    palette: tuple[Color, ...] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    beside: Callable[[int], Beside] = field(default=lambda _: Beside(), compare=False)
    stated: tuple[Stated, ...] = ()

    @cached_property
    def shapes(self) -> Shapes:
        """The shape of every tensor."""
        return {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Args:
        path: A torch file (.pth, .pt, .ckpt, .tar, .bin), a .safetensors or .caffemodel file, a folder of transformers
            (config.json with model.safetensors or pytorch_model.bin, in one file or several), or CSAIL's pair: the
            encoder's file, beside which the decoder's lies, or the folder of both.

    Raises:
        UserError: No such file, one that is damaged, that wants to run something, or that holds no weights.
    """
    path = Path(path)
    if PART.search(path.name) and path.is_file():
        raise UserError(
            f"{path}: is a part of a checkpoint in several files; give the folder that they are in, {path.parent}"
        )
    if path.is_dir():
        found = _read_folder(path)
    elif path.is_file():
        decoder = decoder_of(path)
        if decoder is not None:
            found = _read_pair(path, decoder)
        else:
            found = _read_folder(path.parent) if has_config(path) else _read_file(path)
    else:
        raise UserError(f"{path}: no such checkpoint; give a file (.pth, .safetensors, .caffemodel) or a folder")
    for name, tensor in found.tensors.items():
        _check(name, tensor, found.source)
    return found


def _check(name: str, tensor: Tensor, where: str) -> None:
    if tensor.numel() == 0:
        raise UserError(f"{where}: '{name}' is empty")
    if tensor.dtype not in FLOATS and tensor.dtype not in WHOLE:
        raise UserError(f"{where}: '{name}' is {_words(tensor.dtype)}, but weights are numbers")
    if tensor.dtype in FLOATS and not bool(torch.isfinite(tensor.float()).all()):
        raise UserError(f"{where}: '{name}' holds values that are not finite; the training diverged or the file broke")


def _words(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _read_file(path: Path, *, unwrap: bool = True) -> Checkpoint:
    try:
        if path.suffix == SAFE:
            found = _network(_read_safetensors(path), path, unwrap=unwrap)
            return _with_stated(found, stated_in(metadata_of(path)), path)
        if path.suffix == CAFFE:
            from sceneparse.weights.importing.caffe import read_caffemodel

            return Checkpoint(read_caffemodel(path), str(path))
        if path.suffix not in TORCH:
            if program := program_in(path):
                raise UserError(program)
            raise UserError(
                f"no checkpoint by its name, which must end in one of {', '.join((*TORCH, SAFE, CAFFE))}; of a model "
                "of sceneparse, name its folder"
            )
        return _read_torch(path, unwrap=unwrap)
    except UserError as error:
        message = str(error)
        raise UserError(message if message.startswith(str(path)) else f"{path}: {message}") from None
    except (OSError, MemoryError) as error:
        raise UserError(f"{path}: cannot be read ({' '.join(str(error).split()) or type(error).__name__})") from None


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, ValueError, KeyError, AttributeError, RuntimeError, TypeError, OverflowError) as error:
        reason = " ".join(str(error).split())[:150]
        raise UserError(f"it is not a readable safetensors file ({reason}); copy it again") from None


def _read_torch(path: Path, *, unwrap: bool) -> Checkpoint:
    with open_torch(path) as (content, read, inert):
        weights, notes = weights_in(content)
        tensors = make_tensors(weights, read, path.stat().st_size)
        given = content.get("meta")
        meta = given if isinstance(given, Mapping) else {}
        found = _network(tensors, path, (*notes, *_inert(inert)), unwrap=unwrap)
        stated = tuple(_with_numbers(one, read, path.stat().st_size) for one in stated_in(content))
        return _with_stated(replace(found, meta=meta, palette=_palette(meta)), stated, path)


def _with_numbers(one: Stated, read: ReadStorage, size: int) -> Stated:
    """Return a setting that is a tensor with its numbers as a list, if they are few; any other as it is."""
    record = one.value
    if not isinstance(record, TensorRecord) or not 0 < math.prod(record.size) <= FEW:
        return one
    return replace(one, value=make_tensors({one.path: record}, read, size)[one.path].flatten().tolist())


def _with_stated(found: Checkpoint, stated: tuple[Stated, ...], path: Path) -> Checkpoint:
    """Return what was read with the names and the normalisation that are stated beside the weights of a file."""
    stated = (*found.stated, *stated)
    group, settings = encoder_settings(stated)

    def beside(channels: int) -> Beside:
        said = _one_of(found.beside(channels), of_stated(stated, path.name, channels))
        return said if said.preprocessing is not None else _one_of(said, of_encoder(settings, group))

    meta = {**found.meta, "encoder": settings} if settings else found.meta
    return replace(found, class_names=_class_names(found.meta, stated), meta=meta, beside=beside, stated=stated)


def _network(tensors: Mapping[str, Tensor], path: Path, notes: tuple[str, ...] = (), *, unwrap: bool) -> Checkpoint:
    """Return the network among a file's tensors, and the normalisation that lies beside it."""
    kept, aside, more = unwrapped(tensors) if unwrap else (dict(tensors), {}, ())
    buffers = {key: value for key, value in aside.items() if is_buffer(key)}
    beside = partial(of_buffers, buffers, path.name)
    scalars = {key: value for key, value in aside.items() if not is_buffer(key) and value.numel() == 1}
    stated = tuple(Stated(key, float(value.flatten()[0])) for key, value in scalars.items())
    return Checkpoint(kept, str(path), (*notes, *more), beside=beside, stated=stated)


def _first_said(first: Beside, second: Callable[[int], Beside], channels: int) -> Beside:
    return _one_of(first, second(channels))


def _one_of(first: Beside, second: Beside) -> Beside:
    """Return the first of two normalisations that says one; what the other says is told where it differs."""
    notes = (*first.notes, *second.notes)
    if first.preprocessing is None:
        opened = (*first.open, *second.open)
        protocol, unread = first.protocol or second.protocol, first.unread or second.unread
        return replace(second, protocol=protocol, notes=notes, open=opened, unread=unread)
    if second.preprocessing is None or nearly_equal(first.preprocessing, second.preprocessing):
        return replace(first, notes=notes)
    differs = differing_from(first.notes[0].partition(" are taken")[0], second.notes[0].partition(" are taken")[0])
    return replace(first, notes=notes, open=(*first.open, differs))


def _inert(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return a line on what a pickle names besides weights."""
    if not names:
        return ()
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (f"its pickle also names {', '.join(name[:60] for name in names[:5])}{more}: nothing of it was run",)


def _class_names(meta: Mapping[str, Any], stated: tuple[Stated, ...]) -> tuple[GivenNames, ...]:
    """Return the names of the classes, which mmsegmentation and many a training script write beside the weights."""
    data = meta.get("dataset_meta")
    given = given_names(data.get("classes") if isinstance(data, Mapping) else meta.get("CLASSES"))
    return (given,) if given is not None else names_among(stated)


def _palette(meta: Mapping[str, Any]) -> tuple[Color, ...] | None:
    """Return the colours of the classes, which mmsegmentation writes beside the weights."""
    data = meta.get("dataset_meta")
    given = data.get("palette") if isinstance(data, Mapping) else meta.get("PALETTE")
    if not isinstance(given, list | tuple):
        return None
    colors = [tuple(color) for color in given if isinstance(color, list | tuple) and len(color) == 3]
    whole = all(isinstance(value, int) and 0 <= value <= 255 for color in colors for value in color)
    return tuple(colors) if whole and len(colors) == len(given) > 0 else None


def _read_pair(encoder: Path, decoder: Path) -> Checkpoint:
    halves = {"encoder": _read_file(encoder), "decoder": _read_file(decoder)}
    tensors = {f"{half}.{name}": value for half, found in halves.items() for name, value in found.tensors.items()}
    notes = tuple(note for found in halves.values() for note in found.notes)
    meta: dict[str, Any] = {FOLDER: encoder.resolve().parent.name}
    if (config := encoder.with_name(PAIRS_CONFIG)).is_file():
        meta[PAIRS_CONFIG] = _read_yaml(config)
    return Checkpoint(tensors, f"{encoder} and {decoder.name}", notes, meta=meta)


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{path}: not readable as YAML ({reason_of(error)}); it says which encoder it is") from None


def _read_folder(folder: Path) -> Checkpoint:
    refuse_without_checkpoint(folder)
    if pair := pair_in(folder):
        return _read_pair(*pair)
    config = read_object(folder / "config.json") if (folder / "config.json").is_file() else None
    said = {"config.json": config} if config is not None else {}
    stated, meta, beside = stated_in(said), dict(said), read_beside(folder)
    names = given_names((config or {}).get("id2label"))
    name = next(one for one in WEIGHTS if (folder / one).is_file() or (folder / f"{one}.index.json").is_file())
    if (folder / name).is_file():
        found = _read_file(folder / name)
    else:
        index = folder / f"{name}.index.json"
        found = _network(_read_shards(index), index, unwrap=True)
    stated = (*found.stated, *stated)
    known = (names,) if names is not None else found.class_names or names_among(stated)
    return replace(
        found,
        class_names=known,
        meta={**found.meta, **meta},
        beside=partial(_first_said, beside, found.beside),
        stated=stated,
    )


def _read_shards(index: Path) -> dict[str, Tensor]:
    placed = placed_by(index)
    tensors: dict[str, Tensor] = {}
    for file in sorted(set(placed.values())):
        if file != os.path.basename(file) or not (index.parent / file).is_file():  # noqa: PTH119 - a name, not a path
            raise UserError(f"{index}: names {file[:80]}, which is no file beside it")
        for key, tensor in _read_file(index.parent / file, unwrap=False).tensors.items():
            if placed.get(key) != file:
                raise UserError(f"{index}: does not place '{key}' in {file}, but it is there; copy the folder again")
            tensors[key] = tensor
    if missing := [key for key in placed if key not in tensors]:
        raise UserError(f"{index}: places '{missing[0]}' in {placed[missing[0]]}, but it is not there")
    return tensors
