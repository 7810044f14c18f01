//! A panic inside any exported function stays inside: nothing is accepted, nothing old is left in
//! the caller's memory, and the next call works.
#![cfg(feature = "test-panic")]

mod common;

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::panic;
use std::path::Path;
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use auth::config::Config;
use auth::ffi::*;
use auth::record::auth_verdict;
use auth::status::Status;
use common::*;

/// The switch is one for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn quiet() -> MutexGuard<'static, ()> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<&str>().copied();
            if text != Some("asked for by a test") {
                usual(info);
            }
        }));
    });
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next exported function panics. Gives what it gave; an unwinding would end the test.
fn panicking<T>(call: impl FnOnce() -> T) -> T {
    PANIC.store(true, Ordering::SeqCst);
    let given = call();
    assert!(!PANIC.swap(false, Ordering::SeqCst), "the function has a guard");
    given
}

/// A call with a record, once panicking and once not, in memory that holds an accepted verdict.
fn answers(good: Status, call: impl Fn(&Handle, *mut auth_verdict, usize) -> Status) {
    let handle = Handle::local(&[]);
    let token = good_token("EdDSA");
    let mut memory = Memory::new(verdict_size(16 * 1024));
    let accept = |memory: &mut Memory| {
        let verify = |out, size| verify_at(handle.config(), token.as_bytes(), NOW, out, size);
        let answer = memory.call(&verify);
        assert_eq!((answer.status, answer.text("subject")), (0, "alice"));
    };
    for _ in 0..2 {
        accept(&mut memory);
        let answer = panicking(|| memory.call(&|out, size| call(&handle, out, size)));
        answer.assert_refused(Status::INTERNAL);
        assert_eq!(answer.http_status, 500);
        let problem: serde_json::Value = serde_json::from_str(answer.text("problem")).unwrap();
        assert_eq!(problem["code"], "auth.internal");
    }
    assert_eq!(panicking(|| call(&handle, ptr::null_mut(), 0)), Status::INTERNAL);
    // Too small for the sentences: the status is of another mistake, and of no acceptance.
    for size in [0, 4, HEAD_BYTES, HEAD_BYTES + 1] {
        accept(&mut memory);
        let out = memory.bytes.as_mut_ptr().cast();
        assert_eq!(panicking(|| call(&handle, out, size)), Status::OUT_TOO_SMALL);
    }
    accept(&mut memory);
    let open = Handle::local(&[]);
    assert_eq!(memory.call(&|out, size| call(&open, out, size)).status, good as i32);
    accept(&mut memory);
}

fn cases() -> BTreeMap<&'static str, fn()> {
    let mut cases: BTreeMap<&'static str, fn()> = BTreeMap::new();
    cases.insert("auth_abi", || {
        assert_eq!(panicking(|| auth_abi()), AUTH_ABI);
    });
    cases.insert("auth_version", || {
        assert_eq!(panicking(|| auth_version()), auth_version());
    });
    cases.insert("auth_config_new", || {
        assert!(panicking(|| auth_config_new()).is_null());
        drop(Handle::empty());
    });
    cases.insert("auth_config_free", || {
        let handle = Handle::local(&[]);
        panicking(|| unsafe { auth_config_free(handle.config()) });
        // The panic came before the handle was touched: its drop frees it.
        assert_eq!(handle.check(), Status::OK);
    });
    cases.insert("auth_status_name", || {
        let name = panicking(|| auth_status_name(0));
        assert_eq!(unsafe { CStr::from_ptr(name) }, c"UNKNOWN");
        assert_eq!(unsafe { CStr::from_ptr(auth_status_name(0)) }, c"OK");
    });
    cases.insert("auth_tables_json", || {
        let tables = panicking(|| auth_tables_json());
        assert_eq!(unsafe { CStr::from_ptr(tables) }, c"{}");
        assert!(unsafe { CStr::from_ptr(auth_tables_json()) }.count_bytes() > 1_000);
    });
    cases.insert("auth_extract_bearer", extract_bearer);
    cases.insert("auth_config_set", || {
        answers(Status::OK, |handle, out, size| {
            set(handle.config(), b"audience", Some(AUDIENCE.as_bytes()), out, size)
        });
    });
    cases.insert("auth_config_check", || {
        answers(Status::OK, |handle, out, size| unsafe {
            auth_config_check(handle.config(), out, size)
        });
    });
    cases.insert("auth_describe", || {
        answers(Status::HEADER_MALFORMED, |handle, out, size| {
            describe(handle.config(), 1002, b"two", out, size)
        });
    });
    cases.insert("auth_config_load", || {
        answers(Status::OK, |handle, out, size| {
            load(handle.config(), br#"{"claims":{"leeway":"5s"}}"#, out, size)
        });
    });
    cases.insert("auth_config_load_env", || {
        answers(Status::OK, |handle, out, size| load_env(handle.config(), out, size));
    });
    cases.insert("auth_claim", claim_as_text);
    cases.insert("auth_refresh", || {
        answers(Status::OK, |handle, out, size| unsafe {
            auth_refresh(handle.config(), ptr::null(), 0, out, size)
        });
    });
    cases.insert("auth_ready", || {
        answers(Status::OK, |handle, out, size| unsafe { auth_ready(handle.config(), out, size) });
    });
    cases.insert("auth_report", || whole_text(auth_report, "\"version\""));
    cases.insert("auth_metrics", || whole_text(auth_metrics, "libauth_"));
    judging(&mut cases);
    cases
}

