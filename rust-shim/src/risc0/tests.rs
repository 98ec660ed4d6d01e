use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::panic::catch_unwind;
use std::thread;
use std::time::{Duration, Instant};

use risc0_zkvm::{
    ApiClient, Asset, AssetRequest, ExecutorEnv, InnerAssumptionReceipt, InnerReceipt, ProverOpts,
    Receipt,
};
use serde::de::DeserializeOwned;
use serde_json::{json, to_value};

use super::*;
use crate::session::options;
use crate::verify;

/// What a guest panics with that unwraps risc0's error of reading a `T` from these words.
fn unwrapped<T: DeserializeOwned + std::fmt::Debug>(words: &'static [u32]) -> String {
    let panic = catch_unwind(|| risc0_zkvm::serde::from_slice::<T, u32>(words).unwrap());
    *panic.unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn the_deserializer_says_that_the_input_ended() {
    let panic = unwrapped::<u32>(&[]);
    assert!(is_end_of_input(&panic), "{panic}");
    assert!(!is_end_of_input(&unwrapped::<bool>(&[2])));
}

#[test]
fn the_deserializer_says_that_words_are_not_of_the_type() {
    let panics = [
        unwrapped::<bool>(&[2]),
        unwrapped::<char>(&[0xd800]),
        unwrapped::<Option<u8>>(&[2]),
        unwrapped::<String>(&[1, 0xff]),
        unwrapped::<std::num::NonZeroU32>(&[0]),
    ];
    for panic in panics {
        assert!(is_misread(&panic), "{panic}");
    }
}

#[test]
fn the_limits_of_keccak_are_those_of_the_environment() {
    let takes = |po2| ExecutorEnv::builder().keccak_max_po2(po2).is_ok();
    let (low, high) = KECCAK_PO2;
    assert!(takes(low) && takes(high));
    assert!(!takes(low - 1) && !takes(high + 1));
}

/// A stand-in for r0vm at the address that the client starts it with: sends `replies`, each after a request, and ends
/// with `code`.
fn asked(replies: &'static [&'static [u8]], code: u8) -> anyhow::Error {
    let dir = tempfile::tempdir().unwrap();
    let port = dir.path().join("port");
    let r0vm = dir.path().join("r0vm");
    let script = format!(
        "#!/bin/sh\necho \"${PORT_ARGUMENT}\" >'{0}.new' && mv '{0}.new' '{0}'\nexit {code}\n",
        port.display()
    );
    fs::write(&r0vm, script).unwrap();
    fs::set_permissions(&r0vm, fs::Permissions::from_mode(0o700)).unwrap();
    let server = thread::spawn(move || {
        let begun = Instant::now();
        while !port.exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no port");
            thread::sleep(Duration::from_millis(5));
        }
        let port: u16 = fs::read_to_string(&port).unwrap().trim().parse().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        for reply in replies {
            let mut size = [0; 4];
            stream.read_exact(&mut size).unwrap();
            let mut request = vec![0; u32::from_le_bytes(size) as usize];
            stream.read_exact(&mut request).unwrap();
            let size = u32::try_from(reply.len()).unwrap();
            stream.write_all(&size.to_le_bytes()).unwrap();
            stream.write_all(reply).unwrap();
        }
    });
    let error = ask(&r0vm, &options().unwrap());
    server.join().unwrap();
    error
}

fn ask(r0vm: &std::path::Path, options: &ProverOpts) -> anyhow::Error {
    let client =
        ApiClient::new_sub_process_compat(r0vm, risc0_zkvm::get_version().unwrap()).unwrap();
    let segment = Asset::Inline(Vec::new().into());
    let reply = client.prove_segment(options, segment, AssetRequest::Inline);
    reply.expect_err("nothing was proved")
}

/// In risc0's api.proto: HelloReply.ok.version of major version 3 and 99.
const HELLO: &[u8] = &[0x0a, 4, 0x0a, 2, 0x08, 3];
const HELLO_99: &[u8] = &[0x0a, 4, 0x0a, 2, 0x08, 99];
/// ProveSegmentReply.error.reason "no".
const REFUSAL: &[u8] = &[0x12, 4, 0x0a, 2, b'n', b'o'];

#[test]
fn the_client_says_how_the_connection_broke() {
    assert_eq!(risc0_zkvm::get_version().unwrap().major, 3, "see HELLO");
    let missing = ask("/nonexistent/r0vm".as_ref(), &options().unwrap());
    for (error, words) in [
        (missing, "Could not launch"),
        (asked(&[], 0), "rx "),
        (asked(&[HELLO], 0), "rx "),
        (asked(&[HELLO_99], 0), "incompatible"),
        (asked(&[HELLO, REFUSAL], 3), "Child finished with"),
    ] {
        let text = format!("{error:#}");
        assert!(text.contains(words), "{words}: {text}");
        assert!(is_broken_connection(&text), "{text}");
    }
}

