"""The periodic table: symbols, atomic numbers, and which elements are metals."""

_TABLE = """
H HE LI BE B C N O F NE NA MG AL SI P S CL AR K CA SC TI V CR MN FE CO NI CU ZN GA GE AS SE BR KR
RB SR Y ZR NB MO TC RU RH PD AG CD IN SN SB TE I XE CS BA LA CE PR ND PM SM EU GD TB DY HO ER TM YB LU
HF TA W RE OS IR PT AU HG TL PB BI PO AT RN FR RA AC TH PA U NP PU AM CM BK CF ES FM MD NO LR
RF DB SG BH HS MT DS RG CN NH FL MC LV TS OG
"""
_NO_METALS = "H HE B C N O F NE SI P S CL AR GE AS SE BR KR TE I XE AT RN TS OG"

SYMBOLS = tuple(_TABLE.split())
ATOMIC_NUMBER = {symbol: i for i, symbol in enumerate(SYMBOLS, start=1)} | {"D": 1, "T": 1}  # deuterium, tritium
METALS = frozenset(SYMBOLS) - frozenset(_NO_METALS.split())


def atomic_number(symbol: str) -> int:
    """The number of an element in any case of letters; 0 if it is none, such as the X of unknown atoms."""
    return ATOMIC_NUMBER.get(symbol.upper(), 0)


# Angstrom, of single bonds; low spin where a metal has two (Cordero et al. 2008, from hydrogen to curium).
_COVALENT = """
.31 .28 1.28 .96 .84 .76 .71 .66 .57 .58 1.66 1.41 1.21 1.11 1.07 1.05 1.02 1.06 2.03 1.76 1.70 1.60 1.53 1.39 1.39 1.32
1.26 1.24 1.32 1.22 1.22 1.20 1.19 1.20 1.20 1.16 2.20 1.95 1.90 1.75 1.64 1.54 1.47 1.46 1.42 1.39 1.45 1.44 1.42 1.39
1.39 1.38 1.39 1.40 2.44 2.15 2.07 2.04 2.03 2.01 1.99 1.98 1.98 1.96 1.94 1.92 1.92 1.89 1.90 1.87 1.87 1.75 1.70 1.62
1.51 1.44 1.41 1.36 1.36 1.32 1.45 1.46 1.48 1.40 1.50 1.50 2.60 2.21 2.15 2.06 2.00 1.96 1.90 1.87 1.80 1.69
"""
_COVALENT_RADIUS = {symbol: float(text) for symbol, text in zip(SYMBOLS, _COVALENT.split(), strict=False)}
# Angstrom; Bondi (1964), boron and arsenic Mantina et al. (2009).
_VDW_RADIUS = {
    "H": 1.2, "D": 1.2, "B": 1.92, "C": 1.7, "N": 1.55, "O": 1.52, "F": 1.47, "SI": 2.1, "P": 1.8, "S": 1.8,
    "CL": 1.75, "AS": 1.85, "SE": 1.9, "BR": 1.85, "TE": 2.06, "I": 1.98,
}  # fmt: skip


def covalent_radius(symbol: str) -> float:
    """Half of a single bond between two atoms of the element, in angstrom; of an unknown one 1.5."""
    return _COVALENT_RADIUS.get("H" if symbol == "D" else symbol, 1.5)


def vdw_radius(symbol: str) -> float:
    """How near atoms that are not bonded come, in angstrom; of rare elements 2."""
    return _VDW_RADIUS.get(symbol, 2.0)
