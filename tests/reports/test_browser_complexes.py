"""The page of a complex in a real browser: atoms, maps, chain pairs and ligands answer."""

import shutil
from io import BytesIO

import numpy as np
import pytest

from foldwright.reports import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SOFTWARE_GL = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
PATIENCE = 120_000  # milliseconds; software rendering on a busy machine

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def opened(tmp_path_factory, make_complex):
    """A page of two proteins, RNA, a ligand and an ion; two samples."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    path = write_report(make_complex(tmp_path_factory.mktemp("runs") / "mixed", samples=((1, 0), (2, 0))))
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE_GL)
        page = browser.new_page(viewport={"width": 900, "height": 700}, reduced_motion="reduce")
        page.set_default_timeout(PATIENCE)
        page.logged = []
        page.on("console", lambda message: page.logged.append(message.text))
        page.on("pageerror", lambda error: page.logged.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]")
        yield page
        browser.close()


@pytest.fixture
def page(opened):
    """The page as it is after opening."""
    opened.keyboard.press("Escape")
    opened.select_option("#model", "0")
    opened.select_option("#map", "errors")
    opened.evaluate("scrollTo(0, 0)")
    opened.mouse.move(1, 1)
    return opened


def pixels(page, selector):
    from matplotlib.image import imread

    return imread(BytesIO(page.locator(selector).screenshot(timeout=PATIENCE)))[..., :3]


def readout(page):
    return page.locator("#readout").inner_text()


def hover_map(page, row, column, size=65):
    """Point at the middle of a pair of tokens."""
    page.locator("#errors").scroll_into_view_if_needed()
    box = page.locator("#errors").bounding_box()
    side = box["width"] - 72
    page.mouse.move(box["x"] + 56 + (column + 0.5) / size * side, box["y"] + 22 + (row + 0.5) / size * side)


def test_nothing_is_logged(page):
    assert page.logged == []


def test_atoms_of_a_ligand_and_of_a_modified_residue_are_named(page):
    hover_map(page, 5, 60)
    assert "A:SEP 5 CA" in readout(page)
    assert "X:BNZ 1 C3" in readout(page)


def test_hovering_a_residue_tells_the_range_of_its_atoms(page):
    hover_map(page, 0, 0)
    assert "; atoms " in readout(page)
    assert readout(page).startswith("A:A1: pLDDT")


def test_the_map_shows_contacts_where_they_are_asked_for(page):
    errors = pixels(page, "#errors")
    page.select_option("#map", "contacts")
    page.wait_for_selector("#errors[data-map=contacts]")
    contacts = pixels(page, "#errors")
    assert (np.abs(errors - contacts).max(axis=-1) > 0.2).mean() > 0.2
    hover_map(page, 1, 2)
    assert "They touch with a probability of 0." in readout(page)
    assert page.locator("figcaption[data-map=contacts]").is_visible()
    assert not page.locator("figcaption[data-map=errors]").is_visible()


def test_a_cell_of_a_matrix_selects_its_chains(page):
    page.click("button[data-rows='A'][data-columns='X'] >> nth=0 >> visible=true")
    assert readout(page).startswith("Selected A:A1–A:M20")
    assert "X:BNZ 1 C1–X:BNZ 1 C6" in readout(page)


def test_a_ligand_is_brought_near_and_left_again(page):
    far = pixels(page, "#structure canvas")
    page.click("button[data-focus='X'] >> visible=true")
    page.wait_for_timeout(500)
    page.evaluate("scrollTo(0, 0)")
    near = pixels(page, "#structure canvas")
    is_drawn = [(image < 0.97).any(axis=-1).mean() for image in (far, near)]
    assert is_drawn[1] > 1.5 * is_drawn[0]
    page.click("#reset")
    page.wait_for_timeout(500)
    back = (pixels(page, "#structure canvas") < 0.97).any(axis=-1).mean()
    assert back == pytest.approx(is_drawn[0], rel=0.3)


def test_elements_have_colours_of_their_own(page):
    by_plddt = pixels(page, "#structure canvas")
    page.select_option("#colouring", "element")
    page.wait_for_timeout(500)
    by_element = pixels(page, "#structure canvas")
    page.select_option("#colouring", "plddt")
    is_green = (by_element[..., 1] > 0.5) & (by_element[..., [0, 2]] < 0.7 * by_element[..., 1:2]).all(axis=-1)
    assert is_green.sum() > 20  # magnesium, as chemists draw it
    assert (np.abs(by_plddt - by_element).max(axis=-1) > 0.3).sum() > 100


def test_samples_are_grouped_by_seed(page):
    labels = page.locator("#model optgroup").evaluate_all("(groups) => groups.map((group) => group.label)")
    assert labels == ["seed 1", "seed 2"]
    page.select_option("#model", "1")
    page.wait_for_selector("#structure[data-model='1']")
    assert "seed-2_sample-0" in page.locator("#plddt-says").inner_text()
    assert page.locator("#ligands [data-model='1']").is_visible()
