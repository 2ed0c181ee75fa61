"""JupyterHub's configuration from the chart's values."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from spark_notebooks_hub.config import activity_interval, configure, database_url, hub_config, literal, spark_defaults
from spark_notebooks_hub.login import LoginNotChosen
from spark_notebooks_hub.proxy import SeparateProxy
from spark_notebooks_hub.spawner import WorkspaceSpawner
from spark_notebooks_hub.storage import ObjectStore
from spark_notebooks_hub.values import Cull, Database, ValuesError, parse_values
from traitlets.config import Config

KEYS = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "pass-word"}
MINIMAL: dict[str, Any] = {
    "release": {"name": "sn", "namespace": "platform", "fullname": "sn-spark-notebooks", "version": "0.1.0"},
    "singleuser": {"image": {"name": "registry.example/notebook", "tag": "1"}},
}


def config(**sections: Any) -> Config:
    return hub_config(parse_values(MINIMAL | sections), KEYS)


def test_every_name_in_the_configuration_is_a_trait_of_its_class() -> None:
    """A misspelt trait would be ignored by traitlets with no more than a warning."""
    owners = {
        "JupyterHub": JupyterHub,
        "ConfigurableHTTPProxy": SeparateProxy,
        "Spawner": WorkspaceSpawner,
        "KubeSpawner": WorkspaceSpawner,
        "WorkspaceSpawner": WorkspaceSpawner,
        "ObjectStore": ObjectStore,
    }
    found = config()
    assert set(found) == set(owners)
    for section, cls in owners.items():
        unknown = set(found[section]) - set(cls.class_traits(config=True))
        assert not unknown, f"{section} has no {unknown}"


def test_nobody_can_log_in_until_an_authenticator_is_chosen() -> None:
    assert issubclass(config().JupyterHub.authenticator_class, LoginNotChosen)
    chosen = config(hub={"config": {"JupyterHub": {"authenticator_class": "shared-password"}}})
    assert issubclass(chosen.JupyterHub.authenticator_class, SharedPasswordAuthenticator)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("ldap", "ldap_login"),
        ("LDAP", "ldap_login"),
        ("ldapauthenticator.LDAPAuthenticator", "ldap_login"),
        ("native", "native_login"),
    ],
)
def test_authenticators_that_need_something_of_ours_get_it(name: str, module: str) -> None:
    chosen = config(hub={"config": {"JupyterHub": {"authenticator_class": name}}}).JupyterHub.authenticator_class
    assert f"spark_notebooks_hub.{module}" in {base.__module__ for base in chosen.__mro__}


@pytest.mark.parametrize("name", ["ladp", "no.such.module", "jupyterhub.auth.NoSuchClass"])
def test_an_authenticator_that_does_not_exist_is_named_with_those_that_do(name: str) -> None:
    with pytest.raises(
        ValuesError, match=rf"hub\.config\.JupyterHub\.authenticator_class: '{name}' is no .*ldap, .*native"
    ):
        config(hub={"config": {"JupyterHub": {"authenticator_class": name}}})


def test_cookies_stay_off_http_where_browsers_come_by_https() -> None:
    assert config().JupyterHub.tornado_settings["cookie_options"] == {"samesite": "Lax"}
    options = config(hub={"https": True}).JupyterHub.tornado_settings["cookie_options"]
    assert options == {"samesite": "Lax", "secure": True}


def test_the_limit_of_wrong_passwords_is_as_the_values_say() -> None:
    assert config().JupyterHub.authenticator_class.limit is not None
    off = config(hub={"loginLimit": {"enabled": False}}).JupyterHub.authenticator_class
    assert off.limit is None
    with pytest.raises(ValuesError, match=r"hub\.loginLimit\.trustedProxies: must be a network"):
        config(hub={"loginLimit": {"trustedProxies": ["the ingress"]}})


def test_running_servers_outlive_the_hub() -> None:
    found = config().JupyterHub
    assert found.cleanup_servers is False
    assert found.cleanup_proxy is False
    assert config().Spawner.consecutive_failure_limit == 0


def test_servers_in_other_namespaces_find_the_hub() -> None:
    found = config()
    assert found.JupyterHub.hub_connect_url == "http://sn-spark-notebooks-hub.platform:8081"
    assert found.ConfigurableHTTPProxy.api_url == "http://sn-spark-notebooks-proxy-api:8001"
    assert found.ConfigurableHTTPProxy.should_start is False


def test_the_event_reflector_stays_off() -> None:
    assert config().KubeSpawner.events_enabled is False


def test_the_admin_has_the_last_word() -> None:
    found = config(
        hub={
            "config": {
                "JupyterHub": {
                    "last_activity_interval": 60,
                    "services": [{"name": "mine"}],
                    "load_roles": [{"name": "mine"}],
                },
                "KubeSpawner": {"image": "other"},
                "GenericOAuthenticator": {"client_id": "x"},
            }
        }
    )
    assert found.JupyterHub.last_activity_interval == 60
    assert found.KubeSpawner.image == "other"
    assert found.GenericOAuthenticator.client_id == "x"
    assert [service["name"] for service in found.JupyterHub.services] == ["idle-culler", "mine"]
    assert [role["name"] for role in found.JupyterHub.load_roles] == ["idle-culler", "mine"]


def test_the_culler_gets_its_times_and_only_the_rights_it_needs() -> None:
    found = config(cull={"timeout": 1200, "every": 60, "maxAge": 99})
    (service,), (role,) = found.JupyterHub.services, found.JupyterHub.load_roles
    assert service["command"] == [
        sys.executable,
        "-m",
        "jupyterhub_idle_culler",
        "--timeout=1200",
        "--cull-every=60",
        "--max-age=99",
        "--cull-users=False",
    ]
    assert "admin:users" not in role["scopes"]
    assert "admin:users" in config(cull={"users": True}).JupyterHub.load_roles[0]["scopes"]


def test_without_culling_there_is_no_culler() -> None:
    found = config(cull={"enabled": False})
    assert found.JupyterHub.services == []
    assert found.JupyterHub.load_roles == []


@pytest.mark.parametrize(
    ("cull", "seconds"),
    [(Cull(), 1200), (Cull(timeout=600), 200), (Cull(timeout=86400), 3600), (Cull(enabled=False), 3600)],
)
def test_a_server_reports_three_times_before_it_counts_as_idle(cull: Cull, seconds: int) -> None:
    assert activity_interval(cull) == seconds


@pytest.mark.parametrize(
    ("database", "url"),
    [
        (Database(), "sqlite:////srv/jupyterhub/jupyterhub.sqlite"),
        (Database(type="sqlite-memory"), "sqlite://"),
        (Database(type="postgres", url="postgresql://hub@db/hub"), "postgresql+psycopg://hub@db/hub"),
        (Database(type="postgres", url="postgres://hub@db/hub"), "postgresql+psycopg://hub@db/hub"),
        (Database(type="postgres", url="postgresql+psycopg://hub@db/hub"), "postgresql+psycopg://hub@db/hub"),
    ],
)
def test_database_urls(database: Database, url: str) -> None:
    assert database_url(database) == url


def test_only_the_file_database_is_upgraded_without_asking() -> None:
    assert config().JupyterHub.upgrade_db is True
    assert config(hub={"db": {"type": "postgres", "url": "postgresql://db/hub"}}).JupyterHub.upgrade_db is False


def test_spark_values_become_traits_of_spark_session() -> None:
    given = {"executor": {"cores": 1, "cpuRequest": 0.5, "memory": None}, "maxExecutors": 20, "executors": None}
    assert spark_defaults(given) == {"executor_cores": 1, "executor_cpu_request": 0.5, "max_executors": 20}
    assert spark_defaults({"conf": {"spark.ui.enabled": "false"}}) == {"conf": {"spark.ui.enabled": "false"}}
    assert spark_defaults({}) == {}


def test_braces_in_extra_variables_stay_as_they_are() -> None:
    assert literal({"A": '{"b": 1}'})["A"].format() == '{"b": 1}'
    reference = {"valueFrom": {"secretKeyRef": {"name": "x", "key": "{k}"}}}
    assert literal({"A": reference})["A"]["valueFrom"]["secretKeyRef"]["key"].format() == "{k}"


def test_a_home_volume_is_claimed_only_where_it_is_wanted() -> None:
    assert config().KubeSpawner.storage_pvc_ensure is False
    storage = {"type": "dynamic", "capacity": "5Gi", "dynamic": {"storageClass": "fast"}}
    found = config(singleuser=MINIMAL["singleuser"] | {"storage": storage}).KubeSpawner
    assert found.storage_pvc_ensure is True
    assert (found.storage_capacity, found.storage_class) == ("5Gi", "fast")
    assert found.volumes["home"]["persistentVolumeClaim"]["claimName"] == "{pvc_name}"


def test_the_embedded_server_gets_its_bucket_made() -> None:
    assert config().ObjectStore.create_bucket is False
    assert config(s3={"embedded": {"enabled": True}}).ObjectStore.create_bucket is True


@pytest.mark.parametrize("environ", [{}, {"AWS_ACCESS_KEY_ID": "x"}, KEYS | {"AWS_SECRET_ACCESS_KEY": " "}])
def test_missing_keys_of_the_storage_are_said_at_start(environ: dict[str, str]) -> None:
    with pytest.raises(ValuesError, match=r"s3\.credentials"):
        hub_config(parse_values(MINIMAL), environ)


def test_no_secret_is_in_the_configuration() -> None:
    assert "pass-word" not in repr(config())


def test_a_wrong_value_ends_the_hub_with_one_message(tmp_path: Path) -> None:
    path = tmp_path / "values.json"
    path.write_text(json.dumps(MINIMAL | {"cull": {"timeout": "soon"}}))
    with pytest.raises(SystemExit) as ended:
        configure(Config(), path)
    assert "cull.timeout" in str(ended.value)


TOKENS = {"mode": "tokenService", "tokenService": {"url": "http://tokens:8082", "audience": "tokens.platform"}}


def test_with_the_token_service_no_notebook_has_the_keys_of_the_storage() -> None:
    found = config(s3={"credentials": TOKENS})
    assert "s3-credentials" not in found.KubeSpawner.volumes
    assert "s3-token" in found.KubeSpawner.volumes
    assert found.WorkspaceSpawner.token_service.audience == "tokens.platform"
    assert found.WorkspaceSpawner.credentials_mode == "tokenService"


def test_where_the_cloud_knows_the_accounts_nobody_has_keys() -> None:
    credentials = {
        "mode": "serviceAccount",
        "annotations": {"executor": {"a": "b"}},
        "tokenAudiences": ["sts.amazonaws.com"],
    }
    found = hub_config(parse_values(MINIMAL | {"s3": {"credentials": credentials}}), {})
    assert {"s3-credentials", "s3-token"}.isdisjoint(found.KubeSpawner.volumes)
    assert found.WorkspaceSpawner.account_annotations == {"notebook": {}, "executor": {"a": "b"}}
    assert found.WorkspaceSpawner.token_audiences == ["sts.amazonaws.com"]


@pytest.mark.parametrize("credentials", [{"mode": "tokenService"}, TOKENS | {"mode": "static"}])
def test_the_mode_fits_what_is_said_of_the_token_service(credentials: dict[str, Any]) -> None:
    with pytest.raises(ValuesError, match=r"s3\.credentials.*token service"):
        config(s3={"credentials": credentials})


def test_the_files_beside_kernels_are_limited_as_the_administrator_says() -> None:
    files = {"enabled": False, "number": 7, "fileMiB": 8, "totalMiB": 9}
    c = config(singleuser=MINIMAL["singleuser"] | {"workingFiles": files})
    settings = c.WorkspaceSpawner.contents_settings
    assert {name: value for name, value in settings.items() if name.startswith("working")} == {
        "working_folder": "",
        "working_files": 7,
        "working_file_mb": 8,
        "working_total_mb": 9,
    }
