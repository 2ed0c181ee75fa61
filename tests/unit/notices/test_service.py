"""From a Job that has ended to one message: with a Kubernetes API, a webhook and an SMTP server that run in this process."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from spark_notebooks_hub.notices.channels import Channel, Mail, Webhook, trust
from spark_notebooks_hub.notices.errors import AwayError, OutdatedError
from spark_notebooks_hub.notices.kubernetes import KubernetesApi
from spark_notebooks_hub.notices.ledger import KEY as LEDGER
from spark_notebooks_hub.notices.message import Notice
from spark_notebooks_hub.notices.service import Notices

from cluster.pki import authority, issue
from tests.support.receivers import KEY, Hook, Mailbox, hook, mailbox
from tests.unit.notices.kubernetes import Kubernetes, kubernetes_api
from tests.unit.notices.objects import BEGAN, HUB, complete, failed, job, namespace


@pytest.fixture
async def kubernetes(tmp_path: Path) -> AsyncIterator[Kubernetes]:
    async with kubernetes_api(tmp_path) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Hook]:
    with hook() as running:
        yield running


@pytest.fixture
def post() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running


def by_webhook(to: Hook) -> Webhook:
    return Webhook(to.url, KEY, trust())


def by_mail(to: Mailbox, **options: Any) -> Mail:
    given = {
        "encryption": "none",
        "login": None,
        "sender": "notebooks@example.org",
        "templates": ["{user}@example.org"],
    }
    return Mail("127.0.0.1", to.port, **{**given, "context": trust(), **options})  # type: ignore[arg-type]


class Clock:
    """The time, which goes on by what is slept; slept: how long each time."""

    def __init__(self) -> None:
        self.now = BEGAN + timedelta(minutes=1)
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    kubernetes: Kubernetes, account: Path, *channels: Channel, clock: Clock | None = None, default: str = "failure"
) -> AsyncIterator[Notices]:
    """The service; it ends as one that is asked to."""
    clock = clock or Clock()
    api = KubernetesApi(kubernetes.url, account)
    made = Notices(
        api=api,
        channels=channels,
        hub=HUB,
        default=default,
        place=("platform", "notices"),
        now=clock,
        sleep=clock.sleep,
    )
    task = asyncio.create_task(made.run())
    try:
        yield made
        assert not task.done(), task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await asyncio.gather(api.close(), *(channel.close() for channel in channels))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (nobody tells of it)
            await asyncio.sleep(0.01)


async def quiet(kubernetes: Kubernetes, notices: Notices) -> None:
    """Until all that it has heard of is settled and written down, and it watches."""
    await until(lambda: kubernetes.watches and not notices._telling)
    await until(lambda: not notices._dirty.is_set())
    await asyncio.sleep(0.05)


async def test_what_fails_is_told_once_by_each_way_and_what_succeeds_is_not(
    kubernetes: Kubernetes, receiver: Hook, post: Mailbox, tmp_path: Path
) -> None:
    for name in ("one", "two", "three"):
        kubernetes.add(job(name, complete()))
    kubernetes.add(job("bad", failed(3)))
    async with running(kubernetes, tmp_path, by_webhook(receiver), by_mail(post)) as notices:
        await until(lambda: receiver.taken and post.mails)
        await quiet(kubernetes, notices)
        assert notices.is_ready
        kubernetes.tell("MODIFIED", kubernetes.jobs["bad"])
        kubernetes.tell("DELETED", kubernetes.jobs["bad"])
        await asyncio.sleep(0.1)
    assert [(each["job"], each["exitCode"], each["user"]) for each in receiver.taken] == [("bad", 3, "ada")]
    [(to, mail)] = post.mails
    assert (to, mail["Subject"]) == (["ada@example.org"], "Job bad failed with exit code 3")
    assert kubernetes.lists == 2  # two pages
    assert kubernetes.queries[0]["labelSelector"].endswith("component=job")


async def test_an_end_is_heard_when_it_comes_and_so_is_what_came_while_the_watch_was_away(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path
) -> None:
    kubernetes.add(job("bad"))
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await quiet(kubernetes, notices)
        kubernetes.add(job("bad", failed(1)))
        await until(lambda: len(receiver.taken) == 1)
        kubernetes.hang_up()
        kubernetes.add(job("worse", failed(2)))
        await until(lambda: len(receiver.taken) == 2)
    assert [each["job"] for each in receiver.taken] == ["bad", "worse"]
    assert kubernetes.lists == 1


async def test_a_watch_that_is_too_old_is_one_more_look_at_all_jobs(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path
) -> None:
    kubernetes.outdated = True
    kubernetes.add(job("bad", failed(1)))
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await quiet(kubernetes, notices)
    assert kubernetes.lists == 2
    assert len(receiver.taken) == 1


async def test_an_api_that_is_away_is_waited_for(kubernetes: Kubernetes, receiver: Hook, tmp_path: Path) -> None:
    kubernetes.add(job("bad", failed(1)))
    kubernetes.fails = 503
    clock = Clock()
    async with running(kubernetes, tmp_path, by_webhook(receiver), clock=clock) as notices:
        await until(lambda: len(clock.slept) > 2)
        assert not notices.is_ready
        kubernetes.fails = None
        await until(lambda: receiver.taken)
    assert len(receiver.taken) == 1


async def test_a_choice_of_the_job_and_the_default(kubernetes: Kubernetes, receiver: Hook, tmp_path: Path) -> None:
    kubernetes.add(job("loud", complete(), notify="always"))
    kubernetes.add(job("silent", failed(1), notify="never"))
    kubernetes.add(job("usual", complete()))
    async with running(kubernetes, tmp_path, by_webhook(receiver), default="failure") as notices:
        await quiet(kubernetes, notices)
    assert [each["job"] for each in receiver.taken] == ["loud"]


async def test_jobs_of_other_installations_and_places_are_not_told(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path
) -> None:
    kubernetes.namespaces["user-bob"] = namespace("bob", "others/notebooks")
    for user in ("bob", "nobody"):
        kubernetes.add(job(f"of-{user}", failed(1), user=user))
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await quiet(kubernetes, notices)
    assert not receiver.posts


async def test_what_ended_before_notices_were_switched_on_is_not_told(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path
) -> None:
    kubernetes.add(job("old", failed(1, after=-60)))
    kubernetes.add(job("new", failed(1, after=1)))
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await quiet(kubernetes, notices)
    assert [each["job"] for each in receiver.taken] == ["new"]


async def test_a_receiver_that_answers_500_twice_gets_it_at_the_third_time(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path
) -> None:
    receiver.statuses = [500, 503]
    kubernetes.add(job("bad", failed(1)))
    clock = Clock()
    async with running(kubernetes, tmp_path, by_webhook(receiver), clock=clock) as notices:
        await quiet(kubernetes, notices)
    assert receiver.answers == [500, 503, 200]
    assert clock.slept[:2] == [2, 4]


@pytest.mark.parametrize("status", [302, 400, 410])
async def test_what_a_receiver_never_takes_is_not_sent_again_and_a_redirect_is_not_followed(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path, status: int
) -> None:
    receiver.statuses = [status]
    kubernetes.add(job("bad", failed(1)))
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await until(lambda: receiver.posts)
        await quiet(kubernetes, notices)
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await quiet(kubernetes, notices)
    assert receiver.answers == [status]


async def test_after_hours_a_notice_is_given_up_and_the_others_go_on(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path
) -> None:
    receiver.statuses = [500] * 1000
    kubernetes.add(job("bad", failed(1)))
    clock = Clock()
    async with running(kubernetes, tmp_path, by_webhook(receiver), clock=clock) as notices:
        await until(lambda: receiver.posts and not notices._telling)
        tries = len(receiver.posts)
        receiver.statuses = []
        kubernetes.add(job("later", failed(1, after=7 * 3600)))
        await until(lambda: receiver.taken)
    assert 30 < tries < 60
    assert max(clock.slept) == 600
    assert [each["job"] for each in receiver.taken] == ["later"]


async def test_a_restart_tells_nothing_twice_and_goes_on_with_the_way_that_is_missing(
    kubernetes: Kubernetes, receiver: Hook, post: Mailbox, tmp_path: Path
) -> None:
    post.codes = [451] * 1000
    for name in ("bad", "worse"):
        kubernetes.add(job(name, failed(1)))
    async with running(kubernetes, tmp_path, by_webhook(receiver), by_mail(post)):
        await until(lambda: len(receiver.taken) == 2 and len(post.codes) < 1000)
    assert not post.mails
    post.codes = []
    async with running(kubernetes, tmp_path, by_webhook(receiver), by_mail(post)) as notices:
        await until(lambda: len(post.mails) == 2)
        await quiet(kubernetes, notices)
    assert len(receiver.posts) == 2
    assert {mail["Subject"].split()[1] for _, mail in post.mails} == {"bad", "worse"}


async def test_it_is_written_down_before_the_service_is_asked_to_end(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path
) -> None:
    """So one that is killed then, and writes nothing at its end, has told nothing twice either."""
    kubernetes.add(job("bad", failed(1)))
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await quiet(kubernetes, notices)
        assert "uid-of-bad" in kubernetes.config_map["data"][LEDGER]


class Slow:
    """A way out that takes a notice, and says so late."""

    name = "slow"

    def __init__(self) -> None:
        self.began, self.taken = asyncio.Event(), list[str]()

    async def send(self, notice: Notice) -> None:
        self.taken.append(notice.end.job)
        self.began.set()
        await asyncio.sleep(0.3)

    async def close(self) -> None:
        pass


async def test_one_that_is_asked_to_end_while_it_sends_finishes_that_first(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    kubernetes.add(job("bad", failed(1)))
    slow = Slow()
    async with running(kubernetes, tmp_path, slow):
        await slow.began.wait()
    async with running(kubernetes, tmp_path, slow) as notices:
        await quiet(kubernetes, notices)
    assert slow.taken == ["bad"]


async def test_an_end_that_could_not_be_told_holds_the_ledger_back_and_is_told_after_a_restart(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path
) -> None:
    receiver.statuses = [500] * 20
    kubernetes.add(job("bad", failed(1)))
    clock = Clock()
    async with running(kubernetes, tmp_path, by_webhook(receiver), clock=clock):
        await until(lambda: clock.now > BEGAN + timedelta(hours=1))
    receiver.statuses = []
    async with running(kubernetes, tmp_path, by_webhook(receiver), clock=clock):
        await until(lambda: receiver.taken)
    assert len(receiver.taken) == 1


async def test_one_that_is_asked_to_end_while_it_writes_down_has_written(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path
) -> None:
    kubernetes.add(job("bad", failed(1)))
    kubernetes.slow_writes = 0.5
    async with running(kubernetes, tmp_path, by_webhook(receiver)):
        await until(lambda: kubernetes.writes)
        kubernetes.add(job("worse", failed(1)))
        await until(lambda: len(receiver.taken) == 2)
    kubernetes.slow_writes = 0
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await quiet(kubernetes, notices)
    assert len(receiver.posts) == 2


async def test_a_write_without_an_answer_is_known_for_its_own(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path
) -> None:
    kubernetes.add(job("bad", failed(1)))
    kubernetes.silent_writes = 1
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await until(lambda: kubernetes.writes)
        kubernetes.add(job("worse", failed(1)))
        await until(lambda: len(receiver.taken) == 2)
        await quiet(kubernetes, notices)
        await until(lambda: "uid-of-worse" in kubernetes.config_map["data"][LEDGER])
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await quiet(kubernetes, notices)
    assert len(receiver.posts) == 2


async def test_two_of_them_at_once_do_not_go_on(kubernetes: Kubernetes, receiver: Hook, tmp_path: Path) -> None:
    api = KubernetesApi(kubernetes.url, tmp_path)
    clock, channel = Clock(), by_webhook(receiver)
    one = Notices(
        api=api, channels=[channel], hub=HUB, default="always", place=("platform", "notices"), now=clock,
        sleep=clock.sleep,
    )  # fmt: skip
    task = asyncio.create_task(one.run())
    await until(lambda: kubernetes.watches)
    kubernetes.config_map["metadata"]["resourceVersion"] = "99"
    kubernetes.add(job("good", complete()))
    with pytest.raises(OutdatedError, match="another copy"):
        await asyncio.wait_for(task, 20)
    await asyncio.gather(api.close(), channel.close())


async def test_a_job_that_is_not_as_kubernetes_writes_it_stops_nobody(
    kubernetes: Kubernetes, receiver: Hook, tmp_path: Path
) -> None:
    odd = job("odd", {**failed(1), "lastTransitionTime": "yesterday"})
    kubernetes.add(odd)
    kubernetes.add(job("bad", failed(1)))
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await quiet(kubernetes, notices)
    assert [each["job"] for each in receiver.taken] == ["bad"]


async def test_a_large_job_is_read(kubernetes: Kubernetes, receiver: Hook, tmp_path: Path) -> None:
    async with running(kubernetes, tmp_path, by_webhook(receiver)) as notices:
        await quiet(kubernetes, notices)
        kubernetes.add(job("large", failed(1), argument="x" * 1_000_000))
        await until(lambda: receiver.taken)


async def test_mail_is_encrypted_and_signed_in_and_only_with_a_server_that_is_believed(tmp_path: Path) -> None:
    ca = authority()
    pair = issue(ca, "mail", hosts=["127.0.0.1"])
    (tmp_path / "crt").write_bytes(pair.certificate)
    (tmp_path / "key").write_bytes(pair.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    notice = Notice(_end(), "ada")
    login = ("notebooks", "a password")
    with mailbox(context=server, login=login) as post:
        with pytest.raises(AwayError, match="certificate is not believed"):
            await by_mail(post, encryption="starttls", login=login).send(notice)
        believed = trust(ca.certificate.decode())
        with pytest.raises(AwayError, match="535"):
            await by_mail(post, encryption="starttls", login=("notebooks", "x"), context=believed).send(notice)
        await by_mail(post, encryption="starttls", login=login, context=believed).send(notice)
    assert post.encrypted == [True]
    with hook(context=server) as receiver:
        with pytest.raises(AwayError, match="certificate is not believed"):
            await _post(Webhook(receiver.url, KEY, trust()), notice)
        await _post(Webhook(receiver.url, KEY, believed), notice)
        assert len(receiver.taken) == 1


async def test_of_recipients_those_get_mail_that_there_are(post: Mailbox) -> None:
    post.unknown = {"ada@example.org"}
    notice = Notice(_end(), "ada")
    await by_mail(post, templates=["{user}@example.org", "ops@example.org"]).send(notice)
    assert [to for to, _ in post.mails] == [["ops@example.org"]]
    with pytest.raises(Exception, match="refuses all recipients") as refused:
        await by_mail(post).send(notice)
    assert type(refused.value).__name__ == "RefusedError"
    with pytest.raises(Exception, match="no recipient's address"):
        await by_mail(post).send(Notice(_end(), "Ada Lovelace"))


async def test_nobody_there_is_another_try_and_the_url_is_not_told() -> None:
    secret = Webhook("http://127.0.0.1:9/token-in-the-path", KEY, trust())
    with pytest.raises(AwayError) as away:
        await _post(secret, Notice(_end(), "ada"))
    assert "token-in-the-path" not in str(away.value)


async def _post(channel: Webhook, notice: Notice) -> None:
    try:
        await channel.send(notice)
    finally:
        await channel.close()


def _end() -> Any:
    from spark_notebooks_hub.notices.ending import ending

    return ending(job("bad", failed(1)))
