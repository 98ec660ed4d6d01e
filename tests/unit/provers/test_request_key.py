"""A key changes with everything a receipt depends on, and with nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from zkhost.errors import UnsupportedError
from zkhost.provers.storage.request_key import RequestKey

ENV: dict[str, Any] = {
    "input": b"abc",
    "args": ["a", "b"],
    "vars": {"N": "1"},
    "segment_limit_po2": 15,
    "session_limit": None,
    "keccak_max_po2": None,
    "pprof_out": None,
    "input_digest": None,
    "read_fds": [],
    "write_fds": [1, 2],
    "slice_io": [],
    "trace": False,
    "assumptions": [],
}
FIXED: dict[str, Any] = {"image_id": bytes(32), "receipt_kind": "composite", "risc0_version": "3.0.6"}


def key(fixed: dict[str, Any] | None = None, **changes: Any) -> RequestKey:
    return RequestKey.of({**ENV, **changes}, **{**FIXED, **(fixed or {})})


@pytest.mark.parametrize(
    "change",
    [
        {"input": b"abd"},
        {"input": b""},
        {"args": ["a"]},
        {"args": ["ab"]},
        {"args": ["b", "a"]},
        {"vars": {"N": "2"}},
        {"vars": {"M": "1"}},
        {"vars": {}},
        {"segment_limit_po2": 16},
        {"segment_limit_po2": None},
        {"session_limit": 1000},
        {"keccak_max_po2": 15},
        {"input_digest": bytes(32)},
        {"assumptions": [{"receipt": b"r"}]},
        {"assumptions": [{"claim": b"r", "control_root": bytes(32)}]},
        {"something_new": 1},
    ],
    ids=str,
)
def test_everything_that_matters_changes_the_key(change: dict[str, Any]) -> None:
    assert key(**change).digest != key().digest


@pytest.mark.parametrize(
    "fixed",
    [{"image_id": b"\1" * 32}, {"receipt_kind": "succinct"}, {"risc0_version": "3.0.7"}, {"options": {"x": True}}],
)
def test_program_kind_version_and_options_change_the_key(fixed: dict[str, Any]) -> None:
    assert key(fixed).digest != key().digest


@pytest.mark.parametrize("change", [{"write_fds": [1, 2, 7]}, {"trace": True}, {"pprof_out": "x"}])
def test_where_output_goes_does_not(change: dict[str, Any]) -> None:
    assert key(**change).digest == key().digest


def test_content_moved_between_neighbours_changes_the_key() -> None:
    assert key(args=["ab", "c"]).digest != key(args=["a", "bc"]).digest
    assert key(vars={"a": "bc"}).digest != key(vars={"ab": "c"}).digest
    assert key(args=["1"]).digest != key(args=[1]).digest


@pytest.mark.parametrize("change", [{"read_fds": [0]}, {"slice_io": ["ask"]}])
def test_input_read_while_running_is_not_covered(change: dict[str, Any]) -> None:
    live = key(**change)
    assert not live.is_complete
    with pytest.raises(UnsupportedError, match="cache cannot be used"):
        live.require_complete("cache")
    key().require_complete("cache")


def test_a_key_shows_no_content() -> None:
    text = key(input=b"secret-input", args=["secret-arg"], vars={"K": "secret-value"}).to_json()
    assert "secret" not in text


def test_json_round_trip_and_damage() -> None:
    text = key().to_json()
    assert RequestKey.from_json(text) == key()
    for damaged in (text.replace("3.0.6", "3.0.5"), text[:-3], "{}", "[]", '{"key": "", "parts": 3, "live": []}'):
        with pytest.raises(ValueError, match=r"."):
            RequestKey.from_json(damaged)


def test_differences_name_the_parts() -> None:
    changed = key(segment_limit_po2=16, input=b"other").differences(key())
    assert [line.split(":")[0] for line in changed] == ["input", "segment_limit_po2"]
    assert changed[1] == "segment_limit_po2: 15 -> 16"
