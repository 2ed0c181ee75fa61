"""A component of Kubeflow Pipelines (kfp 2) that runs a script as a step.

    from kfp import dsl
    from spark_session.pipelines import script_component

    spark_script = script_component()

    @dsl.pipeline
    def flights(day: str):
        count = spark_script(script="s3://notebooks/users/ada/count.py", arguments=[day])

It needs kfp, which is no part of the image: `pip install kfp` where pipelines are written. The pods of the steps do without.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from spark_session.environment import IMAGE_VARIABLE
from spark_session.errors import SparkSessionError


def script_component(image: str | None = None, *, here: bool = False) -> Callable[..., Any]:
    """A component that runs a Python script in a pod of a pipeline, and ends as the script ends.

    Its inputs are `script` (a .py file of the image, or an s3:// address) and `arguments` (a list of texts and numbers, none unless given); its output is `output`:
    what the script hands on by `spark_session.pass_on`. Its exit code is the script's own, so a step fails where its script does.

    Args:
        image: of the platform's notebooks; that of this notebook by default.
        here: for `kfp.local.SubprocessRunner`: the script runs on this machine, by the `python` of the PATH.

    Raises:
        SparkSessionError: there is no kfp, or no image is named.
    """
    try:
        from spark_session import pipeline_components as components
    except ImportError as error:
        raise SparkSessionError(
            "Pipelines need kfp 2, which is not installed.",
            f"It is the SDK of Kubeflow Pipelines, and no part of the image ({error}).",
            "Install it where you write pipelines: pip install kfp.",
        ) from error
    if here:
        return components.spark_script
    image = image or os.environ.get(IMAGE_VARIABLE)
    if not image:
        raise SparkSessionError(
            "No image is named for the steps of a pipeline.",
            "This is no notebook of the platform, whose image would be taken.",
            'Name it: script_component("registry.example.org/notebook:1.0").',
        )
    return components.in_pod(image)
