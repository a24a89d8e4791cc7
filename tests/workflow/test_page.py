"""The report in a real browser: no errors, tables sort, links work, and it fits a phone."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from checkout import Workflow

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.workflow, pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")]
# Seconds; a browser is slow on a busy machine.
TIMEOUT = 120
LARGEST = 5_000_000
PHONE = 390
WATCH = "<script>window.failures = []; window.onerror = (text) => { window.failures.push(text); };</script>"
# Sorts the first table of the section `mono` by its last column, and checks the targets of links within the page.
PROBE = """<pre id="probe"></pre><script>
const table = document.querySelector("#mono table");
const column = () => [...table.tBodies[0].rows].map((row) => row.cells[row.cells.length - 1].dataset.value);
const head = [...table.tHead.rows].at(-1).lastElementChild;
const orders = [column()];
head.click();
orders.push(column());
head.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
orders.push(column());
const anchors = [...document.querySelectorAll("a[href^='#']")].map((link) => link.getAttribute("href").slice(1));
const probe = { failures: window.failures, orders, sorted: head.getAttribute("aria-sort"), anchors: anchors.length,
  astray: anchors.filter((id) => document.getElementById(id) === null), dark: getComputedStyle(document.body).backgroundColor };
document.getElementById("probe").textContent = JSON.stringify(probe);
</script>"""
NARROW = """<body style="margin: 0"><iframe src="{page}" style="width: {width}px; height: 2000px; border: 0"></iframe>
<pre id="probe"></pre><script>
document.querySelector("iframe").onload = (event) => {{
  const root = event.target.contentDocument.documentElement;
  const size = parseFloat(getComputedStyle(event.target.contentDocument.querySelector("main p")).fontSize);
  document.getElementById("probe").textContent = JSON.stringify({{ width: root.scrollWidth, size }});
}};
</script>"""


def browse(file: Path, *options: str) -> tuple[dict[str, Any], str]:
    """Open a page offline; return the output of its probe, and the standard error of the browser."""
    assert BROWSER is not None
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += [
        "--enable-logging=stderr",
        "--v=0",
        "--virtual-time-budget=10000",
        *options,
        "--dump-dom",
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr
    return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")), done.stderr


@pytest.fixture(scope="module")
def page(finished: Workflow) -> Path:
    return finished.results / "report.html"


def test_page_works_in_a_browser(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    probed = tmp_path / "report.html"
    probed.write_text(text.replace("<head>", f"<head>{WATCH}").replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    probe, log = browse(probed)
    assert probe["failures"] == []
    assert "CONSOLE" not in log
    assert probe["anchors"] > 50
    assert probe["astray"] == []
    before, rising, falling = ([float(value) for value in order if value] for order in probe["orders"])
    assert rising == sorted(before)
    assert falling == rising[::-1]
    assert probe["sorted"] == "descending"


def test_page_fits_a_phone(page: Path, tmp_path: Path) -> None:
    frame = tmp_path / "frame.html"
    frame.write_text(NARROW.format(page=page.as_uri(), width=PHONE), encoding="utf-8")
    probe, _ = browse(frame, "--allow-file-access-from-files")
    assert probe["width"] <= PHONE
    assert probe["size"] >= 16


def test_page_is_one_small_file(page: Path) -> None:
    assert page.stat().st_size < LARGEST


def test_links_to_files_lead_to_files(page: Path) -> None:
    links = {link for link in re.findall(r'href="([^"#]+)"', page.read_text(encoding="utf-8")) if ":" not in link}
    assert any(link.endswith("README.md") for link in links)
    assert any(link.startswith("logs/train/") for link in links)
    assert not [link for link in links if not (page.parent / link).exists()]
