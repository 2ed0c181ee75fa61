"""What a person does in JupyterLab, through the browser."""

from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.e2e.conftest import Visitor

START = 240_000  # milliseconds: the first start pulls the image
RUN = 240_000
PROMPTS = "[...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')].map(p => p.textContent)"


def start_instance(visitor: Visitor, screenshot: str | None = None) -> None:
    """Clicks "Start My Server" and waits for a usable Lab; a screenshot of the progress page on the way."""
    visitor.open("/hub/home")
    visitor.page.click("#start")
    if screenshot:
        expect(visitor.page.locator("#progress-message, #progress-log").first).to_be_attached()
        visitor.screenshot(screenshot)
    wait_for_lab(visitor.page)


def stop_instance(visitor: Visitor) -> None:
    visitor.open("/hub/home")
    visitor.page.click("#stop")
    expect(visitor.page.locator("#start")).to_have_text("Start My Server", timeout=60_000)
    expect(visitor.page.locator("#stop")).to_be_hidden(timeout=60_000)


def wait_for_lab(page: Page) -> None:
    page.wait_for_url("**/lab**", timeout=START)
    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=START)
    expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=60_000)


def file_names(page: Page) -> list[str]:
    """The names in the file browser."""
    page.locator(".jp-DirListing-content").wait_for()
    return page.locator(".jp-DirListing-itemText").all_inner_texts()


def open_file(page: Page, *path: str) -> None:
    """Opens a file through the file browser, folder by folder."""
    top = page.locator(".jp-BreadCrumbs-home").first
    items = [page.locator(".jp-DirListing-item", has=page.get_by_text(name, exact=True)) for name in path]
    top.click()
    try:
        items[0].wait_for(timeout=5_000)
    except PlaywrightTimeout:
        top.click()  # a Lab that was usable has gone back to the folder of its last visit only now
    for item in items:
        item.dblclick()
    expect(page.locator(".lm-TabBar-tab.jp-mod-current", has_text=path[-1])).to_be_visible(timeout=30_000)


def run_all_cells(page: Page) -> None:
    """Runs the open notebook from the menu and waits until no cell runs or waits; what the cells did is the notebook's to tell."""
    page.locator(".jp-Notebook:visible").wait_for()
    # Before the kernel has been asked for, JupyterLab would ask which one to use.
    expect(page.locator("#jp-main-statusbar").get_by_text("| Idle")).to_be_visible(timeout=RUN)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(f"() => {PROMPTS}.some(p => /[0-9*]/.test(p))", timeout=30_000)
    page.wait_for_function(f"() => !{PROMPTS}.some(p => p.includes('*'))", timeout=RUN)


def save(page: Page) -> None:
    page.keyboard.press("Control+s")
    expect(page.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")).to_have_count(0, timeout=30_000)
