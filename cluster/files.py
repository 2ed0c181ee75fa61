"""Writes the files that a node starts from into the instance's data folder."""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path

from cluster import config, pki
from cluster.archive import image_archive
from cluster.policies import cni
from cluster.settings import API_SERVICE_ADDRESS, CLUSTER_DOMAIN, Node, Settings, all_nodes


def write(settings: Settings) -> None:
    """All files. Authority and service-account key are kept from the start before; everything else is made anew."""
    folder = settings.folder
    keys = folder / "pki"
    for name in ("volumes", "etcd", "pki"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for private in (folder / "etcd", keys):
        private.chmod(0o700)
    ca = _authority(keys)
    _service_account_key(keys)
    for node in all_nodes(settings):
        _node(node, ca)
    # Last: where this file is, the others are complete.
    _write(folder / "node.json", json.dumps(settings.to_json(), indent=2).encode(), mode=0o600)


def _node(node: Node, ca: pki.KeyPair) -> None:
    folder, keys = node.folder, node.folder / "pki"
    (folder / "logs" / "pods").mkdir(parents=True, exist_ok=True)
    for log in (folder / "logs").glob("*.log"):
        log.replace(log.with_suffix(".log.old"))
    configuration = _empty(folder / "config")
    keys.mkdir(mode=0o700, exist_ok=True)
    _write(keys / "ca.crt", ca.certificate, mode=0o644)
    _certificates(node, ca, keys, configuration)
    for name, text in config.files(node).items():
        _write(configuration / name, text.encode(), mode=0o600)
    _cni_programs(configuration / config.CNI_PROGRAMS)
    pause = node.cluster.binaries["pause"].read_bytes()
    _write(folder / "pause.tar", image_archive(config.PAUSE_IMAGE, "pause", pause), mode=0o644)


def _authority(keys: Path) -> pki.KeyPair:
    key, certificate = keys / "ca.key", keys / "ca.crt"
    # The certificate is written last: a start that was killed in between leaves a key alone, and that is replaced.
    if not certificate.exists():
        made = pki.authority()
        _write(key, made.key, mode=0o600)
        _write(certificate, made.certificate, mode=0o644)
    return pki.KeyPair(key.read_bytes(), certificate.read_bytes())


def _service_account_key(keys: Path) -> None:
    private, public = keys / "service-account.key", keys / "service-account.pub"
    if not public.exists():
        private_pem, public_pem = pki.service_account_key()
        _write(private, private_pem, mode=0o600)
        _write(public, public_pem, mode=0o644)


def _certificates(node: Node, ca: pki.KeyPair, keys: Path, configuration: Path) -> None:
    settings = node.cluster
    server = f"https://{settings.node_address}:6443"
    context = f"spark-notebooks-{settings.name}"
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{CLUSTER_DOMAIN}"]
    addresses = ["127.0.0.1", API_SERVICE_ADDRESS, settings.node_address]
    issued = {
        "kubelet": pki.issue(ca, f"system:node:{node.name}", "system:nodes", [node.name, "127.0.0.1", node.address]),
    }
    clients = {name: config.CLIENTS[name] for name in config.WORKER_CLIENTS} if node.number else config.CLIENTS
    issued |= {name: pki.issue(ca, user, group) for name, (user, group) in clients.items()}
    if not node.number:
        issued["kube-apiserver"] = pki.issue(ca, "kube-apiserver", hosts=[*names, "localhost", *addresses])
    for name, pair in issued.items():
        _write(keys / f"{name}.key", pair.key, mode=0o600)
        _write(keys / f"{name}.crt", pair.certificate, mode=0o644)
        if name == "admin":
            text = config.kubeconfig(server, ca.certificate, name, pair, context)
            _write(settings.folder / "kubeconfig", text.encode(), mode=0o600)
        else:
            text = config.component_kubeconfig(server, name, context)
            _write(configuration / f"{name}.kubeconfig", text.encode(), mode=0o600)


def _cni_programs(folder: Path) -> None:
    """All plugins in one folder, because containerd looks in one: those of the machine, and ours."""
    theirs = next((folder for folder in config.CNI_FOLDERS if (folder / "bridge").exists()), config.CNI_FOLDERS[0])
    folder.mkdir()
    for program in theirs.glob("*"):
        (folder / program.name).symlink_to(program)
    # It needs nothing but the standard library, and without the rest Python starts in half the time.
    script = f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -IS {shlex.quote(cni.__file__)}\n"
    _write(folder / config.POLICY_PLUGIN, script.encode(), mode=0o700)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _write(path: Path, content: bytes, mode: int) -> None:
    """The whole file or nothing, and never readable by others for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    temporary.replace(path)
