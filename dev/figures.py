"""How long functions and files are: a sign for whoever writes the next one, not a target. `make figures` prints it."""

import ast
from pathlib import Path
from statistics import median

SOURCE = Path(__file__).parents[1] / "src" / "foldwright"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(function: Function) -> int:
    """Lines of the body, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def functions() -> list[tuple[int, str]]:
    """(lines, where) of every function of the package, longest first."""
    found = []
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [node for node in ast.walk(tree) if isinstance(node, Function)]
        found += [(code_lines(node), f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}") for node in names]
    return sorted(found, reverse=True)


def main() -> None:
    lengths = functions()
    files = sorted(((len(p.read_text("utf-8").splitlines()), p) for p in SOURCE.rglob("*.py")), reverse=True)
    print(f"{len(files)} files, {sum(n for n, _ in files):,} lines, {len(lengths)} functions")
    print(f"median function {median(n for n, _ in lengths):.0f} lines; over 50: {sum(n > 50 for n, _ in lengths)}")
    print("longest functions", *(f"  {n:4d}  {where}" for n, where in lengths[:8]), sep="\n")
    print("longest files", *(f"  {n:4d}  {p.relative_to(SOURCE)}" for n, p in files[:8]), sep="\n")


if __name__ == "__main__":
    main()
