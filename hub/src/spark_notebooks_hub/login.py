"""Which way to sign in an installation has."""

import time
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, ClassVar, Final

from jupyterhub.auth import Authenticator
from jupyterhub.handlers.login import LoginHandler
from jupyterhub.utils import maybe_future
from prometheus_client import Counter
from tornado.log import app_log
from traitlets.utils.importstring import import_item

from .login_errors import NotAllowedError, TooManyAttemptsError
from .login_limit import LoginLimit, client_address, same_name

# Authenticators that need something of ours to do what people expect of them.
OURS = {
    "native": "spark_notebooks_hub.native_login.NativeAuthenticator",
    "nativeauthenticator.NativeAuthenticator": "spark_notebooks_hub.native_login.NativeAuthenticator",
    "ldap": "spark_notebooks_hub.ldap_login.LDAPAuthenticator",
    "ldapauthenticator": "spark_notebooks_hub.ldap_login.LDAPAuthenticator",
    "ldapauthenticator.LDAPAuthenticator": "spark_notebooks_hub.ldap_login.LDAPAuthenticator",
}

NOT_CHOSEN = """
<div class="text-center">
  <h1>No way to sign in has been chosen yet</h1>
  <p>An administrator sets it in the values of the chart, for example</p>
  <pre class="d-inline-block text-start">hub:
  config:
    JupyterHub:
      authenticator_class: native   # or generic-oauth, github, ldap, shared-password, ...
    Authenticator:
      admin_users: [your-name]
      allow_all: true</pre>
  <p>and runs <code>helm upgrade</code>.</p>
</div>
"""

REFUSED = Counter(
    "spark_notebooks_login_refused", "Passwords that were not looked at, because of wrong ones before", ["by"]
)
# Characters of a name in the log: what is typed into the wrong field may be a password.
SHOWN: Final = 16


class LoginNotChosen(Authenticator):
    """Lets nobody in, and says on the login page what the administrator has to set."""

    custom_html = NOT_CHOSEN
    # JupyterHub warns at start where nobody is allowed; here that is meant.
    any_allow_config = True

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        """The login page alone."""
        return [("/login", LoginHandler)]

    async def authenticate(self, handler: Any, data: Any) -> None:
        """Refuses everybody."""


class Door:
    """Laid over an authenticator: who guesses passwords waits, and who signs in rightly and may not come in is told that it is not the password."""

    limit: ClassVar[LoginLimit | None] = None
    trusted_proxies: ClassVar[Sequence[str]] = ()

    async def get_authenticated_user(self, handler: Any, data: Any) -> Any:
        """As the authenticator's. Raises TooManyAttemptsError where a password comes too soon after wrong ones."""
        if self.limit is None or not isinstance(data, Mapping) or "password" not in data:
            return await super().get_authenticated_user(handler, data)  # type: ignore[misc]
        name = same_name(data.get("username", ""))
        request = handler.request
        address = client_address(request.headers.get("X-Forwarded-For"), request.remote_ip, self.trusted_proxies)
        if refusal := self.limit.begin(name, address, time.monotonic()):
            REFUSED.labels(by=refusal.by).inc()
            app_log.warning(
                "Not looked at the password for %r from %s: too many wrong ones by %s, %d s to wait",
                name[:SHOWN], address, refusal.by, refusal.seconds,
            )  # fmt: skip
            raise TooManyAttemptsError(refusal.seconds)
        try:
            found = await super().get_authenticated_user(handler, data)  # type: ignore[misc]
        except NotAllowedError:
            self.limit.succeeded(name, address)
            raise
        except BaseException:
            self.limit.not_looked_at(name, address)
            raise
        if found:
            self.limit.succeeded(name, address)
        return found

    async def check_allowed(self, username: str, authentication: dict[str, Any] | None = None) -> bool:
        """Whether the authenticator allows the person. Raises NotAllowedError where not, and the authenticator has no message of its own."""
        allowed: bool = await maybe_future(super().check_allowed(username, authentication))  # type: ignore[misc]
        if not allowed and not hasattr(self, "custom_403_message"):
            raise NotAllowedError(
                "Your name and password are right, but you are not among those who may sign in here. Ask your administrator to allow you."
            )
        return allowed


def authenticator_class(name: str, limit: LoginLimit | None = None, trusted_proxies: Sequence[str] = ()) -> type:
    """The authenticator of this name (`ldap`) or dotted path, with our door before it.

    Raises ValueError where there is none.
    """
    known = {found.name.lower(): found for found in entry_points(group="jupyterhub.authenticators")}
    wanted = OURS.get(name) or OURS.get(name.lower()) or name
    try:
        chosen = known[wanted.lower()].load() if wanted.lower() in known else import_item(wanted)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"{name!r} is no authenticator ({error}): name one of {', '.join(sorted(known))}, or the dotted path of a class in the hub's image"
        ) from None
    # The same name, so that hub.config.<Class> goes to it.
    own = {"__module__": __name__, "__doc__": chosen.__doc__, "limit": limit, "trusted_proxies": tuple(trusted_proxies)}
    return type(chosen.__name__, (Door, chosen), own)
