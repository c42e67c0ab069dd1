"""The notebooks of a report: which there are, with which parameters, and each run in a kernel of its own."""

import ast
import contextlib
import difflib
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from tokenize import COMMENT, TokenError, generate_tokens

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from papermill.execute import ERROR_MARKER_TAG
from papermill.iorw import load_notebook_node
from traitlets.config import Config

from flowkit.language import translated
from flowkit.loading.window import moment
from flowkit.questions.networks import read_networks
from flowkit.reporting.errors import UsageError
from flowkit.reporting.history import temporary_folder
from flowkit.words import one_line

#: Parameters that have an option of their own, and that option.
OPTIONS = {
    "source": "SOURCE", "start": "--start", "end": "--end", "format": "--format", "network": "--network",
    "expect": "--expect", "network_after": "--network-after",
}  # fmt: skip
#: Texts of a form of their own, and what raises ValueError where they have another.
TEXTS = {"named_networks": read_networks, "compare_at": moment}
TRUTHS = dict.fromkeys(("true", "yes", "1"), True) | dict.fromkeys(("false", "no", "0"), False)
#: A Unix socket's path has at most 104 bytes on macOS, 108 on Linux, its end and jupyter's number included.
SOCKET_PATH = 90
_RUNNING: set[subprocess.Popen] = set()


def every_notebook(folder: Path) -> dict[str, Path]:
    """Return every notebook of `folder` by name: those of its `learn`, which teach and find nothing, and all others."""
    return {path.stem: path for place in ("learn/*.ipynb", "*.ipynb") for path in sorted(folder.glob(place))}


def chosen(names: Sequence[str], folder: Path) -> dict[str, Path]:
    """Return the notebooks to run, by name: `names` (of `folder`, or .ipynb files), else all of `folder` but `learn`."""
    own, found = every_notebook(folder), {}
    for name in dict.fromkeys(names or [name for name, path in own.items() if path.parent == folder]):
        path = Path(name).expanduser() if name.endswith(".ipynb") else own.get(name)
        if path is None:
            raise UsageError(f"there is no notebook {name!r}{_nearest(name, own)}")
        if not path.is_file():
            raise UsageError(f"{name} is no notebook: there is no such file")
        if path.stem in found:
            raise UsageError(f"two notebooks are called {path.stem!r}: their pages would have the same name")
        if path.stem in ("bundle", "index"):
            raise UsageError(f"a notebook cannot be called {path.stem}.ipynb: {path.stem}.html is the run's own page")
        found[path.stem] = path
    if not found:
        raise UsageError(f"{folder} holds no notebooks")
    return found


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known)) or 'none'}"


