"""The training loop."""

import json
import math
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from sceneparse.data import DataSet
from sceneparse.data.loader import training_batches
from sceneparse.data.sample import tasks_of
from sceneparse.datasets import open_dataset
from sceneparse.errors import UserError
from sceneparse.files import write_json, write_text
from sceneparse.inference import resolve
from sceneparse.networks import SceneParser, normalize
from sceneparse.networks.shared_batch import share_batch
from sceneparse.processes import Processes, leads
from sceneparse.recipes import read_recipe, to_yaml
from sceneparse.settings import Recipe
from sceneparse.training.checkpoint import Checkpoint, Checkpoints
from sceneparse.training.failure import explain, save_failure
from sceneparse.training.losses.cross_entropy import fixed_weights, median_frequency_weights
from sceneparse.training.losses.tasks import Amounts, Targets
from sceneparse.training.optimizer import build_optimizer, learning_rate, set_learning_rate
from sceneparse.training.progress import ProgressLine, StopRequest, TrainingStopped
from sceneparse.training.recipe_losses import Lesson
from sceneparse.training.record import Average, Record
from sceneparse.training.run import MODEL, RECIPE, is_finished, open_run, write_run
from sceneparse.training.sharding import is_sharded, load_optimizer, whole
from sceneparse.training.start import StrategyName, device_name, refuse_different_folders, start_fabric
from sceneparse.training.validation import validate, worth
from sceneparse.weights.build import build
from sceneparse.weights.card import model_card
from sceneparse.weights.config import ModelConfig
from sceneparse.weights.model import Model, save_model
from sceneparse.weights.pretrained import load_backbone, resolve_padding
from sceneparse.weights.tasks import learnt_tasks, settled


