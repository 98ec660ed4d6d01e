//! What risc0 logs: printed as a Rust host prints it, where RUST_LOG asks for it; and its counts of calls, as data.
//!
//! risc0 has its counts of ecalls and system calls only in what it logs when RISC0_INFO is set. So that is set, and what it
//! logs then is read here, and printed only where the user had set the variable.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{filter_fn, FilterExt, FilterFn, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use crate::risc0::summary::{self, Counts};

/// Whether the user wants risc0's summary of a session.
static SUMMARY: OnceLock<bool> = OnceLock::new();

thread_local! {
    /// What this thread's session has logged, while somebody listens.
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Prepares logging, once. RUST_LOG and RISC0_INFO count as they are then, as for a Rust host.
pub fn start() {
    SUMMARY.get_or_init(|| {
        let wanted = std::env::var_os(summary::VARIABLE).is_some();
        if cfg!(feature = "prove") {
            std::env::set_var(summary::VARIABLE, "1");
        }
        let listening = Registry::default().with(Listener.with_filter(is_summary()));
        let started = if is_printing() {
            let printed = filter_fn(move |event| wanted || !is_of_summary(event));
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
        wanted
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
    event.target() == summary::TARGET && *event.level() == Level::INFO
}

fn is_summary() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    FilterFn::new(is_of_summary as fn(&Metadata<'_>) -> bool).with_max_level_hint(LevelFilter::INFO)
}

/// Runs `work`, a session, and counts its calls; None where risc0 has not logged them.
#[cfg_attr(not(feature = "prove"), allow(dead_code))]
pub fn counted<T>(work: impl FnOnce() -> T) -> (T, Option<Counts>) {
    start();
    LINES.set(Some(Vec::new()));
    let result = work();
    let lines = LINES.take().unwrap_or_default();
    (result, summary::counts(&lines))
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
