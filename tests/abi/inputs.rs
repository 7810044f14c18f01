//! Pointers and lengths of inputs; the functions without a record; threads.

use std::ffi::{CStr, c_char};
use std::process::Command;
use std::sync::Barrier;
use std::{ptr, slice};

use auth::ffi::*;
use auth::options::OPTIONS;
use auth::record::auth_verdict;
use auth::status::{STATUSES, Status};
use serde_json::{Value, json};

use crate::common::*;

const MISTAKE: Status = Status::ARGUMENT_INVALID;

/// Every input with a length, each as (name, status for an impossible length, the call).
type WithLength<'h> = (&'static str, Status, Box<dyn Fn(*const c_char, usize) -> Status + 'h>);

fn inputs_with_a_length(handle: &Handle) -> Vec<WithLength<'_>> {
    const NO_OUT: *mut auth_verdict = ptr::null_mut();
    let config = handle.config();
    let x = chars(b"Bearer x");
    let mut calls: Vec<WithLength> = Vec::new();
    let mut add = |name, status, call: Box<dyn Fn(*const c_char, usize) -> Status>| {
        calls.push((name, status, call));
    };
    let too_large = Status::TOKEN_TOO_LARGE;
    add(
        "verify",
        too_large,
        Box::new(move |text, len| unsafe { auth_verify(config, text, len, NO_OUT, 0) }),
    );
    add(
        "verify_at",
        too_large,
        Box::new(move |text, len| unsafe { auth_verify_at(config, text, len, NOW, NO_OUT, 0) }),
    );
    add(
        "authorize header",
        MISTAKE,
        Box::new(move |text, len| unsafe {
            auth_authorize(config, text, len, ptr::null(), 0, NO_OUT, 0)
        }),
    );
    add(
        "authorize require",
        MISTAKE,
        Box::new(move |text, len| unsafe { auth_authorize(config, x, 8, text, len, NO_OUT, 0) }),
    );
    add(
        "authorize_at header",
        MISTAKE,
        Box::new(move |text, len| unsafe {
            auth_authorize_at(config, text, len, ptr::null(), 0, NOW, NO_OUT, 0)
        }),
    );
    add(
        "authorize_at require",
        MISTAKE,
        Box::new(move |text, len| unsafe {
            auth_authorize_at(config, x, 8, text, len, NOW, NO_OUT, 0)
        }),
    );
    add(
        "describe detail",
        MISTAKE,
        Box::new(move |text, len| unsafe { auth_describe(config, 1002, text, len, NO_OUT, 0) }),
    );
    add(
        "require claims",
        MISTAKE,
        Box::new(move |text, len| unsafe {
            auth_require(config, text, len, ptr::null(), 0, NO_OUT, 0)
        }),
    );
    let claims = payload_with("");
    add(
        "require require",
        MISTAKE,
        Box::new(move |text, len| unsafe {
            auth_require(config, chars(claims.as_bytes()), claims.len(), text, len, NO_OUT, 0)
        }),
    );
    // Never frozen by another call.
    let open = if config.is_null() { Handle::null() } else { Handle::local(&[]) };
    add(
        "load json",
        MISTAKE,
        Box::new(move |text, len| unsafe { auth_config_load(open.config(), text, len, NO_OUT, 0) }),
    );
    add(
        "claim claims",
        MISTAKE,
        Box::new(|text, len| unsafe {
            match auth_claim(text, len, c"a".as_ptr(), ptr::null_mut(), 0) {
                usize::MAX => MISTAKE,
                _ => Status::OK,
            }
        }),
    );
    add(
        "extract_bearer header",
        MISTAKE,
        Box::new(move |text, len| unsafe {
            let (mut token, mut token_len) = (text, len);
            auth_extract_bearer(text, len, &raw mut token, &raw mut token_len)
        }),
    );
    calls
}

#[test]
fn lengths_that_no_memory_has_are_refused() {
    let handle = Handle::local(&[]);
    let real = chars(b"Bearer x");
    for (name, status, call) in inputs_with_a_length(&handle) {
        for length in [usize::MAX, usize::MAX - 1, isize::MAX as usize + 1] {
            assert_eq!(call(real, length), status, "{name} {length}");
        }
    }
}

