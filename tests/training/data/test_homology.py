"""Relatives share a cluster and never stand in different splits."""

import numpy as np
import pytest

from foldwright.training.data.homology import compare, families, with_families
from foldwright.training.data.shards import Row

LETTERS = np.array(list("ARNDCQEGHILKMFPSTWYV"))


def random_sequence(rng, n=120) -> str:
    return "".join(rng.choice(LETTERS, n))


def mutated(sequence: str, share: float, rng) -> str:
    letters = np.array(list(sequence))
    at = rng.random(len(letters)) < share
    letters[at] = rng.choice(LETTERS, int(at.sum()))
    return "".join(letters)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def row(name: str, **facts) -> Row:
    defaults = {"length": 120, "kind": "exp", "cluster": "", "split": "", "is_core": False, "resolution": 2.0}
    return Row(id=name, **{**defaults, "depth": 1, "shard": "s", "row": 0, **facts})


def test_strangers_are_not_alike_and_relatives_are(rng):
    one, other = random_sequence(rng), random_sequence(rng, 90)
    assert compare(one, other).score < 0
    assert compare(one, one).identity == 1
    likeness = compare(one, mutated(one, 0.4, rng)[10:80])
    assert 0.5 < likeness.identity < 0.8
    assert likeness.score > 40


def test_close_relatives_are_one_cluster_and_distant_ones_one_family(rng):
    parents = [random_sequence(rng) for _ in range(4)]
    close = [mutated(parent, 0.3, rng) for parent in parents]
    distant = [mutated(parent, 0.66, rng) for parent in parents]
    found = families([*parents, *close, *distant, parents[0]])
    assert found.cluster[:4] == found.cluster[4:8]
    assert len(set(found.cluster[:4])) == 4
    assert found.cluster[12] == found.cluster[0]
    joined = sum(a == b for a, b in zip(found.component[:4], found.component[8:12], strict=True))
    assert joined >= 2
    assert not set(found.cluster[8:12]) & set(found.cluster[:4])


def test_families_do_not_depend_on_the_order(rng):
    parents = [random_sequence(rng) for _ in range(6)]
    texts = [*parents, *(mutated(parent, 0.35, rng) for parent in parents)]
    order = rng.permutation(len(texts))
    found, shuffled = families(texts), families([texts[i] for i in order])
    assert [found.cluster[i] for i in order] == shuffled.cluster


def test_relatives_are_in_one_split(rng):
    texts = [mutated(parent, share, rng) for parent in (random_sequence(rng) for _ in range(40)) for share in (0, 0.3)]
    rows = with_families([row(f"c{i}") for i in range(80)], texts, val_fraction=0.3)
    splits = [r.split for r in rows]
    assert splits[::2] == splits[1::2]
    assert 4 <= splits[::2].count("val") <= 20
    assert sum(r.is_core for r in rows) == splits[::2].count("val")
    assert not any(r.is_core for r in rows if r.split == "train")
    assert [r.cluster for r in rows[::2]] == [r.cluster for r in rows[1::2]]


def test_a_family_keeps_its_split_when_others_come(rng):
    texts = [random_sequence(rng) for _ in range(30)]
    few = with_families([row(f"c{i}") for i in range(20)], texts[:20], 0.3)
    more = with_families([row(f"c{i}") for i in range(30)], texts, 0.3)
    assert [r.split for r in few] == [r.split for r in more[:20]]
    assert len({r.split for r in few}) == 2


def test_what_the_source_says_stands_and_relatives_follow(rng):
    one, other = random_sequence(rng), random_sequence(rng)
    texts = [one, mutated(one, 0.2, rng), other, mutated(other, 0.2, rng), mutated(other, 0.2, rng)]
    rows = [row("a", split="val", cluster="A"), row("b"), row("c", split="train"), row("d", split="val"), row("e")]
    found = with_families(rows, texts, 0.0)
    assert [r.split for r in found] == ["val", "val", "train", "val", "unused"]
    assert found[1].cluster == "A"
    assert with_families(found, texts, 0.5) == found


def test_the_core_chain_of_a_family_is_the_best_resolved(rng):
    text = random_sequence(rng)
    rows = [row("poor", resolution=3.5), row("good", resolution=1.5), row("bare", resolution=1.0, kind="backbone_only")]
    found = with_families(rows, [text] * 3, val_fraction=1.0)
    assert [r.id for r in found if r.is_core] == ["good"]