fn judging(cases: &mut BTreeMap<&'static str, fn()>) {
    cases.insert("auth_verify", || {
        answers(Status::TOKEN_OPAQUE, |handle, out, size| unsafe {
            auth_verify(handle.config(), chars(b"x"), 1, out, size)
        });
    });
    cases.insert("auth_verify_at", || {
        answers(Status::OK, |handle, out, size| {
            verify_at(handle.config(), good_token("EdDSA").as_bytes(), NOW, out, size)
        });
    });
    cases.insert("auth_try_verify", || {
        answers(Status::TOKEN_OPAQUE, |handle, out, size| unsafe {
            auth_try_verify(handle.config(), chars(b"x"), 1, out, size)
        });
    });
    cases.insert("auth_try_authorize", || {
        answers(Status::SCHEME_UNSUPPORTED, |handle, out, size| unsafe {
            auth_try_authorize(handle.config(), chars(b"Basic x"), 7, ptr::null(), 0, out, size)
        });
    });
    cases.insert("auth_authorize", || {
        answers(Status::SCHEME_UNSUPPORTED, |handle, out, size| unsafe {
            auth_authorize(handle.config(), chars(b"Basic x"), 7, ptr::null(), 0, out, size)
        });
    });
    cases.insert("auth_authorize_at", || {
        answers(Status::OK, |handle, out, size| {
            let header = format!("Bearer {}", good_token("EdDSA"));
            authorize_at(handle.config(), header.as_bytes(), b"", NOW, out, size)
        });
    });
    cases.insert("auth_require", || {
        answers(Status::OK, |handle, out, size| {
            require(handle.config(), good_payload().as_bytes(), b"orders:read", out, size)
        });
    });
}

/// After a panic 0, and nothing is written; else the whole text.
fn whole_text(tell: unsafe extern "C" fn(*const Config, *mut c_char, usize) -> usize, has: &str) {
    let handle = Handle::local(&[]);
    assert_eq!(handle.verify_at(&good_token("EdDSA")).status, 0);
    let mut room = vec![GUARD; 64 * 1024];
    let (out, size) = (room.as_mut_ptr().cast(), room.len());
    assert_eq!(panicking(|| unsafe { tell(handle.config(), out, size) }), 0);
    assert!(room.iter().all(|byte| *byte == GUARD), "nothing is written");
    let length = unsafe { tell(handle.config(), out, size) };
    let text = std::str::from_utf8(&room[..length]).unwrap();
    assert!(text.contains(has), "{text}");
}