#[test]
fn null_with_a_length_is_refused_and_with_none_is_empty() {
    let handle = Handle::local(&[]);
    for (name, _, call) in inputs_with_a_length(&handle) {
        for length in [1, 8, isize::MAX as usize, usize::MAX] {
            assert_eq!(call(ptr::null(), length), MISTAKE, "{name} {length}");
        }
        let empty = match name {
            "verify" | "verify_at" => Status::TOKEN_MALFORMED,
            "authorize require" | "authorize_at require" => Status::TOKEN_OPAQUE,
            "describe detail" => Status::HEADER_MALFORMED,
            "require claims" => Status::CLAIM_MALFORMED,
            "require require" => Status::OK,
            "load json" => Status::OPTION_INVALID,
            "claim claims" => MISTAKE,
            _ => Status::HEADER_MISSING,
        };
        assert_eq!(call(ptr::null(), 0), empty, "{name}");
        // A pointer that may not be read, with no length.
        assert_eq!(call(ptr::without_provenance(1), 0), empty, "{name}");
    }
}

/// Lengths beyond 4 GiB lie in 32 bits somewhere: nothing of such an input may be read.
#[test]
fn inputs_beyond_4_gib_are_refused_unread() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "inputs::reads_no_byte_beyond_4_gib", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{}: {told}", child.status);
    assert!(told.contains("1 passed"), "{told}");
}

/// Its own process: where the rule is broken it ends by SIGSEGV.
#[test]
#[ignore = "run by inputs_beyond_4_gib_are_refused_unread"]
fn reads_no_byte_beyond_4_gib() {
    let handle = Handle::local(&[]);
    let length = 5usize << 30;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let memory = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
    for (name, status, call) in inputs_with_a_length(&handle) {
        for length in [u32::MAX as usize + 1, length, isize::MAX as usize] {
            println!("{name} {length}");
            assert_eq!(call(memory.cast(), length), status, "{name} {length}");
        }
    }
}

#[test]
fn every_function_takes_a_null_handle() {
    let none = Handle::null();
    for (name, _, call) in inputs_with_a_length(&none) {
        if name != "extract_bearer header" {
            assert_eq!(call(chars(b"Bearer x"), 8), MISTAKE, "{name}");
            assert_eq!(call(ptr::null(), 0), MISTAKE, "{name}");
        }
    }
    assert_eq!(none.set("issuer", ISSUER), MISTAKE);
    assert_eq!(none.check(), MISTAKE);
    assert_eq!(load_env(none.config(), ptr::null_mut(), 0), MISTAKE);
    // auth_config_free of NULL: the drop of `none`.
}

/// A debug build keeps the place of a freed handle. Without that a stale pointer is any memory.
#[cfg(debug_assertions)]
#[test]
fn a_freed_handle_answers_nothing_else() {
    let freed = std::mem::ManuallyDrop::new(Handle::local(&[]));
    assert_eq!(freed.check(), Status::OK);
    unsafe { auth_config_free(freed.config()) };
    // Not given away again.
    let others: Vec<Handle> = (0..64).map(|_| Handle::local(&[])).collect();
    assert!(others.iter().all(|other| other.config() != freed.config()));
    for (name, _, call) in inputs_with_a_length(&freed) {
        let by_handle = !["extract_bearer header", "claim claims", "load json"].contains(&name);
        if by_handle {
            assert_eq!(call(chars(b"Bearer x"), 8), MISTAKE, "{name}");
        }
    }
    assert_eq!(freed.check(), MISTAKE);
    assert_eq!(freed.set("issuer", ISSUER), MISTAKE);
    assert_eq!(load(freed.config(), b"{}", ptr::null_mut(), 0), MISTAKE);
    assert_eq!(unsafe { auth_report(freed.config(), ptr::null_mut(), 0) }, 0);
    assert_eq!(unsafe { auth_metrics(freed.config(), ptr::null_mut(), 0) }, 0);
    // A second free tells itself on stderr, and frees nothing.
    unsafe { auth_config_free(freed.config()) };
    assert_eq!(freed.check(), MISTAKE);
    assert!(others.iter().all(|other| other.check() == Status::OK));
}

