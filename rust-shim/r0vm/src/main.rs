//! risc0's own r0vm, unchanged.
fn main() {
    risc0_r0vm::main();
}