fn claim_as_text() {
    let claims = br#"{"sub":"alice"}"#;
    let (start, length, path) = (chars(claims), claims.len(), c"sub".as_ptr());
    let mut room = [GUARD; 8];
    let out = room.as_mut_ptr().cast();
    let asked = panicking(|| unsafe { auth_claim(start, length, path, out, 8) });
    assert_eq!((asked, room), (usize::MAX, [GUARD; 8]), "absent, and nothing is written");
    assert_eq!(unsafe { auth_claim(start, length, path, out, 8) }, 5);
    assert_eq!(room, *b"alice\0\xa5\xa5");
}

fn extract_bearer() {
    let header = b"Bearer x";
    let (mut token, mut token_len) = (chars(b"old"), 3);
    let (start, length) = (chars(header), header.len());
    let status = panicking(|| unsafe {
        auth_extract_bearer(start, length, &raw mut token, &raw mut token_len)
    });
    assert_eq!(status, Status::INTERNAL);
    assert_eq!((token, token_len), (ptr::null(), 0), "nothing old is left");
    let status = unsafe { auth_extract_bearer(start, length, &raw mut token, &raw mut token_len) };
    assert_eq!((status, token_len), (Status::OK, 1));
}

#[test]
fn every_exported_function_has_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi");
    let files = std::fs::read_dir(folder).unwrap();
    let source: String =
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let mut names: Vec<&str> = source
        .split("extern \"C\" fn ")
        .skip(1)
        .map(|rest| rest.split('(').next().unwrap())
        .collect();
    names.sort_unstable();
    assert!(names.len() >= 22, "{names:?}");
    assert_eq!(names, cases().into_keys().collect::<Vec<_>>());
}

#[test]
fn no_panic_leaves_an_exported_function() {
    let _guard = quiet();
    let mut failed = Vec::new();
    for (name, case) in cases() {
        let ended = panic::catch_unwind(case);
        PANIC.store(false, Ordering::SeqCst);
        failed.extend(ended.is_err().then_some(name));
    }
    assert_eq!(failed, [""; 0]);
}

#[test]
fn a_panic_in_the_first_use_freezes_nothing() {
    let _guard = quiet();
    let handle = Handle::local(&[]);
    let token = good_token("EdDSA");
    let verify = || verify_at(handle.config(), token.as_bytes(), NOW, ptr::null_mut(), 0);
    assert_eq!(panicking(verify), Status::INTERNAL);
    assert_eq!(handle.set("audience", "other"), Status::OK);
    assert_eq!(verify(), Status::AUDIENCE_INVALID);
    assert_eq!(handle.set("audience", AUDIENCE), Status::CONFIG_FROZEN);
}

#[test]
fn a_panic_in_a_further_requirement_freezes_nothing() {
    let _guard = quiet();
    let handle = Handle::local(&[]);
    let ask = || require(handle.config(), payload_with("").as_bytes(), b"", ptr::null_mut(), 0);
    assert_eq!(panicking(ask), Status::INTERNAL);
    assert_eq!(handle.set("claims.leeway", "1s"), Status::OK);
    assert_eq!(ask(), Status::OK);
}

#[test]
fn a_panic_in_a_load_sets_nothing_and_is_no_mistake_to_remember() {
    let _guard = quiet();
    for json in [r#"{"audience":"other"}"#, r#"{"audience":""}"#, "{"] {
        let handle = Handle::local(&[]);
        let load = || load(handle.config(), json.as_bytes(), ptr::null_mut(), 0);
        assert_eq!(panicking(load), Status::INTERNAL);
        assert_eq!(handle.check(), Status::OK);
        assert_eq!(handle.verify_at(&good_token("EdDSA")).status, 0, "{json}");
    }
    let handle = Handle::local(&[]);
    let load = || load_env(handle.config(), ptr::null_mut(), 0);
    assert_eq!(panicking(load), Status::INTERNAL);
    assert_eq!((load(), handle.check()), (Status::OK, Status::OK));
}

#[test]
fn a_panic_in_a_set_is_no_mistake_to_remember() {
    let _guard = quiet();
    let handle = Handle::local(&[]);
    assert_eq!(panicking(|| handle.set("audience", "")), Status::INTERNAL);
    assert_eq!(handle.check(), Status::OK);
}
