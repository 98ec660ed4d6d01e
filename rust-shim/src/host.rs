//! The way back to the caller: one C callback for the guest's I/O, traces, progress and segments, and a cancel flag.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::error::{Kind, Result, ShimError};
use crate::fail;

/// What the callback is asked to do; `arg`, `data`, `out` and the returned number mean, event by event:
#[repr(u32)]
#[derive(Clone, Copy)]
enum Event {
    /// Fill `out` from the reader of file descriptor `arg`; returns the bytes put there, 0 at the end.
    Read = 0,
    /// Take `data`, written to file descriptor `arg`.
    Write = 1,
    /// Answer `data` = msgpack [channel, bytes]; returns the length of the answer, which `Fetch` collects.
    SliceIo = 2,
    /// Copy the last answer to `out`.
    Fetch = 3,
    /// Take `data` = msgpack list of trace events, in order.
    Trace = 4,
    /// Take `data` = msgpack map, a progress event.
    Progress = 5,
    /// Take `data` = bincode of segment `arg`.
    #[cfg(feature = "prove")]
    Segment = 6,
}

/// The callback returned this: the host's own code raised (kept there; it is raised again from it).
const HOST_FAILED: i64 = -1;
/// The callback returned this: the caller cancelled.
const CANCELLED: i64 = -2;

/// The C callback: `(host, event, arg, data, len, out, cap)`, where `host` is the number given to `zkhost_call`.
/// It returns a count (see the events), -1 when the host's own code failed, or -2 when the call was cancelled.
pub type HostCallback =
    Option<unsafe extern "C" fn(u64, u32, u64, *const u8, usize, *mut u8, usize) -> i64>;

/// One call's way back.
pub struct Host {
    callback: HostCallback,
    id: u64,
    cancelled: Arc<AtomicBool>,
    failed: AtomicBool,
    asked: AtomicBool,
}

type Running = BTreeMap<u64, Vec<Arc<AtomicBool>>>;

/// The cancel flags of the calls that run, by host number.
static RUNNING: Mutex<Running> = Mutex::new(BTreeMap::new());

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cancels every running call of host number `id`. They end at the next host call or segment boundary.
pub fn cancel(id: u64) {
    if let Some(flags) = running().get(&id) {
        for flag in flags {
            flag.store(true, Ordering::Relaxed);
        }
    }
}

impl Host {
    /// A host with number `id`; 0 is nobody's and cannot be cancelled.
    pub fn new(callback: HostCallback, id: u64) -> Self {
        let cancelled = Arc::new(AtomicBool::new(false));
        if id != 0 {
            running().entry(id).or_default().push(cancelled.clone());
        }
        Self {
            callback,
            id,
            cancelled,
            failed: AtomicBool::new(false),
            asked: AtomicBool::new(false),
        }
    }

    /// Err(Cancelled) once the caller has cancelled.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            return Err(fail!(Cancelled, "cancelled by the caller"));
        }
        Ok(())
    }

    /// Whether the caller has cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Whether the host's own code has failed in this call.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Whether the host is being asked right now, and so may keep the others waiting.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    fn call(&self, event: Event, arg: u64, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.check()?;
        let callback = self
            .callback
            .ok_or_else(|| fail!(HostIO, "this call was given no host to ask"))?;
        self.asked.store(true, Ordering::Relaxed);
        // SAFETY: the caller of zkhost_call vouches for the callback; both slices outlive the call.
        let count = unsafe {
            callback(
                self.id,
                event as u32,
                arg,
                data.as_ptr(),
                data.len(),
                out.as_mut_ptr(),
                out.len(),
            )
        };
        self.asked.store(false, Ordering::Relaxed);
        match count {
            HOST_FAILED => {
                self.failed.store(true, Ordering::Relaxed);
                Err(fail!(HostIO, "the host's own code failed"))
            }
            CANCELLED => {
                self.cancelled.store(true, Ordering::Relaxed);
                self.check().map(|()| 0)
            }
            count => usize::try_from(count)
                .map_err(|_| fail!(Shim, "the host callback answered {count}")),
        }
    }

    /// Reads from the host's file descriptor `fd`; 0 at its end.
    pub fn read(&self, fd: u32, out: &mut [u8]) -> Result<usize> {
        let count = self.call(Event::Read, fd.into(), &[], out)?;
        if count > out.len() {
            return Err(fail!(
                Shim,
                "the host answered {count} bytes to a read of {}",
                out.len()
            ));
        }
        Ok(count)
    }

    /// Writes to the host's file descriptor `fd`.
    pub fn write(&self, fd: u32, data: &[u8]) -> Result<()> {
        self.call(Event::Write, fd.into(), data, &mut []).map(drop)
    }

    /// The host's answer on a slice_io channel.
    pub fn slice_io(&self, channel: &str, data: &[u8]) -> Result<Vec<u8>> {
        let frame = frame(&(channel, serde_bytes::Bytes::new(data)))?;
        let length = self.call(Event::SliceIo, 0, &frame, &mut [])?;
        let mut answer = vec![0; length];
        let copied = self.call(Event::Fetch, 0, &[], &mut answer)?;
        answer.truncate(copied);
        Ok(answer)
    }

    /// Hands over a batch of trace events.
    pub fn trace<T: Serialize>(&self, batch: &T) -> Result<()> {
        self.call(Event::Trace, 0, &frame(batch)?, &mut [])
            .map(drop)
    }

    /// Tells the host how far the work is. A host without a callback is not asked.
    pub fn progress<T: Serialize>(&self, event: &T) -> Result<()> {
        if self.callback.is_none() {
            return self.check();
        }
        self.call(Event::Progress, 0, &frame(event)?, &mut [])
            .map(drop)
    }

    /// Hands over a segment as bincode.
    #[cfg(feature = "prove")]
    pub fn segment(&self, index: u32, data: &[u8]) -> Result<()> {
        self.call(Event::Segment, index.into(), data, &mut [])
            .map(drop)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let mut running = running();
        if let Some(flags) = running.get_mut(&self.id) {
            flags.retain(|flag| !Arc::ptr_eq(flag, &self.cancelled));
            if flags.is_empty() {
                running.remove(&self.id);
            }
        }
    }
}

fn frame<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(value).map_err(|error| ShimError::new(Kind::Shim, error.to_string()))
}

impl From<ShimError> for io::Error {
    fn from(error: ShimError) -> Self {
        io::Error::other(error)
    }
}
