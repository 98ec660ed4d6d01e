//! What ended a guest's run, told apart.

use crate::env::Watch;
use crate::error::ShimError;
use crate::fail;
use crate::host::Host;

/// What ended a run, told apart by what happened on the way and by risc0's own words (it has no error types here).
pub fn guest_error(error: &anyhow::Error, host: &Host, watch: &Watch) -> ShimError {
    let text = format!("{error:#}");
    if let Err(cancelled) = host.check() {
        return cancelled;
    }
    if host.has_failed() {
        return fail!(
            HostIO,
            "the host's own code failed while the guest ran: {text}"
        );
    }
    if let Some(error) = error.downcast_ref::<ShimError>() {
        let mut copy = ShimError::new(error.kind, error.message.clone());
        copy.data = error.data.clone();
        return copy;
    }
    let root = error.root_cause().to_string();
    if let Some(panic) = root.strip_prefix("Guest panicked: ") {
        return guest_panic(panic, watch);
    }
    if root.starts_with("Session limit exceeded") {
        return fail!(SessionLimit, "{root} user cycles")
            .hint("raise session_limit, or look for a loop in the guest with zkhost profile");
    }
    guest_fault(&text, watch)
}

/// What guests panic with where a value goes on past the end of the input: zkhost_guest's words, and risc0's.
const STARVED: [&str; 2] = ["the input ended", "DeserializeUnexpectedEnd"];

/// What they panic with where the words are not those of the type.
const MISREAD: [&str; 3] = [
    "from the input: ",
    "Err` value: Deserialize",
    "Err` value: Custom(",
];

fn guest_panic(panic: &str, watch: &Watch) -> ShimError {
    let read = watch.input_read.get();
    let left = watch.input_left.get();
    // To ask past the end is no fault as such: zkhost_guest takes what there is in large pieces.
    let past_end = watch.reads_past_end.get() > 0;
    let starved = past_end && STARVED.iter().any(|words| panic.contains(words));
    let input = match left {
        _ if starved => format!("it had read all {read} bytes of its input and asked for more"),
        _ if past_end => format!("it had read all {read} bytes of its input"),
        Some(left) => format!("it had read {read} bytes of its input and left {left}"),
        None => format!("it had read {read} bytes of its input"),
    };
    let error = fail!(GuestPanic, "the guest panicked: {panic} ({input})")
        .with("panic", panic)
        .with("stderr", watch.stderr())
        .with("input_read", read)
        .with("input_left", left);
    if starved {
        return error.hint("the guest reads more than the host wrote: compare the guest's reads with ExecutorEnv's writes, or what made --input");
    }
    if MISREAD.iter().any(|words| panic.contains(words)) {
        return error.hint("the guest reads something else than the host wrote: compare types and order of its reads with ExecutorEnv's writes, or what made --input");
    }
    error
}

pub fn guest_fault(text: &str, watch: &Watch) -> ShimError {
    // risc0 panics of this one.
    let error = match text.find("segment limit (") {
        Some(start) => {
            let what = text[start..].split(" at ").next().unwrap_or_default();
            fail!(GuestFault, "the guest was stopped: {what}")
                .with("reason", "segment_limit")
                .hint("raise segment_limit_po2: what one instruction pages in must fit a segment")
        }
        None => fail!(GuestFault, "the guest was stopped: {text}"),
    };
    error
        .with("stderr", watch.stderr())
        .with("input_read", watch.input_read.get())
        .with("input_left", watch.input_left.get())
}
