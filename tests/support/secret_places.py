"""Where secrets might have got to on a cluster: objects, events, logs, command lines, the bucket. As places and what is there, for `secret_search.search`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dev.target import Target

Document = tuple[str, bytes]
SECRETS = "secrets"
LARGEST = 64 * 2**20  # bytes of an object in the bucket


def objects(target: Target) -> Iterator[Document]:
    """Every object of every kind in every namespace, events among them; of Secrets all but what they are for."""
    kinds = set(target.kubectl("api-resources", "--verbs=list", "--output=name").stdout.split()) - {SECRETS}
    for kind, options in ((",".join(sorted(kinds)), ["--show-managed-fields"]), (SECRETS, ["--show-managed-fields"])):
        found = json.loads(target.kubectl("get", kind, "--all-namespaces", *options, "--output=json").stdout)
        for item in found["items"]:
            shown = {key: value for key, value in item.items() if kind != SECRETS or key not in {"data", "stringData"}}
            yield _name(item), json.dumps(shown).encode()


def _name(item: dict[str, Any]) -> str:
    metadata = item["metadata"]
    return f"{item['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


def logs(target: Target) -> Iterator[Document]:
    """What every container of every pod has said, also before its last restart."""
    pods = json.loads(target.kubectl("get", "pods", "--all-namespaces", "--output=json").stdout)["items"]
    for pod in pods:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        statuses = [*pod["status"].get("initContainerStatuses", []), *pod["status"].get("containerStatuses", [])]
        for status in statuses:
            runs = [[], ["--previous"]] if status["restartCount"] else [[]]
            for options in runs:
                arguments = ("logs", "--namespace", namespace, name, "--container", status["name"], *options)
                # A pod may go meanwhile, and one that never ran has no log.
                said = target.kubectl(*arguments, check=False)
                yield f"log of {namespace}/{name}/{status['name']}{' before' if options else ''}", said.stdout.encode()


def command_lines(target: Target, namespace: str, pod: str) -> Document:
    """The commands of all processes in a pod, which everybody on its node may read."""
    script = "for each in /proc/[0-9]*; do cat $each/cmdline 2>/dev/null; echo; done"
    said = target.kubectl("exec", "--namespace", namespace, pod, "--", "sh", "-c", script)
    return f"commands in {namespace}/{pod}", said.stdout.encode()


def bucket(client: Any, name: str) -> Iterator[Document]:
    """Every version of every object of a bucket, by its key, and its metadata."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
        for version in page.get("Versions", []):
            key, number = version["Key"], version["VersionId"]
            if version["Size"] > LARGEST:
                raise AssertionError(f"{key} has {version['Size']} bytes: look for secrets in smaller ones")
            found = client.get_object(Bucket=name, Key=key, VersionId=number)
            yield f"s3://{name}/{key}", found["Body"].read()
            yield f"metadata of s3://{name}/{key}", json.dumps([key, found["Metadata"]]).encode()
