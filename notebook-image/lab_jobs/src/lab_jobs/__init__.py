"""The jobs and schedules of a workspace for JupyterLab, behind the server's own login."""

from lab_jobs.extension import LabJobs, _jupyter_server_extension_points

__all__ = ["LabJobs", "_jupyter_server_extension_points"]
