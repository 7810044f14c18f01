//! Runs one case through the exported functions, and checks what is true of every answer.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::ptr;

use auth::config::Config;
use auth::ffi;
use auth::record::{auth_text, auth_verdict};
use auth::status::Status;
use aws_lc_rs::digest;
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::format::{Case, File, Options};
use super::generate::{hex, key_set, sign, token::token};

/// Memory for a verdict.
struct Record(Vec<u64>);

#[derive(PartialEq, Clone)]
struct Answer {
    returned: Status,
    number: i32,
    http_status: i32,
    retry_after_s: u32,
    expires_at: i64,
    texts: BTreeMap<&'static str, Vec<u8>>,
}

impl Record {
    fn new(input_bytes: usize) -> Record {
        let bytes = size_of::<auth_verdict>() + 2 * input_bytes + 4096;
        Record(vec![0x5555_5555_5555_5555; bytes.div_ceil(8)])
    }

    fn out(&mut self) -> (*mut auth_verdict, usize) {
        (self.0.as_mut_ptr().cast(), self.0.len() * 8)
    }

    fn read(&self, returned: Status) -> Answer {
        let start: *const u8 = self.0.as_ptr().cast();
        // SAFETY: a record is larger than its head, and aligned.
        let head = unsafe { *start.cast::<auth_verdict>() };
        let text = |text: auth_text| {
            let bytes = unsafe {
                let end = text.offset as usize + text.length as usize;
                assert!(end < self.0.len() * 8);
                std::slice::from_raw_parts(start.add(text.offset as usize), text.length as usize)
            };
            bytes.to_vec()
        };
        let texts = [
            ("code", head.code),
            ("message", head.message),
            ("log", head.log),
            ("challenge", head.challenge),
            ("problem", head.problem),
            ("claims", head.claims),
            ("header", head.header),
            ("issuer", head.issuer),
            ("subject", head.subject),
            ("client_id", head.client_id),
            ("scopes", head.scopes),
        ];
        Answer {
            returned,
            number: head.status,
            http_status: head.http_status,
            retry_after_s: head.retry_after_s,
            expires_at: head.expires_at,
            texts: texts.map(|(name, place)| (name, text(place))).into(),
        }
    }
}

impl Answer {
    fn bytes(&self, name: &str) -> &[u8] {
        &self.texts[name]
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.bytes(name)).into_owned()
    }

    fn status_name(&self) -> &'static str {
        self.returned.row().name
    }

    /// `number http retry_after expires_at code sha256`
    fn line(&self) -> String {
        let accepted = ["claims", "header", "issuer", "subject", "client_id", "scopes"].as_slice();
        let refused = ["message", "log", "challenge", "problem"].as_slice();
        let names = if self.number == 0 { accepted } else { refused };
        let texts: Vec<&[u8]> = names.iter().map(|name| self.bytes(name)).collect();
        let hash = sha256(&texts.join([0].as_slice()));
        let (number, http, retry) = (self.number, self.http_status, self.retry_after_s);
        format!("{number} {http} {retry} {} {} {hash}", self.expires_at, self.text("code"))
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&sign::SHA256, bytes).as_ref())
}

struct Handle(*mut Config);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { ffi::auth_config_free(self.0) };
    }
}

impl Handle {
    /// What `set` answers, `check` repeats.
    fn new(options: &Options) -> Handle {
        let handle = Handle(ffi::auth_config_new());
        handle.set(options);
        handle
    }

    /// A value that is not a text is handed over as JSON.
    fn set(&self, options: &Options) {
        for (key, value) in options {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let (key, value) = (CString::new(key.as_str()), CString::new(value));
            let (key, value) = (key.unwrap(), value.unwrap());
            let none = ptr::null_mut();
            unsafe { ffi::auth_config_set(self.0, key.as_ptr(), value.as_ptr(), none, 0) };
        }
    }

    fn load(&self, document: &[u8], record: &mut Record) -> Answer {
        let (out, size) = record.out();
        let (start, length) = (document.as_ptr().cast(), document.len());
        let returned = unsafe { ffi::auth_config_load(self.0, start, length, out, size) };
        record.read(returned)
    }

    fn require(&self, claims: &Input, require: &Input, record: &mut Record) -> Answer {
        let (out, size) = record.out();
        let returned = self.require_into(claims, require, out, size);
        record.read(returned)
    }

