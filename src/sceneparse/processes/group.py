"""Communication between processes that work together: sums, rows of numbers, and noticing that one is gone."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from sceneparse.errors import require
from sceneparse.processes.membership import membership

if TYPE_CHECKING:
    from torch import Tensor

Item = TypeVar("Item")

LONGEST_WAIT = timedelta(hours=24)
"""How long processes wait for each other: a download by the first, or a larger share, takes longer than the minutes
after which NCCL and gloo give up by themselves. One that has ended is noticed at once, by whoever started it."""


@dataclass(frozen=True)
class Processes:
    """The processes that work together, as one of them sees it.

    Each method is called by all of them, in the same order.

    Args:
        rank: This process's number, 0 … world - 1.
        world: Number of processes.
        device: Where tensors are exchanged: "cpu", or this process's CUDA device.
    """

    rank: int = 0
    world: int = 1
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def total(self, values: "Tensor") -> "Tensor":
        """Sum a tensor over all processes; each gets the same sum, exact for integers."""
        if self.world == 1:
            return values
        import torch.distributed

        summed = values.detach().to(self.device, copy=True).contiguous()
        torch.distributed.all_reduce(summed)
        return summed.to(values.device)

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return this process's share of a list: every `world`-th item, so that all have about as much to do."""
        return items[self.rank :: self.world]

    def gather(self, rows: "Tensor") -> "Tensor":
        """Concatenate the rows (n, k) of all processes; n may differ among them."""
        if self.world == 1:
            return rows
        import torch

        counts = self.total(torch.eye(self.world, dtype=torch.int64)[self.rank] * len(rows))
        whole = rows.new_zeros(int(counts.sum()), *rows.shape[1:])
        begin = int(counts[: self.rank].sum())
        whole[begin : begin + len(rows)] = rows
        # All but one add zeros, so nothing is rounded.
        return self.total(whole)

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        if self.world == 1:
            return flag
        import torch

        return bool(self.total(torch.tensor(float(flag))))

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """Let the first process run the context before the others enter it."""
        if not self.first:
            self.any(False)
        yield
        if self.first:
            self.any(False)


ALONE = Processes()
"""The usual case: there is no other process."""


def join(device: str) -> Processes:
    """Join the processes that were started together with this one.

    Args:
        device: The type of the devices that they compute on: cpu or cuda.

    Returns:
        All of them; `ALONE` if there are no others.

    Raises:
        UserError: Devices of another type, which we let one process alone compute on.
    """
    member = membership()
    if member is None:
        return ALONE
    import torch

    refuse_sharing(device)
    own = torch.device(device, member.local_rank) if device == "cuda" else torch.device(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
    return Processes(member.rank, member.world, str(own))


def refuse_sharing(device: str) -> None:
    """Refuse devices on which several processes cannot compute together.

    Args:
        device: Their type.

    Raises:
        UserError: It is none of cpu and cuda.
    """
    require(
        device in ("cpu", "cuda"),
        f"several processes compute together on CPUs or on CUDA devices, not on {device}: start one, without --devices",
    )


def lost_peer(error: BaseException) -> bool:
    """Return whether an error only means that another process has ended or can't be reached."""
    if "WORLD_SIZE" not in os.environ or not isinstance(error, RuntimeError):
        return False
    import torch.distributed

    return isinstance(error, torch.distributed.DistError) or _is_of_a_transport(error)


def _is_of_a_transport(error: RuntimeError) -> bool:
    """Return whether an error comes from gloo or NCCL.

    torch raises what gloo notices as a plain RuntimeError, in a collective of ours as in DDP's backward pass, so that
    only its text tells it from others. A test makes such an error.
    """
    return "gloo" in str(error) or "NCCL" in str(error)
