"""Workspaces that several people share: which ones somebody may choose, and what the form at the start asks."""

import html
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from kubespawner.slugs import safe_slug

from .shared_workspace_values import SharedWorkspaceValues
from .workspace import user_slug

# Of a pod, behind "notebook-"; a Secret's name has six more.
_SERVER_LENGTH: Final = 48
_NAMED: Final = "--server"
# In user_options and in the form.
OPTION: Final = "workspace"
OWN: Final = ""


def mine(workspaces: Sequence[SharedWorkspaceValues], member_of: Collection[str]) -> list[SharedWorkspaceValues]:
    """Those that somebody in these groups may choose, in the order of the values."""
    return [each for each in workspaces if each.has(member_of)]


def server_name(user: str, server: str) -> str:
    """What tells a server from all others of a shared workspace: two people, or one person's servers, never have the same."""
    if not server:
        return user_slug(user)
    # A slug has no slash, and none ends so: the name of nobody's first server is another one's second.
    return f"{safe_slug(f'{user_slug(user)}/{server}', max_length=_SERVER_LENGTH - len(_NAMED))}{_NAMED}"


def form(workspaces: Sequence[SharedWorkspaceValues], chosen: str) -> str:
    """The question in which workspace to start, as HTML; nothing where there is but one's own.

    Who has chosen one at an earlier start is asked in any case: without a question the choice would be kept, also where it is refused.
    """
    if not workspaces and not chosen:
        return ""
    names = {OWN: "My own", **{each.name: each.name for each in workspaces}}
    options = "".join(
        f'<option value="{_text(value)}"{" selected" if value == chosen else ""}>{_text(text)}</option>'
        for value, text in names.items()
    )
    return (
        '<div class="form-group mb-3"><label for="workspace">Workspace</label>'
        f'<select class="form-control" id="workspace" name="{OPTION}" autofocus>{options}</select></div>'
    )


def _text(text: str) -> str:
    """A text in HTML that JupyterHub reads as a template once more."""
    return html.escape(text).replace("{", "&#123;").replace("}", "&#125;")


def chosen_in(form_data: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What the form says, as part of the user's options."""
    return {OPTION: str(form_data[OPTION][0])} if form_data.get(OPTION) else {}


def misfit(workspaces: Sequence[SharedWorkspaceValues], folders: Mapping[str, str], homes: str) -> str | None:
    """What is wrong with workspaces that each for itself are right; None if nothing is.

    folders are the prefixes of shared folders by their names, homes is the prefix below which each person's own folder is. Members of a shared workspace write
    below its prefix, so it is apart from everything else.
    """
    names = [each.slug for each in workspaces]
    if twice := next((each.name for each in workspaces if names.count(each.slug) > 1), None):
        return f"{twice!r} is there twice: give one of the two another name"
    homes = homes.strip("/")
    if workspaces and not homes:
        return "s3.prefix is empty, so that a shared workspace's folder could be somebody's own: set s3.prefix, users for example"
    others = {"s3.prefix": homes} | {f"the shared folder {name!r}": prefix for name, prefix in folders.items()}
    for number, each in enumerate(workspaces):
        later = {f"the workspace {other.name!r}": other.prefix for other in workspaces[number + 1 :]}
        for what, prefix in (others | later).items():
            if f"{each.prefix}/".startswith(f"{prefix}/") or f"{prefix}/".startswith(f"{each.prefix}/"):
                return f"the prefix of {each.name!r} ({each.prefix}) is not apart from that of {what} ({prefix}): choose another one"
    return None
