"""Notebooks run without Jupyter: cells in their order, in one namespace, with what each shows. NOTEBOOK...: renew their
outputs.

Magics (%, !) are not known; a figure that a cell leaves open is shown as a picture, as a notebook does.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def read(path: Path) -> Json:
    """Return a notebook."""
    notebook: Json = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def code(notebook: Json) -> list[Json]:
    """Return the cells of code, in their order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def renewed(notebook: Json) -> Json:
    """Run the cells and return the notebook with what each of them shows. Raises what a cell raises."""
    space: Json = {"__name__": "__main__"}
    for number, cell in enumerate(code(notebook), start=1):
        cell |= {"execution_count": number, "outputs": list(_outputs("".join(cell["source"]), number, space))}
    return notebook


def _outputs(source: str, number: int, space: Json) -> Iterator[Json]:
    streams = {"stderr": io.StringIO(), "stdout": io.StringIO()}
    with redirect_stdout(streams["stdout"]), redirect_stderr(streams["stderr"]):
        value = _run(source, f"cell {number}", space)
    for name, stream in streams.items():
        if stream.getvalue():
            yield {"name": name, "output_type": "stream", "text": stream.getvalue().splitlines(keepends=True)}
    pictures = list(_pictures())
    if value is not None and not pictures:  # a figure's axes would say nothing more
        yield {"data": _data(value), "execution_count": number, "metadata": {}, "output_type": "execute_result"}
    yield from pictures


def _run(source: str, name: str, space: Json) -> Any:
    """Run a cell; return the value of its last line, if that is an expression."""
    tree = ast.parse(source, name)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        exec(compile(tree, name, "exec"), space)
        return None
    exec(compile(ast.Module(tree.body[:-1], []), name, "exec"), space)
    return eval(compile(ast.Expression(last.value), name, "eval"), space)


def _data(value: Any) -> Json:
    data: Json = {"text/plain": repr(value).splitlines(keepends=True)}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = value._repr_html_().splitlines(keepends=True)
    return data


def _pictures() -> Iterator[Json]:
    if "matplotlib.pyplot" not in sys.modules:
        return
    import matplotlib.pyplot as plt

    for number in plt.get_fignums():
        file = io.BytesIO()
        plt.figure(number).savefig(file, format="png", dpi=60)
        data = {"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": ["<Figure>"]}
        yield {"data": data, "metadata": {}, "output_type": "display_data"}
    plt.close("all")


def main(paths: list[str]) -> None:
    """Run each notebook in this folder and write it anew."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    for path in map(Path, paths):
        text = json.dumps(renewed(read(path)), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
