//! Counts a guest's cycles by call path, source line and inlined function, from the events of the zkVM's executor.
//!
//! risc0's own profiler keeps the inlined functions on its stack while the guest runs, which costs ten times the
//! run and puts cycles under whatever was entered last. This one counts by program counter and asks the debug information
//! afterwards, so each cycle is under exactly the functions its instruction came from, and the run is hardly slower. It also has
//! the program's start, system calls, tail calls, and runs that end in a panic.

mod calls;
mod pprof;
mod symbols;

use std::collections::HashMap;
use std::fmt;

use calls::{Calls, NodeId};
use pprof::Writer;
use symbols::{Lines, Symbols};

/// The zkVM's kernel runs from here up; the guest is below.
const KERNEL_START: u32 = 0xc000_0000;

/// The frame that a system call's cycles are under, below the function that made it.
pub const SYSTEM_CALL: &str = "[system call]";
/// The frame for what the kernel does before the guest's first instruction.
pub const START_UP: &str = "[start-up]";
/// The leaves that paging is under, named as risc0's profiler names them.
pub const PAGE_IN: &str = "[PageIn]";
pub const PAGE_OUT: &str = "[PageOut]";

/// The guest's ELF could not be read.
#[derive(Debug)]
pub struct ElfError(String);

impl fmt::Display for ElfError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the guest's ELF cannot be profiled: {}", self.0)
    }
}

impl std::error::Error for ElfError {}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    User,
    Kernel,
    PageIn,
    PageOut,
}

/// Takes the executor's events as they come; `pprof` gives the result at any time.
pub struct Profiler {
    elf: Vec<u8>,
    calls: Calls,
    /// Where the guest is, and whether the kernel runs on its behalf.
    at: Option<(NodeId, u32)>,
    in_kernel: bool,
    last_insn: u32,
    last_cycle: u64,
    counts: HashMap<(NodeId, u32, Kind), u64>,
}

impl Profiler {
    /// A profiler for one run of the guest with this ELF (the user part of a program binary).
    pub fn new(elf: &[u8]) -> Result<Self, ElfError> {
        Ok(Self {
            calls: Calls::new(Symbols::of(elf)?),
            elf: elf.to_vec(),
            at: None,
            in_kernel: true,
            last_insn: 0,
            last_cycle: 0,
            counts: HashMap::new(),
        })
    }

    /// An instruction starts: `cycle` user cycles were spent before it.
    pub fn instruction(&mut self, cycle: u64, pc: u32, insn: u32) {
        let kind = if self.in_kernel {
            Kind::Kernel
        } else {
            Kind::User
        };
        self.count(kind, cycle.saturating_sub(self.last_cycle));
        self.last_cycle = cycle;
        self.in_kernel = pc >= KERNEL_START;
        if self.in_kernel {
            return;
        }
        // Back from a system call the guest goes on where it was; the kernel's jumps are not the guest's.
        let node = match self.at {
            Some((_, last_pc)) => self.calls.step(last_pc, self.last_insn, pc),
            None => self.calls.start(pc),
        };
        self.at = Some((node, pc));
        self.last_insn = insn;
    }

    /// A page was brought in (or written out) at the current instruction.
    pub fn page_in(&mut self, cycles: u64) {
        self.count(Kind::PageIn, cycles);
    }

    /// See `page_in`.
    pub fn page_out(&mut self, cycles: u64) {
        self.count(Kind::PageOut, cycles);
    }

    /// The run ended after `cycle` user cycles.
    pub fn end(&mut self, cycle: u64) {
        let kind = if self.in_kernel {
            Kind::Kernel
        } else {
            Kind::User
        };
        self.count(kind, cycle.saturating_sub(self.last_cycle));
        self.last_cycle = cycle;
    }

    fn count(&mut self, kind: Kind, cycles: u64) {
        if cycles > 0 {
            let (node, pc) = self.at.unwrap_or((NodeId::NONE, 0));
            *self.counts.entry((node, pc, kind)).or_default() += cycles;
        }
    }

    /// The profile so far as a pprof protobuf (not compressed), with one sample type: cycles, count.
    pub fn pprof(&self) -> Result<Vec<u8>, ElfError> {
        let lines = Lines::of(&self.elf)?;
        let mut writer = Writer::new();
        let mut counts: Vec<_> = self.counts.iter().collect();
        counts.sort_by_key(|((node, pc, kind), _)| (*node, *pc, *kind as u8));
        for (&(node, pc, kind), &cycles) in counts {
            let mut stack = Vec::new();
            match kind {
                Kind::User => (),
                Kind::Kernel if node == NodeId::NONE => stack.push(writer.named(START_UP)),
                Kind::Kernel => stack.push(writer.named(SYSTEM_CALL)),
                Kind::PageIn => stack.push(writer.named(PAGE_IN)),
                Kind::PageOut => stack.push(writer.named(PAGE_OUT)),
            }
            if node == NodeId::NONE && kind != Kind::Kernel {
                stack.push(writer.named(START_UP));
            }
            let mut at = (node, pc);
            while at.0 != NodeId::NONE {
                let (node, pc) = at;
                let name = self.calls.function(node);
                stack.push(writer.location(pc, || lines.frames(pc, name)));
                at = self.calls.caller(node);
            }
            writer.sample(stack, cycles);
        }
        Ok(writer.finish())
    }
}
