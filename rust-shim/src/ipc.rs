//! Running and proving on r0vm, through risc0's own client.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use risc0_zkvm::sha::Digestible;
use risc0_zkvm::{ApiClient, Asset, AssetRequest, ProveKeccakRequest, SegmentInfo as Info};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::env::{Built, EnvRequest, Watch};
use crate::error::{Result, ShimError};
use crate::guest_error::guest_error;
use crate::host::Host;
use crate::jobs::{lock, Keccaks, Made, Reply, SegmentInfo};
use crate::receipt::{self, bytes, exit_code, Format, ReceiptReply};
use crate::server::{Ended, Server};
use crate::session::{options, SessionRecord};
use crate::{bounded, fail, risc0};

/// Which r0vm, and how long it may do nothing.
#[derive(Deserialize)]
pub struct Where {
    r0vm: PathBuf,
    #[serde(default = "default_patience_s")]
    patience_s: f64,
}

fn default_patience_s() -> f64 {
    60.0
}

impl Where {
    fn server(&self) -> Result<Server> {
        let patience = Duration::try_from_secs_f64(self.patience_s);
        Server::new(
            &self.r0vm,
            patience.map_err(|error| fail!(Config, "patience_s: {error}"))?,
        )
    }

    /// One request to a server of its own. A launcher that another thread's fork still holds open is tried again.
    fn ask<T>(
        &self,
        host: &Host,
        work: impl Fn(&ApiClient) -> anyhow::Result<T>,
    ) -> std::result::Result<T, Ended> {
        for _ in 0..20 {
            match self.server().map_err(Ended::Lost)?.run(host, &work) {
                Err(Ended::Lost(error)) if error.message.contains("Text file busy") => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                outcome => return outcome,
            }
        }
        Err(Ended::Lost(fail!(
            Server,
            "the launcher of r0vm is held open by another program"
        )))
    }
}

#[derive(Deserialize)]
pub struct ExecuteRequest<'a> {
    server: Where,
    #[serde(borrow)]
    env: EnvRequest<'a>,
    #[serde(borrow, with = "serde_bytes")]
    program: &'a [u8],
    /// Where the segments go, `<n>.bincode` each; nowhere if None.
    segment_dir: Option<PathBuf>,
}

/// `ipc_execute {server, env, program, segment_dir?}`: as `execute`. r0vm says user cycles only, and reads input ahead, so
/// what the guest has read of it is not known.
pub fn execute(request: ExecuteRequest<'_>, host: &Host) -> Result<Reply> {
    let start = Instant::now();
    let image_id = crate::program::compute(request.program)?;
    let keccaks = Mutex::new(Vec::new());
    let dir = request.segment_dir.as_deref();
    let Built {
        mut env,
        watch,
        tracer,
        assumptions,
    } = request.env.build(host)?;
    env.coprocessor_callback(Keccaks {
        dir,
        sizes: &keccaks,
        host,
    });
    let env = env.build().map_err(|error| fail!(Config, "{error:#}"))?;
    let segments = Mutex::new(Vec::new());
    let program = Asset::Inline(request.program.to_vec().into());
    let sink = dir.map_or(AssetRequest::Inline, |dir| {
        AssetRequest::Path(dir.to_owned())
    });
    let info = request
        .server
        .ask(host, |client| {
            client.execute(&env, program.clone(), sink.clone(), |info, asset| {
                host.check()?;
                take(info, &asset, dir, &segments, host)
            })
        })
        .map_err(|ended| explain(ended, host, &watch))?;
    if let Some(tracer) = tracer {
        tracer.borrow_mut().flush()?;
    }
    let claim = info
        .receipt_claim
        .ok_or_else(|| fail!(Server, "r0vm gave no claim"))?;
    let segments = std::mem::take(&mut *lock(&segments));
    let keccaks = std::mem::take(&mut *lock(&keccaks));
    Ok(Reply {
        exit_code: exit_code(info.exit_code),
        user_cycles: segments.iter().map(|segment| segment.cycles).sum(),
        total_cycles: None,
        paging_cycles: None,
        reserved_cycles: None,
        segments,
        calls: None,
        keccaks,
        claim: bytes(claim.digest()),
        image_id: bytes(image_id),
        session: SessionRecord {
            claim,
            journal: info.journal.bytes.clone(),
            assumptions,
        }
        .to_bytes()?,
        journal: Some(ByteBuf::from(info.journal.bytes)),
        input_read: None,
        input_left: None,
        elapsed_s: start.elapsed().as_secs_f64(),
    })
}

