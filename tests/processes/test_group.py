"""What is noticed of processes that are gone."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sceneparse.processes import Member, group, join
from tests.support.together import in_two_processes

PEER = """
import os, sys
from sceneparse.processes import join, lost_peer
import torch

group = join("cpu")
group.total(torch.ones(1))
if group.rank == 1:
    os._exit(0)
try:
    for _ in range(3):
        group.total(torch.ones(1))
except RuntimeError as error:
    os._exit(0 if lost_peer(error) and not lost_peer(RuntimeError("shapes differ")) else 3)
os._exit(4)
"""


def test_what_is_raised_when_another_process_has_ended_is_told_from_other_errors(tmp_path: Path) -> None:
    (tmp_path / "peer.py").write_text(PEER)
    in_two_processes(tmp_path / "peer.py")


def test_processes_wait_for_each_other_as_long_as_a_download_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(group, "membership", lambda: Member(0, 2, 0, 2))
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda _, **named: given.update(named))
    assert join("cpu").world == 2 and given["timeout"].total_seconds() >= 24 * 3600
