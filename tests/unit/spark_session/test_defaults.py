from __future__ import annotations

import json
from typing import Any

import pytest
from spark_session.defaults import SparkSessionDefaults, load_defaults
from spark_session.errors import SparkSessionError, SparkSessionWarning


def load(traits: Any) -> SparkSessionDefaults:
    return load_defaults({"SPARK_SESSION_CONFIG": json.dumps({"SparkSessionDefaults": traits})})


@pytest.mark.parametrize("variables", [{}, {"SPARK_SESSION_CONFIG": ""}, {"SPARK_SESSION_CONFIG": "{}"}])
def test_without_configuration(variables: dict[str, str]) -> None:
    defaults = load_defaults(variables)
    assert (defaults.executors, defaults.executor_cores, defaults.executor_memory) == (2, 1.0, "1g")
    assert defaults.max_executors is None
    assert not defaults.is_configured("executors")


def test_what_the_administrator_sets() -> None:
    defaults = load(
        {
            "executors": 4,
            "executor_cores": 2,
            "executor_cpu_request": 0.1,
            "executor_memory": "8g",
            "executor_memory_overhead_factor": 0.2,
            "max_executors": 50,
            "max_executor_cores": 8,
            "max_executor_memory": "32g",
            "conf": {"spark.sql.shuffle.partitions": 64},
        }
    )
    assert defaults.executors == 4
    assert defaults.executor_cpu_request == 0.1
    assert defaults.conf == {"spark.sql.shuffle.partitions": 64}
    assert defaults.is_configured("executors")


def test_null_takes_a_limit_away() -> None:
    defaults = load({"max_executors": None, "max_executor_cores": None, "max_executor_memory": None})
    assert defaults.max_executors is None


def test_every_trait_says_what_it_is_for() -> None:
    traits = SparkSessionDefaults.class_own_traits(config=True)
    assert traits
    assert all(len(trait.help) > 20 for trait in traits.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "must be an object"),
        ('{"SparkSessionDefaults": []}', "must be an object"),
        ('{"SparkSessionDefaults": {"executors": "2"}}', "executors"),
        ('{"SparkSessionDefaults": {"executors": 0}}', "executors"),
        ('{"SparkSessionDefaults": {"executor_memory": "4"}}', "executor_memory='4' is not a size"),
        ('{"SparkSessionDefaults": {"executor_memory": 4}}', "executor_memory"),
        ('{"SparkSessionDefaults": {"executor_cores": 0}}', r"executor_cores=0\.0 is out of range"),
        ('{"SparkSessionDefaults": {"executor_memory_overhead_factor": -1}}', "executor_memory_overhead_factor"),
        ('{"SparkSessionDefaults": {"max_executor_memory": "9"}}', "max_executor_memory='9' is not a size"),
        ('{"SparkSessionDefaults": {"conf": []}}', "conf"),
    ],
)
def test_a_wrong_configuration_points_to_the_administrator(text: str, message: str) -> None:
    with pytest.raises(SparkSessionError, match=message) as caught:
        load_defaults({"SPARK_SESSION_CONFIG": text})
    assert "administrator" in caught.value.fix


def test_a_trait_of_a_newer_chart_costs_a_warning_not_the_session() -> None:
    with pytest.warns(SparkSessionWarning, match="unknown executor_colour"):
        defaults = load({"executor_colour": "blue", "executors": 3})
    assert defaults.executors == 3
