"""A browser without a window, shared by all tests that look at a page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser(webdriver.Chrome):
    """Chromium with what the tests ask of it."""

    def look(self, width: int, theme: str) -> None:
        """Make the window so wide, and the system's theme "light" or "dark"."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        feature = {"name": "prefers-color-scheme", "value": theme}
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def requested(self) -> list[str]:
        """Return what was asked of the network or the disk since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def overflows(self) -> bool:
        """Return whether the page itself can be scrolled sideways."""
        root = "document.documentElement"
        return bool(self.execute_script(f"return {root}.scrollWidth > {root}.clientWidth"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed (Debian packages chromium and chromium-driver)")
    options = Options()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = Browser(options=options, service=Service(driver))
    yield browser
    browser.quit()
