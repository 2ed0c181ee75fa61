"""The proxy, which runs in a pod of its own."""

from collections.abc import Mapping
from typing import Any

from jupyterhub.proxy import ConfigurableHTTPProxy
from tornado.ioloop import PeriodicCallback
from traitlets import Integer


class SeparateProxy(ConfigurableHTTPProxy):
    """Gives a proxy that has restarted its routes back.

    The proxy keeps its routes in memory. JupyterHub checks them every `last_activity_interval` seconds, which is too long for people who are cut off from
    their servers, and too costly to do often: that check also reads each user from the database. Looking whether the hub's own route is there is neither.
    """

    restart_check_interval = Integer(
        10, min=1, help="Seconds between two looks whether the proxy has lost its routes."
    ).tag(config=True)

    _restart_check: PeriodicCallback | None = None

    async def check_routes(
        self, user_dict: Mapping[Any, Any], service_dict: Mapping[str, Any], routes: Any = None
    ) -> None:
        """As JupyterHub's own; the first call, at the hub's start, also begins the looks for restarts."""
        await super().check_routes(user_dict, service_dict, routes)
        if self._restart_check is None:
            self._restart_check = PeriodicCallback(self._restore_lost_routes, 1000 * self.restart_check_interval)
            self._restart_check.start()

    async def _restore_lost_routes(self) -> None:
        routes = await self.get_all_routes()
        if self.app.hub.routespec not in routes:
            self.log.warning("The proxy has lost its routes: giving them back")
            await super().check_routes(self.app.users, self.app._service_map, routes)
