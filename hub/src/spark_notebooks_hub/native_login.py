"""Sign-in with names and passwords that the hub itself keeps."""

from typing import Any

import nativeauthenticator
from jupyterhub.handlers.login import LoginHandler
from nativeauthenticator import handlers
from traitlets import default

from .login_errors import NotAllowedError


class NativeAuthenticator(nativeauthenticator.NativeAuthenticator):
    """NativeAuthenticator with JupyterHub's own login page.

    The page of NativeAuthenticator 1.3 answers passwords with means that JupyterHub 6 has no more (`statsd`). JupyterHub's asks for second
    factors, too; the link to sign up is in our template of it.
    """

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        """NativeAuthenticator's pages, with JupyterHub's login page."""
        return [
            (path, LoginHandler if handler is handlers.LoginHandler else handler)
            for path, handler in super().get_handlers(app)
        ]

    @default("request_otp")
    def _second_factor_where_people_may_have_one(self) -> bool:
        return bool(self.allow_2fa)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """The person's name; None where name, password or second factor are wrong.

        Raises NotAllowedError where the password is right and no administrator has let the person in yet.
        """
        name: str | None = await super().authenticate(handler, data | {"2fa": data.get("otp", "")})
        person = None if name else self.get_user(data["username"])
        if person and not person.is_authorized and person.is_valid_password(data["password"]):
            raise NotAllowedError(
                "Your account waits for an administrator, who lets you in on the page /hub/authorize."
            )
        return name
