"""Write docs/algorithms.md: where each algorithm of the papers stands in the code, read from the citations there."""

import ast
import re
from collections import defaultdict
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
    file: str
    line: int
    symbol: str


def cited_places() -> list[Place]:
    """Every citation in a docstring of a class, function or module, in file order."""
    places = []
    for path in sorted(SOURCE.rglob("*.py")):
        file = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.Module):
                text = ast.get_docstring(node) or ""
                line, symbol = getattr(node, "lineno", 1), getattr(node, "name", path.stem)
                places += [Place(int(n), name, file, line, symbol) for n, name in CITATION.findall(text)]
    return places


def page() -> str:
    """The text of docs/algorithms.md."""
    places = defaultdict(list)
    for place in cited_places():
        places[place.number].append(f"[`{place.symbol}`](../{place.file}#L{place.line})")
    rows = [
        f"| {number} | {name} | {', '.join(places[number]) or NOT_YET.get(number, '')} |"
        for number, name in AF2_NAMES.items()
    ]
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
