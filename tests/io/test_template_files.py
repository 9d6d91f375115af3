"""Templates that a person gives: what a path stands for, and for which chains of a job."""

import json
from pathlib import Path

import pytest

from foldwright.errors import InputError
from foldwright.io.job import ChainInput, Job, TemplateInput
from foldwright.io.template_files import GivenTemplate, read_templates, with_templates


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "1abc.cif"
    path.write_text("data_x\n")
    return path


def listed(folder, content, name="templates.json"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def job(*sequences):
    return Job("x", tuple(map(ChainInput, sequences)))


def test_a_file_stands_for_its_chain_that_resembles_most(file):
    assert read_templates(file) == [GivenTemplate(TemplateInput(file, name="1abc"))]


def test_a_chain_can_be_named_after_a_colon(file):
    (given,) = read_templates(f"{file}:Bj")
    assert given.template == TemplateInput(file, "Bj", name="1abc_Bj")


def test_a_folder_stands_for_its_structures(tmp_path, file):
    (tmp_path / "2xyz.pdb.gz").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no structure")
    assert [item.template.name for item in read_templates(tmp_path)] == ["1abc", "2xyz"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no structure file is in this folder"):
        read_templates(tmp_path / "empty")


@pytest.mark.parametrize("name", ["missing.cif", "missing.cif:A", "notes.txt"])
def test_what_is_no_structure_is_refused(tmp_path, name):
    (tmp_path / "notes.txt").write_text("no structure")
    with pytest.raises(InputError, match=r"--templates: (no such file|this is no kind of structure)"):
        read_templates(tmp_path / name)


def test_the_fields_of_alphafold3_are_read(tmp_path, file):
    path = listed(tmp_path, [{"mmcifPath": "1abc.cif", "queryIndices": [0, 1, 2, 4], "templateIndices": [3, 4, 5, 8]}])
    (given,) = read_templates(path)
    assert given.template == TemplateInput(file, mapping=((0, 3), (1, 4), (2, 5), (4, 8)), name="1abc")
    assert given.chains is None
    entry = {"file": str(file), "chain": "B", "id": ["A", "C"]}
    for content in (entry, {"templates": [entry]}):
        (given,) = read_templates(listed(tmp_path, content))
        assert given.template == TemplateInput(file, "B", name="1abc_B")
        assert given.chains == ("A", "C")


FAULTS = [
    ("{", r"line 1: this is no JSON"),
    ([3], r"templates\[0\]: this is no template"),
    ([{}], "it names no structure file, or two"),
    ([{"mmcifPath": "1abc.cif", "file": "1abc.cif"}], "it names no structure file, or two"),
    ([{"mmcif": "data_x"}], r"the structure stands in the list. Write it to a file"),
    ([{"mmcifPath": "2abc.cif"}], "2abc.cif, field --templates: no such file"),
    ([{"mmcifPath": 3}], "mmcifPath is no text"),
    ([{"mmcifPath": "1abc.cif", "chains": "A"}], '"chains" is not known. The fields are'),
    ([{"mmcifPath": "1abc.cif", "id": 3}], "id names no chains"),
    ([{"mmcifPath": "1abc.cif", "queryIndices": [0, 1]}], "templateIndices is no list of numbers from 0"),
    ([{"mmcifPath": "1abc.cif", "queryIndices": [0, -1], "templateIndices": [0, 1]}], "queryIndices is no list"),
    ([{"mmcifPath": "1abc.cif", "queryIndices": [0, True], "templateIndices": [0, 1]}], "queryIndices is no list"),
    (
        [{"mmcifPath": "1abc.cif", "queryIndices": [0, 1], "templateIndices": [0]}],
        "has 2 numbers, templateIndices has 1",
    ),
    ([{"mmcifPath": "1abc.cif", "queryIndices": [7, 7], "templateIndices": [0, 1]}], "residue 7 is twice"),
]


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(("content", "message"), FAULTS)
def test_a_faulty_list_names_file_and_place(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_templates(listed(tmp_path, content))


def given(mapping=None, chains=None):
    return GivenTemplate(TemplateInput(Path("x.cif"), mapping=mapping), chains, Path("t.json"))


def test_templates_reach_the_chains_that_they_are_for():
    everywhere, one = given(), given(((0, 4),), ("B",))
    found = with_templates(job("MKTAY", "GSHM"), [everywhere, one])
    assert [chain.templates for chain in found.chains] == [
        (everywhere.template,),
        (everywhere.template, one.template),
    ]
    copies = with_templates(job("MKTAY", "MKTAY"), [given(((4, 0),))])
    assert [len(chain.templates) for chain in copies.chains] == [1, 1]


def test_a_map_must_say_for_which_of_different_chains_it_is():
    with pytest.raises(InputError, match=r't.json, field id: the map does not say for which chain .* Add "id"'):
        with_templates(job("MKTAY", "GSHM"), [given(((0, 4),))])


def test_a_chain_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"the job x has no chain C. Its chains are A, B"):
        with_templates(job("MKTAY", "GSHM"), [given(chains=("C",))])


def test_a_map_beyond_the_query_is_refused():
    with pytest.raises(InputError, match=r"residue 5 \(counted from 0\) is beyond the 5 of chain A"):
        with_templates(job("MKTAY"), [given(((4, 0), (5, 1)))])
