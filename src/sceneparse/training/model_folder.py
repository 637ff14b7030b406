"""Keep the model folder of a run: the network of the best validation so far, whole at any moment."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from sceneparse.errors import UserError
from sceneparse.files import whole_file
from sceneparse.training.averaging import WeightAverage, Weights, weights_sentence
from sceneparse.training.folder import RunFolder
from sceneparse.training.prepare import Prepared
from sceneparse.weights.card import model_card
from sceneparse.weights.config import ModelConfig, config_to_json
from sceneparse.weights.labels_file import labels_to_json
from sceneparse.weights.run_folder import MODEL, Taken, model_folder_of, model_taken
from sceneparse.weights.saving import Description, write_folder, write_weights


@dataclass(frozen=True)
class Best:
    """The best validation so far.

    Args:
        iteration: Iterations done then.
        metrics: Its figures, under the names of metrics.json.
        weights: The weights that it was of.
    """

    iteration: int
    metrics: dict[str, Any]
    weights: Weights

    @property
    def taken(self) -> Taken:
        """Which of the training's networks it is."""
        return Taken(self.iteration, float(self.metrics["mean_iou"]), self.weights == "average")


class ModelFolder:
    """The model folder of a run; the first process alone writes it.

    Its file of weights is the same file as that of the best network in checkpoints/, under a second name where the disk
    has such (a hard link): weights are written once.

    Args:
        prepared: The training.
        folder: Its run folder.
        average: The average of the weights that it keeps; None where it keeps none.
        say: Called with a line for the user.

    Attributes:
        path: The model folder.
    """

    def __init__(
        self, prepared: Prepared, folder: RunFolder, average: WeightAverage | None, say: Callable[[str], None]
    ) -> None:
        recipe, sizes = prepared.recipe, prepared.data.sizes
        self.path = folder.path / MODEL
        self._config = ModelConfig(
            recipe.name, recipe.backbone, recipe.network, recipe.preprocessing, recipe.protocol, recipe.data, sizes
        )
        self._prepared, self._checkpoints, self._average, self._say = prepared, folder.checkpoints, average, say
        there = model_folder_of(folder.path)
        self._holds = None if there is None else model_taken(folder.path, there)

    def says(self) -> dict[str, Any]:
        """Return what the model folder says beside the weights and the card, for checkpoints."""
        data = self._prepared.data
        return {"config": config_to_json(self._config), "labels": labels_to_json(data.labels, data.tasks)}

    def renew(self, best: Best, *, last: bool = False) -> None:
        """Write the folder, unless it holds this network already.

        Args:
            best: What it is to hold.
            last: Whether the training is over.

        Raises:
            UserError: The training is over, and the folder holds files that are no model's.
        """
        if self._holds == best.taken:
            return
        weights = self._checkpoints.best_file(best.iteration, best.taken.facts())
        try:
            self._write(best.metrics, best.weights, lambda path: _link(weights, path))
        except UserError as error:
            if last:
                raise
            # The training goes on: nothing is lost yet.
            self._say(f"note: {error}; the best network so far is {weights}")
            return
        self._holds = best.taken

    def write_unvalidated(self, state: Mapping[str, Tensor], iteration: int) -> None:
        """Write a network that was not validated, since there is no other.

        Args:
            state: Its state.
            iteration: Iterations done.
        """
        self._write(None, "live", lambda path: write_weights(path, state, Taken(iteration).facts()))

    def _write(self, metrics: Mapping[str, Any] | None, weights: Weights, put_weights: Callable[[Path], None]) -> None:
        data, split = self._prepared.data, self._prepared.recipe.data.val
        sentence = None if metrics is None else weights_sentence(self._average, weights, split)
        card = model_card(self._config, data.labels, metrics, weights=sentence)
        write_folder(self.path, Description(self._config, data.labels, data.tasks, card), put_weights)


def _link(source: Path, path: Path) -> None:
    """Give a file a second name, or copy it where the disk has no such names."""
    try:
        os.link(source, path)
    except OSError:
        with whole_file(path) as temporary:
            shutil.copyfile(source, temporary)
