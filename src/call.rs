//! Stage language, part three: what every exported function does around its work: keeps panics,
//! checks pointers and lengths, closes and writes the record.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{ptr, slice};

use crate::config::{Config, Runtime};
use crate::record::{Record, auth_verdict};
use crate::requirement::Requirement;
use crate::status::Status;
use crate::verdict::{Answer, ChallengeTexts, Refusal, SENTENCE_MAX_BYTES, printable, refuse};
use crate::verify::{Moment, authorize, verify};

/// For tests: the next exported function panics inside its guard.
#[cfg(feature = "test-panic")]
pub static PANIC: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Runs the body of an exported function: no panic leaves it.
pub fn guarded<T>(after_panic: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "test-panic")]
        assert!(!PANIC.swap(false, std::sync::atomic::Ordering::SeqCst), "asked for by a test");
        body()
    }))
    .unwrap_or(after_panic)
}

pub fn argument(log: &'static str) -> Refusal {
    Refusal::new(Status::ARGUMENT_INVALID, log)
}

/// NULL with length 0 is empty text. A length beyond 4 GiB (offsets of a record are 32 bits) or the
/// end of memory, or NULL with a length, is an error, and no slice is made of it.
///
/// # Safety
/// `start` has `length` readable bytes.
pub unsafe fn bytes<'a>(start: *const c_char, length: usize) -> Result<&'a [u8], ()> {
    let impossible = u32::try_from(length).is_err() || start.addr().checked_add(length).is_none();
    match (start.is_null(), length) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(()),
        _ if impossible => Err(()),
        _ => Ok(unsafe { slice::from_raw_parts(start.cast(), length) }),
    }
}

/// A text that ends in NUL, as its start and its length with the NUL; None for NULL.
///
/// # Safety
/// `start` is NULL or ends in NUL.
pub unsafe fn c_text(start: *const c_char) -> Option<(*const c_char, usize)> {
    match start.is_null() {
        true => None,
        false => Some((start, unsafe { CStr::from_ptr(start) }.count_bytes().saturating_add(1))),
    }
}

/// Writes the text and a NUL if both fit, and gives the bytes of the text.
///
/// # Safety
/// `out` is NULL or has `out_size` writable bytes, none of them of the text.
pub unsafe fn write_text(text: &str, out: *mut c_char, out_size: usize) -> usize {
    if !out.is_null() && text.len() < out_size {
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), out.cast(), text.len()) };
        unsafe { out.add(text.len()).write(0) };
    }
    text.len()
}

/// One call with a handle and a record.
pub struct Call {
    config: *const Config,
    record: Record,
}

impl Call {
    /// # Safety
    /// `config` is NULL or a live handle; `out` is NULL or has `out_size` writable bytes.
    pub unsafe fn begin(config: *const Config, out: *mut auth_verdict, out_size: usize) -> Call {
        Call { config, record: unsafe { Record::closed(out, out_size) } }
    }

    /// Runs the body; a refusal is written as a whole answer.
    pub fn answer(&self, body: impl FnOnce(&Call) -> Result<Status, Refusal>) -> Status {
        let whole = || {
            body(self).unwrap_or_else(|refusal| {
                let texts = self
                    .handle()
                    .map_or_else(|_| ChallengeTexts::default(), |config| config.challenge_texts());
                self.record.write(&refuse(&refusal, &texts))
            })
        };
        guarded(None, || Some(whole()))
            .or_else(|| guarded(None, || Some(self.record.defect())))
            .unwrap_or(Status::INTERNAL)
    }

    pub fn ok(&self) -> Status {
        self.ok_but("")
    }

    pub fn ok_but(&self, warning: &str) -> Status {
        let log = printable(warning, SENTENCE_MAX_BYTES).into();
        self.record.write(&Answer { status: Status::OK, log, ..Answer::default() })
    }

    pub fn handle(&self) -> Result<&Config, Refusal> {
        // SAFETY: NULL or live, as `begin` was promised.
        match unsafe { self.config.as_ref() } {
            None => Err(argument("the handle is NULL")),
            Some(config) if config.is_husk() => {
                Err(argument("the handle was freed by auth_config_free"))
            }
            Some(config) => Ok(config),
        }
    }

    /// # Safety
    /// `start` has `length` readable bytes.
    pub unsafe fn bytes<'a>(
        &self,
        start: *const c_char,
        length: usize,
    ) -> Result<&'a [u8], Refusal> {
        let impossible = "NULL with a length, or a length beyond 4 GiB or the end of memory";
        let input = unsafe { bytes(start, length) }.map_err(|()| argument(impossible))?;
        self.apart(input)
    }

    fn apart<'a>(&self, input: &'a [u8]) -> Result<&'a [u8], Refusal> {
        match !input.is_empty() && self.record.overlaps(input.as_ptr(), input.len()) {
            true => Err(argument("out overlaps an input")),
            false => Ok(input),
        }
    }

    /// What `c_text` measured, without its NUL.
    pub fn c_text<'a>(&self, (start, length): (*const c_char, usize)) -> Result<&'a [u8], Refusal> {
        // SAFETY: readable up to its NUL, which was found there.
        let text: &[u8] = unsafe { self.bytes(start, length) }?;
        Ok(text.split_last().map_or(text, |(_, text)| text))
    }

    pub fn judge_token(
        &self,
        token: *const c_char,
        token_len: usize,
        moment: Moment,
    ) -> Result<Status, Refusal> {
        let config = self.handle()?;
        if !token.is_null() && u32::try_from(token_len).is_err() {
            let log = "the length of the token is beyond 4 GiB";
            return Err(Refusal::new(Status::TOKEN_TOO_LARGE, log));
        }
        let token = unsafe { self.bytes(token, token_len) }?;
        let runtime = config.runtime()?;
        verify(runtime, token, &Requirement::default(), moment, |answer| self.record.write(answer))
    }

    pub fn judge_header(
        &self,
        (header, header_len): (*const c_char, usize),
        (require, require_len): (*const c_char, usize),
        moment: Moment,
    ) -> Result<Status, Refusal> {
        let config = self.handle()?;
        let header = unsafe { self.bytes(header, header_len) }?;
        let require = unsafe { self.bytes(require, require_len) }?;
        let runtime: &Runtime = config.runtime()?;
        let requirement = Requirement::parse(require)?;
        authorize(runtime, header, &requirement, moment, |answer| self.record.write(answer))
    }
}
