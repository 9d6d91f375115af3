"""Every fault of a job file is found, at once, and shown where it stands."""

import json
from pathlib import Path

import pytest

from foldwright.chem.components import Components
from foldwright.io.complexes.job import ComplexJobs
from foldwright.io.complexes.jobs import read_complex_jobs

ORACLES = Path(__file__).parents[2] / "oracles" / "af3"
SAMPLES = Path(__file__).parent / "job_samples"
MMCIF = json.loads((ORACLES / "inputs" / "glyco_template.json").read_text("utf-8"))["sequences"][0]["protein"][
    "templates"
]


@pytest.fixture(scope="session")
def components() -> Components:
    return Components.read(ORACLES / "ccd_subset.json.gz")


def protein(**changes) -> dict:
    return {"protein": {"id": "A", "sequence": "MFPCSDVENW"} | changes}


def ligand(name: str, *codes: str) -> dict:
    return {"ligand": {"id": name, "ccdCodes": list(codes)}}


@pytest.fixture
def check(tmp_path, components):
    """What is found wrong with a job of these entities."""

    def read(*sequences: dict, **more) -> ComplexJobs:
        content = {"name": "job", "modelSeeds": [1], "sequences": sequences, "dialect": "alphafold3", "version": 4}
        path = tmp_path / "job.json"
        path.write_text(json.dumps(content | more, indent=1), "utf-8")
        return read_complex_jobs(path, components)

    return read


MODIFIED = {"ptmType": "SEP", "ptmPosition": 5}
MSA = ">query\nMFPCSDVENW\n>hit\nMFacP--DVENW\n"
GIVEN = {"unpairedMsa": MSA, "pairedMsa": ""}
TEMPLATE = {"mmcif": MMCIF[0]["mmcif"], "queryIndices": [0, 1], "templateIndices": [3, 4]}


