//! Input, taken in bulk: a buffer that a decoder reads from memory and that is filled again when it runs out.

use alloc::{boxed::Box, vec, vec::Vec};
use core::{
    ptr::{self, NonNull},
    slice,
};

/// The buffer's size. One system call costs a guest about as much as reading 1 KiB, so this makes calls cheap, and it
/// is small enough that long byte strings mostly go straight to where they belong.
const BUFFER_BYTES: usize = 4096;

/// What is taken ahead at first, and after a long read past the buffer: often another length, and bytes that are better
/// read past the buffer too than copied from it.
const FIRST_BYTES: usize = 32;

/// So many bytes are read straight to their place: copying fewer costs a guest less than the two calls that takes.
pub(crate) const DIRECT_BYTES: usize = 512;

/// How much memory a length word of the input may claim before any of what it promises has come.
pub(crate) const TRUSTED_BYTES: usize = 16 << 20;

/// Where the bytes of an [`Input`] come from.
pub trait Source {
    /// Fills `into` from its start and gives the number of bytes; 0 is the end.
    fn read(&mut self, into: &mut [u8]) -> usize;
}

/// Words in memory, waiting to be decoded: `pos..end`, a whole number of words when `pos` is on a word boundary.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub pos: NonNull<u8>,
    pub end: NonNull<u8>,
}

impl Window {
    pub fn over(words: &[u32]) -> Self {
        let start = NonNull::from(words).cast::<u8>();
        // SAFETY: the end of the slice.
        Self { pos: start, end: unsafe { start.add(size_of_val(words)) } }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.end.as_ptr() as usize - self.pos.as_ptr() as usize
    }
}

/// What a decoder asks when its window is used up. Both calls leave every earlier window's memory in place.
pub(crate) trait Refill {
    /// The next window, of at least one word; None at the end of the input.
    fn refill(&mut self) -> Option<Window>;

    /// Reads what follows the window straight into `out`, a whole number of words, and gives the number of bytes.
    fn read_past(&mut self, out: &mut [u8]) -> usize;

    /// Whether strings are lent instead of copied. If so, and the string is `at_hand`, the memory of the present window
    /// stays as it is for good.
    fn lend(&mut self, _at_hand: bool) -> bool {
        false
    }
}

/// Nothing follows: for words that lie in memory already.
pub(crate) struct Nothing;

impl Refill for Nothing {
    fn refill(&mut self) -> Option<Window> {
        None
    }

    fn read_past(&mut self, _out: &mut [u8]) -> usize {
        0
    }
}

/// A stream of input with a buffer: reads through it come in order, whatever their kind. What it has taken from its
/// source and not given out is lost to others who read the same source.
pub struct Input<S> {
    source: S,
    buffer: NonNull<[u32]>,
    window: Window,
    /// Bytes in the buffer after the window, too few for a word.
    tail: usize,
    /// How many bytes the buffer holds when it is filled next.
    ahead: usize,
    /// Strings are lent, out of the buffer where that can be.
    lends: bool,
    /// Some of the buffer is lent, or there is none yet: it is neither written to nor freed.
    lent: bool,
    /// Where in the input the buffer's first byte lies.
    offset: usize,
}

impl<S: Source> Input<S> {
    /// An input with nothing read yet.
    pub const fn new(source: S) -> Self {
        let nothing = NonNull::<u32>::dangling();
        let window = Window { pos: nothing.cast(), end: nothing.cast() };
        let buffer = NonNull::slice_from_raw_parts(nothing, 0);
        Self { source, buffer, window, tail: 0, ahead: FIRST_BYTES, lends: false, lent: true, offset: 0 }
    }

    /// The number of bytes given out so far.
    pub fn position(&self) -> usize {
        self.offset + self.window.pos.as_ptr() as usize - self.start().as_ptr() as usize
    }

    /// Fills `out` from its start and gives the number of bytes; less than asked for only at the end.
    pub fn read_slice(&mut self, out: &mut [u8]) -> usize {
        let mut done = self.take(out);
        if out.len() - done >= DIRECT_BYTES {
            let count = fill(&mut self.source, &mut out[done..]);
            self.offset += count;
            self.ahead = FIRST_BYTES;
            done += count;
        }
        while done < out.len() && self.take_more() > 0 {
            done += self.take(&mut out[done..]);
        }
        done
    }

