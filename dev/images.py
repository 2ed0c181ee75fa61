"""The images of the platform: `python -m dev.images build [NAME ...] [--push REGISTRY]`.

An image's tag is a hash over all that goes into it, so the same tag is the same image: what the registry has is not built again.
"""

import argparse
import configparser
import os
import shutil
import signal
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from dev.image_base import ensure_base
from dev.image_builder import CACHE_OF_STEPS, Build, Builder, find_builder, output, plain_http, run, temporary_folder
from dev.image_context import ImageError, context_files, digest, stage
from dev.locks import locked
from dev.paths import REPOSITORY, cache_folder
from dev.progress import say, step
from dev.toolchain import ToolchainError, binary

__all__ = ["IMAGES", "MANIFESTS", "Image", "ImageError", "build"]

PROJECT = "spark-notebooks"
CERTIFICATE_VARIABLES = ("CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
KEPT_BUILDS = 3
MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True)
class Image:
    """An image by the folder of its Dockerfile. `extra` are files made elsewhere: their path in the build context, and what gives them."""

    folder: str
    extra: Mapping[str, Callable[[], Path]] = field(default_factory=dict)


IMAGES: Mapping[str, Image] = {
    "hub": Image("hub"),
    "proxy": Image("proxy"),
    "s3-server": Image("s3-server", {"s3-server/versitygw": lambda: binary("versitygw")}),
    "notebook": Image("notebook-image"),
}


def build(names: Iterable[str], push_to: str | None = None) -> dict[str, str]:
    """Builds images, and pushes them if a registry is given (host:port, or host/path); gives the reference of each by its name.

    "base" names the base of the others. Nothing is built or pushed that is there already. Raises ImageError, ToolchainError.
    """
    wanted = list(names)
    if unknown := [name for name in wanted if name != "base" and name not in IMAGES]:
        raise ImageError(f"There is no image {', '.join(unknown)}. There are: base, {', '.join(IMAGES)}.")
    builder = find_builder()
    with no_other_build():
        clean_up(builder)
        try:
            return _build(builder, wanted, push_to)
        finally:
            clean_up(builder)


def no_other_build() -> AbstractContextManager[None]:
    """Within, nobody else builds. Two builds on one machine only slow each other down, and the second one finds the work of the first."""
    return locked(
        cache_folder() / "containers" / "build.lock",
        lambda: say("Images: another process builds them, waiting for that"),
    )


def clean_up(builder: Builder) -> None:
    """Removes what a build that was cut short has left: working containers and temporary files, but not the installers' cache."""
    if leftovers := builder.leftovers():
        output(leftovers)
    for path in temporary_folder().iterdir():
        if not path.name.startswith(CACHE_OF_STEPS):
            shutil.rmtree(path, ignore_errors=True)


def _build(builder: Builder, names: list[str], push_to: str | None) -> dict[str, str]:
    with step("Base image") as progress:
        base = ensure_base(builder, log_file("base"), progress.update)
    references = {}
    for name in names:
        if name == "base":
            references[name] = base
            continue
        with tempfile.TemporaryDirectory(dir=temporary_folder(), prefix=f"{name}.") as temporary:
            references[name] = _build_one(builder, name, base, Path(temporary), push_to)
    return references


def _build_one(builder: Builder, name: str, base: str, context: Path, push_to: str | None) -> str:
    image = IMAGES[name]
    dockerfile = f"{image.folder}/Dockerfile"
    extra = {path: make() for path, make in image.extra.items()}
    # The tag is that of the copy, which nobody edits while it is built.
    staged = stage(context_files(REPOSITORY, REPOSITORY / dockerfile, extra), context)
    tag = digest(staged, {"BASE_IMAGE": output(builder.layers(base)) or ""})
    local = f"localhost/{PROJECT}/{name}:{tag}"
    remote = f"{push_to}/{PROJECT}/{name}:{tag}" if push_to else None
    if remote and in_registry(remote):
        return remote
    log = log_file(name)
    if output(builder.layers(local)) is None:
        log.unlink(missing_ok=True)
        proxies = {key: os.environ[key] for key in PROXY_VARIABLES if os.environ.get(key)}
        arguments = {"BASE_IMAGE": base, **revision(), **proxies}
        build = Build(context, dockerfile, local, arguments, secrets(os.environ, Path.home()))
        with step(f"Building image {name}") as progress:
            run(builder.build(build), log, lambda line: progress.update(line) if is_step(line) else None)
        forget_older(builder, name)
    if remote:
        with step(f"Pushing image {name}") as progress:
            for command in builder.push(local, remote):
                run(command, log, progress.update)
    return remote or local


