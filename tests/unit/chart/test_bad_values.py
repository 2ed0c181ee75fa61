"""Values that Helm refuses, with a message that names the key."""

import json
from typing import Any

import pytest

from tests.unit.chart.matrix import EMBEDDED
from tests.unit.chart.rendering import merged, refusal

TEAM: dict[str, Any] = {"name": "a", "groups": ["x"], "prefix": "teams/a"}
SHARE: dict[str, Any] = {"name": "a", "prefix": "groups/a", "groups": ["x"], "access": "write"}

# What the schema refuses: the change, the path that the message names, and a word of why.
NOT_IN_THE_SCHEMA: list[tuple[dict[str, Any], str, str]] = [
    ({"hubb": {}}, "''", "'hubb' not allowed"),
    ({"hub": {"imge": {}}}, "/hub", "'imge' not allowed"),
    ({"hub": {"image": {"tag": 1.1}}}, "/hub/image/tag", "want null or string"),
    ({"hub": {"image": {"name": "Registry/Hub"}}}, "/hub/image/name", "does not match"),
    ({"hub": {"image": {"name": None}}}, "/hub/image", "missing property 'name'"),
    ({"hub": {"image": {"pullPolicy": "always"}}}, "/hub/image/pullPolicy", "'Always'"),
    ({"hub": {"config": {"jupyterhub": {}}}}, "/hub/config", "'jupyterhub' not allowed"),
    ({"hub": {"config": {"JupyterHub": "native"}}}, "/hub/config/JupyterHub", "want object"),
    ({"hub": {"db": {"type": "mysql"}}}, "/hub/db/type", "'postgres'"),
    ({"hub": {"db": {"type": "postgres", "url": "mysql://db/hub"}}}, "/hub/db/url", "does not match"),
    ({"hub": {"db": {"pvc": {"storage": "1 GB"}}}}, "/hub/db/pvc/storage", "does not match"),
    ({"hub": {"db": {"pvc": {"accessModes": []}}}}, "/hub/db/pvc/accessModes", "minItems"),
    ({"hub": {"baseUrl": "lab/"}}, "/hub/baseUrl", "does not match"),
    ({"hub": {"baseUrl": "/lab"}}, "/hub/baseUrl", "does not match"),
    ({"hub": {"activeServerLimit": -1}}, "/hub/activeServerLimit", "minimum"),
    ({"hub": {"concurrentSpawnLimit": "64"}}, "/hub/concurrentSpawnLimit", "want integer"),
    ({"hub": {"allowNamedServers": "yes"}}, "/hub/allowNamedServers", "want boolean"),
    ({"hub": {"existingSecret": "Hub_Secrets"}}, "/hub/existingSecret", "does not match"),
    ({"hub": {"extraEnv": {"A-B": "x"}}}, "/hub/extraEnv", "'A-B' not allowed"),
    ({"hub": {"extraEnv": {"WORKERS": 4}}}, "/hub/extraEnv/WORKERS", "want string"),
    ({"hub": {"resources": {"limits": {"memory": "2GB"}}}}, "/hub/resources/limits/memory", "does not match"),
    ({"hub": {"tolerations": [{"effect": "Never"}]}}, "/hub/tolerations/0/effect", "'NoSchedule'"),
    ({"imagePullSecrets": "registry"}, "/imagePullSecrets", "want array"),
    ({"fullnameOverride": "Our Lab"}, "/fullnameOverride", "does not match"),
    ({"proxy": {"service": {"type": "ExternalName"}}}, "/proxy/service/type", "'LoadBalancer'"),
    ({"proxy": {"service": {"nodePorts": {"http": 70000}}}}, "/proxy/service/nodePorts/http", "maximum"),
    ({"proxy": {"service": {"nodePorts": {"ssh": 30022}}}}, "/proxy/service/nodePorts", "'ssh' not allowed"),
    ({"ingress": {"enabled": True, "hosts": ["https://a.org"]}}, "/ingress/hosts/0", "does not match"),
    ({"ingress": {"enabled": True, "tls": [{"hosts": ["a.org"]}]}}, "/ingress/tls/0", "'secretName'"),
    ({"workspace": {"afterRemoval": "delete"}}, "/workspace/afterRemoval", "'archive'"),
    (
        {"tenancy": {"workspaces": [{"name": "a", "groups": ["x"]}]}},
        "/tenancy/workspaces/0",
        "missing property 'prefix'",
    ),
    ({"tenancy": {"groups": [{"quota": {}}]}}, "/tenancy/groups/0", "missing property 'group'"),
    ({"tenancy": {"groups": [{"group": "a", "sizes": []}]}}, "/tenancy/groups/0/sizes", "minItems"),
    ({"tenancy": {"groups": [{"group": "a", "images": [{"name": "x"}]}]}}, "/tenancy/groups/0/images/0", "'image'"),
    ({"workspace": {"profiles": {"s": {}}}}, "/workspace/profiles/s", "missing property 'description'"),
    ({"workspace": {"profiles": {"a b": {"description": "x"}}}}, "/workspace/profiles", "'a b' not allowed"),
    (
        {"workspace": {"profiles": {"s": {"description": "x", "tolerations": [{"operator": "Exists"}]}}}},
        "/workspace/profiles/s/tolerations/0",
        "missing property 'key'",
    ),
    (
        {"workspace": {"profiles": {"s": {"description": "x", "tolerations": [{"key": "a", "tolerationSeconds": 3}]}}}},
        "/workspace/profiles/s/tolerations/0",
        "missing property 'effect'",
    ),
    (
        {"workspace": {"profiles": {"s": {"description": "x", "nodeSelector": {"pool": "a b"}}}}},
        "/workspace/profiles/s/nodeSelector/pool",
        "does not match",
    ),
    ({"workspace": {"defaultProfiles": {"jobs": "s"}}}, "/workspace/defaultProfiles", "'jobs' not allowed"),
    ({"singleuser": {"memory": {"limit": "4Gi"}}}, "/singleuser/memory/limit", "does not match"),
    ({"singleuser": {"cpu": {"limit": 0}}}, "/singleuser/cpu/limit", "exclusiveMinimum"),
    ({"singleuser": {"cpu": {"limit": "2"}}}, "/singleuser/cpu/limit", "want"),
    ({"singleuser": {"startTimeout": 0}}, "/singleuser/startTimeout", "minimum"),
    ({"singleuser": {"defaultUrl": "lab"}}, "/singleuser/defaultUrl", "does not match"),
    ({"singleuser": {"storage": {"type": "static"}}}, "/singleuser/storage/type", "'dynamic'"),
    ({"singleuser": {"profileList": [{"slug": "a"}]}}, "/singleuser/profileList/0", "'display_name'"),
    ({"singleuser": {"uid": 0}}, "/singleuser", "'uid' not allowed"),
    ({"singleuser": {"sharedFolders": [{"name": "a"}]}}, "/singleuser/sharedFolders/0", "'prefix'"),
    *(
        ({"singleuser": {"sharedFolders": [SHARE | wrong]}}, f"/singleuser/sharedFolders/0/{next(iter(wrong))}", why)
        for wrong, why in (
            ({"name": "a/b"}, "does not match"),
            ({"name": ".a"}, "does not match"),
            ({"prefix": "groups/*"}, "does not match"),
            ({"prefix": "a/../b"}, "does not match"),
            ({"access": "all"}, "'read'"),
        )
    ),
    ({"singleuser": {"sharedFoldersIn": "a/b"}}, "/singleuser/sharedFoldersIn", "does not match"),
    ({"workspace": {"namespacePrefix": "user"}}, "/workspace/namespacePrefix", "does not match"),
    ({"workspace": {"namespacePrefix": ""}}, "/workspace/namespacePrefix", "does not match"),
    ({"workspace": {"namespacePrefix": "a-very-long-prefix-"}}, "/workspace/namespacePrefix", "maxLength"),
    ({"workspace": {"podSecurity": "privileged"}}, "/workspace/podSecurity", "'restricted'"),
    ({"workspace": {"quota": {"pods": "many"}}}, "/workspace/quota/pods", "does not match"),
    ({"workspace": {"limits": [{"max": {"cpu": 1}}]}}, "/workspace/limits/0", "missing property 'type'"),
    ({"s3": {"endpoint": "s3.example.org"}}, "/s3/endpoint", "does not match"),
    ({"s3": {"endpoint": "https://s3.example.org/bucket"}}, "/s3/endpoint", "does not match"),
    ({"s3": {"bucket": "Notebooks"}}, "/s3/bucket", "does not match"),
    ({"s3": {"bucket": "nb"}}, "/s3/bucket", "does not match"),
    ({"s3": {"prefix": "../others"}}, "/s3/prefix", "does not match"),
    ({"s3": {"prefix": "users/"}}, "/s3/prefix", "does not match"),
    ({"s3": {"region": ""}}, "/s3/region", "minLength"),
    ({"s3": {"credentials": {"mode": "none"}}}, "/s3/credentials/mode", "static"),
    ({"s3": {"embedded": {"storage": "ten"}}}, "/s3/embedded/storage", "does not match"),
    ({"spark": {"executors": 0}}, "/spark/executors", "minimum"),
    ({"spark": {"executor": {"memory": "1 GB"}}}, "/spark/executor/memory", "does not match"),
    ({"spark": {"executor": {"mem": "1g"}}}, "/spark/executor", "'mem' not allowed"),
    ({"spark": {"conf": {"sql.shuffle.partitions": 4}}}, "/spark/conf", "'sql.shuffle.partitions' not allowed"),
    ({"singleuser": {"networkPolicy": {"egress": [{"from": []}]}}}, "/singleuser/networkPolicy/egress/0", "'from' not"),
    ({"s3": {"addresses": ["s3.example.org"]}}, "/s3/addresses/0", "does not match"),
    ({"cull": {"timeout": 5}}, "/cull/timeout", "minimum"),
    ({"cull": {"maxAge": -1}}, "/cull/maxAge", "minimum"),
]

