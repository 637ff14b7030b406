"""The page, in a real browser: what it shows of parses and of failures, on a screen and on a phone."""

import json
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from sceneparse.labels import LabelSpace
from sceneparse.serving import ServeSettings
from tests.support.brightest import BrightestChannel
from tests.support.chromium import Browser
from tests.support.page import DONE, NEEDS_CHROMIUM, SCREENS, fits, heard, opened, parsed, shown, text
from tests.support.served import SPACE, Shifted, picture, plain_parser, serving, unified_parser

pytestmark = NEEDS_CHROMIUM


@SCREENS
def test_a_model_of_one_task(browser: Browser, stripes: Path, width: int) -> None:
    with serving({"colours": plain_parser()}) as service:
        opened(browser, service, width)
        assert browser.run("document.querySelector('#compare-field').hidden")
        fits(browser)
        parsed(browser, stripes)
        heard(browser, "Parsed: 3 classes")
        fits(browser)
        assert text(browser, "#legend").split() == ["brick", "33", "%", "grass", "33", "%", "water", "33", "%"]
        assert shown(browser, "#overlay-first", 10, 10) == [200, 60, 40, 255]
        assert shown(browser, "#overlay-first", 40, 50) == [60, 160, 70, 255]
        assert shown(browser, "#photo", 80, 10) == [0, 0, 200, 255]

        browser.click("#stage", 0.5, 0.5)
        assert text(browser, "#reading").split() == ["grass", "100", "%"]
        heard(browser, "grass, 100 %")
        if width > 500:
            browser.move("#stage", 0.9, 0.4)
            browser.until("document.querySelector('#reading').innerText.startsWith('water')")
        browser.run("document.querySelector('#stage').focus()")
        for _ in range(6):
            browser.press("ArrowLeft", shift=True)
        heard(browser, "brick")
        assert text(browser, "#reading").split() == ["brick", "100", "%"]

        browser.run("document.querySelector('#opacity').focus()")
        browser.press("End")
        assert text(browser, "#opacity-value") == "100 %"
        assert browser.run("getComputedStyle(document.querySelector('#overlay-first')).opacity") == "1"

        browser.click("#legend li:nth-child(2) .name")
        assert shown(browser, "#overlay-first", 40, 50)[3] == 0 and shown(browser, "#overlay-first", 10, 10)[3] == 255
        browser.click("#hide-all")
        assert shown(browser, "#overlay-first", 10, 10)[3] == 0
        browser.click("#show-all")
        assert shown(browser, "#overlay-first", 40, 50)[3] == 255

        browser.click("[data-save=labels]")
        labels = np.array(Image.open(browser.downloaded("stripes_labels.png")))
        assert labels.shape == (60, 90) and labels[0, ::30].tolist() == [7, 0, 30]
        browser.click("[data-save=overlay]")
        overlay = Image.open(browser.downloaded("stripes_overlay.png")).convert("RGB")
        assert overlay.size == (90, 60) and overlay.getpixel((10, 10)) == (200, 60, 40)  # at full opacity
        browser.click("[data-save=json]")
        answer = json.loads(browser.downloaded("stripes.json").read_text())
        assert answer["masks"]["objects"][0]["rle"]["size"] == [60, 90] and "confidence" not in answer
        for file in browser.downloads.iterdir():
            file.unlink()


@SCREENS
def test_a_model_of_all_tasks(browser: Browser, stripes: Path, width: int) -> None:
    parser = unified_parser()
    parse = parser(stripes)
    with serving({"all tasks": parser}) as service:
        opened(browser, service, width)
        parsed(browser, stripes)
        fits(browser)
        assert parse.scene is not None and parse.material is not None and parser.tasks is not None
        assert parse.scene[0].name in text(browser, "#scene-list").split("\n")[0]
        layers = browser.run("[...document.querySelectorAll('#layers label')].map(e => e.innerText)")
        assert layers == ["Objects", "Parts", "Materials", "Textures"]
        browser.click("#stage", 0.5, 0.5)
        materials, textures = parser.tasks.materials, parser.tasks.textures
        assert materials is not None and textures is not None and parse.texture is not None
        reading = text(browser, "#reading")
        assert parser.labels.names[parse.labels[30, 45]] in reading
        assert materials.names[parse.material[30, 45]] in reading
        assert textures.names[parse.texture[30, 45]] in reading
        browser.run("document.querySelector('#layers input').focus()")
        browser.press("ArrowRight")
        browser.press("ArrowRight")
        assert text(browser, "#legend-title").lower() == "materials"
        names = {materials.names[index] for index in np.unique(parse.material)}
        assert {line for line in text(browser, "#legend").split("\n") if line in materials.names} == names
        place = next((x, y) for y in range(5, 55) for x in range(5, 85) if same_around(parse.material, x, y))
        color = materials.colors[parse.material[place[1], place[0]]]
        assert shown(browser, "#overlay-first", *place) == [*color, 255]
        browser.click("[data-save=labels]")
        saved = np.array(Image.open(browser.downloaded("stripes_materials.png")))
        np.testing.assert_array_equal(saved, parse.material)
        for file in browser.downloads.iterdir():
            file.unlink()