def is_step(line: str) -> bool:
    """Whether a line of a builder's output says which step it is at; BuildKit's begin with the number of the step."""
    return "STEP" in line or line.startswith("#")


def forget_older(builder: Builder, name: str) -> None:
    """Removes all but the newest builds of an image from this machine; a layer goes with the last image that has it."""
    repository = f"localhost/{PROJECT}/{name}"
    tags = (output(builder.tags(repository)) or "").split()
    older = [f"{repository}:{tag}" for tag in tags[KEPT_BUILDS:] if tag != "<none>"]
    if older:
        output(builder.remove(*older))


def log_file(name: str) -> Path:
    """Where the output of the latest build of an image is."""
    return cache_folder() / "logs" / f"image-{name}.log"


def revision() -> dict[str, str]:
    """The build argument for the label of the source's commit; nothing outside a git checkout."""
    found = output(["git", "-C", str(REPOSITORY), "rev-parse", "--verify", "--quiet", "HEAD"])
    return {"REVISION": found} if found else {}


def secrets(environ: Mapping[str, str], home: Path) -> dict[str, Path]:
    """The user's own settings that a build needs to reach the network, by the id of the build secret. Only files that exist."""
    pip = next((path for path in pip_files(environ, home) if path.is_file()), None)
    candidates = {
        "ca": certificates(environ, pip),
        "pip": pip,
        "maven": home / ".m2" / "settings.xml",
        "npm": Path(environ.get("NPM_CONFIG_USERCONFIG") or home / ".npmrc"),
    }
    return {name: path for name, path in candidates.items() if path is not None and path.is_file()}


def pip_files(environ: Mapping[str, str], home: Path) -> list[Path]:
    """The places of pip's configuration, the most particular first (pip's documentation, "Configuration files")."""
    named = [Path(environ["PIP_CONFIG_FILE"])] if environ.get("PIP_CONFIG_FILE") else []
    configuration = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return [*named, configuration / "pip" / "pip.conf", home / ".pip" / "pip.conf", Path("/etc/pip.conf")]


def certificates(environ: Mapping[str, str], pip: Path | None) -> Path | None:
    """The bundle of certificate authorities that the user's environment or pip's configuration names."""
    for variable in CERTIFICATE_VARIABLES:
        if environ.get(variable):
            return Path(environ[variable])
    if pip is not None:
        settings = configparser.RawConfigParser()
        settings.read(pip)
        if settings.has_option("global", "cert"):
            return Path(settings.get("global", "cert"))
    return None


def in_registry(reference: str) -> bool:
    """Whether a registry has the image. False also where it wants a login, which the push then makes."""
    registry, _, rest = reference.partition("/")
    repository, _, tag = rest.rpartition(":")
    scheme = "http" if plain_http(reference) else "https"
    url = f"{scheme}://{registry}/v2/{repository}/manifests/{tag}"
    request = urllib.request.Request(url, method="HEAD", headers={"Accept": MANIFESTS})  # noqa: S310 (http or https, see above)
    # A registry on this machine is not asked through a proxy.
    handlers = [urllib.request.ProxyHandler({})] if scheme == "http" else []
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=10):
            return True
    except urllib.error.HTTPError:
        return False
    except (urllib.error.URLError, OSError) as error:
        raise ImageError(
            f"The registry {registry} does not answer ({error}). Is the cluster up? See `make cluster-status`."
        ) from error


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.images", description="Builds the images of the platform.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("build", help="build images and print their references")
    command.add_argument("names", nargs="*", metavar="NAME", help=f"base, {', '.join(IMAGES)} (default: all but base)")
    command.add_argument("--push", metavar="REGISTRY", help="push to this registry: host:port or host/path")
    command.add_argument("--quiet", action="store_true", help="do not print the references")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        references = build(arguments.names or IMAGES, arguments.push)
        if not arguments.quiet:
            for name, reference in references.items():
                print(f"{name:12} {reference}")
    except (ImageError, ToolchainError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; finished layers are kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
