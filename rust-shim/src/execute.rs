//! Running a guest in this process.

use std::io::{self, BufWriter};
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
use crate::profile::Profile;
use crate::receipt::{bytes, exit_code};
use crate::risc0::summary::Counts;
use crate::risc0::write_segment;
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
        let failed = |error| fail!(Prover, "cannot write segment {}: {error}", segment.index);
        let cycles = match self.segments {
            Sink::Discard => write_segment(segment, io::sink()).map_err(failed)?.0,
            Sink::Dir => {
                let dir = self.segment_dir.as_ref();
                let dir = dir
                    .ok_or_else(|| fail!(Shim, "segments go to a directory, but none is given"))?;
                let path = dir.join(format!("{}.bincode", segment.index));
                let file = BufWriter::new(create(&path)?);
                write_segment(segment, file).map_err(failed)?.0
            }
            Sink::Callback => {
                let (cycles, data) = write_segment(segment, Vec::new()).map_err(failed)?;
                host.segment(segment.index, &data)?;
                cycles
            }
        };
        Ok(SegmentInfo {
            index: segment.index,
            po2: segment.po2(),
            cycles: cycles.user.into(),
            paging_cycles: Some(cycles.paging.into()),
        })
    }
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