    fn require_into(
        &self,
        claims: &Input,
        require: &Input,
        out: *mut auth_verdict,
        size: usize,
    ) -> Status {
        let (claims, claims_len) = claims.parts();
        let (require, require_len) = require.parts();
        unsafe { ffi::auth_require(self.0, claims, claims_len, require, require_len, out, size) }
    }

    fn check(&self, record: &mut Record) -> Answer {
        let (out, size) = record.out();
        let returned = unsafe { ffi::auth_config_check(self.0, out, size) };
        record.read(returned)
    }

    fn authorize(&self, call: &Call, record: &mut Record) -> Answer {
        let (out, size) = record.out();
        let returned = self.authorize_into(call, out, size);
        record.read(returned)
    }

    fn authorize_into(&self, call: &Call, out: *mut auth_verdict, size: usize) -> Status {
        let (header, header_len) = call.header.parts();
        let (require, require_len) = call.require.parts();
        unsafe {
            ffi::auth_authorize_at(
                self.0,
                header,
                header_len,
                require,
                require_len,
                call.now,
                out,
                size,
            )
        }
    }

    fn verify(&self, text: &[u8], now: i64, record: &mut Record) -> Answer {
        let (out, size) = record.out();
        let start = text.as_ptr().cast();
        let returned = unsafe { ffi::auth_verify_at(self.0, start, text.len(), now, out, size) };
        record.read(returned)
    }
}

/// A text that may be absent: NULL.
struct Input(Option<Vec<u8>>);

impl Input {
    fn new(text: &Option<String>, b64: &Option<String>) -> Input {
        let decoded = b64.as_ref().map(|b64| STANDARD.decode_to_vec(b64).unwrap());
        Input(decoded.or_else(|| text.as_ref().map(|text| text.clone().into_bytes())))
    }

    fn parts(&self) -> (*const c_char, usize) {
        self.0.as_ref().map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len()))
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

struct Call {
    header: Input,
    require: Input,
    now: i64,
}

/// The line of a case for the parity file, and what is wrong with the answer.
pub fn case(file: &File, case: &Case) -> (String, Vec<String>) {
    let mut options = file.options.clone();
    options.extend(case.options.clone());
    let handle = Handle::new(&options);
    if let Some(answered) = loaded(case, &options, &handle) {
        return answered;
    }
    let require = Input::new(&case.require, &case.require_b64);
    let claims = Input::new(&case.claims, &case.claims_b64);
    if claims.0.is_some() {
        return more(case, &options, &handle, &claims, &require);
    }
    let Some(now) = case.now else {
        let answer = handle.check(&mut Record::new(0));
        let again = handle.check(&mut accepted_record(0));
        let mut faults = judge(case, &options, &answer, b"");
        unless(&mut faults, answer == again, || "another answer the second time".into());
        return (answer.line(), faults);
    };
    let call = Call { header: Input::new(&case.header, &case.header_b64), require, now };
    let bytes = call.header.bytes().len();
    let answer = handle.authorize(&call, &mut Record::new(bytes));
    let mut faults = judge(case, &options, &answer, call.header.bytes());
    let again = handle.authorize(&call, &mut Record::new(bytes));
    unless(&mut faults, answer == again, || "another answer the second time".into());
    let reused = handle.authorize(&call, &mut accepted_record(bytes));
    unless(&mut faults, answer == reused, || "another answer in a used record".into());
    let status = handle.authorize_into(&call, ptr::null_mut(), 0);
    unless(&mut faults, status == answer.returned, || "another status without a record".into());
    // The same of the token alone, where a header was well-formed and nothing more is needed.
    let text = call.header.bytes().get(7..).unwrap_or_default();
    if call.require.0.is_none() && answer.number / 1000 != 1 && !text.starts_with(b" ") {
        let alone = handle.verify(text, now, &mut Record::new(bytes));
        unless(&mut faults, alone == answer, || "auth_verify_at answers otherwise".into());
    }
    (answer.line(), faults)
}

/// Loads, then sets what stands after it. A refused load that nothing is set after is the answer.
fn loaded(case: &Case, options: &Options, handle: &Handle) -> Option<(String, Vec<String>)> {
    let document = Input::new(&case.load, &case.load_b64).0?;
    let answer = handle.load(&document, &mut Record::new(0));
    let again = handle.load(&document, &mut accepted_record(0));
    let refused = answer.returned != Status::OK;
    handle.set(&case.set);
    (refused && case.set.is_empty()).then(|| {
        let mut faults = judge(case, options, &answer, b"");
        unless(&mut faults, answer == again, || "another answer the second time".into());
        (answer.line(), faults)
    })
}

