"""mmCIF: reading depositions and predictions."""

from pathlib import Path

import gemmi

from foldwright.io.coordinates import from_gemmi, parse_with
from foldwright.io.structure import Header, Structure
from foldwright.io.text import read_lines

# Where the resolution stands, by method: X-ray, electron microscopy, or what was measured.
_RESOLUTIONS = ("_refine.ls_d_res_high", "_em_3d_reconstruction.resolution", "_reflns.d_resolution_high")


def read_mmcif(path: str | Path) -> Structure:
    """The protein chains of the first model of an mmCIF file (gzip or plain).

    Chains bear the author's names. Residues of the deposited sequence that were not seen have an empty mask.
    Raises InputError if the file is no mmCIF file or holds no protein.
    """
    return parse_mmcif("\n".join(read_lines(path)) + "\n", path)


def parse_mmcif(text: str, path: str | Path) -> Structure:
    """The same of this text; `path` is for errors."""
    block = parse_with(lambda: gemmi.cif.read_string(text)[0], path)
    source = parse_with(lambda: gemmi.make_structure_from_block(block), path)
    if not any(entity.entity_type == gemmi.EntityType.Polymer for entity in source.entities):
        source.setup_entities()
    return from_gemmi(source, read_header(block), path)


def read_header(block: gemmi.cif.Block) -> Header:
    """Method, first release and resolution; of several the first."""
    numbers = (gemmi.cif.as_number(value) for tag in _RESOLUTIONS for value in block.find_values(tag))
    dates = [gemmi.cif.as_string(value) for value in block.find_values("_pdbx_audit_revision_history.revision_date")]
    return Header(
        method=",".join(gemmi.cif.as_string(value) for value in block.find_values("_exptl.method")).lower(),
        release_date=min(dates, default=""),
        resolution=next((number for number in numbers if number == number), 0.0),
    )
