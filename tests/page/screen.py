"""What a person does at the page: look, press keys, wait until something is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

Found = TypeVar("Found")
# For how long something may take to appear, in seconds.
PATIENCE = 20
# The page was drawn anew, or a message lies over it for a moment.
_PASSING = (ElementClickInterceptedException, StaleElementReferenceException)
_FIND = """
const [selector, text] = arguments;
const fits = (item) => item.checkVisibility({ visibilityProperty: true }) && item.innerText.includes(text);
return [...document.querySelectorAll(selector)].filter(fits);
"""
_LABELLED = """
const labels = [...document.querySelectorAll("main label")];
const named = labels.filter((item) => item.innerText.trim() === arguments[0]);
return named.map((item) => item.control).find((item) => item?.checkVisibility()) ?? null;
"""
_NAMELESS = """
const kinds = "main :is(button, input, select, textarea, a, summary, [tabindex='0'])";
const controls = document.querySelectorAll(kinds);
const isNamed = (item) =>
  item.ariaLabel || item.getAttribute("aria-labelledby") || item.labels?.length || item.innerText.trim();
return [...controls].filter((item) => item.checkVisibility() && !isNamed(item)).map((item) => item.outerHTML);
"""


class Screen:
    """The page of a server in a browser. `address` is that of the page, `/__admin/` or a namespace's."""

    def __init__(self, driver: Chrome, address: str) -> None:
        self.driver = driver
        self.address = address

    def open(self, place: str = "") -> None:
        """Load the page anew, at a place such as `calls/<id>`; wait until it shows something."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.address}#{place}")
        self.wait(lambda: self.driver.find_elements(By.CSS_SELECTOR, "main h1, main .problems"))

    def wait(self, look: Callable[[], Found | None]) -> Found:
        """The first thing that looking gives which is something."""
        wait = WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05, ignored_exceptions=_PASSING)
        found = wait.until(lambda _: look())
        assert found is not None
        return found

    def all(self, selector: str, text: str = "") -> list[WebElement]:
        """Everything that a CSS selector finds, that a person can see, and that has a text."""
        found: list[WebElement] = self.driver.execute_script(_FIND, selector, text)
        return found

    def one(self, selector: str, text: str = "") -> WebElement:
        """The first of them, once it is there."""
        return self.wait(lambda: next(iter(self.all(selector, text)), None))

    def text(self, selector: str = "main") -> str:
        """The visible text of an element."""
        return str(self.one(selector).get_property("innerText"))

    def labelled(self, label: str) -> WebElement:
        """The field that has this label, once it is there."""
        found: WebElement = self.wait(lambda: self.driver.execute_script(_LABELLED, label))
        return found

    def go(self, place: str) -> None:
        """Go to another place of the page that is loaded, as a link does."""
        self.driver.execute_script("location.hash = arguments[0]", place)
        self.wait(lambda: not self.all(".loading") and self.all("main h1"))

    def gone(self, selector: str) -> None:
        """Wait until nothing of this is in sight."""
        self.wait(lambda: True if not self.all(selector) else None)

    def shows(self, text: str, selector: str = "body") -> bool:
        """Wait until a text is there."""
        return bool(self.one(selector, text))

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        chain = ActionChains(self.driver)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    def type(self, text: str) -> None:
        """Replace what the focused field holds."""
        chain = ActionChains(self.driver)
        chain.key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).send_keys(text).perform()

    def tab_to(self, name: str, *, most: int = 80) -> WebElement:
        """Press Tab until the focus is on what has this name; it must be reached by keyboard alone."""
        for _ in range(most):
            element = self.driver.switch_to.active_element
            if name in (element.accessible_name or ""):
                return element
            self.press(Keys.TAB)
        raise AssertionError(f"{name!r} is not reached with {most} tabs")

    def click(self, selector: str, text: str = "") -> None:
        """Click something, wherever it stands; again where the page draws it anew just then."""

        def act() -> bool:
            element = self.one(selector, text)
            self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True

        self.wait(act)

    def nameless(self) -> list[str]:
        """The controls in sight that have no name, as HTML."""
        found: list[str] = self.driver.execute_script(_NAMELESS)
        return found

    def complaints(self) -> list[str]:
        """What the browser complained of since this was asked last: errors of scripts and of the policy."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")  # type: ignore[no-untyped-call]
            if entry["level"] in ("SEVERE", "WARNING")
            # What an answer refuses is written there as well.
            and "the server responded with a status of" not in entry["message"]
        ]
