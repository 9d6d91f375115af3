"""Jobs of any molecules, read from the files of several programs."""

import gzip
import json
import lzma
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from foldwright.chem.components import Components
from foldwright.errors import InputError
from foldwright.io.complexes.job import DNA, RNA, AtomReference, Ligand, Modification, Protein
from foldwright.io.complexes.jobs import read_complex_jobs
from foldwright.io.complexes.writer import alphafold3_json

SAMPLES = Path(__file__).parent / "job_samples"
ORACLES = Path(__file__).parents[2] / "oracles" / "af3"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "af3_inputs"
MSA = ">query\nTGTQHNASPMPEV\n>hit\nTGTVHNAAPMDI-\n"


@pytest.fixture(scope="session")
def components() -> Components:
    return Components.read(ORACLES / "ccd_subset.json.gz")


@pytest.fixture
def job(components):
    """The only job of a sample."""

    def read(name: str):
        jobs = read_complex_jobs(SAMPLES / name, components)
        assert not jobs.errors
        assert len(jobs) == 1
        return jobs[0]

    return read


def bond(*atoms: tuple[str, int, str]) -> tuple[AtomReference, ...]:
    return tuple(AtomReference(*atom) for atom in atoms)


def test_every_part_of_alphafold3s_json_is_read(job):
    read = job("alphafold3.json")
    protein, rna, dna, glycan, ion, drug = read.entities
    assert (read.name, read.seeds) == ("every part", (1, 42))
    assert isinstance(protein, Protein)
    assert (protein.ids, protein.modifications, protein.templates) == (("A", "B"), (Modification("SEP", 5),), ())
    assert (protein.unpaired_msa or "").startswith(">query\nMFPC")
    assert (protein.paired_msa, protein.description) == ("", "two copies")
    assert rna == RNA(("R",), "GACUG", (Modification("PSU", 4),), ">query\nGACUG\n>hit\nCGC-G\n")
    assert dna == DNA(("D",), "TAGGTTAGCC", (Modification("5CM", 10),))
    assert (glycan, ion) == (Ligand(("G",), ("NAG", "NAG")), Ligand(("M",), ("MG",)))
    assert drug == Ligand(("L", "AA"), smiles="CC(=O)Oc1ccccc1C(=O)O")
    assert read.bonds[0] == bond(("A", 9, "ND2"), ("G", 1, "C1"))
    assert [name for name, _ in read.chains] == ["A", "B", "D", "G", "L", "M", "R", "AA"]


def test_what_is_not_given_is_to_be_searched_and_what_is_empty_is_none(tmp_path):
    chain = {"id": "A", "sequence": "GAS"}
    for given, expected in (({}, None), ({"unpairedMsa": "", "pairedMsa": ""}, ""), ({"unpairedMsa": None}, None)):
        path = written(tmp_path, [{"protein": chain | given}])
        (protein,) = read_complex_jobs(path)[0].entities
        assert isinstance(protein, Protein)
        assert (protein.unpaired_msa, protein.paired_msa, protein.templates) == (expected, expected, None)


def written(folder: Path, sequences: list, **more) -> Path:
    content = {"name": "job", "modelSeeds": [1], "sequences": sequences, "dialect": "alphafold3", "version": 4}
    path = folder / "job.json"
    path.write_text(json.dumps(content | more, indent=1), "utf-8")
    return path


@pytest.mark.parametrize("packed", [bytes, gzip.compress, lzma.compress, "zstd"])
def test_alignments_and_components_may_stand_in_files_of_their_own(tmp_path, packed):
    if packed == "zstd":
        packed = pytest.importorskip("zstandard").ZstdCompressor().compress
    (tmp_path / "msa").write_bytes(packed(MSA.encode()))
    (tmp_path / "own.cif").write_bytes(
        packed(json.loads((ORACLES / "inputs/hetero_paired_userccd.json").read_text())["userCCD"].encode())
    )
    chain = {"id": "A", "sequence": "TGTQHNASPMPEV", "unpairedMsaPath": "msa", "pairedMsaPath": str(tmp_path / "msa")}
    path = written(
        tmp_path, [{"protein": chain}, {"ligand": {"id": "B", "ccdCodes": ["MY-X7F"]}}], userCCDPath="own.cif"
    )
    read = read_complex_jobs(path, Components({}, "none"))[0]
    protein = read.entities[0]
    assert isinstance(protein, Protein)
    assert protein.unpaired_msa == protein.paired_msa == MSA
    assert "data_MY-X7F" in (read.user_ccd or "")


