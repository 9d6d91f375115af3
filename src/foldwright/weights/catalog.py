"""Where published parameters are, what is in them, and on what terms: facts, each with its source.

Neither publisher prints hashes. A hash that is not known stays None: then a download is checked against the one that
the publisher's own server announces with the file, and what was measured is recorded and shown.
"""

from dataclasses import dataclass

from foldwright.errors import InputError

GOOGLE = "https://storage.googleapis.com/alphafold"  # google-deepmind/alphafold, scripts/download_alphafold_params.sh
AWS = "https://openfold.s3.amazonaws.com/openfold_params"  # aqlaboratory/openfold, s3://openfold/openfold_params
HUGGING_FACE = "https://huggingface.co/nz/OpenFold/resolve/main"  # the mirror that OpenFold's documentation names

CC_BY = "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/"
CC_BY_NC = "CC BY-NC 4.0 (no commercial use), https://creativecommons.org/licenses/by-nc/4.0/"

JUMPER = "Jumper et al., Nature 596, 583 (2021), doi:10.1038/s41586-021-03819-2"
EVANS = "Evans et al., bioRxiv (2021), doi:10.1101/2021.10.04.463034"
AHDRITZ = "Ahdritz et al., Nature Methods 21, 1514 (2024), doi:10.1038/s41592-024-02272-z"
ABRAMSON = "Abramson et al., Nature 630, 493 (2024), doi:10.1038/s41586-024-07487-w"

MONOMER = tuple(f"model_{i}" for i in range(1, 6))
PTM = tuple(f"model_{i}_ptm" for i in range(1, 6))
MULTIMER_V2 = tuple(f"model_{i}_multimer_v2" for i in range(1, 6))
MULTIMER_V3 = tuple(f"model_{i}_multimer_v3" for i in range(1, 6))
ONE_FILE = 373_000_000  # one parameter file: 93 million float32 values


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One file that a publisher offers."""

    name: str  # what a person types
    publisher: str
    urls: tuple[str, ...]  # the publisher's own first, then mirrors
    presets: tuple[str, ...]  # the models that it can fill
    about_bytes: int  # rounded; the server says the exact size
    licence: str
    citations: tuple[str, ...]
    remark: str = ""
    sha256: str | None = None  # None: not published

    @property
    def file_name(self) -> str:
        return self.urls[0].rsplit("/", 1)[1]

    @property
    def is_archive(self) -> bool:
        """Whether it is a tar of `params_<preset>.npz` files."""
        return self.file_name.endswith(".tar")


def alphafold(
    date: str, presets: tuple[str, ...], licence: str = CC_BY, remark: str = "", num_files: int = 15
) -> Publication:
    """A tar of DeepMind's, one `params_<preset>.npz` for each model, by the date in its name."""
    return Publication(
        name=f"alphafold-{date}",
        publisher="Google DeepMind",
        urls=(f"{GOOGLE}/alphafold_params_{date}.tar",),
        presets=presets,
        about_bytes=num_files * ONE_FILE,
        licence=licence,
        citations=(JUMPER, EVANS) if num_files > 10 else (JUMPER,),
        remark=remark,
    )


def openfold(stem: str, presets: tuple[str, ...], remark: str) -> Publication:
    """A checkpoint of OpenFold's release 06_22."""
    mirrors = () if stem == "initial_training" else (f"{HUGGING_FACE}/{stem}.pt",)  # 7 MB there: not the whole file
    return Publication(
        name=f"openfold-{stem}",
        publisher="OpenFold (AlQuraishi Laboratory)",
        urls=(f"{AWS}/{stem}.pt", *mirrors),
        presets=presets,
        about_bytes=375_000_000 if "no_templ" not in stem else 373_000_000,
        licence=CC_BY,
        citations=(AHDRITZ,),
        remark=remark,
    )