def test_what_is_right_is_not_refused(check):
    jobs = check(
        protein(modifications=[MODIFIED], templates=[TEMPLATE], **GIVEN),
        ligand("B", "NAG", "MG"),
        {"ligand": {"id": "C", "smiles": "CC(=O)O"}},
        bondedAtomPairs=[[["A", 8, "CD"], ["B", 1, "C1"]]],
    )
    assert not jobs.errors
    assert len(jobs) == 1


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": "()"}, "name", "no letter that a file name can have"),
        ({"name": None}, "", '"name" is missing'),
        ({"modelSeeds": []}, "modelSeeds", "no seed"),
        ({"modelSeeds": [1, 2**32]}, "modelSeeds[1]", "out of range"),
        ({"modelSeeds": [7, 1, 7]}, "modelSeeds", "seed 7 is given twice"),
        ({"modelSeeds": [True]}, "modelSeeds[0]", "true stands where a whole number belongs"),
        ({"dialect": "alphafold2"}, "dialect", "not known"),
        ({"version": 5}, "version", "no such version"),
        ({"sequences": []}, "sequences", "no molecules"),
        ({"sequences": [{"peptide": {}}]}, "sequences[0].peptide", "no key of this dialect"),
        ({"sequences": [protein() | ligand("B", "MG")]}, "sequences[0]", "one of protein, rna, dna, ligand"),
        ({"sequences": [protein(sequnce="A")]}, "sequences[0].protein.sequnce", "no key of this dialect"),
        ({"sequences": [protein(id="a")]}, "sequences[0].protein.id", "not of capital letters"),
        ({"sequences": [protein(id=[])]}, "sequences[0].protein.id", "list of ids is empty"),
        ({"sequences": [protein(id=["A", "A"])]}, "sequences[0].protein.id[1]", "already used on line"),
        ({"sequences": [protein(sequence="")]}, "sequences[0].protein.sequence", "sequence is empty"),
        ({"sequences": [protein(sequence="MFPB")]}, "sequences[0].protein.sequence", 'residue 4 is "B"'),
        ({"sequences": [protein(sequence="mfpc")]}, "sequences[0].protein.sequence", "4 such letters"),
        ({"sequences": [{"rna": {"id": "A", "sequence": "GAT"}}]}, "sequences[0].rna.sequence", "no RNA has"),
        ({"sequences": [{"dna": {"id": "A", "sequence": "GAU"}}]}, "sequences[0].dna.sequence", "no DNA has"),
        (
            {"sequences": [protein(modifications=[MODIFIED | {"ptmPosition": 11}])]},
            "sequences[0].protein.modifications[0].ptmPosition",
            "outside the chain of 10",
        ),
        (
            {"sequences": [protein(modifications=[MODIFIED, MODIFIED])]},
            "sequences[0].protein.modifications[1].ptmPosition",
            "modified twice",
        ),
        (
            {"sequences": [protein(modifications=[MODIFIED | {"ptmType": "CCD_SEP"}])]},
            "sequences[0].protein.modifications[0].ptmType",
            "begins with CCD_",
        ),
        ({"sequences": [ligand("A", "MG", "QQQ1")]}, "sequences[0].ligand.ccdCodes[1]", 'no component "QQQ1"'),
        ({"sequences": [ligand("A")]}, "sequences[0].ligand.ccdCodes", "no components"),
        ({"sequences": [{"ligand": {"id": "A"}}]}, "sequences[0].ligand", "by ccdCodes or by smiles"),
        ({"sequences": [protein(unpairedMsa="")]}, "sequences[0].protein.unpairedMsa", "together or not at all"),
        (
            {"sequences": [protein(**GIVEN | {"unpairedMsa": MSA.replace("MFP", "MKP", 1)})]},
            "sequences[0].protein.unpairedMsa",
            "residue 2 is K, the chain has F",
        ),
        (
            {"sequences": [protein(**GIVEN | {"unpairedMsa": MSA + ">short\nMFPC\n"})]},
            "sequences[0].protein.unpairedMsa",
            'line 5 in the alignment: row "short" has 4 aligned columns',
        ),
        (
            {"sequences": [protein(**GIVEN | {"pairedMsa": MSA.replace("--", "-.")})]},
            "sequences[0].protein.pairedMsa",
            'holds "."',
        ),
        (
            {"sequences": [protein(unpairedMsaPath="gone", pairedMsa="")]},
            "sequences[0].protein.unpairedMsaPath",
            "gone",
        ),
        (
            {"sequences": [protein(templates=[TEMPLATE | {"queryIndices": [0]}])]},
            "sequences[0].protein.templates[0].templateIndices",
            "1 query indices stand against 2",
        ),
        (
            {"sequences": [protein(templates=[TEMPLATE | {"queryIndices": [0, 10]}])]},
            "sequences[0].protein.templates[0].queryIndices",
            "query index 10 is outside",
        ),
        (
            {"sequences": [protein(templates=[TEMPLATE | {"templateIndices": [0, 9999]}])]},
            "sequences[0].protein.templates[0].templateIndices",
            "template index 9999 is outside",
        ),
        (
            {"sequences": [protein(templates=[TEMPLATE | {"mmcif": "data_x\n"}])]},
            "sequences[0].protein.templates[0].mmcif",
            "no atoms",
        ),
        ({"bondedAtomPairs": [[["A", 1, "CA"]]]}, "bondedAtomPairs[0]", "has two atoms, not 1"),
        ({"bondedAtomPairs": [[["A", 1, "CA"], ["Z", 1, "CA"]]]}, "bondedAtomPairs[0][1]", 'no chain has the id "Z"'),
        ({"bondedAtomPairs": [[["A", 1, "CA"], ["A", 99, "C"]]]}, "bondedAtomPairs[0][1]", "outside chain"),
        (
            {"bondedAtomPairs": [[["A", 1, "CA"], ["A", 4, "OG"]]]},
            "bondedAtomPairs[0][1]",
            'is CYS, and "OG" is no atom',
        ),
        ({"bondedAtomPairs": [[["A", 1, "CA"], ["A", 4, "HG"]]]}, "bondedAtomPairs[0][1]", "a hydrogen"),
        ({"bondedAtomPairs": [[["A", 1, "CA"], ["A", 1, "CA"]]]}, "bondedAtomPairs[0]", "with itself"),
        ({"bondedAtomPairs": [[["A", 1, "N"], ["A", 4, "C"]]] * 2}, "bondedAtomPairs[1]", "given twice"),
        ({"bondedAtomPairs": [[["A", 1, "N"], ["A", 4, "C"]]]}, "bondedAtomPairs[0]", "between polymers"),
        (
            {"sequences": [protein(), ligand("B", "ATP")], "bondedAtomPairs": [[["B", 1, "PG"], ["B", 1, "PA"]]]},
            "bondedAtomPairs[0]",
            "within one residue",
        ),
        ({"userCCD": "data_X\n_chem_comp.id X\n"}, "userCCD", "no column"),
        ({"userCCD": "x", "userCCDPath": "y"}, "userCCDPath", "both given"),
    ],
)
def test_a_fault_is_shown_in_its_field(check, changes, field, words):
    jobs = check(**{"sequences": [protein()]} | changes) if "sequences" in changes else check(protein(), **changes)
    assert not len(jobs)
    found = [error for error in jobs.errors if words in error.message]
    assert len(found) == 1, [str(error) for error in jobs.errors]
    assert (found[0].field or "") == field
    assert found[0].line
    assert found[0].column


