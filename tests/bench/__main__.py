"""`python -m tests.bench [AREA ...]`: every benchmark, or those of some areas."""

import importlib
import sys
import tomllib

from dev.paths import REPOSITORY
from tests.bench.report import publish

AREAS = ("platform", "spark", "batch", "s3_writes", "contents", "security", "workspaces")


def main(areas: list[str]) -> int:
    unknown = sorted(set(areas) - set(AREAS))
    if unknown:
        print(f"no benchmark called {', '.join(unknown)}; there are {', '.join(AREAS)}", file=sys.stderr)
        return 2
    # Our packages are where the tests find them.
    configuration = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    sys.path[:0] = [str(REPOSITORY / folder) for folder in configuration["tool"]["pytest"]["ini_options"]["pythonpath"]]
    for area in areas or AREAS:
        publish(area, importlib.import_module(f"tests.bench.{area}").measure())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
