"""Which notebooks a report runs, and with which parameters: all of it known before anything runs."""

import ast
import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

import nbformat

from flowkit.reporting.errors import UsageError

#: Parameters that have an option of their own, and that option.
OPTIONS = {
    "source": "SOURCE",
    "start": "--start",
    "end": "--end",
    "format": "--format",
    "network": "--network",
    "expect": "--expect",
}


def chosen(names: Sequence[str], folder: Path) -> list[Path]:
    """The notebooks to run: those `names` (of `folder`, or paths to .ipynb files), else all of `folder`.

    Raises UsageError where one is not there, where two would write the same page, or where none is left.
    """
    known = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    paths = [_notebook(name, known) for name in names] if names else list(known.values())
    if not paths:
        raise UsageError(f"{folder} holds no notebooks")
    stems = [path.stem for path in paths]
    for stem in stems:
        if stems.count(stem) > 1:
            raise UsageError(f"two notebooks are called {stem!r}: their pages would have the same name")
        if stem == "index":
            raise UsageError("a notebook cannot be called index.ipynb: index.html is the run's own page")
    return paths


def _notebook(name: str, known: dict[str, Path]) -> Path:
    if name.endswith(".ipynb"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise UsageError(f"{name} is no notebook: there is no such file")
        return path
    if name not in known:
        raise UsageError(f"there is no notebook {name!r}{_nearest(name, known)}")
    return known[name]


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(known)) or 'none'}"


def defaults(path: Path) -> dict:
    """The parameters of the notebook at `path` with their default values; `{}` where it has no such cell.

    Raises UsageError where the file is no notebook or a default is not a literal.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
        raise UsageError(f"{path} cannot be read as a notebook: {type(error).__name__}") from None
    tagged = [cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    try:
        assigned = [line for source in tagged[:1] for line in ast.parse(source).body]
        return {
            line.targets[0].id: ast.literal_eval(line.value)
            for line in assigned
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
        }
    except (SyntaxError, ValueError):
        raise UsageError(f"{path}: the cell tagged `parameters` must hold only literals") from None


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` texts as a dict. Raises UsageError for what is not of that form, or has its own option."""
    given = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--param {text!r} is not of the form NAME=VALUE")
        if name in OPTIONS:
            raise UsageError(f"{name!r} is not given by --param but by {OPTIONS[name]}")
        given[name] = value
    return given


def arguments(notebooks: dict[str, dict], options: dict, given: dict[str, str]) -> dict[str, dict]:
    """What to hand to each notebook: of `options` and `given` texts, those that it has a parameter for.

    `notebooks` maps a name to its defaults. A text becomes a number or truth value only where the default
    is one; otherwise it stays the text it is (an account id keeps its leading zero).
    Raises UsageError for what no notebook has, or what does not fit the default.
    """
    known = {name for own in notebooks.values() for name in own}
    for name in given:
        if name not in known:
            raise UsageError(f"no notebook has a parameter {name!r}{_nearest(name, known - set(OPTIONS))}")
    for name in ("network", "expect", "format"):
        if options.get(name) is not None and name not in known:
            raise UsageError(
                f"none of these notebooks has a parameter {name!r}, so {OPTIONS[name]} does nothing"
            )
    return {
        notebook: {name: options[name] for name in own if options.get(name) is not None}
        | {name: fitted(name, text, own[name]) for name, text in given.items() if name in own}
        for notebook, own in notebooks.items()
    }


def fitted(name: str, text: str, default: object) -> object:
    """`text` as the type of `default`. Raises UsageError where it is none."""
    if default is None or isinstance(default, str):
        return text
    try:
        if isinstance(default, bool):
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                text.lower()
            ]
        if isinstance(default, int | float):
            return type(default)(text)
        value = ast.literal_eval(text)
        if isinstance(value, type(default)):
            return value
    except (KeyError, ValueError, SyntaxError):
        pass
    kind = {bool: "true or false", int: "a whole number", float: "a number"}.get(
        type(default), f"a {type(default).__name__} such as {default!r}"
    )
    raise UsageError(f"--param {name}={text}: {name} is {kind}")