@pytest.mark.parametrize("smiles", ["", "C1CC", "CC(", "C(C)(C)(C)(C)C", "not one"])
def test_a_smiles_string_that_rdkit_does_not_read_is_refused(check, smiles):
    pytest.importorskip("rdkit")
    (error,) = check({"ligand": {"id": "A", "smiles": smiles}}).errors
    assert error.field == "sequences[0].ligand.smiles"
    assert "SMILES" in error.message


def test_all_faults_are_shown_at_once_in_the_order_of_the_file(check):
    jobs = check(
        protein(id="a", sequence="MF?", modifications=[{"ptmType": "NONE1", "ptmPosition": 4}]),
        ligand("B", "NONE2"),
        {"ligand": {"id": "B", "smiles": "C1"}},
        modelSeeds=[-1],
        bondedAtomPairs=[[["B", 2, "X"], ["C", 1, "Y"]]],
    )
    (failure,) = jobs.failures
    assert len(failure.errors) == 10
    assert [error.line for error in failure.errors] == sorted(error.line or 0 for error in failure.errors)
    assert "9 more faults" in failure.error.message


def test_the_column_of_a_letter_is_its_own(check, tmp_path):
    jobs = check(protein(sequence="MFPCSDVENWO"))
    (error,) = jobs.errors
    line = (tmp_path / "job.json").read_text("utf-8").split("\n")[(error.line or 0) - 1]
    assert line[(error.column or 0) - 1] == "O"


def test_a_letter_of_a_wrapped_fasta_sequence_has_its_line_and_column(tmp_path):
    path = tmp_path / "x.fasta"
    path.write_text(">A|protein\nMQIF\nVKTO\n", "utf-8")
    (error,) = read_complex_jobs(path).errors
    assert (error.line, error.column) == (3, 4)


def test_a_modified_residue_counts_as_its_parent_in_the_alignment(check):
    """SEP is made from serine: the first row may hold S there, and nothing else."""
    msa = {"unpairedMsa": ">query\nMFPCKDVENW\n", "pairedMsa": ""}
    changed = protein(sequence="MFPCKDVENW", modifications=[MODIFIED], **msa)
    (error,) = check(changed).errors
    assert "residue 5 is K, the chain has S" in error.message
    assert not check(protein(modifications=[MODIFIED], **GIVEN)).errors


def test_letters_that_the_network_does_not_tell_apart_are_the_same_in_the_first_row(check):
    msa = {"unpairedMsa": ">query\nBZUJOXDECX\n", "pairedMsa": ""}
    assert not check(protein(sequence="DECXXXDECX", **msa)).errors


def test_codes_of_a_users_dictionary_count(check):
    content = json.loads((ORACLES / "inputs" / "hetero_paired_userccd.json").read_text("utf-8"))
    own = ligand("B", "MY-X7F")
    assert not check(
        protein(), own, userCCD=content["userCCD"], bondedAtomPairs=[[["A", 4, "SG"], ["B", 1, "C10"]]]
    ).errors
    assert "MY-X7F" in check(protein(), own).errors[0].message