/// auth_require.
fn more(
    case: &Case,
    options: &Options,
    handle: &Handle,
    claims: &Input,
    require: &Input,
) -> (String, Vec<String>) {
    let answer = handle.require(claims, require, &mut Record::new(0));
    let mut faults = judge(case, options, &answer, b"");
    let again = handle.require(claims, require, &mut accepted_record(0));
    unless(&mut faults, answer == again, || "another answer the second time".into());
    let status = handle.require_into(claims, require, ptr::null_mut(), 0);
    unless(&mut faults, status == answer.returned, || "another status without a record".into());
    let read: Value = serde_json::from_slice(claims.bytes()).unwrap_or_default();
    let subject = read["sub"].as_str().unwrap_or("\u{1}");
    let told = answer.texts.values().any(|text| String::from_utf8_lossy(text).contains(subject));
    unless(&mut faults, !told, || "the subject is told".into());
    (answer.line(), faults)
}

/// A record that holds an accepted verdict.
fn accepted_record(bytes: usize) -> Record {
    let mut record = Record::new(bytes.max(1024));
    let answer = standard().verify(token().text().as_bytes(), super::generate::NOW, &mut record);
    assert_eq!(answer.status_name(), "OK");
    record
}

fn standard() -> Handle {
    let keys = key_set([sign::key("ed-1").public()]);
    let options = [
        ("issuer", Value::from(super::generate::ISSUER)),
        ("audience", Value::from(super::generate::AUDIENCE)),
        ("keys.jwks", keys),
    ];
    Handle::new(&options.map(|(key, value)| (key.to_owned(), value)).into())
}

/// The status of a token by itself, under the standard options.
pub fn verify(text: &[u8]) -> &'static str {
    let mut record = Record::new(text.len());
    standard().verify(text, super::generate::NOW, &mut record).status_name()
}

/// The same by the clock on the wall: keys could be fetched.
pub fn verify_now(text: &[u8]) -> &'static str {
    let (start, none) = (text.as_ptr().cast(), ptr::null_mut());
    let status = unsafe { ffi::auth_verify(standard().0, start, text.len(), none, 0) };
    status.row().name
}

fn unless(faults: &mut Vec<String>, fine: bool, fault: impl FnOnce() -> String) {
    if !fine {
        faults.push(fault());
    }
}

fn judge(case: &Case, options: &Options, answer: &Answer, header: &[u8]) -> Vec<String> {
    let expect = &case.expect;
    let mut faults = Vec::new();
    let (got, wanted) = (answer.status_name(), &expect.status);
    unless(&mut faults, got == wanted, || format!("{got}, not {wanted}: {}", answer.text("log")));
    let same = answer.returned.row();
    unless(&mut faults, same.number == answer.number, || "returned is not recorded".into());
    let told = (answer.http_status, answer.text("code"));
    let right = told == (same.http_status, same.code.to_owned());
    unless(&mut faults, right, || format!("{told:?} is not of {got}"));
    match answer.returned {
        Status::OK => accepted(case, answer, &mut faults),
        _ => {
            refused(case, answer, options, &mut faults);
            nothing_told(answer, header, &mut faults);
        }
    }
    faults
}

fn accepted(case: &Case, answer: &Answer, faults: &mut Vec<String>) {
    let expect = &case.expect;
    for (name, wanted) in [
        ("issuer", &expect.issuer),
        ("subject", &expect.subject),
        ("client_id", &expect.client_id),
        ("scopes", &expect.scopes),
    ] {
        let (got, wanted) = (answer.text(name), wanted.clone().unwrap_or_default());
        unless(faults, got == wanted, || format!("{name} {got:?}, not {wanted:?}"));
    }
    let (got, wanted) = (answer.expires_at, expect.expires_at.unwrap_or(0));
    unless(faults, got == wanted, || format!("expires_at {got}, not {wanted}"));
    if let Some(wanted) = &expect.claims_sha256 {
        let got = sha256(answer.bytes("claims"));
        unless(faults, got == *wanted, || "the claims are not those signed".into());
    }
    for name in ["message", "log", "challenge", "problem"] {
        // A check of options that are right may warn.
        let warning = name == "log" && answer.bytes("claims").is_empty();
        let empty = answer.bytes(name).is_empty();
        unless(faults, empty || warning, || format!("{name} of an accepted token"));
    }
    let log = answer.text("log");
    for text in &expect.log_has {
        unless(faults, log.contains(text), || format!("log without {text:?}: {log}"));
    }
    unless(faults, answer.retry_after_s == 0, || "retry_after_s of an accepted token".into());
}

