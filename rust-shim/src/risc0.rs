//! Everything here depends on what risc0 does not promise: the words of its messages, the layout of what it serializes,
//! structs that only it may construct, and defaults it does not export.
//!
//! Each item has a test in `risc0/tests.rs` against the real thing, which fails where another version of risc0 differs.

#[cfg(test)]
mod tests;

use risc0_zkvm::sha::Digestible;
use risc0_zkvm::{CompositeReceipt, Digest, MaybePruned, ReceiptClaim, SuccinctReceipt};

#[cfg(feature = "prove")]
pub use segments::{decode_segment, write_segment};

// Limits and defaults.

/// Segment sizes (powers of two) that the executor takes and the default verifier accepts.
pub const SEGMENT_PO2: (u32, u32) = (13, risc0_zkvm::DEFAULT_MAX_PO2 as u32);
/// Keccak proof sizes (powers of two), as `risc0_circuit_keccak::KECCAK_PO2_RANGE`.
pub const KECCAK_PO2: (u32, u32) = (14, 18);
/// The executor's segment_limit_po2 where none is given.
pub const DEFAULT_SEGMENT_LIMIT_PO2: u32 = 20;

// What ends a guest's run: risc0 reports it as text only.

/// What the guest panicked with, where that is the cause.
pub fn guest_panic(cause: &str) -> Option<&str> {
    cause.strip_prefix("Guest panicked: ")
}

/// Whether the run reached the session limit.
pub fn is_session_limit(cause: &str) -> bool {
    cause.starts_with("Session limit exceeded")
}

/// What the executor panics with where one instruction pages in more than a segment holds.
/// A guest that does so is large: tests/unit/environment/test_executor_env.py runs one.
pub fn segment_limit(text: &str) -> Option<&str> {
    let text = &text[text.find("segment limit (")?..];
    text.split(" at ").next()
}

/// The claim, in hexadecimal, that the guest verified without a receipt for it.
pub fn missing_assumption(text: &str) -> Option<String> {
    let rest = after(
        text,
        "no receipt found to resolve assumption: claim digest ",
    )?;
    Some(rest.chars().take_while(char::is_ascii_hexdigit).collect())
}

/// What a guest does with a file descriptor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Access {
    Read,
    Write,
}

/// The file descriptor that the guest accessed and the environment does not serve.
pub fn unserved_descriptor(text: &str) -> Option<(Access, u32)> {
    let (access, rest) = match after(text, "Bad read file descriptor ") {
        Some(rest) => (Access::Read, rest),
        None => (Access::Write, after(text, "Bad write file descriptor ")?),
    };
    let end = rest.find(|character: char| !character.is_ascii_digit());
    let number = &rest[..end.unwrap_or(rest.len())];
    Some((access, number.parse().ok()?))
}

/// The name of the system call, or the channel of slice_io, that the environment does not serve.
pub fn unserved_call(text: &str) -> Option<&str> {
    after(text, "Unknown syscall: \"")?.split('"').next()
}

/// Whether a system call is one of risc0's own, not a channel.
pub fn is_own_call(name: &str) -> bool {
    name.starts_with("risc0_zkvm_platform::")
}

/// Whether a guest's panic is that risc0's deserializer came to the end of the input.
pub fn is_end_of_input(panic: &str) -> bool {
    panic.contains("DeserializeUnexpectedEnd")
}

/// Whether a guest's panic is another error of risc0's deserializer, unwrapped.
pub fn is_misread(panic: &str) -> bool {
    ["Err` value: Deserialize", "Err` value: Custom("]
        .iter()
        .any(|words| panic.contains(words))
}

fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text.split_once(words).map(|(_, rest)| rest)
}

// r0vm, and the client that starts it.

/// The argument, counted from 1, in which the client names its port to r0vm.
pub const PORT_ARGUMENT: usize = 2;