/// Notes a segment; r0vm has written it under a name of its own, which becomes ours.
fn take(
    info: Info,
    asset: &Asset,
    dir: Option<&Path>,
    segments: &Mutex<Vec<SegmentInfo>>,
    host: &Host,
) -> anyhow::Result<()> {
    let mut segments = lock(segments);
    let index = u32::try_from(segments.len())?;
    if let (Some(dir), Asset::Path(path)) = (dir, asset) {
        std::fs::rename(path, dir.join(format!("{index}.bincode")))?;
    }
    segments.push(SegmentInfo {
        index,
        po2: info.po2 as usize,
        cycles: info.cycles.into(),
        paging_cycles: None,
    });
    host.progress(&Made {
        phase: "execute",
        job: ("segment", index as usize),
        segments: segments.len(),
        user_cycles: segments.iter().map(|segment| segment.cycles).sum(),
    })?;
    Ok(())
}

#[derive(Deserialize)]
pub struct SegmentRequest {
    server: Where,
    path: PathBuf,
}

/// `ipc_prove_segment {server, path}`: as `prove_segment`.
pub fn prove_segment(request: SegmentRequest, host: &Host) -> Result<ReceiptReply> {
    let options = options()?;
    let receipt = request.server.ask(host, |client| {
        client.prove_segment(
            &options,
            Asset::Path(request.path.clone()),
            AssetRequest::Inline,
        )
    });
    reply(&receipt.map_err(|ended| proving(ended, host))?)
}

#[derive(Deserialize)]
pub struct KeccakRequest {
    server: Where,
    path: PathBuf,
}

/// `ipc_prove_keccak {server, path}`: as `prove_keccak`.
pub fn prove_keccak(request: KeccakRequest, host: &Host) -> Result<ReceiptReply> {
    let data = std::fs::read(&request.path)
        .map_err(|error| fail!(Prover, "cannot read {}: {error}", request.path.display()))?;
    let keccak: ProveKeccakRequest = bounded::bincode("keccak request", &data)?;
    let receipt = request.server.ask(host, |client| {
        client.prove_keccak(keccak.clone(), AssetRequest::Inline)
    });
    reply(&receipt.map_err(|ended| proving(ended, host))?)
}

#[derive(Deserialize)]
pub struct CompressRequest<'a> {
    server: Where,
    #[serde(borrow, with = "serde_bytes")]
    receipt: &'a [u8],
    kind: &'a str,
}

/// `ipc_compress {server, receipt, kind}`: as `compress`.
pub fn compress(request: CompressRequest<'_>, host: &Host) -> Result<ReceiptReply> {
    let receipt = receipt::decode(request.receipt, Format::Bincode)?;
    let kind = receipt::rank(request.kind)?;
    if receipt::rank(receipt::kind(&receipt.inner))? >= kind {
        return reply(&receipt);
    }
    let options = options()?.with_receipt_kind(receipt::receipt_kind(request.kind)?);
    let asset = Asset::try_from(receipt)
        .map_err(|error| fail!(Shim, "cannot send the receipt: {error:#}"))?;
    let smaller = request.server.ask(host, |client| {
        client.compress(&options, asset.clone(), AssetRequest::Inline)
    });
    reply(&smaller.map_err(|ended| proving(ended, host))?)
}

fn explain(ended: Ended, host: &Host, watch: &Watch) -> ShimError {
    match ended {
        Ended::Refused(error) => guest_error(&error, host, watch),
        Ended::Lost(lost) => first_cause(host).unwrap_or(lost),
    }
}

fn proving(ended: Ended, host: &Host) -> ShimError {
    match ended {
        Ended::Refused(error) if risc0::lacks_recursion_programs(&format!("{error:#}")) => fail!(
            RecursionUnavailable,
            "this r0vm lacks risc0's recursion programs"
        )
        .hint("install r0vm with rzup, or build it without DOCS_RS set"),
        Ended::Refused(error) => fail!(Prover, "r0vm could not prove: {error:#}"),
        Ended::Lost(lost) => first_cause(host).unwrap_or(lost),
    }
}

/// A lost server is often only the consequence.
fn first_cause(host: &Host) -> Option<ShimError> {
    if host.has_failed() {
        return Some(fail!(
            HostIO,
            "the host's own code failed while the guest ran"
        ));
    }
    host.check().err()
}

fn reply<T: Serialize>(receipt: &T) -> Result<ReceiptReply> {
    bincode::serialize(receipt)
        .map(|receipt| ReceiptReply {
            receipt: ByteBuf::from(receipt),
        })
        .map_err(|error| fail!(Shim, "cannot encode the receipt: {error}"))
}
