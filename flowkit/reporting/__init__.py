"""Findings, figures and tables for notebooks; and the report that runs them."""

import sys

# nbformat checks notebooks by jsonschema, which for one check of URIs that notebooks never need builds a
# parser for 1.5 seconds. Where that module "is not there", jsonschema leaves the check out.
sys.modules.setdefault("rfc3987_syntax", None)
