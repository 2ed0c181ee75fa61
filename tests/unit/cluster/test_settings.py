"""Names, addresses and indices of instances."""

import json
from pathlib import Path

import pytest

from cluster.settings import BINARIES, Settings, cgroup, free_index, valid_name


def settings(name: str = "run", index: int = 7) -> Settings:
    binaries = {program: Path("/cache/bin") / program for program in BINARIES}
    return Settings(name, index, Path("/data/clusters") / name, Path("/cache/registry"), binaries)


def test_addresses_follow_from_the_index() -> None:
    found = settings(index=7)
    assert found.network == "10.89.7.0/24"
    assert (found.host_address, found.node_address) == ("10.89.7.1", "10.89.7.2")
    assert found.registry == "10.89.7.2:5000"


def test_the_link_fits_the_kernels_limit() -> None:
    assert max(len(settings(index=index).link) for index in range(1, 255)) <= 15


def test_settings_survive_json() -> None:
    assert Settings.from_json(json.loads(json.dumps(settings().to_json()))) == settings()


def test_instances_of_one_name_in_different_data_folders_have_different_control_groups() -> None:
    assert cgroup("run", Path("/a/run")) != cgroup("run", Path("/b/run"))
    assert cgroup("run", Path("/a/run")) == cgroup("run", Path("/a/run"))


@pytest.mark.parametrize("name", ["run", "test-2", "a", "0"])
def test_names_that_are_allowed(name: str) -> None:
    assert valid_name(name)


@pytest.mark.parametrize("name", ["", "../run", "Run", "-a", "a-", "a b", "a/b", "ü", "a" * 41, ".lock", "a\n"])
def test_names_that_are_refused(name: str) -> None:
    assert not valid_name(name)


def test_the_first_free_index_is_taken() -> None:
    assert free_index(None, {1, 2}, ["default", "192.0.2.0/24"]) == 3


def test_an_instance_keeps_its_index() -> None:
    assert free_index(5, {1, 2}, []) == 5


@pytest.mark.parametrize("route", ["10.89.5.0/24", "10.89.5.128/25", "10.89.5.9", "10.89.4.0/23"])
def test_an_instance_leaves_its_index_when_its_network_is_routed_elsewhere(route: str) -> None:
    assert free_index(5, set(), [route]) == 1


@pytest.mark.parametrize("route", ["10.0.0.0/8", "0.0.0.0/1", "default"])
def test_wide_routes_do_not_count(route: str) -> None:
    assert free_index(None, set(), [route]) == 1


def test_there_may_be_no_free_index() -> None:
    assert free_index(None, set(range(1, 255)), []) is None
    assert free_index(3, set(), ["10.89.0.0/16"]) is None
