"""Which of several processes this one is, by the environment variables of torchrun, `--devices` or SLURM."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sceneparse.errors import UserError

PORTS = (20_000, 32_768)
"""Where processes of one machine meet: Linux gives its clients ports from 32,768 on."""

TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")


@dataclass(frozen=True)
class Member:
    """One of several processes: its number, and how many there are.

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
    """Return which of the processes started together this one is; None if it is alone.

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
    """Return torchrun's variables for a task of an srun step; nothing elsewhere, such as in a batch script itself."""
    tasks = int(environment.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks < 2:
        return {}
    nodes = int(environment.get("SLURM_STEP_NUM_NODES", "1"))
    if tasks % nodes:
        raise UserError(
            f"srun started {tasks} tasks on {nodes} nodes: give each node as many (srun --ntasks-per-node=N)"
        )
    # The job's and the step's numbers keep those apart that share a node.
    number = 31 * int(environment.get("SLURM_JOB_ID", "0")) + int(environment.get("SLURM_STEP_ID", "0"))
    port = PORTS[0] + number % (PORTS[1] - PORTS[0])
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
    """Return the first name in SLURM's list of nodes: "gpu[03-05,9],cpu1" gives gpu03."""
    found = re.match(r"([^\[,]+)(?:\[([^\],-]+)[^\]]*\])?([^,\[]*)", nodes)
    return "".join(group or "" for group in found.groups()) if found else nodes
