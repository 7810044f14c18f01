//! Stage language, part two: every exported function, in the order of the header. Each is a leaf
//! (none calls another: a host's own `auth_verify` must never be reached from here), keeps its
//! panics, and checks every pointer. The doc comments are the header's.
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::ptr;

#[cfg(feature = "test-panic")]
pub use crate::call::PANIC;
use crate::call::{Call, argument, bytes, c_text, guarded};
use crate::config::Config;
use crate::header;
use crate::path::{self, Path};
use crate::record::{are_apart, auth_verdict};
use crate::requirement::Requirement;
use crate::status::Status;
use crate::verdict::{Refusal, SENTENCE_MAX_BYTES};
use crate::verify::{Moment, require as require_more};

/// The version of this interface: a program or binding refuses a library that answers another
/// number.
pub const AUTH_ABI: u32 = 1;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// More of a detail than fits a sentence is not looked at.
const DETAIL_MAX_BYTES: usize = 4 * SENTENCE_MAX_BYTES;

/// Returns AUTH_ABI of the library. Never blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn auth_abi() -> u32 {
    guarded(AUTH_ABI, || AUTH_ABI)
}

/// Returns the version of the library, such as "0.1.0": static text. Never blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn auth_version() -> *const c_char {
    guarded(VERSION.as_ptr().cast(), || VERSION.as_ptr().cast())
}

/// Returns a new handle with every option at its default, or NULL when that fails. Yours: free it
/// with auth_config_free. One handle a process is the usual number; two never influence each other.
/// Never blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn auth_config_new() -> *mut Config {
    guarded(ptr::null_mut(), || Box::into_raw(Box::new(Config::default())))
}

/// Sets one option (docs/options.md); key and value are copied. A later set replaces. Lists:
/// separated by blanks, or a JSON array. Durations `30s 5m 1h 2d`, sizes `64k`. OPTION_UNKNOWN (the
/// log sentence names the nearest) or OPTION_INVALID is remembered: until the key is set right,
/// every use of the handle answers it. CONFIG_FROZEN after the first verify. Threads: any; never
/// blocks on the network.
///
/// # Safety
/// `config` is a live handle; `key` and `value` are NULL or end in NUL; `out` is NULL or has
/// `out_size` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_config_set(
    config: *mut Config,
    key: *const c_char,
    value: *const c_char,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    // SAFETY: as promised by the caller; so in every function below. Measured before the record is
    // closed: a text that it overlaps would be read changed, or without end.
    let (key, value) = unsafe { (c_text(key), c_text(value)) };
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| {
        let config = call.handle()?;
        let key = key.map(|key| call.c_text(key)).transpose();
        let value = value.map(|value| call.c_text(value)).transpose();
        let (key, value) = key.and_then(|key| Ok((key, value?))).inspect_err(|e| config.lose(e))?;
        config.set(key.unwrap_or_default(), value)?;
        Ok(call.ok())
    })
}

/// Sets the members of a JSON object, nested or dotted: `{"issuer": …, "keys": {"ttl": "5m"}}`.
/// Texts, arrays of texts for lists, numbers for durations (seconds) and sizes (bytes), objects for
/// keys.jwks; null is OPTION_INVALID. All or nothing; mistakes are told together and remembered by
/// their keys. For the rest as auth_config_set.
///
/// # Safety
/// `config` is a live handle; `json` has `json_len` bytes; `out` is NULL or has `out_size` writable
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_config_load(
    config: *mut Config,
    json: *const c_char,
    json_len: usize,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| {
        let config = call.handle()?;
        let json = unsafe { call.bytes(json, json_len) }.inspect_err(|e| config.lose(e))?;
        config.load(json)?;
        Ok(call.ok())
    })
}

/// Sets every option that the environment has (LIBAUTH_ISSUER, LIBAUTH_KEYS_TTL, …), all or
/// nothing. Other LIBAUTH_* variables are told in the log sentence of the OK. Reads nothing in a
/// set-user-id program. No other thread may change the environment meanwhile. For the rest as
/// auth_config_set.
///
/// # Safety
/// `config` is a live handle; `out` is NULL or has `out_size` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_config_load_env(
    config: *mut Config,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| {
        let warnings = call.handle()?.load_env()?.join("; ");
        Ok(call.ok_but(&warnings))
    })
}

