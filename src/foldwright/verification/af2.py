"""Bundles of AlphaFold 2: the network they describe, and where each stored output is found in ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from foldwright.errors import InputError
from foldwright.features.batch import ExtraMSA
from foldwright.features.clusters import NUM_CLASSES
from foldwright.features.msa import profile
from foldwright.geometry.rigid import Rigid
from foldwright.geometry.rotation import quaternion_from_rotation
from foldwright.models.af2 import confidence
from foldwright.models.af2.config import AF2
from foldwright.models.af2.heads import distogram_edges
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.presets import PRESETS, preset
from foldwright.verification.af2_inputs import Example, Sampled, read_example
from foldwright.verification.af2_objective import SLACK, loss_with_noise
from foldwright.verification.af2_objective import TABLE as OBJECTIVE
from foldwright.verification.af2_run import Run, Table
from foldwright.verification.bundles import DTYPES, Bundle, Computed, Output, Prepare, as_built
from foldwright.weights import deepmind_af2
from foldwright.weights.rule import is_stacked, rule_parameters


def compute(bundle: Bundle, dtype: str, prepare: Prepare = as_built) -> Computed:
    """Build the bundle's network, run it on the stored inputs, and offer every output under its stored name."""
    config = config_of(bundle)
    model = prepare(model_of(bundle, config).to(DTYPES[dtype]), bundle.gradients is not None)
    example = read_example(bundle, config, DTYPES[dtype])
    stored = bundle.arrays(bundle.expected[bundle.truth], "expected")
    outputs = derived(example)
    table = {**NETWORK, **(MULTIMER if config.is_multimer else MONOMER), **OBJECTIVE}
    gradients: dict[str, Tensor] = {}
    with torch.set_grad_enabled(bundle.gradients is not None):
        for step in model.iterate([[example.batch]] * (config.recycling.num_recycles + 1)):
            prefix = f"rec{step.number}/"
            told = {key.removeprefix(prefix): x for key, x in stored.items() if key.startswith(prefix)}
            run = Run(config, step.output, example, told)
            outputs |= {prefix + name: partial(look_up, run, *row) for name, row in table.items()}
            outputs |= {prefix + name: partial(look_up, run, *table[name], of) for name, of in SLACK.items()}
            if torch.is_grad_enabled() and step.number == config.recycling.num_recycles:
                gradients = gradients_of(model, loss_with_noise(run))
    return Computed(outputs, gradients)


def look_up(
    run: Run,
    axes: str,
    make: Callable[[Run], Tensor | None],
    slack: Callable[[Run], tuple[float, float]] | None = None,
) -> Output | None:
    """One row of a table; None where this network has no such output."""
    with torch.no_grad():
        value = make(run)
        if value is None:
            return None
        return Output(value, run.example.is_valid(axes, value.shape), None if slack is None else slack(run))


def gradients_of(model: AlphaFold, loss: Tensor) -> dict[str, Tensor]:
    """The gradient of every parameter under its published name, and the loss itself."""
    loss.backward()
    values = {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in model.named_parameters()}
    arrays = {key: torch.from_numpy(array) for key, array in deepmind_af2.arrays_of(model, values).items()}
    return arrays | {"loss_total": loss.detach()}


# The bundle's words, and the number of ours that each sets.
_WORDS: dict[str, Callable[[AF2, int], AF2]] = {
    "evoformer_num_block": lambda c, k: replace(c, trunk=replace(c.trunk, num_blocks=k)),
    "extra_msa_stack_num_block": lambda c, k: replace(c, extra_msa=replace(c.extra_msa, num_blocks=k)),
    "template_pair_stack_num_block": lambda c, k: replace(
        c, templates=None if c.templates is None else replace(c.templates, num_blocks=k)
    ),
    "num_recycle": lambda c, k: replace(c, recycling=replace(c.recycling, num_recycles=k)),
}


