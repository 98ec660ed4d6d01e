//! The host's side: the same kernels on its own memory, with advice computed instead of read.

use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::inference::{infer, Hasher, Host};
use crate::polynomial;
use crate::program::{Operands, Program};
use crate::workspace::{bytes_mut, Backend};
use crate::{Checked, Error, Plan};

/// Reads what it was given, computes advice, and keeps both in the order in which the guest reads them.
struct Native<'a, H> {
    left: &'a [u8],
    computed: Computed,
    hasher: PhantomData<H>,
}

impl<H> Backend for Native<'_, H> {
    fn advise<'m>(
        &mut self,
        program: &Program<'_>,
        calls: usize,
        operands: impl Fn(usize) -> Checked<Operands<'m>>,
        planes: &mut [u32],
    ) -> Checked {
        let planes = bytes_mut(planes);
        polynomial::advise_calls(program, calls, operands, planes)?;
        self.computed.stdin.extend_from_slice(planes);
        Ok(())
    }

    /// What was computed holds.
    fn prove(&mut self, _: &Program<'_>, _: &[u32], _: &Operands<'_>) -> Checked {
        Ok(())
    }
}

impl<H: Hasher> Host for Native<'_, H> {
    type Hasher = H;

    fn read(&mut self, to: &mut [u32]) -> Checked {
        let (next, left) = self.left.split_at_checked(4 * to.len()).ok_or("fewer inputs than the plan takes")?;
        bytes_mut(to).copy_from_slice(next);
        self.computed.stdin.extend_from_slice(next);
        self.left = left;
        Ok(())
    }

    fn commit(&mut self, data: &[u8]) {
        self.computed.journal.extend_from_slice(data);
    }

    fn output(&mut self, data: &[u8]) {
        self.computed.outputs.push(data.to_vec());
    }
}

/// What came of a run.
#[derive(Default)]
pub struct Computed {
    /// Each output's bytes, of one sample after the other, shown or not.
    pub outputs: Vec<Vec<u8>>,
    /// All that the guest reads: what was given, and advice.
    pub stdin: Vec<u8>,
    /// What the guest commits.
    pub journal: Vec<u8>,
}

/// Runs a plan as `infer` does. `given` is what the guest reads apart from advice.
pub fn compute<H: Hasher>(plan: &Plan<'_>, model: Option<[u8; 32]>, given: &[u8]) -> Result<Computed, Error> {
    let mut native = Native::<H> { left: given, computed: Computed::default(), hasher: PhantomData };
    infer(plan, model, &mut native)?;
    if !native.left.is_empty() {
        return Err(Error { operation: None, reason: "more inputs than the plan takes" });
    }
    Ok(native.computed)
}
