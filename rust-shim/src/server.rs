//! One r0vm process for one call of risc0's own client, watched so that it is gone afterwards, whatever happens.
//!
//! The client starts the server itself and keeps the process to itself. So it is given a launcher: a script that notes its
//! process ID and port, then becomes r0vm (exec), with r0vm's own output led to a file for error messages.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use risc0_zkvm::ApiClient;
use tempfile::TempDir;

use crate::error::{Result, ShimError};
use crate::fail;
use crate::host::Host;
use crate::logging;
use crate::risc0::{self, PORT_ARGUMENT};

const LOOK: Duration = Duration::from_millis(20);
const LOG_TAIL: usize = 2048;

/// A place to start r0vm from, and what is known of the process.
pub struct Server {
    dir: TempDir,
    r0vm: PathBuf,
    /// A server that uses no processor for so long, while nothing is asked of the host, hangs.
    patience: Duration,
}

/// Why the watcher ended the server, if it did.
#[derive(Default)]
struct Verdict {
    hung: AtomicBool,
    ended_early: AtomicBool,
}

impl Server {
    /// For the binary `r0vm`.
    pub fn new(r0vm: &Path, patience: Duration) -> Result<Self> {
        let failed = |error: std::io::Error| fail!(Server, "cannot prepare to start r0vm: {error}");
        let dir = tempfile::Builder::new()
            .prefix("zkhost-r0vm-")
            .tempdir()
            .map_err(failed)?;
        let server = Self {
            dir,
            r0vm: r0vm.to_owned(),
            patience,
        };
        let script = format!(
            "#!/bin/sh\necho \"$$ ${port}\" >{started}.new && mv {started}.new {started}\n{environment}exec {r0vm} \"$@\" >{log} 2>&1 </dev/null\n",
            port = PORT_ARGUMENT,
            environment = environment(),
            started = quoted(&server.file("started")),
            r0vm = quoted(r0vm),
            log = quoted(&server.file("log")),
        );
        fs::write(server.file("r0vm"), script).map_err(failed)?;
        fs::set_permissions(server.file("r0vm"), fs::Permissions::from_mode(0o700))
            .map_err(failed)?;
        Ok(server)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs `work` with a client of this server. Afterwards the process is gone and waited for.
    pub fn run<T>(
        &self,
        host: &Host,
        work: impl FnOnce(&ApiClient) -> anyhow::Result<T>,
    ) -> std::result::Result<T, Ended> {
        let verdict = Verdict::default();
        let done = AtomicBool::new(false);
        let outcome = thread::scope(|scope| {
            scope.spawn(|| self.watch(host, &done, &verdict));
            let outcome = self.client().and_then(|client| work(&client));
            done.store(true, Ordering::Relaxed);
            outcome
        });
        self.reap();
        outcome.map_err(|error| self.ended(error, &verdict))
    }

    fn client(&self) -> anyhow::Result<ApiClient> {
        ApiClient::new_sub_process_compat(self.file("r0vm"), risc0_zkvm::get_version()?)
    }

    /// The server's process ID and port, once it has been started.
    fn started(&self) -> Option<(libc::pid_t, u16)> {
        let text = fs::read_to_string(self.file("started")).ok()?;
        let (pid, port) = text.trim().split_once(' ')?;
        Some((pid.parse().ok()?, port.parse().ok()?))
    }

    /// Kills the server when the caller cancels or it hangs; where it ends before it has connected, connects in its place, so
    /// that the client stops waiting.
    fn watch(&self, host: &Host, done: &AtomicBool, verdict: &Verdict) {
        let mut cpu = 0;
        let mut last_sign = Instant::now();
        let mut shown = 0;
        while !done.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
            self.show_log(&mut shown);
            let Some((pid, port)) = self.started() else {
                continue;
            };
            if host.is_cancelled() {
                kill(pid);
            }
            if has_ended(pid) && !verdict.ended_early.swap(true, Ordering::Relaxed) {
                drop(TcpStream::connect(("127.0.0.1", port)));
            }
            let now = cpu_ticks(pid);
            if now != Some(cpu) || host.is_asked() {
                (cpu, last_sign) = (now.unwrap_or(cpu), Instant::now());
            } else if last_sign.elapsed() > self.patience {
                verdict.hung.store(true, Ordering::Relaxed);
                kill(pid);
            }
        }
        self.show_log(&mut shown);
    }

