//! The request's ENV as risc0's ExecutorEnv, with the guest's I/O led to the host and watched on the way.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::rc::Rc;

use risc0_zkvm::{Assumption, AssumptionReceipt, Digest, ExecutorEnv, ExecutorEnvBuilder};
use serde::Deserialize;
use serde_bytes::ByteBuf;

use crate::error::Result;
use crate::host::Host;
use crate::receipt::{decode, Format};
use crate::risc0::{KECCAK_PO2, SEGMENT_PO2};
use crate::trace::Tracer;
use crate::{fail, verify};

const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;
const JOURNAL: u32 = 3;

/// How much of the guest's stderr an error carries.
const STDERR_TAIL: usize = 4096;
/// A guest that has asked this often for input after its end waits for what will never come.
const READS_PAST_END: u32 = 4096;

/// What the guest is given. Python's ExecutorEnv builds it; the limits are checked there when set and here again.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct EnvRequest<'a> {
    /// The guest's standard input, unless `read_fds` has 0.
    #[serde(borrow, with = "serde_bytes")]
    input: &'a [u8],
    args: Vec<String>,
    vars: BTreeMap<String, String>,
    segment_limit_po2: Option<u32>,
    session_limit: Option<u64>,
    keccak_max_po2: Option<u32>,
    /// Where the run's profile goes.
    pub pprof_out: Option<PathBuf>,
    input_digest: Option<ByteBuf>,
    /// File descriptors that the host's callback reads and writes.
    read_fds: Vec<u32>,
    write_fds: Vec<u32>,
    /// slice_io channels that the host answers.
    slice_io: Vec<String>,
    /// Whether the host takes trace events.
    trace: bool,
    assumptions: Vec<AssumptionRequest>,
}

/// A receipt (bincode) that proves an assumption, or the bare assumption.
#[derive(Deserialize)]
struct AssumptionRequest {
    receipt: Option<ByteBuf>,
    claim: Option<ByteBuf>,
    control_root: Option<ByteBuf>,
}

/// What was seen of the guest's I/O.
#[derive(Clone, Default)]
pub struct Watch {
    pub input_read: Rc<Cell<u64>>,
    /// Bytes left of an input given as bytes; a stream's are unknown.
    pub input_left: Rc<Cell<Option<u64>>>,
    pub reads_past_end: Rc<Cell<u32>>,
    stderr: Rc<RefCell<VecDeque<u8>>>,
}

impl Watch {
    /// The tail of the guest's stderr.
    pub fn stderr(&self) -> String {
        let tail = self.stderr.borrow();
        // The cut may have gone through a character: UTF-8's later bytes begin with the bits 10, at most three of them.
        let whole = tail.iter().take(3).take_while(|byte| *byte & 0xC0 == 0x80);
        let tail: Vec<u8> = tail.iter().skip(whole.count()).copied().collect();
        String::from_utf8_lossy(&tail).into_owned()
    }
}

/// An environment for the executor, and what to look at after the run.
pub struct Built<'a> {
    pub env: ExecutorEnvBuilder<'a>,
    pub watch: Watch,
    pub tracer: Option<Rc<RefCell<Tracer<'a>>>>,
    pub assumptions: Vec<AssumptionReceipt>,
}

