"""Who a process is, by what its launcher says."""

import pytest

from sceneparse.errors import UserError
from sceneparse.processes import Member, leads, membership, to_launch
from sceneparse.processes.membership import TORCHRUN

SLURM = {
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_STEP_NODELIST": "gpu[03-04]",
    "SLURM_PROCID": "6",
    "SLURM_LOCALID": "2",
    "SLURM_NODEID": "1",
    "SLURM_JOB_ID": "123456",
}
RENDEZVOUS = ("GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*TORCHRUN, *RENDEZVOUS, *SLURM):
        # Set first, so that what the code sets is put back as well.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def start(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_a_process_that_nobody_launched_is_alone_and_leads() -> None:
    assert membership() is None and leads()
    assert not to_launch(None, None) and not to_launch(1, 1) and to_launch(2, None) and to_launch(None, 2)


def test_torchrun_says_who_a_process_is(monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, RANK="5", WORLD_SIZE="8", LOCAL_RANK="1", LOCAL_WORLD_SIZE="4")
    member = membership()
    assert member == Member(5, 8, 1, 4) and member.nodes == 2 and not leads()
    assert not to_launch(None, None) and not to_launch(4, 2)
    with pytest.raises(UserError, match=r"--devices is 8, but the launcher \(torchrun, srun\) started 4"):
        to_launch(8, None)


def test_one_process_of_torchrun_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", LOCAL_WORLD_SIZE="1")
    assert membership() is None


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("gpu[03-04]", "gpu03"), ("gpu[3,9]", "gpu3"), ("a1,b2", "a1"), ("n[1-2]-ib", "n1-ib"), ("node7", "node7")],
)
def test_tasks_of_srun_meet_at_the_first_node(monkeypatch: pytest.MonkeyPatch, nodes: str, first: str) -> None:
    import os

    start(monkeypatch, **SLURM | {"SLURM_STEP_NODELIST": nodes})
    assert membership() == Member(6, 8, 2, 4)
    assert os.environ["MASTER_ADDR"] == first and os.environ["GROUP_RANK"] == "1"
    assert 20_000 <= int(os.environ["MASTER_PORT"]) < 32_768, "where Linux gives clients none"


def test_steps_of_a_job_of_slurm_that_share_a_node_have_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    ports = set()
    for job in ("4711", "4712"):
        for step in range(4):
            for name in (*TORCHRUN, *RENDEZVOUS):
                monkeypatch.delenv(name, raising=False)
            start(monkeypatch, **SLURM | {"SLURM_JOB_ID": job, "SLURM_STEP_ID": str(step)})
            membership()
            ports.add(os.environ["MASTER_PORT"])
    assert len(ports) == 8


def test_a_batch_script_itself_is_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, SLURM_JOB_ID="1", SLURM_PROCID="0", SLURM_NTASKS="8")
    assert membership() is None


def test_uneven_tasks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    start(monkeypatch, **SLURM | {"SLURM_STEP_NUM_TASKS": "5"})
    with pytest.raises(UserError, match="5 tasks on 2 nodes"):
        membership()
