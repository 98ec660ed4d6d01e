//! Output, handed over in bulk: words gather in a buffer on the stack and go to a sink when it is full.

use core::{hint::black_box, mem::MaybeUninit, ptr, slice};

const BUFFER_WORDS: usize = 1024;

/// So many bytes go to the sink as they lie: two more calls of it cost a guest less than copying them.
const DIRECT_BYTES: usize = 1024;

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

/// Words on their way to a sink. `start..pos` is written, `pos..end` is free.
pub(crate) struct Output<'a> {
    start: *mut u8,
    pos: *mut u8,
    end: *mut u8,
    sink: &'a mut dyn Sink,
}

impl<'a> Output<'a> {
    #[inline(always)]
    pub fn new(room: &'a mut Room, sink: &'a mut dyn Sink) -> Self {
        let range = room.0.as_mut_ptr_range();
        // The compiler must not see that this is the stack: it would address each word as base and offset.
        let start = black_box(range.start.cast());
        Self { start, pos: start, end: range.end.cast(), sink }
    }

    /// Appends a word; on a word boundary.
    #[inline(always)]
    pub fn word(&mut self, word: u32) {
        if self.pos == self.end {
            self.flush();
        }
        // SAFETY: pos is on a word boundary and before the end, which is one too.
        unsafe { self.pos.cast::<u32>().write(word) };
        // SAFETY: as above.
        self.pos = unsafe { self.pos.add(4) };
    }

    /// Appends a byte to a packed word.
    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        if self.pos == self.end {
            self.flush();
        }
        // SAFETY: pos is before the end.
        unsafe { self.pos.write(byte) };
        // SAFETY: as above.
        self.pos = unsafe { self.pos.add(1) };
    }

    /// Appends zero bytes up to the next word boundary.
    #[inline(always)]
    pub fn align(&mut self) {
        while !(self.pos as usize).is_multiple_of(4) {
            // SAFETY: the end is on a word boundary, so pos is before it.
            unsafe { self.pos.write(0) };
            // SAFETY: as above.
            self.pos = unsafe { self.pos.add(1) };
        }
    }

    /// Appends bytes as they lie in memory: past the buffer if they are many.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if rest.len() >= DIRECT_BYTES || rest.len() > self.end as usize - self.pos as usize {
            // What the buffer holds may end inside a word; a sink takes any number of bytes, the buffer only whole words.
            let over = self.pos as usize % 4;
            let (head, tail) = rest.split_at((4 - over) % 4);
            self.append(head);
            self.flush();
            let (whole, tail) = tail.split_at(tail.len() & !3);
            self.sink.write(whole);
            rest = tail;
        }
        self.append(rest);
    }

    /// Appends a word for each byte.
    pub fn wide_bytes(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.pos == self.end {
                self.flush();
            }
            let (here, later) = rest.split_at(rest.len().min((self.end as usize - self.pos as usize) / 4));
            // SAFETY: there is room for so many words, and pos is on a word boundary.
            let room = unsafe { slice::from_raw_parts_mut(self.pos.cast::<MaybeUninit<u32>>(), here.len()) };
            // SAFETY: as above.
            self.pos = unsafe { self.pos.add(4 * here.len()) };
            let widen = |words: &mut [MaybeUninit<u32>], bytes: &[u8]| {
                for (word, &byte) in words.iter_mut().zip(bytes) {
                    word.write(byte.into());
                }
            };
            // Eight at a time, which the compiler unrolls.
            let (mut word_groups, mut byte_groups) = (room.chunks_exact_mut(8), here.chunks_exact(8));
            word_groups.by_ref().zip(byte_groups.by_ref()).for_each(|(words, bytes)| widen(words, bytes));
            widen(word_groups.into_remainder(), byte_groups.remainder());
            rest = later;
        }
    }

    /// Hands over what the buffer holds.
    #[inline(always)]
    pub fn flush(&mut self) {
        hand_over(self.sink, self.start, self.pos);
        self.pos = self.start;
    }

    /// Runs `write` on an output of its own that takes this one's place and then gives it back. A loop over it can keep
    /// its position in a register, where this one's lives in memory because others point to it.
    #[inline(always)]
    pub fn apart<T>(&mut self, write: impl FnOnce(&mut Output<'_>) -> T) -> T {
        let mut inner = Output { start: self.start, pos: self.pos, end: self.end, sink: &mut *self.sink };
        let value = write(&mut inner);
        self.pos = inner.pos;
        value
    }

    #[inline(always)]
    fn append(&mut self, bytes: &[u8]) {
        // SAFETY: the callers have seen that the bytes fit between pos and the end.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.pos, bytes.len()) };
        // SAFETY: as above.
        self.pos = unsafe { self.pos.add(bytes.len()) };
    }
}

#[cold]
#[inline(never)]
fn hand_over(sink: &mut dyn Sink, start: *mut u8, pos: *mut u8) {
    // SAFETY: the one caller gives the start of its buffer and the end of what it has written.
    sink.write(unsafe { slice::from_raw_parts(start, pos as usize - start as usize) });
}
