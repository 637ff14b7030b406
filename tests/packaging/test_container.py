"""The container file makes an image that is safe and starts what it says, as far as it tells without a builder."""

import json
import re
import shlex
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from sceneparse.cli import COMMANDS, _parse
from tests.support.served import Service, plain_parser, serving

ROOT = Path(__file__).resolve().parents[2]


def instructions() -> list[tuple[str, str]]:
    """The file's instructions with their arguments, continued lines put together."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Containerfile").read_text(encoding="utf-8"), flags=re.M)
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def last_stage() -> list[tuple[str, str]]:
    """The instructions that make the image itself; what the builder's stage needs is not in it."""
    found = instructions()
    return found[max(index for index, (word, _) in enumerate(found) if word == "FROM") :]


def only(word: str) -> str:
    """The one argument of an instruction of the last stage."""
    (argument,) = (rest for name, rest in last_stage() if name == word)
    return argument


def command() -> list[str]:
    """What the container runs."""
    words = json.loads(only("ENTRYPOINT")) + json.loads(only("CMD"))
    assert all(isinstance(word, str) for word in words)
    return words


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_it_does_not_run_as_root_and_its_home_is_all_that_its_user_owns() -> None:
    stage = [word for word, _ in last_stage()]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", only("USER"))
    user = only("USER").partition(":")[0]
    assert f"--uid {user}" in only("RUN") and "chown" not in only("RUN")
    # Nothing is copied or run as this user, so that nothing of the program is its own.
    assert not {"RUN", "COPY", "ADD"} & set(stage[stage.index("USER") :])


def test_the_extras_exist_and_have_all_that_the_service_imports() -> None:
    (extras,) = (rest for word, rest in instructions() if word == "ARG" and rest.startswith("EXTRAS="))
    names = extras.removeprefix("EXTRAS=").split(",")
    assert "serve" in names and set(names) <= set(project()["optional-dependencies"])


def test_torch_is_asked_for_as_the_project_asks_for_it() -> None:
    (line,) = (rest for word, rest in instructions() if word == "RUN" and "--index-url" in rest)
    asked = {word for word in shlex.split(line) if word.startswith("torch")}
    assert asked == {one for one in project()["dependencies"] if one.startswith("torch")}


def test_the_command_is_one_that_the_command_line_takes() -> None:
    program, verb, *words = command()
    assert program in project()["scripts"] and verb in COMMANDS
    arguments = _parse(verb, words)
    assert arguments.host == "0.0.0.0" and str(arguments.port) == only("EXPOSE")
    assert arguments.models == ["/models/model"] and arguments.hosts == ["localhost", "127.0.0.1"]


def test_what_is_copied_is_let_through_to_the_builder() -> None:
    kept = {
        line.removeprefix("!") for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = {
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in shlex.split(rest)[:-1]
    }
    assert copied == kept and all((ROOT / name).exists() for name in copied)
    assert project()["readme"] in copied and set(project()["license-files"]) <= copied


def health(address: str) -> None:
    """Run the image's health check on a service at another address."""
    program, option, code = json.loads(only("HEALTHCHECK").partition("CMD ")[2])
    assert (program, option) == ("python", "-c") and "http://127.0.0.1:8000/" in code
    exec(compile(code.replace("http://127.0.0.1:8000/", address), "HEALTHCHECK", "exec"), {})


def test_the_health_check_passes_while_the_service_answers_and_fails_when_it_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # which a container may be given, and leads elsewhere
    with serving({"colours": plain_parser()}) as service:
        assert isinstance(service, Service)
        health(service.address)
    with pytest.raises(urllib.error.URLError):
        health(service.address)


def test_the_commands_of_the_docs_name_arguments_and_options_that_exist() -> None:
    text = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8").replace("\\\n", " ")
    builds, runs = (re.findall(rf"^docker {verb} (.*)$", text, re.M) for verb in ("build", "run"))
    assert len(builds) == 2 and len(runs) == 3
    known = {rest.partition("=")[0] for word, rest in instructions() if word == "ARG"}
    for line in builds:
        words = shlex.split(line)
        assert words[-1] == "." and words[words.index("-f") + 1] == "Containerfile"
        given = [words[index + 1] for index, word in enumerate(words) if word == "--build-arg"]
        assert {one.partition("=")[0] for one in given} <= known
    entry = json.loads(only("ENTRYPOINT"))[2:]
    for line in runs:
        found = re.fullmatch(r'(.*") +sceneparse(?::cuda)?(.*)', line)
        assert found is not None and ":ro" in found[1] and "--init" in found[1]
        before, behind = found[1], shlex.split(found[2])
        arguments = _parse("serve", [*entry, *(behind or json.loads(only("CMD")))])
        mounted = [where.split(":")[1] for where in re.findall(r'-v "([^"]+)"', before)]
        assert "127.0.0.1" in arguments.hosts  # or else the health check is refused
        assert arguments.api_keys or "-p 127.0.0.1:" in before
        for model in arguments.models:
            assert any(model.partition("=")[2].startswith(one) or model.startswith(one) for one in mounted)
