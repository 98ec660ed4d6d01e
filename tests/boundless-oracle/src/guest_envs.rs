use anyhow::Result;
use boundless_market::GuestEnv;
use serde_json::{json, Value};

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index % 251) as u8).collect()
}

/// Files around every length at which MessagePack changes its form: the first bytes, and how many there are.
pub fn written() -> Result<Vec<Value>> {
    let sizes = [0, 1, 3, 31, 32, 255, 256, 65_535, 65_536, 70_000];
    sizes
        .into_iter()
        .map(|size| {
            let encoded = GuestEnv::from_stdin(pattern(size)).encode()?;
            let head = &encoded[..encoded.len() - size];
            assert_eq!(encoded[head.len()..], pattern(size));
            Ok(json!({"size": size, "head": hex::encode(head)}))
        })
        .collect()
}

/// Files and what is read of them, null for those that are refused.
pub fn read() -> Vec<Value> {
    let key = b"\x81\xa5stdin";
    let with_key = |rest: &[u8]| [&[1], key.as_slice(), rest].concat();
    let numbers: Vec<u8> = (0..=255u8).collect();
    let wide: Vec<u8> =
        numbers.iter().flat_map(|number| if *number < 128 { vec![*number] } else { vec![0xcc, *number] }).collect();
    let files = [
        vec![],
        vec![0],
        vec![0, 1, 2, 3],
        vec![1],
        vec![2, 1, 2, 3],
        vec![255],
        with_key(&[0xc4, 0]),
        with_key(&[0xc4, 3, 1, 2, 3]),
        with_key(&[0xc4, 3, 1, 2]),
        with_key(&[0xc4]),
        with_key(&[0xc5, 0, 2, 9, 8]),
        with_key(&[0xc6, 0, 0, 0, 2, 9, 8]),
        with_key(&[0xc6, 0xff, 0xff, 0xff, 0xff, 9, 8]),
        with_key(&[0x90]),
        with_key(&[0x93, 1, 2, 0xcc, 200]),
        with_key(&[0x93, 1, 2]),
        with_key(&[0x91, 0xcd, 1, 0]),
        with_key(&[0x91, 0xff]),
        with_key(&[&[0xdc, 1, 0], wide.as_slice()].concat()),
        with_key(&[0xdd, 0, 0, 0, 1, 7]),
        with_key(&[0xdd, 0xff, 0xff, 0xff, 0xff, 7]),
        with_key(&[0xc0]),
        with_key(&[0x80]),
        [&[1], b"\x80".as_slice()].concat(),
    ];
    files
        .into_iter()
        .map(|file| {
            let stdin = GuestEnv::decode(&file).ok().map(|env| hex::encode(env.stdin));
            json!({"file": hex::encode(file), "stdin": stdin})
        })
        .collect()
}
