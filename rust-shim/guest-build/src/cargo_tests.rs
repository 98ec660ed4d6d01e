use std::time::Instant;

use super::*;

#[derive(Default)]
struct Recorder {
    output: Vec<u8>,
    cancel_after: Option<Instant>,
}

impl Host for Recorder {
    fn output(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    fn cancelled(&self) -> bool {
        self.cancel_after.is_some_and(|time| Instant::now() > time)
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Whether some process has this as an argument.
fn running(argument: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0)
            .any(|word| word == argument.as_bytes())
    })
}

fn gone(argument: &str) -> bool {
    (0..40).any(|_| {
        thread::sleep(POLL);
        !running(argument)
    })
}

#[test]
fn standard_error_is_streamed_and_standard_output_returned() {
    let mut host = Recorder::default();
    let output = run(
        shell("echo one >&2; echo two; echo three >&2"),
        "test",
        &mut host,
    )
    .unwrap();
    assert_eq!(output, b"two\n");
    assert_eq!(host.output, b"one\nthree\n");
}

#[test]
fn arguments_folder_and_variables_pass_the_guard_unchanged() {
    let mut command = shell("printf '%s|%s|' \"$0\" \"$@\"; printf '%s|' \"$ODD\"; pwd");
    command
        .args(["a b", "$HOME \"'"])
        .env("ODD", "x y")
        .current_dir("/usr");
    let output = run(command, "test", &mut Recorder::default()).unwrap();
    assert_eq!(
        String::from_utf8(output).unwrap(),
        "a b|$HOME \"'|x y|/usr\n"
    );
}

#[test]
fn a_failure_has_the_status_and_the_tail_of_the_output() {
    let error = run(
        shell("echo why >&2; exit 3"),
        "test",
        &mut Recorder::default(),
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "test failed (exit status: 3)");
    assert!(matches!(error, Error::Cargo { tail, .. } if tail == "why\n"));
}

#[test]
fn a_cancel_ends_the_command_and_what_it_started_at_once() {
    let mut host = Recorder {
        cancel_after: Some(Instant::now() + POLL * 4),
        ..Recorder::default()
    };
    let started = Instant::now();
    let error = run(
        shell("sleep 98.5431 & sleep 98.5432; echo never"),
        "test",
        &mut host,
    )
    .unwrap_err();
    assert!(matches!(error, Error::Cancelled));
    assert!(started.elapsed().as_secs() < 5);
    assert!(gone("98.5431") && gone("98.5432"));
}

#[test]
fn nothing_is_left_when_the_command_ends_by_itself() {
    run(shell("exec true 97.1234"), "test", &mut Recorder::default()).unwrap();
    assert!(gone("97.1234"));
}
