"""Why a server could not start, said to the person who waits for it."""

import html
import json
from dataclasses import dataclass

from jupyterhub.spawner import SpawnException


@dataclass(frozen=True)
class Failure:
    """Why a server cannot start.

    reason is a short label for metrics ("image", "quota", ...); message says what happened, why, and what to do; log holds the last lines of the
    server's own log, if it had any.
    """

    reason: str
    message: str
    log: str = ""


class SpawnFailed(SpawnException):
    """Ends a spawn with a message that JupyterHub shows on the progress page, on the error page and in the REST API."""

    def __init__(self, failure: Failure, status_code: int = 503) -> None:
        super().__init__(failure.message, reason=failure.reason, status_code=status_code)
        self.jupyterhub_message = failure.message
        self.jupyterhub_html_message = as_html(failure)

    def __str__(self) -> str:
        return self.message


def as_html(failure: Failure) -> str:
    """The message as HTML, everything escaped, with the server's log below it."""
    text = html.escape(failure.message)
    if not failure.log:
        return text
    return f'{text}<pre class="text-start mt-3">{html.escape(failure.log)}</pre>'


def api_message(body: str | bytes | None) -> str:
    """The message of a Kubernetes Status object, or the text itself where it is none."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
    try:
        status = json.loads(text)
    except ValueError:
        return text.strip()
    return str(status.get("message", "")) if isinstance(status, dict) else text.strip()


def api_failure(doing: str, status: int | None, message: str) -> Failure:
    """Explains an error of the Kubernetes API.

    doing says what was tried ("create your workspace user-ada"); status is the HTTP status, None where the API did not answer.
    """
    refused = _refusal(doing, message)
    if refused:
        return refused
    if status in (401, 403):
        return Failure(
            "rights",
            f"The hub may not {doing}: {message or 'the Kubernetes API refused it'}. "
            "Ask your administrator to check the hub's service account and roles (helm upgrade restores them).",
        )
    if status == 422:
        return Failure(
            "settings",
            f"Kubernetes does not accept the settings for this: {doing}. It says: {message}. "
            "Ask your administrator to check the values of workspace and singleuser.",
        )
    answer = f"it answered {status}: {message}" if status else message or "no answer"
    return Failure(
        "kubernetes",
        f"The Kubernetes API could not {doing} ({answer}). Try again in a minute; if it stays so, tell your administrator.",
    )


def _refusal(doing: str, message: str) -> Failure | None:
    """What one of Kubernetes' admission controllers has said; None where it was none of them."""
    if "exceeded quota" in message:
        return Failure(
            "quota",
            f"Your workspace has no room left: {message.partition('exceeded quota')[2].lstrip(': ')}. "
            "Stop Spark sessions or servers that you no longer need, or ask your administrator for a larger quota.",
        )
    if "violates PodSecurity" in message:
        return Failure(
            "pod-security",
            f"The workspace's Pod Security level refuses the server: {message.partition('violates PodSecurity')[2].strip()}. "
            "Ask your administrator to check the settings of the server (singleuser, hub.config.KubeSpawner).",
        )
    if "ValidatingAdmissionPolicy" in message:
        policy, _, said = message.partition("ValidatingAdmissionPolicy ")[2].partition(" denied request: ")
        return Failure(
            "policy",
            f"The admission policy {policy.partition(' with binding')[0]} refuses to {doing}: {said.rstrip('.')}. "
            "Ask your administrator to check the settings of the server (singleuser, hub.config.KubeSpawner, workspace.admission).",
        )
    if "no PriorityClass with name" in message:
        return Failure(
            "priority",
            f"The cluster lacks the priority class of your group: {message.rpartition(': ')[2]}. "
            "Ask your administrator to make it, or to change tenancy.groups.",
        )
    return None
