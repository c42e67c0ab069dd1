"""Notebooks run by papermill, each in a kernel of its own, two at a time."""

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
from jupyter_client.manager import AsyncKernelManager
from papermill.engines import NBClientEngine, papermill_engines
from papermill.execute import ERROR_MARKER_TAG
from traitlets.config import Config


@dataclass(frozen=True)
class Executed:
    """A notebook that was run: what it holds now, how long it took, where and why it stopped."""

    name: str
    notebook: nbformat.NotebookNode
    seconds: float
    failure: dict | None = None


class _Kernel(AsyncKernelManager):
    """A kernel of this very Python, whose own log stays off the terminal; what cells print comes another way."""

    async def start_kernel(self, **kwargs):
        if self.kernel_spec.language == "python":
            self.kernel_spec.argv[0] = sys.executable
        return await super().start_kernel(**kwargs, stderr=subprocess.DEVNULL)


class _Engine(NBClientEngine):
    """papermill's own engine, with kernels that talk over files where there are such, not over the network."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
        with tempfile.TemporaryDirectory(prefix="flowkit-") as sockets:
            if os.name == "posix":
                kwargs["config"] = Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"})
            return super().execute_managed_notebook(
                nb_man, kernel_name, kernel_manager_class=_Kernel, **kwargs
            )


papermill_engines.register("flowkit", _Engine)


def execute(path: Path, target: Path, parameters: dict) -> Executed:
    """Run the notebook at `path` with `parameters`; the executed one is at `target`, also where it failed."""
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
def quiet_kernels() -> Iterator[None]:
    """papermill without its log on the terminal, and kernels that draw even where MPLBACKEND says not to."""
    backend = os.environ.pop("MPLBACKEND", None)
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
