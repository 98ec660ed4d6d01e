//! Tells the linker how the functions of the guest `ml` lie: see docs/maintaining/ml-engine.md.

const LAYOUT: &str = "src/bin/ml/layout.ld";

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rerun-if-changed={LAYOUT}");
    println!("cargo::rustc-link-arg-bin=ml=-T{folder}/{LAYOUT}");
}