def test_the_servers_list_is_counted_and_named_from_the_least_letter(components):
    first, second = read_complex_jobs(SAMPLES / "server.json", components)
    protein, dna, rna, ligand, ion = first.entities
    assert isinstance(protein, Protein)
    assert (protein.ids, protein.modifications) == (("A", "B"), (Modification("HY3", 1),))
    assert (protein.templates, protein.unpaired_msa) == ((), None)  # without templates, alignments to be searched
    assert dna == DNA(("C",), "GATTACA", (Modification("6OG", 1),))
    assert (rna, ligand, ion) == (RNA(("D",), "GUAC"), Ligand(("E",), ("ATP",)), Ligand(("F", "G"), ("MG",)))
    assert (first.seeds, second.seeds) == ((1,), (1593933729,))
    assert second.line == 53


def test_many_copies_of_the_server_go_on_with_aa_ba_ca(tmp_path):
    path = tmp_path / "job.json"
    path.write_text(json.dumps([{"name": "x", "sequences": [{"ion": {"ion": "MG", "count": 30}}]}]), "utf-8")
    assert read_complex_jobs(path)[0].entities[0].ids[24:] == ("Y", "Z", "AA", "BA", "CA", "DA")


def test_protenix_takes_ids_files_smiles_and_bonds_of_all_copies(job):
    read = job("protenix.json")
    protein, glycan, drug, ion, rna = read.entities
    assert isinstance(protein, Protein)
    assert (protein.ids, protein.unpaired_msa) == (("A", "B"), MSA)
    assert "P20000_YEAST" in (protein.paired_msa or "")
    assert glycan == Ligand(("C", "D"), ("NAG", "NAG"))
    assert (drug.ids, ion.ids, rna.ids) == (("E",), ("Z",), ("F",))
    assert isinstance(rna, RNA)
    assert rna.unpaired_msa == ">query\nGACUG\n>hit\nCAAUG\n"
    assert read.bonds == (
        bond(("A", 6, "ND2"), ("C", 1, "C1")),
        bond(("B", 6, "ND2"), ("D", 1, "C1")),
        bond(("C", 1, "O4"), ("C", 2, "C1")),
    )
    assert read.seeds == (7,)


def test_boltz_yaml_is_named_as_its_file_and_its_codes_are_letters(job):
    pytest.importorskip("yaml")
    read = job("boltz.yaml")
    protein, rna, dna, number, drug, glycan = read.entities
    assert read.name == "boltz"
    assert isinstance(protein, Protein)
    assert (protein.unpaired_msa, protein.paired_msa) == (MSA, "")
    assert protein.modifications == (Modification("SEP", 8),)
    assert (rna, dna) == (RNA(("R",), "GACUG"), DNA(("D",), "GATTACA"))
    assert number == Ligand(("C", "E"), ("193",))  # which YAML takes for a number
    assert (drug, glycan) == (Ligand(("F",), smiles="N[C@@H](Cc1ccc(O)cc1)C(=O)O"), Ligand(("G",), ("NAG",)))
    assert read.bonds == (bond(("A", 6, "ND2"), ("G", 1, "C1")),)


def test_boltz_fasta_is_one_job(job):
    a, b, *others = job("boltz_chains.fasta").entities
    assert isinstance(a, Protein)
    assert (a.sequence, a.unpaired_msa, a.paired_msa) == ("TGTQHNASPMPEV", MSA, "")
    assert b == Protein(("B",), "MQIFVKTL", unpaired_msa="", paired_msa="")
    drug = Ligand(("D",), smiles="N[C@@H](Cc1ccc(O)cc1)C(=O)O")
    assert others == [Ligand(("C",), ("SAH",)), drug, RNA(("E",), "GACUG"), DNA(("F",), "GATTACA")]


