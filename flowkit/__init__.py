"""flowkit: answers from AWS VPC Flow Logs. Every public name is here, imported when it is first used."""

from importlib import import_module

_NAMES = {
    "loading.errors": "SourceError",
    "loading.engines": "kept",
    "loading.ingestion": "ingest",
    "log": "load",
    "loading.flows": "about inventory load_with_duplicates quarantine sql",
    "analysis.addresses": "interface_addresses",
    "analysis.conversations": "conversations",
    "analysis.coverage": "coverage covered_share",
    "analysis.direction": "directed initiators",
    "analysis.estimate": "backtest estimate losses series_of",
    "analysis.gaps": "by_interface gaps",
    "analysis.missed": "bridged recovered recovered_rows",
    "loading.network": "Snapshot read_snapshot snapshot_of",
    "analysis.talkers": "interface_roles rung_accuracy rung_shares talks top_talkers top_talks",
    "analysis.traffic": "traffic traffic_by_interface traffic_by_path traffic_by_zone traffic_over_time",
    "reporting.direction": "busiest_line direction_findings direction_verdict founded_line interfaces_line plot_rungs"
    " plot_talkers plot_traffic_by_interface plot_traffic_over_time talkers_line zones_line",
    "reporting.figures": "COLOURS alt utc_axis",
    "reporting.answer": "findings",
    "reporting.findings": "Finding tell",
    "reporting.reachability": "reachability",
    "reporting.rejected": "rejected",
    "reporting.skipdata": "coverage_line hours_line missed_line skipdata_findings skipdata_verdict weakened",
    "reporting.skipdata_figures": "plot_coverage plot_missed plot_skips_by_hour",
    "reporting.tables": "show",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted([*_MODULES, "plot"])  # noqa: PLE0605 - all names of _NAMES


def __getattr__(name: str) -> object:
    if name == "plot":
        return import_module("flowkit.reporting.plot")
    if name not in _MODULES:
        raise AttributeError(f"flowkit has no {name!r}")
    value = globals()[name] = getattr(import_module(f"flowkit.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
