//! Sums of products of bytes with bytes or halfwords: the inner loop, for four rows at once.

/// A weight of 8 or 16 bits.
pub trait Weight: Copy + Into<i32> {
    /// The sums of four rows with a block.
    fn four(rows: [&[Self; 32]; 4], x: &[i8; 32]) -> [i32; 4] {
        plain(rows, x)
    }
}

/// The sums of products of some rows with a block.
pub fn plain<const R: usize, T: Weight>(rows: [&[T; 32]; R], x: &[i8; 32]) -> [i32; R] {
    rows.map(|row| row.iter().zip(x).map(|(w, x)| (*w).into() * i32::from(*x)).sum())
}

#[cfg(not(target_os = "zkvm"))]
impl Weight for i8 {}
#[cfg(not(target_os = "zkvm"))]
impl Weight for i16 {}

/// Thirteen instructions for four products: the compiler's own code takes twice as many.
#[cfg(target_os = "zkvm")]
macro_rules! weight {
    ($type:ty, $load:literal, $($place:literal $at:literal),*) => {
        impl Weight for $type {
            #[inline(always)]
            fn four(rows: [&[Self; 32]; 4], x: &[i8; 32]) -> [i32; 4] {
                let [a, b, c, d] = rows.map(|row| row.as_ptr());
                let (mut p, mut q, mut r, mut s) = (0i32, 0i32, 0i32, 0i32);
                // SAFETY: the places are those of 32 elements, which each of the five arrays has; nothing is written.
                unsafe {
                    core::arch::asm!(
                        $(concat!(
                            "lb {x}, ", $place, "({from})\n",
                            $load, " {t}, ", $at, "({a})\nmul {t}, {t}, {x}\nadd {p}, {p}, {t}\n",
                            $load, " {t}, ", $at, "({b})\nmul {t}, {t}, {x}\nadd {q}, {q}, {t}\n",
                            $load, " {t}, ", $at, "({c})\nmul {t}, {t}, {x}\nadd {r}, {r}, {t}\n",
                            $load, " {t}, ", $at, "({d})\nmul {t}, {t}, {x}\nadd {s}, {s}, {t}\n",
                        ),)*
                        from = in(reg) x.as_ptr(), a = in(reg) a, b = in(reg) b, c = in(reg) c, d = in(reg) d,
                        p = inout(reg) p, q = inout(reg) q, r = inout(reg) r, s = inout(reg) s,
                        x = out(reg) _, t = out(reg) _, options(readonly, pure, nostack, preserves_flags),
                    );
                }
                [p, q, r, s]
            }
        }
    };
}

#[cfg(target_os = "zkvm")]
weight!(
    i8, "lb", 0 0, 1 1, 2 2, 3 3, 4 4, 5 5, 6 6, 7 7, 8 8, 9 9, 10 10, 11 11, 12 12, 13 13, 14 14, 15 15, 16 16, 17 17,
    18 18, 19 19, 20 20, 21 21, 22 22, 23 23, 24 24, 25 25, 26 26, 27 27, 28 28, 29 29, 30 30, 31 31
);
#[cfg(target_os = "zkvm")]
weight!(
    i16, "lh", 0 0, 1 2, 2 4, 3 6, 4 8, 5 10, 6 12, 7 14, 8 16, 9 18, 10 20, 11 22, 12 24, 13 26, 14 28, 15 30, 16 32,
    17 34, 18 36, 19 38, 20 40, 21 42, 22 44, 23 46, 24 48, 25 50, 26 52, 27 54, 28 56, 29 58, 30 60, 31 62
);
