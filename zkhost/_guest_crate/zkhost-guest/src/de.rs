//! The decoder: one serde Deserializer for both formats, reading words and bytes from memory.
//!
//! The formats are those of `risc0_zkvm::serde` (standard) and of the crate `l2r0-small-serde` (packed). It accepts
//! and refuses what they do. The one difference in packed words, all in [`Decoder::byte`] and [`Decoder::align`]:
//! a u8 or bool comes from the unread bytes of the current word, else from a new word, and anything that starts at a
//! word needs those unread bytes to be zero. A pointer to the next byte is all the state that takes.

use alloc::{string::String, vec::Vec};
use core::mem::MaybeUninit;

use serde::de::{DeserializeSeed, IntoDeserializer, Visitor};

use crate::{
    bulk,
    copy::{copy, copy_short, narrow, SHORT_BYTES},
    error::{ErrorKind, Stop},
    input::{Refill, Window, DIRECT_BYTES},
};

/// Decodes values from a window of words and whatever refills it.
pub(crate) struct Decoder<'a, const PACKED: bool> {
    window: Window,
    more: &'a mut dyn Refill,
}

impl<'a, const PACKED: bool> Decoder<'a, PACKED> {
    pub fn new(window: Window, more: &'a mut dyn Refill) -> Self {
        Self { window, more }
    }

    /// What is left to read; the decoder's reading position.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Goes to the next word boundary, refusing non-zero bytes on the way.
    #[inline(always)]
    pub fn align(&mut self) -> Result<(), Stop> {
        if PACKED {
            let over = self.window.pos.as_ptr() as usize % 4;
            if over != 0 {
                // SAFETY: the window ends on a word boundary, so the whole word that pos points into lies in it.
                let word = unsafe { self.window.pos.sub(over).cast::<u32>().read() };
                if word >> (8 * over) != 0 {
                    return Err(ErrorKind::Padding.into());
                }
                self.skip_padding();
            }
        }
        Ok(())
    }

    /// Goes to the next word boundary, whatever the bytes on the way are.
    #[inline(always)]
    fn skip_padding(&mut self) {
        let over = (self.window.pos.as_ptr() as usize).wrapping_neg() % 4;
        // SAFETY: the window ends on a word boundary.
        self.window.pos = unsafe { self.window.pos.add(over) };
    }

    /// Makes sure that the window holds at least one byte (and so, on a word boundary, a word).
    #[inline(always)]
    fn need(&mut self) -> Result<(), Stop> {
        if self.window.pos == self.window.end {
            match self.more.refill() {
                Some(window) => self.window = window,
                None => return Err(ErrorKind::End.into()),
            }
        }
        Ok(())
    }

    #[inline(always)]
    pub fn word(&mut self) -> Result<u32, Stop> {
        self.align()?;
        self.aligned_word()
    }

    /// A word, where the one before was a word too.
    #[inline(always)]
    fn aligned_word(&mut self) -> Result<u32, Stop> {
        self.need()?;
        // SAFETY: pos is on a word boundary, and need() saw to it that the word lies in the window.
        let word = unsafe { self.window.pos.cast::<u32>().read() };
        // SAFETY: as above.
        self.window.pos = unsafe { self.window.pos.add(4) };
        Ok(word)
    }

    #[inline(always)]
    fn dword(&mut self) -> Result<u64, Stop> {
        self.align()?;
        if self.window.len() < 8 {
            return self.dword_past();
        }
        // SAFETY: pos is on a word boundary, and two words lie in the window.
        let [low, high] = unsafe { self.window.pos.cast::<[u32; 2]>().read() };
        // SAFETY: as above.
        self.window.pos = unsafe { self.window.pos.add(8) };
        Ok(u64::from(low) | u64::from(high) << 32)
    }

    /// As [`Self::dword`], on a word boundary, where the window may not hold that much.
    #[cold]
    #[inline(never)]
    fn dword_past(&mut self) -> Result<u64, Stop> {
        let low = self.aligned_word()?;
        let high = self.aligned_word()?;
        Ok(u64::from(low) | u64::from(high) << 32)
    }

    #[inline(always)]
    fn qword(&mut self) -> Result<u128, Stop> {
        let low = self.dword()?;
        let high = self.dword()?;
        Ok(u128::from(low) | u128::from(high) << 64)
    }

