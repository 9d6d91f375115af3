"""Networks of every kind, narrow enough to be written to disk in a blink."""

from dataclasses import replace

import pytest

from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, TemplateEmbedder
from foldwright.models.af2.presets import preset


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


@pytest.fixture(name="narrow")
def _narrow():
    return narrow


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """No test sees or changes the weights of the person who runs it."""
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))
