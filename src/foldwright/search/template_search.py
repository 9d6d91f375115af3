"""hmmsearch for templates: profiles of alignments against the sequences of the PDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from pyhmmer.plan7 import Domain, Hit

from foldwright.io.alignment import Alignment
from foldwright.io.hhr import TemplateHit
from foldwright.search.hmmer import hmmsearch
from foldwright.search.hmmer.hits import Hits
from foldwright.search.hmmer.options import HmmsearchOptions
from foldwright.search.parameters import Hmmsearch

_MOLECULE, _PROTEIN = "mol:", "mol:protein"  # what the PDB writes beside the name of a sequence


def search_templates(
    alignments: Sequence[Alignment], database: Path, parameters: Hmmsearch | None = None, threads: int = 1
) -> list[tuple[TemplateHit, ...]]:
    """For each alignment the domains of a FASTA file of the PDB's sequences that its profile finds, best first.

    AF-Multimer, section 2.2; AF3 SI 2.4. Sequences that the file marks as other than protein are left out.

    Raises InputError if the file is missing or holds no proteins.
    """
    options = HmmsearchOptions(**asdict(parameters or Hmmsearch()))
    found = hmmsearch.run(alignments, database, options, threads)
    return [tuple(template_hits(hits, rows.query)) for hits, rows in zip(found, alignments, strict=True)]


def template_hits(hits: Hits, query: str) -> Iterator[TemplateHit]:
    """Every included domain of a protein, laid over the residues of the query."""
    proteins = (hit for hit in hits.top.included if _is_protein(hit))
    domains = ((hit, domain) for hit in proteins for domain in hit.domains.included)
    for number, (hit, domain) in enumerate(domains, 1):
        yield _template_hit(number, f"{hit.name} {hit.description or ''}".strip(), domain, query)


def _is_protein(hit: Hit) -> bool:
    description = hit.description or ""
    return _MOLECULE not in description or _PROTEIN in description


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
    """Places from 0, -1 at a gap."""
    for letter in letters:
        yield -1 if letter == "-" else first
        first += letter != "-"
