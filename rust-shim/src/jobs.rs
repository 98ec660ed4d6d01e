//! What a run leaves: its outcome, and the jobs to prove: segments and keccak batches.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use risc0_zkvm::{CoprocessorCallback, ProveKeccakRequest};
use serde::Serialize;
use serde_bytes::ByteBuf;

use crate::error::Result;
use crate::fail;
use crate::host::Host;
use crate::risc0::summary::Counts;

#[derive(Serialize)]
pub struct Reply {
    pub exit_code: (&'static str, u32),
    /// None where the guest committed nothing.
    pub journal: Option<ByteBuf>,
    pub user_cycles: u64,
    pub total_cycles: Option<u64>,
    pub paging_cycles: Option<u64>,
    pub reserved_cycles: Option<u64>,
    pub segments: Vec<SegmentInfo>,
    /// None where r0vm ran the guest: it does not report them.
    pub calls: Option<Counts>,
    /// Requests written to `keccak-<n>.bincode` in the segment directory; their sizes as powers of two.
    pub keccaks: Vec<usize>,
    pub claim: ByteBuf,
    pub image_id: ByteBuf,
    pub session: ByteBuf,
    pub input_read: Option<u64>,
    pub input_left: Option<u64>,
    pub elapsed_s: f64,
}

#[derive(Serialize, Clone)]
pub struct SegmentInfo {
    pub index: u32,
    pub po2: usize,
    /// User cycles.
    pub cycles: u64,
    /// None where r0vm ran the guest: it does not say.
    pub paging_cycles: Option<u64>,
}

/// A job has been made; in a directory, its file is complete.
#[derive(Serialize)]
pub struct Made {
    pub phase: &'static str,
    pub job: (&'static str, usize),
    pub segments: usize,
    pub user_cycles: u64,
}

/// The value, whatever happened to another holder.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A new file.
pub fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(|error| fail!(Prover, "cannot write {}: {error}", path.display()))
}

/// Takes keccak requests as the executor makes them, so that they need not stay in memory.
pub struct Keccaks<'a> {
    pub dir: Option<&'a Path>,
    pub sizes: &'a Mutex<Vec<usize>>,
    pub host: &'a Host,
}

impl CoprocessorCallback for Keccaks<'_> {
    fn prove_keccak(&mut self, request: ProveKeccakRequest) -> anyhow::Result<()> {
        let mut sizes = lock(self.sizes);
        if let Some(dir) = self.dir {
            let path = dir.join(format!("keccak-{}.bincode", sizes.len()));
            let mut file = BufWriter::new(create(&path)?);
            bincode::serialize_into(&mut file, &request)?;
            file.flush()?;
        }
        sizes.push(request.po2);
        self.host.progress(&Made {
            phase: "execute",
            job: ("keccak", sizes.len() - 1),
            segments: 0,
            user_cycles: 0,
        })?;
        Ok(())
    }
}