#[test]
fn a_null_key_is_no_option_and_a_null_value_is_invalid() {
    let handle = Handle::local(&[]);
    let out = ptr::null_mut();
    let value = c"x".as_ptr();
    let (key, none) = (c"audience".as_ptr(), ptr::null());
    assert_eq!(
        unsafe { auth_config_set(handle.config(), key, none, out, 0) },
        Status::OPTION_INVALID
    );
    assert_eq!(handle.check(), Status::OPTION_INVALID);
    assert_eq!(handle.set("audience", AUDIENCE), Status::OK);
    assert_eq!(handle.check(), Status::OK);
    assert_eq!(
        unsafe { auth_config_set(handle.config(), none, value, out, 0) },
        Status::OPTION_UNKNOWN
    );
}

// ---------------------------------------------------------------- auth_extract_bearer

fn extract(header: &[u8]) -> (Status, *const c_char, usize) {
    let (mut token, mut token_len) = (chars(b"old"), 3);
    let (start, length) = (chars(header), header.len());
    let status = unsafe { auth_extract_bearer(start, length, &raw mut token, &raw mut token_len) };
    (status, token, token_len)
}

#[test]
fn an_extracted_token_points_into_the_header() {
    for (header, at) in [("Bearer a.b.c", 7), ("bEARER    x==", 10)] {
        let (status, token, token_len) = extract(header.as_bytes());
        assert_eq!(status, Status::OK);
        assert_eq!(token, unsafe { chars(header.as_bytes()).add(at) });
        assert_eq!(token_len, header.len() - at);
    }
}

#[test]
fn nothing_is_extracted_from_a_bad_header() {
    for (header, status) in [
        (b"".as_slice(), Status::HEADER_MISSING),
        (b"   ", Status::HEADER_MISSING),
        (b"Bearer", Status::HEADER_MALFORMED),
        (b"Bearer ", Status::HEADER_MALFORMED),
        (b"Bearer a, Bearer b", Status::HEADER_MALFORMED),
        (b"Bearer a\0b", Status::HEADER_MALFORMED),
        (b"\xff\xfe x", Status::HEADER_MALFORMED),
        (b"Basic YTpi", Status::SCHEME_UNSUPPORTED),
    ] {
        assert_eq!(extract(header), (status, ptr::null(), 0), "{header:?}");
    }
    let old = chars(b"old");
    for (header, length) in [(ptr::null(), 5), (old, usize::MAX)] {
        let (mut token, mut token_len) = (old, 3);
        let status =
            unsafe { auth_extract_bearer(header, length, &raw mut token, &raw mut token_len) };
        assert_eq!((status, token, token_len), (MISTAKE, ptr::null(), 0));
    }
}

#[test]
fn extracting_into_null_is_a_mistake_and_clears_the_other() {
    let header = b"Bearer x";
    let (mut token, mut token_len) = (chars(b"old"), 3);
    let (start, length) = (chars(header), header.len());
    let status = unsafe { auth_extract_bearer(start, length, &raw mut token, ptr::null_mut()) };
    assert_eq!((status, token), (MISTAKE, ptr::null()));
    let status = unsafe { auth_extract_bearer(start, length, ptr::null_mut(), &raw mut token_len) };
    assert_eq!((status, token_len), (MISTAKE, 0));
    let status = unsafe { auth_extract_bearer(start, length, ptr::null_mut(), ptr::null_mut()) };
    assert_eq!(status, MISTAKE);
}

#[test]
fn extracted_results_may_lie_at_any_address() {
    let header = b"Bearer x";
    for shift in 0..8 {
        let mut token = [GUARD; 24];
        let mut token_len = [GUARD; 24];
        let status = unsafe {
            let (token, token_len) = (token.as_mut_ptr(), token_len.as_mut_ptr());
            let (token, token_len) = (token.add(shift).cast(), token_len.add(shift).cast());
            auth_extract_bearer(chars(header), header.len(), token, token_len)
        };
        assert_eq!(status, Status::OK);
        let usize_at =
            |bytes: &[u8; 24]| usize::from_ne_bytes(bytes[shift..shift + 8].try_into().unwrap());
        assert_eq!((usize_at(&token), usize_at(&token_len)), (header[7..].as_ptr().addr(), 1));
    }
}

