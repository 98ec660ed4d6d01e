//! Trace events, handed to the host in batches: one call for thousands of instructions.

use risc0_zkvm::TraceEvent;
use serde::Serialize;
use serde_bytes::ByteBuf;

use crate::error::Result;
use crate::host::Host;

const BATCH: usize = 8192;

/// An event on the wire: a list that starts with its kind's number.
#[derive(Serialize)]
#[serde(untagged)]
enum Event {
    /// 0, cycle, program counter, instruction word
    Instruction(u8, u64, u32, u32),
    /// 1, register, value
    Register(u8, usize, u32),
    /// 2, address, bytes written
    Memory(u8, u32, ByteBuf),
    /// 3 (page in) or 4 (page out), cycles
    Page(u8, u64),
}

/// Collects events for one host.
pub struct Tracer<'a> {
    host: &'a Host,
    batch: Vec<Event>,
}

impl<'a> Tracer<'a> {
    pub fn new(host: &'a Host) -> Self {
        Self {
            host,
            batch: Vec::new(),
        }
    }

    /// Takes one event of risc0's executor.
    pub fn take(&mut self, event: TraceEvent) -> anyhow::Result<()> {
        self.batch.push(match event {
            TraceEvent::InstructionStart { cycle, pc, insn } => {
                Event::Instruction(0, cycle, pc, insn)
            }
            TraceEvent::RegisterSet { idx, value } => Event::Register(1, idx, value),
            TraceEvent::MemorySet { addr, region } => Event::Memory(2, addr, ByteBuf::from(region)),
            TraceEvent::PageIn { cycles } => Event::Page(3, cycles),
            TraceEvent::PageOut { cycles } => Event::Page(4, cycles),
            _ => return Ok(()),
        });
        if self.batch.len() >= BATCH {
            self.flush()?;
        }
        Ok(())
    }

    /// Hands over what is left.
    pub fn flush(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        self.host.trace(&batch)
    }
}
