"""Kernels that start at once: forked from one process that has loaded the libraries already.

Four notebooks would load them four times, which is half of the time that a report on a small log takes.
jupyter_client starts a kernel by a command. Here that command only asks the warm process, over a socket, for a
fork, and lives as long as the kernel does: each kernel is a process of its own, and nothing of a run stays.
"""

import contextlib
import gc
import importlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

import flowkit

LIBRARIES = ("matplotlib.pyplot", "ipykernel.kernelapp", "itables", "ibis.backends.duckdb")
_ASK = (
    "import socket, sys; asked = socket.socket(socket.AF_UNIX); asked.connect(sys.argv[1]);"
    " asked.sendall(sys.argv[2].encode()); asked.recv(1)"
)


@contextlib.contextmanager
def warm_kernels() -> Iterator[list[str] | None]:
    """The command that starts a warm kernel, as in a kernelspec's `argv`; None where forking is not safe."""
    if sys.platform != "linux":
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="flowkit-") as folder:
        place = f"{folder}/kernels"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(place)
            server.listen()
            warm = subprocess.Popen(
                [sys.executable, "-m", "flowkit.reporting.warm", str(server.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[server.fileno()],
                start_new_session=True,
            )
        try:
            yield [sys.executable, "-I", "-S", "-c", _ASK, place, "{connection_file}"]
        finally:
            warm.stdin.close()
            warm.wait()


def serve(server: socket.socket) -> None:
    """Load the libraries, then fork a kernel for each connection; ends with the process that began it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Read once, when matplotlib is loaded: without it a kernel would draw to nowhere.
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    for name in LIBRARIES:
        importlib.import_module(name)
    for name in flowkit.__all__:
        getattr(flowkit, name)
    gc.freeze()  # what all kernels share is no kernel's garbage
    while True:
        asked, _ = server.accept()
        if os.fork() == 0:
            server.close()
            _be_kernel(asked)
        asked.close()


def _end_with_parent() -> None:
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def _be_kernel(asked: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    file = asked.recv(4096).decode()
    threading.Thread(target=lambda: (asked.recv(1), os._exit(1)), daemon=True).start()
    try:
        sys.modules["ipykernel.kernelapp"].launch_new_instance(argv=["-f", file])
    finally:
        os._exit(0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
