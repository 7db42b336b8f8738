"""Files are written whole or not at all, read without trust, and known by their SHA-256."""

import hashlib
import json
import os
import pickle

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov._files import (
    read_beside,
    read_format,
    read_json,
    read_tensors,
    replacing,
    sha256_of,
    sha256_of_file,
    write_json,
    write_tensors,
    write_text,
)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_json_comes_back(tmp_path):
    content = {"a": [1, 2.5, None], "é": {"b": "ü"}, "tiny": 1e-300}
    write_json(tmp_path / "deep" / "a.json", content)
    assert read_json(tmp_path / "deep" / "a.json") == content
    assert names(tmp_path / "deep") == ["a.json"]


@pytest.mark.parametrize("bad", [{"x": float("nan")}, {"x": object()}])
def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path, bad):
    write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "a.json", bad)
    assert read_json(tmp_path / "a.json") == {"old": 1}
    assert names(tmp_path) == ["a.json"]


def test_a_failed_block_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def fail():
        with replacing(target) as temporary:
            temporary.write_text("half")
            assert target.read_text() == "old"
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_reader_of_the_old_file_sees_it_whole(tmp_path):
    write_text(tmp_path / "a", "old")
    with open(tmp_path / "a") as reader:
        write_text(tmp_path / "a", "new and longer")
        assert reader.read() == "old"
    assert (tmp_path / "a").read_text() == "new and longer"


def test_new_files_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "x")
        assert os.umask(0o027) == 0o027  # asking for it did not change it
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_folder_in_the_way_is_refused(tmp_path):
    (tmp_path / "a.json" / "b").mkdir(parents=True)
    with pytest.raises(InputError, match=r"a\.json: cannot be written"):
        write_json(tmp_path / "a.json", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written.*Choose another path"):
        write_json(tmp_path / "file" / "a.json", {})
    assert names(tmp_path) == ["a.json", "file"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold 1 to"),
        (b"{", "must be valid JSON"),
        (b"[1]", "must hold a JSON object; got list"),
        (b"\xff\xfe{}", "must be valid JSON"),
        (b"[" * 200_000, "must be valid JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "must be valid JSON"),
    ],
)
def test_bad_json_is_refused_in_one_line(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_json(tmp_path / "a.json", "audit")
    assert str(caught.value).startswith("audit ")
    assert "\n" not in str(caught.value)


def test_missing_files_are_refused(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match="must be an existing JSON file"):
            read_json(path)
        with pytest.raises(InputError, match="must be an existing safetensors file"):
            read_tensors(path)


def test_format_is_checked(tmp_path):
    write_json(tmp_path / "a.json", {"format": "girsanov/audit/1"})
    assert read_format(tmp_path / "a.json", "audit")["format"] == "girsanov/audit/1"
    with pytest.raises(InputError, match=r'"girsanov/plan/1"; got girsanov/audit/1\. Make it'):
        read_format(tmp_path / "a.json", "plan")
    write_json(tmp_path / "b.json", {})
    with pytest.raises(InputError, match="got no format"):
        read_format(tmp_path / "b.json", "plan")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_of_json_is_in_no_file_of_ours(tmp_path, number):
    (tmp_path / "a.json").write_text(f'{{"format": "girsanov/plan/1", "x": [{number}]}}')
    with pytest.raises(InputError, match=r"must be valid JSON; -?(NaN|Infinity) is no number"):
        read_format(tmp_path / "a.json", "plan")
    assert len(read_json(tmp_path / "a.json")["x"]) == 1  # diffusers writes them, and is read


def test_tensors_come_back_whatever_their_strides(tmp_path):
    base = np.arange(24.0).reshape(4, 6)
    arrays = {"turned": base.T, "reversed": base[::-1, ::2], "whole": np.arange(3)}
    write_tensors(tmp_path / "a.safetensors", arrays, {"k": "v"})
    back = read_tensors(tmp_path / "a.safetensors")
    assert back.keys() == arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(back[name], value)
        assert back[name].dtype == value.dtype
    assert names(tmp_path) == ["a.safetensors"]


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def test_garbage_and_pickles_are_refused_and_not_run(tmp_path):
    path = tmp_path / "a.safetensors"
    huge = (2**62).to_bytes(8, "little") + b"{}"
    for content in (b"", b"x", huge, pickle.dumps(Bomb()), b"\0" * 64):
        path.write_bytes(content)
        with pytest.raises(InputError, match="must be a readable safetensors file"):
            read_tensors(path)


def test_arrays_beside_a_json_file_must_be_its_own(tmp_path):
    json_path, arrays = tmp_path / "a.json", tmp_path / "a.safetensors"
    with pytest.raises(InputError, match=r"needs a\.safetensors beside it.*run girsanov audit"):
        read_beside(json_path, "0", "girsanov audit")
    write_tensors(arrays, {"x": np.arange(3.0)})
    digest = sha256_of_file(arrays)
    np.testing.assert_array_equal(read_beside(json_path, digest, "r")["x"], np.arange(3.0))
    write_tensors(arrays, {"x": np.arange(4.0)})
    for wrong in (digest, None, 3):
        with pytest.raises(InputError, match="is not the file that"):
            read_beside(json_path, wrong, "r")


def test_sha256_tells_values_shapes_and_types_apart():
    a = np.arange(6.0)
    different = [
        (a,),
        (a + 1e-12,),
        (a.reshape(2, 3),),
        (a.reshape(3, 2),),
        (a.astype(np.float32),),
        (a.view(np.int64),),
        (a, a),
        ("a",),
        (b"b",),
        (np.array(3.0),),
        (np.empty((0, 3)),),
        (np.empty((3, 0)),),
    ]
    assert len({sha256_of(*parts) for parts in different}) == len(different)
    assert sha256_of(a[::2]) == sha256_of(a[::2].copy())
    assert sha256_of("ab") == hashlib.sha256(b"ab").hexdigest()


def test_sha256_of_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc" * 10**6)
    assert sha256_of_file(tmp_path / "a") == hashlib.sha256(b"abc" * 10**6).hexdigest()
    assert json.dumps(sha256_of_file(tmp_path / "a"))
