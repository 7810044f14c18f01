//! Stage verdict: outcome + requirement → status, HTTP status, code, sentences, challenge, problem
//! body (RFC 6750 3, RFC 9457, RFC 9728 5.1). What the client sees is constant text and
//! configuration; what the operator sees is escaped, short, and never `sub` or token text.

use std::borrow::Cow;
use std::fmt::Write;

use crate::options::REQUIREMENT_MAX_BYTES;
use crate::status::Status;

/// `message` and `log` are at most so long; a value in a sentence at most VALUE_MAX.
const SENTENCE_MAX_BYTES: usize = 512;
const VALUE_MAX: usize = 64;
const LIST_MAX: usize = 3;

/// Why a token, a request or a call was refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: Status,
    /// The operator's sentence: expected and got, escaped.
    pub log: Cow<'static, str>,
    pub retry_after_s: u32,
    /// On KEYS_PENDING: the configured issuer whose keys are awaited.
    pub issuer: String,
    /// On SCOPE_MISSING: every scope of the requirement.
    pub scope: String,
}

impl Refusal {
    pub fn new(status: Status, log: impl Into<Cow<'static, str>>) -> Refusal {
        let retry_after_s = u32::from(status.row().http_status == 503);
        let (issuer, scope) = (String::new(), String::new());
        Refusal { status, log: log.into(), retry_after_s, issuer, scope }
    }

    pub fn pending(mut self, issuer: &str) -> Refusal {
        self.issuer = issuer.to_owned();
        self
    }

    /// Rounded up to whole seconds, never 0.
    pub fn retry_after(mut self, milliseconds: u64) -> Refusal {
        self.retry_after_s = u32::try_from(milliseconds.div_ceil(1_000).max(1)).unwrap_or(u32::MAX);
        self
    }
}

/// What a record holds. Texts of a refusal are made here; those of an accepted token are borrowed.
#[derive(Default)]
pub struct Answer<'a> {
    pub status: Status,
    pub retry_after_s: u32,
    pub expires_at: i64,
    pub message: Cow<'a, str>,
    pub log: Cow<'a, str>,
    pub challenge: Cow<'a, str>,
    pub problem: Cow<'a, str>,
    pub claims: &'a [u8],
    pub header: &'a [u8],
    pub issuer: Cow<'a, str>,
    pub subject: &'a str,
    pub client_id: &'a str,
    pub scopes: Cow<'a, str>,
}

/// The configured part of a challenge.
#[derive(Debug, Default, Clone)]
pub struct ChallengeTexts {
    pub realm: String,
    pub resource_metadata: String,
}

/// The whole answer for a refusal.
pub fn refuse(refusal: &Refusal, texts: &ChallengeTexts) -> Answer<'static> {
    let row = refusal.status.row();
    Answer {
        status: refusal.status,
        retry_after_s: refusal.retry_after_s,
        message: Cow::Borrowed(row.message),
        log: Cow::Owned(printable(&refusal.log, SENTENCE_MAX_BYTES)),
        challenge: Cow::Owned(challenge(refusal, texts)),
        problem: Cow::Owned(problem(refusal.status)),
        issuer: Cow::Owned(refusal.issuer.clone()),
        ..Answer::default()
    }
}

/// RFC 6750 3: nothing but the scheme where no credential was sent, else the error and its
/// sentence.
fn challenge(refusal: &Refusal, texts: &ChallengeTexts) -> String {
    let row = refusal.status.row();
    let error = match refusal.status {
        Status::HEADER_MISSING | Status::SCHEME_UNSUPPORTED => None,
        Status::HEADER_MALFORMED => Some("invalid_request"),
        _ if row.http_status == 401 => Some("invalid_token"),
        _ if row.http_status == 403 => Some("insufficient_scope"),
        _ => return String::new(),
    };
    let mut parameters = Vec::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            parameters.push(format!("{name}=\"{value}\""));
        }
    };
    add("realm", &texts.realm);
    if let Some(error) = error {
        add("error", error);
        add("error_description", row.message);
        add("scope", &refusal.scope);
    }
    add("resource_metadata", &texts.resource_metadata);
    match parameters.is_empty() {
        true => "Bearer".to_owned(),
        false => format!("Bearer {}", parameters.join(", ")),
    }
}

fn problem(status: Status) -> String {
    let row = status.row();
    let title = match row.http_status {
        401 => "Unauthorized",
        403 => "Forbidden",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    // Constant texts of our own table, none of which needs JSON escapes (tests/abi.rs parses all).
    format!(
        r#"{{"type":"about:blank","title":"{title}","status":{},"detail":"{}","code":"{}"}}"#,
        row.http_status, row.message, row.code
    )
}

/// What a request needs, beside a valid token: scopes, separated by one space, all needed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Requirement<'r>(&'r str);

impl<'r> Requirement<'r> {
    /// Anything that does not parse is an error, never "nothing needed".
    pub fn parse(text: &'r [u8]) -> Result<Requirement<'r>, Refusal> {
        let invalid = |log: String| Refusal::new(Status::REQUIREMENT_INVALID, log);
        if text.len() > REQUIREMENT_MAX_BYTES {
            return Err(invalid(format!("longer than {REQUIREMENT_MAX_BYTES} bytes")));
        }
        let text = std::str::from_utf8(text).map_err(|_| invalid("not UTF-8".into()))?;
        if text.is_empty() {
            return Ok(Requirement(""));
        }
        match text.split(' ').find(|item| !is_plain_scope(item)) {
            None => Ok(Requirement(text)),
            Some("") => {
                Err(invalid("an empty item: two blanks, or one at the start or end".into()))
            }
            Some(item) => Err(invalid(format!("{} is not a scope", quote(item)))),
        }
    }

    fn scopes(&self) -> impl Iterator<Item = &'r str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }
}

/// RFC 6749 3.3: `%x21 / %x23-5B / %x5D-7E`. What begins like another kind of item, or holds its
/// signs, is refused rather than taken for a scope.
fn is_plain_scope(item: &str) -> bool {
    const OTHER_KINDS: [&str; 5] = ["role:", "permission:", "group:", "claim:", "scope:"];
    !item.is_empty()
        && item.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'|' | b'['))
        && !OTHER_KINDS.iter().any(|kind| item.starts_with(kind))
}