    /// A byte of a packed word.
    #[inline(always)]
    fn byte(&mut self) -> Result<u8, Stop> {
        self.need()?;
        // SAFETY: need() saw to it that pos lies in the window.
        let byte = unsafe { self.window.pos.read() };
        // SAFETY: as above.
        self.window.pos = unsafe { self.window.pos.add(1) };
        Ok(byte)
    }

    /// Fills `out` with the next bytes as they lie in memory.
    #[inline(always)]
    pub fn fill(&mut self, out: &mut [u8]) -> Result<(), Stop> {
        if self.window.len() < out.len() {
            return self.fill_past(out);
        }
        self.copy(out);
        Ok(())
    }

    /// As [`Self::fill`], where the window may not hold that much.
    #[cold]
    #[inline(never)]
    fn fill_past(&mut self, out: &mut [u8]) -> Result<(), Stop> {
        let mut done = self.copy(out);
        while done < out.len() {
            let whole = (out.len() - done) & !3;
            let window = if whole < DIRECT_BYTES { self.more.refill() } else { None };
            if let Some(window) = window {
                self.window = window;
                done += self.copy(&mut out[done..]);
            } else if whole > 0 && self.more.read_past(&mut out[done..done + whole]) == whole {
                done += whole;
            } else {
                return Err(ErrorKind::End.into());
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn copy(&mut self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.window.len());
        // SAFETY: count bytes from pos on lie in the window, and so many are in `out`.
        unsafe { copy(self.window.pos.as_ptr(), out.as_mut_ptr(), count) };
        // SAFETY: as above.
        self.window.pos = unsafe { self.window.pos.add(count) };
        count
    }

    /// `len` bytes and padding to the next word, lent for good by an input that does so.
    fn lend(&mut self, len: usize) -> Result<Option<&'static [u8]>, Stop> {
        let at_hand = len <= self.window.len();
        if !self.more.lend(at_hand) {
            return Ok(None);
        }
        if !at_hand {
            return Ok(Some(self.byte_string(len)?.leak()));
        }
        // SAFETY: so many bytes lie in the window, whose memory stays as it is.
        let bytes = unsafe { core::slice::from_raw_parts(self.window.pos.as_ptr(), len) };
        // SAFETY: as above.
        self.window.pos = unsafe { self.window.pos.add(len) };
        self.skip_padding();
        Ok(Some(bytes))
    }

    /// `len` bytes and padding to the next word.
    fn byte_string(&mut self, len: usize) -> Result<Vec<u8>, Stop> {
        let bytes = bulk::plain_vec::<u8, false, PACKED>(self, len)?;
        self.skip_padding();
        Ok(bytes)
    }

    /// `len` bytes of text in UTF-8 and padding to the next word. Most text is short and ASCII, which shows as it is copied.
    fn text(&mut self, len: usize) -> Result<String, Stop> {
        if len > SHORT_BYTES || len > self.window.len() {
            return self.long_text(len);
        }
        let mut bytes = Vec::with_capacity(len);
        // SAFETY: so many bytes lie in the window, and there is room for them.
        let all = unsafe { copy_short(self.window.pos.as_ptr(), bytes.as_mut_ptr(), len) };
        // SAFETY: as above.
        self.window.pos = unsafe { self.window.pos.add(len) };
        self.skip_padding();
        // SAFETY: written above.
        unsafe { bytes.set_len(len) };
        if all & HIGH_BITS == 0 {
            // SAFETY: bytes below 128 are UTF-8.
            return Ok(unsafe { String::from_utf8_unchecked(bytes) });
        }
        utf8(bytes)
    }

    /// As [`Self::text`], after the length.
    #[inline(never)]
    fn long_text(&mut self, len: usize) -> Result<String, Stop> {
        let bytes = self.byte_string(len)?;
        if is_ascii(&bytes) {
            // SAFETY: bytes below 128 are UTF-8.
            return Ok(unsafe { String::from_utf8_unchecked(bytes) });
        }
        utf8(bytes)
    }

    /// Fills `out` with bytes that take a word each.
    pub fn fill_wide(&mut self, mut out: &mut [u8]) -> Result<(), Stop> {
        while !out.is_empty() {
            self.need()?;
            let (here, rest) = out.split_at_mut(out.len().min(self.window.len() / 4));
            // SAFETY: so many words lie in the window, and outside packed words pos is on a word boundary.
            let all = unsafe { narrow(self.window.pos.as_ptr().cast(), here.as_mut_ptr(), here.len()) };
            // SAFETY: as above.
            self.window.pos = unsafe { self.window.pos.add(4 * here.len()) };
            if all > 0xff {
                return Err(self.no_byte(here.len()));
            }
            out = rest;
        }
        Ok(())
    }

    /// The bytes of so many words, each of which takes a word. Not inlined: they would then be stored inside a
    /// `Result<Option<_>>`, on no word boundary.
    #[inline(never)]
    pub fn wide_array<const WORDS: usize>(&mut self, out: &mut MaybeUninit<[u32; WORDS]>) -> Result<(), Stop> {
        if self.window.len() < 16 * WORDS {
            return self.fill_wide(bulk::bytes_of_mut(out.write([0; WORDS])));
        }
        // SAFETY: so many words lie in the window, and outside packed words pos is on a word boundary.
        let all = unsafe { narrow(self.window.pos.as_ptr().cast(), out.as_mut_ptr().cast(), 4 * WORDS) };
        // SAFETY: as above.
        self.window.pos = unsafe { self.window.pos.add(16 * WORDS) };
        if all > 0xff {
            return Err(self.no_byte(4 * WORDS));
        }
        Ok(())
    }

    /// Refuses the last `count` words, of which one is no byte, and goes back to the end of the first such one.
    #[cold]
    #[inline(never)]
    fn no_byte(&mut self, count: usize) -> Stop {
        // SAFETY: so many words were read from the window.
        let words = unsafe { core::slice::from_raw_parts(self.window.pos.cast::<u32>().sub(count).as_ptr(), count) };
        let good = words.iter().take_while(|&&word| word <= 0xff).count();
        // SAFETY: as above; at least one word is not good.
        self.window.pos = unsafe { self.window.pos.sub(4 * (count - good - 1)) };
        serde::de::Error::custom("expected bytes, found a word above 255")
    }

    /// The next bytes, so many words of them, quickly if they are whole words at hand.
    #[inline(always)]
    pub fn packed_array<const WORDS: usize>(&mut self) -> Result<[u32; WORDS], Stop> {
        if !(self.window.pos.as_ptr() as usize).is_multiple_of(4) || self.window.len() < 4 * WORDS {
            let mut words = [0; WORDS];
            return self.fill_past(bulk::bytes_of_mut(&mut words)).map(|()| words);
        }
        // SAFETY: so many words lie in the window, and pos is on a word boundary.
        let words = unsafe { self.window.pos.cast().read() };
        // SAFETY: as above.
        self.window.pos = unsafe { self.window.pos.add(4 * WORDS) };
        Ok(words)
    }

    /// Runs `visit` on a decoder of its own that takes this one's place and then gives it back. A loop over it can keep
    /// its position in registers, where this one's lives in memory because others point to it.
    #[inline(always)]
    fn apart<T>(&mut self, visit: impl FnOnce(&mut Decoder<'_, PACKED>) -> T) -> T {
        let mut inner = Decoder { window: self.window, more: &mut *self.more };
        let value = visit(&mut inner);
        self.window = inner.window;
        value
    }
}

/// In words of ASCII text none of these is set.
const HIGH_BITS: u32 = 0x8080_8080;

#[inline(never)]
fn utf8(bytes: Vec<u8>) -> Result<String, Stop> {
    String::from_utf8(bytes).map_err(|_| ErrorKind::Utf8.into())
}

fn lent_text(bytes: &[u8]) -> Result<&str, Stop> {
    if is_ascii(bytes) {
        // SAFETY: bytes below 128 are UTF-8.
        return Ok(unsafe { core::str::from_utf8_unchecked(bytes) });
    }
    core::str::from_utf8(bytes).map_err(|_| ErrorKind::Utf8.into())
}

/// Whether bytes that begin at a word, as a guest's memory does, are all below 128.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    if !(bytes.as_ptr() as usize).is_multiple_of(4) {
        return false;
    }
    let (words, tail) = bytes.as_chunks::<4>();
    // SAFETY: on a word boundary, and any four bytes are a u32.
    let words = unsafe { core::slice::from_raw_parts(words.as_ptr().cast::<u32>(), words.len()) };
    let all = words.iter().fold(0, |all, &word| all | word) | tail.iter().fold(0, |all, &byte| all | u32::from(byte));
    all & HIGH_BITS == 0
}

