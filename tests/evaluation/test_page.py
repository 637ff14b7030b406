"""The page of reports and comparisons, in a real browser: on a screen and on a phone, with and without its script."""

import numpy as np
import pytest
from PIL import Image

from sceneparse.diagnosing.advice import marked
from sceneparse.drawing.charts import Series, confusion_matrix, curves
from sceneparse.evaluation.gallery import Mark, card, view
from sceneparse.evaluation.page import Section, named, page, scrolling, table
from tests.support import chromium
from tests.support.chromium import Browser

pytestmark = pytest.mark.skipif(chromium.found() is None, reason="no Chromium is installed: the page is not tested")

COMMAND = "sceneparse train runs/a/recipe.yaml --training.iterations 12000 --out runs/a-longer"

NAMES = ("sky", "a class whose name is far too long for the first column of a table", "car")
WIDTHS = pytest.mark.parametrize("width", [1280, 390])

FAINT = """(() => {
  const parts = color => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = color => {
    const [red, green, blue] = color.map(one => one / 255).map(
      one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = one => {
    const square = one instanceof SVGElement && one.previousElementSibling;
    if (square?.tagName === 'rect') {  // a cell of the matrix, which is painted over the ground of all cells
      const style = getComputedStyle(square), share = Number(style.fillOpacity);
      const ground = parts(getComputedStyle(one.ownerSVGElement.querySelector('.track')).fill);
      return parts(style.fill).map((value, index) => share * value + (1 - share) * ground[index]);
    }
    for (; one; one = one.parentElement) {
      const color = parts(getComputedStyle(one).backgroundColor);
      if ((color[3] ?? 1) === 1) return color;
    }
  };
  const found = [];
  let looked = 0;
  for (const one of document.querySelectorAll('body *')) {
    const own = [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.checkVisibility({visibilityProperty: true})) continue;
    looked += 1;
    const style = getComputedStyle(one);
    const text = light(parts(one instanceof SVGElement ? style.fill : style.color)), ground = light(behind(one));
    const contrast = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${one.outerHTML.slice(0, 200)}`);
  }
  return [looked, found];
})()"""
"""How many elements with text of their own are seen, and those whose text has too little contrast (WCAG, level AA)."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of all that pages are made of."""
    image, mark = Image.new("RGB", (320, 240), (90, 140, 60)), Mark(0.2, 0.2, 0.3, 0.3)
    views = [view(image, f"view {number}", f"Picture {number}", mark=mark) for number in range(1, 4)]
    head = "".join(f'<th scope="col" class="number">a long heading {number}</th>' for number in range(12))
    rows = [f'<th scope="row">{named(name, (9, 9, 9))}</th>' + '<td class="number">12.34%</td>' * 11 for name in NAMES]
    chart = curves([Series("mine", [(0, 0.1), (50, 0.6), (100, 0.4)], dots=True)], label="Scores", x_name="iteration")
    matrix = confusion_matrix(np.array([[6, 2, 2], [0, 5, 5], [1, 0, 9]]), NAMES, range(3))
    shares = np.arange(0.1, 1.0, 0.05) ** 2  # what is right, and what is read as the next class: cells of all strengths
    each = np.diag(shares) + np.roll(np.diag(1 - shares), 1, axis=1)
    every = confusion_matrix((10_000 * each).astype(int), [f"class {one}" for one in range(len(shares))], range(18))
    mixed = '<th scope="row">a</th><td class="number">50.00</td><td>test</td><td class="number">3.0</td>'
    sections = [
        Section(
            "mixed",
            "Mixed",
            table('<th>run</th><th class="number">%</th><th>on</th><th>min</th>', [mixed], caption="M"),
        ),
        Section("typed", "Typed", f"<p>{marked(f'Do this: `{COMMAND}`. Then (`--scales 0.75 1 --flip`) that.')}</p>"),
        Section("best", "Best", card("<b>one</b>", views, "")),
        Section("classes", "Classes", table(head, rows, caption="Classes")),
        Section("curves", "Curves", f'<div class="charts">{chart}</div>'),
        Section("confusions", "Confusions", scrolling(matrix, "Matrix")),
        Section("strengths", "Strengths", scrolling(every, "All strengths")),
    ]
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page("A report", "", sections, ""), encoding="utf-8")
    return path.as_uri()


def opened(browser: Browser, address: str, width: int, *, dark: bool = False) -> None:
    browser.resize(width, 844, phone=width < 500, dark=dark)
    browser.open("about:blank")
    browser.open(address)
    browser.run("document.documentElement.style.scrollBehavior = 'auto'")


def tip(browser: Browser) -> str:
    """What the tip says; empty while it is not shown."""
    return str(browser.run("document.querySelector('.tip.shown')?.textContent ?? ''"))


def large(browser: Browser) -> str | None:
    """The caption of the picture that is open, which must be far larger than on the page."""
    script = (
        "(one => one?.open && one.querySelector('img').clientWidth > innerWidth / 2 && one.getAttribute('aria-label'))"
    )
    return browser.run(f"{script}(document.querySelector('dialog'))") or None


