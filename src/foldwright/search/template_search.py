"""hmmsearch for templates: profiles of alignments against the sequences of the PDB, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyhmmer
from pyhmmer.easel import Alphabet, DigitalMSA, DigitalSequence, SequenceFile, TextMSA, TextSequence
from pyhmmer.plan7 import HMM, Background, Builder, Domain

from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit
from foldwright.search.parameters import Hmmsearch

PROTEIN = "mol:protein"  # what the PDB writes beside the name of a protein's sequence


def search_templates(
    alignments: Sequence[Alignment], database: Path, parameters: Hmmsearch | None = None, threads: int = 1
) -> list[tuple[TemplateHit, ...]]:
    """For each alignment the domains of a FASTA file of the PDB's sequences that its profile finds, best first.

    AF3 SI 2.4; AF-Multimer, section 2.2. Sequences that the file marks as other than protein are left out.
    """
    parameters = parameters or Hmmsearch()
    profiles = [profile_of(alignment) for alignment in alignments]
    results = pyhmmer.hmmer.hmmsearch(
        profiles,
        _sequences(database),
        cpus=threads,
        E=parameters.e_value,
        domE=parameters.domE,
        incE=parameters.incE,
        incdomE=parameters.incdomE,
        F1=parameters.F1,
        F2=parameters.F2,
        F3=parameters.F3,
    )
    return [tuple(_hits(result, alignment.query)) for result, alignment in zip(results, alignments, strict=True)]


def profile_of(alignment: Alignment) -> HMM:
    """The profile whose match states are the residues of the query."""
    alphabet: Any = Alphabet.amino()
    profile, _, _ = Builder(alphabet, architecture="hand").build_msa(_digital(alignment), Background(alphabet))
    return profile


def _digital(alignment: Alignment) -> DigitalMSA[Any]:
    rows = [TextSequence(name=str(i), sequence=row) for i, row in enumerate(alignment.sequences)]
    text = TextMSA(name="query", sequences=rows)
    text.reference = "x" * len(alignment.query)  # every column is a residue of the query
    return text.digitize(Alphabet.amino())


def _sequences(database: Path) -> Sequence[DigitalSequence[Any]]:
    alphabet: Any = Alphabet.amino()
    file = SequenceFile(str(database), format="fasta", digital=True, alphabet=alphabet)
    try:
        return file.read_block()
    finally:
        file.close()


def _hits(result: pyhmmer.plan7.TopHits, query: str) -> Iterator[TemplateHit]:
    number = 0
    for hit in result.reported:
        description = hit.description or ""
        if "mol:" in description and PROTEIN not in description:
            continue
        for domain in hit.domains.included:
            number += 1
            yield _template_hit(number, f"{hit.name} {description}".strip(), domain, query)


def _template_hit(number: int, name: str, domain: Domain, query: str) -> TemplateHit:
    """A domain's alignment, with the residues of the query in place of the profile's consensus."""
    aligned = domain.alignment
    columns = list(_numbered(aligned.hmm_sequence.replace(".", "-"), aligned.hmm_from - 1))
    places = list(_numbered(aligned.target_sequence, aligned.target_from - 1))
    return TemplateHit(
        index=number,
        name=name,
        aligned_cols=sum(column >= 0 and place >= 0 for column, place in zip(columns, places, strict=True)),
        sum_probs=None,
        query="".join("-" if column < 0 else query[column] for column in columns),
        hit_sequence=aligned.target_sequence.upper(),
        indices_query=columns,
        indices_hit=places,
        probability=None,
        e_value=domain.i_evalue,
    )


def _numbered(letters: str, first: int) -> Iterator[int]:
    for letter in letters:
        yield -1 if letter == "-" else first
        first += letter != "-"
