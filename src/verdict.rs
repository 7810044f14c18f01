//! Stage verdict: outcome + requirement → status, HTTP status, code, sentences, challenge, problem
//! body (RFC 6750 3, RFC 9457, RFC 9728 5.1). What the client sees is constant text and
//! configuration; what the operator sees is escaped, short, and never `sub` or token text.

use std::borrow::Cow;
use std::fmt::Write;

use crate::status::Status;

/// `message` and `log` are at most so long; a value in a sentence at most VALUE_MAX.
pub const SENTENCE_MAX_BYTES: usize = 512;
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
    let values: Vec<&str> = values.into_iter().collect();
    list_counted(values.iter().copied(), values.len())
}

/// The same, where there are `count` values and only the first are at hand.
pub fn list_counted<'v>(values: impl Iterator<Item = &'v str>, count: usize) -> String {
    let first: Vec<String> = values.take(LIST_MAX).map(quote).collect();
    match (first.len(), count.saturating_sub(first.len())) {
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
}
