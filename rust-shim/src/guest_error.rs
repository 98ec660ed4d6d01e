//! What ended a guest's run, told apart.

use crate::env::Watch;
use crate::error::ShimError;
use crate::fail;
use crate::host::Host;
use crate::risc0::{self, Access};

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
    if let Some(panic) = risc0::guest_panic(&root) {
        return guest_panic(panic, watch);
    }
    if risc0::is_session_limit(&root) {
        return fail!(SessionLimit, "{root} user cycles")
            .hint("raise session_limit, or look for a loop in the guest with zkhost profile");
    }
    guest_fault(&text, watch)
}

/// What zkhost_guest panics with where a value goes on past the end of the input.
const STARVED: &str = "the input ended";

/// What it panics with where the words are not those of the type.
const MISREAD: &str = "from the input: ";

fn guest_panic(panic: &str, watch: &Watch) -> ShimError {
    let read = watch.input_read.get();
    let left = watch.input_left.get();
    // To ask past the end is no fault as such: zkhost_guest takes what there is in large pieces.
    let past_end = watch.reads_past_end.get() > 0;
    let starved = past_end && (panic.contains(STARVED) || risc0::is_end_of_input(panic));
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
    if panic.contains(MISREAD) || risc0::is_misread(panic) {
        return error.hint("the guest reads something else than the host wrote: compare types and order of its reads with ExecutorEnv's writes, or what made --input");
    }
    error
}

/// What stopped a guest, from risc0's words for it.
pub fn guest_fault(text: &str, watch: &Watch) -> ShimError {
    let error = segment_limit(text)
        .or_else(|| missing_assumption(text))
        .or_else(|| unserved_descriptor(text))
        .or_else(|| unserved_channel(text))
        .unwrap_or_else(|| fail!(GuestFault, "the guest was stopped: {text}"));
    error
        .with("stderr", watch.stderr())
        .with("input_read", watch.input_read.get())
        .with("input_left", watch.input_left.get())
}

fn segment_limit(text: &str) -> Option<ShimError> {
    let what = risc0::segment_limit(text)?;
    Some(
        fail!(GuestFault, "the guest was stopped: {what}")
            .with("reason", "segment_limit")
            .hint("raise segment_limit_po2: what one instruction pages in must fit a segment"),
    )
}

fn missing_assumption(text: &str) -> Option<ShimError> {
    let claim = risc0::missing_assumption(text)?;
    Some(
        fail!(
            GuestFault,
            "the guest relies on another run (env::verify), and no assumption was given for it: claim digest {claim}"
        )
        .with("reason", "missing_assumption")
        .hint(
            "ExecutorEnv.builder().add_assumption(receipt), with the receipt that proves it; where one was given, the image ID or the journal that the guest verifies is another one",
        ),
    )
}

fn unserved_descriptor(text: &str) -> Option<ShimError> {
    let (access, number) = risc0::unserved_descriptor(text)?;
    let (verb, method) = match access {
        Access::Read => ("reads", "read_fd"),
        Access::Write => ("writes", "write_fd"),
    };
    Some(
        fail!(
            GuestFault,
            "the guest {verb} file descriptor {number}, which the environment does not serve"
        )
        .with("reason", "unserved")
        .hint(format!("ExecutorEnv.builder().{method}({number}, stream)")),
    )
}

fn unserved_channel(text: &str) -> Option<ShimError> {
    let name = risc0::unserved_call(text)?;
    if risc0::is_own_call(name) {
        return Some(
            fail!(
                GuestFault,
                "the guest makes the system call {name}, which this risc0 does not have"
            )
            .with("reason", "unserved")
            .hint("build the guest with a risc0-zkvm of the version that `zkhost doctor` shows"),
        );
    }
    Some(
        fail!(
            GuestFault,
            "the guest calls the host over the channel {name:?}, which the environment does not serve"
        )
        .with("reason", "unserved")
        .hint(format!("ExecutorEnv.builder().slice_io({name:?}, handler)")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(text: &str) -> (String, String) {
        let error = guest_fault(text, &Watch::default());
        let hint = error.data.get("hint").and_then(|hint| hint.as_str());
        (error.message.clone(), hint.unwrap_or_default().to_owned())
    }

    #[test]
    fn what_is_not_served_is_named_with_the_call_that_serves_it() {
        for (text, call) in [
            ("Bad read file descriptor 10", "read_fd(10, stream)"),
            ("Bad write file descriptor 11", "write_fd(11, stream)"),
            ("Unknown syscall: \"a::b::NAME\"", "slice_io(\"a::b::NAME\", handler)"),
            (
                "sys_verify_integrity: no receipt found to resolve assumption: claim digest 00ff, control root 00",
                "add_assumption(receipt)",
            ),
        ] {
            assert!(hint(text).1.contains(call), "{text}: {:?}", hint(text));
        }
    }

    #[test]
    fn system_calls_of_another_risc0_are_no_channels() {
        let (message, hint) =
            hint("Unknown syscall: \"risc0_zkvm_platform::syscall::nr::SYS_NEW\"");
        assert!(message.contains("SYS_NEW"));
        assert!(hint.contains("zkhost doctor"));
    }

    #[test]
    fn whatever_else_stops_a_guest_is_said_as_it_is() {
        assert_eq!(
            hint("illegal instruction").0,
            "the guest was stopped: illegal instruction"
        );
    }
}
