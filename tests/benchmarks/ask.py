"""`ask.py SOURCE`: runs the cells of every notebook on SOURCE in one process, as the kernels of a report do."""

import sys
from pathlib import Path

import matplotlib
import nbformat

matplotlib.use("agg")
for path in sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb")):
    parameters, *questions = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    variables: dict = {}
    exec(parameters, variables)
    variables["source"] = sys.argv[1]
    for code in questions:
        exec(code, variables)
