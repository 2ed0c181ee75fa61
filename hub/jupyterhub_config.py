from spark_notebooks_hub.config import configure

configure(get_config(), "/etc/spark-notebooks/hub/values.json")  # noqa: F821 (get_config is JupyterHub's)
