//! Baby Bear arithmetic on vectors of rows.
//!
//! A [`Vector`] is seen as lanes of 32 bits, a row each. Products have 64 bits a row, so they are two vectors, each with
//! half of the rows: which half is the instruction set's choice. The arithmetic is written once, over what each
//! instruction set has.

use super::{P, P_INVERSE};

/// The operations of an instruction set.
///
/// # Safety
///
/// All may be called only where the CPU has the instruction set, which [`super::isa::Isa`] tells.
pub trait Vector: Copy {
    /// Rows in a vector.
    const LANES: usize;
    unsafe fn load(from: *const u32) -> Self;
    unsafe fn store(self, to: *mut u32);
    /// The value in every 32-bit lane.
    unsafe fn splat32(value: u32) -> Self;
    /// The value in every 64-bit lane.
    unsafe fn splat64(value: u64) -> Self;
    unsafe fn add32(self, other: Self) -> Self;
    unsafe fn sub32(self, other: Self) -> Self;
    /// The lesser of each unsigned lane.
    unsafe fn min32(self, other: Self) -> Self;
    unsafe fn add64(self, other: Self) -> Self;
    unsafe fn sub64(self, other: Self) -> Self;
    /// The products of the first half's rows.
    unsafe fn mul_first(self, other: Self) -> Self;
    /// The rows of the second half, where [`Vector::mul_second`] takes them.
    unsafe fn second(self) -> Self;
    /// The high words of two halves, each in its row.
    unsafe fn high(first: Self, second: Self) -> Self;

    /// The products of the second half's rows, of what [`Vector::second`] returns: in the places of the first half, if an
    /// instruction set multiplies no others.
    #[inline(always)]
    unsafe fn mul_second(self, other: Self) -> Self {
        self.mul_first(other)
    }

    /// The products of the low words of two halves and a factor, of which only the low words are used.
    #[inline(always)]
    unsafe fn mul_low(halves: Wide<Self>, factor: Self) -> Factor<Self> {
        Factor {
            first: halves.first.mul_first(factor),
            second: halves.second.mul_first(factor),
        }
    }

    /// Each value in every 32-bit lane of a vector of its own.
    #[inline(always)]
    unsafe fn splat_each([a, b, c, d]: &[u32; 4]) -> [Self; 4] {
        [
            Self::splat32(*a),
            Self::splat32(*b),
            Self::splat32(*c),
            Self::splat32(*d),
        ]
    }

    /// The product of field elements.
    #[inline(always)]
    unsafe fn product(self, other: Self) -> Self {
        Wide::product(Factor::new(self), Factor::new(other)).reduce()
    }
}

/// A field element that is the same in every row.
#[inline(always)]
pub unsafe fn constant<V: Vector>(value: u32) -> V {
    V::splat32(value)
}

#[inline(always)]
pub unsafe fn add<V: Vector>(a: V, b: V) -> V {
    let sum = a.add32(b);
    sum.min32(sum.sub32(constant(P)))
}

#[inline(always)]
pub unsafe fn sub<V: Vector>(a: V, b: V) -> V {
    not_negative(a.sub32(b))
}

#[inline(always)]
pub unsafe fn mul<V: Vector>(a: V, b: V) -> V {
    a.product(b)
}

/// Adds P to what is less than zero, and not less than -P.
#[inline(always)]
pub unsafe fn not_negative<V: Vector>(difference: V) -> V {
    difference.min32(difference.add32(constant(P)))
}

/// A vector with both its halves at hand, to be multiplied more than once.
#[derive(Clone, Copy)]
pub struct Factor<V> {
    first: V,
    second: V,
}

impl<V: Vector> Factor<V> {
    #[inline(always)]
    pub unsafe fn new(value: V) -> Self {
        Self {
            first: value,
            second: value.second(),
        }
    }

    /// The same value in every row.
    #[inline(always)]
    pub unsafe fn constant(value: u32) -> Self {
        Self::same(constant(value))
    }

    /// The coefficients of an element of the extension, each the same in every row.
    #[inline(always)]
    pub unsafe fn coefficients(element: &[u32; 4]) -> [Self; 4] {
        let [a, b, c, d] = V::splat_each(element);
        [Self::same(a), Self::same(b), Self::same(c), Self::same(d)]
    }

    #[inline(always)]
    unsafe fn same(value: V) -> Self {
        Self {
            first: value,
            second: value,
        }
    }
}

/// Sums of products, not reduced: 64 bits a row.
#[derive(Clone, Copy)]
pub struct Wide<V> {
    pub(super) first: V,
    pub(super) second: V,
}

impl<V: Vector> Wide<V> {
    #[inline(always)]
    pub unsafe fn zero() -> Self {
        let zero = V::splat64(0);
        Self {
            first: zero,
            second: zero,
        }
    }