/// Judges all options together; the log sentence tells every mistake, and of an OK what is allowed
/// and should be meant (`audience=*`). Freezes nothing. Never blocks on the network. Threads: any.
///
/// # Safety
/// `config` is a live handle; `out` is NULL or has `out_size` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_config_check(
    config: *const Config,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| {
        let warnings = call.handle()?.check()?.join("; ");
        Ok(call.ok_but(&warnings))
    })
}

/// Frees the handle and its keys. NULL is allowed. Call it once, when no other call on the handle
/// runs. Does not block: a fetch that is under way is cut off, and its thread ends by itself.
/// Threads: any one.
///
/// # Safety
/// `config` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_config_free(config: *mut Config) {
    guarded((), || {
        if !config.is_null() {
            drop(unsafe { Box::from_raw(config) });
        }
    })
}

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
/// `verdict.require` needs. Blocks only while keys are fetched, at most `keys.timeout`, once. The
/// first call freezes the options. Threads: any number at once.
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

/// Asks claims for more: what a second requirement needs of a token that was accepted. `claims` is
/// the text of that verdict and is trusted as such: no signature, time or audience is looked at
/// again. OK fills status and code alone. CLAIM_MALFORMED for a text that is no claims object.
/// Never blocks; freezes as auth_verify. Threads: any.
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

/// Reads one claim as text: `path` is a name, a dotted path or a JSON pointer. A JSON text without
/// U+0000 as what it stands for, anything else as its JSON. Returns the bytes needed without the
/// NUL, and writes them and a NUL only if all fits; SIZE_MAX = absent. Never blocks; any thread.
///
/// # Safety
/// `claims` has `claims_len` bytes; `path` is NULL or ends in NUL; `out` is NULL or has `out_size`
/// writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_claim(
    claims: *const c_char,
    claims_len: usize,
    path: *const c_char,
    out: *mut c_char,
    out_size: usize,
) -> usize {
    guarded(usize::MAX, || {
        let claims = unsafe { bytes(claims, claims_len) }.ok();
        let claims = claims.and_then(|claims| std::str::from_utf8(claims).ok());
        let path = unsafe { c_text(path) };
        let path =
            path.and_then(|(start, len)| unsafe { bytes(start, len.saturating_sub(1)) }.ok());
        let path = path.and_then(|path| std::str::from_utf8(path).ok()).and_then(Path::parse);
        let found = claims.zip(path.as_ref()).and_then(|(claims, path)| path.find(claims));
        // Owned: no slice of the inputs is alive when `out`, which may overlap them, is written.
        let text = found.map(|found| path::as_text(found).into_owned());
        let Some(text) = text else { return usize::MAX };
        if !out.is_null() && text.len() < out_size {
            unsafe { ptr::copy_nonoverlapping(text.as_ptr(), out.cast(), text.len()) };
            unsafe { out.add(text.len()).write(0) };
        }
        text.len()
    })
}

/// Writes the full answer (sentences, challenge, problem) for a status that you found yourself,
/// such as HEADER_MALFORMED for two Authorization headers; `detail` (may be NULL) goes into the log
/// sentence alone. Returns that status; ARGUMENT_INVALID for OK and for a number that is none.
/// Never blocks; any thread.
///
/// # Safety
/// `config` is a live handle; `detail` has `detail_len` bytes; `out` is NULL or has `out_size`
/// writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_describe(
    config: *const Config,
    status: i32,
    detail: *const c_char,
    detail_len: usize,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| {
        call.handle()?;
        let detail = unsafe { call.bytes(detail, detail_len) }?;
        match Status::from_number(status) {
            None | Some(Status::OK) => Err(argument("there is no refusal of this number")),
            Some(status) if detail.is_empty() => Err(Refusal::new(status, status.row().doc.trim())),
            Some(status) => {
                let detail = detail.get(..DETAIL_MAX_BYTES).unwrap_or(detail);
                let log = String::from_utf8_lossy(detail).into_owned();
                Err(Refusal::new(status, log))
            }
        }
    })
}

/// Returns the name of a status, such as "TOKEN_EXPIRED"; "UNKNOWN" for a foreign number. Static
/// text. Never blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn auth_status_name(status: i32) -> *const c_char {
    guarded(c"UNKNOWN".as_ptr(), || match Status::from_number(status) {
        Some(status) => status.name_c().as_ptr(),
        None => c"UNKNOWN".as_ptr(),
    })
}

/// Returns both tables (statuses, options) and the version as a JSON object, for bindings to check
/// themselves by. Static text. Never blocks; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn auth_tables_json() -> *const c_char {
    guarded(c"{}".as_ptr(), || crate::table::tables_json().as_ptr())
}
