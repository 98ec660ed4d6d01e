//! Field elements and digests as the words that vectors take.

use std::any::TypeId;
use std::slice;

use risc0_core::field::baby_bear::{BabyBearElem, BabyBearExtElem};
use risc0_core::field::{Elem, ExtElem};

use super::vectors::extension::Extension;
use super::vectors::poseidon2;
use crate::core::digest::{Digest, DIGEST_WORDS};

/// The elements as they are in memory, if they are Baby Bear's.
pub fn words<E: Elem>(elements: &[E]) -> Option<&[u32]> {
    // SAFETY: that type is a transparent struct of one u32.
    (TypeId::of::<E>() == TypeId::of::<BabyBearElem>())
        .then(|| unsafe { slice::from_raw_parts(elements.as_ptr().cast(), elements.len()) })
}

pub fn words_mut<E: Elem>(elements: &mut [E]) -> Option<&mut [u32]> {
    // SAFETY: as above. Each u32 written is an element less than the modulus.
    (TypeId::of::<E>() == TypeId::of::<BabyBearElem>())
        .then(|| unsafe { slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), elements.len()) })
}

pub fn extensions<X: ExtElem>(elements: &[X]) -> Option<&[Extension]> {
    // SAFETY: that type is a transparent struct of four elements.
    (TypeId::of::<X>() == TypeId::of::<BabyBearExtElem>())
        .then(|| unsafe { slice::from_raw_parts(elements.as_ptr().cast(), elements.len()) })
}

pub fn extensions_mut<X: ExtElem>(elements: &mut [X]) -> Option<&mut [Extension]> {
    // SAFETY: as above.
    (TypeId::of::<X>() == TypeId::of::<BabyBearExtElem>())
        .then(|| unsafe { slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), elements.len()) })
}

pub fn digests_mut(digests: &mut [Digest]) -> &mut [poseidon2::Digest] {
    const _: () = assert!(DIGEST_WORDS == poseidon2::DIGEST);
    // SAFETY: a transparent struct of that array.
    unsafe { slice::from_raw_parts_mut(digests.as_mut_ptr().cast(), digests.len()) }
}
