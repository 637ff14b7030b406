"""Which of several processes this one is: what torchrun, `--devices` or SLURM say in the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sceneparse.errors import UserError

TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")


@dataclass(frozen=True)
class Member:
    """One of several processes.

    Args:
        rank: Its number among all of them, 0 … world - 1.
        world: Number of processes.
        local_rank: Its number among those of this machine.
        local_world: Number of processes on this machine; the same on each.
    """

    rank: int
    world: int
    local_rank: int
    local_world: int

    @property
    def nodes(self) -> int:
        """Number of machines."""
        return self.world // self.local_world


def membership() -> Member | None:
    """Return which of the processes that were started together this one is; None if it is alone.

    A task of SLURM's srun gets the variables that torchrun sets, so that all that follows knows one kind of start.

    Raises:
        UserError: srun gave the nodes different numbers of tasks.
    """
    if any(name not in os.environ for name in TORCHRUN):
        os.environ.update(_of_slurm(os.environ))
    if any(name not in os.environ for name in TORCHRUN):
        return None
    member = Member(*(int(os.environ[name]) for name in TORCHRUN))
    return member if member.world > 1 else None


def leads() -> bool:
    """Return whether this process is the one that prints and writes: it is alone, or the first."""
    member = membership()
    return member is None or member.rank == 0


def _of_slurm(environment: Mapping[str, str]) -> dict[str, str]:
    """torchrun's variables for a task of a step that srun started; nothing elsewhere, as in a batch script itself."""
    tasks = int(environment.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks < 2:
        return {}
    nodes = int(environment.get("SLURM_STEP_NUM_NODES", "1"))
    if tasks % nodes:
        raise UserError(
            f"srun started {tasks} tasks on {nodes} nodes: give each node as many (srun --ntasks-per-node=N)"
        )
    # 29400 is torchrun's own; the job's number keeps jobs apart that share a node.
    port = 29400 + int(environment.get("SLURM_JOB_ID", "0")) % 10000
    return {
        "RANK": environment["SLURM_PROCID"],
        "WORLD_SIZE": str(tasks),
        "LOCAL_RANK": environment["SLURM_LOCALID"],
        "LOCAL_WORLD_SIZE": str(tasks // nodes),
        "GROUP_RANK": environment.get("SLURM_NODEID", "0"),
        "MASTER_ADDR": environment.get("MASTER_ADDR", _first_node(environment.get("SLURM_STEP_NODELIST", "localhost"))),
        "MASTER_PORT": environment.get("MASTER_PORT", str(port)),
    }


def _first_node(nodes: str) -> str:
    """The first name of SLURM's list: "gpu[03-05,9],cpu1" is gpu03."""
    found = re.match(r"([^\[,]+)(?:\[([^\],-]+)[^\]]*\])?([^,\[]*)", nodes)
    return "".join(part or "" for part in found.groups()) if found else nodes
