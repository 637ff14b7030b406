"""The page, in a real browser: how pictures come to it, several of them and large ones, and how one is looked at."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneparse.serving import ServeSettings
from sceneparse.settings import DataSettings, LearntSizes
from tests.support.brightest import BrightestChannel
from tests.support.chromium import Browser
from tests.support.page import DONE, NEEDS_CHROMIUM, SCREENS, dropped, fits, opened, parsed, shown, text, zoom
from tests.support.served import picture, plain_parser, serving

pytestmark = NEEDS_CHROMIUM


def test_the_picture_zooms_and_pans_with_mouse_and_keys_and_labels_stay_exact(browser: Browser, stripes: Path) -> None:
    with serving({"colours": plain_parser()}) as service:
        opened(browser, service)
        parsed(browser, stripes)
        browser.run("document.querySelector('#opacity').focus()")
        browser.press("End")
        assert zoom(browser) == 1 and browser.run("document.querySelector('#zoom-out').disabled")
        for _ in range(4):
            browser.wheel("#stage", 1 / 3, 0.5, -600)
        browser.until("document.querySelector('#zoom-in').disabled")
        assert zoom(browser) == 8  # 32 pixels of the screen for one of the picture
        seen = np.array(browser.seen("#stage"))[12:-12, 12:-12]  # without its round corners
        colours = np.unique(seen.reshape(-1, 3), axis=0)
        assert colours.tolist() == [[60, 160, 70], [200, 60, 40]], "no colour in between, and no outline"
        edges = np.flatnonzero(np.any(seen[0, 1:] != seen[0, :-1], axis=-1))
        assert edges + 13 == 120, "what the wheel was turned over has stayed where it was"
        browser.move("#stage", 0.2, 0.5)
        browser.until("document.querySelector('#reading').innerText.startsWith('brick')")
        browser.move("#stage", 0.5, 0.5)
        browser.until("document.querySelector('#reading').innerText.startsWith('grass')")

        browser.drag("#stage", "#stage", 0.9, (0.2, 0.5))  # the picture to the right
        assert np.unique(np.array(browser.seen("#stage"))[100].reshape(-1, 3), axis=0).tolist() == [[200, 60, 40]]
        assert text(browser, "#reading").startswith("grass"), "what was dragged was not clicked"
        browser.run("document.querySelector('#stage').focus()")
        for _ in range(42):
            browser.press("ArrowRight", shift=True)
        assert text(browser, "#reading").startswith("water"), "the view follows the reading point"
        mark = browser.run("document.querySelector('#point').getBoundingClientRect().toJSON()")
        stage = browser.run("document.querySelector('#stage').getBoundingClientRect().toJSON()")
        assert stage["x"] < mark["x"] and mark["x"] + mark["width"] < stage["x"] + stage["width"] + 20
        browser.press("-")
        assert zoom(browser) == 5
        browser.press("0")
        assert zoom(browser) == 1
        browser.press("+")
        browser.click("#zoom-in")
        assert zoom(browser) == 2.6
        browser.click("#zoom-whole")
        browser.wheel("#stage", 0.5, 0.5, 300)
        assert zoom(browser) == 1 and browser.messages == []
        fits(browser)


def test_a_mouse_that_is_released_beside_the_stage_is_no_longer_down(browser: Browser, stripes: Path) -> None:
    with serving({"colours": plain_parser()}) as service:
        opened(browser, service)
        parsed(browser, stripes)
        browser.drag("#stage", "#legend", 0.5)  # not zoomed: nothing is dragged, and the stage does not hold the mouse
        browser.move("#stage", 0.1, 0.5)
        browser.until("document.querySelector('#reading').innerText.startsWith('brick')", 10)
        browser.click("#zoom-in")
        plane = "document.querySelector('#plane').style.transform"
        before = browser.run(plane)
        for x in (0.4, 0.9):
            browser.move("#stage", x, 0.5)
        browser.until("document.querySelector('#reading').innerText.startsWith('water')", 10)
        assert browser.run(plane) == before, "no button is held: nothing is dragged"


def test_fingers_zoom_pan_and_read(browser: Browser, stripes: Path) -> None:
    with serving({"colours": plain_parser()}) as service:
        opened(browser, service, 390)
        parsed(browser, stripes)
        browser.touch("#stage", [(0.5, 0.5)])
        browser.until("document.querySelector('#reading').innerText.startsWith('grass')")
        browser.touch("#stage", [(0.4, 0.5), (0.6, 0.5)], [(0.3, 0.5), (0.7, 0.5)], [(0.2, 0.5), (0.8, 0.5)])
        assert zoom(browser) == 3
        browser.touch("#stage", [(0.2, 0.5)], [(0.3, 0.5)], [(0.6, 0.5)], [(0.9, 0.5)])
        browser.touch("#stage", [(0.1, 0.5)])
        browser.until("document.querySelector('#reading').innerText.startsWith('brick')")
        assert zoom(browser) == 3
        time.sleep(0.4)  # else the next tap would be the second of two
        for scale in (1, 3):
            for _ in range(2):
                browser.touch("#stage", [(0.9, 0.5)])
            browser.until(f"document.querySelector('#zoom-value').innerText === '{scale}.0×'")
        browser.touch("#stage", [(0.9, 0.5)])
        browser.until("document.querySelector('#reading').innerText.startsWith('water')")
        fits(browser)


@SCREENS
def test_several_pictures_are_parsed_one_after_another_and_a_bad_one_holds_none_up(
    browser: Browser, stripes: Path, tmp_path: Path, width: int
) -> None:
    wrong, other = tmp_path / "notes.png", tmp_path / "other.png"
    wrong.write_text("no picture")
    other.write_bytes(picture((40, 50)))
    engine = BrightestChannel()
    with serving({"colours": plain_parser(engine)}) as service:
        opened(browser, service, width)
        engine.gate.clear()
        browser.choose("#file", stripes, wrong, other)
        browser.until("document.querySelector('#status').textContent.startsWith('Parsing 1 of 3 with colours')")
        names = "[...document.querySelectorAll('.thumb')].map(e => e.ariaLabel)"
        assert browser.run(names) == ["stripes.png, parsing", "notes.png, waiting", "other.png, waiting"]
        engine.gate.set()
        browser.until(DONE)
        assert browser.run(names) == ["stripes.png, parsed", "notes.png, failed", "other.png, parsed"]
        assert text(browser, "#tally") == "2 of 3 pictures parsed, 1 failed"
        assert "90 × 60 pixels" in text(browser, "#facts")
        browser.messages.clear()  # of the thumbnail that there is not
        fits(browser)
        browser.click("li:nth-child(2) > .thumb")
        browser.until("document.querySelector('#message-text').textContent.includes('notes.png is not a picture')")
        browser.run("document.querySelector('li:nth-child(3) > .thumb').focus()")
        browser.press("Enter")
        browser.until(f"{DONE} && document.querySelector('#facts').innerText.includes('50 × 40 pixels')")
        assert browser.run("document.querySelector('#message').hidden")
        assert browser.run("document.activeElement.ariaCurrent") == "true"
        # Away and back before the other one is there: what is shown is neither half of it nor the other's.
        browser.run("[1, 3].forEach(n => document.querySelector(`li:nth-child(${n}) > .thumb`).click())")
        browser.until(f"{DONE} && document.querySelector('#facts').innerText.includes('50 × 40 pixels')", 10)
        browser.click("#stage", 0.5, 0.5)
        assert text(browser, "#reading").startswith("grass")
        browser.click("[data-save=json]")
        assert json.loads(browser.downloaded("other.json").read_text())["width"] == 50
        (browser.downloads / "other.json").unlink()
        assert engine.calls == 2, "none is parsed twice"
        browser.click("#clear")
        browser.until("document.body.classList.contains('empty')")
        browser.click("#example")
        browser.until(f"{DONE} && document.querySelector('#facts').innerText.includes('640 × 480 pixels')")
        fits(browser)


def test_a_picture_is_dropped_pasted_or_taken_by_the_camera(browser: Browser, stripes: Path) -> None:
    with serving({"colours": plain_parser()}) as service:
        for event, place in (("drop", "dataTransfer"), ("paste", "clipboardData")):
            opened(browser, service)
            made = "new DragEvent('drop', {" if event == "drop" else "new ClipboardEvent('paste', {"
            data = json.dumps(list(stripes.read_bytes()))
            browser.run(
                f"(() => {{ const held = new DataTransfer(); held.items.add(new File([new Uint8Array({data})],"
                f" 'stripes.png', {{type: 'image/png'}})); dispatchEvent({made}{place}: held, cancelable: true,"
                " bubbles: true})); })()"
            )
            browser.until(DONE)
            assert "brick" in text(browser, "#legend")
        opened(browser, service)
        browser.click("#use-camera")
        browser.until("document.querySelector('#video').videoWidth > 0")
        assert browser.run("document.activeElement.id") == "take"
        browser.press("Enter")
        browser.until(DONE)
        assert browser.run(
            "document.querySelector('#camera').hidden && document.querySelector('#video').srcObject === null"
        )
        assert browser.messages == []


def test_of_two_pictures_the_one_that_was_chosen_last_is_shown(browser: Browser, stripes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(picture((40, 50)))
    with serving({"colours": plain_parser()}) as service:
        opened(browser, service)
        browser.run(
            "(() => { const real = createImageBitmap; let count = 0; window.createImageBitmap = async (...given) => {"
            " const first = !count++; const read = await real(...given);"
            " if (first) { await new Promise((done) => setTimeout(done, 500)); window.late = true; }"
            " return read; }; })()"
        )
        browser.run(dropped(stripes))
        browser.run(dropped(other))
        browser.until(DONE)
        browser.until("window.late")
        browser.until(DONE)
        assert "50 × 40 pixels" in text(browser, "#facts")


def test_a_camera_that_is_asked_for_twice_is_closed_for_good(browser: Browser) -> None:
    with serving({"colours": plain_parser()}) as service:
        opened(browser, service)
        browser.run(
            "(() => { const camera = navigator.mediaDevices, real = camera.getUserMedia.bind(camera);"
            " window.films = [];"
            " camera.getUserMedia = async (...given) => { const film = await real(...given); films.push(film);"
            " return film; };"
            " const button = document.querySelector('#use-camera'); button.click(); button.click(); })()"
        )
        browser.until("films.length === 2 && document.querySelector('#video').videoWidth > 0")
        browser.click("#close-camera")
        states = "films.flatMap((film) => film.getTracks().map((track) => track.readyState))"
        assert browser.run(states) == ["ended", "ended"]


def test_a_picture_beyond_the_limits_is_made_smaller_and_that_is_said(browser: Browser, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(picture((300, 400)))
    other = tmp_path / "other.bmp"
    other.write_bytes(picture((60, 90), "BMP"))
    with serving({"colours": plain_parser()}, ServeSettings(max_pixels=30_000)) as service:
        opened(browser, service)
        parsed(browser, large)
        note = text(browser, "#note")
        assert note.endswith("400 × 300 → 200 × 150 pixels: this service takes at most 30,000 pixels.")
        parsed(browser, other)
        assert text(browser, "#note").startswith("Saved as JPEG")


def test_a_picture_that_is_foreseen_to_take_too_long_is_made_smaller_before_it_is_sent(
    browser: Browser, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(picture((300, 400)))
    with serving({"colours": plain_parser()}, ServeSettings(time_limit=5.0)) as service:
        paces = service.server.paces
        paces.took("colours", (1000, 1000), 100.0)  # so that 50,000 pixels take as long as is allowed
        opened(browser, service)
        parsed(browser, large)
        assert "400 × 300 → 258 × 193 pixels: colours can parse at most 49" in text(browser, "#note")
        for _ in range(20):  # it becomes slower after the page has asked
            paces.took("colours", (1000, 1000), 200.0)
        parsed(browser, large)
        assert "400 × 300 → 18" in text(browser, "#note")
        refused = service.ask("/metrics").body.decode()
        assert 'status="413"} 1.0' in refused and 'status="504"' not in refused, "once, and then asked anew"
        for _ in range(80):
            paces.took("colours", (1000, 1000), 1e5)
        browser.choose("#file", large)
        browser.until("!document.querySelector('#message').hidden")
        assert "cannot parse it here at any size" in text(browser, "#message-text")


def test_a_picture_whose_shape_costs_more_is_made_as_small_as_the_service_advises(
    browser: Browser, tmp_path: Path
) -> None:
    wide, large = tmp_path / "wide.png", tmp_path / "large.png"
    wide.write_bytes(picture((200, 2000)))
    large.write_bytes(picture((300, 400)))
    sizes = LearntSizes(short=100, largest=100, seen=(50, 100))
    with serving({"colours": plain_parser(sizes=sizes)}, ServeSettings(time_limit=5.0)) as service:
        for _ in range(100):  # so that 70,000 pixels of the network take as long as is allowed
            for size, seen in (((100, 1000), 100_000), ((1000, 1000), 10_000), ((4000, 4000), 10_000)):
                service.server.paces.took("colours", size, seen * 5 / 70_000)
        opened(browser, service)
        parsed(browser, wide)
        assert "2000 × 200 → 83" in text(browser, "#note") and "colours can parse at most" in text(browser, "#note")
        asked = service.ask("/metrics").body.decode()
        assert 'path="/v1/parse",status="413"} 1.0' in asked and 'path="/v1/parse",status="200"} 1.0' in asked
        parsed(browser, large)
        assert text(browser, "#note") == "", "it has more pixels than are always taken, and is taken as it is"


def test_a_result_that_cannot_be_shown_is_said_and_holds_no_other_up(
    browser: Browser, stripes: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(picture((40, 50)))
    message = "document.querySelector('#message').hidden ? '' : document.querySelector('#message-text').textContent"
    with serving({"colours": plain_parser()}) as service:
        opened(browser, service)
        browser.run(  # as where the memory does not suffice
            "(() => { const real = createImageBitmap; window.createImageBitmap = (it, options) =>"
            " options.colorSpaceConversion && !window.healthy ? Promise.reject(new RangeError('no memory'))"
            " : real(it, options); })()"
        )
        browser.choose("#file", stripes)
        browser.until(f"({message}).includes('failed at showing this picture')", 10)
        assert not browser.run("document.body.classList.contains('busy')")
        assert shown(browser, "#photo", 80, 10) == [0, 0, 200, 255], "the picture itself is seen"
        assert browser.run("getComputedStyle(document.querySelector('.panel')).visibility") == "hidden"
        browser.run("window.healthy = true")
        parsed(browser, other)
        assert "50 × 40 pixels" in text(browser, "#facts") and not browser.run(message)
        browser.click("li:nth-child(1) > .thumb")
        browser.click("#again")
        browser.until(f"{DONE} && document.querySelector('#facts').innerText.includes('90 × 60 pixels')", 10)
        assert not browser.run(message)


def test_a_large_picture_that_waits_is_drawn_with_no_more_pixels_than_a_result(
    browser: Browser, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    Image.new("1", (5000, 4000)).save(large, compress_level=1)
    engine = BrightestChannel()
    with serving({"colours": plain_parser(engine)}, ServeSettings(max_pixels=10_000)) as service:
        opened(browser, service)
        engine.gate.clear()
        browser.choose("#file", large)
        photo = "(({width, height}) => [width, height])(document.querySelector('#photo'))"
        browser.until("!document.querySelector('#result').hidden && document.querySelector('#photo').width > 300")
        assert browser.run(photo) == [4579, 3663]
        engine.gate.set()
        browser.until(DONE)
        assert browser.run(photo) == [111, 89]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_is_parsed_as_it_is_stored_is_shown_so(
    browser: Browser, orientation: int, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.zeros((60, 90, 3), np.uint8)
    pixels[:, :30, 0] = pixels[:30, 30:, 1] = pixels[30:, 30:, 2] = 200
    Image.fromarray(pixels).save(tmp_path / "stored.png", exif=exif)
    with serving({"colours": plain_parser(data=DataSettings(orientation="ignore"))}) as service:
        opened(browser, service)
        parsed(browser, tmp_path / "stored.png")
        for x, y in ((10, 10), (10, 50), (70, 10), (70, 50)):
            assert shown(browser, "#photo", x, y)[:3] == pixels[y, x].tolist()