def parameters(path: Path) -> dict[str, tuple[object, str]]:
    """Return the parameters of the notebook at `path`: each one's default and its comment; `{}` without any."""
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    try:
        # As papermill.inspect_notebook does, which refuses a notebook that names no kernel.
        cells = load_notebook_node(str(path)).cells
        source = next((cell.source for cell in cells if "parameters" in cell.metadata.tags), "")
    except Exception as error:  # nbformat, jsonschema and papermill each have their own for a broken file
        raise UsageError(f"{path} cannot be read as a notebook: {type(error).__name__}") from None
    try:
        lines = re.sub(r"(?m)^[%!].*$", "", source)  # magics are no Python
        comments = (one for one in generate_tokens(StringIO(lines).readline) if one.type == COMMENT)
        meanings = {one.start[0]: one.string.lstrip("# ") for one in comments}
        assigned = (one for one in ast.parse(lines).body if isinstance(one, ast.Assign | ast.AnnAssign) and one.value)
        return {
            target.id: (ast.literal_eval(one.value), meanings.get(one.end_lineno, ""))
            for one in assigned for target in getattr(one, "targets", None) or [one.target]
        }  # fmt: skip
    except (SyntaxError, ValueError, AttributeError, TokenError):
        raise UsageError(f"{path}: the cell tagged `parameters` must hold only literals") from None


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Return `NAME=VALUE` texts as a dict. Raises UsageError for other texts, and for names with an own option."""
    given = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--param {text!r} is not of the form NAME=VALUE")
        if name in OPTIONS:
            raise UsageError(f"{name!r} is not given by --param but by {OPTIONS[name]}")
        given[name] = value
    return given


def arguments(defaults: dict[str, dict], options: dict, given: dict[str, str], folder: Path) -> dict[str, dict]:
    """Return what each notebook is handed of `options` and `given` (`--param`), in the types of its `defaults`; raises
    UsageError for a parameter that no notebook has, none of `folder` either."""
    known = {name for own in defaults.values() for name in own}
    if given.keys() - known:
        known = known.union(*(parameters(path) for path in every_notebook(folder).values()))
    for name in given:
        if name not in known:
            raise UsageError(f"no notebook has a parameter {name!r}{_nearest(name, known - OPTIONS.keys())}")
    return {
        notebook: {name: options[name] for name in own if options.get(name) is not None}
        | {name: fitted(name, text, own[name]) for name, text in given.items() if name in own}
        for notebook, own in defaults.items()
    }


def fitted(name: str, text: str, default: object) -> object:
    """Return `text` as the type of `default`; a negative number only where that is one, too; a share is at most 1."""
    if default is None or isinstance(default, str):
        try:
            TEXTS.get(name, str)(text)
        except ValueError as error:
            raise UsageError(f"--param {name}={text}: {error}") from None
        return text
    is_share, numeric = name.endswith("share"), type(default) in (int, float)
    with contextlib.suppress(KeyError, ValueError, SyntaxError):
        if isinstance(default, bool):
            return TRUTHS[text.lower()]
        value = type(default)(text) if numeric else ast.literal_eval(text)
        least = 0 if numeric and default >= 0 else -sys.float_info.max
        if least <= value <= (1 if is_share else sys.float_info.max) if numeric else isinstance(value, type(default)):
            return value
    kinds = {bool: "true or false", int: "a whole number", float: "a number"}
    kind = kinds.get(type(default), f"a {type(default).__name__} such as {default!r}")
    sign = " from 0 to 1" if is_share else " of 0 or more" if numeric and default >= 0 else ""
    raise UsageError(f"--param {name}={text}: {name} is {kind}{sign}")


@dataclass(frozen=True)
class Executed:
    """A notebook that was run: what it holds now, how long it took, where and why it stopped."""

    name: str
    notebook: nbformat.NotebookNode
    seconds: float
    failure: dict | None = None


class Kernel(AsyncKernelManager):
    """A kernel of this very Python, whatever kernelspecs the user has, and without the current folder on its path;
    its own name is public, for traitlets finds no settings of a class whose name begins with an underscore."""

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-P", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        command += ["--InteractiveShellApp.ignore_cwd=True"]  # IPython before 9.7 puts the folder there all the same.
        return KernelSpec(argv=command, display_name="Python 3", language="python")

    async def start_kernel(self, **kwargs):
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # IPython's own folder may be read-only, absent, or hold start-up files of somebody's taste.
        own = {"PYTHONSAFEPATH": "1", "IPYTHONDIR": str(Path(self.connection_file).parent / "ipython")}
        await super().start_kernel(**kwargs | quiet, env={**os.environ, **own})
        _RUNNING.add(self.provisioner.process)


def execute(path: Path, values: dict) -> Executed:
    """Run the notebook at `path` with the parameters `values`; a failure is a part of what is returned."""
    begun, failure = time.monotonic(), None
    with temporary_folder() as folder:
        target = folder / "executed.ipynb"
        kernel = {"connection_file": f"{folder}/connection.json"}
        if os.name == "posix" and len(os.fsencode(f"{folder}/kernel")) <= SOCKET_PATH:
            kernel |= {"transport": "ipc", "ip": f"{folder}/kernel"}
        try:
            papermill.execute_notebook(
                path, target, values, kernel_name="python3", language="python", progress_bar=False,
                request_save_on_cell_execute=False, kernel_manager_class=Kernel, config=Config(Kernel=kernel),
            )  # fmt: skip
        except papermill.PapermillExecutionError as error:
            failure = error.ename, error.evalue
        except Exception as error:  # A dead kernel, a cell that timed out: the other notebooks go on.
            failure = type(error).__name__, str(error)
        written = target.exists() and target.stat().st_size
        notebook = nbformat.read(target if written else path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if ERROR_MARKER_TAG not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = "\n".join(map(translated, cell.source.split("\n")))
    notebook.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3", "language": "python"})
    notebook.metadata.setdefault("papermill", {}).update(input_path=path.name, output_path=path.name)
    if failure:
        kind, words = failure  # The words of these are a sentence for the reader; of others the kind says more.
        is_sentence = words and kind in ("ValueError", "SourceError", "UsageError", "ReportError")
        words = words if is_sentence else f"{kind}: {words}"
        # The number, from 1, of the cell that raised, as the author counts: without the one that papermill added.
        own = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
        raised = (any(output.output_type == "error" for output in cell.get("outputs", ())) for cell in own)
        at = next((number for number, stopped in enumerate(raised, 1) if stopped), None)
        failure = {"kind": kind, "message": one_line(words)[:2000], "cell": at}
    return Executed(path.stem, notebook, round(time.monotonic() - begun, 3), failure)


@contextlib.contextmanager
def environment(**values: str | None) -> Iterator[None]:
    """Let this process and those it starts have these environment variables meanwhile; None: not to have them."""
    before = {name: os.environ.pop(name, None) for name in values}
    os.environ |= {name: value for name, value in values.items() if value is not None}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ |= {} if value is None else {name: value}


@contextlib.contextmanager
def executor() -> Iterator[Callable[[Path, dict], Future]]:
    """Submits calls of `execute`, which run two at a time; where it is left by an error, all of them end. papermill's log
    stays off the terminal, and kernels draw even where MPLBACKEND says not to."""
    for name in ("papermill", "traitlets"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # A kernel holds a copy of the libraries' data and, for a while, a core.
    with environment(MPLBACKEND=None), ThreadPoolExecutor(2) as pool:
        try:
            yield partial(pool.submit, execute)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            # Kernels are killed as long as there are any, for one may be starting.
            while any(thread.is_alive() for thread in pool._threads):
                for kernel in list(_RUNNING):
                    kernel.kill()
                time.sleep(0.05)
            raise
