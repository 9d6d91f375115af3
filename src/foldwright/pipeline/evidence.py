"""What a prediction may learn from besides the sequence: relatives, their pairing, templates."""

from __future__ import annotations

from dataclasses import dataclass

from foldwright.errors import InputError
from foldwright.io.job import ChainInput, Job
from foldwright.search.options import SearchOptions

AUTO, NONE = "auto", "none"
GREEDY, COMPLETE = "greedy", "complete"
CHOICES = {
    "--msa": (AUTO, NONE),
    "--pairing": (AUTO, NONE, GREEDY, COMPLETE),
    "--use-templates": (AUTO, NONE),
}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What may be used. What is given with a job always comes before what could be searched.

    msa        auto: the alignment given, else one that is searched; none: the sequence alone
    pairing    of a complex's rows: auto: those given, else by species as AlphaFold-Multimer does; none; or ColabFold's
               greedy and complete
    templates  auto: those given, else those that the search finds; none
    search     how to search; None searches nothing
    """

    msa: str = AUTO
    pairing: str = AUTO
    templates: str = AUTO
    search: SearchOptions | None = None

    def __post_init__(self):
        for (option, words), word in zip(CHOICES.items(), (self.msa, self.pairing, self.templates), strict=True):
            if word not in words:
                raise InputError(f'there is no "{word}".', field=option, remedy=f"Use {', '.join(words)}.")

    def is_searched(self, chain: ChainInput) -> bool:
        """Whether relatives of this chain have to be looked for."""
        is_wanted = self.msa == AUTO and self.search is not None and self.search.preset != NONE
        return is_wanted and chain.alignment is None and chain.paired is None

    def searched_sequences(self, job: Job) -> list[str]:
        """The sequences of a job that are searched, each once."""
        return list(dict.fromkeys(chain.sequence for chain in job.chains if self.is_searched(chain)))


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