/// Sentences, problem body and challenge of a refusal are whole.
fn refused(case: &Case, answer: &Answer, options: &Options, faults: &mut Vec<String>) {
    for name in ["claims", "header", "subject", "client_id", "scopes"] {
        let empty = answer.bytes(name).is_empty();
        unless(faults, empty, || format!("{name} of a refused token"));
    }
    let pending = answer.returned == Status::KEYS_PENDING;
    let named = !answer.bytes("issuer").is_empty();
    unless(faults, pending == named, || "issuer is for KEYS_PENDING alone".into());
    unless(faults, answer.expires_at == 0, || "expires_at of a refused token".into());
    let waits = (answer.http_status == 503) == (answer.retry_after_s >= 1);
    unless(faults, waits, || format!("retry_after_s {}", answer.retry_after_s));
    let row = answer.returned.row();
    unless(faults, answer.text("message") == row.message, || "not the message of the table".into());
    let log = answer.text("log");
    let printable = log.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let fits = !log.is_empty() && log.len() <= 512 && printable;
    unless(faults, fits, || format!("log {log:?}"));
    for text in &case.expect.log_has {
        unless(faults, log.contains(text), || format!("log without {text:?}: {log}"));
    }
    let problem: Value = serde_json::from_str(&answer.text("problem")).unwrap_or_default();
    let told = (&problem["status"], &problem["code"], &problem["detail"]);
    let right = told == (&row.http_status.into(), &row.code.into(), &row.message.into());
    unless(faults, right, || format!("problem {problem}"));
    let (got, wanted) = (answer.text("challenge"), challenge(case, answer, options));
    unless(faults, got == wanted, || format!("challenge {got:?}, not {wanted:?}"));
}

/// RFC 6750 3: no more than the scheme where no credential of ours was sent; the error of the
/// status; the scopes of a requirement; and what the options say. Nothing on 500 and 503.
fn challenge(case: &Case, answer: &Answer, options: &Options) -> String {
    let option = |key: &str| options.get(key).and_then(Value::as_str);
    let message = answer.returned.row().message;
    let error = match (answer.returned, answer.http_status) {
        (Status::HEADER_MISSING | Status::SCHEME_UNSUPPORTED, _) => None,
        (Status::HEADER_MALFORMED, _) => Some("invalid_request"),
        (_, 401) => Some("invalid_token"),
        (_, 403) => Some("insufficient_scope"),
        _ => return String::new(),
    };
    let scope = case.expect.challenge_scope.as_deref();
    let parameters = [
        ("realm", option("verdict.realm")),
        ("error", error),
        ("error_description", error.map(|_| message)),
        ("scope", scope),
        ("resource_metadata", option("verdict.resource_metadata")),
    ];
    let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let given: Vec<String> = given.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    format!("Bearer {}", given.join(", ")).trim_end().to_owned()
}

/// No text of a refusal holds a piece of payload or signature, or the subject.
fn nothing_told(answer: &Answer, header: &[u8], faults: &mut Vec<String>) {
    const PIECE: usize = 12;
    let all: Vec<u8> =
        answer.texts.values().flat_map(|text| [text, b"\0".as_slice()].concat()).collect();
    let has = |piece: &[u8]| all.windows(piece.len()).any(|window| window == piece);
    let credential = header.splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default();
    let parts: Vec<&[u8]> = credential.split(|byte| *byte == b'.').collect();
    let secret = if parts.len() == 1 { &parts[..] } else { &parts[1..] };
    // Long parts of one letter repeated say nothing; a piece a part is enough of them.
    let pieces = secret.iter().flat_map(|part| part.windows(PIECE).take(2_000));
    for piece in pieces {
        unless(faults, !has(piece), || format!("told: {:?}", String::from_utf8_lossy(piece)));
    }
    let payload = parts.get(1).and_then(|part| URL_SAFE_NO_PAD.decode_to_vec(part).ok());
    let payload: Value = serde_json::from_slice(&payload.unwrap_or_default()).unwrap_or_default();
    let subject = payload["sub"].as_str().filter(|sub| sub.len() >= 6).unwrap_or("\u{1}");
    unless(faults, !has(subject.as_bytes()), || "the subject is told".into());
}