/// Whether the client's error says that r0vm did not start, ended, or broke the protocol. What r0vm itself answers has
/// none of these words.
pub fn is_broken_connection(text: &str) -> bool {
    [
        "rx ",
        "Child finished with",
        "incompatible",
        "Could not launch",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// Whether a prover's error says that its build has no recursion programs: with DOCS_RS set, risc0's build script puts an
/// empty file where their zip archive belongs.
pub fn lacks_recursion_programs(text: &str) -> bool {
    text.contains("Could not find EOCD")
}

/// Whether this build has the recursion programs, which succinct and groth16 receipts need.
#[cfg(feature = "prove")]
pub fn has_recursion_programs() -> bool {
    use risc0_circuit_recursion::prove::zkr::get_zkr;
    get_zkr("join.zkr", risc0_zkvm::RECURSION_PO2).is_ok()
}

// Receipts.

/// A composite receipt without segments, to be filled: the struct is non-exhaustive.
pub fn empty_composite() -> serde_json::Result<CompositeReceipt> {
    serde_json::from_value(serde_json::json!({
        "segments": [], "assumption_receipts": [], "verifier_parameters": Digest::ZERO,
    }))
}

/// Prunes the claim of a succinct receipt. In bincode, a `Receipt` of the result decodes as a Receipt (as r0vm does with an
/// assumption) and, where what follows is passed over, as an `InnerAssumptionReceipt` (as Bonsai does).
pub fn prune(receipt: &mut SuccinctReceipt<ReceiptClaim>) {
    receipt.claim = MaybePruned::Pruned(receipt.claim.digest());
}

/// What a session logs.
pub mod summary {
    use std::collections::BTreeMap;

    use serde::Serialize;

    /// Where `Session::log` of risc0-zkvm logs from.
    pub const TARGET: &str = "risc0_zkvm::host::server::session";
    /// The variable that makes it log.
    pub const VARIABLE: &str = "RISC0_INFO";

    /// How often the guest called into the machine or the host, by risc0's names of the calls.
    #[derive(Serialize, Default, Debug, PartialEq)]
    pub struct Counts {
        /// Ecalls: how many, and the cycles they took.
        pub ecalls: BTreeMap<String, (u64, u64)>,
        /// System calls that risc0 counts.
        pub syscalls: BTreeMap<String, u64>,
    }

    /// The counts in the lines of a summary; None where they are not one.
    #[cfg_attr(not(feature = "prove"), allow(dead_code))]
    pub fn counts(lines: &[String]) -> Option<Counts> {
        let mut counts = Counts::default();
        let ecalls = lines.iter().position(|line| line == "ecalls")?;
        let syscalls = lines.iter().position(|line| line == "syscalls")?;
        for line in lines.get(ecalls + 1..syscalls)? {
            // "\t3 Sha2 calls, 204 cycles, (0.62%)"
            let (calls, rest) = line.trim().split_once(" calls, ")?;
            let (count, name) = calls.split_once(' ')?;
            let cycles = rest.split_once(" cycles")?.0;
            counts
                .ecalls
                .insert(name.to_owned(), (count.parse().ok()?, cycles.parse().ok()?));
        }
        for line in &lines[syscalls + 1..] {
            // "\t2 Read calls"
            let (count, name) = line.trim().strip_suffix(" calls")?.split_once(' ')?;
            counts.syscalls.insert(name.to_owned(), count.parse().ok()?);
        }
        Some(counts)
    }
}

#[cfg(feature = "prove")]
mod segments {
    use std::collections::VecDeque;
    use std::io::{self, Write};

    use risc0_circuit_rv32im::execute::Segment as Inner;
    use serde::Deserialize;

    use crate::bounded;
    use crate::error::Result;

    /// A segment's index and contents, from the bincode of a `risc0_zkvm::Segment`, which keeps its fields to itself.
    pub fn decode_segment(bytes: &[u8]) -> Result<(u32, Inner)> {
        #[derive(Deserialize)]
        struct Segment {
            index: u32,
            inner: Inner,
            _output: Option<risc0_zkvm::Output>,
        }
        let segment: Segment = bounded::bincode("segment", bytes)?;
        Ok((segment.index, segment.inner))
    }

    /// What a segment takes.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Cycles {
        pub user: u32,
        pub paging: u32,
    }

    /// Where `suspend_cycle` and `paging_cycles`, a segment's user and paging cycles, stand in the bincode of a segment
    /// without output, counted from its end: suspend_cycle, paging_cycles, segment_threshold and po2 (u32), index (u64),
    /// then None twice (povw_nonce, output). risc0 shows the numbers to its own API server only.
    const CYCLES_FROM_END: usize = 26;

    /// Writes a segment as bincode; returns its cycles (right for all but the last segment, which has an output) and the
    /// writer.
    pub fn write_segment<W: Write>(
        segment: &risc0_zkvm::Segment,
        out: W,
    ) -> bincode::Result<(Cycles, W)> {
        let mut out = Tail {
            inner: out,
            tail: VecDeque::new(),
        };
        bincode::serialize_into(&mut out, segment)?;
        out.flush()?;
        let tail: Vec<u8> = out.tail.into();
        let word = |at: usize| {
            let bytes = tail.get(at..at + 4).and_then(|word| word.try_into().ok());
            bytes.map_or(0, u32::from_le_bytes)
        };
        let cycles = Cycles {
            user: word(0),
            paging: word(4),
        };
        Ok((cycles, out.inner))
    }

    /// A writer that keeps the last bytes.
    struct Tail<W> {
        inner: W,
        tail: VecDeque<u8>,
    }

    impl<W: Write> Write for Tail<W> {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            let written = self.inner.write(data)?;
            let kept = &data[..written][written.saturating_sub(CYCLES_FROM_END)..];
            self.tail.extend(kept);
            let surplus = self.tail.len().saturating_sub(CYCLES_FROM_END);
            self.tail.drain(..surplus);
            Ok(written)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.inner.flush()
        }
    }
}
