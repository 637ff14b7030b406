"""What a model folder holds, and what its config.json says."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sceneparse.errors import UserError, reason_of
from sceneparse.files import write_json
from sceneparse.recipes import from_mapping, to_mapping
from sceneparse.recipes.earlier import without_ignored
from sceneparse.settings import (
    BackboneSettings,
    ClassSettings,
    DataSettings,
    LearntSizes,
    NetworkSettings,
    PreprocessingSettings,
    ProtocolSettings,
    Temperatures,
)

CONFIG, WEIGHTS, LABELS, CARD = "config.json", "model.safetensors", "labels.json", "README.md"
FILES = (CONFIG, WEIGHTS, LABELS, CARD)
"""The files of a model folder."""

TEMPERATURES = "temperatures"
"""Under which config.json has the temperatures of a calibrated model."""

FORMAT = 1
"""The version of the model folder that this package writes and reads."""


@dataclass(frozen=True)
class ModelConfig:
    """What a model is, apart from its weights and classes.

    Args:
        name: The recipe's name.
        backbone: The feature extractor.
        network: The network on top of it.
        preprocessing: What the network sees of a picture.
        protocol: How it is tested unless another protocol is asked for.
        data: What it was trained on.
        sizes: The sizes of the pictures that it learnt from.
        temperatures: What its logits are divided by before they become probabilities.
    """

    name: str
    backbone: BackboneSettings
    network: NetworkSettings
    preprocessing: PreprocessingSettings
    protocol: ProtocolSettings
    data: DataSettings
    sizes: LearntSizes = field(default_factory=LearntSizes)
    temperatures: Temperatures = field(default_factory=Temperatures)

    def portable(self) -> "ModelConfig":
        """Leave out what holds only where the model was trained: paths, where its weights came from, what learnt."""
        # Here, since reading a config.json must not wait for PyTorch.
        from sceneparse.networks.backbones import usual_padding

        padding = self.backbone.padding or usual_padding(self.backbone.name)
        backbone = dataclasses.replace(self.backbone, weights=None, padding=padding, frozen="none")
        return dataclasses.replace(
            self,
            backbone=backbone,
            data=dataclasses.replace(self.data, root=None, classes=_portable(self.data.classes)),
        )


def config_to_json(config: ModelConfig) -> dict[str, Any]:
    """Return the content of config.json: the settings, without paths of the machine that trained the model."""
    settings = to_mapping(config.portable())
    # What came later than the first model folders is left out where it says nothing: earlier versions read these, too.
    for name, known in (("sizes", config.sizes.known), (TEMPERATURES, config.temperatures.known)):
        if not known:
            del settings[name]
    return {"format": FORMAT, **settings}


def write_config(path: Path, config: ModelConfig) -> None:
    """Write config.json."""
    write_json(path, config_to_json(config))


def read_config(path: Path) -> ModelConfig:
    """Read config.json.

    Raises:
        UserError: Not JSON, another format version, or settings that are missing, unknown or wrong.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: not readable as JSON ({reason_of(error)})") from None
    config = config_from_json(value, str(path))
    if config.data.classes.file != LABELS:
        return config
    classes = dataclasses.replace(config.data.classes, file=str(path.with_name(LABELS)))
    return dataclasses.replace(config, data=dataclasses.replace(config.data, classes=classes))


def refuse_irreplaceable(folder: Path) -> None:
    """Refuse to write a model folder where something else is.

    Args:
        folder: Where it would go.

    Raises:
        UserError: There is a file, or a folder that holds more than a model.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder}: a file is in the way of the model folder; choose another name")
    if others := [path.name for path in folder.iterdir() if path.name not in FILES]:
        raise UserError(f"{folder}: holds more than a model ({min(others)}), so it isn't replaced; choose another name")


def _portable(classes: ClassSettings) -> ClassSettings:
    """Return settings of classes without the path of a file."""
    # The classes of whoever trained it are those of the file beside config.json, unless they became others, or are
    # drawn otherwise than masks that hold colours have them.
    known = LABELS if classes.file and not classes.renames() and not classes.colors else None
    return dataclasses.replace(classes, file=known)


def config_from_json(value: Any, where: str) -> ModelConfig:
    """Make settings of the content of a config.json, maybe one that an earlier version wrote.

    Args:
        value: The content.
        where: What it was read from, for messages.

    Raises:
        UserError: Another format version, or settings that are missing, unknown or wrong.
    """
    if not isinstance(value, dict):
        raise UserError(f"{where}: not the config.json of a model folder")
    settings = dict(value)
    version = settings.pop("format", None)
    if version != FORMAT:
        raise UserError(
            f"{where}: model format {version}, but this sceneparse reads format {FORMAT}; update sceneparse"
        )
    names = [one.name for one in dataclasses.fields(ModelConfig) if one.default_factory is dataclasses.MISSING]
    if missing := [name for name in names if name not in settings]:
        raise UserError(f"{where}: '{missing[0]}' is missing; the file is not whole")
    return from_mapping(ModelConfig, without_ignored(settings), where)
