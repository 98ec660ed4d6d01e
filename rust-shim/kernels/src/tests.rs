//! Every row against risc0's own evaluation of the definition, the one that its verifier uses.

use risc0_zkp::core::digest::Digest;
use risc0_zkp::core::hash::poseidon2::Poseidon2HashSuite;
use risc0_zkp::core::ntt::{bit_rev_32, evaluate_ntt, expand, interpolate_ntt};
use risc0_zkp::field::baby_bear::{BabyBear, BabyBearElem, BabyBearExtElem};
use risc0_zkp::field::Elem;
use risc0_zkp::hal::cpu::CpuHal;
use risc0_zkp::hal::{Buffer, Hal};
use risc0_zkp::{FRI_FOLD, INV_RATE};

use crate::block::ROWS;
use crate::circuit::{Circuit, KECCAK, RECURSION, RV32IM};
use crate::link;
use crate::vectors::isa::Isa;
use crate::vectors::P;
use crate::window::{self, Window};

const CIRCUITS: [&Circuit; 3] = [&RV32IM, &KECCAK, &RECURSION];

/// More than the farthest tap looks back, so that some rows wrap and some do not.
const STEPS: usize = 512;

/// Random columns and globals, as a prover keeps them.
struct Columns {
    steps: usize,
    args: Vec<Vec<u32>>,
    mix: BabyBearExtElem,
}

/// xorshift64*, so that a failure can be repeated.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn word(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// An element in memory. The least and the greatest are more frequent than by chance.
    pub(crate) fn elem(&mut self) -> u32 {
        match self.word() % 16 {
            0 => 0,
            1 => P - 1,
            _ => self.word() % P,
        }
    }

    fn extension(&mut self) -> BabyBearExtElem {
        BabyBearExtElem::from([0; 4].map(|_| BabyBearElem::new_raw(self.elem())))
    }
}

impl Columns {
    fn random(circuit: &Circuit, steps: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut args = vec![0; circuit.args()];
        for (group, arg) in circuit.groups.iter().enumerate() {
            if let Some(arg) = *arg {
                args[arg] = circuit.taps.group_size(group) * steps;
            }
        }
        for arg in circuit.globals.iter().flatten() {
            args[*arg] = 128;
        }
        let args = args
            .iter()
            .map(|&size| (0..size).map(|_| random.elem()).collect());
        Self {
            steps,
            args: args.collect(),
            mix: random.extension(),
        }
    }

    fn pointers(&self) -> Vec<*const u32> {
        self.args.iter().map(|arg| arg.as_ptr()).collect()
    }

    fn elem(&self, arg: usize, index: usize) -> BabyBearElem {
        BabyBearElem::new_raw(self.args[arg][index])
    }

    /// A row, as risc0's verifier evaluates the polynomial at the values of the taps.
    fn expected(&self, circuit: &Circuit, row: usize) -> BabyBearExtElem {
        let taps = circuit.taps.taps.iter().map(|tap| {
            let Some(arg) = circuit.groups[tap.group] else {
                return BabyBearExtElem::ZERO;
            };
            let row = row.wrapping_sub(usize::from(tap.back) * INV_RATE) % self.steps;
            self.elem(arg, usize::from(tap.offset) * self.steps + row)
                .into()
        });
        let taps: Vec<BabyBearExtElem> = taps.collect();
        let globals = circuit.globals.map(|arg| match arg {
            Some(arg) => (0..self.args[arg].len())
                .map(|i| self.elem(arg, i))
                .collect(),
            None => Vec::new(),
        });
        let globals: [&[BabyBearElem]; 2] = [&globals[0], &globals[1]];
        let value = circuit
            .polynomial
            .step::<BabyBear>(&self.mix, &taps, &globals);
        value.tot
    }
}

#[test]
fn every_row_is_the_scalar_polynomial_with_every_instruction_set() {
    for circuit in CIRCUITS {
        let columns = Columns::random(circuit, STEPS, 1);
        let expected: Vec<_> = (0..STEPS)
            .map(|row| columns.expected(circuit, row))
            .collect();
        let pointers = columns.pointers();
        for isa in Isa::available() {
            // SAFETY: the columns are the circuit's.
            let mut window =
                unsafe { Window::new(isa, circuit, STEPS, columns.mix, &pointers, Vec::new()) };
            for (row, expected) in expected.iter().enumerate() {
                // SAFETY: as above.
                let value = unsafe { window.row(circuit, row) };
                assert_eq!(value, *expected, "{}, row {row}, {isa}", circuit.name);
            }
        }
    }
}

