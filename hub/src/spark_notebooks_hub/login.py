"""The login of an installation for which none has been chosen yet."""

from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.handlers.login import LoginHandler

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
