// Found before risc0's header of this name: std::for_each over rows, as the witness generators call it, on the prover's own
// threads and in small parts. poolSTL cuts the rows into one part for each thread; in a trace whose second half is padding, half
// of the threads have nothing to do.

#pragma once

#include_next "vendor/poolstl.hpp"

#include <atomic>
#include <cstdint>
#include <exception>

/// src/rows.rs: calls `part` with all rows from begin to end, some at a time, from several threads.
extern "C" void zkhost_for_rows(uint32_t begin, uint32_t end, void* context, void (*part)(void* context, uint32_t begin, uint32_t end));

namespace std {

/// As poolSTL's, which is less special. The first exception is thrown again; rows after it may be left out.
template <class F>
void for_each(const poolstl::execution::parallel_policy&,
              poolstl::iota_iter<uint32_t> begin,
              poolstl::iota_iter<uint32_t> end,
              F f) {
  struct Context {
    F& f;
    std::atomic_flag failed = ATOMIC_FLAG_INIT;
    std::exception_ptr error;
  } context{f};
  zkhost_for_rows(*begin, *end, &context, [](void* pointer, uint32_t row, uint32_t end) {
    Context& context = *static_cast<Context*>(pointer);
    try {
      for (; row < end; row++) {
        context.f(row);
      }
    } catch (...) {
      if (!context.failed.test_and_set()) {
        context.error = std::current_exception();
      }
    }
  });
  if (context.error) {
    std::rethrow_exception(context.error);
  }
}

} // namespace std
