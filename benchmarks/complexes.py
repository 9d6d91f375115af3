"""Random inputs of AlphaFold 3 of any size: one chain of protein whose residues have eight atoms each."""

import torch
from inputs import real_mask
from torch import Tensor

from foldwright.features.af3.batch import (
    AF3MSA,
    ATOMS_PER_TOKEN,
    AF3Batch,
    AF3Templates,
    AtomLayout,
    Bonds,
    Gather,
    ReferenceAtoms,
    Tokens,
)

ATOMS = 8  # of a residue, about the mean of proteins
QUERIES, KEYS = 32, 128


def random_complex(n: int, num_rows: int, num_templates: int = 4, padding: int = 2) -> AF3Batch:
    """One chain of `n` tokens, the last of which are padding."""
    one, mask = torch.ones(n, dtype=torch.long), real_mask(1, n, 0)[0] if padding == 0 else _padded(n, padding)
    atom_mask = mask[:, None] * (torch.arange(ATOMS_PER_TOKEN) < ATOMS)
    return AF3Batch(
        tokens=Tokens(
            residue_index=1 + torch.arange(n),
            token_index=1 + torch.arange(n),
            aatype=torch.randint(20, (n,)),
            asym_id=one,
            entity_id=one,
            sym_id=one,
            mask=mask,
            is_protein=mask > 0,
            is_rna=mask < 0,
            is_dna=mask < 0,
            is_ligand=mask < 0,
        ),
        msa=AF3MSA(
            rows=torch.randint(22, (num_rows, n)),
            deletions=torch.randint(3, (num_rows, n)),
            mask=real_mask(num_rows, n, 2) * mask,
            profile=torch.rand(n, 31),
            deletion_mean=torch.rand(n),
            num_rows=torch.tensor(num_rows - 2),
        ),
        templates=AF3Templates(
            aatype=torch.randint(20, (num_templates, n)),
            positions=20 * torch.randn(num_templates, n, ATOMS_PER_TOKEN, 3),
            mask=(torch.rand(num_templates, n, ATOMS_PER_TOKEN) > 0.2).float() * atom_mask,
        ),
        reference=ReferenceAtoms(
            positions=3 * torch.randn(n, ATOMS_PER_TOKEN, 3),
            mask=atom_mask,
            element=torch.randint(6, 9, (n, ATOMS_PER_TOKEN)),
            charge=torch.zeros(n, ATOMS_PER_TOKEN),
            name_chars=torch.randint(64, (n, ATOMS_PER_TOKEN, 4)),
            space_uid=torch.arange(n)[:, None].expand(n, ATOMS_PER_TOKEN),
        ),
        layout=_layout(atom_mask),
        bonds=Bonds(polymer_ligand=_everything(torch.zeros(n, 2)), ligand_ligand=_everything(torch.zeros(10 * n, 2))),
        atom_mask=atom_mask,
        frames_mask=mask > 0,
    )


def _padded(n: int, padding: int) -> Tensor:
    return (torch.arange(n) < n - padding).float()


def _layout(atom_mask: Tensor) -> AtomLayout:
    """Atoms packed one after another into windows; what is left of the windows reads an empty slot."""
    slots, size = atom_mask.flatten().nonzero().squeeze(-1), atom_mask.numel()
    num_subsets = -(-size // QUERIES)
    queries = torch.full((num_subsets * QUERIES,), size - 1)
    queries[: len(slots)] = slots
    back = torch.zeros(size, dtype=torch.long)
    back[slots] = torch.arange(len(slots))
    first = QUERIES * torch.arange(num_subsets) + (QUERIES - KEYS) // 2
    keys = first.clamp(0, max(0, len(slots) - KEYS))[:, None] + torch.arange(KEYS)
    tokens = queries // ATOMS_PER_TOKEN
    return AtomLayout(
        queries=_everything(queries.view(-1, QUERIES)),
        keys=_everything(keys),
        tokens_to_queries=_everything(tokens.view(-1, QUERIES)),
        tokens_to_keys=_everything(tokens[keys.clamp(max=len(queries) - 1)]),
        queries_to_tokens=Gather(indices=back.view(atom_mask.shape), mask=atom_mask > 0),
        pseudo_beta=_everything(ATOMS_PER_TOKEN * torch.arange(len(atom_mask)) + 4),
    )


def _everything(indices: Tensor) -> Gather:
    return Gather(indices=indices.long(), mask=torch.ones(indices.shape, dtype=torch.bool))
