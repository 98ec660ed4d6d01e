//! What risc0 logs: printed as a Rust host prints it, where RUST_LOG asks for it; and its counts of calls, as data.
//!
//! risc0 has its counts of ecalls and system calls only in what it logs when RISC0_INFO is set. So that is set, and what it
//! logs then is read here, and printed only where the user had set the variable.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{filter_fn, FilterExt, FilterFn, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

/// Where `Session::log` of risc0-zkvm logs from.
const SESSION: &str = "risc0_zkvm::host::server::session";
const INFO: &str = "RISC0_INFO";

/// Whether the user wants risc0's summary of a session.
static SUMMARY: OnceLock<bool> = OnceLock::new();

thread_local! {
    /// What this thread's session has logged, while somebody listens.
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Prepares logging, once. RUST_LOG and RISC0_INFO count as they are then, as for a Rust host.
pub fn start() {
    SUMMARY.get_or_init(|| {
        let summary = std::env::var_os(INFO).is_some();
        if cfg!(feature = "prove") {
            std::env::set_var(INFO, "1");
        }
        let listening = Registry::default().with(Listener.with_filter(is_summary()));
        let started = if is_printing() {
            let printed = filter_fn(move |event| summary || !is_of_summary(event));
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(has_colors())
                .with_filter(directives().and(printed));
            tracing::subscriber::set_global_default(listening.with(layer))
        } else {
            tracing::subscriber::set_global_default(listening)
        };
        // Another library of this process cannot have set this library's own copy.
        debug_assert!(started.is_ok());
        summary
    });
}

/// Whether the user wants the summary.
pub fn wants_summary() -> bool {
    SUMMARY.get().copied().unwrap_or(false)
}

/// Whether anything is printed.
pub fn is_printing() -> bool {
    std::env::var_os("RUST_LOG").is_some_and(|directives| !directives.is_empty())
}

/// RUST_LOG as `target=level` directives and levels, separated by commas; what it cannot be read as is an error's level.
fn directives() -> Targets {
    let text = std::env::var("RUST_LOG").unwrap_or_default();
    text.parse().unwrap_or_else(|error| {
        eprintln!(
            "zkhost: RUST_LOG is {text:?}, which is not understood ({error}): errors are logged"
        );
        Targets::new().with_default(Level::ERROR)
    })
}

/// Whether what is printed may have colours.
pub fn has_colors() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn is_of_summary(event: &Metadata<'_>) -> bool {
    event.target() == SESSION && *event.level() == Level::INFO
}

fn is_summary() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    FilterFn::new(is_of_summary as fn(&Metadata<'_>) -> bool).with_max_level_hint(LevelFilter::INFO)
}

/// How often the guest called into the machine or the host, by risc0's names of the calls.
#[derive(Serialize, Default, Debug, PartialEq)]
pub struct Counts {
    /// Ecalls: how many, and the cycles they took.
    pub ecalls: BTreeMap<String, (u64, u64)>,
    /// System calls that risc0 counts.
    pub syscalls: BTreeMap<String, u64>,
}

/// Runs `work`, a session, and counts its calls; None where risc0 has not logged them.
pub fn counted<T>(work: impl FnOnce() -> T) -> (T, Option<Counts>) {
    start();
    LINES.set(Some(Vec::new()));
    let result = work();
    let lines = LINES.take().unwrap_or_default();
    (result, parse(&lines))
}

/// The counts in what `Session::log` logs.
fn parse(lines: &[String]) -> Option<Counts> {
    let mut counts = Counts::default();
    let ecalls = lines.iter().position(|line| line == "ecalls")?;
    let syscalls = lines.iter().position(|line| line == "syscalls")?;
    for line in &lines[ecalls + 1..syscalls] {
        // "\t3 Sha2 calls, 204 cycles, (0.62%)"
        let (calls, rest) = line.trim().split_once(" calls, ")?;
        let (count, name) = calls.split_once(' ')?;
        let cycles = rest.split_once(" cycles")?.0;
        counts
            .ecalls
            .insert(name.to_owned(), (count.parse().ok()?, cycles.parse().ok()?));
    }
    for line in &lines[syscalls + 1..] {
        // "\t2 Read calls"
        let (count, name) = line.trim().strip_suffix(" calls")?.split_once(' ')?;
        counts.syscalls.insert(name.to_owned(), count.parse().ok()?);
    }
    Some(counts)
}

/// Takes the messages of the summary for the thread that listens.
struct Listener;

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        LINES.with_borrow_mut(|lines| {
            if let Some(lines) = lines {
                let mut message = Message::default();
                event.record(&mut message);
                lines.push(message.0);
            }
        });
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a String cannot fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn counts_are_read_from_the_summary() {
        let counts = parse(&lines(&[
            "number of segments: 1",
            "ecalls",
            "\t3 Sha2 calls, 204 cycles, (0.62%)",
            "\t0 BigInt calls, 0 cycles, (0.00%)",
            "syscalls",
            "\t2 Read calls",
        ]));
        let counts = counts.expect("the summary is whole");
        assert_eq!(counts.ecalls["Sha2"], (3, 204));
        assert_eq!(counts.ecalls["BigInt"], (0, 0));
        assert_eq!(counts.syscalls["Read"], 2);
    }

    #[test]
    fn what_is_not_a_summary_has_no_counts() {
        assert_eq!(parse(&[]), None);
        assert_eq!(
            parse(&lines(&["ecalls", "syscalls", "\tmany Read calls"])),
            None
        );
    }
}
