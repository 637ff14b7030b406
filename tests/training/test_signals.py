"""Signals to a training and its loader processes, and what they leave behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sceneparse.files import write_text
from sceneparse.recipes import to_yaml
from sceneparse.settings import Recipe
from sceneparse.weights.run_folder import run_facts
from tests.support.forked import started
from tests.support.running import members, wait_for
from tests.support.slow import slow
from tests.support.together import ONE_THREAD, environment

MakeRecipe = Callable[..., Recipe]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

GROUP = """
import multiprocessing, os, sys
from sceneparse.cli import main

if __name__ == "__main__":
    if os.getsid(0) != os.getpid():
        os.setsid()
    multiprocessing.set_start_method(sys.argv[1], force=True)
    sys.exit(main(sys.argv[2:]))
"""


def endless(toy: MakeRecipe, folder: Path) -> list[str]:
    """The words of a training without checkpoints and validations that does not end by itself."""
    recipe = toy(
        data__workers=1,
        training__iterations=100000,
        training__batch=2,
        training__validate_every=0,
        training__checkpoint_every=100000,
    )
    write_text(folder / "asked.yaml", to_yaml(recipe))
    write_text(folder / "group.py", GROUP)
    return ["train", str(folder / "asked.yaml"), "--out", str(folder / "run")]


def steps(run: Path) -> int:
    file = run / "metrics.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def check_stopped(run: Path, said: str) -> None:
    assert said.count("stopping after this step, with a checkpoint") == 1 and "to go on: " in said
    assert "error" not in said
    facts = run_facts(run)
    assert facts["status"] == "stopped" and facts["iteration"] == steps(run)
    assert (run / "checkpoints" / f"last-{facts['iteration']:08}.pt").exists()


def test_sigterm_to_the_whole_group_ends_a_training_with_a_checkpoint(toy: MakeRecipe, tmp_path: Path) -> None:
    words, run = endless(toy, tmp_path), tmp_path / "run"
    process = started(tmp_path / "group.py", ["fork", *words], tmp_path / "said.txt", ONE_THREAD)
    try:
        wait_for(lambda: steps(run) > 1)
        assert process.pid is not None and len(members(process.pid)) == 2
        os.killpg(process.pid, signal.SIGTERM)
        process.join(60)
    finally:
        process.kill()
        process.join()
    assert process.exitcode == 130
    check_stopped(run, (tmp_path / "said.err").read_text())


@slow  # each process of a fork server of its own imports PyTorch
@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_sigterm_to_the_whole_group_does_so_however_workers_start(toy: MakeRecipe, tmp_path: Path, method: str) -> None:
    words, run = endless(toy, tmp_path), tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "group.py"), method, *words],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            wait_for(lambda: steps(run) > 1, 120)
            os.killpg(process.pid, signal.SIGTERM)
            said = process.communicate(timeout=60)[1]
        finally:
            if members(process.pid):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    check_stopped(run, said)


FULL = """
import resource, sys
from sceneparse.cli import main

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    sys.exit(main(sys.argv[1:]))
"""


def test_a_checkpoint_that_has_no_room_is_the_users_to_mend(toy: MakeRecipe, tmp_path: Path) -> None:
    write_text(tmp_path / "asked.yaml", to_yaml(toy(training__checkpoint_every=2, training__validate_every=0)))
    write_text(tmp_path / "full.py", FULL)
    words = ["train", str(tmp_path / "asked.yaml"), "--out", str(tmp_path / "run")]
    process = started(tmp_path / "full.py", words, tmp_path / "said.txt", ONE_THREAD)
    process.join(120)
    said = (tmp_path / "said.err").read_text()
    assert process.exitcode == 2, said
    last = said.splitlines()[-1]
    assert last.startswith(
        f"error: {tmp_path / 'run' / 'checkpoints' / 'last-00000002.pt'}: cannot be written (File too "
    )
    assert (
        "are free there): raise the limit on the size of a file (ulimit -f), and try again" in last
        and "Traceback" not in said
        and "report" not in said
    )
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["status"] == "failed" and facts["iteration"] == 2
    assert not list((tmp_path / "run" / "checkpoints").iterdir())
