"""JupyterHub's configuration, made from the chart's values."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from traitlets.config import Config

from . import notebook
from .login import authenticator_class
from .login_limit import Limits, LoginLimit
from .network import HUB_PORT, S3_PORT, Address, NetworkRules, component_peer, s3_peers, s3_port
from .singleuser_values import Singleuser
from .spawner import SPAWN_RESERVE
from .storage import ObjectStore
from .values import Cull, Database, Hub, LoginLimitValues, NoticeValues, Values, ValuesError, read_values
from .workspace import NOTEBOOK_ACCOUNT

DATABASE_FILE: Final = "/srv/jupyterhub/jupyterhub.sqlite"
KUBERNETES_VARIABLES: Final = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
LOOK_SECONDS: Final = 24 * 3600
# Who has left a group keeps keys of its workspace for no longer.
SHARED_LOOK_SECONDS: Final = 600
# Of two looks a day apart, and of those that restarts of the hub add, only such as are this far apart count as two.
PATIENCE_SECONDS: Final = 23 * 3600
TEMPLATES: Final = Path(__file__).parent / "templates"

_background: set[asyncio.Task[None]] = set()


def configure(c: Config, path: str | Path) -> None:
    """Fills JupyterHub's configuration from the chart's values and looks at the notebook storage in the background.

    Ends the process with one clear message where the values are wrong.
    """
    try:
        c.merge(hub_config(read_values(path), os.environ))
    except ValuesError as error:
        sys.exit(str(error))
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return  # a subcommand such as `jupyterhub upgrade-db`, which starts no server
    task = loop.create_task(ObjectStore.instance(config=c).prepare())
    _background.add(task)
    task.add_done_callback(_background.discard)


def hub_config(values: Values, environ: Mapping[str, str]) -> Config:
    """The whole configuration of the hub.

    Raises ValuesError where the environment lacks the keys of the notebook storage, or no authenticator is as it is called.
    """
    c = Config()
    c.merge(_jupyterhub(values))
    c.merge(_servers(values.singleuser, values))
    c.merge(_workspaces(values))
    c.merge(_storage(values, environ))
    helpers = [_culler(values.cull), _departures(values, environ)]
    c.JupyterHub.services = [service for services, _ in helpers for service in services]
    c.JupyterHub.load_roles = [role for _, roles in helpers for role in roles]
    c = _with_admin_config(c, values.hub)
    try:
        c.JupyterHub.authenticator_class = _authenticator(c.JupyterHub.authenticator_class, values.hub.login_limit)
    except ValueError as error:
        raise ValuesError(f"The hub cannot start: hub.config.JupyterHub.authenticator_class: {error}.") from None
    return c


def _authenticator(name: str, limit: LoginLimitValues) -> type:
    if not limit.enabled:
        return authenticator_class(name)
    limits = Limits(limit.attempts, limit.attempts_per_name, limit.attempts_per_address, limit.max_wait)
    return authenticator_class(name, LoginLimit(limits), limit.trusted_proxies)


def _jupyterhub(values: Values) -> Config:
    """JupyterHub itself; tuned so that a thousand servers do not keep it busy with reports."""
    hub, release = values.hub, values.release
    return Config(
        JupyterHub={
            "spawner_class": "spark_notebooks_hub.spawner.WorkspaceSpawner",
            "proxy_class": "spark_notebooks_hub.proxy.SeparateProxy",
            "authenticator_class": "spark_notebooks_hub.login.LoginNotChosen",
            "base_url": hub.base_url,
            "hub_bind_url": f"http://:{HUB_PORT}",
            # Notebook servers run in other namespaces, so the name carries the hub's.
            "hub_connect_url": f"http://{release.fullname}-hub.{release.namespace}:{HUB_PORT}",
            "db_url": database_url(hub.db),
            # A copy of the file is kept first; other databases are upgraded by their owner.
            "upgrade_db": hub.db.type == "sqlite-pvc",
            # Neither the proxy nor the servers end with the hub.
            "cleanup_servers": False,
            "cleanup_proxy": False,
            "active_server_limit": hub.active_server_limit,
            "concurrent_spawn_limit": hub.concurrent_spawn_limit,
            "allow_named_servers": hub.allow_named_servers,
            "named_server_limit_per_user": hub.named_server_limit_per_user,
            "shutdown_on_logout": hub.shutdown_on_logout,
            "template_paths": [str(TEMPLATES)],
            "template_vars": hub.template_vars,
            "last_activity_interval": min(1800, activity_interval(values.cull)),
            # The hub answers at once after a restart, and looks for its running servers meanwhile.
            "init_spawners_timeout": 1,
            "tornado_settings": {
                # The page with the progress is shown at once.
                "slow_spawn_timeout": 0,
                # Of the hub and of notebooks: other sites' forms and frames come without them.
                "cookie_options": {"samesite": "Lax"} | ({"secure": True} if hub.https else {}),
            },
        },
        ConfigurableHTTPProxy={"api_url": f"http://{release.fullname}-proxy-api:8001", "should_start": False},
    )


def _servers(singleuser: Singleuser, values: Values) -> Config:
    """What KubeSpawner and its base take: each trait on the class that defines it, so that hub.config overrides it under its usual name."""
    has_credentials, tokens = values.s3.credentials.mode == "static", token_service(values)
    claim = "{pvc_name}" if singleuser.storage.type == "dynamic" else None
    profile = values.workspace.placement.default("drivers")
    return Config(
        Spawner={
            "cmd": ["jupyterhub-singleuser"],
            "default_url": singleuser.default_url,
            "start_timeout": singleuser.start_timeout + SPAWN_RESERVE,
            # After a restart the hub takes a server that does not answer in this time for dead and stops it; a busy one needs patience.
            "http_timeout": 120,
            "cpu_limit": singleuser.cpu.limit,
            "cpu_guarantee": singleuser.cpu.guarantee,
            "mem_limit": singleuser.memory.limit,
            "mem_guarantee": singleuser.memory.guarantee,
            "environment": {
                "JUPYTERHUB_ACTIVITY_INTERVAL": str(activity_interval(values.cull)),
                **literal(singleuser.extra_env),
            },
            # One person's failure is no reason to restart everybody's hub.
            "consecutive_failure_limit": 0,
        },
        KubeSpawner={
            "image": singleuser.image.reference,
            "image_pull_policy": singleuser.image.pull_policy,
            "image_pull_secrets": values.image_pull_secrets,
            "events_enabled": False,
            "k8s_api_request_timeout": 10,
            "pod_name_template": "notebook-{servername}",
            "pvc_name_template": "home-{servername}",
            "storage_pvc_ensure": claim is not None,
            "storage_capacity": singleuser.storage.capacity,
            "storage_class": singleuser.storage.dynamic.storage_class,
            "service_account": NOTEBOOK_ACCOUNT,
            "automount_service_account_token": True,
            "uid": notebook.UID,
            "gid": notebook.GID,
            "fs_gid": notebook.GID,
            "pod_security_context": notebook.POD_SECURITY_CONTEXT,
            "container_security_context": notebook.CONTAINER_SECURITY_CONTEXT,
            # Services of the workspace would otherwise add variables that look like settings.
            "extra_pod_config": {"enableServiceLinks": False},
            "volumes": notebook.volumes(claim, has_credentials, tokens, singleuser.storage.limit),
            "volume_mounts": notebook.volume_mounts(has_credentials, tokens),
            "node_selector": singleuser.node_selector | (profile.node_selector if profile else {}),
            "tolerations": singleuser.extra_tolerations
            + [each.manifest for each in (profile.tolerations if profile else [])],
            "profile_list": singleuser.profile_list,
            # Time for a save on its way to S3; a server that is idle ends sooner.
            "delete_grace_period": 10,
        },
    )


def _workspaces(values: Values) -> Config:
    return Config(
        WorkspaceSpawner={
            "network": network_rules(values),
            "release_namespace": values.release.namespace,
            "release_fullname": values.release.fullname,
            "namespace_prefix": values.workspace.namespace_prefix,
            "pod_security": values.workspace.pod_security,
            "after_removal": values.workspace.after_removal,
            "quota": values.workspace.quota,
            "limits": values.workspace.limits,
            "group_terms": values.tenancy.groups,
            "shared_workspaces": values.tenancy.workspaces,
            "admission": values.workspace.admission.model_dump(
                exclude={"enabled", "refused_images", "jobs_from_outside"}
            ),
            "placement": values.workspace.placement,
            "spark_defaults": spark_defaults(values.spark) | notice_defaults(values.notices),
            "credentials_mode": values.s3.credentials.mode,
            "token_service": token_service(values),
            "token_audiences": values.s3.credentials.token_audiences,
            "account_annotations": values.s3.credentials.annotations.model_dump(),
            "contents_settings": contents_settings(values),
            "shared_folders": [each.folder for each in values.singleuser.shared_folders],
        }
    )


def contents_settings(values: Values) -> dict[str, Any]:
    """Settings of s3_contents' S3ContentsManager, which win over the image's."""
    files = values.singleuser.working_files
    settings = {
        "trash_days": values.s3.trash_days,
        "version_days": values.s3.version_days,
        "working_files": files.number,
        "working_file_mb": files.file_mib,
        "working_total_mb": files.total_mib,
        "shares_folder": values.singleuser.shared_folders_in,
    }
    # Where they are is the image's matter.
    return settings if files.enabled else settings | {"working_folder": ""}


def token_service(values: Values) -> notebook.TokenService | None:
    """Where pods get their keys; None where not from the token service."""
    found = values.s3.credentials.token_service
    return notebook.TokenService(found.url, found.audience) if found else None


def network_rules(values: Values) -> NetworkRules | None:
    """What workspaces may reach; None where no policy is wanted."""
    policy, s3, release = values.singleuser.network_policy, values.s3, values.release
    if not policy.enabled:
        return None
    allow = policy.egress_allow_rules
    embedded = [component_peer(release.namespace, release.name, "s3")]
    return NetworkRules(
        release=release.name,
        s3=embedded if s3.embedded.enabled else s3_peers(s3.endpoint, s3.addresses),
        s3_port=S3_PORT if s3.embedded.enabled else s3_port(s3.endpoint),
        api_server=[Address(one.cidr, one.port) for one in policy.api_server],
        tokens=component_peer(release.namespace, release.name, "tokens") if s3.credentials.token_service else None,
        dns_kube_system=allow.dns_ports_kube_system_namespace,
        dns_private=allow.dns_ports_private_ips,
        internet=allow.non_private_ips,
        private=allow.private_ips,
        ingress=policy.ingress,
        egress=policy.egress,
    )


def _storage(values: Values, environ: Mapping[str, str]) -> Config:
    # In that mode the cloud knows the hub by its service account.
    wanted = () if values.s3.credentials.mode == "serviceAccount" else ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    missing = [name for name in wanted if not environ.get(name, "").strip()]
    if missing:
        raise ValuesError(
            f"The hub has no keys for the notebook storage ({' and '.join(missing)} not set): set s3.credentials.existingSecret, "
            "or s3.credentials.accessKey and secretKey, and run `helm upgrade` again."
        )
    return Config(
        ObjectStore={
            "endpoint": values.s3.endpoint,
            "region": values.s3.region,
            "bucket": values.s3.bucket,
            "prefix": values.s3.prefix,
            "create_bucket": values.s3.create_bucket or values.s3.embedded.enabled,
        }
    )


def _culler(cull: Cull) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The service that stops idle servers, and the role it needs."""
    if not cull.enabled:
        return [], []
    command = [
        *(sys.executable, "-m", "jupyterhub_idle_culler"),
        *(f"--timeout={cull.timeout}", f"--cull-every={cull.every}", f"--max-age={cull.max_age}"),
        f"--cull-users={cull.users}",
    ]
    scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
    if cull.users:
        scopes.append("admin:users")
    return (
        [{"name": "idle-culler", "command": command}],
        [{"name": "idle-culler", "services": ["idle-culler"], "scopes": scopes}],
    )