    /// All that is left.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut out = vec![0; BUFFER_BYTES];
        let mut len = 0;
        loop {
            let count = self.read_slice(&mut out[len..]);
            len += count;
            if len < out.len() {
                out.truncate(len);
                return out;
            }
            out.resize(len * 2, 0);
        }
    }

    /// The window, moved to a word boundary if bytes were read up to the middle of a word.
    pub(crate) fn aligned_window(&mut self) -> Window {
        if !(self.window.pos.as_ptr() as usize).is_multiple_of(4) {
            let rest = self.pending();
            self.offset = self.position();
            self.keep(self.window.pos, rest);
            self.hold(rest);
        }
        self.window
    }

    /// Runs `decode` with strings lent for good. What is lent costs no copy, so a whole buffer is taken ahead.
    pub(crate) fn lending<T>(&mut self, decode: impl FnOnce(&mut Self) -> T) -> T {
        if self.pending() == 0 {
            self.ahead = BUFFER_BYTES;
        }
        self.lends = true;
        let value = decode(self);
        self.lends = false;
        value
    }

    /// Takes back the window a decoder has read from, unless it is one from before a refill that found nothing.
    pub(crate) fn set_window(&mut self, window: Window) {
        if window.end == self.window.end {
            self.window = window;
        }
    }

    fn start(&self) -> NonNull<u8> {
        self.buffer.cast()
    }

    fn pending(&self) -> usize {
        self.window.len() + self.tail
    }

    /// Moves `count` bytes of the buffer to its start: to that of a new one, if some of this one is lent.
    fn keep(&mut self, from: NonNull<u8>, count: usize) {
        if self.lent {
            self.buffer = NonNull::from(Box::leak(vec![0; BUFFER_BYTES / 4].into_boxed_slice()));
            self.lent = false;
        }
        if count > 0 {
            // SAFETY: so many bytes lie in the buffer or the one before, which is leaked, and fit into one.
            unsafe { ptr::copy(from.as_ptr(), self.start().as_ptr(), count) };
        }
    }

    /// Copies what is pending to `out`, as far as both go.
    fn take(&mut self, out: &mut [u8]) -> usize {
        let count = self.pending().min(out.len());
        // SAFETY: pending() bytes from pos on lie in the buffer.
        out[..count].copy_from_slice(unsafe { slice::from_raw_parts(self.window.pos.as_ptr(), count) });
        let from_tail = count.saturating_sub(self.window.len());
        // SAFETY: as above.
        self.window.pos = unsafe { self.window.pos.add(count) };
        if from_tail > 0 {
            self.tail -= from_tail;
            self.window.end = self.window.pos;
        }
        count
    }

    /// Makes the buffer's first `total` bytes what is pending.
    fn hold(&mut self, total: usize) {
        let start = self.start();
        // SAFETY: total is at most the buffer's size.
        self.window = Window { pos: start, end: unsafe { start.add(total & !3) } };
        self.tail = total & 3;
    }

    #[inline(never)]
    /// Fills the buffer again, once the window is used up, and gives the number of bytes then pending.
    fn take_more(&mut self) -> usize {
        self.offset += self.window.end.as_ptr() as usize - self.start().as_ptr() as usize;
        let tail = self.tail;
        self.keep(self.window.end, tail);
        // SAFETY: the buffer is this Input's own and no other reference to it exists, as none of it is lent; windows are
        // raw pointers.
        let bytes = unsafe { slice::from_raw_parts_mut(self.start().as_ptr(), self.ahead) };
        self.ahead = BUFFER_BYTES;
        let total = tail + self.source.read(&mut bytes[tail..]);
        self.hold(total);
        total
    }
}

impl<S: Source> Refill for Input<S> {
    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> Option<Window> {
        loop {
            let before = self.tail;
            let total = self.take_more();
            if total >= 4 {
                return Some(self.window);
            }
            if total == before {
                return None;
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn read_past(&mut self, out: &mut [u8]) -> usize {
        let tail = self.tail;
        if tail > 0 {
            // SAFETY: the tail's bytes lie in the buffer after the window.
            out[..tail].copy_from_slice(unsafe { slice::from_raw_parts(self.window.end.as_ptr(), tail) });
        }
        let total = tail + fill(&mut self.source, &mut out[tail..]);
        self.tail = 0;
        self.ahead = FIRST_BYTES;
        self.offset += total;
        total
    }

    fn lend(&mut self, at_hand: bool) -> bool {
        self.lent |= self.lends && at_hand;
        self.lends
    }
}

impl<S> Drop for Input<S> {
    fn drop(&mut self) {
        if !self.lent {
            // SAFETY: made by Box::leak, dropped once, and not lent.
            drop(unsafe { Box::from_raw(self.buffer.as_ptr()) });
        }
    }
}

/// Reads until `out` is full or the source has ended.
fn fill(source: &mut impl Source, out: &mut [u8]) -> usize {
    let mut total = 0;
    while total < out.len() {
        let count = source.read(&mut out[total..]);
        if count == 0 {
            break;
        }
        total += count;
    }
    total
}
