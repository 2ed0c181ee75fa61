"""The components' configuration files."""

import base64
import tomllib
from pathlib import Path

import yaml

from cluster import config
from cluster.pki import KeyPair
from cluster.settings import BINARIES, Node, Settings

SETTINGS = Settings(
    "run", 7, Path("/data/run"), Path("/cache/registry"), {name: Path("/bin") / name for name in BINARIES}
)
FIRST, WORKER = Node(SETTINGS, 0), Node(SETTINGS, 1)


def test_every_file_that_a_component_reads_is_there() -> None:
    found = config.files(FIRST)
    assert set(found) == {
        "Corefile",
        "closed.nft",
        "cni/10-pods.conflist",
        "containerd.toml",
        "kubelet.yaml",
        "registries/10.89.7.2:5000/hosts.toml",
        "registry.yaml",
        "resolv.conf",
    }


def test_a_worker_has_what_runs_pods_and_pods_and_control_groups_of_its_own() -> None:
    found = config.files(WORKER)
    assert set(config.files(FIRST)) - set(found) == {"Corefile", "registry.yaml"}
    assert yaml.safe_load(found["kubelet.yaml"])["cgroupRoot"] == f"/{SETTINGS.cgroup}/node1"
    assert "10.244.1.0/24" in found["cni/10-pods.conflist"]
    assert found["resolv.conf"] == "nameserver 10.89.7.2\n"


def test_no_file_but_the_registrys_depends_on_where_the_user_keeps_data() -> None:
    found = config.files(FIRST)
    assert [name for name, text in found.items() if "/data/run" in text or "/cache" in text] == ["registry.yaml"]


def test_containerd_pulls_from_the_registry_over_plain_http() -> None:
    plugin = tomllib.loads(config.containerd())["plugins"]["io.containerd.grpc.v1.cri"]
    assert plugin["registry"]["config_path"] == "/run/spark-notebooks/config/registries"
    assert plugin["cni"] == {
        "bin_dir": "/run/spark-notebooks/config/cni-programs",
        "conf_dir": "/run/spark-notebooks/config/cni",
    }
    host = tomllib.loads(config.registry_host("10.89.7.2:5000"))
    assert host["host"] == {"http://10.89.7.2:5000": {"capabilities": ["pull", "resolve"]}}


def test_containerd_works_where_root_may_not_lower_oom_scores() -> None:
    assert tomllib.loads(config.containerd())["plugins"]["io.containerd.grpc.v1.cri"]["restrict_oom_score_adj"]


def test_the_kubelet_keeps_to_the_instances_own_control_group_and_changes_no_kernel_setting() -> None:
    found = yaml.safe_load(config.files(FIRST)["kubelet.yaml"])
    assert found["cgroupRoot"] == f"/{SETTINGS.cgroup}"
    assert found["protectKernelDefaults"] is True
    assert found["clusterDNS"] == ["10.89.7.2"]


def test_the_kubelets_file_is_not_taken_for_json() -> None:
    assert not config.files(FIRST)["kubelet.yaml"].startswith("{")


def test_addresses_of_pods_are_forgotten_with_the_node() -> None:
    bridge = config.pod_network(FIRST.pods)["plugins"][0]
    assert bridge["ipam"]["dataDir"].startswith("/run/")
    assert bridge["ipMasq"] is False


def test_the_registry_keeps_its_blobs_in_the_shared_cache() -> None:
    found = config.registry(SETTINGS)
    assert found["storage"]["filesystem"]["rootdirectory"] == "/cache/registry"
    assert found["http"]["addr"] == "10.89.7.2:5000"


def test_names_outside_of_the_cluster_are_answered_with_no_such_name() -> None:
    lines = config.corefile("10.89.7.2").splitlines()
    assert "        rcode NXDOMAIN" in lines
    assert not any("forward" in line for line in lines)


def test_a_kubeconfig_holds_its_keys() -> None:
    text = config.kubeconfig("https://10.89.7.2:6443", b"CA", "admin", KeyPair(b"KEY", b"CERT"), "spark-notebooks-run")
    found = yaml.safe_load(text)
    assert found["current-context"] == found["contexts"][0]["name"] == "spark-notebooks-run"
    assert found["clusters"][0]["cluster"]["server"] == "https://10.89.7.2:6443"
    assert base64.b64decode(found["clusters"][0]["cluster"]["certificate-authority-data"]) == b"CA"
    user = found["users"][0]["user"]
    assert base64.b64decode(user["client-key-data"]) == b"KEY"
    assert base64.b64decode(user["client-certificate-data"]) == b"CERT"


def test_programs_of_a_node_find_their_keys_in_its_files() -> None:
    found = yaml.safe_load(config.component_kubeconfig("https://10.89.7.2:6443", "volumes", "spark-notebooks-run"))
    assert found["clusters"][0]["cluster"]["certificate-authority"] == f"{config.PKI}/ca.crt"
    user = found["users"][0]["user"]
    assert user == {"client-certificate": f"{config.PKI}/volumes.crt", "client-key": f"{config.PKI}/volumes.key"}
