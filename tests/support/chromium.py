"""A headless Chromium, driven through its debugging pipe (Chrome DevTools Protocol): only the browser is needed."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # the tests' containers have no user namespaces
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--mute-audio",
    "--hide-scrollbars",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--remote-debugging-pipe",
)


def found() -> str | None:
    """The browser's program, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """A browser with one tab."""

    def __init__(self, folder: Path) -> None:
        program = found()
        assert program is not None
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        # The browser reads commands from descriptor 3 and writes to 4.
        moved = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$0" "$@"'
        command = ["bash", "-c", moved, program, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self._read = b""
        self._number = 0
        self._session: str | None = None
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        self.messages: list[str] = []
        """What the page wrote to its console, and its uncaught errors."""
        self._begun: dict[str, str] = {}
        self._completed: set[str] = set()
        target = next(one for one in self.ask("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM", "Accessibility", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads), eventsEnabled=True)

    def ask(self, method: str, **parameters: Any) -> Any:
        """Send a command of the protocol; its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(60)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _next(self, seconds: float) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            more = os.read(self._in, 2**20)
            assert more, "the browser has ended"
            self._read += more
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        given = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                details = given["exceptionDetails"]
                self.messages.append(details.get("exception", {}).get("description") or details["text"])
            case "Runtime.consoleAPICalled" if given["type"] in ("error", "warning"):
                self.messages.append(" ".join(str(one.get("value", one.get("description"))) for one in given["args"]))
            case "Browser.downloadWillBegin":
                self._begun[given["guid"]] = given["suggestedFilename"]
            case "Browser.downloadProgress" if given["state"] == "completed":
                self._completed.add(self._begun[given["guid"]])
            case "Log.entryAdded" if given["entry"]["level"] in ("error", "warning"):
                self.messages.append(f"{given['entry']['text']} {given['entry'].get('url', '')}")

    def run(self, script: str, gesture: bool = True) -> Any:
        """The value of an expression (which may await) in the page."""
        answer = self.ask(
            "Runtime.evaluate",
            expression=f"(async () => ({script}))()",
            awaitPromise=True,
            returnByValue=True,
            userGesture=gesture,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str, seconds: float = 60) -> Any:
        """Wait until an expression is true."""
        return waited(lambda: self.run(script), seconds, script)

    def open(self, address: str) -> None:
        """Load a page."""
        self.messages.clear()
        self.ask("Page.navigate", url=address)
        self.until(f"document.readyState === 'complete' && location.href === {json.dumps(address)}")

    def resize(self, width: int, height: int, *, phone: bool = False, dark: bool = False) -> None:
        """Take a screen of that size."""
        scale = 1
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        self.ask("Emulation.setTouchEmulationEnabled", enabled=phone)
        value = "dark" if dark else "light"
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def choose(self, selector: str, *files: Path) -> None:
        """Put files into a file field."""
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

    def click(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Click at a position of an element, in fractions of its size, as a mouse does."""
        where = {"button": "left", "clickCount": 1, **self._position(selector, x, y)}
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, **where)

    def tap(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Tap a position of an element with a finger; the screen must be a phone's."""
        self.touch(selector, [(x, y)])

    def move(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Move the mouse to a position of an element."""
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", **self._position(selector, x, y))

    def wheel(self, selector: str, x: float, y: float, down: float) -> None:
        """Turn the wheel over a position of an element, so many pixels downwards."""
        where = self._position(selector, x, y)
        self.ask("Input.dispatchMouseEvent", type="mouseWheel", deltaX=0, deltaY=down, **where)

    def touch(self, selector: str, *steps: Sequence[tuple[float, float]]) -> None:
        """Move fingers over an element: in each step they are all at these positions of it; then they are lifted."""
        for number, fingers in enumerate(steps):
            points = [self._position(selector, x, y) | {"id": finger} for finger, (x, y) in enumerate(fingers)]
            self.ask("Input.dispatchTouchEvent", type="touchMove" if number else "touchStart", touchPoints=points)
        self.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def seen(self, selector: str) -> Image.Image:
        """What is seen of an element."""
        self._position(selector, 0, 0)
        box = self.run(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()")
        answer = self.ask("Page.captureScreenshot", format="png")
        area = (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
        return Image.open(BytesIO(base64.b64decode(answer["data"]))).convert("RGB").crop(tuple(map(round, area)))

    def drag(self, selector: str, over: str, x: float, start: tuple[float, float] = (0.5, 0.8)) -> None:
        """Drag from a position of an element to one of another."""
        self.ask(
            "Input.dispatchMouseEvent",
            type="mousePressed",
            button="left",
            clickCount=1,
            **self._position(selector, *start),
        )
        position = self._position(over, x, 0.5)
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", button="left", buttons=1, **position)
        self.ask("Input.dispatchMouseEvent", type="mouseReleased", button="left", **position)

    def _position(self, selector: str, x: float, y: float) -> dict[str, float]:
        box = self.run(
            f"(e => (e.scrollIntoView({{block: 'center'}}), e.getBoundingClientRect().toJSON()))"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        return {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36}
        codes |= {"+": 187, "-": 189, "0": 48}
        codes |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        given = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes[key]}
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else None)
        for kind in ("keyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                modifiers=8 if shift else 0,
                **given,
                **({"text": text} if text and kind == "keyDown" else {}),
            )

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as a PNG."""
        answer = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def downloaded(self, name: str, seconds: float = 30) -> Path:
        """The file of that name, once it is downloaded: an empty one takes its place as soon as the download begins."""

        def complete() -> bool:
            self.run("0")  # reads the events that came
            return name in self._completed

        waited(complete, seconds, f"the download {name}; there are {sorted(p.name for p in self.downloads.iterdir())}")
        self._completed.remove(name)  # the next of that name is waited for anew
        return self.downloads / name

    def names(self) -> list[tuple[str, str]]:
        """Role and name of all that a screen reader meets."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"] and "role" in node
        ]

    def close(self) -> None:
        """End the browser."""
        os.close(self._out)
        os.close(self._in)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def waited(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait until a condition holds; its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        time.sleep(0.03)
    return value
