"""The platform on the tests' node, and a browser."""

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from playwright.sync_api import Error as PlaywrightError
from spark_notebooks_hub.workspace import HUB_LABEL, HubIdentity

from cluster import Cluster
from dev import images
from dev.platform import NODE_PORT, Accounts, Platform, evaluation_values
from dev.target import of_node
from tests.support.browser import WINDOW, chromium
from tests.support.notebook_pod import QUICK

HUB = HubIdentity(Platform.namespace, Platform.release)  # in full a release of the chart's own name is called just so


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
    values["spark"]["conf"] = QUICK
    platform.install(values)
    return Running(f"http://{node.node_address}:{NODE_PORT}", platform, accounts, references)


@pytest.fixture(scope="session")
def running(node: Cluster) -> Running:
    """A platform without users; what an earlier run left on a kept node goes first."""
    kubectl = of_node(node).kubectl
    kubectl("delete", "namespace", f"--selector={HUB_LABEL}={HUB.label}")
    kubectl("delete", "namespace", HUB.namespace, "--ignore-not-found")
    return install(node)


@pytest.fixture(scope="module")
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
    except (Exception, pytest.fail.Exception) as error:
        # In a fixture: when pytest reports it, this browser is closed.
        error.add_note(last_words(visitor, f"failure-of-a-visit-{name}"))
        raise
    finally:
        VISITORS.remove(visitor)
        context.close()


def last_words(visitor: Visitor, screenshot: str) -> str:
    """What the hub and the cluster said last, beside a screenshot of what the visitor sees."""
    said = []
    # A page that cannot be drawn any more must not hide why the test failed, nor end the whole run.
    try:
        visitor.screenshot(screenshot)
    except PlaywrightError as error:
        said.append(f"No screenshot of {visitor.name}'s page: {error}")
    platform = visitor.running.platform
    for question in (
        ("--namespace", platform.namespace, "logs", f"deployment/{platform.release}-hub", "--tail=60"),
        ("get", "pods", "--all-namespaces", "--output=wide"),
        ("get", "events", "--all-namespaces", "--sort-by=.metadata.creationTimestamp"),
    ):
        answer = platform.target.kubectl(*question, check=False)
        said.append("\n".join((answer.stdout or answer.stderr).splitlines()[-60:]))
    return "\n\n".join(said)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """When a test fails, the last thing that each visitor saw is kept, and what the hub and the cluster said."""
    report = yield
    if report.failed:
        for visitor in VISITORS:
            said = last_words(visitor, f"failure-{item.name}-{visitor.name}")
            report.sections.append((f"last words, {visitor.name}", said))
    return report
