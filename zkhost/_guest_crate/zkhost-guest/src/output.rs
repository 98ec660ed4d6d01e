//! Output, handed over in bulk: words gather in a buffer on the stack and go to a sink when it is full.

use core::{hint::black_box, mem::MaybeUninit, ptr, slice};

use crate::copy::{copy_short, widen, SHORT_BYTES};

const BUFFER_WORDS: usize = 1024;

/// So many bytes go to the sink as they lie: two more calls of it cost a guest less than copying them.
const DIRECT_BYTES: usize = 1024;

/// Room is made at once for so many numbers at most: they must be few beside the buffer, which is flushed before it is full.
const RESERVED_NUMBERS: usize = 128;

/// So many items of a sequence are written after one look at the room there is, if they are numbers.
const GROUP: usize = 8;

/// Where an encoder's words go, in order, as bytes: a whole number of words each time.
pub(crate) trait Sink {
    fn write(&mut self, bytes: &[u8]);
}

impl<F: FnMut(&[u8])> Sink for F {
    fn write(&mut self, bytes: &[u8]) {
        self(bytes);
    }
}

/// The buffer's memory; one per encoded value, on the stack.
pub(crate) struct Room([MaybeUninit<u32>; BUFFER_WORDS]);

impl Room {
    #[inline(always)]
    pub fn new() -> Self {
        Self([MaybeUninit::uninit(); BUFFER_WORDS])
    }
}

/// What is known of the room for the next number, of one or two words. Where the compiler can follow it, as it mostly
/// can, it takes no cycle.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// A number fits.
    Fits,
    /// A number did fit and was written, and nothing else was.
    Written,
    Unknown,
}

/// Words on their way to a sink. `start..pos` is written, `pos..end` is free.
pub(crate) struct Output<'a> {
    start: *mut u8,
    pos: *mut u8,
    end: *mut u8,
    next: Next,
    sink: &'a mut dyn Sink,
}

impl<'a> Output<'a> {
    #[inline(always)]
    pub fn new(room: &'a mut Room, sink: &'a mut dyn Sink) -> Self {
        let range = room.0.as_mut_ptr_range();
        // The compiler must not see that this is the stack: it would address each word as base and offset.
        let start = black_box(range.start.cast());
        Self { start, pos: start, end: range.end.cast(), next: Next::Unknown, sink }
    }

    /// Makes room for so many numbers, if they are few, and gives how many fit for certain.
    #[inline(always)]
    pub fn reserve(&mut self, numbers: usize) -> usize {
        if numbers > RESERVED_NUMBERS {
            return 0;
        }
        // Two words each, and what is left of a packed word before the first.
        if self.end as usize - (self.pos as usize) < 8 * numbers + 4 {
            self.flush();
        }
        numbers
    }

    /// Runs `write`, which is to know whether a number fits for certain. True if all it wrote is one that did.
    #[inline(always)]
    pub fn number<E>(&mut self, fits: bool, write: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<bool, E> {
        self.next = if fits { Next::Fits } else { Next::Unknown };
        let result = write(self);
        let written = self.next == Next::Written;
        self.next = Next::Unknown;
        result.map(|()| written)
    }

    /// Runs `write` for each item: in groups, as long as each is a number.
    #[inline(always)]
    pub fn each<T, E>(
        &mut self,
        mut items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let fit = self.reserve(GROUP);
            for _ in 0..fit {
                let Some(item) = items.next() else { return Ok(()) };
                if !self.number(true, |output| write(output, item))? {
                    return items.try_for_each(|item| write(self, item));
                }
            }
        }
    }

    /// Sees to it that a word, or a byte of one, fits.
    #[inline(always)]
    fn need(&mut self) {
        if self.next == Next::Fits {
            self.next = Next::Written;
            return;
        }
        self.next = Next::Unknown;
        if self.pos == self.end {
            self.flush();
        }
    }

    /// Appends two words; on a word boundary.
    #[inline(always)]
    pub fn dword(&mut self, dword: u64) {
        let both_fit = self.next == Next::Fits;
        self.word(dword as u32);
        if both_fit {
            self.next = Next::Fits;
        }
        self.word((dword >> 32) as u32);
    }

    /// Appends a word; on a word boundary.
    #[inline(always)]
    pub fn word(&mut self, word: u32) {
        self.need();
        // SAFETY: pos is on a word boundary and before the end, which is one too.
        unsafe { self.pos.cast::<u32>().write(word) };
        // SAFETY: as above.
        self.pos = unsafe { self.pos.add(4) };
    }

