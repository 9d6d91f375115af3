"""The papers' algorithms and the shape of a forward; who may import whom is import-linter's (`make lint`)."""

import ast
import re
from pathlib import Path

import make_algorithms as algorithms

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "foldwright"


def test_every_algorithm_of_both_papers_is_in_the_code():
    found = {(place.paper, place.number) for place in algorithms.cited_places()}
    known = {(paper, number) for paper, names in algorithms.NAMES.items() for number in names}
    assert not known - found, f"cited nowhere: {sorted(known - found)}"


def test_citations_use_the_supplement_s_names():
    wrong = [p for p in algorithms.cited_places() if algorithms.NAMES[p.paper].get(p.number) != p.name]
    assert not wrong


def test_the_page_of_algorithms_is_up_to_date():
    assert algorithms.PAGE.read_text("utf-8") == algorithms.page(), "run `make docs`"


def forwards():
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name == "forward":
                yield path.relative_to(SOURCE), node


def test_no_forward_takes_an_execution_switch():
    switch = re.compile(r"chunk|inplace|in_place|kernel|offload|use_|backend|flash|low_mem|checkpoint", re.IGNORECASE)
    found = [f"{path}: {arg.arg}" for path, node in forwards() for arg in node.args.args if switch.search(arg.arg)]
    assert len(list(forwards())) > 10
    assert not found


def test_masks_are_never_optional():
    found = [
        f"{path}: {arg.arg}"
        for path, node in forwards()
        for arg in node.args.args
        if "mask" in arg.arg and arg.annotation is not None and "None" in ast.unparse(arg.annotation)
    ]
    assert not found


def test_no_room_is_called_utils():
    names = {p.stem for p in SOURCE.rglob("*")}
    assert not names & {"utils", "common", "helpers", "misc"}
