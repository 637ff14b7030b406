"""The installed huggingface_hub, its lowest allowed version too, pushes a model folder and fetches it over HTTP."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sceneparse.weights.config import FILES

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROUND_TRIP = """
import sys
from pathlib import Path
from sceneparse.weights.hub import fetch_from_hub, push_to_hub
print(push_to_hub(Path(sys.argv[1]), "user/name", private=True, token="hf_key"))
print(fetch_from_hub("user/name"))
"""


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's HTTP API as a model folder takes: create, preupload, commit, revision, tree, resolve."""

    files: dict[str, bytes]
    created: list[dict[str, Any]]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/repos/create":
            self.created.append(json.loads(content) | {"authorization": self.headers["Authorization"]})
            return self.answer({"url": f"http://{self.headers['Host']}/user/name"})
        if self.path.startswith("/api/models/user/name/preupload/"):
            names = [one["path"] for one in json.loads(content)["files"]]
            modes = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
            return self.answer({"files": modes})
        if self.path.startswith("/api/models/user/name/commit/"):
            for line in map(json.loads, content.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return self.answer(
                {"commitUrl": f"http://{self.headers['Host']}/user/name/commit/{COMMIT}", "commitOid": COMMIT}
            )
        return self.answer({})

    def do_GET(self) -> None:
        if found := re.fullmatch(rf"/user/name/resolve/{COMMIT}/(.+)", self.path):
            return self.send(self.files[found[1]], etag=hashlib.sha1(self.files[found[1]]).hexdigest())
        entries = [{"type": "file", "path": name, "size": len(content)} for name, content in self.files.items()]
        if "/tree/" in self.path:
            return self.answer([one | {"oid": COMMIT} for one in entries])
        siblings = [{"rfilename": one["path"]} for one in entries]
        return self.answer({"_id": "1", "id": "user/name", "sha": COMMIT, "private": True, "siblings": siblings})

    do_HEAD = do_GET  # noqa: N815

    def answer(self, content: Any) -> None:
        """Answer with JSON."""
        self.send(json.dumps(content).encode(), kind="application/json")

    def send(self, content: bytes, kind: str = "application/octet-stream", etag: str = "") -> None:
        """Answer with bytes."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", COMMIT)
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@pytest.fixture
def hub() -> Iterator[tuple[str, type[Hub]]]:
    """A hub on the loopback: its address, and what it holds."""
    handler = type("OneHub", (Hub,), {"files": {}, "created": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler
    server.shutdown()


def test_a_model_folder_makes_the_round_trip_over_http(hub: tuple[str, type[Hub]], tmp_path: Path) -> None:
    address, held = hub
    folder = tmp_path / "model"
    folder.mkdir()
    for number, name in enumerate(FILES):
        (folder / name).write_bytes(b"%d of %s" % (number, name.encode()))
    (folder / "model.onnx").write_bytes(b"not for the hub")
    # The endpoint is read when the library is imported.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment |= {"HF_HUB_DISABLE_XET": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", ROUND_TRIP, str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    fetched = Path(done.stdout.splitlines()[-1])
    assert {path.name: path.read_bytes() for path in fetched.iterdir()} == {
        name: (folder / name).read_bytes() for name in FILES
    }
    assert set(held.files) == set(FILES)
    (created,) = held.created
    assert created["name"] == "name" and created["authorization"] == "Bearer hf_key"
