"""Sign-in with the names and passwords of a directory (LDAP, Active Directory)."""

import asyncio
import ssl
from typing import Any

import ldap3
import ldapauthenticator
from jupyterhub.utils import maybe_future
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn
from tornado.web import HTTPError
from traitlets import List, Unicode, default, validate

# Our own keys among the attributes of a person.
GROUPS, ADMIN = "spark-notebooks/groups", "spark-notebooks/admin"


class LDAPAuthenticator(ldapauthenticator.LDAPAuthenticator):
    """LDAPAuthenticator that checks the server's certificate, knows people's groups, and does not hold up the hub while the directory answers."""

    group_search_base = Unicode(
        help="Where a person's groups are looked for, at any depth; their cn are the names of JupyterHub's groups. Needs manage_groups."
    ).tag(config=True)

    admin_groups = List(
        Unicode(),
        help="Groups (DN) whose members may sign in and are administrators. Who is in none of them, nor in admin_users, is none from the next sign-in.",
    ).tag(config=True)

    @default("tls_kwargs")
    def _checks_certificates(self) -> dict[str, Any]:
        return {"validate": ssl.CERT_REQUIRED}

    @validate("tls_kwargs")
    def _checks_certificates_unless_told_otherwise(self, proposal: Any) -> dict[str, Any]:
        # ldap3 by itself takes any certificate, so that anybody on the way could read passwords.
        return {"validate": ssl.CERT_REQUIRED, **proposal["value"]}

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """The person's name, groups, and whether an administrator; None where name or password is wrong.

        Raises HTTPError where the directory cannot be asked.
        """
        try:
            # Asking the directory blocks, and others are to be served meanwhile: so it has a thread.
            found = await asyncio.to_thread(asyncio.run, super().authenticate(handler, data))
        except LDAPException as error:
            self.log.error("The directory %s cannot be asked: %s", self.server_address, error)
            raise HTTPError(
                503,
                "The directory that knows your password could not be asked. Try again in a minute; if it stays so, tell your administrator: the hub's log says why.",
            ) from None
        if found is None:
            return None
        attributes = found["auth_state"]["user_attributes"]
        groups, admin = attributes.pop(GROUPS), attributes.pop(ADMIN)
        if self.manage_groups:
            found["groups"] = groups
        if self.admin_groups:
            found["admin"] = admin or self.normalize_username(found["name"]) in self.admin_users
        return dict(found)

    async def check_allowed(self, username: str, authentication: dict[str, Any] | None = None) -> bool:
        """As LDAPAuthenticator's, and administrators."""
        if authentication and authentication.get("admin"):
            return True
        return bool(await maybe_future(super().check_allowed(username, authentication)))

    def get_user_attributes(self, conn: Any, userdn: str) -> dict[str, Any]:
        """What LDAPAuthenticator asks of a person once the password is right, and the groups beside it."""
        attributes = super().get_user_attributes(conn, userdn)
        # Members are looked for by their DN; names alone (memberUid) say nothing of where a person is in the tree.
        search_filter = self.group_search_filter.format(userdn=escape_filter_chars(userdn), uid="")
        admin = any(conn.search(group, search_filter, ldap3.BASE) for group in self.admin_groups)
        groups = []
        if self.group_search_base:
            conn.search(self.group_search_base, search_filter, ldap3.SUBTREE)
            groups = sorted({parse_dn(entry.entry_dn)[0][1] for entry in conn.entries})
        return {**attributes, GROUPS: groups, ADMIN: admin}
