"""From logs to records: sources, shapes, parse, cache, records, in this order."""
