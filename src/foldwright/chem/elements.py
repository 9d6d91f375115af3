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
