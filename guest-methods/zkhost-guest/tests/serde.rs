//! Both formats on this machine: against `risc0_zkvm::serde`, against the published vectors of l2r0-small-serde, and
//! over inputs that come in pieces. (Random types go against both references in tests/property/test_oracles.py.)

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use serde::{de::DeserializeOwned, ser::SerializeTuple, Deserialize, Deserializer, Serialize, Serializer};
use zkhost_guest::{from_words, packed, to_words, ErrorKind, Input};

use common::{everything, Drip, Everything, Shape};

/// Standard words are risc0's, and both formats give the value back.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let words = to_words(value).unwrap();
    assert_eq!(words, risc0_zkvm::serde::to_vec(value).unwrap());
    assert_eq!(&from_words::<T>(&words).unwrap(), value);
    assert_eq!(&packed::from_words::<T>(&packed::to_words(value).unwrap()).unwrap(), value);
}

#[test]
fn standard_words_are_those_of_risc0() {
    for len in [0, 1, 3, 4, 5, 100, 1023, 1024, 1025, 4093, 4096, 4099, 20_000] {
        check(&(everything(len), -0.5f32, f64::MAX));
        check(&vec![7u8; len]);
        check(&vec![Shape::Point(1); len]);
        check(&"x".repeat(len));
        check(&(1u8, vec![2u16; len], 3u8));
    }
    check(&vec![f64::MIN_POSITIVE, -1.5]);
    check(&vec![-1i64, i64::MIN]);
    check(&(0u8..=255).collect::<Vec<_>>().into_boxed_slice());
}

#[test]
fn packed_words_are_those_that_l2r0_publishes() {
    let mixed = (vec![0u8, 1], 8u32, 7u8, 222u8, vec![1u8, 1, 1, 1, 1], 5u8);
    assert_eq!(packed::to_words(&mixed).unwrap(), [2, 256, 8, 56839, 5, 16843009, 1281]);
    assert_eq!(packed::to_words(&(4u8, vec![5u8], 6u8)).unwrap(), [4, 1, 0x0605]);
    assert_eq!(packed::to_words(&((1u8, 2u8), (3u8, 4u8))).unwrap(), [0x04030201]);
    assert_eq!(packed::to_words(&Shape::Point(9)).unwrap(), [1, 9]);
    assert_eq!(packed::to_words(&Shape::Line(9, 1)).unwrap(), [2, 9, 1]);
    assert_eq!(packed::to_words(&Some(5u8)).unwrap(), [1, 5]);
    assert_eq!(packed::to_words(&(true, ["a", "bcdef"], false)).unwrap(), [1, 1, 0x61, 5, 0x65646362, 0x66, 0]);
}

#[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
struct WrappedU8(u8);

#[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
struct Published {
    wrapped_u8_seq: Vec<WrappedU8>,
    u16_seq: Vec<u16>,
    u32_seq: Vec<u32>,
    u64_seq: Vec<u64>,
    i8_seq: Vec<i8>,
    i16_seq: Vec<i16>,
    i32_seq: Vec<i32>,
    i64_seq: Vec<i64>,
    u8: u8,
    bool: bool,
    some_u16: Option<u16>,
    none_u32: Option<u32>,
    string_seq: Vec<u8>,
    string_seq_seq: Vec<Vec<u8>>,
}

#[test]
fn the_published_struct() {
    let value = Published {
        wrapped_u8_seq: vec![WrappedU8(1), WrappedU8(231), WrappedU8(123)],
        u16_seq: vec![124, 41374],
        u32_seq: vec![14710471, 3590275702, 1, 2],
        u64_seq: vec![352905235952532, 2147102974910410],
        i8_seq: vec![-1, 120, -22],
        i16_seq: vec![-7932],
        i32_seq: vec![-4327, 35207277],
        i64_seq: vec![-1, 1],
        u8: 3,
        bool: true,
        some_u16: Some(5),
        none_u32: None,
        string_seq: b"Here is a string.".to_vec(),
        string_seq_seq: vec![b"string a".to_vec(), b"34720471290497230".to_vec()],
    };
    let words = [
        3u32, 8120065, 2, 124, 41374, 4, 14710471, 3590275702, 1, 2, 2, 658142100, 82167, 1578999754, 499911, 3,
        4294967295, 120, 4294967274, 1, 4294959364, 2, 4294962969, 35207277, 2, 4294967295, 4294967295, 1, 0, 259, 1,
        5, 0, 17, 1701995848, 544434464, 1953701985, 1735289202, 46, 2, 8, 1769108595, 1629513582, 17, 842478643,
        825701424, 875575602, 858928953, 48,
    ];
    assert_eq!(packed::to_words(&value).unwrap(), words);
    assert_eq!(packed::from_words::<Published>(&words).unwrap(), value);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(u8, Option<Box<Chain>>);

#[test]
fn depth_has_no_limit_at_256() {
    let mut chain = Chain(0, None);
    for depth in 1..600u32 {
        chain = Chain(depth as u8, Some(Box::new(chain)));
    }
    check(&chain);
}

/// What a caller's own Deserialize makes of bytes is not taken for a plain `Vec<u8>`, though its value is one.
#[derive(Debug, PartialEq)]
struct Doubled(Vec<u8>);

impl<'de> Deserialize<'de> for Doubled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut access: A) -> Result<Vec<u8>, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = access.next_element::<u8>()? {
                    bytes.push(byte * 2);
                }
                Ok(bytes)
            }
        }
        deserializer.deserialize_seq(Visitor).map(Doubled)
    }
}

