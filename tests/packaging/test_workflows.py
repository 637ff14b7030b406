"""What the workflows run exists: commands, paths, extras and Python versions are those of the project."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def jobs() -> dict[str, dict[str, Any]]:
    """All jobs, by workflow and name."""
    found: dict[str, dict[str, Any]] = {}
    for path in WORKFLOWS:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        found |= {f"{path.stem}/{name}": job for name, job in content["jobs"].items()}
    return found


JOBS = jobs()
LINES = [
    (name, line.strip())
    for name, job in JOBS.items()
    for step in job["steps"]
    for line in step.get("run", "").splitlines()
]


def test_the_jobs_that_are_promised_are_there() -> None:
    assert set(JOBS) >= {f"tests/{name}" for name in ("lint", "tests", "windows", "lowest", "core", "docs")}
    assert JOBS["release/publish"]["needs"] == "build"
    assert JOBS["release/publish"]["permissions"] == {"id-token": "write"}
    for name, job in JOBS.items():
        assert job["timeout-minutes"] <= 90, name


def test_every_python_that_is_promised_is_tested() -> None:
    promised = {name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", name)}
    matrix = JOBS["tests/tests"]["strategy"]["matrix"]
    assert set(matrix["python"]) == promised
    assert f">={min(promised)}" == PROJECT["requires-python"]
    (lowest,) = (step["with"] for step in JOBS["tests/lowest"]["steps"] if "setup-python" in step.get("uses", ""))
    assert lowest["python-version"] == min(promised)


def test_every_path_that_a_job_names_exists() -> None:
    named = {
        word
        for _, line in LINES
        for word in re.findall(r"(?<![\w/.$])(?:tests|\.github|docs|benchmarks)/[\w/.-]+", line)
    }
    assert {".github/smoke.py", ".github/check_release.py"} <= named
    for path in named:
        assert (ROOT / path).exists(), path


def test_every_make_target_and_extra_that_a_job_names_exists() -> None:
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {line.split()[1] for _, line in LINES if line.startswith("make ")}
    assert {"lint", "docs"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", rules, re.M), target
    extras = {one for _, line in LINES for group in re.findall(r"'\.\[([\w,]+)\]'", line) for one in group.split(",")}
    assert extras and extras <= set(PROJECT["optional-dependencies"])


def test_the_core_is_tried_without_any_extra() -> None:
    for name in ("tests/core", "tests/windows"):
        lines = [line for job, line in LINES if job == name]
        assert "python .github/smoke.py" in lines and not any("[" in line for line in lines)


def test_no_job_may_write_but_the_one_that_publishes_and_no_secret_is_used() -> None:
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        assert yaml.safe_load(text)["permissions"] == {"contents": "read"}, path
        assert "secrets." not in text, path
        # What a pull request may name itself never stands in a line that a shell reads.
        for line in re.findall(r"\$\{\{ *([\w.]+)", "\n".join(line for _, line in LINES)):
            assert line in ("runner.os", "matrix.os", "matrix.python"), line


def test_the_hooks_run_what_make_lint_runs() -> None:
    content = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in content["repos"]] == ["local"]
    hooks = {hook["id"]: shlex.split(hook["entry"]) for hook in content["repos"][0]["hooks"]}
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    for program in ("ruff format", "ruff check", "mypy"):
        assert f"/{program}" in rules and any(" ".join(entry).startswith(program) for entry in hooks.values())
    assert hooks["text-files"] == ["python", ".github/check_text.py"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"fine\n", None),
        (b"", None),
        (b"no end", "exactly one newline"),
        (b"two ends\n\n", "exactly one newline"),
        (b"spaces \nbehind\n", ":1: spaces"),
        (b"of Windows\r\n", "line ends of Windows"),
        (b"a\n<<<<<<< ours\n", ":2: a mark of a merge conflict"),
        (b"x" * 1_000_001, "1,000,001 bytes"),
    ],
)
def test_the_text_hook_names_each_fault_with_its_line(tmp_path: Path, content: bytes, fault: str | None) -> None:
    path = tmp_path / "text.md"
    path.write_bytes(content)
    words = [sys.executable, str(ROOT / ".github" / "check_text.py"), str(path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == (fault is not None)
    assert (fault or "") in done.stdout and done.stdout.count("\n") == (fault is not None)
