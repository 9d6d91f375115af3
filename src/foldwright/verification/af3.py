"""Bundles of AlphaFold 3: the network they describe, run on the stored draws, and where each stored output is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from foldwright.errors import InputError
from foldwright.models.af3.config import AF3
from foldwright.models.af3.distogram import distogram_edges
from foldwright.models.af3.model import AlphaFold3
from foldwright.models.af3.presets import PRESETS, preset
from foldwright.models.af3.sampler import noise_levels
from foldwright.verification.af3_files import compare_files
from foldwright.verification.af3_metrics import compare_metrics
from foldwright.verification.af3_run import Run, read_inputs, run
from foldwright.verification.af3_templates import infer_noise
from foldwright.verification.bundles import DTYPES, Bundle, Computed, Expected, Output, Prepare, as_built
from foldwright.weights import deepmind_af3
from foldwright.weights.af3_store import network_of
from foldwright.weights.rule import af3_rule_parameters

TOLERANCE = {"float32": 2e-4, "float64": 2e-4}  # relative; what was stored is float32
DRAWS = "rand/"  # stored beside the outputs, and given to the network
PASS = "out_recycle{}/"  # every pass but the last, whose representations lie under out/


def compute(bundle: Bundle, dtype: str, prepare: Prepare = as_built) -> Computed:
    """Build the bundle's network, run it on the stored inputs and draws, and offer every output by its stored name."""
    config = config_of(bundle)
    inputs = read_inputs(bundle, config, DTYPES[dtype])
    stored = bundle.arrays(bundle.expected[bundle.truth], "expected")
    model = model_of(bundle, config).to(DTYPES[dtype])
    with torch.no_grad():
        first = stored.get(f"{PASS.format(0)}pair_embeddings", stored.get("out/pair_embeddings"))
        if first is not None:
            infer_noise(model, inputs, torch.from_numpy(first))
        found = run(prepare(model, False), inputs)
    outputs = {key: partial(look_up, found, make, axes) for key, (axes, make) in table_of(found).items()}
    expected = {key: array for key, array in stored.items() if not key.startswith(DRAWS)}
    for extra in (compare_metrics(bundle, found), compare_files(bundle, found)):
        outputs |= {key: partial(_given, output) for key, (output, _) in extra.items()}
        expected |= {key: array for key, (_, array) in extra.items()}
    return Computed(outputs, {}, by_step(expected))


def _given(output: Output | None) -> Output | None:
    return output


def look_up(found: Run, make: Callable[[Run], Tensor], axes: str) -> Output:
    """One row of a table; valid are the tokens and atoms that are no padding."""
    value = make(found)
    return Output(value, found.is_valid(axes, value.shape))


def by_step(arrays: Expected) -> Expected:
    """What has one entry per step of the sampler, apart: the first steps are three orders larger than the last."""
    split = {}
    for key, array in arrays.items():
        if key in STEPS:
            split |= {f"{key}/{i}": step for i, step in enumerate(array)}
        else:
            split[key] = array
    return split


# The bundle's words, and the number of ours that each sets.
_WORDS: dict[str, Callable[[AF3, int], AF3]] = {
    "pairformer_num_layer": lambda c, k: replace(c, pairformer=replace(c.pairformer, num_blocks=k)),
    "msa_stack_num_layer": lambda c, k: replace(c, msa=replace(c.msa, num_blocks=k)),
    "template_num_layer": lambda c, k: replace(c, templates=replace(c.templates, num_blocks=k)),
    "diffusion_transformer_num_block": lambda c, k: replace(c, diffusion=replace(c.diffusion, num_blocks=k)),
    "super_block_size": lambda c, k: replace(c, diffusion=replace(c.diffusion, blocks_per_pair_bias=k)),
    "atom_transformer_num_block": lambda c, k: replace(
        c,
        atoms=replace(c.atoms, num_blocks=k),
        diffusion=replace(c.diffusion, atoms=replace(c.diffusion.atoms, num_blocks=k)),
    ),
    "confidence_num_layer": lambda c, k: replace(c, heads=replace(c.heads, num_confidence_blocks=k)),
    "num_msa": lambda c, k: replace(c, features=replace(c.features, num_msa=k)),
    "num_recycles": lambda c, k: replace(c, num_recycles=k),
    "diffusion_steps": lambda c, k: replace(c, sampling=replace(c.sampling, num_steps=k)),
    "num_samples": lambda c, k: replace(c, sampling=replace(c.sampling, num_samples=k)),
}


