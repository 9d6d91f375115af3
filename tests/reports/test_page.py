"""The report's HTML: whole, closed to the network, safe with any name, the same for the same results."""

import base64
import gzip
import json
from html.parser import HTMLParser

import pytest

from foldwright.reports import write_index, write_report

VOID = {"br", "hr", "img", "input", "link", "meta"}


class Page(HTMLParser):
    """The elements of a page, and whether they close in order."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.open, self.words, self.scripts = [], [], [], {}
        self.feed(path.read_text("utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tag, name = self.open[-1] if self.open else ("", None)
        if tag == "script":
            self.scripts[name] = data
        elif tag != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)

    def all(self, attribute):
        return [attrs[attribute] for _, attrs in self.elements if attribute in attrs]


def change(path, **what):
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | what), "utf-8")


def test_nothing_is_loaded_from_elsewhere(dimer):
    page = Page(write_report(dimer))
    policy = next(attrs["content"] for _, attrs in page.elements if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert page.all("src") == []
    links = [link for link in page.all("href") if not link.startswith("data:image/png")]
    assert links
    assert all((dimer / link).is_file() for link in links)


def test_the_page_carries_structure_errors_and_library(dimer):
    page = Page(write_report(dimer))
    text = gzip.decompress(base64.b64decode(page.scripts["structure-1"])).decode()
    assert text == (dimer / "model_3_multimer_v3_seed0.cif").read_text("utf-8")
    assert len(gzip.decompress(base64.b64decode(page.scripts["errors-0"]))) == 54 * 54
    data = json.loads(page.scripts["data"])
    assert [chain["start"] for chain in data["chains"]] == [0, 30]
    assert len(data["models"][1]["plddt"]) == 54


def test_scores_command_and_times_stand_in_words(dimer):
    text = Page(write_report(dimer)).text
    for part in (
        "ipSAE",
        "pDockQ2",
        "0.74",
        "→ 0.74 ← 0.64",
        "foldwright predict 'my protein.fasta' --out runs",
        "41.0",
    ):
        assert part in text


def test_every_control_and_region_has_a_name(dimer):
    page = Page(write_report(dimer))
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    for _, attrs in page.elements:
        if attrs.get("role") in ("img", "application", "region", "group"):
            assert attrs.get("aria-label")
        if "aria-labelledby" in attrs:
            assert attrs["aria-labelledby"] in ids


def test_the_same_results_give_the_same_bytes(monomer):
    first = write_report(monomer).read_bytes()
    assert write_report(monomer).read_bytes() == first


def test_names_from_outside_are_text_and_never_markup(monomer):
    bad = "</script><script>alert(1)</script>"
    change(monomer / "run.json", job=bad, warnings=[bad])
    page = Page(write_report(monomer))
    assert page.text.count(bad) >= 2
    assert json.loads(page.scripts["data"])["job"] == bad
    assert not [text for text in page.scripts.values() if text.strip() == "alert(1)"]


def test_evidence_is_shown_with_the_reasons_for_what_was_left_out(monomer):
    templates = {
        "used": [{"name": "1abc_A", "file": "/pdb/1abc.cif.gz", "chain": "A", "residues": 33}],
        "rejected": [{"reason": "released after 2020-05-14", "hits": [f"{i}xyz_A" for i in range(1, 21)]}],
    }
    step = {
        "databases": [{"name": "uniref90", "date": "2022-01"}],
        "program": "jackhmmer",
        "version": "3.4",
        "hits": 81,
    }
    chain = {"chain": "A", "residues": 40, "msa": "searched", "alignment_rows": 82, "templates": templates}
    change(monomer / "run.json", chains=[chain | {"search": {"searches": [step]}}])
    change(monomer / "execution.json", search={"A": {"searches": [step | {"seconds": 1.0, "from_cache": True}]}})
    text = Page(write_report(monomer)).text
    for part in (
        "1abc_A",
        "33",
        "released after 2020-05-14",
        "and 8 more",
        "uniref90 (2022-01)",
        "jackhmmer 3.4",
        "81",
    ):
        assert part in text


def test_pairing_is_told(dimer):
    change(dimer / "run.json", pairing={"strategy": "greedy", "rows": 212, "rows_of_all_chains": 180})
    text = Page(write_report(dimer)).text
    assert "212 rows of the chains' alignments stand side by side, 180 of them with every chain" in text


def test_a_network_without_error_head_has_no_map(tmp_path, make_job):
    page = Page(write_report(make_job(tmp_path / "job", [20], models=("model_1",), has_pae=False)))
    assert "errors" not in page.all("id")
    assert "structure" in page.all("id")


def test_a_failed_job_says_why(tmp_path):
    why = "kinase.a3m, line 14: row x has 211 aligned columns."
    (tmp_path / "status.json").write_text(json.dumps({"status": "failed", "why": why}), "utf-8")
    page = Page(write_report(tmp_path))
    assert why in page.text
    assert "library" not in page.all("id")


def test_the_relaxed_structure_is_the_one_shown(monomer):
    run = json.loads((monomer / "run.json").read_text("utf-8"))
    relaxed = {
        "files": ["model_2_ptm_seed0_relaxed.cif"],
        "violations": {"before": {"residues": 7}, "after": {"residues": 1}},
        "energy": {"before": 900.0, "after": -1234.5},
        "displacement": {"rmsd": 0.31},
        "unresolved": ["A:GLY 12"],
    }
    run["predictions"]["model_2_ptm_seed0"]["relaxation"] = relaxed
    change(monomer / "run.json", predictions=run["predictions"])
    text = (monomer / "model_2_ptm_seed0.cif").read_text("utf-8")
    (monomer / "model_2_ptm_seed0_relaxed.cif").write_text(text + "# relaxed\n", "utf-8")
    page = Page(write_report(monomer))
    assert gzip.decompress(base64.b64decode(page.scripts["structure-0"])).endswith(b"# relaxed\n")
    for part in ("-1234.5", "0.31", "A:GLY 12", "relaxed cif"):
        assert part in page.text


def test_generated_parameters_are_warned_of(monomer):
    run = json.loads((monomer / "run.json").read_text("utf-8"))
    run["predictions"]["model_2_ptm_seed0"]["remark"] = "coordinates and confidence mean nothing."
    change(monomer / "run.json", predictions=run["predictions"])
    assert "Warning:  coordinates and confidence mean nothing." in Page(write_report(monomer)).text


@pytest.fixture
def run_folder(monomer, dimer):
    """A run with two finished jobs, one that failed and one that waits."""
    folder = monomer.parent
    (folder / "bad").mkdir()
    (folder / "bad" / "status.json").write_text('{"status": "failed", "why": "row 3 is too long"}', "utf-8")
    names = ["pair", "bad", "later", "helix"]
    listed = [{"name": name, "residues": 99, "chains": 1, "models": []} for name in names]
    (folder / "jobs.json").write_text(json.dumps({"jobs": listed}), "utf-8")
    write_report(monomer)
    write_report(dimer)
    return folder


def test_the_index_lists_every_job_in_the_order_of_the_manifest(run_folder):
    page = Page(write_index(run_folder))
    assert page.all("href") == ["pair/report.html", "helix/report.html"]
    places = [page.text.index(word) for word in ("pair", "row 3 is too long", "later", "helix")]
    assert places == sorted(places)
    assert "4 jobs: 2 done, 1 failed, 1 waiting" in page.text
