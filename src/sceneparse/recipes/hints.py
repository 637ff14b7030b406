"""What is probably meant by a setting of another package's, and by a value in place of a group of settings."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from sceneparse.arguments import argument
from sceneparse.tables import table

GIVEN = "given settings"
"""How messages call what wins over a file."""

ELSEWHERE = {
    ("epochs", "max_epochs", "num_epochs", "n_epochs", "train_epochs"): (
        "a training's length is counted in <training.iterations>, or given in <training.minutes>"
    ),
    ("max_iters", "num_iters", "iters", "max_steps", "num_steps", "steps"): "<training.iterations>",
    ("batch_size", "batchsize", "bs", "train_batch_size", "samples_per_gpu"): "<training.batch>",
    ("learning_rate", "lr0", "base_lr", "init_lr"): "<optimizer.lr>",
    ("imgsz", "img_size", "image_size", "input_size", "crop_size"): (
        "a training learns from crops of the size <augmentation.crop>; pictures are tested at <protocol.size>"
    ),
    ("num_workers", "workers_per_gpu"): "<data.workers>",
    ("gpu", "gpus", "gpu_id", "gpu_ids"): "<training.device>",
    ("encoder", "encoder_name"): "<backbone.name>",
    ("encoder_weights", "pretrained"): (
        "the backbone starts from <backbone.weights>, the whole network from the model <init.model>"
    ),
    ("load_from", "checkpoint"): "<init.model>",
    ("arch", "decoder", "decode_head"): "<network.architecture>",
    ("nc", "num_classes", "n_classes"): (
        "the classes are those of the data set, of its classes.json or its kind; <data.classes.merge> and "
        "<data.classes.drop> change them"
    ),
    ("amp", "half", "fp16", "mixed_precision"): "<training.precision>",
    ("scheduler", "lr_scheduler", "lr_schedule", "cos_lr", "lr_policy"): "<optimizer.schedule>",
    ("warmup_iters", "warmup_steps", "warmup_epochs"): "<optimizer.warmup>, in iterations",
    ("work_dir", "save_dir", "save_path", "exist_ok"): "the run folder is no setting: it is given by {out}",
    ("val_interval", "eval_interval", "val_freq"): "<training.validate_every>",
    ("save_interval", "save_period"): "<training.checkpoint_every>",
}
"""What Ultralytics, MMSegmentation and segmentation_models_pytorch call settings, and which are meant."""

MEANT = {
    "data": "root",
    "data.classes": "file",
    "backbone": "name",
    "network": "architecture",
    "init": "model",
    "augmentation": "crop",
    "optimizer": "kind",
    "loss": "kind",
    "training": "iterations",
    "tracking": "trackers",
    "protocol": "name",
}
"""The setting of a group that is most likely meant where the group itself is given a value."""


def called_elsewhere(key: str, known: Collection[str], dashes: str) -> str | None:
    """Return what is meant by a setting that other packages have; None of any other.

    Args:
        key: The dotted key.
        known: The settings that there are.
        dashes: What precedes names where it stands.
    """
    leaf = str(key).rpartition(".")[2].replace("-", "_").lower()
    for words, text in ELSEWHERE.items():
        if leaf in words and set(re.findall("<(.*?)>", text)) <= set(known):
            shown = re.sub("<(.*?)>", rf"'{dashes}\1'", text).replace("{out}", argument("out"))
            return f"did you mean {shown}?" if text.startswith("<") else shown
    return None


def of_group(group: str, value: Any, known: Collection[str], where: str, *, typed: bool = False) -> str:
    """Say that a group of settings is given a value, and how the one that is most likely meant is given.

    Args:
        group: Its dotted name.
        value: The value.
        known: The settings that there are.
        where: Where it stands.
        typed: Whether that is the command line.
    """
    said = f"{where}: {group} is {value!r}, but it is a group: give its settings"
    inside = next(name for name in known if name.startswith(f"{group}."))
    name = f"{group}.{MEANT[group]}" if f"{group}.{MEANT.get(group)}" in known else inside
    if group == "data" and isinstance(value, str) and value in table("datasets") and not Path(value).is_dir():
        name = "data.kind"
    if typed:
        return f"{said}, such as {argument(name, value)}"
    value = str(value) if isinstance(value, Path) else value
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    first, *others = name.split(".")
    for part in reversed(others):
        value = {part: value}
    if where == GIVEN:
        return f"{said} in a mapping" + (f", such as {first}={value!r}" if plain else "")
    example = yaml.safe_dump({first: value}, default_flow_style=True, width=1000).strip()[1:-1] if plain else ""
    return f"{said} below it" + (f", such as {example}" if plain else "")
