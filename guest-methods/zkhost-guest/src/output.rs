//! Output, handed over in bulk: words gather in a buffer on the stack and go to a sink when it is full.

use core::{mem::MaybeUninit, ptr, slice};

const BUFFER_WORDS: usize = 1024;

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
        Self { start: range.start.cast(), pos: range.start.cast(), end: range.end.cast(), sink }
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
        while self.pos as usize % 4 != 0 {
            // SAFETY: the end is on a word boundary, so pos is before it.
            unsafe { self.pos.write(0) };
            // SAFETY: as above.
            self.pos = unsafe { self.pos.add(1) };
        }
    }

    /// Appends bytes as they lie in memory: past the buffer if they are many.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if rest.len() > self.end as usize - self.pos as usize {
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

    /// Hands over what the buffer holds.
    #[cold]
    #[inline(never)]
    pub fn flush(&mut self) {
        let len = self.pos as usize - self.start as usize;
        // SAFETY: start..pos is written.
        self.sink.write(unsafe { slice::from_raw_parts(self.start, len) });
        self.pos = self.start;
    }

    #[inline(always)]
    fn append(&mut self, bytes: &[u8]) {
        // SAFETY: the callers have seen that the bytes fit between pos and the end.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.pos, bytes.len()) };
        // SAFETY: as above.
        self.pos = unsafe { self.pos.add(bytes.len()) };
    }
}