#[test]
fn a_domain_smaller_than_a_block_wraps_too() {
    let steps = ROWS / 2;
    for circuit in CIRCUITS {
        let columns = Columns::random(circuit, steps, 2);
        for row in 0..steps {
            // SAFETY: the columns are the circuit's.
            let value =
                unsafe { window::row(circuit, row, steps, columns.mix, &columns.pointers()) };
            assert_eq!(
                value,
                columns.expected(circuit, row),
                "{}, row {row}",
                circuit.name
            );
        }
    }
}

#[test]
fn rows_may_be_asked_for_in_any_order_and_again_after_the_columns_changed() {
    let mut columns = Columns::random(&RECURSION, STEPS, 3);
    for row in [5, 400, 4, 5, STEPS - 1, 0, 401] {
        // SAFETY: the columns are the circuit's.
        let value =
            unsafe { window::row(&RECURSION, row, STEPS, columns.mix, &columns.pointers()) };
        assert_eq!(value, columns.expected(&RECURSION, row), "row {row}");
    }
    for arg in RECURSION.groups.into_iter().flatten() {
        columns.args[arg]
            .iter_mut()
            .for_each(|elem| *elem = (*elem + 1) % P);
    }
    for row in [401, 0] {
        // SAFETY: the columns are the circuit's.
        let value =
            unsafe { window::row(&RECURSION, row, STEPS, columns.mix, &columns.pointers()) };
        assert_eq!(value, columns.expected(&RECURSION, row), "row {row}");
    }
}

#[test]
fn threads_share_nothing_and_a_new_proof_starts_anew() {
    let proofs: Vec<_> = (4..8)
        .map(|seed| Columns::random(&RV32IM, STEPS, seed))
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let proofs = &proofs;
            scope.spawn(move || {
                for columns in proofs {
                    let powers = [BabyBearExtElem::ONE, columns.mix];
                    for row in (thread * 100)..(thread * 100 + 40) {
                        let mut value = BabyBearExtElem::ZERO;
                        // SAFETY: the columns are the circuit's.
                        let error = unsafe {
                            link::risc0_circuit_rv32im_cpu_poly_fp(
                                row,
                                STEPS,
                                powers.as_ptr(),
                                columns.pointers().as_ptr(),
                                &mut value,
                            )
                        };
                        assert!(error.is_null());
                        assert_eq!(value, columns.expected(&RV32IM, row), "row {row}");
                    }
                }
            });
        }
    });
}

#[test]
fn long_polynomials_are_evaluated_by_the_cpu_hal() {
    const SIZE: usize = 1 << 12;
    let hal = CpuHal::<BabyBear>::new(Poseidon2HashSuite::new_suite());
    let mut random = Random(13);
    let coefficients: Vec<_> = (0..2 * SIZE)
        .map(|_| BabyBearElem::new_raw(random.elem()))
        .collect();
    let (which, x) = ([1, 0, 1, 1], random.extension());
    let out = hal.alloc_extelem("out", which.len());
    hal.batch_evaluate_any(
        &hal.copy_from_elem("coefficients", &coefficients),
        2,
        &hal.copy_from_u32("which", &which),
        &hal.copy_from_extelem("xs", &[x; 4]),
        &out,
    );
    let expected = which.map(|which| {
        let coefficients = coefficients[which as usize * SIZE..][..SIZE].iter();
        coefficients.rev().fold(BabyBearExtElem::ZERO, |sum, c| {
            sum * x + BabyBearExtElem::from(*c)
        })
    });
    assert!(out.to_vec() == expected);
}

/// Buffers of the sizes of a proof: what another thread than the one that asked for them reads first.
#[test]
fn new_buffers_have_their_first_values_also_in_memory_used_before() {
    let hal = CpuHal::<BabyBear>::new(Poseidon2HashSuite::new_suite());
    for size in [0, 1, 1000, (1 << 20) + 3] {
        for _ in 0..2 {
            let elems = hal.alloc_elem("elems", size);
            assert!(elems.to_vec() == vec![BabyBearElem::ZERO; size]);
            let filled = hal.alloc_elem_init("filled", size, BabyBearElem::INVALID);
            filled.view(|filled| {
                assert_eq!(filled.len(), size);
                assert!(filled
                    .iter()
                    .all(|elem| elem.as_u32_montgomery() == u32::MAX));
            });
            let zeroed = hal.alloc_extelem_zeroed("zeroed", size);
            assert!(zeroed.to_vec() == vec![BabyBearExtElem::ZERO; size]);
            let digests = hal.alloc_digest("digests", size);
            assert!(digests.to_vec() == vec![Digest::ZERO; size]);
            elems.view_mut(|elems| elems.fill(BabyBearElem::ONE));
            zeroed.view_mut(|zeroed| zeroed.fill(BabyBearExtElem::ONE));
            digests.view_mut(|digests| digests.fill(Digest::new([7; 8])));
        }
    }
}

