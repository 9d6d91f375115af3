"""Chains as templates for their relatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from foldwright.chem.residues import GAP
from foldwright.features.batch import Templates
from foldwright.features.templates import align, stack
from foldwright.training.data.chain import Chain
from foldwright.training.data.shards import ShardedChains

MOST_CANDIDATES = 20  # AF2 Suppl. 1.2.3
MOST_DRAWN = 4  # AF2 Suppl. 1.2.3
TOO_ALIKE = 0.95  # of the query's residues: such a template is the query itself, AF2 Suppl. 1.2.3


class Relatives:
    """The chains of each cluster, which are templates for each other."""

    def __init__(self, chains: ShardedChains, numbers: Sequence[int]):
        self.chains = chains
        self.members: dict[str, list[int]] = {}
        for number in numbers:
            self.members.setdefault(chains.manifest[number].cluster, []).append(number)

    def draw(self, chain: Chain, rng: np.random.Generator) -> Templates | None:
        """Templates of a whole chain: as many as a uniform number up to that of its relatives, at most four.

        AF2 Suppl. 1.2.3. The paper takes the 20 best hits of a search; here they are any 20 of the cluster.
        """
        others = [i for i in self.members.get(chain.cluster, ()) if self.chains.manifest[i].id != chain.id]
        candidates = rng.permutation(others)[:MOST_CANDIDATES].tolist()
        count = min(int(rng.integers(len(candidates) + 1)), MOST_DRAWN)
        found = (template_of(self.chains[int(i)], chain) for i in candidates[:count])
        return stack([template for template in found if template is not None])


def template_of(relative: Chain, query: Chain) -> Templates | None:
    """A chain laid over the residues of its relative; None if it is no relative, or the same protein."""
    match = align(query.sequence, relative.sequence)
    if match.is_by_chance or match.num_identical > TOO_ALIKE * len(query):
        return None
    columns, places = (np.array(list(ends), dtype=np.int64) for ends in (match.mapping.keys(), match.mapping.values()))
    if not relative.mask[places].any():
        return None
    aatype, mask = np.full(len(query), GAP), np.zeros((len(query), 37), np.float32)
    positions = np.zeros((len(query), 37, 3), np.float32)
    aatype[columns], mask[columns] = relative.aatype[places], relative.mask[places]
    positions[columns] = relative.positions[places]
    return Templates(
        aatype=torch.from_numpy(aatype)[None].long(),
        positions=torch.from_numpy(positions)[None],
        atom_mask=torch.from_numpy(mask)[None],
        mask=torch.ones(1),
    )
