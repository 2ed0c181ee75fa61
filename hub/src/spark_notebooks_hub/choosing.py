"""In which workspace a person's server starts: their own, or one that they share with others."""

from typing import Any, Final

from kubernetes_asyncio.client import ApiException
from traitlets import Instance, List, Unicode, default

from .by_groups import GroupsSpawner
from .errors import Failure, SpawnFailed
from .network import MEMBER_LABEL
from .notebook import NotebookStorage
from .profiles import Placement
from .shared_folders import Share
from .shared_workspace_values import SharedWorkspaceValues
from .shared_workspaces import OPTION, OWN, chosen_in, form, mine, server_name
from .tenancy import Terms, laid_over
from .workspace import (
    AUTHENTICATION_SECRET,
    NOTEBOOK_ACCOUNT,
    HubIdentity,
    Workspace,
    user_slug,
)
from .workspaces import leave

_STATE: Final = "shared_workspace"


class ChoosingSpawner(GroupsSpawner):
    """KubeSpawner with a workspace that is chosen at each start, and kept while the server runs."""

    release_namespace = Unicode(help="Namespace of the hub.").tag(config=True)
    release_fullname = Unicode(help="The name that the release's objects begin with.").tag(config=True)
    namespace_prefix = Unicode("user-", help="What the names of workspaces begin with.").tag(config=True)
    shared_workspaces = List(
        Instance(SharedWorkspaceValues), help="Workspaces that several people share, and whose groups they are."
    ).tag(config=True)

    volumes: dict[str, Any]
    # Its name, also when it is not among the values any more; of the server that runs, or was last started.
    _shared_name = ""

    @default("namespace")
    def _default_workspace_namespace(self) -> str:
        return f"{self.namespace_prefix}{user_slug(self.user.name)}"

    @property
    def hub_identity(self) -> HubIdentity:
        """This installation."""
        return HubIdentity(self.release_namespace, self.release_fullname)

    @property
    def shared(self) -> SharedWorkspaceValues | None:
        """The shared workspace that the server is in; None in the person's own."""
        return next((each for each in self.shared_workspaces if each.name == self._shared_name), None)

    @property
    def member(self) -> str:
        """What the person's own things in a shared workspace are called by; empty in their own."""
        return user_slug(self.user.name) if self._shared_name else ""

    def may_be_here(self) -> bool:
        """Whether the person is, by their groups now, a member of the workspace that the server is in."""
        return not self._shared_name or (self.shared is not None and self.shared.has(self.member_of()))

    def choose_workspace(self) -> None:
        """Takes what was chosen, for the start that begins. Raises SpawnFailed where the person may not."""
        chosen = str((self.user_options or {}).get(OPTION) or OWN)
        if chosen == OWN:
            return
        found = next((each for each in mine(self.shared_workspaces, self.member_of()) if each.name == chosen), None)
        if found is None:
            # Never their own in its place: what they save would be in another place than they think.
            raise SpawnFailed(
                Failure(
                    "workspace",
                    f"You are not a member of the workspace {chosen!r} (any more). Start your server again and choose another one, or ask your administrator "
                    "for the group that it is for.",
                ),
                status_code=403,
            )
        self._be_in(found)

    def _be_in(self, shared: SharedWorkspaceValues) -> None:
        self._shared_name = shared.name
        name = server_name(self.user.name, self.name)
        self.namespace = f"{self.namespace_prefix}{shared.slug}"
        self.pod_name, self.pvc_name = f"notebook-{name}", f"home-{name}"
        self.service_account = f"{NOTEBOOK_ACCOUNT}-{self.member}"
        secret = self.volumes[AUTHENTICATION_SECRET]
        own = {**secret["secret"], "secretName": f"{AUTHENTICATION_SECRET}-{self.member}"}
        self.volumes = {**self.volumes, AUTHENTICATION_SECRET: {**secret, "secret": own}}
        # KubeSpawner has made it of the claim's name when it was made itself.
        if "persistentVolumeClaim" in self.volumes["home"]:
            home = {**self.volumes["home"], "persistentVolumeClaim": {"claimName": self.pvc_name}}
            self.volumes = {**self.volumes, "home": home}

    async def leave_shared(self, name: str) -> None:
        """Takes the person's keys and rights in a shared workspace away. Raises ApiException."""
        for shared in self.shared_workspaces:
            if shared.name == name:
                namespace = f"{self.namespace_prefix}{shared.slug}"
                workspace = Workspace(
                    self.user.name, namespace, self.hub_identity, shared=shared.name, shared_slug=shared.slug
                )
                await leave(self.api.api_client, workspace)

    async def end_where_not_a_member(self) -> bool:
        """Ends the server in a workspace that the person does not belong to any more; whether there was one to end."""
        if self._check_pending or self.may_be_here():
            return False
        self.log.warning("%s has left the workspace %s: the server there is stopped", self.user.name, self._shared_name)
        try:
            await self.leave_shared(self._shared_name)
        except ApiException as error:
            self.log.error("%s keeps rights in %s for now: %s", self.user.name, self._shared_name, error)
        await self.stop(now=True)
        return True

    def terms(self) -> Terms:
        """What holds for the workspace: in a shared one not what the person's groups have, but what is said of it."""
        own = super().terms()
        shared = self.shared
        if shared is None:
            return own
        limits = self.limits if shared.limits is None else shared.limits
        return Terms(laid_over(self.quota, shared.quota), limits, shared.priority_class, own.images, own.sizes)

    def shares(self) -> list[Share]:
        """The shared folders; in a shared workspace none, because its keys are its members'."""
        return [] if self._shared_name else super().shares()

    def _placement(self) -> Placement:
        shared = self.shared
        return super()._placement() if shared is None else self.placement.of_groups(shared.groups)

    def home(self) -> str:
        """The prefix of the bucket in which the server's files are."""
        shared = self.shared
        notebooks: NotebookStorage = self.store.notebooks
        return notebooks.folder(user_slug(self.user.name)) if shared is None else shared.prefix

    def member_labels(self) -> dict[str, str]:
        """What the pods of a member are known by in a shared workspace."""
        return {MEMBER_LABEL: self.member} if self.member else {}

    async def _form(self, spawner: GroupsSpawner) -> str:
        chosen = str((self.user_options or {}).get(OPTION) or OWN)
        question = form(mine(self.shared_workspaces, self.member_of()), chosen)
        return question + await super()._form(spawner)

    def _options_from_form(self, formdata: dict[str, list[str]]) -> dict[str, Any]:
        rest = {key: value for key, value in formdata.items() if key != OPTION}
        return {**super()._options_from_form(rest), **chosen_in(formdata)}

    async def load_user_options(self) -> list[str]:
        """As of its base; the choice of a workspace is none of sizes and images, and stays."""
        chosen = {key: value for key, value in (self.user_options or {}).items() if key == OPTION}
        gone = await super().load_user_options()
        self.user_options = {**chosen, **self.user_options}
        return gone

    def get_state(self) -> dict[str, Any]:
        """KubeSpawner's, and the shared workspace that the server is in."""
        state: dict[str, Any] = super().get_state()
        if self._shared_name:
            # That of the person's own workspace is remembered over stops; this one has its name from the person.
            state.pop("pvc_name", None)
            state[_STATE] = self._shared_name
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """The same the other way: after a restart of the hub the server is where it was."""
        super().load_state(state)
        self._shared_name = str(state.get(_STATE, ""))

    def clear_state(self) -> None:
        """Forgets the last run; a changed prefix or choice is in use from the next start."""
        if self._shared_name:
            self._shared_name = ""
            self.pvc_name, self._pvc_exists = self._expand_user_properties(self.pvc_name_template), False
        self.namespace = self._default_workspace_namespace()
        super().clear_state()
