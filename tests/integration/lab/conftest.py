"""JupyterLab with the platform's extension and contents manager on a real S3 server, in a browser; no Kubernetes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nbformat import writes
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, BrowserContext, FilePayload, Locator, Page, expect

from dev.lab_extension import lab_extension
from dev.paths import REPOSITORY
from dev.s3_server import S3Server
from tests.support.browser import WINDOW, chromium
from tests.support.jupyter import Jupyter, with_files_on
from tests.support.s3_proxy import S3Proxy
from tests.support.s3_server import s3_server

__all__ = ["s3_server"]

BUCKET = "lab"
PREFIX = "users/ada"
SHARES = [
    {"name": "flights", "url": f"s3://{BUCKET}/groups/flights", "writable": True},
    {"name": "course", "url": f"s3://{BUCKET}/courses/2026", "writable": False},
]
PATIENCE = 30_000  # milliseconds
PACKAGES = ("spark_session/src", "notebook-image/s3_contents/src", "notebook-image/lab_jobs/src")


def notebook(source: str) -> str:
    """A notebook with one cell, as JupyterLab saves it."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return writes(new_notebook(cells=[new_code_cell(source, id="first")], metadata=metadata))


@dataclass(frozen=True)
class Home:
    """The files of the person, or of a folder shared with them, on S3, reached past Jupyter."""

    server: S3Server
    prefix: str = PREFIX

    def key(self, path: str) -> str:
        return f"{self.prefix}/{path}"

    def write(self, path: str, content: str) -> None:
        self.server.client.put_object(Bucket=BUCKET, Key=self.key(path), Body=content.encode())

    def read(self, path: str) -> str:
        body: bytes = self.server.client.get_object(Bucket=BUCKET, Key=self.key(path))["Body"].read()
        return body.decode()


@dataclass(frozen=True)
class Tab:
    """A tab of the browser with JupyterLab and one document."""

    page: Page
    path: str

    @property
    def label(self) -> Locator:
        return self.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=self.path.rpartition("/")[2])

    @property
    def editor(self) -> Locator:
        """The text of the file, or of the notebook's first cell."""
        return self.page.locator("#jp-main-dock-panel .cm-content:visible").first

    @property
    def dialog(self) -> Locator:
        return self.page.locator(".jp-Dialog")

    def type(self, text: str) -> None:
        """At the end of the document."""
        self.editor.click()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text)
        self.is_dirty()

    def save(self) -> None:
        self.page.keyboard.press("Control+s")

    def is_dirty(self) -> None:
        expect(self.label).to_contain_class("jp-mod-dirty", timeout=PATIENCE)

    def is_saved(self) -> None:
        expect(self.label).not_to_contain_class("jp-mod-dirty", timeout=PATIENCE)

    def upload(self, file: Path | FilePayload) -> None:
        """Into the folder that the file browser shows."""
        with self.page.expect_file_chooser() as chooser:
            self.page.locator("jp-button[data-command='filebrowser:upload'], [title='Upload Files']").first.click()
        chooser.value.set_files(file)

    def answer(self, button: str) -> None:
        """Click a button of the dialog that is open."""
        self.dialog.locator(".jp-Dialog-button", has_text=button).click()
        expect(self.dialog).to_have_count(0)


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[S3Proxy]:
    with S3Proxy(s3_server.endpoint) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def no_faults(proxy: S3Proxy) -> Iterator[None]:
    yield
    proxy.fault, proxy.delay = (lambda _request: None), 0.0


@pytest.fixture(scope="module")
def home(s3_server: S3Server) -> Home:
    s3_server.create_bucket(BUCKET, versioning=True)
    return Home(s3_server)


@pytest.fixture(scope="module")
def jupyter(home: Home, proxy: S3Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    folder = tmp_path_factory.mktemp("jupyter")
    environment = {
        **with_files_on(home.server, f"s3://{BUCKET}/{PREFIX}", folder),
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / package) for package in PACKAGES),
        "AWS_ENDPOINT_URL_S3": proxy.endpoint,
        "JUPYTER_PATH": str(lab_extension()),
        "JUPYTER_CONFIG_PATH": str(REPOSITORY / "notebook-image" / "etc" / "jupyter"),
        "S3_CONTENTS_CONFIG": json.dumps({"S3ContentsManager": {"shares": SHARES}}),
    }
    # One try, so that S3 is found to be away at once.
    arguments = (
        f"--ServerApp.root_dir={folder}",
        "--S3ContentsManager.max_attempts=1",
        *(f"--ServerApp.jpserver_extensions={name}=True" for name in ("s3_contents", "lab_jobs")),
    )
    server = Jupyter(folder, environment, *arguments)
    server.wait()
    yield server
    try:
        server.stop()
    except subprocess.TimeoutExpired:
        # Where a page's question for the formats of exports is still being answered, in a thread of AnyIO's, that thread never ends
        # (as in y-crdt/pycrdt-websocket issue 148). Kubernetes ends such a server after ten seconds.
        server.process.kill()
        server.process.wait()


# Not for the session: Playwright keeps an event loop running in this thread, which tests of coroutines would run into.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """The browser of one person, which has loaded JupyterLab's scripts once."""
    context = browser.new_context(viewport=WINDOW)
    yield context
    context.close()


@pytest.fixture
def open_tab(
    context: BrowserContext, jupyter: Jupyter, request: pytest.FixtureRequest, artifacts: Path
) -> Iterator[Callable[[str], Tab]]:
    """Opens tabs, which are closed after the test; what was seen last is kept when it fails."""

    def open_tab(path: str) -> Tab:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        # Each tab has a workspace of its own, and thereby no document but this one.
        workspace = f"{path.replace('/', '-').replace('.', '-')}-{len(context.pages)}"
        page.goto(f"{jupyter.url}/lab/workspaces/{workspace}/tree/{path}?token={jupyter.token}&reset")
        tab = Tab(page, path)
        expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=PATIENCE)
        tab.editor.wait_for()
        # JupyterLab selects the document in the file browser a moment later: by then nothing else may be selected.
        selected = page.locator(".jp-DirListing-item.jp-mod-selected")
        expect(selected).to_contain_text(path.rpartition("/")[2], timeout=PATIENCE)
        return tab

    failed = request.session.testsfailed
    yield open_tab
    for number, page in enumerate(context.pages):
        if request.session.testsfailed > failed:
            page.screenshot(path=artifacts / f"failure-{request.node.name}-{number}.png")
        page.close()
