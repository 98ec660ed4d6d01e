//! Maps and sets built at once from entries that come in order, as encoders write them.
//!
//! serde inserts one entry after the other, and each insertion searches the tree for its place.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{fmt, marker::PhantomData, mem::size_of};

use serde::{
    de::{MapAccess, Visitor},
    Deserialize, Deserializer,
};

use crate::input::TRUSTED_BYTES;

/// Reads a map with a fraction of the cycles: put `#[serde(deserialize_with = "zkhost_guest::sorted_map")]` on a field.
/// What it reads, accepts and gives is what the field's type does by itself, whatever the order of the entries.
pub fn sorted_map<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_map(Entries(PhantomData))
}

/// As [`sorted_map`], for a set.
pub fn sorted_set<'de, T, D>(deserializer: D) -> Result<BTreeSet<T>, D::Error>
where
    T: Deserialize<'de> + Ord,
    D: Deserializer<'de>,
{
    Vec::deserialize(deserializer).map(BTreeSet::from_iter)
}

struct Entries<K, V>(PhantomData<(K, V)>);

impl<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>> Visitor<'de> for Entries<K, V> {
    type Value = BTreeMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let trusted = TRUSTED_BYTES / size_of::<(K, V)>().max(1);
        let mut entries = Vec::with_capacity(access.size_hint().unwrap_or(0).min(trusted));
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(BTreeMap::from_iter(entries))
    }
}
