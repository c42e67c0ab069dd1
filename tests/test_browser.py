"""Every page of a report in a real browser without a network: what a reader does works, nothing is asked for."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import Browser, chromium
from pages_support import PROBE, record, write_notebook
from selenium.webdriver.common.keys import Keys
from support import write_log

from flowkit import cli

pytestmark = pytest.mark.skipif(not chromium(), reason="no chromium and chromedriver on this machine")


@pytest.fixture(scope="module")
def pages(tmp_path_factory, sample_reports) -> dict[str, Path]:
    """The pages of two runs: of the sample with all notebooks, and of the probe on a log of its own."""
    folder = tmp_path_factory.mktemp("browser")
    log = write_log(folder / "flow.log", [record(f"eni-{n:04x}", f"203.0.113.{n}") for n in range(30)] * 3)
    book = write_notebook(folder / "probe.ipynb", *PROBE)
    assert cli.main(["report", str(log), "--notebook", str(book), "--out", str(folder / "probe")]) == 0
    found = {path.stem: path for path in (folder / "probe" / "latest").glob("*.html")}
    found |= {f"sample-{path.stem}": path for path in (sample_reports / "latest").glob("*.html")}
    return found | {"runs": sample_reports / "index.html"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


@pytest.fixture
def probe(browser, pages) -> Browser:
    browser.look(1200, 900, "light")
    browser.open(pages["probe"])
    return browser


def eventually(said: Callable[[], object], seconds: float = 20) -> None:
    """Wait until it is true what `said` says: a page does its work when it comes to it."""
    until = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < until, "not within the time"
        time.sleep(0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_every_page_opens_without_a_request_an_error_or_a_sideways_scroll(browser, pages, tmp_path, width, theme):
    for name, path in pages.items():
        browser.look(width, 900, theme)
        browser.open(path)
        assert browser.requests() == [path.resolve().as_uri()], name
        assert browser.errors() == [], name
        wide = browser.run("return document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} wide on a screen of {width}"
        cut = browser.run("const bar = document.querySelector('nav'); return bar.scrollWidth > bar.clientWidth")
        assert not cut or "gradient" in browser.colour("nav", "background-image"), "what is cut shows that it scrolls"
        assert browser.dark() == (theme == "dark"), name
        if width < 600 and browser.run("return !!document.querySelector('.fk-finding')"):
            assert browser.colour(".fk-finding", "padding-left") == "0px", "a phone has no room for a margin"
        shown = tmp_path / f"{name}-{width}-{theme}.png"
        browser.picture(shown)
        assert shown.stat().st_size > 5_000


@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_nothing_on_any_page(browser, pages, width):
    for name, path in pages.items():
        browser.look(width, 900, "dark" if width < 600 else "light")
        browser.open(path)
        assert browser.barriers() == [], name


def test_a_printed_page_of_the_sample_has_at_most_four_sheets(browser, pages):
    browser.look(1200, 900, "light")
    for name in ("sample-index", "sample-rejected", "sample-reachability", "sample-skipdata", "sample-direction"):
        browser.open(pages[name])
        assert len(re.findall(rb"/Type\s*/Page\b", browser.pdf())) <= 4, name


def test_what_introduces_a_folded_block_is_not_printed_without_it(browser, pages):
    browser.look(1200, 900, "light")
    browser.open(pages["sample-rejected"])
    assert browser.visible(".fk-action:has(+ details)")
    browser.print_mode()
    assert not browser.visible(".fk-action:has(+ details)")


def test_a_bundle_holds_the_whole_run_and_its_links_lead_inside(browser, pages):
    browser.look(1200, 900, "light")
    browser.open(pages["sample-bundle"])
    links = browser.run("return [...document.links].map(a => a.getAttribute('href'))")
    assert len(links) > 30 and [link for link in links if not link.startswith("#")] == []
    missing = "return arguments[0].filter(link => !document.getElementById(link.slice(1)))"
    assert browser.run(missing, links) == []
    twice = "const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.length - new Set(ids).size"
    assert browser.run(twice) == 0
    browser.click(".found a")
    assert browser.run("return location.hash.slice(1)").startswith(("rejected.finding-", "reachability.finding-"))
    assert browser.run("return document.querySelectorAll('h1').length") == 5


def test_an_incident_links_to_the_other_pages_that_tell_of_it(browser, pages):
    browser.open(pages["sample-rejected"])
    link = browser.attribute(".fk-also a", "href")
    assert "reachability.html#finding-" in link
    browser.click(".fk-also a")
    assert browser.run("return document.getElementById(location.hash.slice(1)).className").startswith("fk-finding")


def test_a_table_sorts_and_searches(probe):
    def cells(column):
        found = f"document.querySelectorAll('.fk-table tbody tr:not([hidden]) td:nth-child({column})')"
        return probe.run(f"return [...{found}].map(e => e.textContent)")

    assert len(cells(1)) == 30
    second = ".fk-table th:nth-child(2)"
    for order, first in (("ascending", "203.0.113.0"), ("descending", "203.0.113.9")):
        probe.click(second + " button")
        eventually(lambda: probe.attribute(second, "aria-sort") == order and cells(2)[0] == first)  # noqa: B023
    probe.type(".fk-tools input", "eni-001d")
    eventually(lambda: cells(1) == ["eni-001d"])
    probe.type(".fk-tools input", "")
    eventually(lambda: len(cells(1)) == 30)


def test_a_table_is_saved_as_csv(probe, tmp_path):
    probe.downloads_go_to(tmp_path)
    probe.click(".fk-tools button")
    eventually(lambda: list(tmp_path.glob("*.csv")))
    lines = next(tmp_path.glob("*.csv")).read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith('"interface id","srcaddr"') and len(lines) == 31, lines[-3:]


def test_a_command_is_copied(probe):
    probe.allow_clipboard()
    probe.click(".fk-command button")
    copied = probe.run_async("navigator.clipboard.readText().then(arguments[0], e => arguments[0](String(e)))")
    assert copied == "aws ec2 describe-security-groups --filters 203.0.113.0"
    assert probe.text(".fk-command button") == "copied"


def test_the_code_is_folded_behind_one_switch(probe):
    assert not probe.visible(".code")
    probe.click("#code")
    assert probe.visible(".code") and probe.attribute("#code", "aria-pressed") == "true"
    probe.click("#code")
    assert not probe.visible(".code")


def test_the_theme_follows_the_system_until_the_reader_chooses(browser, pages):
    browser.look(1200, 900, "light")
    browser.open(pages["probe"])
    paper = browser.colour("body", "background-color")
    assert not browser.dark()
    browser.click("#theme")
    assert browser.dark() and browser.colour("body", "background-color") != paper
    assert browser.colour(".fk-figure svg", "color") == browser.colour("body", "color"), "figures take the page's ink"

    def stays() -> bool:
        browser.open(pages["probe"])
        return browser.dark()

    eventually(stays)  # Chromium writes what a file's page stores a moment later; a new page may be another process.
    browser.click("#theme")
    browser.run("localStorage.clear()")


def test_contents_lead_to_their_sections(probe):
    for link in probe.run("return [...document.querySelectorAll('.bar nav a')].map(a => a.getAttribute('href'))"):
        if link.startswith("#"):
            probe.click(f'.bar nav a[href="{link}"]')
            top = probe.run("return document.querySelector(arguments[0]).getBoundingClientRect().top", link)
            end = probe.run("return innerHeight + scrollY >= document.documentElement.scrollHeight - 2")
            assert 0 <= top < 200 or end, link


def test_grounds_fold_out(probe):
    assert not probe.visible(".fk-grounds li")
    probe.click(".fk-grounds summary")
    assert probe.text(".fk-grounds li") == "seen at eni-0000"


def test_a_finding_of_the_run_page_is_found_in_the_notebook_page(browser, pages):
    browser.look(1200, 900, "light")
    browser.open(pages["index"])
    title = browser.text(".found a")
    browser.click(".found a")
    anchor = browser.run("return location.hash.slice(1)")
    assert (
        browser.run("return document.getElementById(arguments[0]).querySelector('.fk-title').textContent", anchor)
        == title
    )
    assert browser.run("return document.getElementById(arguments[0]).getBoundingClientRect().top", anchor) < 900


def test_the_index_is_filtered_by_severity_and_notebook(browser, pages):
    browser.look(1200, 900, "light")
    browser.open(pages["sample-index"])
    rows = "[...document.querySelectorAll('#findings tr[data-severity]')].filter(e => e.checkVisibility())"
    choose = """const list = document.querySelector(`#filter select[name=${arguments[0]}]`);
        list.value = arguments[1]; list.dispatchEvent(new Event("input", {bubbles: true}))"""
    every = browser.run(f"return {rows}.length")
    browser.run(choose, "severity", "high")
    browser.run(choose, "notebook", "reachability")
    shown = browser.run(f"return {rows}.map(e => [e.dataset.severity, e.dataset.notebook])")
    assert 0 < len(shown) < every and set(map(tuple, shown)) == {("high", "reachability")}
    assert browser.text("#filter output").startswith(f"{len(shown)} of ")
    browser.run(choose, "severity", "")
    browser.run(choose, "notebook", "")
    browser.type("#filter input", "db-1")
    named = browser.run(f"return {rows}.map(e => e.textContent + e.dataset.words)")
    assert 0 < len(named) < every and all("db-1" in text for text in named)
    browser.type("#filter input", "")
    browser.run(choose, "severity", "info")
    browser.run(choose, "notebook", "")
    assert set(browser.run(f"return {rows}.map(e => e.dataset.severity)")) == {"info"}, "folded ones unfold"


def test_nothing_from_outside_could_be_loaded(probe):
    script = """const done = arguments[0]; const seen = [];
        document.addEventListener("securitypolicyviolation", e => seen.push(e.violatedDirective));
        const image = new Image(); image.src = "https://example.com/x.png";
        fetch("https://example.com/").catch(() => 0).then(() => setTimeout(() => done(seen.sort()), 200))"""
    assert probe.run_async(script) == ["connect-src", "img-src"]


def test_a_folded_finding_unfolds_when_it_is_linked_to(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("folded")
    log = write_log(folder / "flow.log", [record()])
    book = write_notebook(folder / "probe.ipynb", *PROBE)
    assert cli.main(["report", str(log), "--notebook", str(book), "--out", str(folder / "out")]) == 0
    run = folder / "out" / "latest"
    finding = json.loads((run / "findings.json").read_text())["findings"][0]
    browser.open(run / "probe.html", f"#finding-{finding['id']}")
    assert browser.visible(f"#finding-{finding['id']}")


def test_a_printed_page_is_white_complete_and_without_buttons(probe, tmp_path):
    probe.look(1200, 900, "dark")
    probe.print_mode()
    assert probe.colour("body", "background-color") == "rgb(255, 255, 255)"
    assert not probe.visible(".bar") and not probe.visible(".fk-command button")
    pdf = probe.pdf()
    assert pdf.startswith(b"%PDF") and len(pdf) > 10_000
    (tmp_path / "probe.pdf").write_bytes(pdf)


def test_the_page_is_readable_without_scripts(browser, pages):
    browser.scripts(False)
    try:
        browser.look(1200, 900, "light")
        browser.open(pages["probe"])
        body = browser.html()
    finally:
        browser.scripts(True)
    assert "30 clients were refused." in body and "203.0.113.0 was refused 3 times at eni-0000" in body


@pytest.fixture(scope="module")
def lab(pages, tmp_path_factory) -> Iterator[str]:
    """JupyterLab over a folder with the probe's notebook, and the same as a report executed it: its address."""
    folder = tmp_path_factory.mktemp("lab")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    write_notebook(folder / "work" / "probe.ipynb", *PROBE, kernel=kernel)
    (folder / "work" / "executed.ipynb").write_text(pages["probe"].with_suffix(".ipynb").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "RUNTIME")} | {
        "IPYTHONDIR": str(folder / "ip")
    }
    words = ["--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token="]
    command = [sys.executable, "-m", "jupyterlab", *words, f"--notebook-dir={folder / 'work'}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            eventually(lambda: "is running at" in (folder / "log").read_text(), 120)
            yield url
        finally:
            server.terminate()
            server.wait(30)


def test_jupyterlab_shows_live_tables_after_two_runs_a_save_and_a_reload(browser, lab):
    browser.look(1200, 900, "light")
    live = "document.querySelectorAll('.fk-table[data-live] .fk-tools').length"
    busy = "[...document.querySelectorAll('.jp-InputPrompt')].filter(e => e.textContent.includes('*')).length"
    browser.visit(f"{lab}/lab/tree/probe.ipynb?reset")
    item = "[...document.querySelectorAll('.lm-{}-itemLabel')].find(e => e.textContent == '{}')"
    eventually(lambda: browser.run("return document.querySelectorAll('.jp-Notebook .jp-Cell').length > 5"), 300)
    eventually(lambda: browser.run("return document.body.innerText.includes('Idle')"), 300)
    for _ in range(2):
        browser.press(item.format("MenuBar", "Run"))
        eventually(lambda: browser.run(f"return !!{item.format('Menu', 'Run All Cells')}"))
        browser.press(item.format("Menu", "Run All Cells"))
        time.sleep(2)
        eventually(lambda: browser.run(f"return {busy} == 0 && {live} == 1"), 300)
    browser.keys(Keys.CONTROL, "s")
    time.sleep(3)
    browser.visit("about:blank")
    browser.visit(f"{lab}/lab/tree/probe.ipynb?reset")
    eventually(lambda: browser.run(f"return {live} == 1"), 300)
    browser.run("document.querySelector('.fk-table th:nth-child(2) button').click()")
    assert (
        browser.run("return document.querySelector('.fk-table th:nth-child(2)').getAttribute('aria-sort')")
        == "ascending"
    )


def test_jupyterlab_shows_an_executed_notebook_that_it_does_not_trust(browser, lab):
    browser.visit(f"{lab}/lab/tree/executed.ipynb?reset")
    eventually(lambda: browser.run("return document.querySelectorAll('.jp-RenderedImage img').length == 1"), 300)
    shown = browser.run("return document.querySelector('.jp-Notebook').innerText")
    assert "203.0.113.0 was refused 3 times at eni-0000" in shown and "30 clients were refused." in shown
