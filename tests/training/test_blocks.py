"""Recomputation changes nothing but memory; bfloat16 only the products of blocks."""

from dataclasses import replace

import pytest
import torch

from foldwright.models.af2.evoformer import EvoformerBlock
from foldwright.training.blocks import outer_blocks, recompute, use_bfloat16
from foldwright.training.state import new_network
from foldwright.training.step import losses_of


@pytest.fixture
def network(recipe):
    """Parameters away from their start, where every update is zero."""

    def build(num_blocks=2):
        model = replace(recipe.model, trunk=replace(recipe.model.trunk, num_blocks=num_blocks))
        network = new_network(replace(recipe, model=model)).train()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.05 * torch.randn_like(parameter)
        return network

    return build


def run(network, recipe, examples):
    torch.manual_seed(1)
    network.zero_grad()
    terms, _ = losses_of(network, examples.draw(0, 2), recipe.losses)
    terms.weighted(recipe.losses).backward()
    gradients = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    return {name: value.detach() for name, value in terms.flat().items()}, gradients


def test_recomputing_gives_the_same_numbers_dropout_included(network, recipe, made_examples):
    network, examples = network(), made_examples(recipe)
    names = list(network.state_dict())
    terms, gradients = run(network, recipe, examples)
    other_dropout = {k: v.detach() for k, v in losses_of(network, examples.draw(0, 2), recipe.losses)[0].flat().items()}
    again, gradients_again = run(recompute(network), recipe, examples)
    assert list(network.state_dict()) == names
    assert all(torch.equal(terms[name], again[name]) for name in terms)
    assert gradients.keys() == gradients_again.keys()
    assert all(torch.equal(gradients[name], gradients_again[name]) for name in gradients)
    assert any(not torch.equal(terms[name], other_dropout[name]) for name in terms)


def saved_bytes(network, recipe, example):
    """What autograd keeps of the forward pass, each tensor counted once."""
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        losses_of(network, example, recipe.losses)
    parameters = {p.untyped_storage().data_ptr() for p in network.parameters()}
    return sum(x.untyped_storage().nbytes() for pointer, x in kept.items() if pointer not in parameters)


def test_memory_grows_with_the_inputs_of_blocks_only(network, recipe, made_examples):
    example = made_examples(recipe).draw(0, 1)
    plain = [saved_bytes(network(count), recipe, example) for count in (1, 3)]
    less = [saved_bytes(recompute(network(count)), recipe, example) for count in (1, 3)]
    n = example.passes[0].target_feat.shape[0]
    streams = 4 * n * (n * 16 + 4 * 16)  # float32 pairs and rows that enter a block
    assert less[1] - less[0] < 4 * streams
    assert plain[1] - plain[0] > 8 * (less[1] - less[0])


def test_bfloat16_rounds_products_and_leaves_the_rest_in_float32(network, recipe, made_examples):
    network, examples = network(), made_examples(recipe)
    terms, gradients = run(network, recipe, examples)
    dtypes = {}
    use_bfloat16(network)
    block = next(block for block in outer_blocks(network) if isinstance(block, EvoformerBlock))
    watched = {
        "linear": block.msa_transition.expand
        if hasattr(block.msa_transition, "expand")
        else block.row_attention.core.query,
        "norm": next(layer for layer in block.modules() if isinstance(layer, torch.nn.LayerNorm)),
        "structure": network.structure_module.layers[0]
        if hasattr(network.structure_module, "layers")
        else network.plddt_head,
        "head": network.distogram_head,
    }
    for name, layer in watched.items():
        layer.register_forward_hook(lambda _, __, out, name=name: dtypes.update({name: getattr(out, "dtype", None)}))
    block.register_forward_hook(lambda _, __, out: dtypes.update(stream=out[0].dtype))
    rounded, rounded_gradients = run(network, recipe, examples)
    assert dtypes["linear"] == torch.bfloat16
    assert {dtypes[name] for name in ("norm", "head", "stream")} == {torch.float32}
    for name, value in terms.items():
        torch.testing.assert_close(rounded[name], value, rtol=0.05, atol=0.02)
    assert any(not torch.equal(rounded[name], terms[name]) for name in terms)
    total = torch.cat([g.flatten() for g in gradients.values()])
    difference = torch.cat([(g - rounded_gradients[name]).flatten() for name, g in gradients.items()])
    assert 0 < difference.norm() < 0.2 * total.norm()