impl EnvRequest<'_> {
    /// The executor's environment; the guest's I/O goes to `host`.
    pub fn build<'a>(&'a self, host: &'a Host) -> Result<Built<'a>> {
        self.check()?;
        let watch = Watch::default();
        let mut env = ExecutorEnv::builder();
        env.args(&self.args);
        env.env_vars(self.vars.clone().into_iter().collect());
        env.session_limit(self.session_limit);
        if let Some(po2) = self.segment_limit_po2 {
            env.segment_limit_po2(po2);
        }
        if let Some(po2) = self.keccak_max_po2 {
            env.keccak_max_po2(po2)
                .map_err(|error| fail!(Config, "{error}"))?;
        }
        if let Some(bytes) = &self.input_digest {
            env.input_digest(verify::digest("input_digest", bytes)?);
        }
        self.wire_io(&mut env, &watch, host);
        let tracer = self.trace.then(|| Rc::new(RefCell::new(Tracer::new(host))));
        if let Some(tracer) = &tracer {
            let tracer = tracer.clone();
            env.trace_callback(move |event| tracer.borrow_mut().take(event));
        }
        let assumptions = self
            .assumptions
            .iter()
            .map(assumption)
            .collect::<Result<Vec<_>>>()?;
        for assumption in &assumptions {
            env.add_assumption(assumption.clone());
        }
        Ok(Built {
            env,
            watch,
            tracer,
            assumptions,
        })
    }

    fn check(&self) -> Result<()> {
        let in_range = |name: &str, value: Option<u32>, (low, high): (u32, u32)| match value {
            Some(value) if !(low..=high).contains(&value) => Err(fail!(
                Config,
                "{name} is {value}; it must be from {low} to {high}"
            )),
            _ => Ok(()),
        };
        in_range("segment_limit_po2", self.segment_limit_po2, SEGMENT_PO2)?;
        in_range("keccak_max_po2", self.keccak_max_po2, KECCAK_PO2)?;
        if self.write_fds.contains(&JOURNAL) {
            return Err(fail!(
                Config,
                "file descriptor 3 is the journal and cannot be written elsewhere"
            ));
        }
        Ok(())
    }

    fn wire_io<'a>(&'a self, env: &mut ExecutorEnvBuilder<'a>, watch: &Watch, host: &'a Host) {
        watch.input_left.set(Some(self.input.len() as u64));
        let input = Input {
            rest: self.input,
            watch: watch.clone(),
        };
        env.read_fd(STDIN, input);
        for &fd in &self.read_fds {
            let watch = (fd == STDIN).then(|| watch.clone());
            if let Some(watch) = &watch {
                watch.input_left.set(None);
            }
            env.read_fd(
                fd,
                BufReader::with_capacity(1, HostReader { fd, host, watch }),
            );
        }
        // As in risc0, the guest's stdout and stderr are the process's own unless the host takes them.
        let tail = Some(watch.stderr.clone());
        env.write_fd(
            STDERR,
            Tee {
                inner: io::stderr(),
                tail: tail.clone(),
                host,
            },
        );
        env.write_fd(
            STDOUT,
            Tee {
                inner: io::stdout(),
                tail: None,
                host,
            },
        );
        for &fd in &self.write_fds {
            let tail = if fd == STDERR { tail.clone() } else { None };
            env.write_fd(
                fd,
                Tee {
                    inner: HostWriter { fd, host },
                    tail,
                    host,
                },
            );
        }
        for channel in &self.slice_io {
            env.io_callback(channel, move |data| {
                Ok(host.slice_io(channel, &data)?.into())
            });
        }
    }
}

fn assumption(request: &AssumptionRequest) -> Result<AssumptionReceipt> {
    match (&request.receipt, &request.claim) {
        (Some(bytes), None) => Ok(decode(bytes, Format::Bincode)?.into()),
        (None, Some(claim)) => Ok(Assumption {
            claim: verify::digest("assumption.claim", claim)?,
            control_root: match &request.control_root {
                Some(root) => verify::digest("assumption.control_root", root)?,
                None => Digest::ZERO,
            },
        }
        .into()),
        _ => Err(fail!(Shim, "an assumption is either a receipt or a claim")),
    }
}

/// Counts reads; a guest that keeps asking after the end fails instead of waiting for ever.
fn count(watch: &Watch, asked: usize, read: usize) -> io::Result<()> {
    watch.input_read.set(watch.input_read.get() + read as u64);
    if asked > 0 && read == 0 {
        watch.reads_past_end.set(watch.reads_past_end.get() + 1);
        if watch.reads_past_end.get() > READS_PAST_END {
            return Err(io::Error::other("the guest waits for input past its end"));
        }
    }
    Ok(())
}

struct Input<'a> {
    rest: &'a [u8],
    watch: Watch,
}

impl Read for Input<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.rest.read(out)?;
        count(&self.watch, out.len(), read)?;
        self.watch.input_left.set(Some(self.rest.len() as u64));
        Ok(read)
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.rest)
    }

    fn consume(&mut self, amount: usize) {
        self.rest.consume(amount);
    }
}

struct HostReader<'a> {
    fd: u32,
    host: &'a Host,
    watch: Option<Watch>,
}

impl Read for HostReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.host.read(self.fd, out)?;
        if let Some(watch) = &self.watch {
            count(watch, out.len(), read)?;
        }
        Ok(read)
    }
}

struct HostWriter<'a> {
    fd: u32,
    host: &'a Host,
}

impl Write for HostWriter<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.host.write(self.fd, data)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that keeps the tail of what passes, and stops when the call is cancelled.
struct Tee<'a, W> {
    inner: W,
    tail: Option<Rc<RefCell<VecDeque<u8>>>>,
    host: &'a Host,
}

impl<W: Write> Write for Tee<'_, W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.host.check()?;
        let written = self.inner.write(data)?;
        self.inner.flush()?;
        if let Some(tail) = &self.tail {
            let mut tail = tail.borrow_mut();
            tail.extend(&data[..written]);
            let surplus = tail.len().saturating_sub(STDERR_TAIL);
            tail.drain(..surplus);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::Watch;

    #[test]
    fn a_tail_that_begins_inside_a_character_begins_with_the_next() {
        let watch = Watch::default();
        watch
            .stderr
            .borrow_mut()
            .extend("\u{fc}ber".as_bytes().iter().skip(1));
        assert_eq!(watch.stderr(), "ber");
        watch.stderr.borrow_mut().clear();
        watch.stderr.borrow_mut().extend("\u{fc}ber".as_bytes());
        assert_eq!(watch.stderr(), "\u{fc}ber");
    }
}
