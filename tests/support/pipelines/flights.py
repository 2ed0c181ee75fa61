"""A pipeline of two steps, run on this machine by the Python that has kfp. Prints its output as JSON.

python flights.py FOLDER SCRIPTS DAY
"""

import json
import sys

from kfp import dsl, local
from spark_session.pipelines import script_component

spark_script = script_component(here=True)


def flights(scripts):
    @dsl.pipeline(name="flights")
    def pipeline(day: str) -> str:
        count = spark_script(script=f"{scripts}/count.py", arguments=["--day", day, 3])
        told = spark_script(script=f"{scripts}/tell.py", arguments=[count.outputs["output"]])
        return told.outputs["output"]

    return pipeline


def main(folder, scripts, day):
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=folder)
    print(json.dumps(flights(scripts)(day=day).output))


if __name__ == "__main__":
    main(*sys.argv[1:])
