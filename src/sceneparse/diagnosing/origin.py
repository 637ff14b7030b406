"""What is known of how a model came about: its recipe, and the record of its training."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from sceneparse.arguments import nested
from sceneparse.diagnosing.history import History
from sceneparse.drawing import curves
from sceneparse.errors import UserError, counted
from sceneparse.recipes import read_recipe
from sceneparse.settings import DataSettings, Recipe
from sceneparse.tasks import Task
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.run_folder import METRICS, RECIPE, State, run_around, run_facts, state_of


@dataclass(frozen=True)
class Seen:
    """How much a training has seen.

    Args:
        iterations: Iterations done.
        batch: Pictures in each.
        samples: The training pictures that there are.
    """

    iterations: int
    batch: int
    samples: int

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Seen | None":
        """Read what run.json says; None where it does not."""
        found = [facts.get(name) for name in ("iteration", "batch", "training_samples")]
        numbers = [one for one in found if isinstance(one, int) and one > 0]
        return cls(*numbers) if len(numbers) == len(found) else None

    @property
    def passes(self) -> float:
        """How often each training picture was seen, on average."""
        return self.iterations * self.batch / self.samples

    def of_passes(self, passes: int) -> int:
        """Return how many iterations show each training picture so often."""
        return -(-passes * self.samples // self.batch)


@dataclass(frozen=True)
class Origin:
    """What is known of how a model came about.

    Args:
        recipe: Its recipe; where that is not known one of the model's own settings, all others at their defaults.
        known: Whether it is.
        run: The run folder that it lies in; None for a model elsewhere.
        state: Whether that training goes on.
        history: What its record says; None without one.
        seen: How much it has seen of its training pictures; None where that is not known.
        short: The usual short side of the pictures that it learnt from; None where that is not known.
        temperature: What the model's logits are divided by before they become probabilities of its classes.
        note: What could not be read, and why.
        test: The command that tests the model on the same data.
    """

    recipe: Recipe
    known: bool = False
    run: Path | None = None
    state: State = "unknown"
    history: History | None = None
    seen: Seen | None = None
    short: int | None = None
    temperature: float = 1.0
    note: str = ""
    test: str = "sceneparse evaluate MODEL"

    @classmethod
    def of(cls, source: str | Path, config: ModelConfig) -> "Origin":
        """Find out what is known of a model.

        Args:
            source: What a command was given: of a run folder, a model folder in one, or a checkpoint in one, the
                training's record is read.
            config: The model's settings.
        """
        usual = anything().recipe
        own = cls(
            replace(usual, backbone=config.backbone, network=config.network, preprocessing=config.preprocessing),
            short=config.sizes.short,
            temperature=config.temperatures.of(Task.OBJECT),
        )
        run = run_around(Path(source))
        if run is None:
            return own
        history = History.of(curves.read(run / METRICS))
        own = replace(own, run=run, state=state_of(run), history=history, seen=Seen.of(run_facts(run)))
        try:
            return replace(own, recipe=read_recipe(run / RECIPE), known=True)
        except UserError as error:
            return replace(own, note=str(error))

    def to_json(self) -> dict[str, Any] | None:
        """Return what is known of the training for diagnosis.json; null where nothing is."""
        if self.run is None or self.history is None:
            return None
        return {"run": str(self.run), "state": self.state, **self.history.to_json()}

    def describe(self) -> str:
        """Describe in a few words what is known of the training; empty where nothing is."""
        if self.run is None or self.history is None:
            return ""
        stood = {"going": "goes on", "ended": "has ended", "failed": "failed", "interrupted": "was interrupted"}
        known = [str(self.run), stood.get(self.state, ""), counted(self.history.validations, "validation")]
        text = ", ".join(filter(None, known))
        return f"{text}; its recipe is not known ({self.note})" if self.note else text

    def accepts(self, settings: Mapping[str, Any]) -> bool:
        """Return whether settings (by their dotted names) would change the recipe into another that holds together."""
        try:
            return bool(_changed(self.recipe, nested(settings)) != self.recipe)
        except UserError:
            return False


def anything() -> Origin:
    """Return the origin of a model of which nothing is known."""
    return Origin(Recipe(data=DataSettings(kind="toyworld")))


def _changed(settings: Any, changes: Mapping[str, Any]) -> Any:
    """A settings object with others, all of a group at once.

    Raises:
        UserError: They do not hold together.
    """
    inside = {item.name: getattr(settings, item.name) for item in fields(settings)}
    values = {
        name: _changed(inside[name], value) if is_dataclass(inside[name]) else value for name, value in changes.items()
    }
    return replace(settings, **values)
