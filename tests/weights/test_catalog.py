import pytest

from foldwright.errors import InputError
from foldwright.models.af2.presets import PRESETS
from foldwright.weights.catalog import PUBLICATIONS, find_publication


def test_every_official_model_can_be_fetched():
    assert {preset for p in PUBLICATIONS.values() for preset in p.presets} == set(PRESETS)


def test_names_and_addresses_are_unique():
    addresses = [url for p in PUBLICATIONS.values() for url in p.urls]
    assert len(set(addresses)) == len(addresses)
    assert all(url.startswith("https://") for url in addresses)


@pytest.mark.parametrize("publication", PUBLICATIONS.values(), ids=lambda p: p.name)
def test_every_publication_says_its_terms(publication):
    assert "creativecommons.org" in publication.licence
    assert all("doi:" in citation for citation in publication.citations)
    assert publication.about_bytes > 3e8


def test_the_oldest_files_are_not_for_commercial_use():
    assert "NC" in PUBLICATIONS["alphafold-2021-07-14"].licence
    assert "NC" not in PUBLICATIONS["alphafold-2022-12-06"].licence


def test_a_model_name_stands_for_the_newest_file_that_holds_it():
    assert find_publication("model_4_ptm").name == "alphafold-2022-12-06"
    assert find_publication("model_4_multimer_v2").name == "alphafold-2022-03-02"
    assert find_publication("finetuning_ptm_2.pt").name == "openfold-finetuning_ptm_2"


def test_templates_of_a_checkpoint_follow_from_its_name():
    for publication in PUBLICATIONS.values():
        if publication.name.startswith("openfold"):
            has_templates = {PRESETS[p]().templates is not None for p in publication.presets}
            has_pae = {PRESETS[p]().heads.is_pae_predicted for p in publication.presets}
            assert has_templates == {"no_templ" not in publication.name}
            assert has_pae == {"ptm" in publication.name}


def test_an_unknown_name_is_refused_with_the_way_to_the_list():
    with pytest.raises(InputError, match="weights list"):
        find_publication("model_6")
