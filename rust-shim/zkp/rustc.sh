#!/usr/bin/env bash
# rustc.sh RUSTC ARGUMENT...: cargo's rustc-wrapper. Compiles everything as asked, but for risc0-zkp with its prover, which
# it compiles from a copy beside the build's output: there the CpuHal calls hal.rs, this folder's, where it hashes for
# Merkle trees, and transforms, mixes and evaluates polynomials. What verifies is as risc0 wrote it. A text that is no longer
# found fails the build.
#
# rustc.sh --digest: prints a digest of what it compiles, for the name of the folder that cargo builds in.
set -euo pipefail

case " $* " in
" --digest ") ;;
*" --crate-name risc0_zkp "*'feature="prove"'*) ;;
*) exec "$@" ;;
esac

fail() {
    echo "error: $0: $1" >&2
    exit 1
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vectors="$here/../kernels/src/vectors"
digest=$(cat "$here"/* "$vectors"/* | sha256sum | cut -c1-8)
if [ "$1" = --digest ]; then
    echo "$digest"
    exit
fi

source="" out="" previous=""
for argument in "$@"; do
    case "$argument" in
    */risc0-zkp-*/src/lib.rs) source=${argument%/src/lib.rs} ;;
    esac
    [ "$previous" != --out-dir ] || out=$argument
    previous=$argument
done
[ -n "$source" ] && [ -n "$out" ] || fail "risc0-zkp is compiled from an unknown place"

# Cargo compiles again what is newer than its last build, so the copy is made once, for all checkouts, and its files are old.
made="$out/../with-vectors/$(basename "$source")-$digest"
if [ ! -d "$made" ]; then
    mkdir -p "$(dirname "$made")"
    copy=$(mktemp -d "$made.XXXXXX")
    cp -r "$source"/. "$copy"
    mkdir -p "$copy/zkp" "$copy/kernels/src"
    cp "$here/hal.rs" "$copy/zkp"
    cp -r "$vectors" "$copy/kernels/src"
    cpu="$copy/src/hal/cpu.rs"
    text=$(<"$cpu")
    # insert TEXT AFTER: puts AFTER behind the one place where TEXT is; replace TEXT OTHER: OTHER in its place.
    replace() {
        local rest=${text/"$1"/}
        [ "$rest" != "$text" ] && [ "${rest/"$1"/}" = "$rest" ] || fail "$cpu no longer has, once: $1"
        text=${text/"$1"/"$2"}
    }
    insert() { replace "$1" "$1$2"; }

    insert 'let matrix = &*matrix.as_slice();' '
        if crate::vectors::hash_rows(&self.suite.name, matrix, &mut output) {
            return;
        }'
    insert 'assert_eq!(input_size, 2 * output_size);' '
        if crate::vectors::hash_fold(&self.suite.name, &mut io.as_slice_mut(), output_size) {
            return;
        }'
    insert 'assert_eq!(io.size(), poly_count * (1 << bits));' '
        if crate::vectors::zk_shift(&mut io.as_slice_mut(), bits) {
            return;
        }'
    insert 'let mut out = out.as_slice_mut();' '
        if crate::vectors::evaluate_any(coeffs, 1 << po2, &which, &xs, &mut out) {
            return;
        }'
    insert 'let input: &[Self::Elem] = &input.as_slice();' '
        if crate::vectors::mix_poly_coeffs(&mut output.as_slice_mut(), combos, mix_pows, input, count) {
            return;
        }'
    replace 'evaluate_ntt::<Self::Elem, Self::Elem>(row, expand_bits);' 'crate::vectors::evaluate_ntt(row, expand_bits);'
    replace 'interpolate_ntt::<Self::Elem, Self::Elem>(row);' 'crate::vectors::interpolate_ntt(row);'
    printf '%s\n' "$text" >"$cpu"
    printf '#[path = "../zkp/hal.rs"]\nmod vectors;\n' >>"$copy/src/lib.rs"
    find "$copy" -exec touch -d 2000-01-01 {} +
    # Another of cargo's processes may have been faster.
    mv -T "$copy" "$made" 2>/dev/null || rm -rf "$copy"
fi

exec "${@/"$source/src/lib.rs"/"$made/src/lib.rs"}"
