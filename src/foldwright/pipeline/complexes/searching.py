"""Alignments and templates of the chains of a complex: those given, those searched for, and the record of which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from foldwright.errors import InputError
from foldwright.io.a3m import parse_a3m, write_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.complexes.job import RNA, ComplexJob, Entity, Protein, TemplateMapping
from foldwright.io.hhr import TemplateHit
from foldwright.io.job import TemplateInput
from foldwright.io.template_text import chain_text
from foldwright.pipeline.complexes.pairing import pair_proteins
from foldwright.pipeline.evidence import AUTO, NONE, Evidence
from foldwright.pipeline.searching import GIVEN, SEARCHED, templates_of_hits, without_how
from foldwright.search.options import SearchOptions
from foldwright.search.plan import planned_steps
from foldwright.search.stage import ChainSearch, search_chains, search_templates_of
from foldwright.search.templates import TemplateFilters, template_record

MAX_TEMPLATE_DATE = "2021-09-30"  # AF3 SI 2.4: no template is younger than the structures the network was trained on
RNA_OF_PRESET = {"af3": "af3_rna", "af3_rna": "af3_rna"}  # which databases of RNA go with those of proteins

Polymer = Protein | RNA
Question = tuple[type, str, str]  # kind, sequence, and the rows that templates are searched with; "" searches for rows
Answers = Mapping[Question, ChainSearch | Exception]


@dataclass(frozen=True)
class SearchedComplex:
    """A job with nothing left to search for.

    chains    what run.json says of each protein and RNA: where its rows and templates came from
    pairing   what run.json says of the pairs; None where there are not two proteins
    how       seconds and such of the search, by the first chain of each
    warnings  what makes the prediction less reliable than its reader may think
    """

    job: ComplexJob
    chains: tuple[Mapping[str, Any], ...]
    pairing: Mapping[str, Any] | None = None
    how: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def search_complex(job: ComplexJob, evidence: Evidence) -> SearchedComplex:
    """The job with what was found for it.

    Raises:
        Exception: the search of one of its chains failed.
    """
    (found,) = search_complexes([job], evidence)
    if isinstance(found, Exception):
        raise found
    return found


def search_complexes(jobs: Sequence[ComplexJob], evidence: Evidence) -> list[SearchedComplex | Exception]:
    """Search what has to be searched for these jobs, equal chains once; a failure stands in its job's place."""
    answers = _answers(_questions(jobs, evidence), evidence)
    return [_completed_or_why(job, answers, evidence) for job in jobs]


def check_complex_search(jobs: Sequence[ComplexJob], evidence: Evidence) -> None:
    """Look at every program and database that these jobs will need.

    Raises:
        InputError: one that is missing.
    """
    options = searches(evidence)
    for kind in {kind for kind, _, _ in _questions(jobs, evidence)}:
        planned_steps(options[kind])


def searches(evidence: Evidence) -> dict[type, SearchOptions]:
    """How each kind of molecule is searched, where it is."""
    options = evidence.search
    if options is None or options.preset == NONE:
        return {}
    rna = RNA_OF_PRESET.get(options.preset)
    found: dict[type, SearchOptions] = {} if options.preset == rna else {Protein: options}
    return found | ({RNA: replace(options, preset=rna, max_rows={})} if rna else {})


def question_of(entity: Entity, evidence: Evidence) -> Question | None:
    """What has to be looked for, if anything."""
    if not isinstance(entity, Protein | RNA) or type(entity) not in searches(evidence):
        return None
    lacks_templates = isinstance(entity, Protein) and entity.templates is None and evidence.finds_templates
    if evidence.msa == AUTO and entity.unpaired_msa is None:
        return type(entity), entity.sequence, ""
    rows = entity.unpaired_msa if evidence.msa == AUTO and entity.unpaired_msa else f">query\n{entity.sequence}\n"
    return (type(entity), entity.sequence, rows) if lacks_templates else None


def filters_of(evidence: Evidence) -> TemplateFilters:
    """The bounds for templates, with AlphaFold 3's date where none was chosen."""
    return replace(evidence.filters, max_date=evidence.filters.max_date or MAX_TEMPLATE_DATE)


def _questions(jobs: Sequence[ComplexJob], evidence: Evidence) -> list[Question]:
    """Each once."""
    asked = (question_of(entity, evidence) for job in jobs for entity in job.entities)
    return list(dict.fromkeys(question for question in asked if question))


def _answers(questions: Sequence[Question], evidence: Evidence) -> Answers:
    answers: dict[Question, ChainSearch | Exception] = {}
    for kind, options in searches(evidence).items():
        bare = [q for q in questions if q[0] is kind and not q[2]]
        with_rows = [q for q in questions if q[0] is kind and q[2]]
        try:
            answers |= zip(bare, search_chains([q[1] for q in bare], options) if bare else [], strict=True)
            rows = [parse_a3m(q[2].splitlines()) for q in with_rows]
            answers |= zip(with_rows, search_templates_of(rows, options) if rows else [], strict=True)
        except Exception as error:  # a database that was there when the run began
            answers |= {q: answers.get(q, error) for q in (*bare, *with_rows)}
    return answers