# What each tar holds: google-deepmind/alphafold, README and docs/technical_note_v2.3.0.md. What each checkpoint is, and
# its validation lDDT-Calpha: aqlaboratory/openfold, docs/source/OpenFold_Parameters.md and docs/source/Inference.md.
PUBLICATIONS: dict[str, Publication] = {
    p.name: p
    for p in (
        alphafold("2022-12-06", MONOMER + PTM + MULTIMER_V3, remark="AlphaFold 2.3"),
        alphafold("2022-03-02", MONOMER + PTM + MULTIMER_V2, remark="AlphaFold 2.2"),
        alphafold("2022-01-19", MONOMER + PTM, remark="AlphaFold 2.1.2; its multimer v1 models are not read"),
        alphafold("2021-10-27", MONOMER + PTM, CC_BY_NC, "AlphaFold 2.1; its multimer v1 models are not read"),
        alphafold("2021-07-14", MONOMER + PTM, CC_BY_NC, "AlphaFold 2.0", num_files=10),
        openfold("finetuning_ptm_2", PTM[:2], "with templates and PAE head; lDDT 0.9097"),
        openfold("finetuning_ptm_1", PTM[:2], "with templates and PAE head; lDDT 0.9075"),
        openfold("finetuning_no_templ_ptm_1", PTM[2:], "PAE head, no templates; lDDT 0.9025"),
        openfold("finetuning_2", MONOMER[:2], "with templates; lDDT 0.9061"),
        openfold("finetuning_3", MONOMER[:2], "with templates; lDDT 0.9075"),
        openfold("finetuning_4", MONOMER[:2], "with templates; lDDT 0.9059"),
        openfold("finetuning_5", MONOMER[:2], "with templates; lDDT 0.9054"),
        openfold("finetuning_no_templ_1", MONOMER[2:], "no templates; lDDT 0.9014"),
        openfold("finetuning_no_templ_2", MONOMER[2:], "no templates; lDDT 0.9032"),
        openfold("initial_training", MONOMER[:2], "with templates, before fine-tuning; lDDT 0.9088"),
    )
}


@dataclass(frozen=True, kw_only=True)
class OnRequest:
    """Parameters that the publisher sends to those who ask for them, and that nobody may pass on."""

    name: str
    publisher: str
    form: str  # where to ask
    file_name: str
    about_bytes: int
    terms: str
    conditions: tuple[str, ...]  # the terms in few words
    citations: tuple[str, ...]


# google-deepmind/alphafold3, README.md ("Obtaining Model Parameters") and WEIGHTS_TERMS_OF_USE.md.
AF3_PARAMETERS = OnRequest(
    name="af3",
    publisher="Google DeepMind",
    form="https://forms.gle/svvpY4u2jsHEwWYS6",
    file_name="af3.bin.zst",
    about_bytes=1_150_000_000,  # unpacked: 163 million bfloat16 and 205 million float32 values
    terms="AlphaFold 3 Model Parameters Terms of Use, "
    "https://github.com/google-deepmind/alphafold3/blob/main/WEIGHTS_TERMS_OF_USE.md",
    conditions=(
        "no commercial use, neither of the parameters nor of what they predict",
        "only those to whom Google gave them may use them; they may not be passed on",
        "predictions may not be used to train models that predict structures of biomolecules in a similar way",
        "published results must say which terms they are under",
    ),
    citations=(ABRAMSON,),
)


def find_publication(name: str) -> Publication:
    """A publication by its name, or DeepMind's newest one that holds a model of this name."""
    if name in PUBLICATIONS:
        return PUBLICATIONS[name]
    if name == AF3_PARAMETERS.name:
        raise InputError(
            "Google DeepMind sends the parameters of AlphaFold 3 to those who ask for them; they cannot be fetched.",
            remedy=f"Ask at {AF3_PARAMETERS.form}, then run `foldwright weights import FILE --model af3`.",
        )
    for publication in PUBLICATIONS.values():
        if name in publication.presets or name == publication.file_name:
            return publication
    raise InputError(
        f'no published weights are called "{name}".',
        remedy="`foldwright weights list` shows the names; a model's name (model_1_ptm) stands for DeepMind's file.",
    )
