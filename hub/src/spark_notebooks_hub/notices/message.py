"""What is told of an end, to whom, and in which form. Pure."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final

from .ending import FAILED, Ending, one_line

VERSION: Final = 1
"""Of the webhook's body: another one where a name goes or means something else. Names may come at any time."""

SIGNATURE_HEADER: Final = "X-Hub-Signature-256"
ID_HEADER: Final = "Idempotency-Key"
USER: Final = "{user}"
# Stricter than mail is: no quotes, comments or lists, so that no name of a person becomes two addresses.
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
# Written by the hub (spark_notebooks_hub.workspace).
_HUB_NOTE: Final = "spark-notebooks.io/hub"
_USER_NOTE: Final = "spark-notebooks.io/user"
_MEMBER_NOTES: Final = "member.spark-notebooks.io/"
_MEMBER_ACCOUNTS: Final = "notebook-"


@dataclass(frozen=True)
class Notice:
    """An end, and whose job it was."""

    end: Ending
    user: str

    @property
    def subject(self) -> str:
        """In a few words."""
        code = f" with exit code {self.end.code}" if self.end.state == FAILED and self.end.code is not None else ""
        return f"Job {self.end.job} {self.end.state}{code}"

    @property
    def sentence(self) -> str:
        """In a sentence, or two."""
        return f"{self.subject} after {self.end.seconds} s ({one_line(self.user)}). {self.end.reason}".rstrip()

    @property
    def command(self) -> str:
        """What its person types to look at it."""
        return f"spark-session show {self.end.job}"


def owner(namespace: Mapping[str, Any] | None, hub: str, account: str) -> str | None:
    """The person whose job it is: whose workspace the namespace is, or the member of a shared one; None for one that is no workspace of this installation.

    Args:
        namespace: the Namespace object; None where there is none.
        hub: the installation as its hub writes it into annotations.
        account: the service account of the job.
    """
    notes = ((namespace or {}).get("metadata") or {}).get("annotations") or {}
    if notes.get(_HUB_NOTE) != hub:
        return None
    user = notes.get(_USER_NOTE)
    if not user and account.startswith(_MEMBER_ACCOUNTS):
        user = notes.get(f"{_MEMBER_NOTES}{account.removeprefix(_MEMBER_ACCOUNTS)}")
    return str(user) if user else None


def body(notice: Notice) -> bytes:
    """What is posted to the webhook: JSON."""
    end = notice.end
    content = {
        "version": VERSION,
        "id": end.uid,
        "text": notice.sentence,
        "job": end.job,
        "schedule": end.schedule or None,
        "script": end.script or None,
        "workspace": end.namespace,
        "user": notice.user,
        "state": end.state,
        "exitCode": end.code,
        "reason": end.reason,
        "submitted": _stamp(end.submitted),
        "started": None if end.started is None else _stamp(end.started),
        "ended": _stamp(end.ended),
        "seconds": end.seconds,
        "command": notice.command,
    }
    return json.dumps(content).encode()


def signature(key: str, content: bytes) -> str:
    """What proves to a receiver that has the same key who sent a body: HMAC-SHA256, as GitHub and WebSub write it."""
    return f"sha256={hmac.new(key.encode(), content, hashlib.sha256).hexdigest()}"


def recipients(templates: Iterable[str], user: str) -> list[str]:
    """The addresses that get mail about a person's jobs, each once; what is no address with this name in it is left out.

    Args:
        templates: addresses, in which {user} stands for the person's name.
        user: the name.
    """
    found = [template.replace(USER, user) for template in templates]
    return list(dict.fromkeys(address for address in found if is_address(address)))


def is_address(text: str) -> bool:
    """Whether a text is one plain mail address."""
    return _ADDRESS.fullmatch(text) is not None


def mail(notice: Notice, sender: str, to: Sequence[str], now: datetime) -> EmailMessage:
    """The mail.

    Args:
        notice: what it tells.
        sender: its address.
        to: addresses, by `recipients`.
        now: the time.
    """
    end, message = notice.end, EmailMessage()
    message["Subject"] = notice.subject
    message["From"] = _address(sender)
    message["To"] = [_address(each) for each in to]
    message["Date"] = format_datetime(now)
    # The same for the same end: a mail that comes twice is one for programs that look at it.
    message["Message-ID"] = f"<{end.uid}.notice@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    facts = {
        "script": end.script,
        "schedule": end.schedule,
        "person": one_line(notice.user),
        "workspace": end.namespace,
        "submitted": _told(end.submitted),
        "started": "" if end.started is None else _told(end.started),
        "ended": _told(end.ended),
        "took": f"{end.seconds} s",
    }
    width = max(map(len, facts))
    lines = [f"{notice.subject}.", end.reason, "", *(f"{name:{width}}  {text}" for name, text in facts.items() if text)]
    lines += ["", "In a terminal of JupyterLab:", f"  {notice.command}", f"  spark-session logs {end.job}", ""]
    message.set_content("\n".join(lines))
    return message


def _address(text: str) -> Address:
    return Address(addr_spec=text)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
