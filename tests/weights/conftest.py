"""Networks of every kind, narrow enough to be written to disk in a blink."""

from dataclasses import replace

import pytest

from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, TemplateEmbedder
from foldwright.models.af2.presets import preset
from foldwright.models.af3.config import (
    AF3,
    AtomAttention,
    Diffusion,
    Heads,
    MSAModule,
    Pairformer,
    PairSizes,
)
from foldwright.models.af3.config import TemplateEmbedder as AF3TemplateEmbedder


def narrow(name: str) -> AF2:
    """An official network with the same parts, thin."""
    full = preset(name)
    templates = TemplateEmbedder(num_blocks=2, c_t=8, heads=2, c_attention=4, c_triangle=8) if full.templates else None
    return replace(
        full,
        trunk=Evoformer(
            num_blocks=1,
            c_m=16,
            c_z=12,
            c_s=20,
            msa_heads=2,
            c_msa_attention=6,
            pair_heads=2,
            c_pair_attention=4,
            c_triangle=10,
            c_outer=4,
            outer_product_first=full.trunk.outer_product_first,
        ),
        extra_msa=ExtraMSAStack(num_blocks=1, c_e=8, msa_heads=2, c_msa_attention=4),
        templates=templates,
        structure=replace(full.structure, heads=3, c_hidden=4, num_query_points=2, num_value_points=3, c_angles=12),
        heads=replace(full.heads, c_plddt=12),
    )


def narrow_af3() -> AF3:
    """AlphaFold 3 with the same parts, thin."""
    pair = PairSizes(c_z=12, c_triangle=10, heads=2, c_attention=4, transition_factor=2)
    atoms = AtomAttention(num_blocks=2, heads=2, c_atom=8, c_atom_pair=4)
    return AF3(
        atoms=atoms,
        templates=AF3TemplateEmbedder(num_blocks=1, pair=replace(pair, c_z=8)),
        msa=MSAModule(num_blocks=2, c_m=8, c_outer=4, heads=2, c_value=4, pair=pair),
        pairformer=Pairformer(num_blocks=3, c_s=20, heads=2, pair=pair),
        diffusion=Diffusion(c_token=16, c_noise=6, num_blocks=6, heads=4, blocks_per_pair_bias=2, atoms=atoms),
        heads=Heads(num_confidence_blocks=1),
    )


@pytest.fixture(name="narrow_af3")
def _narrow_af3():
    return narrow_af3()


@pytest.fixture(name="narrow")
def _narrow():
    return narrow


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """No test sees or changes the weights of the person who runs it."""
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))
