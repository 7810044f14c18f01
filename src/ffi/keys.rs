//! The keys from outside: fetch them, ask for them, tell of them.
#![allow(unsafe_code)]

use std::ffi::c_char;

use crate::call::{Call, guarded, write_text};
use crate::config::Config;
use crate::record::auth_verdict;
use crate::report::metrics;
use crate::status::Status;

/// Fetches the keys of an issuer, or joins the fetch under way; NULL: of all, 64 at a time. What
/// ended less than 2 s ago is told again without a fetch. Blocks for `keys.timeout` and a second at
/// most. OK, or why not; ARGUMENT_INVALID for an issuer that is not configured. Freezes. Threads:
/// any number at once.
///
/// # Safety
/// `config` is a live handle; `issuer` has `issuer_len` bytes; `out` is NULL or has `out_size`
/// writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_refresh(
    config: *const Config,
    issuer: *const c_char,
    issuer_len: usize,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| {
        let name = unsafe { call.bytes(issuer, issuer_len) }?;
        let name = String::from_utf8_lossy(name);
        call.handle()?.runtime()?.refresh((!issuer.is_null()).then_some(name.as_ref()))?;
        Ok(call.ok())
    })
}

/// For a readiness probe: OK once keys of one issuer are here and every other was tried, and from
/// then on. Else starts the first fetch and tells KEYS_PENDING, or the last failure. Freezes. Never
/// blocks; any thread.
///
/// # Safety
/// `config` is a live handle; `out` is NULL or has `out_size` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_ready(
    config: *const Config,
    out: *mut auth_verdict,
    out_size: usize,
) -> Status {
    let call = unsafe { Call::begin(config, out, out_size) };
    call.answer(|call| {
        call.handle()?.runtime()?.ready()?;
        Ok(call.ok())
    })
}

/// Tells of the handle as a JSON object (docs/report.md): counters, keys, errors, warnings, events.
/// Returns the bytes needed without the NUL, and writes them and a NUL only if all fits; 0 for a
/// NULL handle. Never blocks; any thread.
///
/// # Safety
/// `config` is NULL or a live handle; `out` is NULL or has `out_size` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_report(
    config: *const Config,
    out: *mut c_char,
    out_size: usize,
) -> usize {
    guarded(0, || match unsafe { config.as_ref() } {
        Some(config) if config.is_husk() => 0,
        Some(config) => unsafe { write_text(&config.report().to_json(), out, out_size) },
        None => 0,
    })
}

/// The same as auth_report for Prometheus (text format 0.0.4).
///
/// # Safety
/// As auth_report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_metrics(
    config: *const Config,
    out: *mut c_char,
    out_size: usize,
) -> usize {
    guarded(0, || match unsafe { config.as_ref() } {
        Some(config) if config.is_husk() => 0,
        Some(config) => unsafe { write_text(&metrics::text(&config.report()), out, out_size) },
        None => 0,
    })
}