// ---------------------------------------------------------------- static texts

fn text<'t>(start: *const c_char) -> &'t str {
    assert!(!start.is_null());
    unsafe { CStr::from_ptr(start) }.to_str().unwrap()
}

#[test]
fn versions_are_those_of_the_package() {
    assert_eq!(auth_abi(), AUTH_ABI);
    assert_eq!(text(auth_version()), env!("CARGO_PKG_VERSION"));
    assert_eq!(auth_version(), auth_version(), "static text");
}

#[test]
fn every_status_has_its_name_and_foreign_numbers_have_none() {
    for status in STATUSES {
        assert_eq!(text(auth_status_name(*status as i32)), format!("{status:?}"));
    }
    for number in [i32::MIN, -1, 1, 999, 1000, 1004, 7000, 9999, i32::MAX] {
        assert_eq!(text(auth_status_name(number)), "UNKNOWN");
    }
}

#[test]
fn the_tables_in_json_are_the_tables() {
    let start = auth_tables_json();
    assert_eq!(start, auth_tables_json(), "static text");
    let told: Value = serde_json::from_str(text(start)).unwrap();
    let statuses: Vec<Value> = STATUSES
        .iter()
        .map(|status| status.row())
        .map(|row| {
            json!({"number": row.number, "name": row.name, "http_status": row.http_status,
                "code": row.code, "message": row.message, "doc": row.doc.trim()})
        })
        .collect();
    let options: Vec<Value> = OPTIONS
        .iter()
        .map(|row| {
            json!({"key": row.key, "type": row.type_text(), "default": row.default,
                "aliases": row.aliases, "doc": row.doc.trim()})
        })
        .collect();
    let tables = json!({"abi": 1, "version": env!("CARGO_PKG_VERSION"),
        "statuses": statuses, "options": options});
    assert_eq!(told, tables);
}

// ---------------------------------------------------------------- threads

#[test]
fn many_threads_judge_by_one_handle() {
    const ROUNDS: usize = 150;
    let handle = Handle::local(&[]);
    let mut tokens = vec![
        (token("EdDSA", &payload_with(r#","cnf":{}"#)), Status::PROOF_REQUIRED),
        (token("ES256", &payload_with(r#","typ":"ID""#)), Status::NOT_AN_ACCESS_TOKEN),
        ("opaque".to_owned(), Status::TOKEN_OPAQUE),
    ];
    for alg in ["RS256", "ES256", "EdDSA"] {
        tokens.push((good_token(alg), Status::OK));
        tokens.push((tampered(&good_token(alg)), Status::SIGNATURE_INVALID));
    }
    let barrier = Barrier::new(8);
    let judge = &|thread: usize| {
        let mut memory = Memory::new(verdict_size(16 * 1024));
        barrier.wait();
        for round in 0..ROUNDS {
            let (token, status) = &tokens[(round + thread) % tokens.len()];
            let answer = memory
                .call(&|out, size| verify_at(handle.config(), token.as_bytes(), NOW, out, size));
            match status {
                Status::OK => {
                    assert_eq!(answer.status, 0);
                    assert_eq!(answer.text("claims"), good_payload());
                }
                status => answer.assert_refused(*status),
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || judge(thread))).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_text_needs_no_nul_after_it() {
    let handle = Handle::local(&[]);
    let token = good_token("EdDSA");
    let page = 4096;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let (read_write, none) = (libc::PROT_READ | libc::PROT_WRITE, libc::PROT_NONE);
    // SAFETY: two pages of our own, of which the second may not be touched.
    let text = unsafe {
        let memory = libc::mmap(ptr::null_mut(), 2 * page, read_write, flags, -1, 0);
        assert_ne!(memory, libc::MAP_FAILED);
        assert_eq!(libc::mprotect(memory.add(page), page, none), 0);
        let start = memory.cast::<u8>().add(page - token.len());
        ptr::copy_nonoverlapping(token.as_ptr(), start, token.len());
        slice::from_raw_parts(start, token.len())
    };
    assert_eq!(verify_at(handle.config(), text, NOW, ptr::null_mut(), 0), Status::OK);
}
