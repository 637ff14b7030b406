"""How a training starts: on which device, in which number format, with which other processes."""

import logging
from typing import Literal, NamedTuple, get_args

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from lightning_fabric.strategies.strategy import Strategy

from sceneparse.arguments import argument
from sceneparse.devices import choose_device, choose_precision
from sceneparse.devices import device_name as gpu_name
from sceneparse.devices.choosing import device_count
from sceneparse.devices.trying import is_unsure
from sceneparse.errors import counted, require
from sceneparse.processes import ALONE, Member, Processes, membership
from sceneparse.processes.allocation import keep_freed_memory
from sceneparse.processes.group import LONGEST_WAIT, refuse_sharing
from sceneparse.settings import Precision, Recipe
from sceneparse.training.fabric import FABRIC_PRECISION, fabric_on
from sceneparse.training.losses.table import LOSSES
from sceneparse.training.sharding import shard
from sceneparse.training.wishes import refuse_float16, refuse_fsdp_alone
from sceneparse.weights.architectures import architecture_of

StrategyName = Literal["auto", "ddp", "fsdp"]


class Compute(NamedTuple):
    """Where and how a training computes.

    Args:
        fabric: Moves networks and batches to the device, and runs them in the number format.
        precision: The number format that "auto" stands for, or that was given.
        processes: This process among those that train together.
    """

    fabric: Fabric
    precision: Precision
    processes: Processes


def start_fabric(recipe: Recipe, strategy: StrategyName = "auto", before: str | None = None) -> Compute:
    """Choose device and number format, and meet the processes that were started together with this one.

    Args:
        recipe: What is going to be trained.
        strategy: How several processes hold the network: each the whole of it (ddp, and auto), or a share of it (fsdp).
        before: The precision that a training which goes on has computed in. On devices where a trial decided what
            "auto" means (`trial`), it means that.

    Raises:
        UserError: There is no such device, it cannot compute in this format, or the batch cannot be shared.
    """
    settings = recipe.training
    require(strategy in get_args(StrategyName), f"strategy '{strategy}' is unknown: use auto, ddp or fsdp")
    # What Fabric says of devices at its start, we say in one line.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    device = choose_device(settings.device)
    refuse_float16(settings.precision, device.type)
    precision = choose_precision(device, settings.precision)
    if before is not None and settings.precision == "auto" and is_unsure(device):
        precision = choose_precision(device, before)  # type: ignore[arg-type]
    if device.type == "cpu":
        keep_freed_memory()
    member = membership()
    if member is None:
        refuse_fsdp_alone(strategy)
        fabric = fabric_on(device, precision)
        fabric.launch()
        return Compute(fabric, precision, ALONE)
    _refuse_unshareable(recipe, member, device)
    # Of a unified network only the heads are computed that a batch has labels for.
    unused = architecture_of(recipe.network).learns_tasks
    chosen: Strategy = DDPStrategy(
        find_unused_parameters=unused,
        # What is sent to other processes is not copied first.
        gradient_as_bucket_view=True,
        # A batch in chunks is added up before it is sent, which torch does not know of a graph that never changes.
        static_graph=not unused and settings.accumulate == 1,
        timeout=LONGEST_WAIT,
    )
    if strategy == "fsdp":
        require(precision != "float16", "fsdp computes in float32 or bfloat16: give one as training.precision")
        chosen = ModelParallelStrategy(
            shard, data_parallel_size=member.world, tensor_parallel_size=1, timeout=LONGEST_WAIT
        )
    fabric = Fabric(
        accelerator=device.type,
        devices=member.local_world,
        num_nodes=member.nodes,
        strategy=chosen,
        precision=FABRIC_PRECISION[precision],
        # However they were started: what SLURM says was translated.
        plugins=[TorchElasticEnvironment()],
    )
    fabric.launch()
    return Compute(fabric, precision, Processes(member.rank, member.world, str(fabric.device)))


def _refuse_unshareable(recipe: Recipe, member: Member, device: torch.device) -> None:
    """Refuse a training that several processes cannot share.

    Raises:
        UserError: The batch cannot be shared equally, the loss cannot be, or there are too few devices.
    """
    settings = recipe.training
    refuse_sharing(device.type)
    require(
        device.index is None,
        f"training.device is {settings.device}, one device for {member.local_world} processes: give {device.type}",
    )
    chunks = settings.accumulate * member.world
    require(
        settings.batch == "auto" or settings.batch % chunks == 0,
        f"training.batch is {settings.batch}, but must be a multiple of training.accumulate x processes = {chunks}: it "
        "is the batch of all processes together",
    )
    undivided = LOSSES[recipe.loss.kind].undivided(recipe.loss, "processes")
    require(
        undivided is None,
        f"loss.kind {undivided} does not add up over the pictures of a batch, so that {member.world} processes cannot "
        "share it: train in one",
    )
    require(
        device.type == "cpu" or member.local_world <= device_count("cuda"),
        f"there are {member.local_world} processes on this machine, but each sees {device_count('cuda')} CUDA "
        "devices: start as many as there are (under SLURM with --gpus-per-node, not --gpus-per-task)",
    )


def refuse_different_folders(processes: Processes, iteration: int) -> None:
    """Refuse to train where the processes don't all see the same run folder, judged by the checkpoint found there.

    Raises:
        UserError: They found different ones.
    """
    found = processes.gather(torch.tensor([[iteration]]))
    require(
        bool((found == found[0]).all()),
        f"the processes see different run folders (other checkpoints): {argument('out')} must be on a disk that all "
        "machines share",
    )


def device_name(device: torch.device) -> str:
    """Return the device's name, for people."""
    if device.type != "cpu":
        return gpu_name(device)
    return f"CPU, {counted(torch.get_num_threads(), 'thread')}"
