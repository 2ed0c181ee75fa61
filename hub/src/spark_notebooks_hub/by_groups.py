"""What a person has by their groups, as JupyterHub knows them at each start: terms, choices, profiles of nodes and shared folders."""

from typing import Any, ClassVar

from jupyterhub.orm import Group
from jupyterhub.utils import maybe_future
from kubespawner import KubeSpawner
from traitlets import Dict, Instance, List, default

from .errors import SpawnFailed
from .profiles import Placement
from .shared_folders import Share, SharedFolder, are_too_many, named_groups, shares_of, too_many
from .storage import ObjectStore
from .tenancy import Terms, choices, is_a_choice, still_offered, terms_of
from .tenancy_values import GroupTerms
from .workspace import user_slug


class GroupsSpawner(KubeSpawner):
    """KubeSpawner with settings that differ from group to group."""

    quota = Dict(help="spec.hard of the workspaces' ResourceQuota.").tag(config=True)
    limits = List(help="spec.limits of the workspaces' LimitRange.").tag(config=True)
    group_terms = List(Instance(GroupTerms), help="What groups have in place of that, the first one first.").tag(
        config=True
    )
    placement = Instance(Placement, args=(), help="The profiles of nodes, and who may use them.").tag(config=True)
    token_service: Any
    user_options: dict[str, Any]
    shared_folders = List(Instance(SharedFolder), help="Folders of the bucket, and with whom they are shared.").tag(
        config=True
    )

    _groups_looked_at: ClassVar[set[str]] = set()

    @property
    def store(self) -> ObjectStore:
        """The notebook storage, one for the whole hub."""
        return ObjectStore.instance(parent=self)

    def member_of(self) -> list[str]:
        """Names of the person's groups."""
        return [group.name for group in self.user.groups]

    def terms(self) -> Terms:
        """What holds for the person's workspace now."""
        return terms_of(Terms(self.quota, self.limits), self.group_terms, self.member_of())

    def shares(self) -> list[Share]:
        """The shared folders that the person has now."""
        return shares_of(self.shared_folders, self.user.name, self.member_of())

    def _placement(self) -> Placement:
        return self.placement.of_groups(self.member_of())

    def _check_shares(self) -> None:
        """Raises SpawnFailed where the token service could make no keys for all that the person has: not even their own files would open."""
        self._tell_of_unknown_groups()
        notebooks, shares = self.store.notebooks, self.shares()
        home = notebooks.folder(user_slug(self.user.name))
        if self.token_service and are_too_many(home, shares, notebooks.bucket):
            raise SpawnFailed(too_many(shares))

    def _tell_of_unknown_groups(self) -> None:
        """Says, once after the hub's start, which groups JupyterHub does not know: misspelt, or nobody of them has signed in yet."""
        named = dict.fromkeys((each.group for each in self.group_terms), "tenancy.groups")
        named |= dict.fromkeys(self.placement.groups, "workspace.profiles")
        named |= dict.fromkeys(named_groups(self.shared_folders), "singleuser.sharedFolders")
        cls = type(self)
        for name in sorted(named.keys() - cls._groups_looked_at):
            if Group.find(self.db, name) is None:
                self.log.warning("%s names the group %r, which JupyterHub does not know (yet)", named[name], name)
        cls._groups_looked_at |= named.keys()

    async def _offered(self) -> list[dict[str, Any]]:
        """What the person chooses from, as `profile_list`: that of their groups, or everybody's."""
        everybody = self.profile_list
        if callable(everybody):
            everybody = await maybe_future(everybody(self))
        return choices(self.terms(), self._sorted_dict_values(everybody))

    async def _form(self, spawner: "GroupsSpawner") -> str:
        offered = await self._offered()
        return str(self._render_options_form(offered)) if is_a_choice(offered) else ""

    @default("options_form")
    def _form_of_choices(self) -> Any:
        # Looked up when the page is shown: the person's groups may have changed since the hub has known them.
        return self._form

    async def load_user_options(self) -> list[str]:
        """As KubeSpawner's own, from what the person's groups offer.

        What an earlier start has chosen and is not offered any more is left out, and its names are returned: the default takes its place.
        """
        offered = self._get_initialized_profile_list(await self._offered())
        self.user_options, gone = still_offered(self.user_options or {}, offered)
        self._validate_user_options(offered)
        if offered:
            self._load_profile(self.user_options.get("profile"), offered)
        elif chosen := self.user_options.get("profile"):
            self.log.warning("%r was chosen, and there are no choices", chosen)
        return gone
