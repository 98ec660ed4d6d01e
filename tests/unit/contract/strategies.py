"""Random Rust modules, for the printers to print and the parser to read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from hypothesis import strategies as st

from zkhost.contract.item_model import (
    Array,
    Enum,
    Field,
    Fields,
    Item,
    Module,
    Named,
    RustType,
    Struct,
    Tuple,
    Variant,
    field_types,
    walk,
)

KEYS = "bool char u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 String".split()
PRIMITIVES = "bool char u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 String".split()

field_names = st.sampled_from(
    "a b id owner type match is_open x_1 total_of_all_orders price_in_cents the_hash_of_the_previous_block".split()
)
variant_names = st.sampled_from("Left Right Jump Idle TheLongNameOfAVariant Http404 Go".split())
docs = st.sampled_from(["", "", "", "In cents.", "Two factors.\n\nNeither of them is 1."])


def rust_types(names: tuple[tuple[str, int], ...] = (), params: tuple[str, ...] = ()) -> st.SearchStrategy[RustType]:
    """Types made of the primitives, the type parameters `params` and items `names`, each with its number of them."""
    simple = st.sampled_from([*PRIMITIVES, *params]).map(Named)

    def larger(inner: st.SearchStrategy[RustType]) -> st.SearchStrategy[RustType]:
        users = [st.tuples(*[inner] * count).map(partial(Named, name)) for name, count in names]
        return st.one_of(
            inner.map(lambda t: Named("Vec", (t,))),
            inner.map(lambda t: Named("Option", (t,))),
            st.tuples(st.sampled_from(KEYS).map(Named), inner).map(lambda kv: Named("BTreeMap", kv)),
            st.sampled_from(KEYS).map(lambda name: Named("HashSet", (Named(name),))),
            st.builds(Array, inner, st.sampled_from([1, 8, 32, 48])),
            st.lists(inner, max_size=3).map(lambda items: Tuple(tuple(items))),
            *users,
        )

    return st.recursive(simple, larger, max_leaves=6)


def fields(types: st.SearchStrategy[RustType]) -> st.SearchStrategy[Fields]:
    """What a struct or variant holds: nothing, a tuple or named fields."""
    named = st.lists(st.builds(Field, field_names, types, docs), max_size=5, unique_by=lambda f: f.name)
    unnamed = st.lists(st.tuples(types, st.sampled_from(["", "", "", "In cents."])), min_size=1, max_size=4).map(
        lambda pairs: [Field(str(i), t, doc) for i, (t, doc) in enumerate(pairs)]
    )
    return st.one_of(
        st.just(Fields()),
        named.map(lambda items: Fields("named", tuple(items))),
        unnamed.map(lambda items: Fields("tuple", tuple(items))),
    )


def used(item: Item) -> tuple[str, ...]:
    """The parameters that a field has: Rust allows no others."""
    names = {t.name for f in field_types(item) for t in walk(f) if isinstance(t, Named)}
    return tuple(param for param in item.params if param in names)


def numbered(number: int, name: str) -> str:
    return f"{name}{number}"


@st.composite
def modules(draw: st.DrawFn) -> Module:
    """A module of up to six items, each of which may use those before it."""
    items: list[Item] = []
    known: tuple[tuple[str, int], ...] = ()
    for number in range(draw(st.integers(1, 6))):
        params = draw(st.sampled_from([(), (), ("T",), ("T", "U")]))
        held = fields(rust_types(known, params))
        name, doc = f"Item{number}", draw(docs)
        if draw(st.booleans()):
            struct = Struct(name, draw(held), params, doc)
            params = used(struct)
            items.append(replace(struct, params=params))
        else:
            own_names = variant_names.map(partial(numbered, number))
            variants = st.lists(st.builds(Variant, own_names, held, docs), min_size=1, max_size=5)
            chosen = draw(variants.filter(lambda vs: len({v.name for v in vs}) == len(vs)))
            enum = Enum(name, tuple(chosen), params, doc)
            params = used(enum)
            items.append(replace(enum, params=params))
        known = (*known, (name, len(params)))
    return Module(tuple(items))
