// risc0's kernels of the recursion circuit walk the rows themselves and call poly_fp: lead it to this crate (src/lib.rs).

#include "fp.h"
#include "fpext.h"

#include <cstddef>

extern "C" void zkhost_recursion_poly_fp(
    size_t cycle, size_t steps, const risc0::FpExt* poly_mix, risc0::Fp* const* args, risc0::FpExt* result);

namespace risc0::circuit::recursion {

FpExt poly_fp(size_t cycle, size_t steps, FpExt* poly_mix, Fp** args) {
  FpExt result;
  zkhost_recursion_poly_fp(cycle, steps, poly_mix, args, &result);
  return result;
}

} // namespace risc0::circuit::recursion

// For the test that it is the field's.
extern "C" risc0::Fp zkhost_inverse(risc0::Fp x) {
  return inv(x);
}