def config_of(bundle: Bundle) -> AF2:
    """The preset, changed as the bundle says; every pass is run, however little it moves."""
    if bundle.preset not in PRESETS:
        raise InputError(f'unknown preset "{bundle.preset}".', file=bundle.path, field="preset")
    config = preset(bundle.preset)
    config = replace(config, recycling=replace(config.recycling, tolerance=0.0))
    for word, value in bundle.config.items():
        if word not in _WORDS or not isinstance(value, int) or value < 0:
            known = f"Known are {', '.join(_WORDS)}, each a count."
            raise InputError(f"{word} = {value!r} is not known.", file=bundle.path, field="config", remedy=known)
        config = _WORDS[word](config, value)
    return config


def model_of(bundle: Bundle, config: AF2) -> AlphaFold:
    """The network, its parameters made by the bundle's rule and read as a published file would be."""
    rule = bundle.parameters
    if rule.get("rule") != "af2" or not isinstance(rule.get("manifest"), str):
        raise bundle.error("parameters", 'expected {"rule": "af2", "salt": text, "manifest": path}.')
    listed: Mapping[str, list[int]] = bundle.json(rule["manifest"], "parameters")
    ours = deepmind_af2.manifest(config, listed)
    # The list may be that of the full depth; block i of a stack does not depend on how many follow.
    shapes = {
        key: (ours[key][0], *shape[1:]) if key in ours and is_stacked(key.split("//")[0]) else tuple(shape)
        for key, shape in listed.items()
    }
    model = AlphaFold(config).eval()
    deepmind_af2.import_params(model, rule_parameters(shapes, rule.get("salt", "")), file=bundle.path)
    return model


NETWORK: Table = {
    "repr_msa": ("s n c", lambda r: r.output.representations.msa),
    "repr_msa_first_row": ("n c", lambda r: r.output.representations.msa_first_row),
    "repr_pair": ("n n c", lambda r: r.output.representations.pair),
    "repr_single": ("n c", lambda r: r.output.representations.single),
    "repr_structure_module": ("n c", lambda r: r.output.structure.single),
    "distogram_logits": ("n n bin", lambda r: r.output.distogram_logits),
    "distogram_bin_edges": ("bin", lambda r: distogram_edges(r.config.heads.num_distogram_bins)),
    "masked_msa_logits": ("s n class", lambda r: r.output.masked_msa_logits),
    "experimentally_resolved_logits": ("n atom", lambda r: r.output.experimentally_resolved_logits),
    "predicted_lddt_logits": ("n bin", lambda r: r.output.plddt_logits),
    "predicted_aligned_error_logits": ("n n bin", lambda r: r.output.pae_logits),
    "predicted_aligned_error_breaks": ("bin", lambda r: confidence.pae_edges(r.config.heads.num_pae_bins)),
    "conf_plddt": ("n", lambda r: r.output.confidence.plddt),
    "conf_pae": ("n n", lambda r: r.output.confidence.pae),
    "conf_max_pae": ("", lambda r: r.output.confidence.max_pae),
    "conf_ptm": ("", lambda r: ptm(r, torch.ones_like(r.mask))),  # the original does not know padding here
    "conf_ptm_nopad": ("", lambda r: ptm(r, r.mask)),
    "conf_iptm": ("", lambda r: iptm(r, torch.ones_like(r.mask))),
    "conf_iptm_nopad": ("", lambda r: iptm(r, r.mask)),
    "sm_final_atom14_positions": ("n atom xyz", lambda r: r.output.structure.atom14_positions[-1]),
    "sm_final_atom14_mask": ("n atom", lambda r: r.output.structure.atom14_mask),
    "sm_final_atom_positions": ("n atom xyz", lambda r: r.output.positions),
    "sm_final_atom_mask": ("n atom", lambda r: r.output.atom_mask),
    "sm_angles_sin_cos": ("layer n angle xy", lambda r: r.output.structure.torsions),
    "sm_unnormalized_angles_sin_cos": ("layer n angle xy", lambda r: r.output.structure.unnormalised_torsions),
}