#[cfg(witness_generators)]
mod witness_generators {
    use std::ffi::{c_char, c_void, CStr};

    use super::*;

    // link.rs declares the entries without their arguments.
    #[allow(clashing_extern_declarations)]
    extern "C" {
        fn zkhost_inverse(x: u32) -> u32;
        fn risc0_circuit_rv32im_cpu_witgen(
            mode: u32,
            buffers: *const ExecBuffers,
            preflight: *const PreflightTrace,
            last_cycle: u32,
        ) -> *const c_char;
    }

    #[repr(C)]
    struct RowsAndColumns {
        elems: *mut u32,
        rows: usize,
        columns: usize,
        checked: bool,
    }

    #[repr(C)]
    struct ExecBuffers {
        global: RowsAndColumns,
        data: RowsAndColumns,
    }

    #[repr(C)]
    struct PreflightTrace {
        cycles: *mut u32,
        transactions: *const c_void,
        bigint_bytes: *const u8,
        transactions_count: u32,
        bigint_bytes_count: u32,
        table_split_cycle: u32,
    }

    #[test]
    fn the_inverse_in_cpp_is_the_fields() {
        let mut random = Random(12);
        let elems = (0..5000).chain(P - 5000..P);
        for elem in elems.chain((0..100_000).map(|_| random.elem())) {
            let expected = BabyBearElem::new_raw(elem).inv().as_u32_montgomery();
            // SAFETY: an Fp is a u32 in memory, passed as one.
            assert_eq!(unsafe { zkhost_inverse(elem) }, expected, "{elem}");
        }
    }

    /// What a row throws, in whichever thread, is the error of all of them.
    #[test]
    fn a_trace_that_cannot_be_is_an_error() {
        const ROWS: usize = 1000;
        const WORDS_A_CYCLE: usize = 9;
        let columns = RV32IM.taps.group_size(2);
        let (mut data, mut global) = (vec![u32::MAX; ROWS * columns], vec![u32::MAX; 128]);
        let mut cycles = vec![0; ROWS * WORDS_A_CYCLE];
        let buffers = ExecBuffers {
            global: RowsAndColumns {
                elems: global.as_mut_ptr(),
                rows: 1,
                columns: global.len(),
                checked: true,
            },
            data: RowsAndColumns {
                elems: data.as_mut_ptr(),
                rows: ROWS,
                columns,
                checked: true,
            },
        };
        let preflight = PreflightTrace {
            cycles: cycles.as_mut_ptr(),
            transactions: std::ptr::null(),
            bigint_bytes: std::ptr::null(),
            transactions_count: 0,
            bigint_bytes_count: 0,
            table_split_cycle: 500,
        };
        // SAFETY: as risc0 calls it: no row gets as far as a transaction without reading a value that is not set.
        let error =
            unsafe { risc0_circuit_rv32im_cpu_witgen(0, &buffers, &preflight, ROWS as u32) };
        assert!(!error.is_null());
        // SAFETY: a C string that the caller owns.
        let error = unsafe { CStr::from_ptr(error) };
        assert_eq!(error.to_str(), Ok("Read of unset value"));
    }
}

