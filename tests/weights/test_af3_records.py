"""The record format is that of manifest_af3.json (`file_format`) in ../shared/oracles/af3."""

import struct

import numpy as np
import pytest

from foldwright.errors import InputError
from foldwright.weights import af3_records
from foldwright.weights.af3_records import IDENTIFIER, iterate_records, parts, read_records, write_records


@pytest.fixture
def arrays(rng) -> dict[str, np.ndarray]:
    """Parameters of every kind a file has."""
    return {
        "diffuser/evoformer/left_single//weights": rng.standard_normal((7, 5), np.float32),
        "diffuser/distogram_head/half_logits//weights": rng.standard_normal((5, 3), np.float32),
        "diffuser/scalar//bias": np.array(0.25, np.float32),
        IDENTIFIER: rng.integers(0, 256, 64).astype(np.uint8),
    }


STORED = {"diffuser/evoformer/left_single//weights": "bfloat16"}


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def file(tmp_path, arrays):
    path = tmp_path / "af3.bin"
    write_records(path, arrays, STORED)
    return path


def test_one_record_is_laid_out_as_the_format_says(tmp_path):
    write_records(tmp_path / "a.bin", {"a/b//w": np.array([[1.0, -2.0]], np.float32)}, {"a/b//w": "bfloat16"})
    expected = struct.pack("<5i", 3, 1, 8, 2, 4) + b"a/b" + b"w" + b"bfloat16" + struct.pack("<2i", 1, 2)
    expected += bytes([0x80, 0x3F, 0x00, 0xC0])  # 1 and -2: the upper halves of 0x3F800000 and 0xC0000000
    assert (tmp_path / "a.bin").read_bytes() == expected


def test_arrays_come_back_and_bfloat16_is_rounded_to_the_nearest(file, arrays):
    found = read_records(file)
    assert set(found) == set(arrays) - {IDENTIFIER}
    rounded = found["diffuser/evoformer/left_single//weights"]
    assert rounded.dtype == np.float32
    error = np.abs(rounded / arrays["diffuser/evoformer/left_single//weights"] - 1)
    assert 0 < error.max() < 2**-8
    for key in ("diffuser/distogram_head/half_logits//weights", "diffuser/scalar//bias"):
        np.testing.assert_array_equal(found[key], arrays[key])


def test_ties_go_to_the_even_neighbour():
    halfway = np.array([0x3F808000, 0x3F818000], np.uint32).view(np.float32)
    assert af3_records.narrowed(halfway).tolist() == [0x3F80, 0x3F82]


def test_every_record_tells_its_type_in_the_order_of_the_file(file, arrays):
    records = list(iterate_records(file))
    assert [record.key for record in records] == list(arrays)
    assert [record.stored for record in records] == ["bfloat16", "float32", "float32", "uint8"]
    np.testing.assert_array_equal(records[-1].array, arrays[IDENTIFIER])


def test_what_was_read_is_written_byte_for_byte(file, tmp_path):
    records = list(iterate_records(file))
    again = tmp_path / "again.bin"
    write_records(again, {r.key: r.array for r in records}, {r.key: r.stored for r in records})
    assert again.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("name", ["af3.{}.bin", "af3.bin.{}"])
def test_a_file_in_parts_is_one_file(file, tmp_path, name):
    raw, folder = file.read_bytes(), tmp_path / "parts"
    folder.mkdir()
    for i, begin in enumerate(range(0, len(raw), 100)):
        (folder / name.format(i)).write_bytes(raw[begin : begin + 100])
    (folder / "README.md").write_text("not a part")
    whole = read_records(file)
    for given in (folder, folder / name.format(1)):
        found = read_records(given)
        assert found.keys() == whole.keys()
        assert all(np.array_equal(found[key], whole[key]) for key in whole)
    (folder / name.format(1)).unlink()
    with pytest.raises(InputError, match="part 1 is missing"):
        parts(folder / name.format(2))


@pytest.mark.parametrize("name", ["af3.{}.bin.zst", "af3.bin.zst.{}"])
def test_a_packed_file_is_unpacked_across_its_parts(file, tmp_path, arrays, name):
    pytest.importorskip("zstandard", reason="needs the package zstandard")
    packed = tmp_path / "packed.bin.zst"
    write_records(packed, arrays, STORED)
    raw, whole, folder = packed.read_bytes(), read_records(file), tmp_path / "parts"
    assert raw[:4] == b"\x28\xb5\x2f\xfd"
    folder.mkdir()
    for i in range(3):
        (folder / name.format(i)).write_bytes(raw[i * len(raw) // 3 : (i + 1) * len(raw) // 3])
    for given in (packed, folder):
        found = read_records(given)
        assert all(np.array_equal(found[key], whole[key]) for key in whole)


def test_without_a_package_to_unpack_the_error_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    path = tmp_path / "af3.bin.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(60))
    with pytest.raises(InputError, match="pip install zstandard"):
        read_records(path)


@pytest.mark.parametrize("kept", [10, 30, 60, 150, -1])
def test_a_file_that_is_cut_short_is_refused(file, kept):
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InputError, match="ends within"):
        read_records(file)


def test_a_packed_file_that_is_damaged_or_cut_is_refused(tmp_path, arrays):
    pytest.importorskip("zstandard", reason="needs the package zstandard")
    path = tmp_path / "af3.bin.zst"
    write_records(path, arrays)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match=r"ends within|unpacked|empty"):
        read_records(path)
    path.write_bytes(raw[:8] + b"\xff" * 40 + raw[48:])
    with pytest.raises(InputError):
        read_records(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(range(200)), bytes(range(255, 55, -1))])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "af3.bin"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"af3\.bin"):
        read_records(path)


def test_records_that_contradict_themselves_are_refused(file, tmp_path):
    raw = file.read_bytes()
    file.write_bytes(raw + raw)
    with pytest.raises(InputError, match="left_single//weights is there twice"):
        read_records(file)
    file.write_bytes(struct.pack("<5i", 1, 1, 7, 1, 8) + b"awfloat32" + struct.pack("<i", 3) + bytes(12))
    with pytest.raises(InputError, match=r"a//w is said to have the shape \(3,\) of float32 and 8 bytes"):
        read_records(file)
    file.write_bytes(struct.pack("<5i", 1, 1, 4, 1, 8) + b"awint4" + struct.pack("<i", 2) + bytes(8))
    with pytest.raises(InputError, match='unknown type "int4"'):
        read_records(file)


def test_a_missing_file_and_a_folder_of_two_are_named(tmp_path, arrays):
    with pytest.raises(InputError, match="no such file"):
        read_records(tmp_path / "af3.bin")
    with pytest.raises(InputError, match="no parameter file"):
        read_records(tmp_path)
    for name in ("one.bin", "two.bin"):
        write_records(tmp_path / name, arrays)
    with pytest.raises(InputError, match=r"2 parameter files are in this folder: one\.bin, two\.bin"):
        read_records(tmp_path)
