"""Write down a training while it runs: its figures, its checkpoints and its best model so far."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from torch import Tensor

from sceneparse.arguments import argument
from sceneparse.data.batch import Batch
from sceneparse.data.device_augment import Windows
from sceneparse.data.feeding import on_device
from sceneparse.data.workers import loader_workers
from sceneparse.errors import UserError, counted
from sceneparse.evaluation.figures import FIGURES
from sceneparse.training.announcing import headline, notes_on_data
from sceneparse.training.averaging import WeightAverage, Weights
from sceneparse.training.budget import Overtime
from sceneparse.training.checkpoint import Checkpoint
from sceneparse.training.failure import explain, save_failure
from sceneparse.training.folder import RunFolder, Stopwatch
from sceneparse.training.init.outdone import not_better
from sceneparse.training.model_folder import Best, ModelFolder
from sceneparse.training.patience import Patience
from sceneparse.training.prepare import Prepared
from sceneparse.training.progress import ProgressLine, TrainingStopped
from sceneparse.training.record import Average
from sceneparse.training.run import write_run
from sceneparse.training.schedules.kind import learning_rate
from sceneparse.training.sharding import whole
from sceneparse.training.step import Step
from sceneparse.training.validation import network_with, recorded, validate, worth
from sceneparse.training.waiting import DeviceIdle, Waits, advice
from sceneparse.weights.run_folder import Taken
from sceneparse.weights.trained import described, resume_command


@dataclass
class _Pace:
    """Pictures, and the seconds that their steps took and waited for them, since the training went on."""

    pictures: int = 0
    seconds: float = 0.0
    waited: float = 0.0

    def since(self, before: "_Pace") -> float:
        """Return the pictures a second since an earlier state of it."""
        return (self.pictures - before.pictures) / max(self.seconds - before.seconds, 1e-9)


@dataclass
class Keeper:
    """Writes figures, checkpoints and the model into the run folder, and progress to the terminal.

    All processes call its methods alike; the first of them writes.

    Args:
        prepared: The training.
        folder: Its run folder.
        progress: What the person sees.
        watch: The time that it takes.
        losses: The names of the losses, as metrics.jsonl has them.
        average: The moving average of the weights; None where none is kept.

    Attributes:
        patience: Whether the training ends for want of a better score.
        idle: How long the device has no work between steps.
    """

    prepared: Prepared
    folder: RunFolder
    progress: ProgressLine
    watch: Stopwatch
    losses: Sequence[str]
    average: WeightAverage | None = None
    _pace: _Pace = field(default_factory=_Pace)

    def __post_init__(self) -> None:
        checkpoint, settings = self.prepared.checkpoint, self.prepared.recipe.training
        self._done = self.prepared.start
        self._losses = Average(checkpoint.recent if checkpoint else {})
        self._line = _Pace()  # as it was at the last line of metrics.jsonl
        self._best: Best | None = None
        if checkpoint and checkpoint.best_iteration is not None and checkpoint.best_metrics is not None:
            self._best = Best(checkpoint.best_iteration, checkpoint.best_metrics, checkpoint.best_weights)
        self._model = ModelFolder(self.prepared, self.folder, self.average, self.progress.say)
        self.patience = Patience(settings.patience, settings.min_delta, **(checkpoint.patience if checkpoint else {}))
        self._overtime = Overtime((self.folder.facts.get("budget") or {}).get("minutes"))
        device, data = self.prepared.compute.fabric.device, self.prepared.recipe.data
        workers = self.prepared.loader_workers
        self._waits = Waits(advice(data, device.type, workers, loader_workers("auto", device.type)))
        self.idle = DeviceIdle(device)

    @property
    def _first(self) -> bool:
        return self.prepared.compute.processes.first

    def announce(self) -> None:
        """Say what is trained, and on what."""
        prepared, world = self.prepared, self.prepared.compute.processes.world
        if prepared.started is not None:
            self.progress.say(prepared.started.heading())
            self.progress.show(prepared.started.table())
            for line in prepared.started.lines():
                self.progress.say(line)
        self.progress.say(headline(prepared, self.folder.facts))
        for note in notes_on_data(prepared):
            self.progress.say(f"note: {note}")
        checkpoint = prepared.checkpoint
        if checkpoint and checkpoint.processes != world:
            self.progress.say(
                f"it began in {counted(checkpoint.processes, 'process', 'processes')}: the steps in {world} "
                "are the same but for rounding, not bit by bit"
            )

    def log(self, step: Step, seconds: float, waited: float) -> None:
        """Show a step, and write a line of metrics.jsonl where one is due.

        Args:
            step: The step.
            seconds: How long it took, with the wait for its batch.
            waited: How long it waited for its batch.
        """
        settings = self.prepared.recipe.training
        done = self._done = step.iteration + 1
        self._losses.add({name: step.losses[name] for name in step.labelled})
        self._pace.pictures += settings.pictures
        self._pace.seconds += seconds
        self._pace.waited += waited
        self._waits.add(seconds, waited)
        due = done % settings.log_every == 0 or done == settings.iterations
        speed = self._pace.since(self._line)
        self.progress.step(done, self._losses.mean("loss"), step.rate, speed, self._waits.recent, line=due)
        if due:
            self._write_losses()
            self._tell_brake(end=False)
        if late := self._overtime.line(self.watch.seconds(), settings.iterations - done):
            self.progress.say(late)

    def _write_losses(self) -> None:
        """Write a line of metrics.jsonl with the losses since the last one."""
        recipe, speed = self.prepared.recipe, self._pace.since(self._line)
        self._line = replace(self._pace)
        means = self._losses.take(self.losses)
        times = self._waits.times(self.idle.take())
        if self.folder.record:
            rate = learning_rate(self._done - 1, recipe.training.iterations, recipe.optimizer)
            values = {**means, "lr": rate, "images_per_second": speed, **times}
            self.folder.record.write("train", self._done, {**values, "seconds": self.watch.seconds()})

    def _tell_brake(self, *, end: bool) -> None:
        """Say so where steps wait for their pictures."""
        if line := self._waits.line(end=end):
            self.progress.say(line)

    def fail(self, step: Step, batch: Batch | Windows) -> NoReturn:
        """Keep a step whose loss is not finite, and end the training.

        Args:
            step: The step.
            batch: What it trained on.

        Raises:
            UserError: Always.
        """
        prepared, precision = self.prepared, self.prepared.compute.precision
        device = prepared.compute.fabric.device
        batch = on_device(batch, device, prepared.recipe.augmentation).mapped(Tensor.cpu)
        facts = {"loss": step.total, "lr": step.rate, "precision": precision}
        kept = save_failure(
            self.folder.path,
            batch,
            whole(prepared.learner.network.state_dict()),
            iteration=step.iteration,
            step_seed=step.seed,
            rank=prepared.compute.processes.rank,
            facts=facts | {"accumulate": prepared.recipe.training.accumulate},
        )
        if self._first:
            write_run(self.folder.path, "failed", {**self.folder.facts, "iteration": step.iteration})
        raise UserError(explain(batch, step.iteration + 1, kept, precision))

    def validate(self, done: int) -> None:
        """Score the weights that learn, and their average, on the validation split; keep the best network so far.

        Args:
            done: Iterations done.
        """
        found: dict[Weights, dict[str, Any]] = {"live": self._scored(None)}
        if self.average is not None:
            found["average"] = self._scored(self.average)
        for weights, metrics in found.items():
            self._tell(done, weights, metrics)
        best = max(found, key=lambda weights: worth(found[weights]))
        if self._best is None or worth(found[best]) > worth(self._best.metrics):
            self._best = Best(done, found[best], best)
            average = self.average if best == "average" else None
            network = self.prepared.learner.network
            state = whole(network.state_dict()) if average is None else average.network_state()
            if self._first:
                self.folder.checkpoints.save_best(state, done, self._best.taken.facts())
        self.patience.note(worth(found[best]))
        if self.patience.over and self._losses.sums:  # no step comes whose line would have them
            self._write_losses()

    def _scored(self, average: WeightAverage | None) -> dict[str, Any]:
        prepared = self.prepared
        with self.progress.paused(), network_with(prepared, average) as network:
            return validate(
                network,
                prepared.data,
                prepared.recipe,
                prepared.compute,
                progress=self._first and self.progress.console.is_terminal,
            )

    def _tell(self, done: int, weights: Weights, metrics: dict[str, Any]) -> None:
        """Show a validation, and write its line of metrics.jsonl: that of the average is a kind of its own."""
        headlines = {"mean_iou": metrics["mean_iou"], **metrics.get("headlines", {})}
        scores = [(FIGURES[key].title, FIGURES[key].with_unit(value)) for key, value in headlines.items()]
        of = "" if weights == "live" else " of the average"
        said = ", ".join(f"{title}{of} {value}" for title, value in scores)
        self.progress.say(f"iteration {done}  {said}  ({metrics['protocol']})")
        if self.folder.record:
            kind = "validation" if weights == "live" else "validation_average"
            self.folder.record.write(kind, done, {**recorded(metrics), "seconds": self.watch.seconds()})

    def save_checkpoint(self, done: int, *, validation_due: bool = False) -> None:
        """Write a checkpoint, and after it the model folder if there is a better network than it has.

        In this order a model is never newer than the newest checkpoint.

        Args:
            done: Iterations done.
            validation_due: Whether the network is to be validated before the next iteration.
        """
        learner, compute = self.prepared.learner, self.prepared.compute
        network, optimizer = whole(learner.network.state_dict()), whole(learner.optimizer.state_dict())
        average = self.average.state() if self.average is not None else None
        if self.folder.record:
            self.folder.checkpoints.save(
                Checkpoint(
                    iteration=done,
                    network=network,
                    optimizer=optimizer,
                    scaler=compute.fabric.strategy.precision.state_dict(),
                    precision=compute.precision,
                    samples=len(self.prepared.data.training),
                    metrics_bytes=self.folder.record.length,
                    seconds=self.watch.seconds(),
                    recent=self._losses.sums,
                    best_iteration=self._best.iteration if self._best else None,
                    best_metrics=self._best.metrics if self._best else None,
                    processes=compute.processes.world,
                    best_weights=self._best.weights if self._best else "live",
                    average=average,
                    patience=self.patience.state(),
                    ended=self.patience.over,
                    validation_due=validation_due,
                    model=self._model.says(),
                )
            )
        self.renew_model()

    def renew_model(self) -> None:
        """Write the model folder, if it isn't that of the best network so far."""
        if self._first and self._best is not None:
            self._model.renew(self._best)

    def stop(self, done: int) -> NoReturn:
        """End the training early, as a person asked; a checkpoint must have been written.

        Args:
            done: Iterations done.

        Raises:
            TrainingStopped: Always.
        """
        best, prepared = self._best, self.prepared
        state = whole(prepared.learner.network.state_dict()) if best is None else {}
        if self._first:
            if best is None:
                self._model.write_unvalidated(state, done)
            write_run(self.folder.path, "stopped", {**self.folder.facts, "iteration": done})
        said = described(Taken(done) if best is None else best.taken)
        model = "there was no validation yet; its model" if best is None else "the best model so far"
        self.progress.say(f"stopped after iteration {done}; {model}: {self._model.path} ({said})")
        resume = argument("resume", True, option="--resume")
        # What started several processes is for whoever started them to say again.
        alone = prepared.compute.processes.world == 1
        self.progress.say(
            f"to go on: {resume_command(self.folder.path) if alone else f'the same command with {resume}'}"
        )
        raise TrainingStopped(f"stopped after iteration {done}; {resume} goes on from here")

    def finish(self) -> None:
        """Write the model folder, if need be, and what the training came to."""
        if not self.folder.record:
            return
        self._tell_brake(end=True)
        self.folder.record.close()
        recipe, best = self.prepared.recipe, self._best
        assert best is not None
        iteration, metrics, out = best.iteration, best.metrics, self._model.path
        self._model.renew(best, last=True)
        pace, early = self._pace, self.patience.over and self._done < recipe.training.iterations
        results = {
            "iteration": self._done,
            "ended_by": "patience" if early else "iterations",
            "seconds": round(self.watch.seconds(), 1),
            "images_per_second": round(pace.pictures / pace.seconds, 2) if pace.pictures else None,
            "wait": round(pace.waited / pace.seconds, 4) if pace.pictures else None,
            "best_iteration": iteration,
            "best_weights": best.weights,
            "best_mean_iou": metrics["mean_iou"],
            **{f"best_{name}": value for name, value in metrics.get("headlines", {}).items()},
            "protocol": metrics["protocol"],
        }
        write_run(self.folder.path, "finished", self.folder.facts | results)
        if early:
            self.progress.say(
                f"ended after iteration {self._done} of {recipe.training.iterations}: "
                f"{counted(self.patience.waited, 'validation')} without a better score (training.patience)"
            )
        if took := self._overtime.ended(self.watch.seconds()):
            self.progress.say(took)
        of = " of the averaged weights" if best.weights == "average" else ""
        score = FIGURES["mean_iou"].with_unit(metrics["mean_iou"])
        self.progress.say(f"best mean IoU{of} {score} after iteration {iteration}: {out}")
        if line := not_better(self.prepared, self.folder.path, metrics):
            self.progress.say(f"note: {line}")
