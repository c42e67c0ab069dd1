"""Notebooks run by papermill, each in a kernel of its own, two at a time."""

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
from jupyter_client.manager import AsyncKernelManager
from papermill.engines import NBClientEngine, papermill_engines
from papermill.execute import ERROR_MARKER_TAG
from traitlets import List
from traitlets.config import Config

from flowkit.reporting.warm import warm_kernels

#: Kernels at a time: each holds a copy of the libraries' data and, for a while, a core.
AT_A_TIME = 2


@dataclass(frozen=True)
class Executed:
    """A notebook that was run: what it holds now, how long it took, where and why it stopped."""

    name: str
    notebook: nbformat.NotebookNode
    seconds: float
    failure: dict | None = None


class _Kernel(AsyncKernelManager):
    """A kernel of this very Python, whose own log stays off the terminal; what cells print comes another way."""

    command = List(help="starts a Python kernel").tag(config=True)

    async def start_kernel(self, **kwargs):
        if "ipykernel_launcher" in self.kernel_spec.argv:
            self.kernel_spec.argv = self.command or [sys.executable, *self.kernel_spec.argv[1:]]
        return await super().start_kernel(**kwargs, stderr=subprocess.DEVNULL)


class _Engine(NBClientEngine):
    """papermill's own engine, with kernels that talk over files where there are such, not over the network."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, command=None, **kwargs):
        with tempfile.TemporaryDirectory(prefix="flowkit-") as sockets:
            settings = {"command": command or []}
            if os.name == "posix":
                settings |= {"transport": "ipc", "ip": f"{sockets}/kernel"}
            kwargs["config"] = Config(KernelManager=settings)
            return super().execute_managed_notebook(
                nb_man, kernel_name, kernel_manager_class=_Kernel, **kwargs
            )


papermill_engines.register("flowkit", _Engine)


def execute(path: Path, target: Path, parameters: dict, command: list[str] | None = None) -> Executed:
    """Run the notebook at `path` with `parameters`; the executed one is at `target`, also where it failed.

    `command` starts a Python kernel (see `warm_kernels`); without it one is started as ever.
    """
    begun = time.monotonic()
    failure = None
    try:
        papermill.execute_notebook(
            path,
            target,
            parameters,
            engine_name="flowkit",
            progress_bar=False,
            request_save_on_cell_execute=False,
            command=command,
        )
    except papermill.PapermillExecutionError as error:
        failure = {"message": f"{error.ename}: {error.evalue}"[:2000]}
    except Exception as error:  # A dead kernel, a cell that timed out: the other notebooks go on.
        failure = {"message": f"{type(error).__name__}: {error}"[:2000]}
    read = nbformat.read(target if target.exists() else path, as_version=4)
    read.cells = [cell for cell in read.cells if ERROR_MARKER_TAG not in cell.metadata.get("tags", [])]
    if failure:
        failure["cell"] = _failed_cell(read)
    return Executed(path.stem, read, round(time.monotonic() - begun, 3), failure)


def _failed_cell(notebook: nbformat.NotebookNode) -> int | None:
    """The number, from 1, of the cell that raised, as the author counts: without the one that papermill added."""
    cells = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    for number, cell in enumerate(cells, 1):
        if any(output.output_type == "error" for output in cell.get("outputs", ())):
            return number
    return None


@contextlib.contextmanager
def executor() -> Iterator[Callable[[Path, Path, dict], Future]]:
    """Submits calls of `execute`, which run two at a time; where it is left by an error, all of them end.

    papermill's log stays off the terminal, and kernels draw even where MPLBACKEND says not to.
    """
    backend = os.environ.pop("MPLBACKEND", None)
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    try:
        with ThreadPoolExecutor(AT_A_TIME) as pool, warm_kernels() as command:
            try:
                yield lambda path, target, parameters: pool.submit(execute, path, target, parameters, command)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
