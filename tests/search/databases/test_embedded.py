"""The database that comes with the package."""

from foldwright.io.fasta import read_fasta
from foldwright.search.databases import embedded


def test_the_embedded_database_holds_whole_families_with_species():
    records = read_fasta(embedded())
    assert embedded().stat().st_size < 300_000
    assert len({record.name for record in records}) == len(records) > 1_500
    assert len({record.sequence for record in records}) == len(records)
    subunits = [
        {record.name.rsplit("_", 1)[1] for record in records if f"ATP synthase {which}" in record.description}
        for which in ("subunit delta", "epsilon chain")
    ]
    assert all(len(species) > 10 for species in subunits)
    assert "ubiquitin" in records[0].description
