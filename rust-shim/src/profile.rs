//! A profile of the run: the guest's cycles by function and line, written as pprof when the run has ended, well or not.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use guest_profile::Profiler;
use risc0_binfmt::ProgramBinary;
use risc0_zkvm::{ExecutorEnvBuilder, TraceEvent};

use crate::error::Result;
use crate::{fail, program};

/// A profile in the making.
pub struct Profile<'a> {
    path: &'a Path,
    profiler: Rc<RefCell<Profiler>>,
}

impl<'a> Profile<'a> {
    /// Profiles the run of `program` in `env`; the result will be at `path`.
    pub fn start(path: &'a Path, program: &[u8], env: &mut ExecutorEnvBuilder<'_>) -> Result<Self> {
        let binary = ProgramBinary::decode(program)
            .map_err(|error| program::invalid(program, &format!("{error:#}")))?;
        let profiler = Profiler::new(binary.user_elf)
            .map_err(|error| program::invalid(program, &error.to_string()))?;
        let profiler = Rc::new(RefCell::new(profiler));
        let events = profiler.clone();
        env.trace_callback(move |event| {
            let mut profiler = events.borrow_mut();
            match event {
                TraceEvent::InstructionStart { cycle, pc, insn } => {
                    profiler.instruction(cycle, pc, insn)
                }
                TraceEvent::PageIn { cycles } => profiler.page_in(cycles),
                TraceEvent::PageOut { cycles } => profiler.page_out(cycles),
                _ => (),
            }
            Ok(())
        });
        Ok(Self { path, profiler })
    }

    /// Writes the profile; `user_cycles` is the run's length, where it ended well.
    pub fn end(self, user_cycles: Option<u64>) -> Result<()> {
        let mut profiler = self.profiler.borrow_mut();
        if let Some(cycles) = user_cycles {
            profiler.end(cycles);
        }
        let pprof = profiler
            .pprof()
            .map_err(|error| fail!(InvalidProgram, "{error}"))?;
        std::fs::write(self.path, pprof)
            .map_err(|error| fail!(HostIO, "cannot write {}: {error}", self.path.display()))
    }
}
