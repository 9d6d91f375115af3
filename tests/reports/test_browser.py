"""The page in a real browser: it draws, answers to pointer and keys, and asks nobody for anything."""

import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from foldwright.reports import write_index, write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SOFTWARE_GL = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
PATIENCE = 120_000  # milliseconds; software rendering on a busy machine

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def reports(tmp_path_factory, make_job) -> Path:
    """Folders of results with their pages."""
    folder = tmp_path_factory.mktemp("runs")
    make_job(folder / "pair", [30, 24], models=("model_1_multimer_v3", "model_3_multimer_v3"))
    write_report(folder / "pair")
    (folder / "bad").mkdir()
    (folder / "bad" / "status.json").write_text('{"status": "failed", "why": "row 3 is too long"}', "utf-8")
    write_index(folder)
    return folder


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE_GL)
        yield started
        started.close()


def open_page(browser, path, **how):
    """A page that has drawn everything, and what it logged and asked for."""
    page = browser.new_page(**how)
    page.set_default_timeout(PATIENCE)
    page.logged, page.asked = [], []
    page.on("console", lambda message: page.logged.append(message.text))
    page.on("pageerror", lambda error: page.logged.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready]")
    return page


@pytest.fixture(scope="module")
def opened(browser, reports):
    page = open_page(browser, reports / "pair" / "report.html", viewport={"width": 900, "height": 800})
    yield page
    page.close()


@pytest.fixture
def page(opened):
    """The page as it is after opening."""
    opened.keyboard.press("Escape")
    opened.mouse.move(1, 1)
    opened.select_option("#model", "0")
    opened.evaluate("scrollTo(0, 0)")
    return opened


def pixels(page, selector):
    from matplotlib.image import imread

    return imread(BytesIO(page.locator(selector).screenshot(timeout=PATIENCE)))[..., :3]


def readout(page):
    return page.locator("#readout").inner_text()


def drag_over_map(page, start, stop):
    """From one place of the error map to another, as shares of its side."""
    box = page.locator("#errors").bounding_box()
    left, top, side = box["x"] + 56, box["y"] + 22, box["width"] - 72
    page.mouse.move(left + start[0] * side, top + start[1] * side)
    page.mouse.down()
    page.mouse.move(left + stop[0] * side, top + stop[1] * side, steps=3)
    page.mouse.up()


def test_nothing_is_logged_and_only_the_file_is_read(page):
    assert page.logged == []
    assert [url for url in page.asked if not url.startswith(("data:", "blob:"))] == [page.url]


def test_the_structure_is_drawn_in_the_colours_of_its_confidence(page):
    drawn = pixels(page, "#structure canvas")
    is_paper = (drawn > 0.97).all(axis=-1)
    assert 0.01 < (~is_paper).mean() < 0.9
    blue = (drawn[..., 2] > drawn[..., 0] + 0.3) & ~is_paper  # very high and confident
    orange = (drawn[..., 0] > drawn[..., 2] + 0.3) & ~is_paper  # low and very low
    assert blue.sum() > 300
    assert orange.sum() > 100
    assert page.locator("#structure .still").count() == 0


def test_the_error_map_shows_both_chains(page):
    drawn = pixels(page, "#errors")
    left, top, side = 56, 22, drawn.shape[1] - 72
    half = side * 30 // 54  # where chain A ends
    within, between = (
        drawn[top + 4 : top + half - 4, left + a : left + b] for a, b in ((4, half - 4), (half + 4, side))
    )
    assert within.std() > 0.02
    assert between.mean() > within.mean() + 0.1  # larger errors are lighter
    assert within[..., 1].mean() > within[..., 0].mean() + 0.1  # green


def test_hovering_the_structure_names_the_residue(page):
    box = page.locator("#structure").bounding_box()
    hint = readout(page)
    for share in np.linspace(0.1, 0.9, 33):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        if readout(page) != hint:
            break
    assert "pLDDT" in readout(page)
    assert readout(page).startswith(("A:", "B:"))


def test_hovering_the_error_map_tells_the_error_of_a_pair(page):
    box = page.locator("#errors").bounding_box()
    side = box["width"] - 72
    page.mouse.move(box["x"] + 56 + 0.8 * side, box["y"] + 22 + 0.2 * side)
    # A fifth of the way down 54 rows is chain A's residue 11; four fifths across is chain B's 14.
    assert "Laid on A:" in readout(page)
    assert "11, B:" in readout(page)
    assert "14 is expected" in readout(page)
    assert " Å" in readout(page)


def test_a_block_of_the_map_is_marked_in_the_structure(page):
    before = pixels(page, "#structure canvas")
    drag_over_map(page, (0.6, 0.1), (0.9, 0.4))
    assert readout(page).startswith("Selected A:")
    assert "mean expected error" in readout(page)
    page.mouse.move(1, 1)
    after = pixels(page, "#structure canvas")
    assert (np.abs(after - before).max(axis=-1) > 0.2).sum() > 300
    page.keyboard.press("Escape")
    assert not readout(page).startswith("Selected")