def _departures(values: Values, environ: Mapping[str, str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The service that looks for workspaces of people who are gone, and the role it needs; none where they are kept."""
    workspace, release = values.workspace, values.release
    shared = {each.name: each.groups for each in values.tenancy.workspaces}
    if workspace.after_removal == "keep" and not shared:
        return [], []
    command = [
        *(sys.executable, "-m", "spark_notebooks_hub.departed_service"),
        *(f"--policy={workspace.after_removal}", f"--pod-security={workspace.pod_security}"),
        *(f"--hub-namespace={release.namespace}", f"--hub-fullname={release.fullname}"),
        *(f"--every={SHARED_LOOK_SECONDS if shared else LOOK_SECONDS}", f"--patience={PATIENCE_SECONDS}"),
        *([f"--shared={json.dumps(shared)}"] if shared else []),
    ]
    scopes = ["list:users", *(["list:groups", "read:groups"] if shared else [])]
    # JupyterHub gives services none of its own variables.
    api = {name: environ[name] for name in KUBERNETES_VARIABLES if name in environ}
    return (
        [{"name": "departed", "command": command, "environment": api}],
        [{"name": "departed", "services": ["departed"], "scopes": scopes}],
    )


def _with_admin_config(c: Config, hub: Hub) -> Config:
    """Lays hub.config over ours. Services and roles are added to ours, everything else replaces it."""
    services, roles = c.JupyterHub.services, c.JupyterHub.load_roles
    c.merge(Config(hub.config))
    theirs = hub.config.get("JupyterHub", {})
    c.JupyterHub.services = services + theirs.get("services", [])
    c.JupyterHub.load_roles = roles + theirs.get("load_roles", [])
    return c


def database_url(db: Database) -> str:
    """SQLAlchemy's URL of the hub's database; PostgreSQL is reached by psycopg 3, which is what the image holds."""
    match db.type:
        case "sqlite-pvc":
            return f"sqlite:///{DATABASE_FILE}"
        case "sqlite-memory":
            return "sqlite://"
        case "postgres":
            return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", db.url or "")


def activity_interval(cull: Cull) -> int:
    """Seconds between two reports of a server's activity.

    By the hour: at a thousand servers the usual five minutes keep a hub busy. Where idle servers are stopped, at least three reports fall
    into the time that makes a server idle; with fewer, one that computes with its browser tab closed would be taken for idle.
    """
    return min(3600, cull.timeout // 3) if cull.enabled else 3600


def literal(environment: Mapping[str, str | dict[str, Any]]) -> dict[str, Any]:
    """Variables as they are: KubeSpawner would take braces for its templates, so that no JSON could be given."""
    return {name: _escaped(value) for name, value in environment.items()}


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return value.replace("{", "{{").replace("}", "}}")
        case dict():
            return {key: _escaped(inner) for key, inner in value.items()}
        case _:
            return value


def spark_defaults(spark: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of spark_session's SparkSessionDefaults from the values.

    {"executor": {"cpuRequest": 0.5}, "maxExecutors": 20} becomes {"executor_cpu_request": 0.5, "max_executors": 20}.
    """
    found = {_snake(key): value for key, value in spark.items() if key != "executor"}
    found |= {f"executor_{_snake(key)}": value for key, value in spark.get("executor", {}).items()}
    return {name: value for name, value in found.items() if value is not None}


def notice_defaults(notices: NoticeValues) -> dict[str, Any]:
    """What a notebook knows of notices: whether there are any, and which where a job does not say."""
    return {} if notices.default is None else {"notices": notices.default}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
