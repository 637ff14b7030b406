"""What tests of the service's page do in the browser."""

import json
from pathlib import Path

import pytest

from tests.support import chromium
from tests.support.chromium import Browser
from tests.support.served import Service

NEEDS_CHROMIUM = pytest.mark.skipif(chromium.found() is None, reason="no Chromium is installed: the page is not tested")
SCREENS = pytest.mark.parametrize("width", [1280, 390])
DONE = (
    "!document.querySelector('#result').hidden && !document.querySelector('#result.pending')"
    " && !document.body.classList.contains('busy')"
)


def opened(browser: Browser, service: Service, width: int = 1280, *, dark: bool = False) -> None:
    browser.resize(width, 844, phone=width < 500, dark=dark)
    browser.run("sessionStorage.clear()") if browser.run("location.protocol === 'http:'") else None
    browser.open(service.address)
    browser.until("!document.querySelector('#models').hidden || !document.querySelector('#message').hidden")


def parsed(browser: Browser, file: Path) -> None:
    browser.choose("#file", file)
    browser.until(DONE)


def text(browser: Browser, selector: str) -> str:
    return str(browser.run(f"document.querySelector({json.dumps(selector)}).innerText"))


def shown(browser: Browser, canvas: str, x: int, y: int) -> list[int]:
    """Red, green, blue and opacity of a canvas at a pixel of the picture."""
    pixel = f"document.querySelector('{canvas}').getContext('2d').getImageData({x}, {y}, 1, 1).data"
    return list(browser.run(f"[...{pixel}]"))


def heard(browser: Browser, words: str) -> None:
    browser.until(f"document.querySelector('#announce').textContent.includes({json.dumps(words)})", 10)


def fits(browser: Browser) -> None:
    """Nothing is wider than the screen, nothing broke, and what can be used has a name and is large enough."""
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.messages == []
    for role, name in browser.names():
        assert name or role not in ("button", "checkbox", "combobox", "slider", "textbox", "radio", "application"), role
    small = browser.run(
        "[...document.querySelectorAll('button, select, #legend label')].filter(e => e.offsetParent &&"
        " e.getBoundingClientRect().height < 30).map(e => e.outerHTML)"
    )
    assert small == []


def zoom(browser: Browser) -> float:
    return float(text(browser, "#zoom-value").removesuffix("×"))


def dropped(file: Path) -> str:
    """JavaScript that drops a file on the page."""
    data = json.dumps(list(file.read_bytes()))
    return (
        f"(() => {{ const held = new DataTransfer(); held.items.add(new File([new Uint8Array({data})],"
        f" {json.dumps(file.name)}, {{type: 'image/png'}}));"
        " dispatchEvent(new DragEvent('drop', {dataTransfer: held, cancelable: true, bubbles: true})); })()"
    )
