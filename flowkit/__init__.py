"""flowkit: answers from AWS VPC Flow Logs. Every public name is here, imported when it is first used."""

from importlib import import_module

_NAMES = {
    "explain": "explained",
    "folding.engine": "sql",
    "loading.errors": "SourceError",
    "loading.ingestion": "ingest",
    "log": "load",
    "reporting.answer": "Answer findings show tell",
    "reporting.finding": "Finding",
    "reporting.gaps": "gaps",
    "reporting.reachability": "reachability",
    "reporting.rejected": "rejected",
    "reporting.talkers": "talkers",
    "reporting.what_if": "what_if",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted([*_MODULES, "plot"])  # noqa: PLE0605 - all names of _NAMES


def __getattr__(name: str) -> object:
    if name == "plot":
        return import_module("flowkit.reporting.plot")
    if name == "__version__":
        return import_module("importlib.metadata").version("vpc-flowkit")
    if name not in _MODULES:
        raise AttributeError(f"flowkit has no {name!r}")
    value = globals()[name] = getattr(import_module(f"flowkit.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