def train(
    recipe: Recipe | str | Path,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    strategy: StrategyName = "auto",
) -> Path:
    """Train a network by a recipe, from start to end or from where it stopped.

    The run folder gets recipe.yaml (all settings), metrics.jsonl and tensorboard/ (curves), checkpoints/, run.json (how
    it went, on what) and at the end model/: the network of the best validation.

    On the CPU a training gives the same bits whatever number of workers it has and however often it was stopped or
    killed and resumed. Started in several processes (`sceneparse train --devices N`, torchrun, srun), all of them call
    this, and each takes its share of every batch: the steps are the same, but for rounding.

    Args:
        recipe: What to train on what: a recipe, or the name or file of one.
        out: The run folder; None is runs/<the recipe's name>.
        resume: Go on from the newest checkpoint; from the beginning if there is none.
        strategy: How several processes hold the network: each the whole of it (ddp, and auto), or a part of its weights
            (fsdp), for networks too large for one device.

    Returns:
        The run folder.

    Raises:
        UserError: The run folder holds another training, the data or the settings don't fit, or the loss is not finite
            any more (then the step is kept in failure/).
        TrainingStopped: Ctrl-C or SIGTERM; a checkpoint was written.
    """
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    out = Path(out or Path("runs") / recipe.name)
    began = time.monotonic()
    recipe, checkpoint = open_run(recipe, out, resume=resume, warn=tell)
    settings = recipe.training
    if is_finished(checkpoint, recipe, out):
        tell(f"{out}: this training is finished; its model is {out / MODEL}")
        return out

    # Where and how to compute
    fabric, precision, processes = start_fabric(recipe, strategy)
    rank, world, first = processes.rank, processes.world, processes.first
    start = checkpoint.iteration if checkpoint else 0
    refuse_different_folders(processes, start)
    if checkpoint and checkpoint.precision != precision:
        raise UserError(
            f"this training computed in {checkpoint.precision}, but training.precision {settings.precision} means "
            f"{precision} here: give --training.precision {checkpoint.precision} to go on with it"
        )

    # Data
    channels = recipe.backbone.in_channels
    dataset = open_dataset(recipe.data, recipe.data.train, channels=channels)
    held_out = open_dataset(recipe.data, recipe.data.val, channels=channels)
    protocol, labels = resolve(recipe.protocol), dataset.labels
    refuse_unfit(recipe, dataset, held_out)
    recipe = replace(recipe, network=settled(recipe.network, tasks_of(dataset), f"split '{recipe.data.train}'"))
    tasks = learnt_tasks(recipe.network, tasks_of(dataset))
    lesson = Lesson(recipe, tasks)
    if checkpoint and checkpoint.samples != len(dataset):
        raise UserError(
            f"the training split has {len(dataset)} samples now, but had {checkpoint.samples} when this training "
            "began: restore the data set, or train into another --out"
        )

    # Network and optimiser
    torch.manual_seed(settings.seed)
    recipe = replace(recipe, backbone=recipe.backbone if checkpoint else resolve_padding(recipe.backbone))
    network = build(recipe.backbone, recipe.network, len(labels))
    if checkpoint is None:
        with fabric.rank_zero_first():
            load_backbone(network, recipe.backbone)
    else:
        network.load_state_dict(checkpoint.network)
    if world > 1:
        share_batch(network, fabric.device)
    network = network.to(memory_format=torch.channels_last)
    model = fabric.setup_module(network)
    optimizer = build_optimizer(network, recipe.optimizer)
    stepper = fabric.setup_optimizers(optimizer)
    assert not isinstance(stepper, tuple)
    scaler = fabric.strategy.precision
    if checkpoint:
        load_optimizer(optimizer, checkpoint.optimizer)
        scaler.load_state_dict(checkpoint.scaler)
    network.train()

    # The run folder
    checkpoints = Checkpoints(out / "checkpoints")
    facts: dict[str, Any] = {
        "device": device_name(fabric.device),
        "precision": precision,
        "processes": world,
        "strategy": ("fsdp" if is_sharded(network) else "ddp") if world > 1 else None,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "training_samples": len(dataset),
        "validation_samples": len(held_out),
    }
    record = None
    if first:
        write_text(out / RECIPE, to_yaml(recipe))
        checkpoints.forget_after(checkpoint)
        record = Record(out, checkpoint.metrics_bytes if checkpoint else 0, start)
        write_run(out, "running", facts)
    class_weights = load_class_weights(fabric, recipe, dataset, out, fresh=checkpoint is None)

    average = Average(checkpoint.recent if checkpoint else {})
    best_iteration = checkpoint.best_iteration if checkpoint else None
    best_metrics = checkpoint.best_metrics if checkpoint else None
    spent = checkpoint.seconds if checkpoint else 0.0
    pictures, pictures_seconds = 0, 0.0

    batches = training_batches(
        dataset,
        recipe.augmentation,
        recipe.preprocessing,
        batch=settings.batch,
        seed=settings.seed,
        start=start,
        stop=settings.iterations,
        workers=recipe.data.workers,
        cache_mb=recipe.data.cache_mb,
        tasks=lesson.learnt,
        parts=settings.accumulate,
        rank=rank,
        world=world,
    )
    with closing(batches), StopRequest() as stop, ProgressLine(start, settings.iterations, shown=first) as progress:
        progress.say(
            f"{recipe.name}: {facts['parameters'] / 1e6:.1f} million parameters, {len(labels)} classes, "
            f"{len(dataset)} training samples; {facts['device']}, {precision}"
            + (f", {world} processes" if world > 1 else "")
            + (f"; goes on at iteration {start}" if start else "")
        )
        if checkpoint and checkpoint.processes != world:
            progress.say(
                f"it began in {checkpoint.processes} process{'es' * (checkpoint.processes > 1)}: the steps in {world} "
                "are the same but for rounding, not bit by bit"
            )
        for iteration in range(start, settings.iterations):
            clock = time.perf_counter()
            batch = next(batches)
            rate = learning_rate(
                iteration,
                base=recipe.optimizer.lr,
                iterations=settings.iterations,
                power=recipe.optimizer.power,
                warmup=recipe.optimizer.warmup,
            )
            set_learning_rate(optimizer, rate)
            # Dropout too is a function of the iteration: no random state needs to be kept or guarded. All processes
            # draw alike, for the batch that they share.
            seed = step_seed(settings.seed, iteration)
            torch.manual_seed(seed)

            images = batch.images.to(fabric.device, non_blocking=True).contiguous(memory_format=torch.channels_last)
            targets = Targets.of(batch, lesson.tree, fabric.device)
            amounts = Amounts(processes.total(Amounts.of(targets, class_weights, lesson.tree).values))
            asked = lesson.asked(amounts)
            losses = torch.zeros(len(lesson.names), dtype=torch.float64, device=fabric.device)
            parts = zip(images.chunk(settings.accumulate), targets.chunk(settings.accumulate), strict=True)
            for number, (pixels, target) in enumerate(parts, 1):
                # The last backward pass adds up the gradients of all processes.
                with fabric.no_backward_sync(model, enabled=number < settings.accumulate):
                    pixels = normalize(pixels, recipe.preprocessing.mean, recipe.preprocessing.std)
                    output = model(pixels) if asked is None else model(pixels, asked)
                    # Parts count by what counts in them, so their sum is the loss of the whole batch. Processes are
                    # averaged, hence the factor.
                    shares = lesson.losses(
                        output, target, amounts, network.align_corners, class_weights, processes.total
                    )
                    fabric.backward(shares[0] * world)
                    losses += torch.stack([value.detach() for value in shares])
            total, *shown = processes.total(losses).tolist()
            if not math.isfinite(total):
                folder = save_failure(
                    out,
                    batch,
                    whole(network.state_dict()),
                    iteration=iteration,
                    step_seed=seed,
                    rank=rank,
                    facts={"loss": total, "lr": rate, "precision": precision, "accumulate": settings.accumulate},
                )
                if first:
                    write_run(out, "failed", {**facts, "iteration": iteration})
                raise UserError(explain(batch, iteration + 1, folder, precision))
            if recipe.optimizer.clip is not None:
                fabric.clip_gradients(model, stepper, max_norm=recipe.optimizer.clip, error_if_nonfinite=False)
            stepper.step()
            stepper.zero_grad()

            done = iteration + 1
            seconds = time.perf_counter() - clock
            values = dict(zip(lesson.names, (total, *shown), strict=True))
            average.add({name: values[name] for name in lesson.told(asked)})
            pictures, pictures_seconds = pictures + settings.batch, pictures_seconds + seconds
            logged = done % settings.log_every == 0 or done == settings.iterations
            progress.step(done, total, rate, settings.batch / seconds, line=logged)
            if logged:
                means = average.take(lesson.names)
                if record:
                    speed = {"lr": rate, "images_per_second": settings.batch / seconds}
                    record.write("train", done, {**means, **speed, "seconds": spent + time.monotonic() - began})

            # Even when a stop was asked for: a resumed training must not lack a validation that others have.
            validated = done == settings.iterations or (
                settings.validate_every > 0 and done % settings.validate_every == 0
            )
            if validated:
                with progress.paused():
                    state = whole(network.state_dict()) if is_sharded(network) else None
                    metrics = validate(
                        processes,
                        network if state is None else rebuilt(recipe, len(labels), state).to(fabric.device),
                        held_out,
                        protocol,
                        recipe.preprocessing,
                        precision,
                        tasks=tasks,
                        count=settings.validate_count,
                        split=recipe.data.val,
                        progress=first and progress.console.is_terminal,
                    )
                if best_metrics is None or worth(metrics) > worth(best_metrics):
                    best_iteration, best_metrics = done, metrics
                    state = whole(network.state_dict())
                    if first:
                        checkpoints.save_best(state, done)
                others = "".join(f", {name} {value:.4f}" for name, value in metrics.get("headlines", {}).items())
                progress.say(f"iteration {done}  mean IoU {metrics['mean_iou']:.4f}{others}  ({metrics['protocol']})")
                if record:
                    figures = {key: metrics[key] for key in ("mean_iou", "pixel_accuracy", "protocol")}
                    figures |= metrics.get("headlines", {})
                    record.write("validation", done, {**figures, "seconds": spent + time.monotonic() - began})
            stopping = any_process(processes, stop.came)
            if validated or stopping or done % settings.checkpoint_every == 0:
                network_state, optimizer_state = whole(network.state_dict()), whole(optimizer.state_dict())
                if record:
                    checkpoints.save(
                        Checkpoint(
                            iteration=done,
                            network=network_state,
                            optimizer=optimizer_state,
                            scaler=scaler.state_dict(),
                            precision=precision,
                            samples=len(dataset),
                            metrics_bytes=record.length,
                            seconds=spent + time.monotonic() - began,
                            recent=average.sums,
                            best_iteration=best_iteration,
                            best_metrics=best_metrics,
                            processes=world,
                        )
                    )
            if stopping and done < settings.iterations:
                if first:
                    write_run(out, "stopped", {**facts, "iteration": done})
                progress.say(f"stopped after iteration {done}; the same command with --resume goes on from here")
                raise TrainingStopped(f"stopped after iteration {done}; --resume goes on from here")

        # The result
        if record:
            record.close()
            assert best_iteration is not None and best_metrics is not None
            result = rebuilt(recipe, len(labels), checkpoints.load_best(best_iteration))
            config = ModelConfig(
                recipe.name, recipe.backbone, recipe.network, recipe.preprocessing, recipe.protocol, recipe.data
            )
            save_model(out / MODEL, Model(result, config, labels, tasks), model_card(config, labels, best_metrics))
            facts |= {
                "iteration": settings.iterations,
                "seconds": round(spent + time.monotonic() - began, 1),
                "images_per_second": round(pictures / pictures_seconds, 2) if pictures else None,
                "best_iteration": best_iteration,
                "best_mean_iou": best_metrics["mean_iou"],
                **{f"best_{name}": value for name, value in best_metrics.get("headlines", {}).items()},
                "protocol": best_metrics["protocol"],
            }
            write_run(out, "finished", facts)
            progress.say(
                f"best mean IoU {best_metrics['mean_iou']:.4f} after iteration {best_iteration}: {out / MODEL}"
            )
    fabric.barrier()
    return out