/// Elements of a seq, tuple or struct, or pairs of a map: `left` of them to come.
struct Elements<'b, 'a, const PACKED: bool> {
    decoder: &'b mut Decoder<'a, PACKED>,
    left: usize,
}

impl<'de, const PACKED: bool> serde::de::SeqAccess<'de> for Elements<'_, '_, PACKED> {
    type Error = Stop;

    #[inline(always)]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    #[inline(always)]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de, const PACKED: bool> serde::de::MapAccess<'de> for Elements<'_, '_, PACKED> {
    type Error = Stop;

    #[inline(always)]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        serde::de::SeqAccess::next_element_seed(self, seed)
    }

    #[inline(always)]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(&mut *self.decoder)
    }

    #[inline(always)]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de, const PACKED: bool> serde::de::EnumAccess<'de> for &mut Decoder<'_, PACKED> {
    type Error = Stop;
    type Variant = Self;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Stop> {
        let index: serde::de::value::U32Deserializer<Stop> = self.word()?.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de, const PACKED: bool> serde::de::VariantAccess<'de> for &mut Decoder<'_, PACKED> {
    type Error = Stop;

    #[inline]
    fn unit_variant(self) -> Result<(), Stop> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Stop> {
        seed.deserialize(self)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        serde::Deserializer::deserialize_tuple(self, len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Stop> {
        serde::Deserializer::deserialize_tuple(self, fields.len(), visitor)
    }
}

/// `deserialize_NAME` reads with `self.READ()` and visits with `visitor.VISIT()`.
macro_rules! numbers {
    ($($name:ident, $read:ident, $visit:ident, $as:ty;)*) => {$(
        #[inline(always)]
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            visitor.$visit(self.$read()? as $as)
        }
    )*};
}

impl<'de, const PACKED: bool> serde::Deserializer<'de> for &mut Decoder<'_, PACKED> {
    type Error = Stop;

    numbers! {
        deserialize_i8, word, visit_i32, i32;
        deserialize_i16, word, visit_i32, i32;
        deserialize_i32, word, visit_i32, i32;
        deserialize_i64, dword, visit_i64, i64;
        deserialize_i128, qword, visit_i128, i128;
        deserialize_u16, word, visit_u32, u32;
        deserialize_u32, word, visit_u32, u32;
        deserialize_u64, dword, visit_u64, u64;
        deserialize_u128, qword, visit_u128, u128;
    }

    #[inline(always)]
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if PACKED {
            visitor.visit_u8(self.byte()?)
        } else {
            visitor.visit_u32(self.word()?)
        }
    }

    #[inline(always)]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match if PACKED { u32::from(self.byte()?) } else { self.word()? } {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            found => Err(ErrorKind::Bool(found).into()),
        }
    }

    #[inline(always)]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_f32(f32::from_bits(self.word()?))
    }

    #[inline(always)]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_f64(f64::from_bits(self.dword()?))
    }

    #[inline]
    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let word = self.word()?;
        visitor.visit_char(char::from_u32(word).ok_or(ErrorKind::Char(word))?)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let len = self.word()? as usize;
        match self.lend(len)? {
            Some(bytes) => visitor.visit_borrowed_str(lent_text(bytes)?),
            None => visitor.visit_string(self.text(len)?),
        }
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let len = self.word()? as usize;
        visitor.visit_string(self.text(len)?)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let len = self.word()? as usize;
        match self.lend(len)? {
            Some(bytes) => visitor.visit_borrowed_bytes(bytes),
            None => visitor.visit_byte_buf(self.byte_string(len)?),
        }
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let len = self.word()? as usize;
        visitor.visit_byte_buf(self.byte_string(len)?)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.word()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self),
            found => Err(ErrorKind::OptionTag(found).into()),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let left = self.word()? as usize;
        if let Some(value) = bulk::seq::<V, PACKED>(self, left) {
            return value;
        }
        self.apart(|decoder| visitor.visit_seq(Elements { decoder, left }))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        if let Some(value) = bulk::array::<V, PACKED>(self, len) {
            return value;
        }
        visitor.visit_seq(Elements { decoder: self, left: len })
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_seq(Elements { decoder: self, left: len })
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let left = self.word()? as usize;
        self.apart(|decoder| visitor.visit_map(Elements { decoder, left }))
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_seq(Elements { decoder: self, left: fields.len() })
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_enum(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stop> {
        Err(ErrorKind::NotSelfDescribing.into())
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stop> {
        Err(ErrorKind::NotSelfDescribing.into())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stop> {
        Err(ErrorKind::NotSelfDescribing.into())
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
