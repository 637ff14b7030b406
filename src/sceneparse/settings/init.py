"""Settings of the start: a model that a training goes out from."""

import re
from dataclasses import dataclass, field, fields
from typing import Literal

from sceneparse.arguments import argument
from sceneparse.errors import UserError, require
from sceneparse.settings.types import PATH, check_types

Adopt = Literal["unseen", "all", "none"]


@dataclass(frozen=True)
class InitSettings:
    """The model that a training starts from: what fits is taken, classes are matched by their names.

    Args:
        model: A run folder, a model folder, the file of a published checkpoint, or a name by which other commands take
            a model too. Null starts anew. It fills the backbone, so that backbone.weights must be null.
        classes: Which class of the model a class starts from, by the class's name, where names don't tell; null makes
            it new. Equal names and the alternatives in a name ("sidewalk;pavement") are matched without it.
        classes_file: A YAML or JSON file with such a mapping; `classes` wins over it.
        adopt: Which settings of backbone, network and preprocessing are the model's where the recipe leaves them at
            their defaults: those that the shapes of the weights don't show, such as align_corners, dilation and mean
            (unseen), every one (all), or none. Whatever differs is named.
        sha256: What the model's SHA-256 must be. Null takes any; the run folder's recipe says which it was.
    """

    model: str | None = field(default=None, metadata=PATH)
    classes: dict[str, str | None] = field(default_factory=dict, hash=False)
    classes_file: str | None = field(default=None, metadata=PATH)
    adopt: Adopt = "unseen"
    sha256: str | None = None

    def __post_init__(self) -> None:
        check_types(self, "init")
        if self.model is None:
            for item in fields(self):
                default = {} if item.name == "classes" else item.default
                if getattr(self, item.name) != default:
                    raise UserError(
                        f"init.{item.name} has no effect, since init.model is null: name a model "
                        f"({argument('init.model', option='--init')})"
                    )
        require(self.model != "", "init.model is empty: name a model, or null")
        require(
            self.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", self.sha256) is not None,
            f"init.sha256 is {self.sha256!r}, but must be 64 hexadecimal digits in small letters, or null",
        )
        for new, old in self.classes.items():
            refuse_several(new, old)
            require(
                old is None or isinstance(old, str),
                f"init.classes gives '{new}' the class {old!r}, but must give a class's name, or null",
            )


def refuse_several(new: str, old: object) -> None:
    """Refuse a list of a model's classes where a class is to start from one of them.

    Args:
        new: The class of the data.
        old: What it is given.

    Raises:
        UserError: It is given several classes, or one in a list.
    """
    if isinstance(old, list | tuple) and old:
        raise UserError(
            f"init.classes gives '{new}' a list, but a class starts from one class of the model: name that alone, such "
            f"as {argument('init.classes', {new: old[0]})}"
        )