    /// Appends a byte to a packed word.
    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        self.need();
        // SAFETY: pos is before the end.
        unsafe { self.pos.write(byte) };
        // SAFETY: as above.
        self.pos = unsafe { self.pos.add(1) };
    }

    /// Appends zero bytes up to the next word boundary.
    #[inline(always)]
    pub fn align(&mut self) {
        if !(self.pos as usize).is_multiple_of(4) {
            // SAFETY: the end is on a word boundary, so pos is before it.
            self.pos = unsafe { pad(self.pos) };
        }
    }

    /// Appends bytes as they lie in memory; on a word boundary.
    #[inline(always)]
    pub fn bytes(&mut self, bytes: &[u8]) {
        if bytes.len() > SHORT_BYTES || bytes.len() > self.end as usize - self.pos as usize {
            return self.apart(|output| output.long_bytes(bytes));
        }
        self.next = Next::Unknown;
        // SAFETY: they fit between pos and the end.
        unsafe { append_short(bytes.as_ptr(), self.pos, bytes.len()) };
        // SAFETY: as above.
        self.pos = unsafe { self.pos.add(bytes.len()) };
    }

    /// As [`Self::bytes`], past the buffer if they are many.
    #[inline(never)]
    fn long_bytes(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if rest.len() >= DIRECT_BYTES || rest.len() > self.end as usize - self.pos as usize {
            self.flush();
            // A sink takes whole words.
            let (whole, tail) = rest.split_at(rest.len() & !3);
            self.sink.write(whole);
            rest = tail;
        }
        // SAFETY: they fit between pos and the end.
        unsafe { ptr::copy_nonoverlapping(rest.as_ptr(), self.pos, rest.len()) };
        // SAFETY: as above.
        self.pos = unsafe { self.pos.add(rest.len()) };
    }

    /// Appends a word for each byte; on a word boundary.
    #[inline(always)]
    pub fn wide_bytes(&mut self, bytes: &[u8]) {
        self.apart(|output| output.wide_bytes_inside(bytes));
    }

    /// As [`Self::wide_bytes`], of an output that is apart.
    #[inline(never)]
    fn wide_bytes_inside(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.pos == self.end {
                self.flush();
            }
            let (here, later) = rest.split_at(rest.len().min((self.end as usize - self.pos as usize) / 4));
            // SAFETY: there is room for so many words, and pos is on a word boundary.
            unsafe { widen(here.as_ptr(), self.pos.cast(), here.len()) };
            // SAFETY: as above.
            self.pos = unsafe { self.pos.add(4 * here.len()) };
            rest = later;
        }
    }

    /// Hands over all that is left; on a word boundary.
    #[inline(always)]
    pub fn finish(&mut self) {
        // SAFETY: start..pos is written.
        self.sink.write(unsafe { slice::from_raw_parts(self.start, self.pos as usize - self.start as usize) });
    }

    /// Hands over what the buffer holds, but for bytes of a word that is not full: they stay.
    #[inline(always)]
    pub fn flush(&mut self) {
        self.pos = hand_over(self.sink, self.start, self.pos);
    }

    /// Runs `write` on an output of its own that takes this one's place and then gives it back. A loop over it can keep
    /// its position in a register, where this one's lives in memory because others point to it.
    #[inline(always)]
    pub fn apart<T>(&mut self, write: impl FnOnce(&mut Output<'_>) -> T) -> T {
        let mut inner =
            Output { start: self.start, pos: self.pos, end: self.end, next: Next::Unknown, sink: &mut *self.sink };
        let value = write(&mut inner);
        self.pos = inner.pos;
        self.next = Next::Unknown;
        value
    }
}

/// Writes zero bytes up to the next word boundary and gives that. Not inlined: it would keep what asks for it from being so.
///
/// # Safety
/// The rest of the word that `pos` points into must be writable.
#[inline(never)]
unsafe fn pad(mut pos: *mut u8) -> *mut u8 {
    while !(pos as usize).is_multiple_of(4) {
        // SAFETY: by this function's contract.
        unsafe { pos.write(0) };
        // SAFETY: as above.
        pos = unsafe { pos.add(1) };
    }
    pos
}

/// As [`copy_short`]. Not inlined, for the same reason.
///
/// # Safety
/// As for [`copy_short`].
#[inline(never)]
unsafe fn append_short(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: by this function's contract.
    unsafe { copy_short(from, to, count) };
}

/// Gives where to go on writing.
#[cold]
#[inline(never)]
fn hand_over(sink: &mut dyn Sink, start: *mut u8, pos: *mut u8) -> *mut u8 {
    let over = pos as usize % 4;
    let whole = pos as usize - start as usize - over;
    // SAFETY: the one caller gives the start of its buffer and the end of what it has written.
    sink.write(unsafe { slice::from_raw_parts(start, whole) });
    if over > 0 {
        // SAFETY: as above.
        unsafe { ptr::copy(start.add(whole), start, over) };
    }
    // SAFETY: the buffer is longer than a word.
    unsafe { start.add(over) }
}
