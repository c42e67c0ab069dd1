"""flowkit: answers from AWS VPC Flow Logs."""

from flowkit.loading import load

__all__ = ["load"]