#[test]
fn other_visitors_are_left_alone() {
    assert_eq!(from_words::<Doubled>(&[3, 1, 2, 3]).unwrap(), Doubled(vec![2, 4, 6]));
    assert_eq!(packed::from_words::<Doubled>(&[3, 0x030201]).unwrap(), Doubled(vec![2, 4, 6]));
}

/// An item that is sometimes one number and sometimes more or nothing.
#[derive(Serialize)]
#[serde(untagged)]
enum Mixed {
    Byte(u8),
    Long(u64),
    Longer(u128),
    Maybe(Option<Option<u8>>),
    Text(String),
    Key([u8; 32]),
    Pair(WrappedU8, u16),
    Nothing(()),
}

/// Says that it has so many elements, and has another number of them.
struct Liar(usize, usize);

impl Serialize for Liar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0)?;
        (0..self.1).try_for_each(|index| tuple.serialize_element(&(index as u8)))?;
        tuple.end()
    }
}

#[test]
fn numbers_that_are_written_in_groups_fit() {
    let some = |len: usize| {
        let item = |index: usize| match index * 7 % 11 {
            0 => Mixed::Long(u64::MAX - index as u64),
            1 => Mixed::Longer(index as u128),
            2 => Mixed::Maybe([None, Some(None), Some(Some(3))][index % 3]),
            3 => Mixed::Text("x".repeat(index % 50)),
            4 => Mixed::Key([index as u8; 32]),
            5 => Mixed::Pair(WrappedU8(1), 2),
            6 => Mixed::Nothing(()),
            _ => Mixed::Byte(index as u8),
        };
        (0..len).map(item).collect::<Vec<_>>()
    };
    for len in (0..40).chain(985..1035) {
        let before: Vec<_> = (0..len).map(|index| WrappedU8(index as u8)).collect();
        check(&(before, [1u8; 31], 2u8, (3u64, 4u8, 5u64), [(6u8, 7u32); 20]));
        check(&(vec![1u16; len], [u64::MAX; 32], vec![(1u8, 2u8); len], "é".repeat(len % 30), "text".repeat(len % 9)));
        let mixed = ((0..len).map(|_| Mixed::Byte(1)).collect::<Vec<_>>(), some(len), [Mixed::Byte(9), Mixed::Long(8)]);
        assert_eq!(to_words(&mixed).unwrap(), risc0_zkvm::serde::to_vec(&mixed).unwrap());
    }
    for (said, had) in [(3, 5000), (5000, 3), (128, 129), (129, 128), (0, 1)] {
        let liar = Liar(said, had);
        assert_eq!(to_words(&liar).unwrap(), (0..had).map(|index| u32::from(index as u8)).collect::<Vec<_>>());
        let mut bytes: Vec<_> = (0..had).map(|index| index as u8).collect();
        bytes.resize(had.next_multiple_of(4), 0);
        assert_eq!(bytes_of(&packed::to_words(&liar).unwrap()), bytes);
    }
}

