//! The zkVM as a backend: advice is read from the guest's input, and the big integer accelerator proves.

mod sha256;

use core::arch::asm;

use risc0_zkvm_platform::syscall::ecall;

use crate::inference::Host;
use crate::program::{Operands, Program};
use crate::workspace::Backend;
use crate::Checked;

pub use sha256::Sha;

/// The accelerator, the function that fills a slice with what is next in the input, and the one that appends to the journal.
pub struct Accelerator<R, C>(pub R, pub C);

impl<R: FnMut(&mut [u32]), C> Backend for Accelerator<R, C> {
    fn advise<'m>(
        &mut self,
        _: &Program<'_>,
        _: usize,
        _: impl Fn(usize) -> Checked<Operands<'m>>,
        planes: &mut [u32],
    ) -> Checked {
        self.0(planes);
        Ok(())
    }

    #[inline(always)]
    fn prove(&mut self, program: &Program<'_>, loads: &[u32], operands: &Operands<'_>) -> Checked {
        let words = program.words();
        // Words of the program that loads, of the program itself (exactly), of constants, of temporary space.
        let header = [loads.len() as u32, words.len() as u32, 0, 0];
        let base = operands.addresses();
        // SAFETY: the call reads the programs and the operands, all of them live slices as long as `Program` and `Operands`
        // checked, and writes nothing: neither program stores.
        unsafe {
            asm!(
                "ecall",
                in("t0") ecall::BIGINT2,
                in("t1") loads.as_ptr(),
                in("t2") words.as_ptr(),
                in("t3") words.as_ptr(),
                in("a0") header.as_ptr(),
                in("a1") base[0],
                in("a2") base[1],
                in("a3") base[2],
                in("a4") base[3],
                in("a5") base[4],
                in("a6") base[5],
            );
        }
        Ok(())
    }
}

impl<R: FnMut(&mut [u32]), C: FnMut(&[u8])> Host for Accelerator<R, C> {
    type Hasher = Sha;

    fn read(&mut self, to: &mut [u32]) -> Checked {
        self.0(to);
        Ok(())
    }

    fn commit(&mut self, data: &[u8]) {
        self.1(data);
    }
}
