"""The page in a real browser: it loads alone, sorts by mouse and keyboard, fits a phone and follows the dark theme."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from lqbench.reports.build import build_report
from lqbench.results.pictures import PictureFacts, picture_folder, pictures_of, write_picture

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(samples: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    return build_report(samples.sample_records(), tmp_path_factory.mktemp("report")).html.as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Any:
    """The page freshly loaded in a window of 1280 x 900, light theme."""
    browser.look(1280, "light")
    browser.get("about:blank")
    browser.get(address)
    return browser


def yolox_table(page: Any) -> WebElement:
    tables = page.find_elements(By.CSS_SELECTOR, "table.comparison")
    return next(table for table in tables if "yolox-nano" in table.find_element(By.TAG_NAME, "caption").text)


def heading(table: WebElement, name: str) -> WebElement:
    return table.find_element(By.CSS_SELECTOR, f'th[data-name="{name}"]')


def methods(table: WebElement) -> list[str]:
    return [link.text for link in table.find_elements(By.CSS_SELECTOR, "tbody th a")]


def test_loads_without_console_message_or_request(page: Any, address: str) -> None:
    page.requested()
    page.get_log("browser")
    page.get(address)
    assert page.get_log("browser") == []
    requests = page.requested()
    assert requests and all(url == address or url.startswith("data:") for url in requests)


def test_hostile_names_run_nothing(page: Any, samples: ModuleType, tmp_path: Path) -> None:
    page.get_log("browser")
    page.get(build_report(samples.hostile_records(), tmp_path).html.as_uri())
    assert page.get_log("browser") == []
    assert page.execute_script("return document.scripts.length") == 1
    assert samples.HOSTILE.split("\n")[0] in page.find_element(By.ID, "methods").find_element(By.XPATH, "..").text
    button = page.find_element(By.CSS_SELECTOR, "table.comparison th button")
    button.click()
    assert button.find_element(By.XPATH, "..").get_attribute("aria-sort") == "ascending"


def test_a_click_sorts_and_a_second_click_turns_the_order(page: Any) -> None:
    table = yolox_table(page)
    assert methods(table) == ["hr", "bicubic", "lr"]
    button = heading(table, "AP").find_element(By.TAG_NAME, "button")
    button.click()
    assert heading(table, "AP").get_attribute("aria-sort") == "descending"
    button.click()
    assert methods(table) == ["lr", "bicubic", "hr"]
    assert heading(table, "AP").get_attribute("aria-sort") == "ascending"
    status = page.find_element(By.ID, "sort-status")
    assert status.get_attribute("textContent") == "Sorted by AP, ascending."


def test_missing_values_stay_last_in_both_orders(page: Any) -> None:
    table = yolox_table(page)
    button = heading(table, "PSNR-Y").find_element(By.TAG_NAME, "button")
    for _ in range(2):
        button.click()
        assert methods(table)[0] == "bicubic"


def test_the_keyboard_sorts_and_only_one_heading_is_marked(page: Any) -> None:
    table = yolox_table(page)
    heading(table, "AP").find_element(By.TAG_NAME, "button").click()
    button = heading(table, "method").find_element(By.TAG_NAME, "button")
    page.execute_script("arguments[0].focus()", button)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    assert methods(table) == ["bicubic", "hr", "lr"]
    page.switch_to.active_element.send_keys(Keys.SPACE)
    assert methods(table) == ["lr", "hr", "bicubic"]
    marked = table.find_elements(By.CSS_SELECTOR, "th[aria-sort]")
    assert [each.get_attribute("data-name") for each in marked] == ["method"]


def test_per_class_tables_open_and_sort(page: Any) -> None:
    details = next(d for d in page.find_elements(By.TAG_NAME, "details") if "per class" in d.text)
    inner = details.find_element(By.TAG_NAME, "table")
    assert not inner.is_displayed()
    details.find_element(By.TAG_NAME, "summary").click()
    assert inner.is_displayed()
    heading(inner, "hr").find_element(By.TAG_NAME, "button").click()
    names = [cell.text for cell in inner.find_elements(By.CSS_SELECTOR, "tbody th")]
    assert names == ["car", "bicycle", "person"]


def test_the_cost_chart_is_drawn_in_the_colours_of_the_theme(browser: Any, samples: ModuleType, tmp_path: Path) -> None:
    address = build_report(samples.records_with_costs(), tmp_path).html.as_uri()
    fills = []
    for theme in ("light", "dark"):
        browser.look(390, theme)
        browser.get_log("browser")
        browser.get(address)
        assert browser.get_log("browser") == []
        figure = browser.find_element(By.CSS_SELECTOR, "figure.cost")
        points = figure.find_elements(By.CSS_SELECTOR, "circle.point")
        key = [item.text for item in figure.find_elements(By.CSS_SELECTOR, ".key li")]
        assert len(points) == len(key) == 3
        frame = figure.find_element(By.TAG_NAME, "svg").rect
        for point in points:
            assert frame["x"] <= point.rect["x"] <= frame["x"] + frame["width"] - point.rect["width"]
            assert frame["y"] <= point.rect["y"] <= frame["y"] + frame["height"] - point.rect["height"]
        lefts = [point.rect["x"] for point in points]
        assert lefts == sorted(lefts) and lefts[-1] > lefts[0] + 100
        fills.append(points[0].value_of_css_property("fill"))
    assert len(set(fills)) == 2
    assert any("dbpn" in text and "133" in text for text in key)


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_load_and_only_they_scroll(
    browser: Any, samples: ModuleType, tmp_path: Path, width: int, theme: str
) -> None:
    records = samples.sample_records()
    cell = records[0].cell
    for index in range(2):
        facts = PictureFacts(
            kind="crux", image_id=str(index), index=index, alt=f"Shows {index}", caption=f"Image {index}"
        )
        write_picture(picture_folder(tmp_path, cell), Image.new("RGB", (1584, 596), (200, 200, 200)), facts)
    address = build_report(records, tmp_path, {cell.key: pictures_of(tmp_path, cell)}).html.as_uri()
    browser.look(width, theme)
    browser.get_log("browser")
    browser.get(address)
    images = browser.find_elements(By.CSS_SELECTOR, "figure.picture img")
    assert [image.get_attribute("alt") for image in images] == ["Shows 0", "Shows 1"]
    for image in images:
        browser.execute_script("arguments[0].scrollIntoView()", image)
        # Pictures are decoded when they come into view.
        WebDriverWait(browser, 20).until(lambda _, image=image: image.get_property("naturalWidth") == 1584)
        assert image.rect["width"] >= min(640, width) and image.is_displayed()
    assert browser.get_log("browser") == []
    assert not browser.overflows()
    box = browser.find_element(By.CSS_SELECTOR, "figure.picture .scroll")
    assert (box.get_property("scrollWidth") > box.get_property("clientWidth")) is (width == 400)
    caption = browser.find_element(By.CSS_SELECTOR, "figure.picture figcaption")
    assert caption.text == "Image 0" and caption.rect["x"] + caption.rect["width"] <= width


def test_a_row_leads_to_its_provenance(page: Any) -> None:
    link = yolox_table(page).find_element(By.LINK_TEXT, "bicubic")
    target = page.find_element(By.ID, str(link.get_attribute("hash")).removeprefix("#"))
    assert target.get_attribute("open") is None
    link.click()
    # The browser tells the page of its new address only after the click is done.
    WebDriverWait(page, 10).until(lambda _: target.get_attribute("open") is not None)
    assert "lqbench run --method bicubic --dataset coco-d" in target.text


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_only_tables_scroll_sideways(page: Any, width: int) -> None:
    page.look(width, "light")
    page.execute_script("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    assert page.execute_script("return innerWidth") == width
    assert not page.overflows()
    inner = page.execute_script("return Math.max(...[...document.querySelectorAll('.scroll')].map(e => e.scrollWidth))")
    assert inner > 390


@pytest.mark.parametrize(("theme", "dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_theme_with_readable_contrast(page: Any, theme: str, dark: bool) -> None:
    page.look(1280, theme)
    colours = page.execute_script(
        "const body = getComputedStyle(document.body), muted = getComputedStyle(document.querySelector('.muted'));"
        "return [body.backgroundColor, body.color, muted.color]"
    )
    background, text, muted = (luminance(colour) for colour in colours)
    assert (background < 0.05) is dark
    assert contrast(background, text) > 7
    assert contrast(background, muted) > 4.5


def luminance(colour: str) -> float:
    """Relative luminance of an ``rgb(r, g, b)`` colour, as WCAG 2 defines it."""
    channels = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: float, b: float) -> float:
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)
