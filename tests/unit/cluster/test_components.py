"""Command lines and order of the components."""

from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path

from cluster.components import components
from cluster.settings import BINARIES, Node, Settings

SETTINGS = Settings(
    "run", 7, Path("/data/run"), Path("/cache/registry"), {name: Path("/bin") / name for name in BINARIES}
)
FOUND = {component.name: component for component in components(Node(SETTINGS, 0))}


def test_each_component_comes_after_known_ones_and_none_after_itself() -> None:
    order = list(TopologicalSorter({name: component.after for name, component in FOUND.items()}).static_order())
    assert set(order) == set(FOUND)


def test_no_pod_starts_before_the_pause_image_is_there() -> None:
    assert "pause-image" in FOUND["kubelet"].after
    assert FOUND["pause-image"].once


def test_what_others_wait_for_says_when_it_is_ready() -> None:
    awaited = {name for component in FOUND.values() for name in component.after}
    assert [name for name in awaited if not (FOUND[name].ready or FOUND[name].once)] == []


def test_etcd_waits_for_the_disk_unless_told_not_to() -> None:
    volatile = {component.name: component for component in components(Node(replace(SETTINGS, durable=False), 0))}
    assert "--unsafe-no-fsync" not in FOUND["etcd"].command
    assert "--unsafe-no-fsync" in volatile["etcd"].command


def test_etcd_is_not_reached_from_pods() -> None:
    assert "--listen-client-urls=http://127.0.0.1:2379" in FOUND["etcd"].command
    assert "--iptables-localhost-nodeports=false" in FOUND["kube-proxy"].command


def test_every_built_program_is_started_but_those_that_the_host_uses() -> None:
    started = {Path(component.command[0]).name for component in FOUND.values()}
    assert set(BINARIES) - started == {"kubectl", "pause"}


def test_the_first_node_starts_the_workers_and_leaves_a_lost_one_alone() -> None:
    three = replace(SETTINGS, nodes=3)
    found = {component.name: component for component in components(Node(three, 0))}
    assert set(found) - set(FOUND) == {"node1", "node2"}
    assert not found["node1"].again
    worker = {component.name: component for component in components(Node(three, 1))}
    assert set(worker) == {"containerd", "pause-image", "kubelet", "kube-proxy", "network-policies"}
    assert "--hostname-override=node1" in worker["kubelet"].command
    assert "--node-ip=10.89.7.3" in worker["kubelet"].command
    assert {name for component in worker.values() for name in component.after} <= set(worker)