def test_chai_reads_modified_residues_glycans_and_the_bonds_of_its_restraints(job):
    read = job("chai.fasta")
    protein, glycan, drug, dna, rna = read.entities
    assert isinstance(protein, Protein)
    assert (protein.sequence, protein.modifications) == ("RKDESXEESN", (Modification("MSE", 6),))
    assert (protein.description, drug.ids, dna.ids) == ("receptor", ("C",), ("D",))
    assert isinstance(rna, RNA)
    assert rna.sequence == "GACUG"
    assert isinstance(glycan, Ligand)
    assert glycan.ccd_codes == ("NAG", "NAG", "BMA", "MAN", "MAN")
    assert read.bonds == (
        bond(("B", 1, "O4"), ("B", 2, "C1")),
        bond(("B", 2, "O4"), ("B", 3, "C1")),
        bond(("B", 3, "O3"), ("B", 4, "C1")),
        bond(("B", 3, "O6"), ("B", 5, "C1")),
        bond(("A", 10, "ND2"), ("B", 1, "C1")),
    )


def test_plain_fasta_is_a_job_for_each_record(components):
    jobs = read_complex_jobs(SAMPLES / "plain.fasta", components)
    one, two, strand, hairpin = jobs
    assert one.entities == (Protein(("A",), "MQIFVKTLTGKTITLEVEPS"),)
    assert two.entities == (Protein(("A",), "MQIFVKTL"), Protein(("B",), "TGKTITLEV"))
    assert strand.entities == (DNA(("A",), "CATTATGACGCT"),)
    assert hairpin.entities == (RNA(("A",), "AAUCCAUUGCACUCCGGAUUU"),)
    assert [job.line for job in jobs] == [1, 4, 6, 8]


def test_a_bad_job_of_a_list_or_a_folder_fails_alone(tmp_path, components):
    shutil.copytree(SAMPLES, tmp_path / "jobs")
    content = json.loads((SAMPLES / "server.json").read_text())
    content[0]["sequences"][0]["proteinChain"]["sequence"] = "PREA?"
    (tmp_path / "jobs" / "server.json").write_text(json.dumps(content), "utf-8")
    (tmp_path / "jobs" / "torn.json").write_text('{"name": ', "utf-8")
    good = read_complex_jobs(SAMPLES, components)
    jobs = read_complex_jobs(tmp_path / "jobs", components)
    assert not good.failures
    assert len(jobs) == len(good) - 1 == 10
    assert [failure.name for failure in jobs.failures] == ["first", "torn"]
    assert '"?"' in str(jobs.failures[0].error)


def test_two_jobs_of_one_name_are_not_written_over_each_other(tmp_path):
    chain = [{"ion": {"ion": "MG"}}]
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps([{"name": name, "sequences": chain} for name in ("a b", "A_B", "c")]), "utf-8")
    jobs = read_complex_jobs(path)
    assert [job.name for job in jobs] == ["a b", "c"]
    assert 'name "A_B" is already used' in str(jobs.errors[0])


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.*")))
def test_what_is_written_is_read_back_as_the_same_job(tmp_path, components, name):
    if name.endswith(".restraints"):
        name = "chai.fasta"
    for k, job in enumerate(read_complex_jobs(SAMPLES / name, components)):
        path = tmp_path / f"{k}.json"
        path.write_text(alphafold3_json(job), "utf-8")
        again = read_complex_jobs(path, components)
        assert not again.errors
        assert replace(again[0], source=None, line=None) == replace(job, source=None, line=None)