#[test]
fn errors_say_what_is_wrong() {
    fn kind<T: DeserializeOwned + Debug>(words: &[u32]) -> ErrorKind {
        from_words::<T>(words).unwrap_err().kind().clone()
    }
    assert_eq!(kind::<u64>(&[1]), ErrorKind::End);
    assert_eq!(kind::<bool>(&[2]), ErrorKind::Bool(2));
    assert_eq!(kind::<Option<u8>>(&[7]), ErrorKind::OptionTag(7));
    assert_eq!(kind::<char>(&[0xd800]), ErrorKind::Char(0xd800));
    assert_eq!(kind::<String>(&[1, 0xff]), ErrorKind::Utf8);
    assert_eq!(kind::<String>(&[40, 0x61616161, 0, 0, 0, 0, 0, 0, 0, 0, 0xff]), ErrorKind::Utf8);
    // What fills the last word up is not looked at.
    assert_eq!(from_words::<String>(&[1, 0xffffff61]).unwrap(), "a");
    assert!(matches!(kind::<u8>(&[256]), ErrorKind::Custom(message) if message.contains("256")));
    assert!(matches!(kind::<Shape>(&[4]), ErrorKind::Custom(_)));
    for words in [&[u32::MAX][..], &[u32::MAX, 1, 2], &[1 << 30, 1]] {
        assert_eq!(kind::<Vec<u8>>(words), ErrorKind::End);
        assert_eq!(kind::<Vec<u64>>(words), ErrorKind::End);
        assert_eq!(kind::<String>(words), ErrorKind::End);
        assert_eq!(kind::<Vec<Shape>>(words), ErrorKind::End);
    }
    let padding = packed::from_words::<(u8, u32)>(&[0x0101, 1]).unwrap_err();
    assert_eq!(padding.kind(), &ErrorKind::Padding);

    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_seq(None).map(|_| unreachable!())
        }
    }
    assert_eq!(to_words(&Endless).unwrap_err().kind(), &ErrorKind::UnknownLength);
}

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn reads_of_all_kinds_come_in_order() {
    for len in [0, 1, 2, 3, 1000, 4090, 9001] {
        let value = everything(len);
        let mut bytes = bytes_of(&to_words(&value).unwrap());
        bytes.extend(b"odd");
        bytes.extend(bytes_of(&packed::to_words(&value).unwrap()));
        bytes.extend((0..len).map(|index| index as u8));
        bytes.extend(bytes_of(&packed::to_words(&(1u8, vec![2u8; len])).unwrap()));
        bytes.extend(bytes_of(&to_words(&5u64).unwrap()));
        bytes.extend(b"the end");
        for step in [1, 2, 3, 5, 64, 4095, 4096, 100_000] {
            let mut input = Input::new(Drip::new(bytes.clone(), step));
            assert_eq!(input.read::<Everything>().unwrap(), value, "{len} {step}");
            let mut odd = [0; 3];
            assert_eq!(input.read_slice(&mut odd), 3);
            assert_eq!(&odd, b"odd");
            assert_eq!(input.read_packed::<Everything>().unwrap(), value);
            let mut raw = vec![0; len];
            assert_eq!(input.read_slice(&mut raw), len);
            assert!(raw.iter().enumerate().all(|(index, &byte)| byte == index as u8));
            assert_eq!(input.read_packed::<(u8, Vec<u8>)>().unwrap(), (1, vec![2; len]));
            assert_eq!(input.read::<u64>().unwrap(), 5);
            assert_eq!(input.position(), bytes.len() - 7);
            assert_eq!(input.read_to_end(), b"the end");
            assert_eq!(input.position(), bytes.len());
            assert_eq!(input.read::<u8>().unwrap_err().kind(), &ErrorKind::End);
            assert_eq!(input.read_slice(&mut [0]), 0);
        }
    }
}

