"""A real browser for tests of the page: Debian's Chromium, driven by Selenium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

# Nothing that asks for the network, nothing that a container lacks.
_ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions",
    "--disable-default-apps", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--force-color-profile=srgb", "--lang=en",
)  # fmt: skip


@contextmanager
def open_browser(
    folder: Path, *, width: int = 1400, height: int = 900, dark: bool = False
) -> Iterator[Chrome]:
    """A browser with a profile of its own below a folder; its log is kept, to be asked for errors."""
    options = ChromeOptions()
    if CHROMIUM is not None:
        options.binary_location = CHROMIUM
    for argument in (*_ARGUMENTS, f"--window-size={width},{height}", f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # A proxy of the machine must not stand between the browser and the server on it.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    driver = Chrome(options=options, service=ChromeService(executable_path=DRIVER))
    try:
        driver.set_page_load_timeout(60)
        driver.set_script_timeout(60)
        theme = {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", theme)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield driver
    finally:
        driver.quit()
