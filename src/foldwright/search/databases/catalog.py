"""Which sequence and structure databases are published, where, how large they are, and on what terms: facts.

Sources: the download scripts and READMEs of google-deepmind/alphafold (v2.3) and google-deepmind/alphafold3, and
setup_databases.sh of sokrypton/ColabFold. No publisher prints hashes of these files: a download is checked against the
hash and length that the publisher's server announces, and what was measured is kept in a receipt.
"""

from __future__ import annotations

from dataclasses import dataclass

from foldwright.errors import InputError
from foldwright.search.databases.places import PLACES

GB = 1_000_000_000
AF2 = "https://storage.googleapis.com/alphafold-databases"
AF3 = f"{AF2}/v3.0"
EBI = "https://ftp.ebi.ac.uk/pub/databases/uniprot"
GWDG = "https://wwwuser.gwdg.de/~compbiol/data/hhsuite/databases/hhsuite_dbs/old-releases"
MMSEQS_DATA = "https://opendata.mmseqs.org/colabfold"

CC_BY = "CC BY 4.0"
CC0 = "CC0 1.0"
CC_BY_SA = "CC BY-SA 4.0"


@dataclass(frozen=True, kw_only=True)
class Release:
    """One published version of one database.

    database  what recipes call it; several releases of it may be published
    urls      every file of it; FASTA files are joined in this order
    target    the file or folder that it becomes, below the folder of databases
    packed    bytes to download, unpacked bytes on the disk; rounded by the publisher, None where nobody says
    """

    name: str
    database: str
    urls: tuple[str, ...]
    target: str
    packed: int | None
    unpacked: int | None
    licence: str
    publisher: str
    date: str = ""
    remark: str = ""

    @property
    def kind(self) -> str:
        return PLACES[self.database].kind


def _af3(name: str, database: str, file: str, unpacked: float, date: str, licence: str) -> Release:
    """A file of AlphaFold 3's mirror: the version of the paper (AF3 SI 2.2), packed with Zstandard."""
    return Release(
        name=name,
        database=database,
        urls=(f"{AF3}/{file}.zst",),
        target=file,
        packed=None,
        unpacked=int(unpacked * GB),
        licence=licence,
        publisher="Google DeepMind (mirror)",
        date=date,
        remark="needs zstd to unpack",
    )


