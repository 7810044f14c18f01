//! Stage language, part one: writes an answer into the caller's bytes. Closed first, filled, opened
//! last: whatever happens in between, what stands there is no acceptance.
#![allow(unsafe_code, non_camel_case_types)]

use std::ptr;

use crate::status::Status;
use crate::verdict::{Answer, ChallengeTexts, Refusal, refuse};

/// A text inside a verdict: UTF-8, `length` bytes from `offset`, which counts from the start of the
/// verdict; a NUL follows. {0, 0} = empty. Read it with auth_text_of.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct auth_text {
    pub offset: u32,
    pub length: u32,
}

/// The answer to a call: ONE contiguous record in your memory. Offsets, no pointers: copy it, move
/// it, nothing to free. Every call closes it first (INTERNAL, 500, empty texts) and fills it last.
/// Fields are only ever added at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct auth_verdict {
    /// Bytes used; the bytes needed when out_size was too small.
    pub size: u32,
    /// The auth_status that was returned.
    pub status: i32,
    /// 200, 401, 403, 500 or 503.
    pub http_status: i32,
    /// For 503: seconds, at least 1; else 0.
    pub retry_after_s: u32,
    /// `exp`, seconds since 1970; 0 when not valid.
    pub expires_at: i64,
    /// "ok", or a stable code such as "auth.token_expired".
    pub code: auth_text,
    /// One sentence for the client: quotes nothing of the token. Empty when valid.
    pub message: auth_text,
    /// One sentence for your log: expected and got. Of an OK: a warning of a config call, or empty.
    pub log: auth_text,
    /// Value for WWW-Authenticate (RFC 6750, RFC 9728). Empty when valid, on 500 and on 503.
    pub challenge: auth_text,
    /// Body for application/problem+json (RFC 9457). Empty when valid.
    pub problem: auth_text,
    /// The claims: a JSON object, byte for byte as signed. Empty when not valid.
    pub claims: auth_text,
    /// The JOSE header: a JSON object as signed. Empty when not valid.
    pub header: auth_text,
    /// `iss`; on KEYS_PENDING the issuer whose keys are awaited; else empty when not valid.
    pub issuer: auth_text,
    /// `sub`, or what `claims.subject_from` says. Empty when not valid or absent.
    pub subject: auth_text,
    /// The first present of client_id, azp, cid, appid. Empty when not valid or absent.
    pub client_id: auth_text,
    /// What `claims.scopes_from` grants, separated by one space, none twice. Empty when not valid.
    pub scopes: auth_text,
}

const HEAD_BYTES: usize = size_of::<auth_verdict>();

/// Two pieces of memory have no byte in common.
pub fn are_apart(one: usize, one_bytes: usize, other: usize, other_bytes: usize) -> bool {
    one >= other.saturating_add(other_bytes) || other >= one.saturating_add(one_bytes)
}

/// The caller's memory.
pub struct Record {
    out: *mut u8,
    size: usize,
}

impl Record {
    /// Closes the record.
    ///
    /// # Safety
    /// `out` is NULL or points to `size` writable bytes, of any alignment, until the record is
    /// gone.
    pub unsafe fn closed(out: *mut auth_verdict, size: usize) -> Record {
        let record = Record { out: out.cast(), size };
        record.close();
        record
    }

    /// The bytes from `start` on, `length` of them, share memory with the record.
    pub fn overlaps(&self, start: *const u8, length: usize) -> bool {
        !self.out.is_null() && !are_apart(self.out.addr(), self.size, start.addr(), length)
    }

    /// Writes the answer and gives the status to return.
    pub fn write(&self, answer: &Answer) -> Status {
        let row = answer.status.row();
        let mut head = auth_verdict {
            status: row.number,
            http_status: row.http_status,
            retry_after_s: answer.retry_after_s,
            expires_at: answer.expires_at,
            ..Record::closed_head()
        };
        let texts: [&[u8]; 11] = [
            row.code.as_bytes(),
            answer.message.as_bytes(),
            answer.log.as_bytes(),
            answer.challenge.as_bytes(),
            answer.problem.as_bytes(),
            answer.claims,
            answer.header,
            answer.issuer.as_bytes(),
            answer.subject.as_bytes(),
            answer.client_id.as_bytes(),
            answer.scopes.as_bytes(),
        ];
        // A NUL behind each that is not empty.
        let needs = |text: &&[u8]| text.len().saturating_add(usize::from(!text.is_empty()));
        let used = texts.iter().map(needs).fold(HEAD_BYTES, usize::saturating_add);
        let Ok(size) = u32::try_from(used) else { return self.too_small(u32::MAX) };
        if !self.out.is_null() && used > self.size {
            return self.too_small(size);
        }
        head.size = size;
        let places = [
            &mut head.code,
            &mut head.message,
            &mut head.log,
            &mut head.challenge,
            &mut head.problem,
            &mut head.claims,
            &mut head.header,
            &mut head.issuer,
            &mut head.subject,
            &mut head.client_id,
            &mut head.scopes,
        ];
        let mut offset = HEAD_BYTES;
        for (text, place) in texts.iter().zip(places).filter(|(text, _)| !text.is_empty()) {
            // Both are smaller than `size`, which fits.
            *place = auth_text { offset: offset as u32, length: text.len() as u32 };
            self.copy(offset, text);
            self.copy(offset.saturating_add(text.len()), &[0]);
            offset = offset.saturating_add(needs(text));
        }
        self.head(&head);
        answer.status
    }

    /// After a panic: closed again, then a whole answer if that can be had.
    pub fn defect(&self) -> Status {
        self.close();
        let refusal =
            Refusal::new(Status::INTERNAL, "a defect of this library; nothing was accepted");
        self.write(&refuse(&refusal, &ChallengeTexts::default()))
    }

    fn closed_head() -> auth_verdict {
        let none = auth_text::default();
        let row = Status::INTERNAL.row();
        auth_verdict {
            size: HEAD_BYTES as u32,
            status: row.number,
            http_status: row.http_status,
            retry_after_s: 0,
            expires_at: 0,
            code: none,
            message: none,
            log: none,
            challenge: none,
            problem: none,
            claims: none,
            header: none,
            issuer: none,
            subject: none,
            client_id: none,
            scopes: none,
        }
    }

    fn close(&self) {
        self.head(&Record::closed_head());
    }

    fn too_small(&self, needed: u32) -> Status {
        let row = Status::OUT_TOO_SMALL.row();
        self.head(&auth_verdict {
            size: needed,
            status: row.number,
            http_status: row.http_status,
            ..Record::closed_head()
        });
        Status::OUT_TOO_SMALL
    }

    fn head(&self, head: &auth_verdict) {
        if self.out.is_null() {
            return;
        }
        let bytes = self.size.min(HEAD_BYTES);
        // SAFETY: `bytes` are within the head and, as `closed` was promised, within the record. The
        // head has no padding (tests/abi.rs), and bytes are copied: `out` may have any alignment.
        unsafe { ptr::copy_nonoverlapping(ptr::from_ref(head).cast(), self.out, bytes) };
    }

    /// Copies behind the head; `write` has seen that all fits.
    fn copy(&self, at: usize, bytes: &[u8]) {
        let fits = at.checked_add(bytes.len()).is_some_and(|end| end <= self.size);
        if self.out.is_null() || !fits {
            return;
        }
        // SAFETY: the range ends within the record, as `closed` was promised; `bytes` is memory of
        // ours, or of an input that `overlaps` was asked about.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.out.add(at), bytes.len()) };
    }
}
