"""Values that people install the chart with."""

from typing import Any

EMBEDDED: dict[str, Any] = {"s3": {"embedded": {"enabled": True}}}
TOKENS: dict[str, Any] = {"s3": {"embedded": {"enabled": True}, "credentials": {"mode": "tokenService"}}}
WEBHOOK: dict[str, Any] = {"existingSecret": "notices-webhook", "addresses": ["10.20.0.0/16"]}
MAIL: dict[str, Any] = {
    "host": "mail.example.org",
    "sender": "notebooks@example.org",
    "recipients": ["{user}@example.org"],
    "addresses": ["10.30.0.0/16"],
}
NOTICES: dict[str, Any] = {**EMBEDDED, "notices": {"webhook": WEBHOOK, "email": MAIL}}
# Texts that may stand in Secrets only.
PLANTED = ("planted-login-secret", "planted-database-password", "planted-secret-key")
GITOPS: dict[str, Any] = {
    "hub": {"existingSecret": "hub-secrets"},
    "s3": {"credentials": {"existingSecret": "notebooks-s3"}, "addresses": ["0.0.0.0/0"]},
}

MATRIX: dict[str, dict[str, Any]] = {
    "embedded": EMBEDDED,
    "embedded with keys": {
        "s3": {
            "region": "eu-central-2",
            "embedded": {"enabled": True, "storage": "200Gi", "storageClassName": "fast"},
            "credentials": {"accessKey": "us", "secretKey": "planted-secret-key"},
        }
    },
    "aws": {
        "s3": {
            "region": "eu-west-1",
            "bucket": "team-notebooks",
            "addresses": ["52.92.0.0/16"],
            "credentials": {"accessKey": "AKIAEXAMPLE", "secretKey": "planted-secret-key"},
        }
    },
    "token service": TOKENS,
    "token service of a cloud": {
        "s3": {
            "addresses": ["52.92.0.0/16"],
            "credentials": {"mode": "tokenService", "existingSecret": "notebooks-s3"},
        },
        "tokenService": {
            "roleArn": "arn:aws:iam::123456789012:role/notebooks",
            "existingSecret": "minting-keys",
            "replicas": 3,
            "nodeSelector": {"pool": "core"},
        },
    },
    "accounts of a cloud": {
        "s3": {
            "addresses": ["52.92.0.0/16"],
            "credentials": {
                "mode": "serviceAccount",
                "annotations": {
                    "hub": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/hub"},
                    "notebook": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/notebooks"},
                },
            },
        },
    },
    "notices": NOTICES,
    "notices by mail": {
        **EMBEDDED,
        "notices": {
            "default": "always",
            "email": {
                **MAIL,
                "host": "10.30.0.9",
                "addresses": [],
                "port": 465,
                "encryption": "tls",
                "existingSecret": "notices-smtp",
            },
            "caBundle": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
            "nodeSelector": {"pool": "core"},
            "networkPolicy": {"apiServer": [{"cidr": "192.168.9.0/24", "port": 6443}]},
        },
    },
    "gitops": GITOPS,
    "gitops embedded": {**GITOPS, "s3": {**GITOPS["s3"], "addresses": [], "embedded": {"enabled": True}}},
    "login": {
        **EMBEDDED,
        "hub": {
            "config": {
                "JupyterHub": {"authenticator_class": "github", "admin_access": False},
                "GitHubOAuthenticator": {"client_id": "id", "client_secret": "planted-login-secret"},
                "Authenticator": {"admin_users": ["ada"]},
            }
        },
    },
    "postgres": {
        **EMBEDDED,
        "hub": {
            "db": {"type": "postgres", "url": "postgresql+psycopg://hub:planted-database-password@db:5432/hub"},
            "extraEnv": {"TZ": "UTC", "PGPASSWORD": {"valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}},
        },
    },
    "memory database": {**EMBEDDED, "hub": {"db": {"type": "sqlite-memory"}}},
    "ingress": {
        **EMBEDDED,
        "hub": {"baseUrl": "/science/notebooks/", "config": {"JupyterHub": {"authenticator_class": "shared-password"}}},
        "ingress": {
            "enabled": True,
            "ingressClassName": "nginx",
            "annotations": {"cert-manager.io/cluster-issuer": "ours"},
            "hosts": ["notebooks.example.org", "www.example.org"],
            "tls": [{"hosts": ["notebooks.example.org"], "secretName": "notebooks-tls"}],
        },
    },
    "ingress for any host": {**EMBEDDED, "ingress": {"enabled": True}},
    "node port": {
        **EMBEDDED,
        "hub": {"config": {"JupyterHub": {"authenticator_class": "shared-password"}}},
        "proxy": {"service": {"type": "NodePort", "nodePorts": {"http": 30081}}},
    },
    "load balancer": {
        **EMBEDDED,
        "hub": {"config": {"JupyterHub": {"authenticator_class": "shared-password"}}},
        "proxy": {
            "service": {
                "type": "LoadBalancer",
                "annotations": {"example.org/internal": "true"},
                "labels": {"team": "a"},
            }
        },
    },
    "https": {
        **EMBEDDED,
        "hub": {"config": {"JupyterHub": {"authenticator_class": "shared-password"}}},
        "proxy": {
            "https": {"enabled": True, "secret": {"name": "notebooks-tls", "crt": "fullchain.pem"}},
            "service": {"type": "NodePort", "nodePorts": {"http": 30082, "https": 30443}},
        },
    },
    "subdomains": {**EMBEDDED, "hub": {"config": {"JupyterHub": {"subdomain_host": "https://notebooks.example.org"}}}},
    "names": {**EMBEDDED, "nameOverride": "lab", "fullnameOverride": "our-lab"},
    "private registry": {
        **EMBEDDED,
        "imagePullSecrets": ["registry", {"name": "other-registry"}],
        "hub": {"image": {"name": "registry.example.org:5000/hub", "tag": "2.1", "pullPolicy": "Always"}},
        "singleuser": {
            "image": {"name": "registry.example.org:5000/notebook", "tag": "2.1@sha256:" + "0123456789abcdef" * 4}
        },
    },
    "placement": {
        **EMBEDDED,
        "hub": {
            "resources": {"limits": {"memory": "2Gi"}, "requests": {"cpu": 1, "memory": "1Gi"}},
            "nodeSelector": {"pool": "core"},
            "tolerations": [{"key": "core", "operator": "Exists", "effect": "NoSchedule"}],
            "labels": {"team": "a"},
            "annotations": {"example.org/scrape": "yes"},
        },
        "proxy": {"chp": {"nodeSelector": {"pool": "core"}, "tolerations": [{"operator": "Exists"}]}},
        "singleuser": {"nodeSelector": {"pool": "users"}, "extraTolerations": [{"key": "users", "operator": "Exists"}]},
    },
    "limits": {
        **EMBEDDED,
        "hub": {
            "allowNamedServers": True,
            "namedServerLimitPerUser": 3,
            "activeServerLimit": 500,
            "templateVars": {"announcement": "Down on Monday"},
        },
        "singleuser": {
            "cpu": {"limit": 4, "guarantee": 0.5},
            "memory": {"limit": "8G", "guarantee": 1073741824},
            "storage": {"type": "dynamic", "capacity": "20Gi", "dynamic": {"storageClass": "fast"}},
            "extraEnv": {"LANG": "C.UTF-8"},
            "profileList": [
                {"display_name": "Small", "default": True},
                {"display_name": "Large", "slug": "large", "kubespawner_override": {"mem_limit": "32G"}},
            ],
        },
        "workspace": {
            "profiles": {
                "spot": {
                    "description": "Cheap nodes that may go.",
                    "for": ["executors"],
                    "allowedGroups": ["staff"],
                    "nodeSelector": {"node.example.org/pool": "spot"},
                    "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
                    "layout": "spread",
                    "spot": True,
                    "terminationGracePeriodSeconds": 100,
                    "maxExecutors": 100,
                    "node": {"cpu": 15.89, "memory": "60Gi", "executors": 4, "reserved": {"memory": "1Gi"}},
                },
                "steady": {"description": "Nodes that stay.", "layout": "pack"},
            },
            "defaultProfiles": {"drivers": "steady", "executors": "steady"},
            "namespacePrefix": "nb-",
            "afterRemoval": "archive",
            "quota": {"pods": 50, "requests.cpu": 20, "limits.memory": "64Gi"},
            "limits": [{"type": "Container", "max": {"memory": "16Gi"}}],
        },
        "tenancy": {
            "groups": [
                {
                    "group": "staff",
                    "quota": {"pods": 100, "requests.cpu": None},
                    "limits": [],
                    "priorityClass": "research",
                    "images": [{"name": "Genomics", "image": "registry.example.org/genomics:1"}],
                    "sizes": [{"name": "Small"}, {"name": "Large", "cpu": {"limit": 8}, "memory": {"limit": "32G"}}],
                },
                {"group": "students", "quota": {"limits.cpu": 8}},
            ],
            "workspaces": [
                {"name": "Flights", "groups": ["pilots"], "prefix": "/teams/flights/", "quota": {"pods": 60}},
                {"name": "Law", "groups": ["lawyers"], "prefix": "teams/law", "limits": [], "priorityClass": "low"},
            ],
        },
        "spark": {
            "executors": 4,
            "executor": {"cores": 2, "cpuRequest": 0.5, "memory": "2g", "memoryOverheadFactor": 0.2},
            "maxExecutors": 50,
            "maxExecutorCores": 8,
            "maxExecutorMemory": "32g",
            "conf": {"spark.sql.shuffle.partitions": 64, "spark.ui.enabled": True},
        },
        "cull": {"timeout": 7200, "maxAge": 86400, "users": True},
    },
}
