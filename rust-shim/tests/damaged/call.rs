//! Calls through the C ABI.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::ptr::null_mut;
use std::slice;

use serde::{Deserialize, Serialize};
use zkhost_shim::{zkhost_call, zkhost_free};

#[derive(Serialize, Clone)]
#[serde(untagged)]
pub enum Value<'a> {
    Bytes(#[serde(with = "serde_bytes")] &'a [u8]),
    Text(&'a str),
    Number(i64),
    Flag(bool),
    List(Vec<Value<'a>>),
    Map(BTreeMap<&'a str, Value<'a>>),
}

pub fn map<'a, const N: usize>(pairs: [(&'a str, Value<'a>); N]) -> Value<'a> {
    Value::Map(pairs.into())
}

#[derive(Deserialize)]
pub struct ErrorFrame {
    pub kind: String,
    pub message: String,
}

/// Calls an operation with a frame: the reply, or the error's kind and message.
pub fn call_frame(operation: &str, frame: &[u8]) -> Result<Vec<u8>, ErrorFrame> {
    // In a box of just this size, a read past its end is seen.
    let frame: Box<[u8]> = frame.into();
    let operation = CString::new(operation).unwrap();
    let (mut reply, mut len) = (null_mut(), 0);
    let (place, len_place) = (&raw mut reply, &raw mut len);
    // SAFETY: a C string, a readable frame, two places to write to, and no callback.
    let status = unsafe {
        zkhost_call(
            operation.as_ptr(),
            frame.as_ptr(),
            frame.len(),
            None,
            0,
            place,
            len_place,
        )
    };
    // SAFETY: the call gave this frame, which is freed once.
    let answer = unsafe { slice::from_raw_parts(reply, len) }.to_vec();
    // SAFETY: as above.
    unsafe { zkhost_free(reply, len) };
    match status {
        0 => Ok(answer),
        1 => Err(rmp_serde::from_slice(&answer).expect("an error frame")),
        _ => panic!("status {status}"),
    }
}

pub fn call(operation: &str, request: &Value<'_>) -> Result<Vec<u8>, ErrorFrame> {
    call_frame(operation, &rmp_serde::to_vec_named(request).unwrap())
}

pub fn reply(operation: &str, request: &Value<'_>) -> Vec<u8> {
    let outcome = call(operation, request);
    outcome.unwrap_or_else(|error| fail(&error.message))
}

/// The bytes of a field of a reply.
pub fn field(reply: &[u8], name: &str) -> Vec<u8> {
    let mut fields: BTreeMap<String, serde_bytes::ByteBuf> = rmp_serde::from_slice(reply).unwrap();
    fields.remove(name).unwrap().into_vec()
}

/// Panics after saying why: the shim keeps what panics say to itself, and so out of the test's output.
#[track_caller]
pub fn fail(why: &str) -> ! {
    eprintln!("{}: {why}", std::panic::Location::caller());
    panic!("{why}")
}

#[track_caller]
pub fn check(holds: bool, why: &str) {
    if !holds {
        fail(why);
    }
}

/// Errors are of the kinds that say whose fault it is; a panic that was caught would be Internal.
#[track_caller]
pub fn no_panic(outcome: Result<Vec<u8>, ErrorFrame>) -> bool {
    if let Err(error) = &outcome {
        check(error.kind != "Internal", &error.message);
    }
    outcome.is_ok()
}