#[test]
fn what_r0vm_refuses_is_no_broken_connection() {
    let text = format!("{:#}", asked(&[HELLO, REFUSAL], 0));
    assert_eq!(text, "no");
    assert!(!is_broken_connection(&text));
}

#[test]
fn an_empty_archive_of_recursion_programs_is_told_by_its_error() {
    let empty = std::io::Cursor::new(&[][..]);
    let error = zip::ZipArchive::new(empty).unwrap_err();
    assert!(lacks_recursion_programs(&error.to_string()), "{error}");
}

/// A real receipt: a composite of one segment.
const RECEIPT: &[u8] = include_bytes!("../../../tests/unit/receipt/factors.bincode");

#[test]
fn a_composite_receipt_can_be_put_together_from_its_parts() {
    let receipt: Receipt = bincode::deserialize(RECEIPT).unwrap();
    let InnerReceipt::Composite(real) = &receipt.inner else {
        panic!("the sample is a composite");
    };
    let mut composite = empty_composite().unwrap();
    composite.segments = real.segments.clone();
    composite.assumption_receipts = real.assumption_receipts.clone();
    composite.verifier_parameters = real.verifier_parameters;
    let verdict = composite.verify_integrity_with_context(&verify::context());
    assert!(verdict.is_ok(), "{verdict:?}");
    let again = Receipt::new(InnerReceipt::Composite(composite), receipt.journal.bytes);
    assert_eq!(bincode::serialize(&again).unwrap(), RECEIPT);
}

/// A succinct receipt without a proof: the struct is non-exhaustive.
fn succinct(claim: MaybePruned<ReceiptClaim>) -> SuccinctReceipt<ReceiptClaim> {
    let zero = to_value(Digest::ZERO).unwrap();
    serde_json::from_value(json!({
        "seal": [1, 2, 3],
        "control_id": zero,
        "claim": to_value(claim).unwrap(),
        "hashfn": "poseidon2",
        "verifier_parameters": zero,
        "control_inclusion_proof": {"index": 0, "digests": []},
    }))
    .unwrap()
}

fn bytes(receipt: SuccinctReceipt<ReceiptClaim>) -> Vec<u8> {
    let receipt = Receipt::new(InnerReceipt::Succinct(receipt), vec![7; 5]);
    bincode::serialize(&receipt).unwrap()
}

#[test]
fn a_pruned_receipt_is_also_an_assumption_receipt() {
    let claim = ReceiptClaim::ok(Digest::ZERO, vec![7; 5]);
    let whole = succinct(MaybePruned::Value(claim.clone()));
    let mut pruned = whole.clone();
    prune(&mut pruned);
    let once = bytes(pruned.clone());

    let again: Receipt = bincode::deserialize(&once).unwrap();
    assert_eq!(again.journal.bytes, [7; 5]);
    assert_eq!(again.claim().unwrap().digest(), claim.digest());

    let inner: InnerAssumptionReceipt = bincode::deserialize(&once).unwrap();
    assert_eq!(inner.succinct().unwrap().claim.digest(), claim.digest());
    assert_eq!(inner.succinct().unwrap().seal, [1, 2, 3]);
    // Without pruning it is not.
    let unpruned = bincode::deserialize::<InnerAssumptionReceipt>(&bytes(whole));
    assert!(
        unpruned.is_err() || unpruned.unwrap().succinct().unwrap().claim.digest() != claim.digest()
    );
    // And once is enough.
    prune(&mut pruned);
    assert_eq!(bytes(pruned), once);
}

#[test]
fn what_is_not_a_summary_has_no_counts() {
    let lines = |text: &[&str]| text.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(summary::counts(&[]), None);
    assert_eq!(summary::counts(&lines(&["syscalls", "ecalls"])), None);
    let uncounted = ["ecalls", "syscalls", "\tmany Read calls"];
    assert_eq!(summary::counts(&lines(&uncounted)), None);
}

/// Runs of small guests in the real executor.
#[cfg(feature = "prove")]
mod runs {
    use risc0_binfmt::ProgramBinary;
    use risc0_circuit_recursion::prove::zkr::get_zkr;
    use risc0_zkos_v1compat::V1COMPAT_ELF;
    use risc0_zkvm::{ExecutorEnvBuilder, ExecutorImpl, NullSegmentRef, Segment, Session};
    use risc0_zkvm_platform::syscall::{nr, Syscall, SyscallName};

    use super::*;
    use crate::error::Result;
    use crate::risc0::segments::Cycles;
    use crate::{fail, guarded, logging};