    #[inline(always)]
    unsafe fn product(a: Factor<V>, b: Factor<V>) -> Self {
        Self {
            first: a.first.mul_first(b.first),
            second: a.second.mul_second(b.second),
        }
    }

    /// Adds a product, which is less than P^2. 2^64 holds four of them, or two and what [`Wide::fold`] leaves.
    #[inline(always)]
    pub unsafe fn add(self, a: Factor<V>, b: Factor<V>) -> Self {
        let product = Self::product(a, b);
        Self {
            first: self.first.add64(product.first),
            second: self.second.add64(product.second),
        }
    }

    #[inline(always)]
    unsafe fn sub(self, a: Factor<V>, b: Factor<V>) -> Self {
        let product = Self::product(a, b);
        Self {
            first: self.first.sub64(product.first),
            second: self.second.sub64(product.second),
        }
    }

    /// Subtracts P * 2^32, which is 2.13 P^2, once from what is not less.
    #[inline(always)]
    pub unsafe fn fold(self) -> Self {
        let p = V::splat64(u64::from(P) << 32);
        Self {
            first: self.first.min32(self.first.sub32(p)),
            second: self.second.min32(self.second.sub32(p)),
        }
    }

    /// The sum divided by 2^32 modulo P (Montgomery's reduction), if it is less than P * 2^32.
    #[inline(always)]
    pub unsafe fn reduce(self) -> V {
        let multiple = V::mul_low(self, constant(opaque(P_INVERSE)));
        // What is subtracted agrees in the low word; the high word of the difference is more than -P and less than P.
        let difference = self.sub(multiple, Factor::constant(opaque(P)));
        not_negative(V::high(difference.first, difference.second))
    }
}

/// The value, unknown to the compiler: it makes shifts and additions of multiplications by constants of few bits, which
/// take longer here.
#[inline(always)]
pub fn opaque(value: u32) -> u32 {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    {
        let mut value = u64::from(value);
        // SAFETY: no instruction.
        unsafe {
            std::arch::asm!("/* {0} */", inlateout(reg) value, options(pure, nomem, nostack, preserves_flags));
        }
        value as u32
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    value
}

#[cfg(test)]
mod tests {
    use risc0_zkp::field::baby_bear::BabyBearElem;

    use super::*;
    use crate::vectors::isa::{self, by_isa, Isa};
    use crate::vectors::ONE;

    /// Lanes of the widest vector.
    const LANES: usize = 16;

    /// The sum, the difference, the product, and four times the product, of each lane.
    type Results = [[u32; LANES]; 4];

    by_isa! {
        fn results(a: &[u32; LANES], b: &[u32; LANES], results: &mut Results) = results_of
    }

    #[inline(always)]
    unsafe fn results_of<V: Vector>(a: &[u32; LANES], b: &[u32; LANES], results: &mut Results) {
        let [sums, differences, products, totals] = results;
        for lane in (0..LANES).step_by(V::LANES) {
            let (a, b) = (V::load(a.as_ptr().add(lane)), V::load(b.as_ptr().add(lane)));
            add(a, b).store(sums.as_mut_ptr().add(lane));
            sub(a, b).store(differences.as_mut_ptr().add(lane));
            mul(a, b).store(products.as_mut_ptr().add(lane));
            let (a, b) = (Factor::new(a), Factor::new(b));
            let total = Wide::zero().add(a, b).add(a, b).fold();
            let total = total.add(a, b).add(a, b).fold();
            total.reduce().store(totals.as_mut_ptr().add(lane));
        }
    }

    #[test]
    fn the_least_and_greatest_elements_are_risc0s_with_every_instruction_set() {
        let half = P / 2;
        let edges = [
            0,
            1,
            2,
            half - 1,
            half,
            half + 1,
            half + 2,
            P - 2,
            P - 1,
            ONE,
            1 << 27,
            (1 << 27) - 1,
            1 << 30,
            (1 << 30) - 1,
            0x7777_7777,
            0x5555_5555,
        ];
        for isa in Isa::available() {
            for turn in 0..LANES {
                let mut other = edges;
                other.rotate_left(turn);
                let mut found = [[0; LANES]; 4];
                results(isa, &edges, &other, &mut found);
                for lane in 0..LANES {
                    let a = BabyBearElem::new_raw(edges[lane]);
                    let b = BabyBearElem::new_raw(other[lane]);
                    let product = a * b;
                    let expected = [a + b, a - b, product, product + product + product + product];
                    let found = found.map(|lanes| BabyBearElem::new_raw(lanes[lane]));
                    assert_eq!(
                        found, expected,
                        "{} and {}, {isa}",
                        edges[lane], other[lane]
                    );
                }
            }
        }
    }
}
