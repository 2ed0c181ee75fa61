"""What the chart's admission policies allow in a workspace: annotations of its namespace, which the hub writes when a notebook starts.

They are no object that the policies have as their parameter (paramKind): on Kubernetes 1.34 a ConfigMap was taken for missing though it was there, after the
policies that had ConfigMaps as parameters had been deleted and made again. A namespace is always at hand.

Lists are words with a space between them, because a policy can split a text and cannot read JSON. An upgrade changes the policies at once
and the annotations at the next start: a policy therefore takes one that is missing for an empty list.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

ALLOWED: Final = "allowed.spark-notebooks.io"
IMAGE: Final = "image.spark-notebooks.io"
OTHER_IMAGES: Final = "other-images.spark-notebooks.io"
# The one that all pods have which name none of the allowed ones.
PRIORITY_CLASS: Final = f"{ALLOWED}/priority-class"
# No server's pod is called so: names of pods have no underscore.
OF_JOBS: Final = f"{IMAGE}/of_jobs_"

# Where an administrator's spark.conf names what a pod has; a prefix ends in a dot.
_NODE_SELECTORS: Final = ("spark.kubernetes.node.selector.", "spark.kubernetes.executor.node.selector.")
_IMAGE: Final = "spark.kubernetes.executor.container.image"
_SCHEDULERS: Final = ("spark.kubernetes.scheduler.name", "spark.kubernetes.executor.scheduler.name")
_PULL_SECRETS: Final = ("spark.kubernetes.container.image.pullSecrets",)
_SECRETS: Final = "spark.kubernetes.executor.secrets."
_SECRET_KEYS: Final = "spark.kubernetes.executor.secretKeyRef."  # noqa: S105 (a setting's name)


@dataclass(frozen=True)
class Allowed:
    """What executors may have that those of a plain installation have not.

    sidecar_images are images of containers beside the executor's; tolerations are keys of taints; spark_conf is the administrator's `spark.conf`, whose
    settings of pods allow what they name; pull_secrets are names of Secrets with registry credentials. priority_class is what they must have, unless they have
    one of priority_classes; None: they need not have any.
    """

    sidecar_images: Sequence[str] = ()
    tolerations: Sequence[str] = ()
    priority_classes: Sequence[str] = ()
    priority_class: str | None = None
    runtime_classes: Sequence[str] = ()
    pull_secrets: Sequence[str] = ()
    spark_conf: Mapping[str, Any] = field(default_factory=dict)


def annotations(allowed: Allowed, secrets: Iterable[str], token_audiences: Iterable[str] = ()) -> dict[str, str]:
    """What holds for all servers of a workspace.

    secrets are names of the Secrets that the hub makes in it, token_audiences those of the tokens that executors may mount.
    """
    conf = {key: str(value) for key, value in allowed.spark_conf.items()}
    mounted = [key.removeprefix(_SECRETS) for key in conf if key.startswith(_SECRETS)]
    # name:key of a Secret
    in_variables = [conf[key].partition(":")[0] for key in conf if key.startswith(_SECRET_KEYS)]
    selectors = [
        f"{key.removeprefix(prefix)}={conf[key]}"
        for prefix in _NODE_SELECTORS
        for key in conf
        if key.startswith(prefix)
    ]
    pull_secrets = [name.strip() for key in _PULL_SECRETS for name in conf.get(key, "").split(",")]
    lists = {
        "sidecar-images": _words(allowed.sidecar_images),
        "secrets": _words([*secrets, *mounted, *in_variables]),
        "token-audiences": _words(token_audiences),
        "image-pull-secrets": _words([*allowed.pull_secrets, *pull_secrets]),
        "node-selectors": _words(selectors),
        "tolerations": _words(allowed.tolerations),
        "priority-classes": _words(allowed.priority_classes),
        "runtime-classes": _words(allowed.runtime_classes),
        "schedulers": _words(conf.get(key, "") for key in _SCHEDULERS),
    }
    # Else that of the notebook, which its server writes down.
    image = {f"{IMAGE}/spark-conf": conf[_IMAGE]} if _IMAGE in conf else {}
    priority = {PRIORITY_CLASS: allowed.priority_class} if allowed.priority_class else {}
    return {f"{ALLOWED}/{name}": words for name, words in lists.items()} | image | priority


def server_annotations(pod: Mapping[str, Any]) -> dict[str, str]:
    """What one server adds, under keys of its own: the image that its executors run, and those of what the administrator puts beside it.

    pod is the server's Pod as in the Kubernetes API.
    """
    name, spec = pod["metadata"]["name"], pod["spec"]
    containers = [*spec["containers"], *(spec.get("initContainers") or [])]
    [image] = [container["image"] for container in containers if container["name"] == "notebook"]
    others = sorted({container["image"] for container in containers} - {image})
    return {f"{IMAGE}/{name}": image, f"{OTHER_IMAGES}/{name}": _words(others)}


def kept_annotations(before: Mapping[str, str], pods: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The images that jobs and schedules of a workspace go on running when its notebook has got another one, each under a key of its own.

    before are the namespace's annotations as they are: what is not among the images there was never let in by the hub, and is not let in by this either.
    pods are the pod specs of the jobs and schedules that are there.
    """
    let_in = {image for key, image in before.items() if key.startswith(f"{IMAGE}/")}
    used = {container["image"] for pod in pods for container in pod["containers"]}
    return {f"{OF_JOBS}{hashlib.sha256(image.encode()).hexdigest()[:12]}": image for image in sorted(let_in & used)}


def _words(values: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(value for value in values if value))
