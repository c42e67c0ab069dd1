"""Bare papermill: as many notebooks as there are in a folder, each one cell of imports, two at a time."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import papermill

notebooks, target, code = sys.argv[1:]
Path(target).mkdir(exist_ok=True)
paths = []
for path in sorted(Path(notebooks).glob("*.ipynb")):
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [nbformat.v4.new_code_cell(code)]
    paths.append(f"{target}/{path.name}")
    nbformat.write(notebook, paths[-1])
with ThreadPoolExecutor(2) as pool:
    list(pool.map(lambda path: papermill.execute_notebook(path, path, progress_bar=False), paths))
