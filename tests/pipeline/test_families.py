"""Which program a request is for, what the other one's options are told, and seeds and sizes as they are written."""

from pathlib import Path

import pytest

from foldwright.errors import InputError
from foldwright.io.complexes.job import ComplexJob, Protein
from foldwright.pipeline.families import AF2, AF3, ONLY_OF, family_of, refuse_others
from foldwright.pipeline.memory import parse_bytes
from foldwright.pipeline.seeds import all_seeds, parse_seeds, seeds_of_complexes

JOB = ComplexJob("x", (Protein(("A",), "ACDE"),), (1,))


@pytest.mark.parametrize(
    ("inputs", "models", "weights", "family"),
    [
        (["ACDEFGHIK"], [], None, AF2),
        (["job.json"], [], None, AF3),
        (["job.yaml", JOB], [], None, AF3),
        (["a.fasta"], [], None, AF2),
        (["a.fasta", "job.json"], ["af3"], None, AF3),
        (["a.fasta"], [], "somewhere/af3.bin.zst", AF3),
        (["a.fasta"], ["model_1_ptm,model_2_ptm"], None, AF2),
        (["job.json"], ["model_1_ptm"], None, AF2),
    ],
)
def test_models_weights_and_inputs_say_which_family(inputs, models, weights, family):
    assert family_of(inputs, models, weights) == family


def test_folders_are_looked_into(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    assert family_of([tmp_path], [], None) == AF3
    (tmp_path / "b.fasta").write_text(">b")
    assert family_of([tmp_path], [], None) == AF2
    assert family_of(["ACDEFGHIK"], [], str(tmp_path)) == AF2
    (tmp_path / "af3.bin").write_text("")
    assert family_of(["ACDEFGHIK"], [], str(tmp_path)) == AF3


@pytest.mark.parametrize(("inputs", "models"), [(["a.json", "b.fasta"], []), (["a.json"], ["af3,model_1_ptm"])])
def test_two_families_at_once_are_refused(inputs, models):
    with pytest.raises(InputError, match=r"famil|job files"):
        family_of(inputs, models, None)


@pytest.mark.parametrize(("family", "other"), [(AF2, AF3), (AF3, AF2)])
def test_options_of_the_other_family_are_refused_by_name_and_its_own_are_not(family, other):
    refuse_others([*ONLY_OF[family], "--recycles"], family)
    for option in ONLY_OF[other]:
        with pytest.raises(InputError, match=option):
            refuse_others(["--recycles", option], family)


def test_every_option_of_one_family_is_one_of_the_command():
    text = (Path(__file__).parents[2] / "src" / "foldwright" / "cli" / "predict.py").read_text()
    for option in {**ONLY_OF[AF2], **ONLY_OF[AF3]}:
        assert f'"{option}": ' in text


def test_seeds_are_listed_or_counted():
    assert parse_seeds("1, 5,9-11,5") == (1, 5, 9, 10, 11)
    assert all_seeds(None, None, ()) == (0,)
    assert all_seeds(4, 2, ()) == (4, 5)
    assert all_seeds(None, None, (7, 8)) == (7, 8)
    assert seeds_of_complexes(None, 3, ()) == {"seeds": (), "num_seeds": 3}
    assert seeds_of_complexes(4, None, ()) == {"seeds": (4,)}
    with pytest.raises(InputError, match="--seeds"):
        all_seeds(1, None, (2,))
    for text in ("", "a", "3-1", "1-", "-4", "1-4294967295"):
        with pytest.raises(InputError, match="--seeds"):
            parse_seeds(text)


def test_sizes_of_memory_are_read_with_their_units():
    assert [parse_bytes(x) for x in ("12GB", "500 mb", "2", "1.5G", "1TB")] == [12e9, 5e8, 2e9, 1.5e9, 1e12]
    for text in ("", "GB", "-1", "0", "nan", "inf", "12KB"):
        with pytest.raises(InputError, match="--memory-limit"):
            parse_bytes(text)