    const START: u32 = 0x0020_0800;
    /// Where a guest's code ends and its data begins.
    const DATA: u32 = START + 0x100;
    /// Where a call's answer of one word goes.
    const BUFFER: u32 = START + 0x800;
    const SOFTWARE_CALL: u32 = 2;
    const T0: u32 = 5;
    const T1: u32 = 6;
    const A0: u32 = 10;
    const T6: u32 = 31;
    const ECALL: u32 = 0x73;
    /// "Jump to here."
    const LOOP: u32 = 0x6f;

    /// Loads a number into a register: lui, then addi, which extends its 12 bits by their sign.
    fn load(register: u32, value: u32) -> [u32; 2] {
        let high = value.wrapping_add(0x800) & 0xffff_f000;
        let low = value & 0xfff;
        [
            high | register << 7 | 0x37,
            low << 20 | register << 15 | register << 7 | 0x13,
        ]
    }

    /// The program binary of a guest that sets registers, then goes on with `last`; `data` stands at DATA.
    fn program(registers: &[(u32, u32)], last: &[u32], data: &[u8]) -> Vec<u8> {
        let mut code: Vec<u32> = registers
            .iter()
            .flat_map(|&(register, value)| load(register, value))
            .collect();
        code.extend(last);
        let mut image = words(&code);
        assert!(image.len() <= 0x100);
        image.resize(0x100, 0);
        image.extend(data);
        let elf = [
            b"\x7fELF\x01\x01\x01".to_vec(),
            vec![0; 9],
            vec![2, 0, 243, 0],                         // executable, RISC-V
            words(&[1, START, 52, 0, 0]), // version, entry, program headers, section headers, flags
            vec![52, 0, 32, 0, 1, 0, 0, 0, 0, 0, 0, 0], // one program header
            words(&[1, 84, START, START, image.len() as u32, 0x1000, 7, 4]), // loaded, all access
            image,
        ];
        ProgramBinary::new(&elf.concat(), V1COMPAT_ELF).encode()
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// A guest that makes the system call `name` with two numbers; `argument` stands behind the name.
    fn calling(
        call: Syscall,
        name: &str,
        numbers: impl Fn(u32) -> [u32; 2],
        argument: &[u8],
    ) -> Vec<u8> {
        let mut data = name.as_bytes().to_vec();
        data.resize((data.len() + 1).next_multiple_of(4), 0);
        let [a3, a4] = numbers(DATA + data.len() as u32);
        data.extend(argument);
        let registers = [
            (T0, SOFTWARE_CALL),
            (T6, usize::from(call) as u32),
            (A0, BUFFER),
            (A0 + 1, 4),
            (A0 + 2, DATA),
            (A0 + 3, a3),
            (A0 + 4, a4),
        ];
        program(&registers, &[ECALL, LOOP], &data)
    }

    fn own_call(
        call: Syscall,
        name: SyscallName,
        numbers: impl Fn(u32) -> [u32; 2],
        argument: &[u8],
    ) -> Vec<u8> {
        calling(call, name.as_str(), numbers, argument)
    }

    /// A guest that counts to `turns` and halts.
    fn counting(turns: u32) -> Vec<u8> {
        let count = [
            0xfff3_0313, // addi t1, t1, -1
            0xfe03_1ee3, // bnez t1, -4
            0x0000_0513, // li a0, 0: halted, exit code 0
            0x0000_0293, // li t0, 0: the call to halt
            ECALL,
        ];
        program(&[(T1, turns), (A0 + 1, DATA)], &count, &[0; 32])
    }

    fn session(
        program: &[u8],
        prepare: impl FnOnce(&mut ExecutorEnvBuilder<'_>),
        mut take: impl FnMut(Segment) + Send,
    ) -> Result<Session> {
        let mut env = ExecutorEnv::builder();
        prepare(env.session_limit(Some(1 << 20)));
        let mut executor = ExecutorImpl::from_elf(env.build().unwrap(), program).unwrap();
        guarded(|| {
            executor
                .run_with_callback(|segment| {
                    take(segment);
                    Ok(Box::new(NullSegmentRef))
                })
                .map_err(|error| fail!(GuestFault, "{}", error.root_cause()))
        })
    }

    /// What stopped the run of a guest, as `guest_error` reads it.
    fn stopped(program: &[u8]) -> String {
        session(program, |_| (), |_| ())
            .err()
            .expect("it does not halt")
            .message
    }

    #[test]
    fn a_panic_is_quoted() {
        let text = b"out of luck";
        let panic = own_call(
            Syscall::Panic,
            nr::SYS_PANIC,
            |at| [at, text.len() as u32],
            text,
        );
        assert_eq!(guest_panic(&stopped(&panic)), Some("out of luck"));
    }

    #[test]
    fn the_session_limit_is_named() {
        let cause = stopped(&program(&[], &[LOOP], &[]));
        assert!(is_session_limit(&cause), "{cause}");
    }

    #[test]
    fn a_missing_assumption_is_named_by_its_claim() {
        let claim = [0xab; 32];
        let call = own_call(
            Syscall::VerifyIntegrity,
            nr::SYS_VERIFY_INTEGRITY,
            |at| [at, 64],
            &[claim, [0; 32]].concat(),
        );
        let text = stopped(&call);
        assert_eq!(
            missing_assumption(&text),
            Some(hex::encode(claim)),
            "{text}"
        );
    }

    #[test]
    fn descriptors_that_are_not_served_are_named() {
        let read = own_call(Syscall::Read, nr::SYS_READ, |_| [10, 4], &[]);
        assert_eq!(
            unserved_descriptor(&stopped(&read)),
            Some((Access::Read, 10))
        );
        // The third argument, the length, is in a5, which is zero.
        let write = own_call(Syscall::Write, nr::SYS_WRITE, |at| [11, at], &[0; 4]);
        assert_eq!(
            unserved_descriptor(&stopped(&write)),
            Some((Access::Write, 11))
        );
    }

    #[test]
    fn calls_that_are_not_served_are_named() {
        let text = stopped(&calling(Syscall::User, "a::b::NAME", |_| [0, 0], &[]));
        assert_eq!(unserved_call(&text), Some("a::b::NAME"), "{text}");
        assert!(!is_own_call("a::b::NAME"));
        let text = stopped(&calling(
            Syscall::User,
            "risc0_zkvm_platform::syscall::nr::SYS_NEW",
            |_| [0, 0],
            &[],
        ));
        assert!(unserved_call(&text).is_some_and(is_own_call), "{text}");
    }

    #[test]
    fn risc0s_own_calls_begin_with_the_name_of_its_crate() {
        for call in [nr::SYS_PANIC, nr::SYS_READ, nr::SYS_VERIFY_INTEGRITY] {
            assert!(is_own_call(call.as_str()));
        }
    }

    #[test]
    fn cycles_are_read_from_the_end_of_a_segment() {
        let mut segments = Vec::new();
        let prepare = |env: &mut ExecutorEnvBuilder<'_>| {
            env.segment_limit_po2(SEGMENT_PO2.0);
        };
        let session = session(&counting(10_000), prepare, |segment| {
            let (cycles, bytes) = write_segment(&segment, Vec::new()).unwrap();
            assert_eq!(bytes, bincode::serialize(&segment).unwrap());
            let (index, inner) = decode_segment(&bytes).unwrap();
            assert_eq!(index, segment.index);
            assert_eq!(inner.po2 as usize, segment.po2());
            let real = Cycles {
                user: inner.suspend_cycle,
                paging: inner.paging_cycles,
            };
            segments.push((cycles, real));
        })
        .unwrap();
        let (_, others) = segments.split_last().unwrap();
        assert!(others.len() > 1, "{segments:?}");
        for (read, real) in others {
            assert_eq!(read, real);
            assert!(read.user > 0 && read.paging > 0, "{read:?}");
        }
        let sum = |part: fn(&Cycles) -> u32| {
            let cycles = segments.iter().map(|(_, real)| u64::from(part(real)));
            cycles.sum::<u64>()
        };
        assert_eq!(sum(|cycles| cycles.user), session.user_cycles);
        assert_eq!(sum(|cycles| cycles.paging), session.paging_cycles);
    }

    #[test]
    fn smaller_segments_than_the_least_do_not_run() {
        let limited = |po2| {
            let prepare = |env: &mut ExecutorEnvBuilder<'_>| {
                env.segment_limit_po2(po2);
            };
            session(&counting(10_000), prepare, |_| ())
        };
        assert!(limited(SEGMENT_PO2.0).is_ok());
        assert!(limited(SEGMENT_PO2.0 - 1).is_err());
    }

    #[test]
    fn the_default_segment_is_the_executors() {
        let real = risc0_circuit_rv32im::execute::DEFAULT_SEGMENT_LIMIT_PO2;
        assert_eq!(DEFAULT_SEGMENT_LIMIT_PO2 as usize, real);
    }

    #[test]
    fn the_summary_of_a_session_is_read() {
        let (session, counts) = logging::counted(|| session(&counting(10), |_| (), |_| ()));
        assert!(session.is_ok());
        let counts = counts.expect("the session is summarized");
        assert!(!counts.ecalls.is_empty(), "{counts:?}");
    }

    #[test]
    fn a_build_has_recursion_programs_or_the_error_that_says_not() {
        let outcome = get_zkr("join.zkr", risc0_zkvm::RECURSION_PO2);
        let lacking = outcome.err().map(|error| format!("{error:#}"));
        assert_eq!(has_recursion_programs(), lacking.is_none());
        assert!(lacking.is_none_or(|error| lacks_recursion_programs(&error)));
    }
}
