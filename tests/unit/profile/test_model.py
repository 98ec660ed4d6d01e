"""The call tree, and what is computed from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.profile.samples import sample_profile, write_pprof
from zkhost.errors import ProfileError
from zkhost.profile import (
    Cycles,
    FunctionCost,
    Profile,
    build_profile,
    load_profile,
    profile_from_plain,
    profile_to_plain,
    read_pprof,
)
from zkhost.profile.compare import compare_profiles
from zkhost.profile.pprof import Frame, Sample
from zkhost.profile.symbol_names import crate_of, tidy


def _by_name(profile: Profile) -> dict[str, FunctionCost]:
    return {row.name: row for row in profile.functions()}


def test_paging_counts_for_the_function_that_touched_the_page() -> None:
    main, work = Frame("main", "m.rs", 9), Frame("work", "w.rs", 30)
    samples = [
        Sample((main,), (5,)),
        Sample((main, work), (70,)),
        Sample((main, Frame("work", "w.rs", 20)), (7,)),
        Sample((main, work, Frame("[PageIn]")), (1000,)),
        Sample((main, work, Frame("[PageOut]")), (200,)),
    ]
    profile = build_profile(read_pprof(write_pprof(samples)))
    rows = _by_name(profile)
    assert rows["work"].own == Cycles(77, 1000, 200)
    assert rows["main"].own == Cycles(5)
    assert rows["main"].total == Cycles(82, 1000, 200)
    assert rows["work"].source.line == 20, "the first of its lines"
    assert rows["work"].source.lines == {30: Cycles(70, 1000, 200), 20: Cycles(7)}
    assert profile.run.user == 82
    assert profile.unattributed == Cycles()


def test_recursion_counts_once() -> None:
    rows = _by_name(sample_profile())
    assert rows["demo::sort"].own.user == 14_000
    assert rows["demo::sort"].total.user == 18_000


def test_functions_are_sorted_by_own_cycles() -> None:
    names = [row.name for row in sample_profile().functions()]
    assert names[:3] == ["<u32>::rotate_right", "demo::sort", "sha2::compress256"]


def test_a_deep_recursion_is_no_trouble() -> None:
    stack = tuple(Frame("f") for _ in range(5000))
    profile = build_profile(read_pprof(write_pprof([Sample(stack, (3,))])))
    assert _by_name(profile)["f"].total.user == 3
    assert profile_from_plain(profile_to_plain(profile)).root.total.user == 3


def test_folding_gives_inlined_cycles_to_the_caller() -> None:
    profile = sample_profile()
    folded = _by_name(profile.folded())
    assert "<u32>::rotate_right" not in folded
    assert folded["sha2::compress256"].own.user == 70_000
    assert profile.folded().root.total == profile.root.total


def test_what_the_run_has_and_the_tree_has_not() -> None:
    profile = sample_profile()
    assert profile.unattributed == Cycles(0, 500)


def test_crates_add_up() -> None:
    profile = sample_profile()
    assert sum(cycles.user for _, cycles in profile.crates()) == profile.root.total.user
    assert profile.crates()[0] == ("core", Cycles(60_000))


def test_saved_and_loaded_profiles_are_equal(tmp_path: Path) -> None:
    profile = sample_profile()
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(profile_to_plain(profile)))
    loaded = load_profile(path)
    assert loaded.run == profile.run
    assert loaded.functions() == profile.functions()
    assert profile_to_plain(loaded) == profile_to_plain(profile)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "other"}, "not a saved profile"),
        ({"version": 99}, "version 99"),
        ({"run": None}, "damaged"),
        ({"functions": []}, "damaged"),
    ],
)
def test_a_damaged_save_is_refused_by_name(tmp_path: Path, change: dict[str, object], says: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(profile_to_plain(sample_profile()) | change))
    with pytest.raises(ProfileError, match=says) as caught:
        load_profile(path)
    assert "bad.json" in str(caught.value)


def test_a_parent_that_comes_later_is_refused() -> None:
    plain = profile_to_plain(sample_profile())
    plain["tree"]["parent"][1] = 3
    with pytest.raises(ProfileError, match="entry 1 has parent 3"):
        profile_from_plain(plain)


def test_comparing_shows_what_changed_and_only_that() -> None:
    deltas = compare_profiles(sample_profile(), sample_profile(hashing=45_000))
    assert deltas[0].name == "<u32>::rotate_right"
    assert deltas[0].own.user == -15_000
    totals = {delta.name: delta.total.user for delta in deltas}
    assert totals["demo::main"] == -15_000
    assert "demo::sort" not in totals


def test_comparing_has_functions_of_only_one_run() -> None:
    base, now = sample_profile(), sample_profile()
    del base.root.children["_start"].children["main"].children["demo::main"].children["demo::sort"]
    delta = next(delta for delta in compare_profiles(base, now) if delta.name == "memcpy")
    assert delta.before is None
    assert delta.own.user == 4_000


@pytest.mark.parametrize(
    ("name", "file", "crate"),
    [
        ("alloc::vec::Vec<T,A>::push", "", "alloc"),
        ("<alloc::string::String as core::fmt::Write>::write_str", "", "alloc"),
        ("<&T as core::fmt::Debug>::fmt", "", "core"),
        ("<u32>::wrapping_add", "/rustc/abc/library/core/src/num/uint_macros.rs", "core"),
        ("memcpy", "", "runtime"),
        ("__rustc::__rust_alloc", "", "runtime"),
        ("compress", "/home/x/.cargo/registry/src/index.crates.io-1/sha2-asm-0.6.4/src/lib.rs", "sha2_asm"),
        ("[system call]", "", "zkvm"),
        ("<[u8; 4] as demo::Digest>::digest", "", "demo"),
    ],
)
def test_the_crate_of_a_function(name: str, file: str, crate: str) -> None:
    assert crate_of(name, file) == crate


@pytest.mark.parametrize(
    ("mangled", "readable"),
    [
        ("core::fmt::write::h0123456789abcdef", "core::fmt::write"),
        ("_$LT$T$u20$as$u20$core..fmt..Debug$GT$::fmt", "_<T as core::fmt::Debug>::fmt"),
        ("plain..name", "plain..name"),
        ("", "?"),
    ],
)
def test_names_as_people_read_them(mangled: str, readable: str) -> None:
    assert tidy(mangled) == readable