def config_of(bundle: Bundle) -> AF3:
    """The preset, changed as the bundle says.

    Raises:
        InputError: a preset or a word that is not known.
    """
    if bundle.preset not in PRESETS:
        raise InputError(f'unknown preset "{bundle.preset}".', file=bundle.path, field="preset")
    config = preset(bundle.preset)
    for word, value in bundle.config.items():
        if word not in _WORDS or not isinstance(value, int) or value < 0:
            known = f"Known are {', '.join(_WORDS)}, each a count."
            raise InputError(f"{word} = {value!r} is not known.", file=bundle.path, field="config", remedy=known)
        config = _WORDS[word](config, value)
    return config


def model_of(bundle: Bundle, config: AF3) -> AlphaFold3:
    """The network, its parameters made by the bundle's rule and read as the published file would be.

    Raises:
        InputError: the bundle's list of parameters is missing, or is not that of this network.
    """
    rule = bundle.parameters
    if rule.get("rule") != "af3" or not isinstance(rule.get("list"), str) or not isinstance(rule.get("salt", 0), int):
        raise bundle.error("parameters", 'expected {"rule": "af3", "salt": number, "list": path}.')
    told = bundle.json(rule["list"], "parameters")
    try:
        shapes = {f"{row['scope']}//{row['name']}": tuple(row["shape"]) for row in told["params"]}
    except (KeyError, TypeError) as fault:
        raise bundle.error("parameters", f'"{rule["list"]}" lists no parameters.') from fault
    arrays = af3_rule_parameters(shapes, rule.get("salt", 0))
    state = deepmind_af3.state_dict_of(config, arrays, file=bundle.path)
    return network_of(config, {name: tensor.contiguous() for name, tensor in state.items()})


Table = Mapping[str, tuple[str, Callable[[Run], Tensor]]]

# Stored name -> what its axes count (n tokens, atom slots of tokens, others anything), and where we have it.
NETWORK: Table = {
    "noise_levels": ("level", lambda r: noise_levels(r.config.sampling, r.config.diffusion.sigma_data)),
    "out/target_feat": ("n c", lambda r: r.output.target_feat),
    "out/single_embeddings": ("n c", lambda r: r.output.trunk.single),
    "out/pair_embeddings": ("n n c", lambda r: r.output.trunk.pair),
    "out/distogram/distogram": ("n n bin", lambda r: r.output.distogram_logits),
    "out/distogram/bin_edges": ("bin", lambda r: distogram_edges(r.config.heads)),
    "out/distogram/contact_probs": ("n n", lambda r: r.output.contact_probabilities),
    "out/diffusion_samples/atom_positions": ("sample n atom xyz", lambda r: r.output.positions),
    "out/diffusion_samples/mask": (
        "sample any atom",
        lambda r: r.batch.atom_mask.expand(r.output.positions.shape[:-1]),
    ),
    "out/predicted_lddt": ("sample n slot", lambda r: r.output.confidence.plddt),
    "out/predicted_experimentally_resolved": ("sample n slot", lambda r: r.output.confidence.resolved),
    "out/full_pae": ("sample n n", lambda r: r.output.confidence.pae),
    "out/full_pde": ("sample n n", lambda r: r.output.confidence.pde),
    "out/average_pde": ("sample", lambda r: r.output.confidence.average_pde),
    "out/tmscore_adjusted_pae_global": ("sample n n", lambda r: r.output.confidence.tm_global),
    "out/tmscore_adjusted_pae_interface": ("sample n n", lambda r: r.output.confidence.tm_interface),
}
STEPS: Table = {
    "out/diffusion_samples/trajectory": ("sample n atom xyz", lambda r: torch.stack([s.positions for s in r.steps])),
    "sample0/denoiser_in": ("n atom xyz", lambda r: torch.stack([s.noisy[0] for s in r.steps])),
    "sample0/denoiser_out": ("n atom xyz", lambda r: torch.stack([s.denoised[0] for s in r.steps])),
}


def table_of(found: Run) -> Table:
    """Every output of a run: those of the network, of each step of the sampler, of each pass of the trunk."""
    table = dict(NETWORK)
    for key, (axes, make) in STEPS.items():
        table |= {f"{key}/{i}": (axes, partial(_at, make, i)) for i in range(len(found.steps))}
    for i in range(len(found.passes)):
        table[f"{PASS.format(i)}single_embeddings"] = ("n c", partial(_single, i))
        table[f"{PASS.format(i)}pair_embeddings"] = ("n n c", partial(_pair, i))
    return table


def _at(make: Callable[[Run], Tensor], i: int, found: Run) -> Tensor:
    return make(found)[i]


def _single(i: int, found: Run) -> Tensor:
    return found.passes[i].single


def _pair(i: int, found: Run) -> Tensor:
    return found.passes[i].pair
