//! The program's one caller of the exported functions: what any C program does, in Rust.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};

use auth::config::Config;
use auth::ffi::{
    auth_authorize, auth_config_free, auth_config_new, auth_config_set, auth_describe,
    auth_status_name,
};
use auth::record::{auth_text, auth_verdict};

/// `AUTH_VERDICT_SIZE(16384)` of the header: enough under the default `token.max_bytes`.
const ROOM: usize = size_of::<auth_verdict>() + 2 * 16_384 + 4096;

/// An owned `auth_config *`.
pub struct Auth(*mut Config);

// SAFETY: the header promises any number of calls at once; set and free happen on one thread here.
unsafe impl Send for Auth {}
// SAFETY: as above.
unsafe impl Sync for Auth {}

/// A verdict, read out of its record.
pub struct Verdict {
    /// The auth_status that the call returned, and its name.
    pub number: i32,
    pub name: String,
    pub http_status: i32,
    pub retry_after_s: u32,
    pub code: String,
    pub message: String,
    pub log: String,
    pub challenge: String,
    pub problem: String,
    pub claims: String,
}

impl Auth {
    /// A handle with these options; the error is the log sentence.
    pub fn new(options: &[(&str, &str)]) -> Result<Auth, String> {
        let auth = Auth(auth_config_new());
        for (key, value) in options {
            let (Ok(key), Ok(value)) = (CString::new(*key), CString::new(*value)) else {
                return Err("an option has a NUL in it".into());
            };
            let set = Verdict::of(|out, size| {
                // SAFETY: a live handle, texts that end in NUL, and `size` bytes at `out`.
                unsafe { auth_config_set(auth.0, key.as_ptr(), value.as_ptr(), out, size) as i32 }
            });
            if set.number != 0 {
                return Err(set.log);
            }
        }
        Ok(auth)
    }

    /// The value of the Authorization header (None: not sent), and what the request needs.
    pub fn authorize(&self, header: Option<&str>, require: &str) -> Verdict {
        let (start, length) =
            header.map_or((std::ptr::null(), 0), |h| (h.as_ptr().cast(), h.len()));
        let needs = (require.as_ptr().cast(), require.len());
        Verdict::of(|out, size| {
            // SAFETY: a live handle, texts with their lengths, and `size` bytes at `out`.
            let status =
                unsafe { auth_authorize(self.0, start, length, needs.0, needs.1, out, size) };
            status as i32
        })
    }

    /// The whole answer for a status that the program found itself.
    pub fn describe(&self, status: i32, detail: &str) -> Verdict {
        let (start, length) = (detail.as_ptr().cast(), detail.len());
        Verdict::of(|out, size| {
            // SAFETY: a live handle, a text with its length, and `size` bytes at `out`.
            unsafe { auth_describe(self.0, status, start, length, out, size) as i32 }
        })
    }
}

impl Drop for Auth {
    fn drop(&mut self) {
        // SAFETY: made by auth_config_new, freed once.
        unsafe { auth_config_free(self.0) };
    }
}

impl Verdict {
    fn of(call: impl FnOnce(*mut auth_verdict, usize) -> i32) -> Verdict {
        let mut room = vec![0u8; ROOM];
        let returned = call(room.as_mut_ptr().cast(), room.len());
        // SAFETY: every call fills the head, and `room` is longer than it.
        let head: auth_verdict = unsafe { room.as_ptr().cast::<auth_verdict>().read_unaligned() };
        let text = |at: auth_text| {
            let start = at.offset as usize;
            let bytes = room.get(start..start.saturating_add(at.length as usize));
            String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
        };
        // SAFETY: static text that ends in NUL.
        let name = unsafe { CStr::from_ptr(auth_status_name(returned)) };
        Verdict {
            number: returned,
            name: name.to_string_lossy().into_owned(),
            http_status: head.http_status,
            retry_after_s: head.retry_after_s,
            code: text(head.code),
            message: text(head.message),
            log: text(head.log),
            challenge: text(head.challenge),
            problem: text(head.problem),
            claims: text(head.claims),
        }
    }
}
