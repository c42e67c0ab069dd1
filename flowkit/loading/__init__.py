"""From logs to the flows table: sources, stage, parse, cache, flows, in this order."""