type Collections = (BTreeMap<String, Vec<u8>>, BTreeSet<u16>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sorted {
    #[serde(deserialize_with = "zkhost_guest::sorted_map")]
    map: BTreeMap<String, Vec<u8>>,
    #[serde(deserialize_with = "zkhost_guest::sorted_set")]
    set: BTreeSet<u16>,
}

/// Whatever the order of the entries, and of two with one key the last.
#[test]
fn what_is_built_at_once_is_what_insertions_make() {
    for len in [0usize, 1, 2, 11, 12, 500] {
        let ordered: Vec<(String, Vec<u8>)> = (0..len).map(|i| (format!("{i:04}"), vec![i as u8; i % 5])).collect();
        let mut mixed = ordered.clone();
        mixed.reverse();
        mixed.extend((0..len / 2).map(|i| (format!("{:04}", i * 2), vec![0xff])));
        mixed.rotate_left(len / 3);
        for entries in [ordered, mixed] {
            // A map is its length and its entries, as a sequence of pairs is.
            let numbers: Vec<u16> = entries.iter().map(|(key, _)| key.parse().unwrap()).collect();
            let words = to_words(&(&entries, &numbers)).unwrap();
            let (map, set) = from_words::<Collections>(&words).unwrap();
            assert_eq!(from_words::<Sorted>(&words).unwrap(), Sorted { map, set });
            let words = packed::to_words(&(&entries, &numbers)).unwrap();
            let (map, set) = packed::from_words::<Collections>(&words).unwrap();
            assert_eq!(packed::from_words::<Sorted>(&words).unwrap(), Sorted { map, set });
        }
    }
    assert_eq!(from_words::<Sorted>(&[u32::MAX, 0, 0]).unwrap_err().kind(), &ErrorKind::End);
    assert_eq!(from_words::<Sorted>(&[0, 1 << 30, 0]).unwrap_err().kind(), &ErrorKind::End);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Message<'a> {
    number: u8,
    subject: &'a str,
    #[serde(serialize_with = "byte_string")]
    body: &'a [u8],
    sender: String,
    #[serde(borrow)]
    words: Vec<&'a str>,
}

fn byte_string<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

#[test]
fn what_is_borrowed_stays_whatever_is_read_after_it() {
    for len in [0, 1, 3, 100, 511, 512, 1000, 4090, 4096, 9001] {
        let body: Vec<u8> = (0..len).map(|index| (index * 7) as u8).collect();
        let subject = "zkhost é".repeat(len / 9);
        let words: Vec<_> = (0..len / 3).map(|index| &subject[..9 * (index % 7).min(len / 9)]).collect();
        let message = Message { number: 7, subject: &subject, body: &body, sender: "x".repeat(len % 40), words };
        let mut bytes = Vec::new();
        for _ in 0..3 {
            bytes.extend(bytes_of(&to_words(&message).unwrap()));
            bytes.extend(b"odd");
            bytes.extend(bytes_of(&packed::to_words(&message).unwrap()));
            bytes.extend(bytes_of(&to_words(&everything(len)).unwrap()));
        }
        for step in [1, 2, 3, 5, 64, 4095, 4096, 100_000] {
            let mut input = Input::new(Drip::new(bytes.clone(), step));
            let mut found: Vec<Message> = Vec::new();
            for _ in 0..3 {
                found.push(input.read_borrowed().unwrap());
                assert_eq!(input.read_slice(&mut [0; 3]), 3);
                found.push(input.read_packed_borrowed().unwrap());
                assert_eq!(input.read::<Everything>().unwrap(), everything(len));
            }
            assert_eq!(input.position(), bytes.len());
            drop(input);
            assert!(found.iter().all(|one| *one == message), "{len} {step}");
        }
    }
}

#[test]
fn borrowed_text_is_utf8_and_only_a_borrowed_read_lends() {
    let mut input = Input::new(Drip::new(bytes_of(&[1, 0xff]), 100));
    assert_eq!(input.read_borrowed::<&str>().unwrap_err().kind(), &ErrorKind::Utf8);
    let mut input = Input::new(Drip::new(bytes_of(&[900, 1, 2]), 100));
    assert_eq!(input.read_borrowed::<&str>().unwrap_err().kind(), &ErrorKind::End);
    // A visitor of borrowed text that meets input which is not lent gets text of its own.
    assert_eq!(from_words::<std::borrow::Cow<str>>(&[1, 0x61]).unwrap(), "a");
}

#[test]
fn every_cut_input_is_an_error() {
    let value = everything(9);
    for (words, is_packed) in [(to_words(&value).unwrap(), false), (packed::to_words(&value).unwrap(), true)] {
        let bytes = bytes_of(&words);
        for cut in 0..bytes.len() {
            let mut input = Input::new(Drip::new(bytes[..cut].to_vec(), 7));
            let found = if is_packed { input.read_packed::<Everything>() } else { input.read::<Everything>() };
            assert_eq!(found.unwrap_err().kind(), &ErrorKind::End, "{cut}");
            // What could not be used is still there, and no byte is counted twice.
            let position = input.position();
            let rest = input.read_to_end();
            assert_eq!(position + rest.len(), cut);
            assert_eq!(rest, bytes[position..cut]);
        }
    }
}

#[test]
fn a_word_that_is_no_byte_is_named_by_its_end() {
    for (len, bad) in [(32, 0), (32, 31), (2000, 0), (2000, 1), (2000, 1500), (2000, 1999)] {
        let words: Vec<u32> = (0..len).map(|index| if index == bad { 256 } else { 255 }).collect();
        let mut input = Input::new(Drip::new(bytes_of(&words), 100_000));
        let at = if len == 32 {
            assert!(matches!(input.read::<[u8; 32]>().unwrap_err().kind(), ErrorKind::Custom(_)));
            input.position()
        } else {
            let framed = [&[len as u32][..], &words].concat();
            input = Input::new(Drip::new(bytes_of(&framed), 100_000));
            assert!(matches!(input.read::<Vec<u8>>().unwrap_err().kind(), ErrorKind::Custom(_)));
            input.position() - 4
        };
        assert_eq!(at, 4 * (bad + 1));
    }
}

#[test]
fn what_fills_up_the_last_packed_word_must_be_zero() {
    let mut input = Input::new(Drip::new(vec![1, 1, 0, 0], 4));
    assert_eq!(input.read_packed::<u8>().unwrap_err().kind(), &ErrorKind::Padding);
}
