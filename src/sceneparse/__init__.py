"""sceneparse: scene parsing with PSPNet and UPerNet.

    import sceneparse

    parser = sceneparse.load("runs/my-recipe/model")
    parse = parser("street.jpg")
    parse.overlay().save("street_overlay.png")

The verbs of the command line have the same names here: `train`, `evaluate`, `diagnose`, `calibrate`, `compare`,
`predict`, `export`; `check_data` and `show_data` look at a data set. `load` makes a `Parser` of a model, which makes a
`Parse` of a picture; `read_recipe` and `build` are for your own code. What is wrong with a call is a `UserError`: one
line that says what, where, and what to do.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sceneparse.version import __version__ as __version__

if TYPE_CHECKING:
    from sceneparse.comparing import compare_runs as compare
    from sceneparse.datasets.show import show_data
    from sceneparse.diagnosing import calibrate_model as calibrate
    from sceneparse.diagnosing import diagnose_model as diagnose
    from sceneparse.doctor import check_data
    from sceneparse.errors import UserError
    from sceneparse.evaluation import evaluate_model as evaluate
    from sceneparse.exporting import export
    from sceneparse.parsing import Parse, Parser, load
    from sceneparse.parsing import predict_pictures as predict
    from sceneparse.recipes import read_recipe
    from sceneparse.training.loop import train
    from sceneparse.weights.build import build

# Imported when first used: torch takes seconds, and `sceneparse --help` must not wait for it.
_HOMES = {
    "Parse": ("sceneparse.parsing", "Parse"),
    "Parser": ("sceneparse.parsing", "Parser"),
    "UserError": ("sceneparse.errors", "UserError"),
    "build": ("sceneparse.weights.build", "build"),
    "calibrate": ("sceneparse.diagnosing", "calibrate_model"),
    "check_data": ("sceneparse.doctor", "check_data"),
    "compare": ("sceneparse.comparing", "compare_runs"),
    "diagnose": ("sceneparse.diagnosing", "diagnose_model"),
    "evaluate": ("sceneparse.evaluation", "evaluate_model"),
    "export": ("sceneparse.exporting", "export"),
    "load": ("sceneparse.parsing", "load"),
    "predict": ("sceneparse.parsing", "predict_pictures"),
    "read_recipe": ("sceneparse.recipes", "read_recipe"),
    "show_data": ("sceneparse.datasets.show", "show_data"),
    "train": ("sceneparse.training.loop", "train"),
}

__all__ = [
    "Parse",
    "Parser",
    "UserError",
    "build",
    "calibrate",
    "check_data",
    "compare",
    "diagnose",
    "evaluate",
    "export",
    "load",
    "predict",
    "read_recipe",
    "show_data",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sceneparse' has no attribute '{name}'")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    """Return the public names, those that nobody has asked for yet among them, and the rooms that are imported."""
    there = (name for name, value in globals().items() if name.startswith("__") or isinstance(value, ModuleType))
    return sorted({*__all__, *there})
