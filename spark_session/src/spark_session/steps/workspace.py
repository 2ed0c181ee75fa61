"""The place of the executors in Kubernetes, and the few rights a session needs there."""

from __future__ import annotations

from spark_session.context import Context, default, detected
from spark_session.settings import Settings


def workspace(context: Context) -> Settings:
    """Executors in the notebook's namespace, owned by its pod, by an account that may handle pods and nothing else.

    Spark creates ConfigMaps and, when it stops, deletes Services and volume claims, unless told that there are none.
    """
    place = context.environment.workspace
    if place is None:
        return {}
    settings = {
        "spark.kubernetes.namespace": detected(place.namespace),
        "spark.kubernetes.driver.pod.name": detected(place.pod_name),
        "spark.kubernetes.authenticate.executor.serviceAccountName": default(place.named(place.executor_account)),
        "spark.kubernetes.container.image": detected(place.image),
        "spark.kubernetes.container.image.pullPolicy": detected(place.image_pull_policy),
        "spark.kubernetes.executor.podTemplateFile": default(str(context.pod_template)),
        "spark.kubernetes.executor.disableConfigMap": default("true"),
        "spark.kubernetes.driver.service.deleteOnTermination": default("false"),
        "spark.kubernetes.driver.ownPersistentVolumeClaim": default("false"),
        "spark.kubernetes.driver.reusePersistentVolumeClaim": default("false"),
    }
    if place.context:
        settings["spark.kubernetes.context"] = detected(place.context)
    return settings
