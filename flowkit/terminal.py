"""How the command behaves at a terminal, in a pipe, under a scheduler: streams, signals, progress, complaints."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

from flowkit.words import one_line


def mend_names() -> None:
    """Start anew where Python knows ASCII alone (LC_ALL=C, PYTHONUTF8=0): names of files are UTF-8 all the same."""
    if sys.getfilesystemencoding() == "ascii":
        os.execve(sys.executable, sys.orig_argv, os.environ | {"PYTHONUTF8": "1"})  # noqa: S606


def mend_streams() -> None:
    """Open what of stdin, stdout and stderr is closed, so that no file gets its number; no sign fails to print."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115
        elif mode == "w" and hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def discard_stdout() -> None:
    """Let what is still to be printed go nowhere: nobody reads on, or the disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM, as schedulers send it, ends the work as Ctrl-C does, so that nothing half-made stays."""

    def stop(*ignored: object) -> None:
        raise KeyboardInterrupt("terminated")

    # Polars takes SIGINT over so that a wait without end goes on after it; Python's own handler ends the wait.
    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGINT))
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def complain(problem: object, code: int = 1) -> int:
    """Say on stderr in one line what went wrong, and return `code`."""
    say(f"flowkit: {problem}", file=sys.stderr)
    return code


def say(text: object, file: TextIO | None = None) -> None:
    """Print one line, in signs that no terminal obeys: every name and every text of a log goes through here."""
    print(one_line(text), file=file)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr for one stage after the other, shown by (stage, done, to do); silent where that is no terminal."""
    shown, bar = "", tqdm(disable=True)

    def show(stage: str, done: int, to_do: int) -> None:
        nonlocal shown, bar
        if stage != shown:
            bar.close()
            shown, bar = stage, tqdm(desc=stage, total=to_do, disable=None, leave=False, file=sys.stderr)
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        bar.close()