def refuse_unfit(recipe: Recipe, dataset: DataSet, held_out: DataSet) -> None:
    """Refuse data that would only break a training later on.

    Raises:
        UserError: A split is empty, or the two have other classes.
    """
    for split, found in ((recipe.data.train, dataset), (recipe.data.val, held_out)):
        if len(found) == 0:
            raise UserError(
                f"split '{split}' has no samples: training needs some to learn from and some to validate on"
            )
    if dataset.labels.names != held_out.labels.names:
        raise UserError(f"splits '{recipe.data.train}' and '{recipe.data.val}' have different classes")


def load_class_weights(fabric: Fabric, recipe: Recipe, dataset: DataSet, out: Path, *, fresh: bool) -> Tensor | None:
    """The classes' weights on the device. Those that were counted are kept in class_weights.json of the run folder."""
    names, setting = dataset.labels.names, recipe.loss.class_weights
    if setting is None:
        return None
    if setting != "median":
        return fixed_weights(setting, names).to(fabric.device)
    path = out / "class_weights.json"
    if fabric.is_global_zero and (fresh or not path.exists()):
        weights = median_frequency_weights(dataset, len(names), progress=sys.stderr.isatty())
        write_json(path, dict(zip(names, weights.tolist(), strict=True)))
    fabric.barrier()
    return torch.tensor(list(json.loads(path.read_text(encoding="utf-8")).values()), device=fabric.device)


def rebuilt(recipe: Recipe, classes: int, state: dict[str, Tensor]) -> SceneParser:
    """A network of its own that holds a state."""
    network = build(recipe.backbone, recipe.network, classes)
    network.load_state_dict(state)
    return network


def step_seed(seed: int, iteration: int) -> int:
    """What the generators of an iteration are seeded with."""
    return int(np.random.SeedSequence([seed, iteration]).generate_state(1)[0])


def tell(text: str) -> None:
    """Write a line, once for all processes."""
    if leads():
        print(text, file=sys.stderr)


def any_process(processes: Processes, flag: bool) -> bool:
    """Whether any process says so; all get the same answer at the same iteration."""
    return processes.any(flag)
