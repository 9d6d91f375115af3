"""Write docs/algorithms.md: where each algorithm of the papers stands in the code, read from the citations there."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "foldwright"
PAGE = ROOT / "docs" / "algorithms.md"
CITATION = re.compile(r'AF2 Suppl\. Alg\. (\d+) "(\w+)"')

# AF2: Jumper et al. 2021, Supplementary Methods.
AF2_NAMES = dict(
    enumerate(
        [
            "MSABlockDeletion",
            "Inference",
            "InputEmbedder",
            "relpos",
            "one_hot",
            "EvoformerStack",
            "MSARowAttentionWithPairBias",
            "MSAColumnAttention",
            "MSATransition",
            "OuterProductMean",
            "TriangleMultiplicationOutgoing",
            "TriangleMultiplicationIncoming",
            "TriangleAttentionStartingNode",
            "TriangleAttentionEndingNode",
            "PairTransition",
            "TemplatePairStack",
            "TemplatePointwiseAttention",
            "ExtraMsaStack",
            "MSAColumnGlobalAttention",
            "StructureModule",
            "rigidFrom3Points",
            "InvariantPointAttention",
            "BackboneUpdate",
            "computeAllAtomCoordinates",
            "makeRotX",
            "renameSymmetricGroundTruthAtoms",
            "torsionAngleLoss",
            "computeFAPE",
            "predictPerResidueLDDT_Ca",
            "RecyclingInference",
            "RecyclingTraining",
            "RecyclingEmbedder",
        ],
        start=1,
    )
)
NOT_YET: dict[int, str] = {}  # number -> why it is not in the code yet


@dataclass(frozen=True)
class Place:
    """A class or function whose docstring cites an algorithm."""

    number: int
    name: str  # as cited
    file: str  # from the root of the package
    symbol: str  # qualified by its class


def cited_places() -> list[Place]:
    """Every citation in a docstring, file by file."""
    places = []
    for path in sorted(SOURCE.rglob("*.py")):
        file = path.relative_to(SOURCE).as_posix()
        for symbol, text in docstrings(ast.parse(path.read_text("utf-8"))):
            places += [Place(int(n), name, file, symbol) for n, name in CITATION.findall(text)]
    return places


def docstrings(node: ast.AST, inside: str = "") -> Iterator[tuple[str, str]]:
    """(qualified name, docstring) of every class and function below a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            yield inside + child.name, ast.get_docstring(child) or ""
            yield from docstrings(child, f"{inside}{child.name}.")


def row(number: int, places: list[Place]) -> str:
    """One line of the table: the symbols that cite this algorithm, grouped by file."""
    symbols: dict[str, list[str]] = {}
    for place in places:
        symbols.setdefault(place.file, []).append(f"`{place.symbol}`")
    found = [f"[{file}](../src/foldwright/{file}): {', '.join(names)}" for file, names in symbols.items()]
    return f"| {number} | {AF2_NAMES[number]} | {'; '.join(found) or NOT_YET.get(number, '')} |"


def page() -> str:
    """The text of docs/algorithms.md."""
    places = cited_places()
    rows = [row(number, [p for p in places if p.number == number]) for number in AF2_NAMES]
    return "\n".join(
        [
            "# Where each algorithm stands",
            "",
            "Written by `make docs` from the citations in the code; a test holds it to them.",
            "",
            "## AlphaFold 2 (Jumper et al. 2021, Supplementary Methods)",
            "",
            "| Alg. | name | in the code |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}: {len({p.number for p in cited_places()})} of {len(AF2_NAMES)} algorithms")
