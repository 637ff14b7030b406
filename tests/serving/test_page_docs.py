"""The API's documentation, in a real browser: every endpoint can be tried, with nothing fetched from elsewhere."""

import json
from pathlib import Path

from sceneparse.serving import ServeSettings
from tests.support.chromium import Browser
from tests.support.page import NEEDS_CHROMIUM, SCREENS, fits, text
from tests.support.served import plain_parser, serving

pytestmark = NEEDS_CHROMIUM
KEY = "a-key-of-some-length"


def opened(browser: Browser, address: str, width: int = 1280) -> None:
    browser.resize(width, 844, phone=width < 500)
    browser.open(f"{address}docs")
    browser.until("document.querySelectorAll('.endpoint').length === 5")


def field(browser: Browser, which: str, value: str) -> None:
    browser.run(
        f"(e => {{ e.value = {json.dumps(value)}; e.dispatchEvent(new Event('input', {{bubbles: true}})); }})"
        f"(document.querySelector({json.dumps(which)}))"
    )


def sent(browser: Browser, endpoint: int, expected: str) -> str:
    """Send the request of an endpoint, and wait for an answer with these words."""
    one = f".endpoint:nth-child({endpoint})"
    browser.run(f"document.querySelector('{one}').open = true")
    browser.click(f"{one} .try button")
    browser.until(f"document.querySelector('{one} .outcome')?.innerText.includes({json.dumps(expected)})")
    return text(browser, f"{one} .answer")


@SCREENS
def test_every_endpoint_is_tried_from_the_docs(browser: Browser, stripes: Path, width: int) -> None:
    with serving({"colours": plain_parser()}) as service:
        opened(browser, service.address, width)
        assert browser.run("[...document.querySelectorAll('.endpoint code')].map(e => e.innerText)") == [
            "/v1/parse",
            "/v1/models",
            "/healthz",
            "/readyz",
            "/metrics",
        ]
        assert '"width": 640' in sent(browser, 1, "200 OK, application/json"), "an example, as there is no picture"
        browser.choose(".try input[type=file]", stripes)
        answer = sent(browser, 1, "200 OK, application/json")
        assert '"width": 90' in answer and '"counts": [0, 1800, 3600]' in answer
        field(browser, ".try select", "image/png;kind=confidence")
        assert text(browser, ".command") == (
            "curl --data-binary '@stripes.png' -H 'Accept: image/png;kind=confidence' -o answer.png "
            f"'{service.address}v1/parse'"
        )
        sent(browser, 1, "200 OK, image/png;kind=confidence")
        browser.until("document.querySelector('.answer img')?.naturalWidth === 90")
        assert browser.messages == []
        field(browser, ".try input", "none")
        assert "there are: colours" in sent(browser, 1, "404 Not Found, application/problem+json")
        assert '"max_pixels"' in sent(browser, 2, "200 OK")
        assert '"status": "ready"' in sent(browser, 4, "200 OK")
        assert "sceneparse_requests_total" in sent(browser, 5, "200 OK, text/plain")
        browser.messages.clear()  # of the 404
        fits(browser)


def test_the_docs_send_the_key_that_they_are_given(browser: Browser) -> None:
    with serving({"colours": plain_parser()}, ServeSettings(api_keys=(KEY,))) as service:
        opened(browser, service.address)
        assert "asks for an API key" in sent(browser, 2, "401 Unauthorized")
        browser.run("document.querySelector('#key').focus()")
        browser.ask("Input.insertText", text="“a key”")
        browser.press("Tab")
        assert "This is no key" in browser.run("document.querySelector('#key').validationMessage")
        assert browser.run("sessionStorage.getItem('sceneparse-key')") is None
        browser.run("document.querySelector('#key').select()")
        browser.ask("Input.insertText", text=KEY)
        browser.press("Tab")
        sent(browser, 2, "200 OK")
