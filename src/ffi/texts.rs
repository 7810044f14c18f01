//! Texts: a claim, an answer, a name, the tables.
#![allow(unsafe_code)]

use std::ffi::c_char;

use crate::call::{Call, argument, bytes, c_text, guarded, write_text};
use crate::config::Config;
use crate::path::{self, Path};
use crate::record::auth_verdict;
use crate::status::Status;
use crate::verdict::{Refusal, SENTENCE_MAX_BYTES};

/// More of a detail than fits a sentence is not looked at.
const DETAIL_MAX_BYTES: usize = 4 * SENTENCE_MAX_BYTES;

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
        unsafe { write_text(&text, out, out_size) }
    })
}

/// Writes the full answer for a status that you found yourself, such as HEADER_MALFORMED for two
/// Authorization headers; `detail` (may be NULL) goes into the log sentence alone. Returns that
/// status; ARGUMENT_INVALID for OK and for a number that is none. Never blocks; any thread.
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