MONOMER: Table = {
    "sm_traj": ("layer n wxyz+xyz", lambda r: affines(r.output.structure.backbone)),
    "sm_final_affines": ("n wxyz+xyz", lambda r: affines(r.output.structure.backbone)[-1]),
    "sm_frames_rot": ("layer n frame row column", lambda r: r.output.structure.frame_rotation),
    "sm_frames_trans": ("layer n frame xyz", lambda r: r.output.structure.frame_translation),
    "sm_atom14_pos_all_layers": ("layer n atom xyz", lambda r: r.output.structure.atom14_positions),
}

MULTIMER: Table = {
    "sm_traj": ("layer n row column", lambda r: matrices(r.output.structure.backbone)),
    "sm_final_rigids": ("n row column", lambda r: matrices(r.output.structure.backbone[-1])),
    "sm_frames": ("layer n frame row column", lambda r: matrices(r.output.structure.frames)),
    "sm_atom_pos": ("layer n atom xyz", lambda r: r.output.structure.atom14_positions),
}

# What a multimer's features became under the stored draws.
DERIVED: Mapping[str, tuple[str, Callable[[Example, Sampled], Tensor]]] = {
    "msa_profile": ("n letter", lambda x, s: profile(s.msa)),
    "msa": ("s n", lambda x, s: s.centres.rows),
    "true_msa": ("s n", lambda x, s: x.batch.masked_msa.true_msa),
    "bert_mask": ("s n", lambda x, s: x.batch.masked_msa.bert_mask),
    "msa_mask": ("s n", lambda x, s: x.batch.msa.mask),
    "cluster_profile": ("s n letter", lambda x, s: s.clusters.profile),
    "cluster_deletion_mean": ("s n", lambda x, s: s.clusters.deletion_mean),
    "msa_feat": ("s n c", lambda x, s: x.batch.msa.feat),
    "extra_msa_feat": ("extra n c", lambda x, s: extra_msa_feat(x.batch.extra_msa)),
    "extra_msa_mask": ("extra n", lambda x, s: x.batch.extra_msa.mask),
    "target_feat": ("n c", lambda x, s: x.batch.target_feat),
}


def derived(example: Example) -> dict[str, Callable[[], Output | None]]:
    """The rows of `DERIVED`, where the inputs hold draws."""

    def make(axes: str, of: Callable[[Example, Sampled], Tensor], sampled: Sampled) -> Output:
        value = of(example, sampled)
        return Output(value, example.is_valid(axes, value.shape))

    if example.sampled is None:
        return {}
    return {f"derived/{name}": partial(make, *row, example.sampled) for name, row in DERIVED.items()}


def extra_msa_feat(extra: ExtraMSA) -> Tensor:
    """Letters and deletions of the extra rows in the channels of AF2 Suppl. Table 1."""
    letters = one_hot(extra.aatype, NUM_CLASSES).to(extra.mask)
    return torch.cat([letters, extra.has_deletion[..., None], extra.deletion_value[..., None]], dim=-1)


def ptm(run: Run, mask: Tensor) -> Tensor | None:
    """None without the PAE head."""
    logits = run.output.pae_logits
    return None if logits is None else confidence.ptm(logits, mask)


def iptm(run: Run, mask: Tensor) -> Tensor | None:
    """None without the PAE head."""
    logits = run.output.pae_logits
    return None if logits is None else confidence.iptm(logits, mask, run.example.batch.residues.asym_id)


def affines(frames: Rigid) -> Tensor:
    """The frames of successive layers as the monomer writes them: quaternion, then translation.

    Of the two quaternions of a rotation it has the one nearer to that of the layer before, starting from identity:
    its updates (1, b, c, d) turn by less than 180 degrees.
    """
    chosen, before = [], torch.tensor([1.0, 0, 0, 0]).to(frames.rotation)
    for q in quaternion_from_rotation(frames.rotation):
        before = torch.where((q * before).sum(-1, keepdim=True) < 0, -q, q)
        chosen.append(before)
    return torch.cat([torch.stack(chosen), frames.translation], dim=-1)


def matrices(frames: Rigid) -> Tensor:
    """The frames as the multimer writes them: 3 x 4."""
    return frames.to_matrix()[..., :3, :]