    /// Prints what r0vm has logged since, where the user asks for logs: to a Rust host's r0vm the terminal is its own.
    fn show_log(&self, shown: &mut usize) {
        if !logging::is_printing() {
            return;
        }
        let log = fs::read(self.file("log")).unwrap_or_default();
        if let Some(new) = log.get(*shown..).filter(|new| !new.is_empty()) {
            // Where standard error is gone, so is who would read it.
            let _ = std::io::stderr().write_all(new);
            *shown = log.len();
        }
    }

    fn reap(&self) {
        let Some((pid, _)) = self.started() else {
            return;
        };
        if is_child(pid, libc::WEXITED).is_some() {
            kill(pid);
            // SAFETY: waits for a child of this process by its number; a null status is allowed.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
        }
    }

    fn ended(&self, error: anyhow::Error, verdict: &Verdict) -> Ended {
        let text = format!("{error:#}");
        let hung = verdict.hung.load(Ordering::Relaxed);
        let transport = error.chain().any(|cause| {
            cause.is::<std::io::Error>() || cause.is::<std::sync::mpsc::RecvTimeoutError>()
        }) || risc0::is_broken_connection(&text);
        if !hung && !transport {
            return Ended::Refused(error);
        }
        let log = fs::read(self.file("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL)..])
            .trim()
            .to_owned();
        let path = self.r0vm.display();
        let what = if hung {
            format!(
                "r0vm hangs: it used no processor for {} s and was killed",
                self.patience.as_secs()
            )
        } else if self.started().is_none() {
            format!("r0vm could not be started: {text}")
        } else {
            format!("r0vm ended or broke the protocol: {text}")
        };
        let said = if log.is_empty() {
            String::new()
        } else {
            format!("\nr0vm said:\n{log}")
        };
        Ended::Lost(
            fail!(Server, "{what} ({path}){said}")
                .with("path", path.to_string())
                .with("log", log)
                .hint("run the binary with --version; `zkhost doctor` shows which r0vm is used and why"),
        )
    }
}

/// What r0vm's environment has in another way than this process's, in the language of the shell.
fn environment() -> String {
    let mut lines = String::new();
    if !logging::wants_summary() {
        lines.push_str("unset RISC0_INFO\n");
    }
    if !logging::has_colors() {
        lines.push_str("export NO_COLOR=1\n");
    }
    lines
}

/// How a server's work failed.
pub enum Ended {
    /// The server answered with an error.
    Refused(anyhow::Error),
    /// There was no answer.
    Lost(ShimError),
}

impl Drop for Server {
    fn drop(&mut self) {
        self.reap();
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Whether the process is a child of ours: its number cannot be another's before we have waited for it.
fn is_child(pid: libc::pid_t, options: libc::c_int) -> Option<libc::siginfo_t> {
    // SAFETY: siginfo_t is plain data, for which zeros are valid.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let id = libc::id_t::try_from(pid).ok()?;
    // SAFETY: `info` is writable, and WNOWAIT leaves the child as it is.
    let found = unsafe {
        libc::waitid(
            libc::P_PID,
            id,
            &mut info,
            options | libc::WNOHANG | libc::WNOWAIT,
        )
    };
    (found == 0).then_some(info)
}

fn has_ended(pid: libc::pid_t) -> bool {
    // SAFETY: after waitid with WEXITED the field is set; it stays zero while the child runs.
    is_child(pid, libc::WEXITED).is_none_or(|info| unsafe { info.si_pid() } != 0)
}

fn kill(pid: libc::pid_t) {
    if is_child(pid, libc::WEXITED).is_some() {
        // SAFETY: `pid` is a child that nobody has waited for, so the number is still its own.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
}

/// The processor time a process has used; None where the system does not say.
fn cpu_ticks(pid: libc::pid_t) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name in parentheses: state is field 0, user and system time are fields 11 and 12.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}
