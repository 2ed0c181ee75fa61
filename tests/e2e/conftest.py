"""The platform on the tests' node, and a browser."""

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from playwright.sync_api import Error as PlaywrightError

from cluster import Cluster
from dev import images
from dev.platform import NODE_PORT, Accounts, Platform, evaluation_values
from dev.target import of_node
from tests.support.browser import WINDOW, chromium


@dataclass(frozen=True)
class Running:
    """An installed platform: where it is, who can sign in, which images it runs."""

    url: str
    platform: Platform
    accounts: Accounts
    images: dict[str, str]


def install(node: Cluster) -> Running:
    """Builds the images and installs the chart on a running node."""
    references = images.build(images.IMAGES, push_to=node.registry)
    accounts = Accounts.generate()
    platform = Platform(of_node(node))
    values = evaluation_values(references, accounts)
    # The notebook image's own tests have a home folder that goes with the pod.
    values["singleuser"]["storage"] = {"type": "dynamic", "capacity": "1Gi"}
    platform.install(values)
    return Running(f"http://{node.node_address}:{NODE_PORT}", platform, accounts, references)


@pytest.fixture(scope="session")
def running(node: Cluster) -> Running:
    """A platform without users; what an earlier run left on a kept node goes first."""
    kubectl = of_node(node).kubectl
    kubectl("delete", "namespace", "--selector=app.kubernetes.io/managed-by=spark-notebooks")
    kubectl("delete", "namespace", "spark-notebooks", "--ignore-not-found")
    return install(node)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Visitor:
    """One person with a browser of their own."""

    def __init__(self, context: BrowserContext, running: Running, screenshots: Path, name: str) -> None:
        self.page: Page = context.new_page()
        self.running = running
        self.name = name
        self._screenshots = screenshots

    def screenshot(self, title: str) -> None:
        self.page.screenshot(path=self._screenshots / f"{title}.png")

    def open(self, path: str) -> None:
        self.page.goto(self.running.url + path)

    def sign_in(self) -> None:
        accounts = self.running.accounts
        self.open("/hub/login?next=%2Fhub%2Fhome")
        self.page.fill("#username_input", self.name)
        self.page.fill(
            "#password_input", accounts.admin_password if self.name == accounts.admin else accounts.user_password
        )
        self.page.click("#login_submit")
        self.page.wait_for_url("**/hub/home")


VISITORS: list[Visitor] = []


@contextlib.contextmanager
def visit(browser: Browser, running: Running, screenshots: Path, name: str) -> Iterator[Visitor]:
    """A person's browser."""
    context = browser.new_context(viewport=WINDOW)
    visitor = Visitor(context, running, screenshots, name)
    VISITORS.append(visitor)
    try:
        yield visitor
    finally:
        VISITORS.remove(visitor)
        context.close()


def hub_log(platform: Platform) -> str:
    """The end of the hub's log, or why there is none."""
    hub = ("--namespace", platform.namespace, "logs", f"deployment/{platform.release}-hub", "--tail=60")
    result = platform.target.kubectl(*hub, check=False)
    return result.stdout or result.stderr


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """When a test fails, the last thing that each visitor saw is kept, and what the hub said."""
    report = yield
    if report.failed and VISITORS:
        report.sections.append(("the hub's last words", hub_log(VISITORS[0].running.platform)))
        for visitor in VISITORS:
            # A page that cannot be drawn any more must not hide why the test failed, nor end the whole run.
            try:
                visitor.screenshot(f"failure-{item.name}-{visitor.name}")
            except PlaywrightError as error:
                report.sections.append((f"no screenshot of {visitor.name}'s page", str(error)))
    return report
