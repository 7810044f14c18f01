//! The record: its layout, closed first, whole or refused, within its room, at any address.

use std::mem::offset_of;
use std::path::Path;
use std::ptr;

use auth::record::{Record, auth_text, auth_verdict};
use auth::status::Status;

use crate::calls;
use crate::common::*;

macro_rules! fields {
    ($($name:ident),+) => { [$((stringify!($name), offset_of!(auth_verdict, $name))),+] };
}

#[test]
fn the_layout_is_that_of_the_header_without_padding() {
    let of_rust = fields!(
        size,
        status,
        http_status,
        retry_after_s,
        expires_at,
        code,
        message,
        log,
        challenge,
        problem,
        claims,
        header,
        issuer,
        subject,
        client_id,
        scopes
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/auth.h");
    let header = std::fs::read_to_string(path).unwrap();
    let (_, body) = header.split_once("typedef struct auth_verdict {").unwrap();
    let (body, _) = body.split_once("} auth_verdict;").unwrap();
    let mut of_c = Vec::new();
    let mut offset = 0;
    for line in body.lines().map(str::trim).filter(|line| line.ends_with(';')) {
        let (kind, name) = line.trim_end_matches(';').split_once(' ').unwrap();
        let (size, align) = match kind {
            "uint32_t" | "int32_t" => (4, 4),
            "int64_t" => (8, 8),
            "auth_text" => (size_of::<auth_text>(), align_of::<auth_text>()),
            _ => panic!("a field of type {kind}"),
        };
        assert_eq!(offset % align, 0, "padding before {name}");
        of_c.push((name.trim(), offset));
        offset += size;
    }
    assert_eq!(of_c, of_rust);
    assert_eq!((offset, offset % align_of::<auth_verdict>()), (size_of::<auth_verdict>(), 0));
    assert_eq!((size_of::<auth_text>(), offset_of!(auth_text, length)), (8, 4));
    assert_eq!(TEXTS.to_vec(), of_rust[5..].iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

fn accepted() -> (Memory, Answer) {
    let handle = Handle::local(&[]);
    let mut memory = Memory::new(verdict_size(16 * 1024));
    let token = good_token("EdDSA");
    let answer =
        memory.call(&|out, size| verify_at(handle.config(), token.as_bytes(), NOW, out, size));
    assert_eq!(answer.status, 0);
    (memory, answer)
}

#[test]
fn an_accepted_record_tells_the_token() {
    let (_, answer) = accepted();
    assert_eq!((answer.http_status, answer.retry_after_s), (200, 0));
    assert_eq!(answer.expires_at, EXP);
    let told = TEXTS.map(|name| (name, answer.text(name)));
    let (payload, header) = (good_payload(), header_of("EdDSA"));
    assert_eq!(
        told,
        [
            ("code", "ok"),
            ("message", ""),
            ("log", ""),
            ("challenge", ""),
            ("problem", ""),
            ("claims", payload.as_str()),
            ("header", header.as_str()),
            ("issuer", ISSUER),
            ("subject", "alice"),
            ("client_id", "shop"),
            ("scopes", "orders:read orders:write"),
        ]
    );
}

#[test]
fn nothing_of_an_accepted_record_is_left_by_any_other_answer() {
    for case in calls::all() {
        let (mut memory, _) = accepted();
        let answer = memory.call(&case.call);
        if answer.status == 0 {
            assert_eq!(answer.http_status, 200, "{}", case.name);
            assert_eq!(answer.text("code"), "ok");
            let told = answer.text("claims").contains("alice");
            assert_eq!(told, answer.expires_at == EXP, "{}", case.name);
            assert_eq!(told, answer.text("subject") == "alice", "{}", case.name);
        } else {
            answer.assert_refused(case.status);
        }
    }
}

#[test]
fn a_record_is_closed_before_anything_else() {
    let (mut memory, _) = accepted();
    let bytes = &mut memory.bytes;
    // Nothing is written after it, as if the call never came back.
    let _ = unsafe { Record::closed(bytes.as_mut_ptr().cast(), bytes.len()) };
    let row = Status::INTERNAL.row();
    let answer = Answer::read(&bytes[..HEAD_BYTES]);
    assert_eq!((answer.status, answer.http_status), (row.number, row.http_status));
    assert_eq!(answer.expires_at, 0);
    assert!(TEXTS.iter().all(|name| answer.text(name).is_empty()), "{answer:?}");
}

/// What stands in `bytes` after a call that got `size` bytes of them.
fn assert_too_small(bytes: &[u8], size: usize, needed: u32, name: &str) {
    let head = auth_verdict {
        size: needed,
        status: Status::OUT_TOO_SMALL as i32,
        http_status: 500,
        // SAFETY: zeroes are a value of every field.
        ..unsafe { std::mem::zeroed() }
    };
    // SAFETY: the head has no padding.
    let head: [u8; HEAD_BYTES] = unsafe { std::mem::transmute(head) };
    let fits = size.min(HEAD_BYTES);
    assert_eq!(bytes[..fits], head[..fits], "{name}: the head as far as {size} bytes hold it");
    let behind = &bytes[size..];
    assert!(behind.iter().all(|byte| *byte == GUARD), "{name}: written behind {size} bytes");
}

#[test]
fn every_size_that_is_too_small_is_told_and_kept() {
    for case in calls::all() {
        let whole = answer_of(&case.call);
        let needed = whole.size as usize;
        for size in 0..needed {
            let mut memory = Memory::new(needed + 64);
            let returned = (case.call)(memory.bytes.as_mut_ptr().cast(), size);
            assert_eq!(returned, Status::OUT_TOO_SMALL, "{} in {size}", case.name);
            assert_too_small(&memory.bytes, size, whole.size, &case.name);
        }
        let mut memory = Memory::new(needed + 64);
        let returned = (case.call)(memory.bytes.as_mut_ptr().cast(), needed);
        assert_eq!(returned, case.status, "{}: exactly enough", case.name);
        assert_eq!(Answer::read(&memory.bytes[..needed]), whole);
        assert!(memory.bytes[needed..].iter().all(|byte| *byte == GUARD), "{}", case.name);
    }
}

#[test]
fn without_a_record_the_status_is_the_same() {
    for case in calls::all() {
        for size in [0, 1, HEAD_BYTES, 4096, usize::MAX] {
            assert_eq!((case.call)(ptr::null_mut(), size), case.status, "{} {size}", case.name);
        }
    }
}

#[test]
fn a_record_at_any_address_is_the_same() {
    for case in calls::all() {
        let whole = answer_of(&case.call);
        for shift in 0..8 {
            let mut memory = Memory::new(whole.size as usize + 8);
            let out = unsafe { memory.bytes.as_mut_ptr().add(shift) };
            assert_eq!((case.call)(out.cast(), whole.size as usize), case.status);
            let end = shift + whole.size as usize;
            assert_eq!(Answer::read(&memory.bytes[shift..end]), whole, "{} {shift}", case.name);
            let around = memory.bytes[..shift].iter().chain(&memory.bytes[end..]);
            assert!(around.copied().all(|byte| byte == GUARD), "{} {shift}", case.name);
        }
    }
}

#[test]
fn no_call_leaves_a_record_of_zeroes() {
    for case in calls::all() {
        for size in [8, 12, HEAD_BYTES, verdict_size(16 * 1024)] {
            let mut bytes = vec![0; size];
            let returned = (case.call)(bytes.as_mut_ptr().cast(), size);
            let i32_at = |at: usize| i32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!(i32_at(4), returned as i32, "{}", case.name);
            if size >= 12 {
                assert_eq!(i32_at(8), returned.row().http_status, "{}", case.name);
            }
        }
    }
}

/// Every distance at which a record and an input share a byte, or just do not.
fn for_each_distance(length: usize, size: usize, mut check: impl FnMut(isize, bool)) {
    let (length, size) = (length as isize, size as isize);
    for distance in [
        -length - 1,
        -length,
        1 - length,
        -length / 2,
        -1,
        0,
        1,
        7,
        size / 2,
        size - 1,
        size,
        size + 1,
    ] {
        check(distance, -length < distance && distance < size);
    }
}

type WithInput<'c> = dyn Fn(&[u8], *mut auth_verdict) -> Status + 'c;

/// Calls with an input that begins `distance` bytes after the record.
fn overlapping(input: &[u8], size: usize, distance: isize, call: &WithInput) -> Status {
    let start = input.len() + 16;
    let mut memory = vec![0; start + size + input.len() + 16];
    let at = start.strict_add_signed(distance);
    memory[at..at + input.len()].copy_from_slice(input);
    let memory = memory.as_mut_ptr();
    // SAFETY: both lie within the vector. The slice is only asked for its address and length.
    unsafe {
        let input = std::slice::from_raw_parts(memory.add(at), input.len());
        call(input, memory.add(start).cast())
    }
}

#[test]
fn a_record_that_overlaps_an_input_is_refused() {
    let handle = Handle::local(&[("token.max_bytes", "64k")]);
    let filler = format!(r#","scope":"orders:read","x":"{}""#, "x".repeat(9_000));
    let token = token("EdDSA", &payload_with(&filler));
    let header = format!("Bearer {token}");
    let (claims, open) = (payload_with(&filler), Handle::local(&[]));
    // The second lets an input lie around the whole record.
    for (size, good) in [(verdict_size(16 * 1024), Status::OK), (2_000, Status::OUT_TOO_SMALL)] {
        // An OK without texts fits both.
        let as_good = |status| if status == Status::OK { good } else { status };
        let inputs: [(&str, &[u8], &WithInput); 7] = [
            ("token", token.as_bytes(), &|input, out| {
                verify_at(handle.config(), input, NOW, out, size)
            }),
            ("header", header.as_bytes(), &|input, out| {
                authorize_at(handle.config(), input, b"", NOW, out, size)
            }),
            ("require", b"orders:read", &|input, out| {
                authorize_at(handle.config(), header.as_bytes(), input, NOW, out, size)
            }),
            ("detail", b"two headers", &|input, out| match describe(
                handle.config(),
                1002,
                input,
                out,
                size,
            ) {
                Status::HEADER_MALFORMED => good,
                other => other,
            }),
            ("claims", claims.as_bytes(), &|input, out| {
                as_good(require(handle.config(), input, b"", out, size))
            }),
            ("further require", b"orders:read", &|input, out| {
                as_good(require(handle.config(), claims.as_bytes(), input, out, size))
            }),
            ("json", br#"{"claims":{"leeway":"5s"}}"#, &|input, out| {
                as_good(load(open.config(), input, out, size))
            }),
        ];
        for (name, input, call) in inputs {
            for_each_distance(input.len(), size, |distance, shared| {
                let expected = if shared { Status::ARGUMENT_INVALID } else { good };
                let status = overlapping(input, size, distance, call);
                assert_eq!(status, expected, "{name} at {distance}, record of {size}");
            });
        }
    }
}

#[test]
fn a_record_that_overlaps_a_key_or_value_is_refused_and_remembered() {
    let size = verdict_size(0);
    let call_set = |handle: &Handle, key: &[u8], value: &[u8], out: *mut auth_verdict| unsafe {
        auth::ffi::auth_config_set(handle.config(), chars(key), chars(value), out, size)
    };
    let mut distances: Vec<isize> = (-16..=HEAD_BYTES as isize + 8).collect();
    distances.extend([size as isize - 1, size as isize]);
    for distance in distances {
        let shared = |text: &[u8]| -(text.len() as isize) < distance && distance < size as isize;
        let handle = Handle::local(&[]);
        let key = b"claims.leeway\0";
        let status =
            overlapping(key, size, distance, &|key, out| call_set(&handle, key, b"5s\0", out));
        let expected = if shared(key) { Status::ARGUMENT_INVALID } else { Status::OK };
        assert_eq!((status, handle.check()), (expected, expected), "key at {distance}");
        let (handle, value) = (Handle::local(&[]), b"5s\0");
        let status = overlapping(value, size, distance, &|value, out| {
            call_set(&handle, b"claims.leeway\0", value, out)
        });
        let expected = if shared(value) { Status::ARGUMENT_INVALID } else { Status::OK };
        assert_eq!((status, handle.check()), (expected, expected), "value at {distance}");
    }
}
