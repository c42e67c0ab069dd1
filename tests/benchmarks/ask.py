"""`ask.py SOURCE NOTEBOOK…`: runs the notebooks' cells on SOURCE, and prints their seconds without the imports."""

import sys
import time
from pathlib import Path

import matplotlib
import nbformat

matplotlib.use("agg")
source, *names = sys.argv[1:]
notebooks = []
for name in names:
    path = Path(__file__).parents[2] / "notebooks" / f"{name}.ipynb"
    codes = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    parameters, setup, *questions = codes
    variables = {}
    exec(parameters, variables)
    exec(setup, variables)
    notebooks.append((variables | {"source": source}, questions))
begun = time.monotonic()
for variables, questions in notebooks:
    for code in questions:
        exec(code, variables)
print(time.monotonic() - begun)
