//! Running a guest in this process.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use risc0_zkvm::sha::Digestible;
use risc0_zkvm::{ExecutorImpl, NullSegmentRef, Segment, Session};
use serde::Deserialize;
use serde_bytes::ByteBuf;

use crate::env::{Built, EnvRequest, Watch};
use crate::error::{Kind, Result};
use crate::guest_error::{guest_error, guest_fault};
use crate::host::Host;
use crate::jobs::{create, lock, Keccaks, Made, Reply, SegmentInfo};
use crate::logging::Counts;
use crate::profile::Profile;
use crate::receipt::{bytes, exit_code};
use crate::session::SessionRecord;
use crate::{fail, guarded, logging, program};

#[derive(Deserialize)]
pub struct Request<'a> {
    #[serde(borrow)]
    env: EnvRequest<'a>,
    #[serde(borrow, with = "serde_bytes")]
    program: &'a [u8],
    /// What becomes of the segments.
    #[serde(default)]
    segments: Sink,
    /// The existing directory for `dir`: segment n is written to `<n>.bincode`, as risc0 names them.
    segment_dir: Option<PathBuf>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Sink {
    #[default]
    Discard,
    Dir,
    Callback,
}

/// `execute {env, program, segments, segment_dir?}`.
pub fn execute(request: Request<'_>, host: &Host) -> Result<Reply> {
    let start = Instant::now();
    let keccaks = Mutex::new(Vec::new());
    let Built {
        mut env,
        watch,
        tracer,
        assumptions,
    } = request.env.build(host)?;
    env.coprocessor_callback(Keccaks {
        dir: request
            .segment_dir
            .as_deref()
            .filter(|_| request.segments == Sink::Dir),
        sizes: &keccaks,
        host,
    });
    let profile = match &request.env.pprof_out {
        Some(path) => Some(Profile::start(path, request.program, &mut env)?),
        None => None,
    };
    let env = env.build().map_err(|error| fail!(Config, "{error:#}"))?;
    let mut executor = program::loading(request.program, || {
        ExecutorImpl::from_elf(env, request.program)
    })?;

    let segments = Mutex::new(Vec::<SegmentInfo>::new());
    let (outcome, calls) = logging::counted(|| {
        guarded(|| {
            executor
                .run_with_callback(|segment| {
                    host.check()?;
                    let info = request.keep(&segment, host)?;
                    let mut segments = lock(&segments);
                    segments.push(info);
                    host.progress(&Made {
                        phase: "execute",
                        job: ("segment", segment.index as usize),
                        segments: segments.len(),
                        user_cycles: segments.iter().map(|segment| segment.cycles).sum(),
                    })?;
                    Ok(Box::new(NullSegmentRef))
                })
                .map_err(|error| guest_error(&error, host, &watch))
        })
    });
    let outcome = outcome.map_err(|error| match error.kind {
        Kind::Internal => guest_fault(&error.message, &watch),
        _ => error,
    });
    let profiled = match profile {
        Some(profile) => profile.end(outcome.as_ref().ok().map(|session| session.user_cycles)),
        None => Ok(()),
    };
    let session = outcome?;
    profiled?;
    if let Some(tracer) = tracer {
        tracer.borrow_mut().flush()?;
    }
    host.check()?;
    let mut segments = std::mem::take(&mut *lock(&segments));
    let keccaks = std::mem::take(&mut *lock(&keccaks));
    count_last(&mut segments, &session);
    reply(
        session,
        segments,
        keccaks,
        calls,
        assumptions,
        &watch,
        start,
    )
}

fn reply(
    session: Session,
    segments: Vec<SegmentInfo>,
    keccaks: Vec<usize>,
    calls: Option<Counts>,
    assumptions: Vec<risc0_zkvm::AssumptionReceipt>,
    watch: &Watch,
    start: Instant,
) -> Result<Reply> {
    let claim = session
        .claim()
        .map_err(|error| fail!(Prover, "the session has no claim: {error:#}"))?;
    let journal = session.journal.map(|journal| journal.bytes);
    Ok(Reply {
        exit_code: exit_code(session.exit_code),
        user_cycles: session.user_cycles,
        total_cycles: Some(session.total_cycles),
        paging_cycles: Some(session.paging_cycles),
        reserved_cycles: Some(session.reserved_cycles),
        segments,
        calls,
        keccaks,
        claim: bytes(claim.digest()),
        image_id: bytes(claim.pre.digest()),
        session: SessionRecord {
            claim,
            journal: journal.clone().unwrap_or_default(),
            assumptions,
        }
        .to_bytes()?,
        journal: journal.map(ByteBuf::from),
        input_read: Some(watch.input_read.get()),
        input_left: watch.input_left.get(),
        elapsed_s: start.elapsed().as_secs_f64(),
    })
}

impl Request<'_> {
    fn keep(&self, segment: &Segment, host: &Host) -> Result<SegmentInfo> {
        let (cycles, paging) = match self.segments {
            Sink::Discard => write_segment(segment, io::sink())?.0,
            Sink::Dir => {
                let dir = self.segment_dir.as_ref();
                let dir = dir
                    .ok_or_else(|| fail!(Shim, "segments go to a directory, but none is given"))?;
                let path = dir.join(format!("{}.bincode", segment.index));
                write_segment(segment, BufWriter::new(create(&path)?))?.0
            }
            Sink::Callback => {
                let (spent, data) = write_segment(segment, Vec::new())?;
                host.segment(segment.index, &data)?;
                spent
            }
        };
        Ok(SegmentInfo {
            index: segment.index,
            po2: segment.po2(),
            cycles: cycles.into(),
            paging_cycles: Some(paging.into()),
        })
    }
}

/// Where `suspend_cycle` and `paging_cycles`, a segment's user and paging cycles, stand in the bincode of a segment without
/// output, from its end: suspend_cycle, paging_cycles, segment_threshold and po2 (u32), index (u64), then None twice
/// (povw_nonce, output). risc0 shows the numbers to its own API server only.
const CYCLES_FROM_END: usize = 26;

/// Writes a segment as bincode; gives its user and paging cycles (right for all but the last segment, which has an output)
/// and the writer.
fn write_segment<W: Write>(segment: &Segment, out: W) -> Result<((u32, u32), W)> {
    let mut out = Tail {
        inner: out,
        tail: VecDeque::new(),
    };
    let failed = |error: String| fail!(Prover, "cannot write segment {}: {error}", segment.index);
    bincode::serialize_into(&mut out, segment).map_err(|error| failed(error.to_string()))?;
    out.flush().map_err(|error| failed(error.to_string()))?;
    let tail: Vec<u8> = out.tail.into();
    let word = |at: usize| {
        let bytes = tail.get(at..at + 4).and_then(|word| word.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    Ok(((word(0), word(4)), out.inner))
}

/// The last segment has what the others leave of the totals.
fn count_last(segments: &mut [SegmentInfo], session: &Session) {
    if let Some((last, others)) = segments.split_last_mut() {
        let user: u64 = others.iter().map(|segment| segment.cycles).sum();
        let paging: u64 = others
            .iter()
            .filter_map(|segment| segment.paging_cycles)
            .sum();
        last.cycles = session.user_cycles.saturating_sub(user);
        last.paging_cycles = Some(session.paging_cycles.saturating_sub(paging));
    }
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
