"""The page's gallery and filters in a real browser: by mouse, by keyboard, in both themes, with hostile names."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from lqbench.reports.build import build_report

pytestmark = pytest.mark.browser

APS = ((0.5, 0.5, 0.5), (0.1, 0.9, 0.5), (0.4, 0.6, 0.5))
"""By image, AP of hr, bicubic and lr; the second is that of most disagreement, then the third."""


@pytest.fixture(scope="module")
def gallery_samples(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("reports/gallery_samples.py")


@pytest.fixture(scope="module")
def address(samples: ModuleType, gallery_samples: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("gallery")
    records = samples.records_with_costs()
    shown = sorted(
        (
            one
            for one in records
            if one.cell.dataset == "coco-d" and one.cell.detector == "yolox-nano" and one.cost is None
        ),
        key=lambda one: ("hr", "bicubic", "lr").index(one.cell.method),
    )
    track = gallery_samples.track(folder, shown, APS)
    return build_report(records, folder / "out", gallery=[track]).html.as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Any:
    browser.look(1280, "light")
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(address)
    return browser


def text(page: Any, name: str) -> str:
    return str(page.find_element(By.ID, name).get_attribute("textContent"))


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.switch_to.active_element.send_keys(key)


def opened(page: Any, place: int = 0) -> Any:
    """Open an image of the gallery; return the full view."""
    page.find_elements(By.CSS_SELECTOR, ".thumbs button")[place].click()
    return page.find_element(By.ID, "viewer")


def shapes(page: Any, name: str) -> int:
    return len(page.find_elements(By.CSS_SELECTOR, f"#viewer-canvas rect.{name}"))


def choose(page: Any, name: str, value: str) -> None:
    page.execute_script(
        "const one = document.querySelector(`select[data-narrow='${arguments[0]}']`); one.value = arguments[1];"
        "one.dispatchEvent(new Event('change', { bubbles: true }))",
        name,
        value,
    )


def shown(page: Any, selector: str) -> list[str]:
    found = page.find_elements(By.CSS_SELECTOR, selector)
    return [str(one.get_attribute("textContent")).strip() for one in found if not one.get_property("hidden")]


def test_images_of_most_disagreement_come_first(page: Any) -> None:
    names = [one.text.split("\n") for one in page.find_elements(By.CSS_SELECTOR, ".thumbs button")]
    assert [lines[0] for lines in names] == ["image-1", "image-2", "image-0"]
    assert names[0][1] == "spread of AP 20.0"


def test_an_image_opens_with_boxes_and_methods(page: Any) -> None:
    viewer = opened(page)
    assert viewer.is_displayed() and text(page, "viewer-title") == "image-1 of coco-d val2017"
    assert text(page, "viewer-status") == "hr \N{MIDDLE DOT} yolox-nano: AP 10.0, 1 of 2 objects found, 1 other."
    assert (shapes(page, "hit"), shapes(page, "extra"), shapes(page, "missed")) == (1, 1, 1)
    panels = page.find_elements(By.CSS_SELECTOR, "#viewer-strip button")
    assert [panel.get_attribute("aria-pressed") for panel in panels] == ["true", "false", "false"]
    panels[1].click()
    assert text(page, "viewer-status").startswith("bicubic \N{MIDDLE DOT} yolox-nano: AP 90.0")
    picture = page.find_element(By.ID, "viewer-picture")
    assert [option.text for option in picture.find_elements(By.TAG_NAME, "option")] == [
        "as seen (restored)",
        "restored",
        "degraded",
        "clean",
    ]
    image = page.find_element(By.ID, "viewer-image")
    WebDriverWait(page, 10).until(lambda _: image.get_property("naturalWidth") == 192)
    assert page.get_log("browser") == []


def test_switches_and_threshold_change_what_is_drawn(page: Any) -> None:
    opened(page)
    slider = page.find_element(By.ID, "threshold")
    slider.send_keys(Keys.HOME)
    assert text(page, "threshold-text") == "0.05"
    assert text(page, "viewer-status") == "hr \N{MIDDLE DOT} yolox-nano: AP 10.0, 2 of 2 objects found, 1 other."
    page.find_element(By.ID, "show-found").click()
    assert (shapes(page, "hit"), shapes(page, "truth")) == (0, 3)
    page.find_element(By.ID, "show-truths").click()
    assert shapes(page, "truth") == 0


def test_the_keyboard_goes_through_images_and_methods_and_leaves(page: Any) -> None:
    button = page.find_elements(By.CSS_SELECTOR, ".thumbs button")[0]
    page.execute_script("arguments[0].focus()", button)
    press(page, Keys.ENTER)
    assert page.switch_to.active_element.get_attribute("id") == "viewer-close"
    press(page, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert text(page, "viewer-title").startswith("image-2 ") and text(page, "viewer-status").startswith("bicubic")
    press(page, Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ARROW_UP)
    assert text(page, "viewer-title").startswith("image-0 ") and text(page, "viewer-status").startswith("lr")
    press(page, Keys.ESCAPE)
    assert not page.find_element(By.ID, "viewer").is_displayed()
    assert page.switch_to.active_element.text.startswith("image-0")


def test_a_panel_keeps_the_focus_while_the_keyboard_moves(page: Any) -> None:
    opened(page)
    page.find_elements(By.CSS_SELECTOR, "#viewer-strip button")[0].send_keys(Keys.ENTER)
    press(page, Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert page.switch_to.active_element.text.startswith("bicubic")
    page.find_element(By.ID, "threshold").send_keys(Keys.ARROW_RIGHT)
    assert text(page, "threshold-text") == "0.35" and text(page, "viewer-title").startswith("image-2")


def test_the_full_view_leads_to_the_provenance(page: Any) -> None:
    viewer = opened(page)
    link = page.find_element(By.ID, "viewer-source")
    target = page.find_element(By.ID, str(link.get_attribute("hash")).removeprefix("#"))
    link.click()
    WebDriverWait(page, 10).until(lambda _: target.get_attribute("open") is not None)
    assert not viewer.is_displayed() and "--method hr" in target.text


def test_a_number_leads_to_provenance_and_protocol(page: Any) -> None:
    row = page.find_element(By.CSS_SELECTOR, "table.grid tbody tr[data-method='bicubic']")
    link = row.find_element(By.CSS_SELECTOR, "td a.source")
    target = page.find_element(By.ID, str(link.get_attribute("hash")).removeprefix("#"))
    link.click()
    WebDriverWait(page, 10).until(lambda _: target.get_attribute("open") is not None)
    assert "--method bicubic" in target.text and "blurred with a Gaussian kernel" in target.text
    protocol = target.find_element(By.PARTIAL_LINK_TEXT, "protocol of")
    assert page.find_element(By.ID, str(protocol.get_attribute("hash")).removeprefix("#")).text == "Protocol"


def test_words_filter_the_rows_of_one_table(page: Any) -> None:
    caption = page.find_element(By.XPATH, "//caption/span[contains(., 'detector retinanet')]").get_attribute("id")
    box = page.find_element(By.CSS_SELECTOR, f"input[aria-describedby='{caption}']")
    rows = f"[aria-labelledby='{caption}'] tbody tr"
    box.send_keys("FAILED memory")
    assert [one[:2] for one in shown(page, rows)] == ["lr"]
    assert text(page, "sort-status") == "1 of 4 rows shown."
    count = box.find_element(By.XPATH, "../following-sibling::span")
    assert count.text == "1 of 4 rows shown"
    box.send_keys(" nothing has this")
    assert shown(page, rows) == [] and count.text.startswith("0 of ")


def test_the_page_is_narrowed_to_a_method_or_an_image_set_and_back(page: Any) -> None:
    choose(page, "method", "bicubic")
    visible = [one for one in page.find_elements(By.CSS_SELECTOR, "details[data-method]") if one.is_displayed()]
    assert {one.get_attribute("data-method") for one in visible} == {"bicubic"} and len(visible) == 3
    assert text(page, "narrow-state") == "3 of 11 cells shown: bicubic"
    choose(page, "dataset", "voc-lr-x4 test")
    assert text(page, "sort-status") == "1 of 11 cells shown: bicubic, voc-lr-x4 test."
    assert not page.find_element(By.CSS_SELECTOR, ".thumbs").is_displayed()
    page.find_element(By.ID, "narrow-reset").click()
    assert text(page, "narrow-state") == "11 of 11 cells shown"
    assert page.find_element(By.CSS_SELECTOR, ".thumbs").is_displayed()


def test_a_link_to_a_part_that_is_filtered_away_brings_it_back(page: Any) -> None:
    key = page.find_element(By.CSS_SELECTOR, "details[data-method='lr']").get_attribute("id")
    choose(page, "method", "bicubic")
    page.execute_script("location.hash = arguments[0]", key)
    target = page.find_element(By.ID, key)
    WebDriverWait(page, 10).until(lambda _: target.is_displayed() and target.get_attribute("open") is not None)


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_is_turned_by_a_button(page: Any, system: str) -> None:
    page.look(1280, system)
    colour = "return getComputedStyle(document.body).backgroundColor"
    button = page.find_element(By.ID, "theme")
    other = {"light": "Dark theme", "dark": "Light theme"}
    WebDriverWait(page, 10).until(lambda _: button.text == other[system])
    before = page.execute_script(colour)
    button.click()
    after = page.execute_script(colour)
    assert before != after and button.text != other[system]
    button.click()
    assert page.execute_script(colour) == before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_the_full_view_without_scrolling_sideways(page: Any, theme: str) -> None:
    page.look(400, theme)
    assert not page.overflows()
    viewer = opened(page)
    assert viewer.get_property("scrollWidth") <= viewer.get_property("clientWidth")
    assert page.find_element(By.ID, "viewer-canvas").rect["width"] > 350


def test_nothing_is_asked_of_the_network(page: Any, address: str) -> None:
    page.requested()
    opened(page)
    press(page, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ESCAPE)
    assert [url for url in page.requested() if not url.startswith("data:")] == []
    entries = page.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert all(name.startswith("data:") for name in entries)
    assert page.get_log("browser") == []


def test_hostile_names_are_text_in_the_gallery(
    browser: Any, samples: ModuleType, gallery_samples: ModuleType, tmp_path: Path
) -> None:
    hostile = f"</script><script>document.title='got in'</script>{samples.HOSTILE}\u2028--><!--<script>"
    records = [one for one in samples.hostile_records() if one.status == "done"]
    track = gallery_samples.track(tmp_path, records, [(0.1,) * len(records)], [hostile], (hostile, hostile))
    browser.look(1280, "light")
    browser.get_log("browser")
    browser.get(build_report(samples.hostile_records(), tmp_path / "out", gallery=[track]).html.as_uri())
    assert browser.execute_script("return document.scripts.length") == 2
    opened(browser)
    assert hostile in text(browser, "viewer-title")
    words = [one.get_attribute("textContent") for one in browser.find_elements(By.CSS_SELECTOR, "#viewer-canvas text")]
    assert words and all(hostile in str(word) for word in words)
    assert hostile in str(browser.find_element(By.ID, "viewer-image").get_attribute("alt"))
    assert samples.HOSTILE in text(browser, "viewer-strip")
    assert browser.get_log("browser") == [] and "got in" not in browser.title
    assert browser.find_elements(By.CSS_SELECTOR, "#viewer script, #viewer img[onerror]") == []


def test_everything_has_a_name_and_headings_follow_each_other(page: Any) -> None:
    opened(page)
    nameless = page.execute_script(
        "const named = (one) => one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim();"
        "return [...document.querySelectorAll('input, select, button, a[href]')].filter((one) => !named(one))"
        ".map((one) => one.outerHTML.slice(0, 200))"
    )
    assert nameless == []
    assert page.execute_script("return [...document.images].filter((one) => one.alt === null).length") == 0
    assert page.execute_script("return [...document.querySelectorAll('img:not([alt])')].length") == 0
    levels: Sequence[int] = page.execute_script(
        "return [...document.querySelectorAll('main :is(h2, h3, h4)')].map((one) => Number(one.tagName[1]))"
    )
    assert levels[0] == 2 and all(b - a <= 1 for a, b in itertools.pairwise(levels))


CONTRASTS = """
const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 4).map(Number);
const lightness = (colour) => {
  const [r, g, b] = colour.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (one) => {
  for (let at = one; at; at = at.parentElement) {
    const colour = rgb(getComputedStyle(at).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const poor = new Set();
for (const one of document.querySelectorAll('body *')) {
  const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || !one.checkVisibility() || one.closest('svg, script, noscript')) continue;
  const [a, b] = [rgb(getComputedStyle(one).color), behind(one)].map(lightness);
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) poor.add(`${one.tagName}.${one.className} ${ratio.toFixed(2)}`);
}
return [...poor];
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_is_readable(page: Any, theme: str) -> None:
    page.look(1280, theme)
    page.execute_script("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    assert page.execute_script(CONTRASTS) == []
    opened(page)
    assert page.execute_script(CONTRASTS) == []
