"""The components of `pipelines.script_component`, as kfp reads them: from annotations that are no texts, and from the source of a function that needs nothing around it."""

from collections.abc import Callable
from typing import Any

from kfp import dsl

# What the image begins with: a pipeline replaces it together with the command.
ENTRYPOINT = ["tini", "--", "/opt/spark-notebooks/bin/entrypoint"]
STEP = ["python", "-m", "spark_session.batch.step"]


def in_pod(image: str) -> Callable[..., Any]:
    """The component whose steps are pods of an image, which needs no kfp in it."""

    @dsl.container_component
    def spark_script(script: str, output: dsl.OutputPath(str), arguments: list = []):  # type: ignore  # noqa: B006
        """Run a Python script with Spark, and end with its exit code."""
        return dsl.ContainerSpec(
            image=image, command=[*ENTRYPOINT, *STEP], args=["--output", output, "--arguments", arguments, "--", script]
        )

    return spark_script


@dsl.component(base_image="python:here", install_kfp_package=False)
def spark_script(script: str, output: dsl.OutputPath(str), arguments: list = []):  # type: ignore  # noqa: B006
    """Run a Python script with Spark on this machine, and end with its exit code."""
    import json
    import subprocess

    command = ["python", "-m", "spark_session.batch.step", "--output", output, "--arguments", json.dumps(arguments)]
    code = subprocess.run([*command, "--", script], check=False).returncode
    if code:
        raise SystemExit(code)
