//! What is damaged: a receipt, its parts, a program, and requests.

use risc0_zkvm::Receipt;

use crate::call::{field, map, reply, Value};

/// A real receipt: a composite of one segment.
pub const RECEIPT: &[u8] = include_bytes!("../../../tests/unit/receipt/factors.bincode");
/// Where the program begins.
pub const START: u32 = 0x0020_0800;

/// A guest of a few instructions: it counts to ten, writes to memory, reads that, and halts.
pub fn elf() -> Vec<u8> {
    const CODE: [u32; 11] = [
        0x0000_0293, // li t0, 0
        0x00a0_0313, // li t1, 10
        0x0012_8293, // addi t0, t0, 1
        0xfe62_cee3, // blt t0, t1, -4
        0x0020_15b7, // lui a1, 0x201
        0x0055_a023, // sw t0, 0(a1)
        0x0005_a383, // lw t2, 0(a1)
        0x0253_83b3, // mul t2, t2, t0
        0x0000_0513, // li a0, 0: halted, exit code 0
        0x0000_0293, // li t0, 0: the call to halt
        0x0000_0073, // ecall
    ];
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let halves = |halves: &[u16]| {
        halves
            .iter()
            .flat_map(|half| half.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let code = words(&CODE);
    [
        b"\x7fELF\x01\x01\x01".to_vec(),
        vec![0; 9],
        halves(&[2, 243]),             // executable, RISC-V
        words(&[1, START, 52, 0, 0]),  // version, entry, program headers, section headers, flags
        halves(&[52, 32, 1, 0, 0, 0]), // one program header
        words(&[1, 84, START, START, code.len() as u32, 0x1000, 7, 4]), // loaded, readable, writable and executable
        code,
    ]
    .concat()
}

/// Whether loading takes long: risc0 does so word by word, for a second where the ELF asks for 100 MiB.
pub fn is_large(program: &[u8]) -> bool {
    let elf = program.windows(4).position(|bytes| bytes == b"\x7fELF");
    let size = elf.and_then(|start| program.get(start + 72..start + 76));
    size.is_some_and(|size| {
        (1 << 20..257 << 20).contains(&u32::from_le_bytes(size.try_into().unwrap()))
    })
}

pub fn image_id() -> Vec<u8> {
    use risc0_zkvm::sha::Digestible;
    let receipt: Receipt = bincode::deserialize(RECEIPT).unwrap();
    let claim = receipt.claim().unwrap();
    claim.as_value().unwrap().pre.digest().as_bytes().to_vec()
}

/// A session whose proof the receipt is, as `execute` gives it: claim, journal, assumptions.
pub fn session() -> Vec<u8> {
    let receipt: Receipt = bincode::deserialize(RECEIPT).unwrap();
    let claim = receipt.claim().unwrap().as_value().unwrap().clone();
    bincode::serialize(&(claim, receipt.journal.bytes, Vec::<()>::new())).unwrap()
}

pub fn segment_receipt() -> Vec<u8> {
    let receipt: Receipt = bincode::deserialize(RECEIPT).unwrap();
    bincode::serialize(&receipt.inner.composite().unwrap().segments[0]).unwrap()
}

pub fn converted(format: &str) -> Vec<u8> {
    let request = map([
        ("receipt", Value::Bytes(RECEIPT)),
        ("from", Value::Text("bincode")),
        ("to", Value::Text(format)),
    ]);
    field(&reply("receipt_convert", &request), "receipt")
}

/// A request for each operation that starts no process and builds nothing.
pub fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let (id, session, segment, elf) = (image_id(), session(), segment_receipt(), elf());
    let made = reply("program_binary", &map([("elf", Value::Bytes(&elf))]));
    let program = field(&made, "program");
    let text = |text| Value::List(vec![Value::Text(text)]);
    let shape = Value::List(vec![
        Value::Text("seq"),
        Value::List(vec![
            Value::Text("tuple"),
            Value::List(vec![
                text("u8"),
                text("str"),
                Value::List(vec![Value::Text("option"), text("u64")]),
            ]),
        ]),
    ]);
    let value = Value::List(vec![Value::List(vec![
        Value::Number(7),
        Value::Text("text"),
        Value::List(vec![]),
    ])]);
    let whole = map([
        ("receipt", Value::Bytes(RECEIPT)),
        ("image_id", Value::Bytes(&id)),
        ("from", Value::Text("bincode")),
        ("to", Value::Text("json")),
        ("kind", Value::Text("succinct")),
        ("session", Value::Bytes(&session)),
        (
            "segment_receipts",
            Value::List(vec![Value::Bytes(&segment)]),
        ),
        ("program", Value::Bytes(&program)),
        ("elf", Value::Bytes(&elf)),
        ("schema", shape),
        ("values", Value::List(vec![value])),
        (
            "streams",
            Value::List(vec![Value::Bytes(&[
                1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ])]),
        ),
        (
            "env",
            map([
                ("input", Value::Bytes(&[1; 16])),
                ("session_limit", Value::Number(100_000)),
            ]),
        ),
    ]);
    let frame = rmp_serde::to_vec_named(&whole).unwrap();
    let short = rmp_serde::to_vec_named(&map([
        ("schema", Value::List(vec![Value::Text("seq"), text("u8")])),
        (
            "streams",
            Value::List(vec![Value::Bytes(&[2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0])]),
        ),
        (
            "values",
            Value::List(vec![Value::List(vec![Value::Number(1)])]),
        ),
        ("receipt", Value::Bytes(b"short")),
        ("image_id", Value::Bytes(&id)),
    ]))
    .unwrap();
    [
        "image_id",
        "program_binary",
        "verify",
        "verify_integrity",
        "receipt_inspect",
        "receipt_convert",
        "receipt_prune",
        "assemble_composite",
        "fake_receipt",
        "serde_encode",
        "serde_decode",
        "execute",
        "no such operation",
    ]
    .into_iter()
    .flat_map(|operation| [(operation, frame.clone()), (operation, short.clone())])
    .collect()
}