/// risc0's CpuHal is compiled with vectors (`rust-shim/zkp`): what it computes is what risc0's functions compute.
#[test]
fn the_cpu_hal_computes_what_risc0s_does() {
    const BITS: usize = 9;
    const COLUMNS: usize = 19;
    let (size, suite) = (1 << BITS, Poseidon2HashSuite::new_suite());
    let hal = CpuHal::<BabyBear>::new(suite.clone());
    let mut random = Random(11);
    let input: Vec<BabyBearElem> = (0..COLUMNS * size)
        .map(|_| BabyBearElem::new_raw(random.elem()))
        .collect();

    let shifted = hal.copy_from_elem("shifted", &input);
    hal.zk_shift(&shifted, COLUMNS);
    let expected = input.iter().enumerate().map(|(at, elem)| {
        let exponent = bit_rev_32((at % size) as u32) >> (32 - BITS);
        *elem * BabyBearElem::from_u64(3).pow(exponent as usize)
    });
    assert!(shifted.to_vec() == expected.collect::<Vec<_>>());

    let coefficients = hal.copy_from_elem("coefficients", &input);
    hal.batch_interpolate_ntt(&coefficients, COLUMNS);
    let mut expected = input.clone();
    expected
        .chunks_exact_mut(size)
        .for_each(interpolate_ntt::<BabyBearElem, BabyBearElem>);
    assert!(coefficients.to_vec() == expected);

    let which: Vec<u32> = (0..3 * COLUMNS as u32)
        .map(|i| i % COLUMNS as u32)
        .collect();
    let points = [random.extension(), random.extension()];
    let xs: Vec<_> = which.iter().map(|i| points[*i as usize % 2]).collect();
    let out = hal.alloc_extelem("out", which.len());
    hal.batch_evaluate_any(
        &coefficients,
        COLUMNS,
        &hal.copy_from_u32("which", &which),
        &hal.copy_from_extelem("xs", &xs),
        &out,
    );
    let value = |(column, x): (&u32, &BabyBearExtElem)| {
        let coefficients = expected[*column as usize * size..][..size].iter();
        let powers = std::iter::successors(Some(BabyBearExtElem::ONE), |power| Some(*power * *x));
        powers
            .zip(coefficients)
            .fold(BabyBearExtElem::ZERO, |sum, (power, c)| sum + power * *c)
    };
    assert!(out.to_vec() == which.iter().zip(&xs).map(value).collect::<Vec<_>>());

    let combos: Vec<u32> = (0..COLUMNS as u32)
        .map(|column| column * column % 3)
        .collect();
    let (start, mix) = (random.extension(), random.extension());
    let before: Vec<_> = (0..4 * size).map(|_| random.extension()).collect();
    let mixed = hal.copy_from_extelem("mixed", &before);
    let combos_buffer = hal.copy_from_u32("combos", &combos);
    hal.mix_poly_coeffs(
        &mixed,
        &start,
        &mix,
        &coefficients,
        &combos_buffer,
        COLUMNS,
        size,
    );
    let mut sums = before;
    let mut factor = start;
    for (column, combo) in combos.iter().enumerate() {
        for row in 0..size {
            sums[*combo as usize * size + row] += factor * expected[column * size + row];
        }
        factor *= mix;
    }
    assert!(mixed.to_vec() == sums);

    let domain = size * INV_RATE;
    let matrix = hal.alloc_elem("matrix", COLUMNS * domain);
    hal.batch_expand_into_evaluate_ntt(&matrix, &coefficients, COLUMNS, 2);
    let mut values = vec![BabyBearElem::ZERO; COLUMNS * domain];
    for (to, from) in values
        .chunks_exact_mut(domain)
        .zip(expected.chunks_exact(size))
    {
        expand(to, from, 2);
        evaluate_ntt::<BabyBearElem, BabyBearElem>(to, 2);
    }
    assert!(matrix.to_vec() == values);

    let folded = hal.alloc_elem("folded", size / FRI_FOLD * 4);
    let columns = hal.copy_from_elem("columns", &expected[..4 * size]);
    hal.fri_fold(&folded, &columns, &mix);
    let rows = size / FRI_FOLD;
    let fold = |row: usize| {
        let mut sum = BabyBearExtElem::ZERO;
        for i in 0..FRI_FOLD {
            let part = (bit_rev_32(i as u32) >> (32 - FRI_FOLD.trailing_zeros())) as usize;
            let at = |column| expected[column * size + part * rows + row];
            sum += mix.pow(i) * BabyBearExtElem::from([at(0), at(1), at(2), at(3)]);
        }
        sum
    };
    let sums: Vec<_> = (0..rows).map(fold).collect();
    let split = (0..4).flat_map(|at| sums.iter().map(move |sum| sum.elems()[at]));
    assert!(folded.to_vec() == split.collect::<Vec<_>>());

    let nodes = hal.alloc_digest("nodes", 2 * domain);
    hal.hash_rows(&nodes.slice(domain, domain), &matrix);
    let rows = (0..domain).map(|row| {
        let row: Vec<_> = values.iter().skip(row).step_by(domain).copied().collect();
        *suite.hashfn.hash_elem_slice(&row)
    });
    let mut layer: Vec<Digest> = rows.collect();
    assert!(nodes.to_vec()[domain..] == layer);
    while layer.len() > 1 {
        hal.hash_fold(&nodes, layer.len(), layer.len() / 2);
        let pairs = layer.chunks_exact(2);
        layer = pairs
            .map(|pair| *suite.hashfn.hash_pair(&pair[0], &pair[1]))
            .collect();
        assert!(nodes.to_vec()[layer.len()..2 * layer.len()] == layer);
    }
}