def same_around(labels: np.ndarray, x: int, y: int) -> bool:
    return bool((labels[y - 1 : y + 2, x - 1 : x + 2] == labels[y, x]).all())


@SCREENS
def test_two_models_compared(browser: Browser, stripes: Path, width: int) -> None:
    with serving({"colours": plain_parser(), "shifted": plain_parser(Shifted())}) as service:
        opened(browser, service, width)
        parsed(browser, stripes)
        browser.click("#compare")
        browser.until(f"{DONE} && !document.querySelector('#divider').hidden")
        fits(browser)
        assert (text(browser, "#name-first"), text(browser, "#name-second")) == ("colours", "shifted")
        assert shown(browser, "#overlay-first", 10, 10) == [200, 60, 40, 255]
        assert shown(browser, "#overlay-second", 80, 10) == [200, 60, 40, 255]  # blue is brick to the second
        assert text(browser, "#legend li").split() == ["brick", "33", "%", "33", "%"]
        browser.click("#stage", 0.9, 0.3)
        assert text(browser, "#reading").split() == ["brick", "100", "%", "(shifted)", "water", "100", "%", "(colours)"]
        for _ in range(2):  # at zoom the border stays where it is on the screen
            browser.click("#zoom-in")
        browser.click("#stage", 0.4, 0.3)
        assert "(colours)" in text(browser, "#reading .where:first-child")
        browser.click("#stage", 0.6, 0.3)
        assert "(shifted)" in text(browser, "#reading .where:first-child")
        browser.click("#zoom-whole")
        browser.drag("#divider", "#stage", 0.25)
        cut = "Number(document.querySelector('#divider').getAttribute('aria-valuenow'))"
        assert 22 <= browser.run(cut) <= 28
        browser.run("document.querySelector('#divider').focus()")
        browser.press("ArrowRight", shift=True)
        browser.press("Home")
        assert browser.run(cut) == 0
        assert browser.run("document.querySelector('#overlay-second').style.clipPath") == "inset(0px 0px 0px 0%)"
        assert len(browser.run("[...document.querySelectorAll('[data-save]')].map(e => e.ariaLabel)")) == 6
        browser.click(".download:last-child [data-save=labels]")
        saved = np.array(Image.open(browser.downloaded("stripes_shifted_labels.png")))
        assert saved[0, ::30].tolist() == [0, 30, 7]
        browser.run("document.querySelector('#second').focus()")
        browser.run(
            "(e => { e.value = 'colours'; e.dispatchEvent(new Event('change')); })(document.querySelector('#second'))"
        )
        browser.until("document.querySelector('#name-second').textContent === 'colours'")
        browser.click("#compare")
        browser.until("document.querySelector('#divider').hidden")
        for file in browser.downloads.iterdir():
            file.unlink()


def test_a_class_that_one_of_two_models_does_not_find_is_said_to_be_none(browser: Browser, tmp_path: Path) -> None:
    red = tmp_path / "red.png"
    Image.new("RGB", (60, 40), (200, 0, 0)).save(red)
    with serving({"colours": plain_parser(), "shifted": plain_parser(Shifted())}) as service:
        opened(browser, service)
        browser.click("#compare")
        parsed(browser, red)
        rows = (
            "[...document.querySelectorAll('#legend li')].map(e => [e.innerText, e.querySelector('input').ariaLabel])"
        )
        seen = [(*line.split(), said) for line, said in browser.run(rows)]
        assert sorted(seen) == [
            ("brick", "100", "%", "–", "brick, 100 % by colours, none by shifted"),
            ("grass", "–", "100", "%", "grass, none by colours, 100 % by shifted"),
        ]


def test_an_answer_that_breaks_off_is_told_as_that(browser: Browser, stripes: Path) -> None:
    with serving({"colours": plain_parser()}) as service:
        opened(browser, service)
        browser.run(
            "window.fetch = async () =>"
            " new Response(new ReadableStream({start(it) { it.error(new TypeError('cut')); }}))"
        )
        browser.choose("#file", stripes)
        browser.until("!document.querySelector('#message').hidden")
        assert "The service does not answer" in text(browser, "#message-text")
        assert not browser.run("document.querySelector('#again').hidden")


