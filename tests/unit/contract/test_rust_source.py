"""What codegen prints is what rustfmt would print."""

from __future__ import annotations

import subprocess
from difflib import unified_diff

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from zkhost.contract.item_model import Array, Enum, Field, Fields, Item, Module, Named, RustType, Struct, Tuple, Variant
from zkhost.contract.to_rust.item_printer import item_source

from .strategies import modules


def rustfmt(source: str) -> str:
    done = subprocess.run(["rustfmt", "--edition", "2021"], input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + source
    return done.stdout


def differences(items: tuple[Item, ...]) -> list[str]:
    source = "\n\n".join(item_source(item, ["Clone", "Debug"]) for item in items) + "\n"
    return list(unified_diff(source.splitlines(), rustfmt(source).splitlines(), "ours", "rustfmt"))


# A run of rustfmt takes too long to shrink with: the differing line says enough.
@settings(max_examples=40, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(modules())
def test_rustfmt_changes_nothing(module: Module) -> None:
    assert differences(module.items) == []


WORD = Named("u64")
WIDE = Tuple((Named("BTreeMap", (Named("u128"), WORD)),) * 4)  # more than the 60 columns of a tuple on one line
MAP = Named("BTreeMap", (Named("String"), Named("Option", (WIDE,))))


def unnamed(*types: RustType) -> Fields:
    return Fields("tuple", tuple(Field(str(index), each) for index, each in enumerate(types)))


def named(name: str, rust_type: RustType) -> Fields:
    return Fields("named", (Field(name, rust_type),))


def test_a_map_is_read_at_once_where_serde_knows_its_types() -> None:
    fields = Fields(
        "named", (Field("a", Named("BTreeMap", (WORD, WORD))), Field("b", Named("BTreeSet", (Named("T"),))))
    )
    source = item_source(Struct("Maps", fields, ("T",)), ["Deserialize"])
    assert '    #[serde(deserialize_with = "zkhost_guest::sorted_map")]\n    pub a: BTreeMap<u64, u64>,\n' in source
    assert ",\n    pub b: BTreeSet<T>,\n" in source


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(Struct("Pair", unnamed(WORD, WIDE)), id="a second space behind pub"),
        pytest.param(Struct("Maps", unnamed(MAP, WORD)), id="a second space behind pub, before a map"),
        pytest.param(Struct("One", unnamed(Named("Vec", (Named("Option", (Array(MAP, 8),)),)))), id="one field alone"),
        pytest.param(Struct("Arrays", named("all", Array(Array(WIDE, 1), 32))), id="a tuple inside an array"),
        pytest.param(Struct("Long", named("all", Array(WIDE, 48))), id="a tuple inside a long array"),
        pytest.param(Struct("Inner", named("a" * 70, Named("Vec", (MAP,)))), id="broken below its name"),
        pytest.param(Enum("E", (Variant("Wide", unnamed(Named("Vec", (Named("B" * 70),)))),)), id="a variant alone"),
        pytest.param(Enum("E" + "n" * 85, (Variant("A"),)), id="no room for a brace"),
        pytest.param(Struct("S" + "n" * 85, named("a", Named("T")), ("T", "U")), id="a brace on its own"),
        pytest.param(Struct("S" + "n" * 85, unnamed(Named("T")), ("T", "U")), id="no room for parameters"),
        pytest.param(Struct("S" + "n" * 82, Fields("named")), id="no room for two braces"),
        pytest.param(Enum("E", (Variant("V" * 92, Fields("named")),)), id="an empty variant at the edge"),
        pytest.param(Struct("Unit", named("a", Named("N" * 77, (Tuple(),)))), id="a unit at the edge"),
        pytest.param(Struct("Plain", unnamed(Named("Option", (Named("N" * 95),)))), id="what rustfmt leaves alone"),
    ],
)
def test_rustfmt_changes_nothing_that_is_wide(item: Item) -> None:
    assert differences((item,)) == []
