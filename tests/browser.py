"""A real, headless Chromium without a network, and what a reader does with it."""

import base64
import json
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1200,900",
)


def chromium() -> str | None:
    """Where Chromium is, if it and its driver are installed."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return found if shutil.which("chromedriver") else None


class Browser:
    """One window; use it as a context."""

    _scripts = True

    def __enter__(self) -> "Browser":
        self._home = tempfile.TemporaryDirectory(prefix="chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = chromium()
        for flag in (*FLAGS, f"--user-data-dir={self._home.name}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self._driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._driver.quit()
        self._home.cleanup()

    def look(self, width: int, height: int, theme: str) -> None:
        """Take a screen of this size (a phone's where narrow) and this colour scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._command("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self._command("Emulation.setEmulatedMedia", media="", features=features)

    def open(self, path: Path, anchor: str = "") -> None:
        """Open the file at `path`."""
        for log in ("browser", "performance"):
            self._driver.get_log(log)
        self._driver.get("about:blank")
        self._driver.get(path.resolve().as_uri() + anchor)
        if self._scripts:
            ready = "return document.readyState == 'complete'"
            WebDriverWait(self._driver, 60).until(lambda driver: driver.execute_script(ready))

    def visit(self, url: str) -> None:
        """Open a page that a server of this machine has."""
        self._driver.get(url)

    def press(self, found: str) -> None:
        """Press with the mouse on the element that the JavaScript expression `found` finds."""
        ActionChains(self._driver).click(self.run(f"return {found}")).perform()

    def keys(self, *keys: str) -> None:
        """Press keys at the same time."""
        actions = ActionChains(self._driver)
        for key in keys:
            actions.key_down(key)
        for key in reversed(keys):
            actions.key_up(key)
        actions.perform()

    def requests(self) -> list[str]:
        """What the page asked for, itself included, but not what it holds inside itself."""
        events = [json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance")]
        asked = [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]
        return [url for url in asked if not url.startswith(("data:", "blob:", "about:"))]

    def errors(self) -> list[str]:
        """What the console shows."""
        return [entry["message"] for entry in self._driver.get_log("browser")]

    def run(self, script: str, *values: object):
        return self._driver.execute_script(script, *values)

    def run_async(self, script: str):
        return self._driver.execute_async_script(script)

    def barriers(self) -> list[str]:
        """What axe-core finds wrong for readers who cannot see, point or tell colours, of six rows a table."""
        self.run("document.querySelectorAll('table').forEach(t => [...t.rows].slice(6).forEach(row => row.remove()))")
        self._driver.set_script_timeout(120)
        found = Axe().run(self._driver, options="{resultTypes: ['violations']}")["violations"]
        return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]

    def click(self, selector: str) -> None:
        element = self._driver.find_element(By.CSS_SELECTOR, selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def type(self, selector: str, text: str) -> None:
        field = self._driver.find_element(By.CSS_SELECTOR, selector)
        field.send_keys(Keys.CONTROL, "a", Keys.NULL, text or Keys.BACKSPACE)

    def visible(self, selector: str) -> bool:
        return self._driver.find_element(By.CSS_SELECTOR, selector).is_displayed()

    def text(self, selector: str) -> str:
        return self._driver.find_element(By.CSS_SELECTOR, selector).text

    def attribute(self, selector: str, name: str) -> str | None:
        return self._driver.find_element(By.CSS_SELECTOR, selector).get_attribute(name)

    def colour(self, selector: str, name: str) -> str:
        return self.run(f"return getComputedStyle(document.querySelector(arguments[0]))['{name}']", selector)

    def dark(self) -> bool:
        return self.run("return document.documentElement.classList.contains('dark')")

    def html(self) -> str:
        return self._driver.page_source

    def scripts(self, wanted: bool) -> None:
        self._scripts = wanted
        self._command("Emulation.setScriptExecutionDisabled", value=not wanted)

    def print_mode(self) -> None:
        self._command("Emulation.setEmulatedMedia", media="print")

    def pdf(self) -> bytes:
        return base64.b64decode(self._command("Page.printToPDF", printBackground=True)["data"])

    def allow_clipboard(self) -> None:
        self._command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])

    def downloads_go_to(self, folder: Path) -> None:
        self._command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def picture(self, path: Path, whole: bool = False) -> None:
        """A PNG of the screen, or of the whole page."""
        taken = self._command("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _command(self, name: str, **values: object) -> dict:
        return self._driver.execute_cdp_cmd(name, values)