def test_names_that_look_like_markup_are_shown_as_they_are(browser: Browser, stripes: Path) -> None:
    names = ("<img src=x onerror=document.title='broken'>", "<b>grass</b>", "\"water\" & 'more'")
    labels = LabelSpace(names, colors=SPACE.colors, ids=SPACE.ids)
    with serving({"<i>model</i>": plain_parser(labels=labels), "two": plain_parser(labels=labels)}) as service:
        opened(browser, service)
        parsed(browser, stripes)
        shown_names = browser.run("[...document.querySelectorAll('#legend .name')].map(e => e.textContent)")
        assert sorted(shown_names) == sorted(names)
        browser.click("#stage", 0.5, 0.5)
        assert text(browser, "#reading b") == "<b>grass</b>"
        browser.click("#compare")
        browser.until(f"{DONE} && !document.querySelector('#divider').hidden")
        assert text(browser, "#name-first") == "<i>model</i>"
        assert browser.run("document.title") == "sceneparse" and browser.messages == []


def test_every_failure_has_clear_words_and_a_way_on(browser: Browser, stripes: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.png"
    wrong.write_text("no picture")
    empty = tmp_path / "empty.png"
    empty.touch()
    engine = BrightestChannel()
    message = "document.querySelector('#message').hidden ? '' : document.querySelector('#message-text').textContent"
    with serving({"colours": plain_parser(engine)}, ServeSettings(queue=1, time_limit=3.0)) as service:
        opened(browser, service)
        browser.choose("#file", wrong)
        browser.until(f"({message}).includes('notes.png is not a picture')")
        assert browser.run("document.querySelector('#again').hidden")
        browser.choose("#file", empty)
        browser.until(f"({message}).includes('empty')")
        parsed(browser, stripes)
        assert not browser.run(message)

        engine.gate.clear()  # busy: the page waits and tries again by itself
        blocker = threading.Thread(target=lambda: service.ask("/v1/parse", picture()))
        blocker.start()
        service.until_waiting(1)
        browser.choose("#file", stripes)
        browser.until("document.querySelector('#status').textContent.includes('busy. Trying again in')")
        engine.gate.set()
        blocker.join()
        browser.until(DONE)

        engine.gate.clear()
        browser.choose("#file", stripes)
        browser.until(f"({message}).includes('took longer than the 3 seconds')")
        assert browser.run("getComputedStyle(document.querySelector('.panel')).visibility") == "hidden"
        assert shown(browser, "#photo", 80, 10) == [0, 0, 200, 255], "the picture itself is seen"
        engine.gate.set()
        browser.click("#again")
        browser.until(DONE)
        assert not browser.run(message)

        engine.gate.clear()
        browser.choose("#file", stripes)
        browser.until("!document.querySelector('#cancel').hidden")
        browser.click("#cancel")
        browser.until(f"({message}).includes('Stopped')")
        engine.gate.set()
        address = service.address
    assert browser.run("location.href") == address
    browser.choose("#file", stripes)  # the service has ended
    browser.until(f"({message}).includes('does not answer')")
    assert not browser.run("document.querySelector('#again').hidden")


def test_a_key_is_asked_for_and_used(browser: Browser, stripes: Path) -> None:
    key = "a-key-of-some-length"
    with serving({"colours": plain_parser()}, ServeSettings(api_keys=(key,))) as service:
        opened(browser, service)
        browser.until("!document.querySelector('#key-form').hidden")
        assert browser.run("document.activeElement.id") == "key"
        message = "document.querySelector('#message-text').textContent"
        assert "asks for a key" in browser.run(message)
        browser.run("document.querySelector('#key').value = 'a-wrong-key-of-some-length'")
        browser.press("Enter")
        browser.until(f"{message}.includes('does not know this key')")
        for wrong in ("a-mistyped-kéy-of-some-length", "two words of a-key", "“a-key-of-some-length”"):
            browser.run("document.querySelector('#message-text').textContent = ''")
            browser.run(f"document.querySelector('#key').value = '{wrong}'")
            browser.press("Enter")
            browser.until(f"{message}.includes('This is no key')")
            assert not browser.run("document.querySelector('#key-form').hidden")
            assert browser.run("sessionStorage.getItem('sceneparse-key')") == "a-wrong-key-of-some-length"
        browser.run(f"document.querySelector('#key').value = '{key}'")
        browser.press("Enter")
        browser.until("!document.querySelector('#models').hidden && document.querySelector('#message').hidden")
        parsed(browser, stripes)


def test_the_page_is_dark_where_the_system_is(browser: Browser) -> None:
    with serving({"colours": plain_parser()}) as service:
        opened(browser, service, dark=True)
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 21)"
        opened(browser, service)
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(244, 245, 243)"
