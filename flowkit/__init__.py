"""flowkit: answers from AWS VPC Flow Logs. Every public name is here, imported when it is first used."""

from importlib import import_module

_NAMES = {
    "loading.errors": "SourceError",
    "loading.engines": "kept",
    "loading.ingestion": "ingest",
    "loading.flows": "about inventory load_with_duplicates quarantine sql",
    "log": "load",
    "analysis.addresses": "interface_addresses",
    "analysis.change": "changes",
    "analysis.conversations": "conversations",
    "analysis.coverage": "coverage covered_share",
    "analysis.direction": "directed initiators",
    "analysis.estimate": "backtest estimate losses series_of",
    "analysis.evaluate": "Packet evaluate",
    "analysis.expectations": "expectations_of expected explained judged owners read_expectations",
    "analysis.gaps": "by_interface gaps",
    "analysis.missed": "bridged recovered recovered_rows",
    "analysis.network": "Snapshot read_snapshot snapshot_of",
    "analysis.proof": "service_records",
    "analysis.reachability": "log_kind reachability sessions_over_time",
    "analysis.rejected": "refused_over_time rejected samples",
    "analysis.rule_use": "rule_use",
    "reporting.talkers": "talkers",
    "reporting.figures": "COLOURS alt utc_axis",
    "reporting.answer": "findings",
    "reporting.findings": "Finding tell",
    "reporting.reachability": "exposed proven reachability_findings reachability_verdict targets",
    "reporting.reachability_figures": "plot_reachability plot_sessions_over_time",
    "reporting.rejected": "leads ranked rejected_findings rejected_verdict",
    "reporting.rejected_figures": "plot_refused_over_time refused_line",
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