/// Every scope that the configuration and the call need is granted.
pub fn granted(scopes: &str, always: &Requirement, here: &Requirement) -> Result<(), Refusal> {
    let has = |needed: &str| scopes.split(' ').any(|scope| scope == needed);
    let Some(missing) = always.scopes().chain(here.scopes()).find(|needed| !has(needed)) else {
        return Ok(());
    };
    let log = format!("scope {} is not granted", quote(missing));
    let mut refusal = Refusal::new(Status::SCOPE_MISSING, log);
    let mut told: Vec<&str> = Vec::new();
    for scope in always.scopes().chain(here.scopes()) {
        if !told.contains(&scope) {
            told.push(scope);
        }
    }
    refusal.scope = told.join(" ");
    Err(refusal)
}

/// A value for a sentence: in quotes, printable ASCII, at most 64 characters.
pub fn quote(value: &str) -> String {
    let mut quoted = String::with_capacity(VALUE_MAX);
    for character in value.chars() {
        let before = quoted.len();
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ => escape(&mut quoted, character),
        }
        if quoted.len() > VALUE_MAX {
            quoted.truncate(before);
            return format!("\"{quoted}\"...");
        }
    }
    format!("\"{quoted}\"")
}

/// At most three values.
pub fn list<'v>(values: impl IntoIterator<Item = &'v str>) -> String {
    let mut values = values.into_iter();
    let first: Vec<String> = values.by_ref().take(LIST_MAX).map(quote).collect();
    match (first.len(), values.count()) {
        (0, _) => "of none".to_owned(),
        (_, 0) => first.join(", "),
        (_, more) => format!("{} and {more} more", first.join(", ")),
    }
}

/// Printable ASCII, cut at a character.
pub fn printable(text: &str, max_bytes: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_bytes));
    for character in text.chars() {
        let before = out.len();
        escape(&mut out, character);
        if out.len() > max_bytes {
            out.truncate(before);
            break;
        }
    }
    out
}

fn escape(out: &mut String, character: char) {
    // Writing to a String cannot fail.
    let _ = match character {
        ' '..='~' => {
            out.push(character);
            Ok(())
        }
        '\0'..='\x7f' => write!(out, "\\x{:02x}", u32::from(character)),
        _ => write!(out, "\\u{{{:x}}}", u32::from(character)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_value_is_printable_ascii_of_bounded_length() {
        assert_eq!(
            quote("a\"b\\c\r\n\u{1b}[31m\u{202e}é😀"),
            "\"a\\\"b\\\\c\\x0d\\x0a\\x1b[31m\\u{202e}\\u{e9}\\u{1f600}\""
        );
        assert_eq!(quote(&"x".repeat(64)), format!("\"{}\"", "x".repeat(64)));
        assert_eq!(quote(&"x".repeat(65)), format!("\"{}\"...", "x".repeat(64)));
        assert_eq!(quote(&"😀".repeat(65)), format!("\"{}\"...", "\\u{1f600}".repeat(7)));
    }

    #[test]
    fn a_list_names_three() {
        assert_eq!(list([]), "of none");
        assert_eq!(list(["a", "b", "c"]), r#""a", "b", "c""#);
        assert_eq!(list(["a", "b", "c", "d", "e"]), r#""a", "b", "c" and 2 more"#);
    }

    #[test]
    fn a_requirement_that_does_not_parse_is_never_nothing() {
        for text in [
            " ",
            "a  b",
            " a",
            "a ",
            "a|b",
            "|",
            "a\tb",
            "a\r\n",
            "\"a\"",
            "a\\b",
            "[\"a\"]",
            "role:x",
            "permission:x",
            "group:x",
            "claim:a=b",
            "scope:a",
            "a\0",
            "é",
            &"a".repeat(513),
        ] {
            let refusal = Requirement::parse(text.as_bytes()).unwrap_err();
            assert_eq!(refusal.status, Status::REQUIREMENT_INVALID, "{text:?}");
        }
        assert!(Requirement::parse(b"\xff").is_err());
        assert!(Requirement::parse(b"orders:read https://x.example/y").is_ok());
    }

    #[test]
    fn scopes_are_compared_whole() {
        let needs = |text: &'static str| Requirement::parse(text.as_bytes()).unwrap();
        let none = Requirement::default();
        for granted_scopes in ["read:all", "unread", "READ", "read,write", ""] {
            let refusal = granted(granted_scopes, &none, &needs("read")).unwrap_err();
            assert_eq!(refusal.status, Status::SCOPE_MISSING);
        }
        assert!(granted("write read", &needs("read"), &needs("write")).is_ok());
        let refusal = granted("b", &needs("a b"), &needs("b c a")).unwrap_err();
        assert_eq!(refusal.scope, "a b c");
    }
}