# Right one by one, wrong together: the values, and the beginning of the sentence.
CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({}, "s3.credentials.existingSecret is empty"),
    ({"s3": {"endpoint": "https://s3.example.org"}}, "s3.credentials.existingSecret is empty"),
    (merged(EMBEDDED, {"s3": {"endpoint": "https://s3.example.org"}}), "s3.endpoint is set and s3.embedded.enabled"),
    ({"s3": {"credentials": {"accessKey": "us"}}}, "s3.credentials.accessKey and s3.credentials.secretKey belong"),
    ({"s3": {"credentials": {"secretKey": "key"}}}, "s3.credentials.accessKey and s3.credentials.secretKey belong"),
    (
        {"s3": {"credentials": {"existingSecret": "keys", "accessKey": "us", "secretKey": "key"}}},
        "s3.credentials.existingSecret is set, and so are",
    ),
    (
        merged(EMBEDDED, {"s3": {"credentials": {"accessKey": "us", "secretKey": "short"}}}),
        "s3.credentials.secretKey is shorter",
    ),
    (EMBEDDED | {"hub": {"db": {"type": "postgres"}}}, "hub.db.url is empty"),
    (EMBEDDED | {"hub": {"db": {"url": "postgresql://db/hub"}}}, "hub.db.url is set and hub.db.type is sqlite-pvc"),
    (EMBEDDED | {"hub": {"namedServerLimitPerUser": 2}}, "hub.namedServerLimitPerUser is set"),
    (EMBEDDED | {"hub": {"labels": {"app.kubernetes.io/name": "x"}}}, "hub.labels.app.kubernetes.io/name:"),
    (EMBEDDED | {"hub": {"config": {"JupyterHub": {"base_url": "/x"}}}}, "hub.config.JupyterHub.base_url:"),
    (EMBEDDED | {"hub": {"config": {"JupyterHub": {"db_url": "x"}}}}, "hub.config.JupyterHub.db_url:"),
    (EMBEDDED | {"hub": {"config": {"JupyterHub": {"cookie_secret": "x"}}}}, "hub.config.JupyterHub.cookie_secret:"),
    (
        EMBEDDED | {"hub": {"config": {"ConfigurableHTTPProxy": {"auth_token": "x"}}}},
        "hub.config.ConfigurableHTTPProxy.auth_token:",
    ),
    (EMBEDDED | {"hub": {"config": {"CryptKeeper": {"keys": ["x"]}}}}, "hub.config.CryptKeeper.keys:"),
    (EMBEDDED | {"proxy": {"service": {"nodePorts": {"http": 30080}}}}, "proxy.service.nodePorts.http is set"),
    (EMBEDDED | {"proxy": {"service": {"nodePorts": {"https": 30443}}}}, "proxy.service.nodePorts.https is set"),
    (
        EMBEDDED | {"proxy": {"https": {"enabled": True}}},
        "proxy.https.enabled is true, and proxy.https.secret.name is not",
    ),
    (
        EMBEDDED | {"proxy": {"https": {"enabled": True, "secret": {"name": "tls"}}}, "ingress": {"enabled": True}},
        "ingress.enabled is true, and proxy.https.type is secret",
    ),
    (
        EMBEDDED | {"httpRoute": {"enabled": True}},
        "httpRoute.enabled is true, and httpRoute.parentRefs names no gateway",
    ),
    (EMBEDDED | {"hub": {"extraEnv": {"JUPYTERHUB_CRYPT_KEY": "x"}}}, "hub.extraEnv.JUPYTERHUB_CRYPT_KEY:"),
    (EMBEDDED | {"singleuser": {"cpu": {"guarantee": 2, "limit": 1}}}, "singleuser.cpu.guarantee (2) is above"),
    (
        EMBEDDED | {"singleuser": {"memory": {"guarantee": "1.5G", "limit": "1100M"}}},
        "singleuser.memory.guarantee (1.5G) is above singleuser.memory.limit (1100M)",
    ),
    (EMBEDDED | {"singleuser": {"memory": {"limit": 1048576}}}, "singleuser.memory.guarantee (1G) is above"),
    (EMBEDDED | {"workspace": {"quota": {"requests.cpu": 20}}}, "workspace.quota bounds requests.cpu"),
    (EMBEDDED | {"workspace": {"quota": {"limits.cpu": 20}}}, "workspace.quota bounds limits.cpu"),
    (
        EMBEDDED | {"hub": {"db": {"type": "sqlite-memory"}}, "workspace": {"afterRemoval": "remove"}},
        "workspace.afterRemoval is remove and hub.db.type is sqlite-memory",
    ),
    *(
        (EMBEDDED | {"tenancy": {"workspaces": workspaces}}, f"tenancy.workspaces: {sentence}")
        for workspaces, sentence in (
            ([TEAM, TEAM], '"a" is there twice'),
            ([TEAM | {"prefix": "users/ada"}], 'the prefix of "a" (users/ada) is not apart from that of s3.prefix'),
            (
                [TEAM, TEAM | {"name": "b", "prefix": "teams"}],
                'the prefix of "b" (teams) is not apart from that of the',
            ),
        )
    ),
    (
        EMBEDDED | {"tenancy": {"workspaces": [TEAM]}, "workspace": {"admission": {"enabled": False}}},
        "tenancy.workspaces is set and workspace.admission.enabled is false",
    ),
    (EMBEDDED | {"tenancy": {"groups": [{"group": "a"}, {"group": "a"}]}}, 'tenancy.groups has two entries for "a"'),
    (
        EMBEDDED | {"tenancy": {"groups": [{"group": "a", "quota": {"limits.cpu": 20}}]}},
        'tenancy.groups: the quota of "a" bounds limits.cpu',
    ),
    (
        EMBEDDED
        | {
            "workspace": {"quota": {"limits.cpu": 20}, "limits": [{"type": "Container", "max": {"cpu": 4}}]},
            "tenancy": {"groups": [{"group": "a", "limits": []}]},
        },
        'tenancy.groups: the quota of "a" bounds limits.cpu',
    ),
    ({"s3": {"credentials": {"existingSecret": "keys"}}}, "s3.addresses is empty"),
    (
        {"s3": {"credentials": {"existingSecret": "keys"}, "endpoint": "https://s3.example.org"}},
        "s3.addresses is empty, and network policies cannot name https://s3.example.org",
    ),
    (merged(EMBEDDED, {"s3": {"addresses": ["10.0.0.0/8"]}}), "s3.addresses is set and s3.embedded.enabled"),
    *(
        (merged(EMBEDDED, {"singleuser": {"sharedFolders": folders}}), f"singleuser.sharedFolders: {sentence}")
        for folders, sentence in (
            ([{"name": "a", "prefix": "groups/a"}], '"a" is for nobody'),
            ([SHARE | {"everyone": True}], '"a" is for nobody, or for everyone and some others'),
            ([SHARE, SHARE | {"prefix": "groups/b", "access": "read"}], '"a" has two prefixes, groups/a and groups/b'),
            ([SHARE | {"prefix": "users/ada"}], '"a" (users/ada) is below s3.prefix (users)'),
            ([SHARE | {"prefix": "users/"}], '"a" (users) holds each person\'s own folder'),
            (
                [SHARE, SHARE | {"name": "b", "prefix": "groups/a/b", "access": "read"}],
                '"b" (groups/a/b) is within "a"',
            ),
        )
    ),
    (EMBEDDED | {"workspace": {"namespacePrefix": "kube-"}}, "workspace.namespacePrefix (kube-)"),
    (EMBEDDED | {"workspace": {"namespacePrefix": "plat-"}}, "workspace.namespacePrefix (plat-)"),
    (
        EMBEDDED | {"workspace": {"defaultProfiles": {"executors": "spot"}}},
        "workspace.defaultProfiles.executors is spot, and there is no such profile",
    ),
    (
        EMBEDDED
        | {
            "workspace": {
                "profiles": {"spot": {"description": "x", "for": ["executors"]}},
                "defaultProfiles": {"drivers": "spot"},
            }
        },
        "workspace.defaultProfiles.drivers is spot, which is not for drivers",
    ),
    (
        EMBEDDED
        | {
            "workspace": {
                "profiles": {"gpu": {"description": "x", "allowedGroups": ["staff"]}},
                "defaultProfiles": {"drivers": "gpu"},
            }
        },
        "workspace.defaultProfiles.drivers is gpu, which not everybody may use",
    ),
    (
        EMBEDDED | {"workspace": {"profiles": {"core": {"description": "x", "for": ["drivers"], "spot": True}}}},
        "workspace.profiles.core.spot is about executors",
    ),
]


