"""Which way to sign in an installation has."""

from importlib.metadata import entry_points
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.handlers.login import LoginHandler
from jupyterhub.utils import maybe_future
from tornado.web import HTTPError
from traitlets.utils.importstring import import_item

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


class ClearRefusals:
    """Laid over an authenticator: tells who has signed in rightly and may not come in that it is not the password."""

    async def check_allowed(self, username: str, authentication: dict[str, Any] | None = None) -> bool:
        """Whether the authenticator allows the person. Raises HTTPError where not, and the authenticator has no message of its own."""
        allowed: bool = await maybe_future(super().check_allowed(username, authentication))  # type: ignore[misc]
        if not allowed and not hasattr(self, "custom_403_message"):
            raise HTTPError(
                403,
                "Your name and password are right, but you are not among those who may sign in here. Ask your administrator to allow you.",
            )
        return allowed


def authenticator_class(name: str) -> type:
    """The authenticator of this name (`ldap`) or dotted path, with what we lay over each.

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
    return type(chosen.__name__, (ClearRefusals, chosen), {"__module__": __name__, "__doc__": chosen.__doc__})
