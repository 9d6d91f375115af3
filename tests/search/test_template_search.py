"""hmmsearch for templates, against the installed program where it is there."""

import gzip
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from foldwright.io.a3m import parse_a3m
from foldwright.io.alignment import Alignment
from foldwright.search.template_search import search_templates

LIMITS = {"-E": "100", "--domE": "100", "--incE": "100", "--incdomE": "100"} | dict.fromkeys(
    ("--F1", "--F2", "--F3"), "0.1"
)
MINIDB = Path(__file__).parents[3] / "shared" / "data" / "af3_inputs" / "alphafold3_minidb"
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
FERRITIN = (
    "MTTASTSQVRQNYHQDSEAAINRQINLELYASYVYLSMSYYFDRDDVALKNFAKYFLHQSHEEREHAEKLMKLQNQRGGRIFLQDIKKPDCDDWESGLNAMECAL"
    "HLEKNVNQSLLELHKLATDKNDPHLCDFIETHYLNEQVKAIKELGDHVTNLRKMGAPESGLAEYLFDKHTLGDSDNES"
)


def noise(rng, length):
    return "".join(rng.choice(LETTERS) for _ in range(length))


@pytest.fixture
def database(tmp_path):
    """Unrelated sequences, and one that holds the query's middle with an insertion and a deletion."""
    rng = random.Random(0)
    entries = {f"9zz{i}_A mol:protein length:80  unrelated": noise(rng, 80) for i in range(9)}
    entries["1fer_Bj mol:protein length:99  relative"] = (
        "MGHHHH" + FERRITIN[20:60] + "GSG" + FERRITIN[60:80] + FERRITIN[83:113]
    )
    entries["2rna_X mol:na length:60  a gene"] = FERRITIN[20:80]
    path = tmp_path / "pdb_seqres.fasta.gz"
    with gzip.open(path, "wt") as file:
        file.write("".join(f">{name}\n{sequence}\n" for name, sequence in entries.items()))
    return path


def test_a_domain_lies_over_the_residues_of_the_query(database):
    ((best, *others),) = search_templates([Alignment.of_query(FERRITIN)], database)
    assert (best.index, best.pdb_id, best.chain_id) == (1, "1fer", "Bj")
    assert best.e_value < 1e-20
    assert best.sum_probs is None
    assert best.query.replace("-", "") in FERRITIN
    pairs = {q: h for q, h in zip(best.indices_query, best.indices_hit, strict=True) if q >= 0 and h >= 0}
    assert len(pairs) == best.aligned_cols
    assert 88 <= len(pairs) <= 93
    assert {q: h for q, h in pairs.items() if 20 <= q < 55} == {q: q - 14 for q in range(20, 55)}
    assert {q: h for q, h in pairs.items() if 90 < q < 113} == {q: q - 14 for q in range(91, 113)}
    for letters, places in ((best.query, best.indices_query), (best.hit_sequence, best.indices_hit)):
        assert [place < 0 for place in places] == [letter == "-" for letter in letters]
        assert "-" in letters
    assert all(hit.pdb_id != "2rna" for hit in others)


def test_queries_share_a_search_and_keep_their_own_hits(database):
    rng = random.Random(1)
    alone = search_templates([Alignment.of_query(FERRITIN)], database)
    other = Alignment.of_query(noise(rng, 60))
    together = search_templates([other, Alignment.of_query(FERRITIN)], database)
    assert together[1] == alone[0]
    assert together[0] == search_templates([other], database)[0]
    assert all(hit.pdb_id != "1fer" or hit.e_value > 1e-3 for hit in together[0])


def test_rows_of_the_alignment_make_the_profile(database):
    rows = [FERRITIN, *(mutated(FERRITIN, seed) for seed in range(8))]
    profile = Alignment(rows, np.zeros((len(rows), len(FERRITIN)), np.int32), [str(i) for i in range(len(rows))])
    (from_rows,), (alone,) = (search_templates([a], database) for a in (profile, Alignment.of_query(FERRITIN)))
    assert from_rows[0].pdb_id == alone[0].pdb_id == "1fer"
    assert from_rows[0].e_value != alone[0].e_value


def mutated(sequence, seed):
    rng = random.Random(seed)
    return "".join(rng.choice(LETTERS) if rng.random() < 0.3 else letter for letter in sequence)


@pytest.mark.shared
@pytest.mark.skipif(not MINIDB.is_dir(), reason=f"{MINIDB} is not there")
@pytest.mark.skipif(shutil.which("hmmsearch") is None, reason="hmmsearch is not installed (apt install hmmer)")
def test_hits_equal_those_of_the_program(tmp_path):
    """hmmbuild --hand and hmmsearch -A with AlphaFold's options over AlphaFold 3's small set of PDB sequences."""
    path = tmp_path / "pdb.fasta"
    path.write_bytes(gzip.decompress((MINIDB / "pdb_seqres_2022_09_28__subsampled_1000.fasta.gz").read_bytes()))
    rows = [FERRITIN, *(mutated(FERRITIN, seed) for seed in range(8))]
    marked = "".join(f"r{i} {row}\n" for i, row in enumerate(rows)) + f"#=GC RF {'x' * len(FERRITIN)}\n"
    (tmp_path / "q.sto").write_text(f"# STOCKHOLM 1.0\n{marked}//\n")
    limits = [text for name, value in LIMITS.items() for text in (name, value)]
    for command in (
        ["hmmbuild", "--hand", "q.hmm", "q.sto"],
        ["hmmsearch", "--noali", *limits, "-A", "out.sto", "q.hmm", path.name],
    ):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    theirs = placed(parse_stockholm_blocks((tmp_path / "out.sto").read_text()))
    profile = parse_a3m("".join(f">r{i}\n{row}\n" for i, row in enumerate(rows)).splitlines())
    (ours,) = search_templates([profile], path)
    found = {
        f"{hit.name.split()[0]}/{min(p for p in hit.indices_hit if p >= 0) + 1}": [
            (q, h) for q, h in zip(hit.indices_query, hit.indices_hit, strict=True) if q >= 0 and h >= 0
        ]
        for hit in ours
    }
    assert len(found) > 50
    assert found == theirs


def parse_stockholm_blocks(text):
    """Name to row, and the reference row that marks the profile's columns under the name RF."""
    rows = {}
    for line in text.splitlines():
        if line.startswith("#=GC RF") or (line and not line.startswith(("#", "//"))):
            name, row = line.removeprefix("#=GC ").split()
            rows[name] = rows.get(name, "") + row
    return rows


def placed(rows):
    """`name/start` to pairs of query column and place in the sequence, both from 0."""
    reference = rows.pop("RF")
    found = {}
    for name, row in rows.items():
        entry, _, span = name.rpartition("/")
        column, place, pairs = 0, int(span.split("-")[0]) - 1, []
        for mark, letter in zip(reference, row, strict=True):
            if mark == "x" and letter not in "-.":
                pairs.append((column, place))
            column += mark == "x"
            place += letter not in "-."
        found[f"{entry}/{span.split('-')[0]}"] = pairs
    return found
