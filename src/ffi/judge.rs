//! The judgement of a header, a token, and a second requirement.
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::ptr;

use crate::call::{Call, bytes, guarded};
use crate::config::Config;
use crate::header;
use crate::record::{are_apart, auth_verdict};
use crate::requirement::Requirement;
use crate::status::Status;
use crate::verify::{Moment, require as require_more};

/// Finds the token in the value of an Authorization header: *token points into header (RFC 6750
/// 2.1). HEADER_MISSING, HEADER_MALFORMED or SCHEME_UNSUPPORTED: *token = NULL, *token_len = 0.
/// Judges nothing else. Never blocks; any thread.
///
/// # Safety
/// `header` has `header_len` bytes; `token` and `token_len` are NULL or writable.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn auth_extract_bearer(
    header: *const c_char,
    header_len: usize,
    token: *mut *const c_char,
    token_len: *mut usize,
) -> Status {
    let set = |text: &[u8], start: *const c_char| {
        if !token.is_null() {
            unsafe { token.write_unaligned(start) };
        }
        if !token_len.is_null() {
            unsafe { token_len.write_unaligned(text.len()) };
        }
    };
    set(&[], ptr::null());
    guarded(Status::INTERNAL, || {
        if token.is_null() || token_len.is_null() {
            return Status::ARGUMENT_INVALID;
        }
        let outs = [(token.addr(), size_of_val(&token)), (token_len.addr(), size_of::<usize>())];
        let apart = outs.iter().all(|(at, size)| are_apart(*at, *size, header.addr(), header_len));
        let Some(value) = (unsafe { bytes(header, header_len) }).ok().filter(|_| apart) else {
            return Status::ARGUMENT_INVALID;
        };
        match header::extract(value) {
            Ok(text) => {
                set(text, text.as_ptr().cast());
                Status::OK
            }
            Err(refusal) => refusal.status,
        }
    })
}

/// Verifies a token: signature by the issuer's published keys, issuer, audience, times, and what
/// `verdict.require` needs. Blocks only while keys are fetched, once, at most `keys.timeout` and a
/// second. The first call freezes the options. Threads: any number at once.
///
/// # Safety
/// `config` is a live handle; `token` has `token_len` bytes; `out` is NULL or has `out_size`
/// writable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn auth_verify(
    config: *const Config,
    token: *const c_char,
    token_len: usize,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| call.judge_token(token, token_len, Moment::Now))
}

/// The same without ever blocking: KEYS_PENDING where keys have to be fetched first, which it
/// starts; `issuer` names whose. Let one thread auth_refresh that issuer, then try once more: a
/// second KEYS_PENDING is the answer (503). Threads: any number at once.
///
/// # Safety
/// As auth_verify.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn auth_try_verify(
    config: *const Config,
    token: *const c_char,
    token_len: usize,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| call.judge_token(token, token_len, Moment::Try))
}

/// The same as of `now`, seconds since 1970, by the keys that are held: KEYS_PENDING where there
/// are none. Never blocks, starts nothing: for tests and audits.
///
/// # Safety
/// As auth_verify.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn auth_verify_at(
    config: *const Config,
    token: *const c_char,
    token_len: usize,
    now: i64,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| call.judge_token(token, token_len, Moment::At(now)))
}

/// The whole of it: auth_extract_bearer, auth_verify, and what this request needs. `require`: items
/// separated by one space, all needed: a scope, `role:x`, `permission:x`, `group:x`,
/// `claim:path=value` or `scope:x`; `a|b` = one of; or, where it begins with `[`, a JSON array of
/// items. NULL or empty = only `verdict.require`. REQUIREMENT_INVALID is your mistake and told
/// before the header is looked at. Blocks and freezes as auth_verify. Threads: any.
///
/// # Safety
/// `config` is a live handle; `header` has `header_len` bytes and `require` `require_len`; `out` is
/// NULL or has `out_size` writable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn auth_authorize(
    config: *const Config,
    header: *const c_char,
    header_len: usize,
    require: *const c_char,
    require_len: usize,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| call.judge_header((header, header_len), (require, require_len), Moment::Now))
}

/// The same as auth_authorize without ever blocking: see auth_try_verify.
///
/// # Safety
/// As auth_authorize.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn auth_try_authorize(
    config: *const Config,
    header: *const c_char,
    header_len: usize,
    require: *const c_char,
    require_len: usize,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| call.judge_header((header, header_len), (require, require_len), Moment::Try))
}

/// The same as of `now`, by the keys that are held: see auth_verify_at.
///
/// # Safety
/// As auth_authorize.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn auth_authorize_at(
    config: *const Config,
    header: *const c_char,
    header_len: usize,
    require: *const c_char,
    require_len: usize,
    now: i64,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| {
        call.judge_header((header, header_len), (require, require_len), Moment::At(now))
    })
}

/// Asks the claims of a token that was accepted for a second requirement. They are trusted: no
/// signature, time or audience is looked at again. OK fills status and code alone. CLAIM_MALFORMED
/// for a text that is no claims object. Never blocks; freezes as auth_verify. Threads: any.
///
/// # Safety
/// `config` is a live handle; `claims` has `claims_len` bytes and `require` `require_len`; `out` is
/// NULL or has `out_size` writable bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn auth_require(
    config: *const Config,
    claims: *const c_char,
    claims_len: usize,
    require: *const c_char,
    require_len: usize,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| {
        let config = call.handle()?;
        let claims = unsafe { call.bytes(claims, claims_len) }?;
        let require = unsafe { call.bytes(require, require_len) }?;
        let runtime = config.runtime()?;
        require_more(runtime, claims, &Requirement::parse(require)?)?;
        Ok(call.ok())
    })
}