@WIDTHS
def test_a_picture_opens_large_and_keys_and_buttons_lead_to_the_others(
    browser: Browser, address: str, width: int
) -> None:
    opened(browser, address, width)
    (browser.click if width == 1280 else browser.tap)("#picture-2 img")
    browser.until("document.querySelector('dialog').open", 10)
    assert large(browser) == "Picture 2"
    mark, image = (
        browser.run(f"document.querySelector('dialog {one}').getBoundingClientRect().toJSON()")
        for one in (".mark", "img")
    )
    assert abs(mark["x"] - image["x"] - 0.2 * image["width"]) < 2
    browser.press("ArrowRight")
    assert large(browser) == "Picture 3"
    browser.press("ArrowRight")
    browser.press("ArrowLeft")
    browser.click("[aria-label='Previous picture']")
    assert large(browser) == "Picture 2"
    browser.click("[aria-label='Next picture']")
    browser.press("Escape")
    assert large(browser) is None
    browser.until("document.activeElement.id === 'frame-3'", 10)  # the event of closing comes a moment later
    browser.press("Enter")
    assert large(browser) == "Picture 3"
    browser.click("[aria-label='Close']")
    assert large(browser) is None
    assert browser.messages == []


@WIDTHS
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_dark_where_the_system_is_and_all_of_it_can_be_read(
    browser: Browser, address: str, width: int, dark: bool
) -> None:
    opened(browser, address, width, dark=dark)
    found = browser.run("getComputedStyle(document.body).backgroundColor")
    assert found == ("rgb(16, 20, 24)" if dark else "rgb(246, 247, 249)")
    looked, faint = browser.run(FAINT)
    assert looked > 60 and faint == []
    (browser.click if width == 1280 else browser.tap)("#picture-2 img")
    browser.until("document.querySelector('dialog').open", 10)
    looked, faint = browser.run(FAINT)
    assert looked > 60 and faint == []
    browser.press("Escape")
    assert browser.messages == []


def test_without_the_script_a_picture_opens_by_its_link(browser: Browser, address: str) -> None:
    browser.resize(1280, 844)
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        opened(browser, address, 1280)
        browser.click("#picture-2 img")
        browser.until("document.querySelector('#picture-2 img').clientWidth > innerWidth / 2", 10)
        browser.click("#picture-2 .shut", 0.05, 0.05)
        browser.until("document.querySelector('#picture-2 img').clientWidth < innerWidth / 2", 10)
    finally:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)


def test_on_a_phone_a_wide_table_scrolls_in_its_box_and_the_page_does_not(browser: Browser, address: str) -> None:
    opened(browser, address, 390)
    assert browser.run("document.documentElement.scrollWidth") == 390
    wide = "document.querySelector('#classes .scroll')"
    assert browser.run(f"{wide}.scrollWidth > {wide}.clientWidth")
    # The shadows at its edges stay, what covers them at the ends scrolls along.
    assert browser.run(f"getComputedStyle({wide}).backgroundAttachment") == "local, local, scroll, scroll"
    browser.run(f"{wide}.scrollLeft = 200")
    assert browser.run(f"{wide}.scrollLeft") == 200
    assert browser.run("scrollX") == 0


def test_a_swipe_leads_to_the_next_picture(browser: Browser, address: str) -> None:
    opened(browser, address, 390)
    browser.tap("#picture-1 img")
    browser.until("document.querySelector('dialog').open", 10)
    for kind, x in (("touchStart", 300), ("touchMove", 150), ("touchEnd", None)):
        browser.ask("Input.dispatchTouchEvent", type=kind, touchPoints=[] if x is None else [{"x": x, "y": 300}])
    browser.until("document.querySelector('dialog').getAttribute('aria-label') === 'Picture 2'", 10)


@WIDTHS
def test_what_a_mouse_finds_by_hovering_is_found_by_tapping_and_by_keys(
    browser: Browser, address: str, width: int
) -> None:
    opened(browser, address, width)
    assert browser.run("document.querySelectorAll('svg title').length") == 0
    find = browser.move if width == 1280 else browser.tap
    find("#curves circle:nth-of-type(2)")
    browser.until("!!document.querySelector('.tip.shown')", 10)
    assert tip(browser) == "iteration 50: 0.6"
    find("#classes tbody tr:nth-child(2) .named")
    browser.until(f"document.querySelector('.tip.shown')?.textContent === {NAMES[1]!r}", 10)
    find("h1")
    browser.until("!document.querySelector('.tip.shown')", 10)
    browser.run("document.querySelector('#confusions .scroll').focus()")
    browser.press("Tab")
    browser.until("!!document.querySelector('.tip.shown')", 10)
    assert tip(browser) == "60.00% of sky is right (6 pixels)"
    browser.press("ArrowRight")
    assert tip(browser).startswith("20.00% of sky is read as a class")
    browser.press("ArrowDown")
    assert tip(browser).startswith("50.00% of a class")
    browser.press("Escape")
    assert tip(browser) == ""
    assert browser.messages == []


@WIDTHS
def test_columns_stand_apart_and_no_word_that_is_typed_is_cut_in_two(
    browser: Browser, address: str, width: int
) -> None:
    opened(browser, address, width)
    gaps = browser.run("""[...document.querySelectorAll('#mixed tbody tr')].flatMap(row => {
      const boxes = [...row.children].map(cell => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return range.getBoundingClientRect();
      });
      return boxes.slice(1).map((box, index) => box.left - boxes[index].right);
    })""")
    assert len(gaps) == 3 and min(gaps) >= 12
    lines = browser.run("""[...document.querySelectorAll('#typed code span')].map(word => {
      const range = document.createRange();
      range.selectNodeContents(word);
      return [word.textContent, new Set([...range.getClientRects()].map(box => box.top)).size];
    })""")
    assert [word for word, _ in lines] == [*COMMAND.split(), "--scales", "0.75", "1", "--flip"]
    assert all(count == 1 for _, count in lines)
    assert browser.run("getComputedStyle(document.querySelector('#typed code.command')).display") == "block"
