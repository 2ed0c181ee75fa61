"""Volumes for PersistentVolumeClaims of the default storage class: folders in the instance's data folder.

The pure part decides what is to be done from the claims and volumes there are; the loop around it does that after every change, and
at the latest every RESYNC seconds.
"""

import json
import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cluster.addons import PROVISIONER
from cluster.settings import FIRST_NODE, STORAGE_CLASS

RESYNC = 300
RETRY = 1.0
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"

log = logging.getLogger("volumes")


@dataclass(frozen=True)
class Plan:
    """What is to be done: volumes to create (manifests), names of volumes whose folder must be there, names to delete."""

    create: list[dict[str, Any]]
    keep: list[str]
    delete: list[str]


def plan(claims: Iterable[Mapping[str, Any]], volumes: Iterable[Mapping[str, Any]], folder: Path) -> Plan:
    """From what is to what should be: a volume for every claim that waits for one of ours; none that its claim has released."""
    ours = [volume for volume in volumes if _provisioner(volume) == PROVISIONER]
    phases = {volume["metadata"]["name"]: volume.get("status", {}).get("phase") for volume in ours}
    create = [volume_for(claim, folder) for claim in claims if waits(claim) and volume_name(claim) not in phases]
    released = [
        volume["metadata"]["name"]
        for volume in ours
        if phases[volume["metadata"]["name"]] == "Released"
        and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    ]
    return Plan(create, [name for name in phases if name not in released], released)


def waits(claim: Mapping[str, Any]) -> bool:
    """Whether the claim waits for a volume that we can give."""
    spec = claim["spec"]
    return (
        spec.get("storageClassName") == STORAGE_CLASS
        and not spec.get("volumeName")
        and spec.get("volumeMode", "Filesystem") == "Filesystem"
        and "deletionTimestamp" not in claim["metadata"]
    )


def volume_name(claim: Mapping[str, Any]) -> str:
    """The name of the claim's volume, and of its folder."""
    return f"pvc-{claim['metadata']['uid']}"


def volume_for(claim: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The PersistentVolume for a claim. Its size is the claim's word: nothing enforces it.

    A `local` volume rather than a `hostPath` one: the kubelet gives the former to a pod's fsGroup, as it does with a cloud's disk.
    """
    metadata, spec = claim["metadata"], claim["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(claim), "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "local": {"path": str(folder / volume_name(claim))},
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {"key": "kubernetes.io/hostname", "operator": "In", "values": [FIRST_NODE]}
                            ]
                        }
                    ]
                }
            },
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": STORAGE_CLASS,
        },
    }


def _provisioner(volume: Mapping[str, Any]) -> str | None:
    provisioner: str | None = volume["metadata"].get("annotations", {}).get(PROVISIONED_BY)
    return provisioner


class Provisioner:
    """Carries plans out."""

    def __init__(self, kubeconfig: str, folder: Path) -> None:
        config.load_kube_config(kubeconfig)
        self._api = client.CoreV1Api()
        self._folder = folder
        self._changed = threading.Event()

    def run(self) -> None:
        """Until the process ends."""
        for lister in (self._api.list_persistent_volume_claim_for_all_namespaces, self._api.list_persistent_volume):
            threading.Thread(target=self._watch, args=(lister,), daemon=True).start()
        while True:
            self._changed.clear()
            try:
                self._reconcile()
            except (ApiException, HTTPError, OSError) as error:
                # The API server may be away for a moment, or our rights not be there yet.
                log.warning("This round failed, the next one follows: %s", error)
                time.sleep(RETRY)
                continue
            self._changed.wait(RESYNC)

    def _watch(self, lister: Callable[..., Any]) -> None:
        while True:
            try:
                for _ in watch.Watch().stream(lister, timeout_seconds=RESYNC):
                    self._changed.set()
            except (ApiException, HTTPError, OSError) as error:
                log.warning("The watch broke off: %s", error)
                time.sleep(RETRY)

    def _reconcile(self) -> None:
        todo = plan(
            _items(self._api.list_persistent_volume_claim_for_all_namespaces),
            _items(self._api.list_persistent_volume),
            self._folder,
        )
        for volume in todo.create:
            log.info("Creating %s for the claim %s", volume["metadata"]["name"], volume["spec"]["claimRef"]["name"])
            self._api.create_persistent_volume(volume)
        for name in [*(volume["metadata"]["name"] for volume in todo.create), *todo.keep]:
            (self._folder / name).mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in todo.delete:
            log.info("Deleting %s: its claim is gone", name)
            shutil.rmtree(self._folder / name, ignore_errors=True)
            self._api.delete_persistent_volume(name)


def _items(lister: Callable[..., Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(lister(_preload_content=False).data)["items"]
    return items


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    Provisioner(sys.argv[1], Path(sys.argv[2])).run()