def test_without_components_codes_and_atoms_are_taken_as_they_are(tmp_path):
    content = json.loads((SAMPLES / "alphafold3.json").read_text("utf-8"))
    content["sequences"][4]["ligand"]["ccdCodes"] = ["QQQ1"]
    path = tmp_path / "job.json"
    path.write_text(json.dumps(content), "utf-8")
    assert len(read_complex_jobs(path)) == 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (">protein|x\nGAS\n>glycan|y\nNAG(4-1 NAG\n", 4, "no glycan"),
        (">protein|x\nGAS\n>sugar|y\nNAG\n", 3, "not KIND|name"),
        (">A|protein\nGAS\n>B|drug\nCC\n", 3, "not CHAIN|KIND"),
        (">A|protein|x.csv\nGAS\n", 1, "CSV"),
        (">x\nGATTACA\n", 2, "may be DNA or a protein"),
        (">x\nGAS::GAS\n", 2, "sequence is empty"),
    ],
)
def test_faults_of_fasta_files_have_their_line(tmp_path, text, line, words):
    path = tmp_path / "x.fasta"
    path.write_text(text, "utf-8")
    found = [error for error in read_complex_jobs(path).errors if words in error.message]
    assert [error.line for error in found] == [line]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("A,N10,B,C1,contact", "takes bonds only"),
        ("B,,A,N10,pocket", "takes bonds only"),
        ("A,K10@ND2,B,@C1,covalent", "residue 10 of chain A is N, not K"),
        ("A,N10,B,@C1,covalent", "names no atom"),
        ("A,N10@ND2,C,@C1,covalent", "a ligand of SMILES"),
        ("A,N10@ND2,X,@C1,covalent", 'no chain has the id "X"'),
    ],
)
def test_restraints_that_are_no_bonds_of_atoms_are_refused_by_their_line(tmp_path, row, words):
    (tmp_path / "x.fasta").write_text((SAMPLES / "chai.fasta").read_text("utf-8"), "utf-8")
    table = tmp_path / "x.restraints"
    table.write_text(f"chainA,res_idxA,chainB,res_idxB,connection_type\nA,N10@ND2,B,@C1,covalent\n{row}\n", "utf-8")
    (error,) = read_complex_jobs(tmp_path / "x.fasta").errors
    assert words in error.message
    assert (error.file, error.line) == (table, 3)


@pytest.mark.parametrize("name", ["alphafold3.json", "boltz_chains.fasta", "plain.fasta"])
def test_restraints_are_not_dropped_where_no_job_of_chai_is(tmp_path, name):
    table = tmp_path / "x.restraints"
    table.write_text("chainA,res_idxA,chainB,res_idxB,connection_type\n", "utf-8")
    path = tmp_path / f"x{Path(name).suffix}"
    path.write_text((SAMPLES / name).read_text("utf-8"), "utf-8")
    assert "Chai's FASTA only" in str(read_complex_jobs(path, restraints=table).errors)
    assert bool(read_complex_jobs(path).errors) == name.endswith(".fasta")  # of the same name, beside a FASTA file


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"glycans": [{"residues": "NAG", "position": 8}]}, "glycans of the server's notation"),
        ({"maxTemplateDate": "2018-01-20"}, "option of the search"),
        ({"count": 0}, "out of range"),
        ({"count": 10**9}, "out of range"),
    ],
)
def test_what_the_server_offers_and_a_job_cannot_hold_is_refused(tmp_path, changes, words):
    path = tmp_path / "x.json"
    path.write_text(
        json.dumps([{"name": "x", "sequences": [{"proteinChain": {"sequence": "GAS"} | changes}]}]), "utf-8"
    )
    (error,) = read_complex_jobs(path).errors
    assert words in error.message
    assert (error.field or "").startswith(f"[0].sequences[0].proteinChain.{next(iter(changes))}")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"constraint": {"contact": [{}]}}, "no contact or pocket constraints"),
        ({"covalent_bonds": [{"entity1": 1}]}, '"entity2" is missing'),
        ({"covalent_bonds": [{f"{k}{i}": 9 for k in ("entity", "position", "atom") for i in (1, 2)}]}, "no entity 9"),
        ({"sequences": [{"ligand": {"ligand": "FILE_x.sdf"}}]}, "structure file"),
    ],
)
def test_what_protenix_offers_and_a_job_cannot_hold_is_refused(tmp_path, changes, words):
    path = tmp_path / "x.json"
    job = {"name": "x", "assembly_id": "1", "sequences": [{"proteinChain": {"sequence": "GAS"}}]}
    path.write_text(json.dumps([job | changes]), "utf-8")
    assert any(words in error.message for error in read_complex_jobs(path).errors)


def test_a_constraint_that_asks_for_nothing_is_no_fault(tmp_path):
    path = tmp_path / "x.json"
    job = {"name": "x", "sequences": [{"proteinChain": {"sequence": "GAS"}}], "constraint": {}, "covalent_bonds": []}
    path.write_text(json.dumps([job]), "utf-8")
    assert len(read_complex_jobs(path)) == 1