def test_arrow_keys_move_over_the_map_and_select(page):
    page.focus("#errors")
    page.mouse.move(1, 1)
    page.keyboard.press("ArrowDown")
    first = readout(page)
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    assert first != readout(page)
    assert readout(page).startswith("Selected")


def test_the_button_of_a_pair_selects_its_block(page):
    page.click("button[data-rows='A'][data-columns='B'] >> visible=true")
    assert readout(page).startswith("Selected A:")
    assert "B:" in readout(page)
    assert page.locator("#clear").is_enabled()


def test_another_model_is_shown_everywhere(page):
    before = readout_of_model(page)
    page.select_option("#model", "1")
    page.wait_for_selector("#structure[data-model='1']")
    page.wait_for_selector("#errors[data-model='1']")
    assert readout_of_model(page) != before
    assert page.locator("#model-1").is_checked()
    assert page.locator("#chains [data-model='1']").is_visible()
    assert not page.locator("#chains [data-model='0']").is_visible()
    page.check("#model-0")
    page.wait_for_selector("#structure[data-model='0']")
    assert page.input_value("#model") == "0"


def readout_of_model(page):
    return page.locator("#plddt-says").inner_text()


def test_the_other_palette_recolours_map_and_curve(page):
    before = pixels(page, "#errors")
    page.check("#safe")
    page.wait_for_timeout(200)
    after = pixels(page, "#errors")
    page.uncheck("#safe")
    assert (np.abs(after - before).max(axis=-1) > 0.1).mean() > 0.3


def test_every_residue_is_in_the_table(page):
    page.evaluate("document.querySelector('#residues').open = true")
    page.wait_for_selector("#residue-table tbody tr:nth-child(54)")
    rows = page.locator("#residue-table tbody tr")
    assert rows.count() == 54
    assert rows.nth(30).inner_text().startswith("B:")


def test_a_phone_in_the_dark_needs_no_sideways_scrolling(browser, reports):
    page = open_page(
        browser, reports / "pair" / "report.html", viewport={"width": 390, "height": 800}, color_scheme="dark"
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
    drawn = pixels(page, "#structure canvas")
    assert np.median(drawn) < 0.2 < drawn.max()
    page.close()


def test_without_scripts_tables_and_still_pictures_remain(browser, reports):
    page = browser.new_page(java_script_enabled=False)
    page.goto((reports / "pair" / "report.html").as_uri())
    assert page.locator("#structure svg").is_visible()
    assert page.locator("#plddt svg").first.is_visible()
    assert page.locator("#ranking table").is_visible()
    page.close()


def test_the_index_sorts_and_finds(browser, reports):
    page = browser.new_page()
    page.goto((reports / "index.html").as_uri())
    rows = page.locator("#jobs tbody tr")
    assert rows.all_inner_texts()[0].startswith("bad")
    page.click("text=residues")
    page.click("text=residues")
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("residues")
    assert rows.all_inner_texts()[0].startswith("pair")
    page.fill("#find", "failed")
    assert [row.is_visible() for row in rows.all()] == [False, True]
    assert page.locator("#found").inner_text() == "1 of 2"
    page.close()


NO_WEBGL = """
for (const { prototype } of [HTMLCanvasElement, OffscreenCanvas]) {
  const known = prototype.getContext;
  prototype.getContext = function (kind, ...how) {
    return kind.includes("webgl") ? null : known.call(this, kind, ...how);
  };
}
"""


def test_without_webgl_a_still_picture_and_everything_else_remain(browser, reports):
    context = browser.new_context(viewport={"width": 900, "height": 800})
    context.add_init_script(NO_WEBGL)
    page = open_page(context, reports / "pair" / "report.html")
    assert page.locator("#structure .still").is_visible()
    assert "still picture" in page.locator("figure", has=page.locator("#structure")).inner_text()
    drag_over_map(page, (0.1, 0.1), (0.3, 0.2))
    assert readout(page).startswith("Selected A:")
    page.click("#reset")
    page.select_option("#style", "sticks")
    page.select_option("#model", "1")
    page.wait_for_selector("#errors[data-model='1']")
    assert not [text for text in page.logged if "TypeError" in text]
    context.close()


def test_a_long_helix_lies_level_in_the_opening_view_and_after_a_reset(browser, tmp_path, make_job):
    write_report(make_job(tmp_path / "rod", [90]))  # along z
    rod = open_page(browser, tmp_path / "rod" / "report.html", viewport={"width": 900, "height": 800})
    for keys in ((), ("ArrowLeft",) * 9, ("Home",)):
        for key in keys:
            rod.locator("#structure").press(key)
        inner = pixels(rod, "#structure canvas")[8:-8, 8:-8]  # without the mark of the focus
        drawn = np.argwhere((inner < 0.9).any(axis=-1))
        height, width = np.ptp(drawn, axis=0)
        assert (width > 3 * height) == (keys[:1] != ("ArrowLeft",))
        assert drawn[:, 1].min() > 2  # the ends are inside
    rod.close()