def _completed_or_why(job: ComplexJob, answers: Answers, evidence: Evidence) -> SearchedComplex | Exception:
    try:
        return _completed(job, answers, evidence)
    except Exception as error:
        return error


def _completed(job: ComplexJob, answers: Answers, evidence: Evidence) -> SearchedComplex:
    parts = {e.ids: _Part(e, evidence, answers) for e in job.entities if isinstance(e, Protein | RNA)}
    entities = {ids: part.complete() for ids, part in parts.items()}
    proteins = {ids: entity for ids, entity in entities.items() if isinstance(entity, Protein)}
    paired, pairing = pair_proteins(list(proteins.values()), [parts[ids].candidates for ids in proteins], evidence)
    entities |= zip(proteins, paired, strict=True)
    return SearchedComplex(
        replace(job, entities=tuple(entities.get(entity.ids, entity) for entity in job.entities)),
        tuple(part.record for part in parts.values()),
        pairing,
        {ids[0]: part.search.record for ids, part in parts.items() if part.search},
        tuple(_warnings(list(parts.values()), evidence)),
    )


@dataclass
class _Part:
    """One protein or RNA on its way: what it is given, what was found, and the record of which was taken."""

    entity: Polymer
    evidence: Evidence
    answers: Answers
    record: dict[str, Any] = field(default_factory=dict)
    search: ChainSearch | None = None
    candidates: Alignment | None = None  # rows to be paired with those of other proteins

    def complete(self) -> Polymer:
        """With rows of its own and templates; pairs are made of all proteins together.

        Raises:
            Exception: its search failed.
        """
        question = question_of(self.entity, self.evidence)
        found = self.answers[question] if question else None
        if isinstance(found, Exception):
            raise found
        self.search = found
        self.record |= {"chain": ", ".join(self.entity.ids), "residues": len(self.entity.sequence)}
        entity = self._with_rows(self.entity)
        entity = self._with_templates(entity) if isinstance(entity, Protein) else entity
        if self.search:
            self.record["search"] = without_how(self.search.record)
        return entity

    def _with_rows(self, entity: Polymer) -> Polymer:
        source, text = GIVEN if entity.unpaired_msa else NONE, entity.unpaired_msa or ""
        if self.evidence.msa == NONE:
            source, text = NONE, ""
        elif entity.unpaired_msa is None and self.search:
            source, text = SEARCHED, write_a3m(self.search.alignment)
            self.candidates = self.search.candidates or self.search.alignment
        self.record |= {"msa": source, "alignment_rows": text.count(">")}
        return replace(entity, unpaired_msa=text)

    def _with_templates(self, entity: Protein) -> Protein:
        if self.evidence.templates == NONE:
            self.record["templates"] = {"source": NONE, **template_record((), ())}
            return replace(entity, templates=())
        if entity.templates is not None or not self.search or not self.search.template_hits:
            given = entity.templates or ()
            record = {"source": GIVEN, "count": len(given)} if given else {"source": NONE}
            self.record["templates"] = {**record, **template_record((), ())}
            return replace(entity, templates=given)
        templates, record = templates_of(self.search.template_hits, entity.sequence, self.evidence)
        self.record["templates"] = {"source": SEARCHED, **record}
        return replace(entity, templates=templates)


def templates_of(
    hits: Sequence[TemplateHit], sequence: str, evidence: Evidence
) -> tuple[tuple[TemplateMapping, ...], dict[str, Any]]:
    """The hits that become templates, as a job file carries them, and what became of all hits."""
    filters = filters_of(evidence)
    chosen, record = templates_of_hits(hits, sequence, evidence, filters)
    texts, used, unreadable = [], [], []
    for template in chosen:
        try:
            texts.append(mapping_of(template))
            used.append(template)
        except InputError as error:
            unreadable.append({"reason": error.message, "hits": [template.name]})
    record = {**record, **template_record(used, ()), "rejected": [*record["rejected"], *unreadable]}
    return tuple(texts), {"max_date": filters.max_date, **record}


def mapping_of(template: TemplateInput) -> TemplateMapping:
    """A template of a search as a job file carries it: its chain as text, and what of it lies under the query.

    Raises:
        InputError: its file is no mmCIF file, or has no such chain.
    """
    pairs = template.mapping or ()
    text = chain_text(template.file, template.chain or "")
    return TemplateMapping(text, tuple(query for query, _ in pairs), tuple(place for _, place in pairs))


def _warnings(parts: Sequence[_Part], evidence: Evidence) -> list[str]:
    """What makes a prediction of this job less reliable than its reader may think."""
    alone = [part.record["chain"] for part in parts if part.record["alignment_rows"] < 2]
    found = []
    if alone:
        found.append(f"no relatives of chain {', '.join(alone)}: predicted from the sequence alone, rarely reliable.")
    if evidence.is_demo and any(part.search for part in parts):
        found.append("relatives are from the small set of sequences that comes with the program; a search finds more.")
    return found
