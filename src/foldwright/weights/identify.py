"""Which network a set of parameters belongs to, told from the names of its arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from foldwright.models.af2.config import AF2
from foldwright.models.af2.presets import PRESETS
from foldwright.weights.formats import DEEPMIND, OPENFOLD, OURS

# Part of a name that only a network with this trait has, in each format.
SIGNS = {
    DEEPMIND: ("~_relative_encoding", "template_embedding", "predicted_aligned_error_head", "left_norm_input"),
    OPENFOLD: ("ipa.linear_k_points", "template_", "aux_heads.tm", "linear_ab_p"),
    OURS: ("template_embedder.query_norm", "template_embedder", "pae_head", ""),
}


@dataclass(frozen=True)
class Traits:
    """What distinguishes the official networks from each other."""

    is_multimer: bool
    has_templates: bool
    has_pae: bool
    is_v3: bool | None  # of multimer networks, where the file's layout tells

    @classmethod
    def of_file(cls, names: Iterable[str], kind: str) -> Traits:
        """Those of a file, from the names of its arrays."""
        names = list(names)
        is_multimer, has_templates, has_pae, is_v3 = (any(sign in name for name in names) for sign in SIGNS[kind])
        return cls(is_multimer, has_templates, has_pae, is_v3 if is_multimer and kind != OURS else None)

    @classmethod
    def of_network(cls, config: AF2, preset: str | None = None) -> Traits:
        """Those of a network, by its configuration; multimer v2 and v3 differ by name alone."""
        is_v3 = preset.endswith("v3") if preset and config.is_multimer else None
        return cls(config.is_multimer, config.templates is not None, config.heads.is_pae_predicted, is_v3)

    def may_be(self, other: Traits) -> bool:
        """Whether nothing that both say differs."""
        same_version = self.is_v3 is None or other.is_v3 is None or self.is_v3 == other.is_v3
        mine, theirs = (
            (t.is_multimer, t.is_multimer or t.has_templates, t.is_multimer or t.has_pae) for t in (self, other)
        )
        return mine == theirs and same_version

    def presets(self) -> list[str]:
        """The official models that these may be the parameters of."""
        return [name for name, make in PRESETS.items() if self.may_be(Traits.of_network(make(), name))]

    def __str__(self) -> str:
        if self.is_multimer:
            return {True: "a multimer v3 network", False: "a multimer v2 network", None: "a multimer network"}[
                self.is_v3
            ]
        templates = "with" if self.has_templates else "without"
        return f"a monomer network {templates} templates, {'with' if self.has_pae else 'without'} the PAE head"
