"""What the Kubernetes API says when it refuses to make an executor pod, in words for researchers. Pure.

The sentences come from its admission plugins: ResourceQuota, LimitRanger, PodSecurity, ValidatingAdmissionPolicy, webhooks, ServiceAccount.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from spark_session.errors import first_line
from spark_session.quantities import amount, parse
from spark_session.reasons import Kind, Reason
from spark_session.shape import Shape

TELL = "Show this to your administrator."
_WAIT = (
    "The session works with the executors it has, and takes more when there is room: end other sessions with spark.stop(), ask for fewer or "
    "smaller executors, or ask your administrator for a larger quota."
)


def refused(status: int, message: str, size: Shape) -> Reason:
    """Why a pod was not made.

    Args:
        status: HTTP status of the answer.
        message: Kubernetes' sentence.
        size: of an executor.
    """
    for pattern, explain in _SENTENCES:
        if match := re.search(pattern, message, re.DOTALL):
            return explain(match, size)
    return Reason(
        Kind.REFUSED,
        "Kubernetes refuses to make executors.",
        f"It says ({status}): {first_line(message, 300)}.",
        TELL,
    )


def _quota(match: re.Match[str], size: Shape) -> Reason:
    used, limited = _amounts(match["used"]), _amounts(match["limited"])
    lines = [_quota_line(resource, used.get(resource), limit, size) for resource, limit in limited.items()]
    return Reason(Kind.QUOTA, "Your workspace has no room for more executors.", " ".join(lines), _WAIT)


def _quota_line(resource: str, used: Decimal | None, limit: Decimal, size: Shape) -> str:
    may = f"Your workspace may have {_of(resource, limit)}, and {amount(resource, used or Decimal(0))} are used"
    needs = size.resources.get(resource)
    if resource in {"pods", "count/pods"} or needs is None:
        return f"{may}."
    return f"{may}; an executor needs {amount(resource, needs)} ({resource})."


def _of(resource: str, value: Decimal) -> str:
    text = amount(resource, value)
    return f"{text} of memory" if resource.endswith("memory") else text


def _amounts(text: str) -> dict[str, Decimal]:
    """ "pods=4,limits.memory=3Gi" as numbers."""
    pairs = (part.split("=", 1) for part in text.split(",") if "=" in part)
    return {resource.strip(): parse(value) for resource, value in pairs}


def _unstated(match: re.Match[str], _: Shape) -> Reason:
    resources = match["resources"].strip()
    return Reason(
        Kind.QUOTA,
        "Your workspace's quota does not take executors as they are.",
        f"It counts {resources.replace(',', ', ')}, which executors don't state.",
        "Your administrator can set a default for it (a LimitRange), or spark.kubernetes.executor.limit.cores in the sessions' conf.",
        final=True,
    )


def _limit_range(match: re.Match[str], size: Shape) -> Reason:
    sentences = re.findall(
        r"(?:minimum|maximum) [\w-]+ usage per (?:Container|Pod) is [^,\]]+(?:, but (?:limit|request) is [^,\]]+)?",
        match.string,
    )
    said = "; ".join(sentence.strip().rstrip(".") for sentence in sentences) or first_line(match.string, 300)
    return Reason(
        Kind.LIMIT,
        "Executors of this size are not allowed in your workspace.",
        f"An executor asks for {size}. The limit: {said}.",
        "Ask for smaller executors (memory=, cores=), or ask your administrator for a higher limit.",
        final=True,
    )


def _pod_security(match: re.Match[str], _: Shape) -> Reason:
    return Reason(
        Kind.POD_SECURITY,
        "The security level of your workspace refuses executors.",
        f'It enforces the Pod Security Standard "{match["level"]}", and executors break it: {first_line(match["breaks"], 300)}.',
        "Settings that change executor pods are the cause: take them out of your conf=, or show this to your administrator.",
        final=True,
    )


def _policy(match: re.Match[str], _: Shape) -> Reason:
    return Reason(
        Kind.POLICY,
        "A rule of your platform refuses these executors.",
        f'The policy "{match["policy"]}" says: {first_line(match["said"], 300)}.',
        "Take what it names out of your conf=, or show this to your administrator.",
        final=True,
    )


def _service_account(match: re.Match[str], _: Shape) -> Reason:
    return Reason(
        Kind.REFUSED,
        "Your workspace is not set up for executors.",
        f'The service account "{match["name"]}", which they run as, is not there.',
        "Stop your server and start it again; if that does not help, tell your administrator.",
        final=True,
    )


def _no_right(_: re.Match[str], __: Shape) -> Reason:
    return Reason(
        Kind.REFUSED,
        "Your notebook may not create executors.",
        "Its service account has no right to create pods in the workspace.",
        "Stop your server and start it again; if that does not help, tell your administrator.",
        final=True,
    )


def _terminating(_: re.Match[str], __: Shape) -> Reason:
    return Reason(
        Kind.REFUSED,
        "Your workspace is being deleted.",
        "Nothing new can be made in it.",
        "Save your work, and ask your administrator.",
        final=True,
    )


def _invalid(match: re.Match[str], size: Shape) -> Reason:
    return Reason(
        Kind.REFUSED,
        "Kubernetes does not accept executor pods as this session describes them.",
        f"It says: {first_line(match['said'], 300)}. An executor asks for {size}.",
        "Settings of Kubernetes in your conf= are the most likely cause; otherwise show this to your administrator.",
        final=True,
    )


_SENTENCES: Sequence[tuple[str, Callable[[re.Match[str], Shape], Reason]]] = (
    (r"exceeded quota: (?P<name>[^,]+), requested: (?P<requested>\S+), used: (?P<used>\S+), limited: (?P<limited>\S+)", _quota),
    (r"failed quota: [^:]+: must specify (?P<resources>[\w./,-]+)", _unstated),
    (r"(?:minimum|maximum) [\w-]+ usage per (?:Container|Pod)|max limit to request ratio per", _limit_range),
    (r'violates PodSecurity "(?P<level>[^":]+)[^"]*": (?P<breaks>.*)', _pod_security),
    (r"ValidatingAdmissionPolicy '(?P<policy>[^']+)' with binding '[^']+' denied request: (?P<said>.*)", _policy),
    (r'admission webhook "(?P<policy>[^"]+)" denied the request: (?P<said>.*)', _policy),
    (r"error looking up service account [^/]+/(?P<name>\S+?):", _service_account),
    (r'cannot create resource "pods"', _no_right),
    (r"because it is being terminated", _terminating),
    (r"is invalid: (?P<said>.*)", _invalid),
)  # fmt: skip
