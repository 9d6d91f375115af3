"""What a prediction may learn from besides the sequence: relatives, their pairing, templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from foldwright.errors import InputError
from foldwright.features.pairing import STRATEGIES
from foldwright.io.job import ChainInput, Job
from foldwright.search.colabfold import PUBLIC
from foldwright.search.files import STRUCTURES as STRUCTURES_OF_SEARCH
from foldwright.search.options import SERVER, SearchOptions
from foldwright.search.plan import chosen_steps
from foldwright.search.recipes import LOCAL
from foldwright.search.templates import TemplateFilters

AUTO, NONE = "auto", "none"
CHOICES = {
    "--msa": (AUTO, NONE),
    "--pairing": (AUTO, NONE, *STRATEGIES),
    "--use-templates": (AUTO, NONE),
}

STRATEGY_OF_PRESET = {"colabfold": "greedy", "af3": "af3"}  # as those programs pair; all others as AlphaFold-Multimer
STRUCTURES = ("pdb_mmcif/mmcif_files", "mmcif_files", "pdb_mmcif", "mmcif")  # where database folders keep the PDB


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What may be used. What is given with a job always comes before what could be searched.

    msa         auto: the alignment given, else one that is searched; none: the sequence alone
    pairing     of the rows of different chains: auto: those given, else as the search's preset does; none; or by name
    templates   auto: those given, else those that the search finds; none
    search      how to search; None searches nothing
    filters     which hits become templates
    structures  folder with the mmCIF files of the PDB; None is the one among the databases
    """

    msa: str = AUTO
    pairing: str = AUTO
    templates: str = AUTO
    search: SearchOptions | None = None
    filters: TemplateFilters = field(default_factory=TemplateFilters)
    structures: Path | None = None

    def __post_init__(self):
        for (option, words), word in zip(CHOICES.items(), (self.msa, self.pairing, self.templates), strict=True):
            if word not in words:
                raise InputError(f'there is no "{word}".', field=option, remedy=f"Use {', '.join(words)}.")
        if self.structures is not None and not self.structures.is_dir():
            remedy = "Give the folder that holds the mmCIF files of the PDB."
            raise InputError("no such folder.", file=self.structures, field="--template-structures", remedy=remedy)

    def is_searched(self, chain: ChainInput) -> bool:
        """Whether relatives of this chain have to be looked for."""
        if self.search is None or self.search.preset == NONE:
            return False
        is_without_rows = self.msa == AUTO and not (chain.alignment or chain.paired)
        is_without_templates = self.finds_templates and not (chain.templates or chain.template_hits)
        return is_without_rows or is_without_templates

    @cached_property
    def finds_templates(self) -> bool:
        """Whether the search looks for templates and they are wanted."""
        if self.search is None or self.templates == NONE:
            return False
        return any("templates" in step.gives for step in chosen_steps(self.search))

    def searched_sequences(self, job: Job) -> list[str]:
        """The sequences of a job that are searched, each once."""
        return list(dict.fromkeys(chain.sequence for chain in job.chains if self.is_searched(chain)))

    @property
    def strategy(self) -> str:
        """How rows of different chains are paired where no pairs are given."""
        if self.pairing != AUTO:
            return self.pairing
        return STRATEGY_OF_PRESET.get(self.search.preset if self.search else "", "af2")

    @property
    def structures_folder(self) -> Path | None:
        """Where the structures that template hits name are."""
        databases = self.search.folder if self.search else None
        places = [] if databases is None else [databases / name for name in STRUCTURES]
        return self.structures or next(filter(Path.is_dir, places), None)

    @property
    def is_demo(self) -> bool:
        """Whether the only database searched is the small one that comes with the program."""
        return self.search is not None and self.search.preset == LOCAL and self.search.folder is None


def evidence_of(
    *,
    msa: str = AUTO,
    pairing: str = AUTO,
    use_templates: str = AUTO,
    preset: str | None = None,
    databases: str | Path | None = None,
    search_engine: str = AUTO,
    search_server: str | None = None,
    template_structures: str | Path | None = None,
    max_template_date: str | None = None,
    template_filters: Mapping[str, Any] | None = None,
    alignments: str | Path | None = None,
) -> Evidence:
    """The choices of the command `foldwright predict`; without a preset, `local`.

    template_filters  numbers of `TemplateFilters` by name, the day apart
    alignments        a folder of `foldwright search`, which may hold the structures that its hits name

    Raises:
        InputError: a choice that does not exist.
    """
    if search_server is not None and search_engine != SERVER:
        raise InputError(
            f"{search_server} would not be asked.", field="--search-server", remedy="Add --search-engine server."
        )
    return Evidence(
        msa=msa,
        pairing=pairing,
        templates=use_templates,
        search=SearchOptions(
            preset=preset or LOCAL,
            databases=None if databases is None else Path(databases),
            engine=search_engine,
            templates=use_templates == AUTO,
            server=search_server or PUBLIC,
        ),
        filters=TemplateFilters(max_date=max_template_date, **(template_filters or {})),
        structures=_structures(template_structures, alignments),
    )


def _structures(chosen: str | Path | None, alignments: str | Path | None) -> Path | None:
    """The folder that was named, else the one of an earlier search."""
    if chosen is not None:
        return Path(chosen)
    searched = None if alignments is None else Path(alignments) / STRUCTURES_OF_SEARCH
    return searched if searched is not None and searched.is_dir() else None


def check_given(evidence: Evidence, alignments: object, templates: object) -> None:
    """Refuse what is given and forbidden at once.

    Raises:
        InputError: naming both options.
    """
    for given, choice, names in (
        (alignments, evidence.msa, ("--alignments", "--msa none")),
        (templates, evidence.templates, ("--templates", "--use-templates none")),
    ):
        if given and choice == NONE:
            raise InputError(f"{names[0]} and {names[1]} contradict each other.", remedy="Leave one of them out.")
