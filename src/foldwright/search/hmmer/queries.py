"""What is searched for: a named sequence."""

from __future__ import annotations

from dataclasses import dataclass

from pyhmmer.easel import Alphabet, DigitalSequence, TextSequence

from foldwright.errors import InputError

_LONGEST = 100_000  # residues; HMMER's pipeline takes no longer sequences


@dataclass(frozen=True)
class Query:
    """A sequence in one-letter codes; the name heads its row of the alignment."""

    name: str
    sequence: str

    def __post_init__(self):
        if not self.sequence or len(self.sequence) > _LONGEST:
            message = f'query "{self.name}" has {len(self.sequence)} residues.'
            raise InputError(message, field="sequence", remedy=f"HMMER takes 1 to {_LONGEST:,}.")
        if not self.name or self.name.split() != [self.name]:
            raise InputError(f'"{self.name}" is no name of a query.', field="name", remedy="Give one word.")

    def digital(self, alphabet: Alphabet) -> DigitalSequence:
        """Raises InputError if a letter is none of the alphabet's."""
        try:
            return TextSequence(name=self.name, sequence=self.sequence).digitize(alphabet)
        except ValueError as error:
            message = f'query "{self.name}" holds a letter that is no {alphabet.type} residue.'
            raise InputError(message, field="sequence", remedy="Write X (or N) for a residue not known.") from error
