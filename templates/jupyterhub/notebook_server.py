"""A user's notebook server, which reports work that is silent to the Hub, so that the idle culler spares it.

JupyterHub's own server reports requests and what kernels print. A cell that computes without a word, or a program in a
terminal that nobody watches, would pass for idleness (https://github.com/jupyterhub/jupyterhub-idle-culler#readme). It
runs as the user, by the Hub's Python.
"""

from datetime import datetime, timezone
from pathlib import Path

from jupyter_core.utils import ensure_async
from jupyterhub.singleuser.extension import JupyterHubSingleUser


class NotebookServer(JupyterHubSingleUser):
    """JupyterHub's server, which looks for work before each report."""

    async def notify_activity(self):
        """Counts work in progress as activity of this moment."""
        if await is_at_work(self.serverapp):
            # Jupyter Server takes every setting of such a name into account.
            self.serverapp.web_app.settings["work_last_activity"] = datetime.now(timezone.utc)
        await super().notify_activity()


async def is_at_work(app):
    """Whether a kernel is busy, or the shell of a terminal has a child."""
    kernels = await ensure_async(app.kernel_manager.list_kernels())
    if any(kernel["execution_state"] == "busy" for kernel in kernels):
        return True
    manager = app.web_app.settings.get("terminal_manager")
    terminals = list(manager.terminals.values()) if manager else []
    return any(has_children(terminal.ptyproc.pid) for terminal in terminals)


def has_children(process):
    """Whether a process has started another one that still runs; proc(5), `/proc/pid/task/tid/children`."""
    try:
        return any(children.read_text().strip() for children in Path(f"/proc/{process}/task").glob("*/children"))
    except OSError:
        # It has just ended.
        return False


def _jupyter_server_extension_points():
    """Says to Jupyter Server which of its extensions this module is."""
    return [{"module": "notebook_server", "app": NotebookServer}]


if __name__ == "__main__":
    # By its name, because Jupyter Server imports the module of an extension.
    import notebook_server

    notebook_server.NotebookServer.launch_instance()