@pytest.mark.parametrize(("change", "path", "why"), NOT_IN_THE_SCHEMA, ids=lambda part: json.dumps(part)[:60])
def test_the_schema_names_the_key(change: dict[str, Any], path: str, why: str) -> None:
    message = refusal(merged(EMBEDDED, change))

    assert f"at '{path}'" in message or f"at {path}" in message
    assert why in message


@pytest.mark.parametrize(("values", "sentence"), CONTRADICTIONS, ids=lambda part: json.dumps(part)[:60])
def test_contradictions_name_the_key(values: dict[str, Any], sentence: str) -> None:
    namespace = "plat-form" if "plat-" in str(values) else "platform"

    message = refusal(values, namespace)

    assert f"  - {sentence}" in message
    assert message.count("\n  - ") == 1, "one problem, one sentence"


def test_all_contradictions_are_told_at_once() -> None:
    message = refusal({"hub": {"db": {"type": "postgres"}, "namedServerLimitPerUser": 2}})

    assert message.count("\n  - ") == 3


@pytest.mark.parametrize(
    "values",
    [
        {"singleuser": {"memory": {"guarantee": "1024M", "limit": "1G"}}},
        {"singleuser": {"memory": {"guarantee": None, "limit": "64M"}}},
        {"singleuser": {"cpu": {"guarantee": 1, "limit": 1}}},
        {"workspace": {"quota": {"requests.cpu": 20}}, "singleuser": {"cpu": {"guarantee": 1}}},
        {"workspace": {"quota": {"limits.cpu": 20}, "limits": [{"type": "Container", "max": {"cpu": 4}}]}},
        {
            "singleuser": {
                "sharedFolders": [
                    SHARE,
                    SHARE | {"access": "read", "groups": ["y"]},
                    SHARE | {"name": "b", "prefix": "groups/a2"},
                    SHARE | {"name": "c", "prefix": "groups", "access": "read"},
                    SHARE | {"name": "d", "prefix": "users", "access": "read"},
                    {"name": "e", "prefix": "users2", "everyone": True, "access": "write"},
                ]
            }
        },
        {"workspace": {"quota": {"limits.memory": "9Gi", "requests.memory": "9Gi", "pods": 5}}},
        {
            "workspace": {"quota": {"requests.cpu": 20}, "limits": [{"type": "Container", "min": {"cpu": 1}}]},
            "tenancy": {"groups": [{"group": "a", "limits": [], "quota": {"requests.cpu": None, "pods": 5}}]},
        },
    ],
    ids=json.dumps,
)
def test_what_only_looks_like_a_contradiction_is_taken(values: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="helm took these values"):
        refusal(merged(EMBEDDED, values))
