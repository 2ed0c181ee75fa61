"""`spark-session build`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from spark_session.build import builders, image


def add_parser(commands: Any) -> None:
    """Add the command to argparse's commands."""
    command = commands.add_parser(
        "build",
        help="make an image of a project's folder, on top of the notebook image",
        description="Make an image of a project's folder: the notebook image, the packages that the project is locked to, and its code. "
        "For a laptop or CI with buildah, podman or docker. What is printed at last is the image's name; all else goes to standard error.",
    )
    command.add_argument(
        "folder", type=Path, help="of the project, with a pyproject.toml or a list of requirements with hashes"
    )
    command.add_argument(
        "--tag", metavar="NAME[:TAG]", help="of the image (the project's name; its version and commit)"
    )
    command.add_argument("--base", metavar="IMAGE", help="the notebook image (in a notebook: its own)")
    command.add_argument("--push", action="store_true", help="push it to the registry that its name says")
    command.add_argument("--dirty", action="store_true", help="also where files are not committed; the tag says so")
    command.add_argument("--print", action="store_true", dest="show", help="print the Dockerfile, and build nothing")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code. Raises SparkSessionError."""
    what = image.plan(options.folder, options.tag, dirty=options.dirty)
    base = image.base_of(options.base)
    if options.show and "@" in base:
        print(what.dockerfile(base), end="")
        return 0
    builder = builders.find()
    base = image.by_digest(builder, base)
    if options.show:
        print(what.dockerfile(base), end="")
        return 0
    image.build(what, builder, base, image.to_stderr)
    name = image.push(what, builder, image.to_stderr) if options.push else what.image
    print(next_steps(what.image, pushed=options.push), file=sys.stderr)
    print(name)
    return 0


def next_steps(name: str, *, pushed: bool) -> str:
    """What an administrator adds to the chart's values, and what its author does then."""
    title = name.rpartition("/")[2]
    choice = json.dumps({"image": name})
    first = (
        ""
        if pushed
        else f"Push it to where your cluster pulls from: spark-session build --push, with --tag REGISTRY/{title}\n\n"
    )
    return (
        f"\n{first}Your administrator offers it, in the chart's values:\n\n"
        "    singleuser:\n"
        "      profileList:\n"
        f"        - display_name: {json.dumps(title)}\n"
        f"          kubespawner_override: {choice}\n\n"
        "Start your server with it then; notebooks, executors, jobs and schedules that you start there run it:\n\n"
        "    spark-session submit YOUR-SCRIPT.py\n"
    )
