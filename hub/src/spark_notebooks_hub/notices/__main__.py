"""python -m spark_notebooks_hub.notices"""

from .app import NoticesApp

NoticesApp.launch_instance()
