"""The Kubernetes API as a person reaches it from their own machine: by kubectl's configuration, its plugins for credentials included."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import Any

from spark_session.errors import SparkSessionError, first_line


class Person:
    """Who asks is said by a kubeconfig: with a token, which is renewed where it can be, or with a certificate.

    Args:
        configuration: kubernetes.client.Configuration.
    """

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration
        self.url: str = configuration.host

    def context(self) -> ssl.SSLContext:
        """For connections to the cluster of the configuration."""
        said = self._configuration
        made = ssl.create_default_context(cafile=said.ssl_ca_cert or None)
        if not said.verify_ssl:
            made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        if said.cert_file:
            made.load_cert_chain(said.cert_file, said.key_file)
        return made

    def headers(self) -> Mapping[str, str]:
        """With the token of now."""
        found = self._configuration.auth_settings().get("BearerToken")
        return {} if found is None else {"Authorization": found["value"]}


def load(context: str | None) -> Person:
    """Who this machine is for a cluster.

    Args:
        context: of the kubeconfig (KUBECONFIG, or ~/.kube/config); None is its current one.

    Raises:
        SparkSessionError: there is no such configuration, or it cannot be used.
    """
    what = "The Kubernetes cluster is not known here."
    try:
        from kubernetes import client, config
        from yaml import YAMLError
    except ImportError as error:
        raise SparkSessionError(
            what, f"The Python package {error.name} is not installed.", "pip install 'spark-session[remote]'."
        ) from error
    configuration = client.Configuration()
    try:
        # The package has read the variable when it was imported.
        files = os.environ.get("KUBECONFIG") or "~/.kube/config"
        config.load_kube_config(files, context, client_configuration=configuration)
    except (config.ConfigException, YAMLError, OSError, ValueError) as error:
        raise SparkSessionError(
            what,
            f"The kubeconfig says: {first_line(str(error), 300)}.",
            "See that kubectl works here: kubectl config get-contexts. KUBECONFIG names the file, SPARK_SESSION_CONTEXT a context in it.",
        ) from error
    if not configuration.host.startswith("https://"):
        raise SparkSessionError(
            what,
            f"Its address is {configuration.host}, which is not https://, and your credentials would go there.",
            "Name the API server itself in the kubeconfig.",
        )
    return Person(configuration)
