"""Typed groups of tensors: what a network reads, with one way to move, save and collate them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor

Group = TypeVar("Group", bound="TensorGroup")  # not typing.Self: beartype checks methods without their class


@dataclass(frozen=True, kw_only=True)
class TensorGroup:
    """A frozen record whose fields are tensors, other groups, or None where a part is absent."""

    def map(self: Group, change: Callable[[Tensor], Tensor]) -> Group:
        """The same group with `change` applied to every tensor."""
        return type(self)(**{name: _apply(change, value) for name, value in self._items()})

    def to(self: Group, *args: Any, **kwargs: Any) -> Group:
        """Like `Tensor.to`, except that a dtype only reaches floating-point tensors."""
        return self.map(lambda x: x.to(*args, **kwargs) if x.is_floating_point() else x.to(_device(x, *args, **kwargs)))

    def flat(self, prefix: str = "") -> dict[str, Tensor]:
        """Every tensor under its dotted name."""
        found: dict[str, Tensor] = {}
        for name, value in self._items():
            if isinstance(value, TensorGroup):
                found |= value.flat(f"{prefix}{name}.")
            elif value is not None:
                found[prefix + name] = value
        return found

    def save(self, path: str | Path) -> None:
        """Write the group as safetensors."""
        save_file({name: x.contiguous() for name, x in self.flat().items()}, str(path))

    @classmethod
    def load(cls: type[Group], path: str | Path) -> Group:
        """Read what `save` wrote; a part that was absent stays None."""
        return cls._unflatten(load_file(str(path)))

    @classmethod
    def collate(cls: type[Group], groups: Sequence[Group]) -> Group:
        """Stack examples along a new first axis, padding every axis with zeros to the longest.

        A part that only some examples have is padding in the others.
        """
        return cls(**{name: _collated([getattr(group, name) for group in groups]) for name, _ in groups[0]._items()})

    @classmethod
    def _unflatten(cls: type[Group], tensors: dict[str, Tensor]) -> Group:
        parts: dict[str, Any] = {}
        for name, hint in get_type_hints(cls).items():
            group = next((t for t in (hint, *getattr(hint, "__args__", ())) if _is_group(t)), None)
            if group is None:
                parts[name] = tensors.get(name)
            else:
                inner = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
                parts[name] = group._unflatten(inner) if inner else None
        return cls(**parts)

    def _items(self) -> list[tuple[str, Any]]:
        return [(f.name, getattr(self, f.name)) for f in fields(self)]


def _apply(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    if value is None:
        return None
    return value.map(change) if isinstance(value, TensorGroup) else change(value)


def _is_group(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, TensorGroup)


def _device(tensor: Tensor, *args: Any, **kwargs: Any) -> torch.device:
    """Where these arguments would move a floating-point tensor that is now where this one is."""
    return torch.empty(0, device=tensor.device).to(*args, **kwargs).device


def _collated(values: Sequence[Any]) -> Any:
    given = next((value for value in values if value is not None), None)
    if given is None:
        return None
    values = [_apply(lambda x: x[:0], given) if value is None else value for value in values]
    return type(given).collate(values) if isinstance(given, TensorGroup) else _stack_padded(values)


def _stack_padded(tensors: Sequence[Tensor]) -> Tensor:
    shape = [max(sizes) for sizes in zip(*(x.shape for x in tensors), strict=True)]
    out = tensors[0].new_zeros(len(tensors), *shape)
    for i, x in enumerate(tensors):
        out[(i, *map(slice, x.shape))] = x
    return out


@dataclass(frozen=True, kw_only=True)
class Residues(TensorGroup):
    """Who stands where. Chains are told apart by `asym_id`; equal chains share `entity_id` (AF-Multimer Suppl. 7.1)."""

    aatype: Int[Tensor, "*batch n"]  # 0-19 in the order ARNDCQEGHILKMFPSTWYV, 20 unknown
    residue_index: Int[Tensor, "*batch n"]  # position in the chain, from 0
    asym_id: Int[Tensor, "*batch n"]  # chain, from 1
    entity_id: Int[Tensor, "*batch n"]  # distinct sequence, from 1
    sym_id: Int[Tensor, "*batch n"]  # copy of that sequence, from 1
    mask: Float[Tensor, "*batch n"]  # 0 on padding


@dataclass(frozen=True, kw_only=True)
class ClusteredMSA(TensorGroup):
    """The rows that become cluster centres, with the profile of their clusters (AF2 Suppl. 1.2.7, Table 1)."""

    feat: Float[Tensor, "*batch s n 49"]  # centre one-hot 23, has deletion, deletion, profile 23, mean deletion
    mask: Float[Tensor, "*batch s n"]


@dataclass(frozen=True, kw_only=True)
class ExtraMSA(TensorGroup):
    """The rows that were not chosen as centres (AF2 Suppl. 1.2.7)."""

    aatype: Int[Tensor, "*batch e n"]  # 0-20, 21 gap, 22 masked
    has_deletion: Float[Tensor, "*batch e n"]
    deletion_value: Float[Tensor, "*batch e n"]  # 2/pi arctan(d/3)
    mask: Float[Tensor, "*batch e n"]


@dataclass(frozen=True, kw_only=True)
class Templates(TensorGroup):
    """Structures of relatives, aligned to the query (AF2 Suppl. 1.2.3, Table 1)."""

    aatype: Int[Tensor, "*batch t n"]  # 0-20, 21 gap
    positions: Float[Tensor, "*batch t n 37 3"]  # angstrom
    atom_mask: Float[Tensor, "*batch t n 37"]
    mask: Float[Tensor, "*batch t"]  # 0 for an empty slot


@dataclass(frozen=True, kw_only=True)
class MaskedMSA(TensorGroup):
    """What the masked-MSA head has to guess (AF2 Suppl. 1.2.7, 1.9.9)."""

    true_msa: Int[Tensor, "*batch s n"]
    bert_mask: Float[Tensor, "*batch s n"]  # 1 where the input was masked or replaced


@dataclass(frozen=True, kw_only=True)
class AF2Batch(TensorGroup):
    """The input of one pass of AlphaFold 2: one draw of the alignment, cluster centres and masks."""

    residues: Residues
    target_feat: Float[Tensor, "*batch n c"]  # 22 channels (monomer: domain break, then one-hot) or 21 (multimer)
    msa: ClusteredMSA
    extra_msa: ExtraMSA
    templates: Templates | None
    masked_msa: MaskedMSA
