"""hmmalign in process: sequences against one profile, each from end to end."""

from collections.abc import Sequence
from typing import cast

import pyhmmer
from pyhmmer.easel import Alphabet, DigitalSequenceBlock, TextMSA, TextSequence

from foldwright.io.alignment import Alignment
from foldwright.io.stockholm import Stockholm
from foldwright.search.hmmer import profiles
from foldwright.search.hmmer.queries import Query


def run(query: Query, rows: Sequence[str], descriptions: Sequence[str], alphabet: Alphabet) -> Alignment:
    """The unaligned `rows` over the columns of the query, which is the first row.

    AlphaFold 3 does this with what nhmmer found, whose own alignments are local (AF3 SI 2.2).
    """
    if not rows:
        return Alignment.of_query(query.sequence, query.name)
    texts = [query.sequence, *rows]
    block = DigitalSequenceBlock(
        alphabet, [TextSequence(name=str(i), sequence=text).digitize(alphabet) for i, text in enumerate(texts)]
    )
    msa = cast(TextMSA, pyhmmer.hmmer.hmmalign(profiles.of_sequence(query, alphabet), block, all_consensus_cols=True))
    aligned = Stockholm({str(i): row for i, row in enumerate(msa.alignment)}, {}).alignment()
    return Alignment(aligned.sequences, aligned.deletions, [query.name, *descriptions])
