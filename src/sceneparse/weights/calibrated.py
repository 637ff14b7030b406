"""The temperatures in a model folder: where they can be kept, and how they get there and away again."""

import json
import shlex
from pathlib import Path
from typing import Any

from sceneparse.errors import UserError, reason_of
from sceneparse.files import write_json, write_text
from sceneparse.recipes import to_mapping
from sceneparse.settings import ProtocolSettings, Temperatures
from sceneparse.settings.engine import is_exported
from sceneparse.weights.card import with_confidence
from sceneparse.weights.config import CARD, CONFIG, TEMPERATURES, read_config
from sceneparse.weights.finding import refuse_missing
from sceneparse.weights.foreign import is_foreign
from sceneparse.weights.run_folder import model_folder_of, named, run_around, run_folder, state_of


def folder_to_calibrate(source: str | Path) -> Path:
    """Return the model folder that a source names, in which temperatures can be kept.

    Args:
        source: A model folder of sceneparse's, or the run folder of a training.

    Raises:
        UserError: There is no such model, it is none of these, its training goes on, or its card is not text.
    """
    path = named(Path(source))
    if is_exported(path):
        raise UserError(f"{source}: an exported file stays what it is: calibrate its model folder, and export that")
    refuse_missing(source)
    if not path.exists():
        raise _not_here(source, "it is a name, under which other machines fetch it as it was")
    run = run_folder(path)
    if path.is_file() or (run is not None and run != path):
        raise UserError(f"{source}: a checkpoint keeps no temperatures: give its run folder or a model folder")
    if run is None:
        run = run_around(path)
    if run is None:
        if is_foreign(path):
            raise _not_here(source, "its config.json is another library's")
        _card_of(path)  # refused now, not after all pictures were scored
        return path
    folder = model_folder_of(run)
    if folder is None:
        raise UserError(f"{source}: this training has written no model yet")
    if state_of(run) in ("going", "unknown"):
        raise UserError(
            f"{source}: its training has not ended, and a better model would take the place of the one that is "
            "calibrated: wait for its end, or copy its model folder"
        )
    _card_of(folder)
    return folder


def refuse_crf(model: str | Path, protocol: ProtocolSettings) -> None:
    """Refuse to calibrate a model whose labels are those of a CRF.

    Args:
        model: What the command was given for it.
        protocol: Its protocol.

    Raises:
        UserError: They are.
    """
    if protocol.crf:
        raise UserError(f"{model}: its protocol has a CRF, whose probabilities are its own: they have no temperature")


def _not_here(source: str | Path, why: str) -> UserError:
    return UserError(
        f"{source}: temperatures are kept in a model folder of sceneparse's on this machine, and this is none ({why}): "
        f"make one by 'sceneparse import {shlex.quote(str(source))} --out MODEL'"
    )


def _card_of(folder: Path) -> str | None:
    """Return the text of a model folder's card; None without one.

    Raises:
        UserError: It is not text in UTF-8.
    """
    path = folder / CARD
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as text ({reason_of(error)}); restore or remove it") from None


def reset_temperatures(folder: Path) -> str:
    """Take a model folder's temperatures away, if there are any; return what was done.

    Raises:
        UserError: config.json is damaged.
    """
    if not read_config(folder / CONFIG).temperatures.known:
        return "has no temperatures, so that there are none to take away"
    keep_temperatures(folder, Temperatures())
    return "the temperatures are gone: probabilities are those of the logits as they are"


def keep_temperatures(folder: Path, temperatures: Temperatures) -> None:
    """Write temperatures into a model folder's config.json, and into its model card; all else in them stays as it is.

    Args:
        folder: The model folder.
        temperatures: What is to be known from now on; without any, the file says nothing of them.

    Raises:
        UserError: config.json is damaged, or the card is not text in UTF-8; nothing was written.
    """
    path = folder / CONFIG
    read_config(path)
    card = _card_of(folder)
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as JSON ({reason_of(error)})") from None
    value.pop(TEMPERATURES, None)
    if temperatures.known:
        value[TEMPERATURES] = to_mapping(temperatures)
    write_json(path, value)
    if card is not None and (changed := with_confidence(card, temperatures)) != card:
        write_text(folder / CARD, changed)