RELEASES: dict[str, Release] = {
    release.name: release
    for release in (
        Release(
            name="uniref90",
            database="uniref90",
            urls=(f"{EBI}/uniref/uniref90/uniref90.fasta.gz",),
            target="uniref90/uniref90.fasta",
            packed=34 * GB,
            unpacked=67 * GB,
            licence=CC_BY,
            publisher="UniProt",
            date="current",
            remark="clusters at 90 % identity; grows with every release",
        ),
        Release(
            name="mgnify",
            database="mgnify",
            urls=(f"{AF2}/v2.3/mgy_clusters_2022_05.fa.gz",),
            target="mgnify/mgy_clusters_2022_05.fa",
            packed=67 * GB,
            unpacked=120 * GB,
            licence=CC0,
            publisher="EMBL-EBI (mirror of Google DeepMind)",
            date="2022-05",
            remark="proteins of metagenomes, clustered",
        ),
        Release(
            name="small_bfd",
            database="small_bfd",
            urls=(f"{AF2}/reduced_dbs/bfd-first_non_consensus_sequences.fasta.gz",),
            target="small_bfd/bfd-first_non_consensus_sequences.fasta",
            packed=int(9.6 * GB),
            unpacked=17 * GB,
            licence=CC_BY_SA,
            publisher="Steinegger et al. (mirror of Google DeepMind)",
            date="2019",
            remark="one sequence of each cluster of the BFD",
        ),
        Release(
            name="bfd",
            database="bfd",
            urls=(f"{AF2}/casp14_versions/bfd_metaclust_clu_complete_id30_c90_final_seq.sorted_opt.tar.gz",),
            target="bfd",
            packed=int(271.6 * GB),
            unpacked=1800 * GB,
            licence=CC_BY_SA,
            publisher="Steinegger et al. (mirror of Google DeepMind)",
            date="2019",
            remark="Big Fantastic Database, for hhblits",
        ),
        Release(
            name="uniref30",
            database="uniref30",
            urls=(f"{AF2}/v2.3/UniRef30_2021_03.tar.gz",),
            target="uniref30",
            packed=int(52.5 * GB),
            unpacked=206 * GB,
            licence=CC_BY_SA,
            publisher="Söding group (mirror of Google DeepMind)",
            date="2021-03",
            remark="clusters at 30 % identity, for hhblits",
        ),
        Release(
            name="uniprot",
            database="uniprot",
            urls=tuple(
                f"{EBI}/current_release/knowledgebase/complete/uniprot_{p}.fasta.gz" for p in ("trembl", "sprot")
            ),
            target="uniprot/uniprot.fasta",
            packed=53 * GB,
            unpacked=105 * GB,
            licence=CC_BY,
            publisher="UniProt",
            date="current",
            remark="TrEMBL and Swiss-Prot; pairs the chains of complexes",
        ),
        Release(
            name="pdb70",
            database="pdb70",
            urls=(f"{GWDG}/pdb70_from_mmcif_200401.tar.gz",),
            target="pdb70",
            packed=int(19.5 * GB),
            unpacked=56 * GB,
            licence="not stated; data of the wwPDB, CC0 1.0",
            publisher="Söding group",
            date="2020-04-01",
            remark="profiles of PDB chains, for hhsearch",
        ),
        Release(
            name="pdb_seqres",
            database="pdb_seqres",
            urls=("https://files.wwpdb.org/pub/pdb/derived_data/pdb_seqres.txt.gz",),
            target="pdb_seqres/pdb_seqres.txt",
            packed=None,
            unpacked=int(0.2 * GB),
            licence=CC0,
            publisher="wwPDB",
            date="current",
            remark="sequences of the PDB, for hmmsearch",
        ),
        _af3("uniref90-2022_05", "uniref90", "uniref90_2022_05.fa", 67.0, "2022-05", CC_BY),
        _af3("uniprot-2021_04", "uniprot", "uniprot_all_2021_04.fa", 102.0, "2021-04", CC_BY),
        _af3("pdb_seqres-2022_09_28", "pdb_seqres", "pdb_seqres_2022_09_28.fasta", 0.2, "2022-09-28", CC0),
        _af3("rfam", "rfam", "rfam_14_9_clust_seq_id_90_cov_80_rep_seq.fasta", 0.2, "14.9", CC0),
        _af3("rnacentral", "rnacentral", "rnacentral_active_seq_id_90_cov_80_linclust.fasta", 13.0, "2022", CC0),
        _af3(
            "nt_rna", "nt_rna", "nt_rna_2023_02_23_clust_seq_id_90_cov_80_rep_seq.fasta", 76.0, "2023-02-23", "public"
        ),
        Release(
            name="pdb_mmcif-2022_09_28",
            database="pdb_mmcif",
            urls=(f"{AF3}/pdb_2022_09_28_mmcif_files.tar.zst",),
            target="mmcif_files",
            packed=None,
            unpacked=233 * GB,
            licence=CC0,
            publisher="wwPDB (mirror of Google DeepMind)",
            date="2022-09-28",
            remark="structures of templates; newer ones by rsync from rsync.wwpdb.org; needs zstd to unpack",
        ),
        Release(
            name="uniref30_2302",
            database="uniref30_mmseqs",
            urls=(f"{MMSEQS_DATA}/uniref30_2302.db.tar.gz",),
            target="uniref30_mmseqs",
            packed=None,
            unpacked=None,
            licence=CC_BY,
            publisher="ColabFold (Steinegger group)",
            date="2023-02",
            remark="UniRef30 for mmseqs",
        ),
        Release(
            name="colabfold_envdb_202108",
            database="colabfold_envdb",
            urls=(f"{MMSEQS_DATA}/colabfold_envdb_202108.db.tar.gz",),
            target="colabfold_envdb",
            packed=None,
            unpacked=None,
            licence="several, see https://colabfold.mmseqs.com",
            publisher="ColabFold (Steinegger group)",
            date="2021-08",
            remark="sequences of the environment for mmseqs",
        ),
    )
}

_TEMPLATES = ("pdb70", "pdb_mmcif-2022_09_28")
SETS: dict[str, tuple[str, ...]] = {  # what the presets of `foldwright search` need, by the names of releases
    "af2_full": ("uniref90", "mgnify", "bfd", "uniref30", "uniprot", *_TEMPLATES),
    "af2_reduced": ("uniref90", "mgnify", "small_bfd", "uniprot", *_TEMPLATES),
    "af3": ("uniref90-2022_05", "mgnify", "small_bfd", "uniprot-2021_04", "pdb_seqres-2022_09_28", _TEMPLATES[1]),
    "af3_rna": ("rfam", "rnacentral", "nt_rna"),
    "colabfold": ("uniref30_2302", "colabfold_envdb_202108"),
}


def releases(name: str) -> tuple[Release, ...]:
    """The releases that a set or a single name stands for; a database stands for its first release.

    Raises InputError for an unknown name.
    """
    if name in SETS:
        return tuple(RELEASES[each] for each in SETS[name])
    if name in RELEASES:
        return (RELEASES[name],)
    by_database = [release for release in RELEASES.values() if release.database == name]
    if not by_database:
        remedy = f"Sets: {', '.join(SETS)}; single databases: {', '.join(RELEASES)}."
        raise InputError(f'no published database is called "{name}".', remedy=remedy)
    return (by_database[0],)
