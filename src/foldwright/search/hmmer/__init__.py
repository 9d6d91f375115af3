"""The HMMER programs within this process: shards of bounded memory, many queries in one pass, E-values of the whole."""

from foldwright.search.hmmer.hits import Hits, Row
from foldwright.search.hmmer.options import (
    HmmsearchOptions,
    JackhmmerOptions,
    NhmmerOptions,
    PhmmerOptions,
    af2_jackhmmer,
    af3_nhmmer,
    template_hmmsearch,
)
from foldwright.search.hmmer.queries import Query
from foldwright.search.hmmer.sequences import SequenceShards, Size, measure

__all__ = [
    "Hits",
    "HmmsearchOptions",
    "JackhmmerOptions",
    "NhmmerOptions",
    "PhmmerOptions",
    "Query",
    "Row",
    "SequenceShards",
    "Size",
    "af2_jackhmmer",
    "af3_nhmmer",
    "measure",
    "template_hmmsearch",
]
