//! What a caller passes may be anything: damaged frames, programs and receipts through the C ABI give a reply or an error
//! frame, never a crash. `make asan` runs this where every access to memory is looked at.

mod call;
mod damage;
#[path = "../../../guest-methods/zkhost-guest/tests/common/random.rs"]
mod random;
mod sample;

use risc0_zkvm::sha::Digestible;
use risc0_zkvm::{Digest, Receipt};

use call::{call, call_frame, check, field, map, no_panic, reply, Value};
use random::{rounds, Random};
use sample::{converted, elf, image_id, is_large, requests, segment_receipt, session, RECEIPT};

fn receipt_request<'a>(receipt: &'a [u8], image_id: &'a [u8], format: &'a str) -> Value<'a> {
    map([
        ("receipt", Value::Bytes(receipt)),
        ("image_id", Value::Bytes(image_id)),
        ("format", Value::Text(format)),
        ("from", Value::Text(format)),
        ("to", Value::Text("bincode")),
        ("allow_fake", Value::Flag(true)),
    ])
}

fn session_request<'a>(session: &'a [u8], segment: &'a [u8]) -> Value<'a> {
    map([
        ("session", Value::Bytes(session)),
        ("segment_receipts", Value::List(vec![Value::Bytes(segment)])),
    ])
}

#[test]
fn damaged_receipts() {
    let (id, mut random, rounds) = (image_id(), Random(1), rounds());
    for format in ["bincode", "borsh", "json"] {
        let whole = converted(format);
        reply("verify", &receipt_request(&whole, &id, format));
        let mut decoded = 0;
        for round in 0..rounds / 3 + 1 {
            let receipt = random.damage(&whole);
            if receipt == whole {
                continue;
            }
            let operation = ["verify", "verify_integrity", "receipt_convert"][round % 3];
            let request = receipt_request(&receipt, &id, format);
            if no_panic(call("receipt_inspect", &request)) {
                decoded += 1;
                let accepted = no_panic(call(operation, &request));
                let proved =
                    !accepted || operation != "verify" || same_proof(&receipt, &id, format);
                check(proved, "a damaged receipt was verified");
            }
        }
        check(
            0 < decoded && decoded < rounds / 3,
            &format!("{decoded} were taken"),
        );
    }
}

/// Whether a receipt has the seal, claim and journal of the one it was made of: index and verifier parameters of a segment,
/// which risc0 does not look at, and JSON's ways of writing may differ.
fn same_proof(receipt: &[u8], id: &[u8], format: &str) -> bool {
    let reply = reply("receipt_convert", &receipt_request(receipt, id, format));
    let [made, whole] = [&field(&reply, "receipt"), RECEIPT].map(|bytes| {
        let receipt: Receipt = bincode::deserialize(bytes).unwrap();
        let segments = &receipt.inner.composite().unwrap().segments;
        let seals: Vec<_> = segments
            .iter()
            .map(|segment| segment.seal.clone())
            .collect();
        (
            receipt.claim().unwrap().digest(),
            receipt.journal.bytes,
            seals,
        )
    });
    made == whole
}

#[test]
fn damaged_sessions_and_segment_receipts() {
    let (session, segment, mut random) = (session(), segment_receipt(), Random(2));
    let whole = reply("assemble_composite", &session_request(&session, &segment));
    check(field(&whole, "receipt") == RECEIPT, "another receipt");
    for _ in 0..rounds() / 2 {
        let damaged = random.damage(&session);
        no_panic(call("fake_receipt", &session_request(&damaged, &segment)));
        no_panic(call(
            "assemble_composite",
            &session_request(&damaged, &segment),
        ));
        no_panic(call(
            "assemble_composite",
            &session_request(&session, &random.damage(&segment)),
        ));
    }
}

#[test]
fn damaged_programs() {
    let (elf, mut random) = (elf(), Random(3));
    let made = reply("program_binary", &map([("elf", Value::Bytes(&elf))]));
    let program = field(&made, "program");
    let mut loaded = 0;
    for round in 0..rounds() {
        let (operation, name, whole) = [
            ("program_binary", "elf", &elf),
            ("image_id", "program", &program),
        ][round % 2];
        let damaged = random.damage(whole);
        if !is_large(&damaged) {
            let request = map([(name, Value::Bytes(&damaged))]);
            loaded += usize::from(no_panic(call(operation, &request)));
        }
    }
    check(
        0 < loaded && loaded < rounds(),
        &format!("{loaded} were taken"),
    );
}

/// A program that loads runs to an end of some kind, within the limit on its cycles.
#[cfg(feature = "prove")]
#[test]
fn damaged_programs_run() {
    let (elf, mut random) = (elf(), Random(5));
    let made = reply("program_binary", &map([("elf", Value::Bytes(&elf))]));
    let env = map([("session_limit", Value::Number(20_000))]);
    let run = |program: &[u8]| {
        no_panic(call(
            "execute",
            &map([("env", env.clone()), ("program", Value::Bytes(program))]),
        ))
    };
    check(run(&field(&made, "program")), "the program does not run");
    let mut ended = 0;
    let rounds = rounds() / 5;
    for _ in 0..rounds {
        let damaged = random.damage(&elf);
        if is_large(&damaged) {
            continue;
        }
        let made = call("program_binary", &map([("elf", Value::Bytes(&damaged))]));
        ended += usize::from(made.is_ok_and(|made| run(&field(&made, "program"))));
    }
    check(0 < ended && ended < rounds, &format!("{ended} ran"));
}

#[test]
fn damaged_frames() {
    let (mut random, requests) = (Random(4), requests());
    let lengths: [&[u8]; 5] = [
        b"\xc6\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        &[0x91; 100_000],
        &[0x81; 9999],
    ];
    for (operation, _) in &requests {
        for frame in lengths.iter().chain([&&b""[..]]) {
            check(
                !no_panic(call_frame(operation, frame)),
                "taken for a request",
            );
        }
    }
    for round in 0..rounds() {
        let (operation, frame) = &requests[round % requests.len()];
        no_panic(call_frame(operation, &random.damage(frame)));
    }
}

/// Where in the frame, and so in memory, a program begins makes no difference.
#[test]
fn programs_at_any_address() {
    let elf = elf();
    let program = field(
        &reply("program_binary", &map([("elf", Value::Bytes(&elf))])),
        "program",
    );
    for len in 0..16 {
        let before = "x".repeat(len);
        for (operation, name, bytes) in [
            ("image_id", "program", &program),
            ("program_binary", "elf", &elf),
        ] {
            reply(
                operation,
                &map([
                    ("before", Value::Text(&before)),
                    (name, Value::Bytes(bytes)),
                ]),
            );
        }
    }
}

/// A digest of another length than 32 bytes is refused before anything looks at it.
#[test]
fn digests_of_any_length() {
    for len in 0..100 {
        let id = vec![0; len];
        let request = map([
            ("receipt", Value::Bytes(RECEIPT)),
            ("image_id", Value::Bytes(&id)),
        ]);
        let error = call("verify", &request).expect_err("a program that was not proved");
        let expected = if len == size_of::<Digest>() {
            "ImageIDMismatch"
        } else {
            "Config"
        };
        check(error.kind == expected, &error.kind);
    }
}