def test_the_json_has_the_order_and_the_line_ends_of_the_released_program(tmp_path):
    """As its to_json lays a job out: neighbours merged, indices on one line, what is missing null."""
    mmcif = json.loads((ORACLES / "inputs" / "glyco_template.json").read_text())["sequences"][0]["protein"][
        "templates"
    ][0]
    template = {"templateIndices": [4, 5], "queryIndices": [0, 2], "mmcif": mmcif["mmcif"]}
    chain = {"sequence": "MKE", "templates": [template], "pairedMsa": "", "unpairedMsa": "", "description": "é"}
    sequences = [
        {"protein": chain | {"id": "B"}},
        {"protein": {"id": "A"} | chain},
        {"ligand": {"smiles": "C", "id": "C"}},
    ]
    job = read_complex_jobs(written(tmp_path, sequences, bondedAtomPairs=[]))[0]
    text = alphafold3_json(job).replace(json.dumps(mmcif["mmcif"]), '"..."')
    assert (
        text
        == """{
  "dialect": "alphafold3",
  "version": 4,
  "name": "job",
  "sequences": [
    {
      "protein": {
        "id": [
          "B",
          "A"
        ],
        "sequence": "MKE",
        "modifications": [],
        "unpairedMsa": "",
        "pairedMsa": "",
        "templates": [
          {
            "mmcif": "...",
            "queryIndices": [0, 2],
            "templateIndices": [4, 5]
          }
        ],
        "description": "\\u00e9"
      }
    },
    {
      "ligand": {
        "id": "C",
        "smiles": "C"
      }
    }
  ],
  "modelSeeds": [
    1
  ],
  "bondedAtomPairs": null,
  "userCCD": null
}"""
    )


def test_a_path_that_is_not_there_or_a_folder_without_jobs_is_refused(tmp_path):
    for path, words in ((tmp_path, "no job file"), (tmp_path / "x.json", "no such file")):
        with pytest.raises(InputError, match=words):
            read_complex_jobs(path)


@pytest.mark.parametrize("name", sorted(path.name for path in (ORACLES / "inputs").glob("*.json")))
def test_jobs_of_the_oracles_are_right_and_survive_being_written(tmp_path, components, name):
    jobs = read_complex_jobs(ORACLES / "inputs" / name, components)
    assert not jobs.errors
    path = tmp_path / "again.json"
    path.write_text(alphafold3_json(jobs[0]), "utf-8")
    again = read_complex_jobs(path, components)[0]
    assert again.entities == jobs[0].entities
    assert again.bonds == jobs[0].bonds
    assert again.user_ccd == jobs[0].user_ccd


WHY_REFUSED = {  # of the examples of other programs; all others are right
    "affinity.yaml": "computes no affinity",
    "cyclic_prot.yaml": "no cyclic chains",
    "pocket.yaml": "no contact or pocket constraints",
    "prot.fasta": "136 aligned columns",  # the alignment beside it is of a longer sequence
    "prot_custom_msa.yaml": "136 aligned columns",
    "8cyo.fasta": "a ligand of SMILES, whose atoms have no names",
    "1ac5.restraints": "restraints are no job",
    "8cyo.restraints": "restraints are no job",
    "contact.restraints": "restraints are no job",
    "pocket.restraints": "restraints are no job",
    "example.json": "neither non_pairing.a3m nor pairing.a3m",  # not among the examples
    "example_constraint_msa.json": "neither non_pairing.a3m nor pairing.a3m",
    "example_9gmw_2.json": "cannot be read",
    "example_9fm7.json": "hits of a template search",
    "example_mgyp004658859411.json": "hits of a template search",
}


@pytest.mark.shared
@pytest.mark.parametrize("program", ["alphafold3/examples", "boltz/examples", "chai/examples", "protenix/examples"])
def test_examples_of_other_programs_are_right_or_refused_for_a_reason(program):
    pytest.importorskip("yaml")
    files = [file for file in sorted((SHARED / program).rglob("*.*")) if "msa" not in file.parent.name.split("_")[:1]]
    files = [file for file in files if file.suffix in (".json", ".yaml", ".fasta", ".restraints")]
    assert files
    for file in files:
        jobs = read_complex_jobs(file)
        reasons = " ".join(map(str, jobs.errors))
        assert (file.name in WHY_REFUSED) == bool(jobs.failures), file
        assert WHY_REFUSED.get(file.name, "") in reasons


@pytest.mark.shared
def test_jobs_of_programs_that_are_not_read_are_named():
    for name, program in (("openfold3", "OpenFold 3"), ("foundry_rf3", "RosettaFold 3")):
        files = [file for file in (SHARED / name).rglob("*.json") if "confidences" not in file.name]
        assert files
        for file in files:
            assert program in str(read_complex_jobs(file).errors[0]), file
