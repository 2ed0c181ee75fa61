"""A session's executors on the screen: with a control in a notebook, as a table in HTML, as text elsewhere."""

from __future__ import annotations

import html
import threading
from typing import Any, Protocol

from spark_session.control.table import Executors
from spark_session.errors import SparkSessionError

REFRESH_SECONDS = 3.0


class Scalable(Protocol):
    """What can be shown live: a session's executors (`spark_session.control.cluster.Cluster`)."""

    @property
    def target(self) -> int:
        """How many executors are wanted."""

    def scale(self, executors: int) -> None:
        """Want another number. Raises SparkSessionError where it cannot be."""

    def wait_for_end(self, seconds: float) -> bool:
        """Whether the session has ended, after so long at most."""

    def _repr_html_(self) -> str: ...


def to_text(headline: str, executors: Executors) -> str:
    """A line, and a table where there are executors."""
    return f"{headline}\n{executors!r}" if executors else headline


def to_html(headline: str, executors: Executors) -> str:
    """The same for a browser."""
    return f"<p>{html.escape(headline)}</p>" + (executors._repr_html_() if executors else "")


def show_live(cluster: Scalable) -> None:
    """Show a cluster in a cell: figures that stay true and a control where ipywidgets is installed, figures of now elsewhere."""
    if not _in_notebook():
        print(repr(cluster))
        return
    from IPython.display import HTML, display

    try:
        import ipywidgets
    except ImportError:
        display(HTML(cluster._repr_html_()))
        return
    display(control(cluster, ipywidgets))


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def control(cluster: Scalable, widgets: Any) -> Any:
    """The figures, which stay true while the session lives, and a control for the number of executors; widgets is the module ipywidgets."""
    figures, said = widgets.HTML(cluster._repr_html_()), widgets.HTML()
    number = widgets.BoundedIntText(value=cluster.target, min=0, max=10_000, description="Executors")
    button = widgets.Button(description="Scale")

    def scale(_button: object) -> None:
        try:
            cluster.scale(number.value)
            said.value = ""
        except SparkSessionError as error:
            said.value = html.escape(str(error))
        figures.value = cluster._repr_html_()

    button.on_click(scale)

    def refresh() -> None:
        while not cluster.wait_for_end(REFRESH_SECONDS):
            now = cluster._repr_html_()
            # What has not changed is not sent: every message is kept by the browser.
            if now != figures.value:
                figures.value = now
        figures.value = cluster._repr_html_()
        number.disabled = button.disabled = True

    threading.Thread(target=refresh, name="spark-session-view", daemon=True).start()
    return widgets.VBox([widgets.HBox([number, button]), said, figures])
