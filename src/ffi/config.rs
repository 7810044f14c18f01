//! The handle: its life, and its options.
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::ptr;

use crate::call::{Call, c_text, guarded};
use crate::config::Config;
use crate::record::auth_verdict;
use crate::status::Status;

/// The version of this interface: a program or binding refuses a library that answers another
/// number.
pub const AUTH_ABI: u32 = 1;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

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
/// runs: a debug build answers a later one ARGUMENT_INVALID. Does not block: a fetch that is under
/// way is cut off, its thread ends by itself. Threads: any one.
///
/// # Safety
/// `config` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn auth_config_free(config: *mut Config) {
    guarded((), || {
        let Some(live) = (unsafe { config.as_ref() }) else { return };
        if cfg!(debug_assertions) {
            assert!(!live.is_husk(), "auth_config_free: the handle was freed before");
            // Never given back: no later handle may come to lie where a stale pointer leads.
            unsafe { *config = Config::husk() };
        } else {
            drop(unsafe { Box::from_raw(config) });
        }
    })
}
