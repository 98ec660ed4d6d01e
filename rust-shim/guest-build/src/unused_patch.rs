//! Leaves one warning out of cargo's output: that a patch on its command line was not used. Where std is built from source
//! cargo looks up std's own dependencies too, applies the patch there as well, and warns of every build that way.

use crate::error::Result;
use crate::Host;

/// The lines that follow the warning's first: what to do about it.
const FOLLOWING: usize = 4;

/// Passes output on to another host, without that warning.
pub(crate) struct WithoutUnusedPatch<'a> {
    host: &'a mut dyn Host,
    line: Vec<u8>,
    skipping: usize,
}

impl<'a> WithoutUnusedPatch<'a> {
    pub fn new(host: &'a mut dyn Host) -> Self {
        Self {
            host,
            line: Vec::new(),
            skipping: 0,
        }
    }

    /// Hands over what was held back.
    pub fn finish(mut self) -> Result<()> {
        self.pass_on()
    }

    fn pass_on(&mut self) -> Result<()> {
        let line = std::mem::take(&mut self.line);
        // Of several patches there is a warning each, and what to do once.
        if is_warning(&String::from_utf8_lossy(&line)) {
            self.skipping = FOLLOWING;
            return Ok(());
        }
        if self.skipping > 0 {
            self.skipping -= 1;
            return Ok(());
        }
        match line.is_empty() {
            true => Ok(()),
            false => self.host.output(&line),
        }
    }
}

impl Host for WithoutUnusedPatch<'_> {
    fn output(&mut self, bytes: &[u8]) -> Result<()> {
        for byte in bytes {
            self.line.push(*byte);
            if *byte == b'\n' {
                self.pass_on()?;
            }
        }
        // A progress bar ends without a newline, and is shown at once.
        match self.line.last() {
            Some(b'\r') => self.pass_on(),
            _ => Ok(()),
        }
    }

    fn cancelled(&self) -> bool {
        self.host.cancelled()
    }
}

/// "warning: patch `zkhost-guest v0.1.0 (…)` was not used in the crate graph", with a capital in cargo before 1.9x.
fn is_warning(line: &str) -> bool {
    let line = line.to_lowercase();
    line.contains("patch `zkhost-") && line.contains("was not used in the crate graph")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shown(Vec<u8>);

    impl Host for Shown {
        fn output(&mut self, bytes: &[u8]) -> Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }

    #[test]
    fn the_warning_goes_and_all_else_stays_however_the_output_is_cut() {
        let text = b"   Compiling a\n\x1b[33mwarning\x1b[0m: Patch `zkhost-guest v0.1.0 (/x)` was not used in the crate \
                     graph.\nwarning: Patch `zkhost-nn v0.1.0 (/x)` was not used in the crate \
                     graph.\nhelp: Check that the patched\n  with\n  what is\n  version.\n    Finished\n  Building 1/2\r";
        let expected = "   Compiling a\n    Finished\n  Building 1/2\r";
        for size in 1..=text.len() {
            let mut shown = Shown(Vec::new());
            let mut filter = WithoutUnusedPatch::new(&mut shown);
            for part in text.chunks(size) {
                filter.output(part).unwrap();
            }
            filter.finish().unwrap();
            assert_eq!(
                String::from_utf8(shown.0).unwrap(),
                expected,
                "in parts of {size}"
            );
        }
        let mut shown = Shown(Vec::new());
        let mut filter = WithoutUnusedPatch::new(&mut shown);
        let other = b"warning: patch `fnv v1.0.7` was not used in the crate graph\nhelp: x\n";
        filter.output(other).unwrap();
        assert_eq!(shown.0, other);
    }
}
