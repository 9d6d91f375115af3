"""Write docs/algorithms.md: where each algorithm of the papers stands in the code, read from the citations there."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "foldwright"
PAGE = ROOT / "docs" / "algorithms.md"
CITATION = re.compile(r'(AF2 Suppl\.|AF3 SI) Alg\. (\d+) "(\w+)"')
TITLES = {
    "AF2 Suppl.": "AlphaFold 2 (Jumper et al. 2021, Supplementary Methods)",
    "AF3 SI": "AlphaFold 3 (Abramson et al. 2024, Supplementary Information)",
}
NAMES = {
    "AF2 Suppl.": dict(
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
    ),
    "AF3 SI": dict(
        enumerate(
            [
                "MainInferenceLoop",
                "InputFeatureEmbedder",
                "RelativePositionEncoding",
                "one_hot",
                "AtomAttentionEncoder",
                "AtomAttentionDecoder",
                "AtomTransformer",
                "MsaModule",
                "OuterProductMean",
                "MSAPairWeightedAveraging",
                "Transition",
                "TriangleMultiplicationOutgoing",
                "TriangleMultiplicationIncoming",
                "TriangleAttentionStartingNode",
                "TriangleAttentionEndingNode",
                "TemplateEmbedder",
                "PairformerStack",
                "SampleDiffusion",
                "CentreRandomAugmentation",
                "DiffusionModule",
                "DiffusionConditioning",
                "FourierEmbedding",
                "DiffusionTransformer",
                "AttentionPairBias",
                "ConditionedTransitionBlock",
                "AdaLN",
                "SmoothLDDTLoss",
                "weightedRigidAlign",
                "expressCoordinatesInFrame",
                "computeAlignmentError",
                "ConfidenceHead",
            ],
            start=1,
        )
    ),
}


@dataclass(frozen=True)
class Place:
    """A class or function whose docstring cites an algorithm."""

    paper: str  # a key of TITLES
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
            places += [Place(paper, int(n), name, file, symbol) for paper, n, name in CITATION.findall(text)]
    return places


def docstrings(node: ast.AST, inside: str = "") -> Iterator[tuple[str, str]]:
    """(qualified name, docstring) of every class and function below a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            yield inside + child.name, ast.get_docstring(child) or ""
            yield from docstrings(child, f"{inside}{child.name}.")


def row(paper: str, number: int, places: list[Place]) -> str:
    """One line of the table: the symbols that cite this algorithm, grouped by file."""
    symbols: dict[str, list[str]] = {}
    for place in places:
        if (place.paper, place.number) == (paper, number):
            symbols.setdefault(place.file, []).append(f"`{place.symbol}`")
    found = [f"[{file}](../src/foldwright/{file}): {', '.join(names)}" for file, names in symbols.items()]
    return f"| {number} | {NAMES[paper][number]} | {'; '.join(found)} |"


def page() -> str:
    """The text of docs/algorithms.md."""
    places = cited_places()
    lines = ["# Where each algorithm stands", ""]
    lines += ["Written by `make docs` from the citations in the code; a test holds it to them.", ""]
    for paper, title in TITLES.items():
        rows = [row(paper, number, places) for number in NAMES[paper]]
        lines += [f"## {title}", "", "| Alg. | name | in the code |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    found = {(place.paper, place.number) for place in cited_places()}
    print(f"wrote {PAGE.relative_to(ROOT)}: {len(found)} of {sum(map(len, NAMES.values()))} algorithms")
