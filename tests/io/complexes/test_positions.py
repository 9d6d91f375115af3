"""Values of JSON and YAML with their lines and columns."""

import json
import random

import pytest

from foldwright.errors import InputError
from foldwright.io.complexes.positions import Located, Members, parse_json
from foldwright.io.complexes.yaml_positions import parse_yaml

TEXT = """{
  "name": "x",
  "list": [1, -2.5e3,
    true, null, {"deep": "a\\nb\\u00e9"}],
  "empty": {}, "none": []
}"""


def plain(located: Located):
    """What Python's own reader would give."""
    if isinstance(located.value, Members):
        return {key.value: plain(value) for key, value in located.value.pairs}
    if isinstance(located.value, tuple):
        return [plain(item) for item in located.value]
    return located.value


def member(located: Located, *names: str | int) -> Located:
    for name in names:
        if isinstance(name, int):
            located = located.value[name]
        else:
            located = next(value for key, value in located.value.pairs if key.value == name)
    return located


def test_json_has_the_values_of_the_standard_reader_and_their_places():
    top = parse_json(TEXT)
    assert plain(top) == json.loads(TEXT)
    assert (top.line, top.column) == (1, 1)
    assert (member(top, "name").line, member(top, "name").column) == (2, 11)
    assert (member(top, "list", 2).line, member(top, "list", 2).column) == (4, 5)
    assert (member(top, "list", 4, "deep").line, member(top, "list", 4, "deep").column) == (4, 26)


def test_random_json_is_read_as_the_standard_reader_reads_it():
    random.seed(1)

    def value(depth):
        kind = random.randrange(7 if depth < 5 else 5)
        if kind == 5:
            return [value(depth + 1) for _ in range(random.randrange(4))]
        if kind == 6:
            return {str(i) + random.choice(['"', "\\", "\n", "é", ""]): value(depth + 1) for i in range(3)}
        return [None, random.random() * 1e9, random.randrange(-(10**12), 10**12), "\t\u2028\U0001f600/", True][kind]

    for _ in range(200):
        expected = value(0)
        text = json.dumps(expected, indent=random.choice([None, 0, 2]), ensure_ascii=random.random() < 0.5)
        assert plain(parse_json(text)) == expected


def test_a_letter_of_a_string_has_its_own_column_unless_an_escape_stands_before_it():
    assert member(parse_json(TEXT), "name").place(0) == (2, 12)
    assert member(parse_json(TEXT), "list", 4, "deep").place(3) == (4, 26)
    wrapped = Located("ABCDEF", 3, 1, 0, wrapped=(4, 2))
    assert [wrapped.place(i) for i in (0, 3, 4, 5)] == [(3, 1), (3, 4), (4, 1), (4, 2)]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ('{"a": 1,}', 1, 9, "comma"),
        ('{"a" 1}', 1, 6, "colon"),
        ('{\n"a": [1 2]}', 2, 9, "comma"),
        ("[1,\n'x']", 2, 1, "no JSON value"),
        ('["x\ny"]', 1, 2, "string has no end"),
        ('["\\x"]', 1, 3, "escape"),
        ('["\\ud800"]', 1, 2, "half a character"),
        ("[NaN]", 1, 2, "no JSON value"),
        ("[01]", 1, 2, "no JSON value"),
        ("[1] []", 1, 5, "text follows"),
        ('{"a": ', 1, 7, "ends here"),
        ("[" * 100, 1, 42, "nested too deeply"),
        ("[" + "9" * 5000 + "]", 1, 2, "no JSON value"),
    ],
)
def test_json_that_is_none_is_refused_where_it_goes_wrong(text, line, column, words):
    with pytest.raises(InputError) as caught:
        parse_json(text, "job.json")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in caught.value.message


YAML = """# a comment
sequences:
  - protein:
      id: [A, B]
      sequence: MQIF
      count: 3
  - ligand: {ccd: NO, smiles: 'C''C'}
date: 2020-01-01
none: ~
"""


def test_yaml_has_values_and_places_and_keeps_the_letters_of_words():
    pytest.importorskip("yaml")
    top = parse_yaml(YAML)
    sequence = member(top, "sequences", 0, "protein", "sequence")
    assert (sequence.value, sequence.line, sequence.column) == ("MQIF", 5, 17)
    assert sequence.place(2) == (5, 19)
    ccd = member(top, "sequences", 1, "ligand", "ccd")
    assert (ccd.value, ccd.plain) == (False, "NO")
    assert member(top, "sequences", 1, "ligand", "smiles").place(1) == (7, 31)  # quotes that are doubled
    assert member(top, "date").value == "2020-01-01"
    assert member(top, "none").value is None
    assert member(top, "sequences", 0, "protein", "count").value == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1, 2", "no YAML"),
        ("a:\n\t- b", "no YAML"),
        ("a: &x [1]\nb: *x", "alias"),
        ("a: &x [*x]", "alias"),
        ("a: !python/object:os.system x", "tag"),
        ('a: "\\ud800"', "half a character"),
        ("[" * 300, "nested too deeply"),
        ("a: 1\n---\nb: 2", "no YAML"),
        ("# nothing", "no value"),
        ("a: \x07", "no YAML"),
    ],
)
def test_yaml_that_json_could_not_say_is_refused(text, words):
    pytest.importorskip("yaml")
    with pytest.raises(InputError, match=words) as caught:
        parse_yaml(text, "job.yaml")
    assert caught.value.line
