"""What is told, to whom, in which form."""

from __future__ import annotations

import hashlib
import hmac
import json
from email import message_from_bytes, policy

import pytest
from spark_notebooks_hub.notices.ending import ending
from spark_notebooks_hub.notices.message import Notice, body, is_address, mail, owner, recipients, signature

from dev.paths import REPOSITORY
from tests.unit.notices.objects import BEGAN, HUB, complete, failed, job, namespace


def notice(*conditions: dict[str, object], user: str = "ada", **notes: str) -> Notice:
    end = ending(job("count-3f09ac", *(conditions or (failed(137),)), **notes))
    assert end
    return Notice(end, user)


def test_the_body_says_all_there_is() -> None:
    assert json.loads(body(notice(schedule="nightly"))) == {
        "version": 1,
        "id": "uid-of-count-3f09ac",
        "text": "Job count-3f09ac failed with exit code 137 after 41 s (ada). Something killed it (SIGKILL), most often because it used more memory "
        "than it had: --driver-memory gives it more.",
        "job": "count-3f09ac",
        "schedule": "nightly",
        "script": "count.py",
        "workspace": "user-ada",
        "user": "ada",
        "state": "failed",
        "exitCode": 137,
        "reason": "Something killed it (SIGKILL), most often because it used more memory than it had: --driver-memory gives it more.",
        "submitted": "2026-11-21T16:29:59Z",
        "started": "2026-11-21T16:30:00Z",
        "ended": "2026-11-21T16:30:41Z",
        "seconds": 41,
        "command": "spark-session show count-3f09ac",
    }


def test_what_is_not_there_is_null_and_a_success_has_no_reason() -> None:
    found = json.loads(body(notice(complete())))
    assert (found["schedule"], found["exitCode"], found["reason"]) == (None, 0, "")
    assert found["text"] == "Job count-3f09ac succeeded after 41 s (ada)."


def test_the_page_for_administrators_names_every_key_of_the_body() -> None:
    page = (REPOSITORY / "docs" / "admins" / "notices.md").read_text()
    rows = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert set(json.loads(body(notice()))) <= rows


def test_a_receiver_with_the_key_can_tell_who_sent_a_body() -> None:
    content = body(notice())
    proof = hmac.new(b"a key", content, hashlib.sha256).hexdigest()
    assert signature("a key", content) == f"sha256={proof}"
    assert signature("a key", content + b" ") != signature("a key", content) != signature("another", content)


@pytest.mark.parametrize(
    ("templates", "user", "expected"),
    [
        (["{user}@example.org"], "ada", ["ada@example.org"]),
        (["{user}", "ops@example.org"], "ada@example.org", ["ada@example.org", "ops@example.org"]),
        (["{user}@example.org", "ada@example.org"], "ada", ["ada@example.org"]),
        (["{user}@example.org"], "Ada Lovelace", []),
        (["{user}@example.org"], "ada@evil.org", []),
        (["{user}@example.org"], "eve@evil.org,ada", []),
        (["{user}@example.org"], "ada\r\nBcc: eve", []),
        (["{user}@example.org", "ops@example.org"], "<ada>", ["ops@example.org"]),
    ],
)
def test_who_gets_mail(templates: list[str], user: str, expected: list[str]) -> None:
    assert recipients(templates, user) == expected


def test_addresses() -> None:
    assert is_address("first.last+jobs@mail.example.org")
    for text in ("ada", "a@b@c", "a b@c", "a@", "@c", "ada@-", "a@b,c@d", '"a"@b', "a@b\n"):
        assert not is_address(text), text


def test_the_mail_is_plain_and_belongs_to_its_end() -> None:
    to = ["ada@example.org", "ops@example.org"]
    sent = mail(notice(schedule="nightly"), "notebooks@example.org", to, BEGAN)
    read = message_from_bytes(sent.as_bytes(), policy=policy.SMTP)
    assert read["Subject"] == "Job count-3f09ac failed with exit code 137"
    assert (read["From"], read["To"]) == ("notebooks@example.org", ", ".join(to))
    assert read["Message-ID"] == "<uid-of-count-3f09ac.notice@example.org>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read.get_content_type() == "text/plain"
    text = read.get_content()
    for line in (
        "schedule   nightly",
        "took       41 s",
        "  spark-session show count-3f09ac",
        "ended      2026-11-21 16:30:41 UTC",
    ):
        assert line in text.splitlines()


def test_what_a_person_called_a_thing_begins_no_header_and_no_line() -> None:
    evil = "x\r\nBcc: eve@evil.org\r\n\r\nBuy this"
    sent = mail(notice(script=evil, schedule=evil, user="ada\nBcc: eve@evil.org"), "a@b.org", ["c@d.org"], BEGAN)
    read = message_from_bytes(sent.as_bytes(), policy=policy.SMTP)
    assert read["Bcc"] is None
    assert not [line for line in read.get_content().splitlines() if line.startswith(("Bcc", "Buy"))]


def test_a_workspace_belongs_to_its_person_and_its_installation() -> None:
    assert owner(namespace("ada"), HUB, "notebook") == "ada"
    assert owner(namespace("ada", "others/notebooks"), HUB, "notebook") is None
    assert owner({"metadata": {"name": "kube-system"}}, HUB, "notebook") is None
    assert owner(None, HUB, "notebook") is None


@pytest.mark.parametrize(
    ("account", "expected"),
    [("notebook-ada---0a1b", "Ada L"), ("notebook-bob", "bob"), ("notebook-eve", None), ("notebook", None), ("", None)],
)
def test_in_a_shared_workspace_a_job_is_the_members_whose_account_it_runs_as(
    account: str, expected: str | None
) -> None:
    notes = {
        "spark-notebooks.io/hub": HUB,
        "member.spark-notebooks.io/ada---0a1b": "Ada L",
        "member.spark-notebooks.io/bob": "bob",
    }
    assert owner({"metadata": {"annotations": notes}}, HUB, account) == expected
    assert (
        owner({"metadata": {"annotations": {**notes, "spark-notebooks.io/hub": "another/one"}}}, HUB, account) is None
    )
