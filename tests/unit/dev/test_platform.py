"""Values and targets of `make run`."""

import pytest

from dev.platform import Accounts, evaluation_values, image_value
from dev.target import TargetError, from_environment

IMAGES = {name: f"10.89.1.2:5000/spark-notebooks/{name}:abc" for name in ("hub", "proxy", "s3-server", "notebook")}


def test_image_value_splits_at_the_tag_and_not_at_the_port() -> None:
    assert image_value("10.89.1.2:5000/spark-notebooks/hub:abc") == {
        "name": "10.89.1.2:5000/spark-notebooks/hub",
        "tag": "abc",
    }


def test_every_image_is_placed() -> None:
    values = evaluation_values(IMAGES, Accounts.generate())
    placed = (
        values["hub"]["image"],
        values["proxy"]["chp"]["image"],
        values["s3"]["embedded"]["image"],
        values["singleuser"]["image"],
    )
    assert [image["name"].rpartition("/")[2] for image in placed] == list(IMAGES)


def test_generated_passwords_satisfy_the_authenticator() -> None:
    accounts = Accounts.generate()
    assert len(accounts.user_password) >= 8
    assert len(accounts.admin_password) >= 32
    assert Accounts.generate() != accounts


def test_existing_cluster_needs_context_and_registry() -> None:
    assert from_environment({}) is None
    assert from_environment({"CONTEXT": "", "REGISTRY": ""}) is None
    chosen = from_environment({"CONTEXT": "work", "REGISTRY": "registry.example/team"})
    assert chosen is not None
    assert chosen.kubectl_arguments == ("--context", "work")
    assert chosen.registry == "registry.example/team"
    assert chosen.node is None


@pytest.mark.parametrize(("environ", "missing"), [({"CONTEXT": "work"}, "REGISTRY"), ({"REGISTRY": "r"}, "CONTEXT")])
def test_half_a_target_is_refused(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(TargetError, match=f"{missing} is not"):
        from_environment(environ)
