//! Stage header: the value of the Authorization field → the token's text (RFC 6750 2.1, RFC 9110
//! 11.4). One scan, nothing copied.

use crate::status::Status;
use crate::verdict::Refusal;

/// The token of `Bearer`, one or more spaces, exactly one b64token.
pub fn extract(value: &[u8]) -> Result<&[u8], Refusal> {
    if value.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
        return Err(Refusal::new(Status::HEADER_MISSING, "no Authorization header was sent"));
    }
    let malformed = |log: &'static str| Refusal::new(Status::HEADER_MALFORMED, log);
    let Some(space) = memchr::memchr(b' ', value) else {
        return Err(malformed(
            "the Authorization header is one word: no scheme, or nothing after it",
        ));
    };
    let (scheme, rest) = value.split_at_checked(space).unwrap_or((value, &[]));
    if scheme.is_empty() || !scheme.iter().all(|byte| is_scheme_byte(*byte)) {
        return Err(malformed("the Authorization header does not begin with a scheme"));
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Refusal::new(Status::SCHEME_UNSUPPORTED, unsupported(scheme)));
    }
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = rest.get(spaces..).unwrap_or_default();
    match is_b64token(token) {
        true => Ok(token),
        false => Err(malformed(why_not_one_token(token))),
    }
}

/// RFC 6750 2.1: `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
pub fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = token.get(..token.len().saturating_sub(padding)).unwrap_or_default();
    // No early exit: the loop becomes vector code.
    !body.is_empty() && body.iter().fold(true, |all, byte| all & is_b64token_byte(*byte))
}

fn is_b64token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

/// RFC 9110 5.6.2: a scheme is a token.
fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Names the scheme only where it is a known word: the header may hold a credential in any place.
fn unsupported(scheme: &[u8]) -> String {
    const KNOWN: [&str; 8] =
        ["Basic", "Digest", "DPoP", "Negotiate", "NTLM", "Token", "JWT", "ApiKey"];
    let known = KNOWN.iter().find(|known| scheme.eq_ignore_ascii_case(known.as_bytes()));
    match known {
        Some(known) => format!("the scheme of the Authorization header is {known}, not Bearer"),
        None => "the scheme of the Authorization header is not Bearer".to_owned(),
    }
}

fn why_not_one_token(rest: &[u8]) -> &'static str {
    let starts = |prefix: &[u8]| {
        rest.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if rest.is_empty() {
        "nothing follows the word Bearer"
    } else if starts(b"bearer ") {
        "the word Bearer stands twice"
    } else if rest.contains(&b'"') || rest.contains(&b'\'') {
        "the token stands in quotes"
    } else if rest.contains(&b',') {
        "there is a comma after Bearer: two Authorization headers joined by a proxy?"
    } else if rest.ends_with(b" ") {
        "there is a blank after the token"
    } else if rest.contains(&b' ') {
        "more than one word follows Bearer"
    } else {
        "a character follows Bearer that no token may have"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(value: &[u8]) -> Status {
        extract(value).map_or_else(|refusal| refusal.status, |_| Status::OK)
    }

    #[test]
    fn one_token_after_bearer() {
        assert_eq!(extract(b"bEaReR   a.b-_~+/c==").unwrap(), b"a.b-_~+/c==");
        for value in ["Bearer x", "BEARER x", "bearer x"] {
            assert_eq!(extract(value.as_bytes()).unwrap(), b"x");
        }
    }

    #[test]
    fn nothing_sent() {
        for value in ["", " ", "\t \t"] {
            assert_eq!(status(value.as_bytes()), Status::HEADER_MISSING, "{value:?}");
        }
    }

    #[test]
    fn another_scheme_whatever_follows() {
        for value in ["Basic x", "Digest a=\"b\", c", "DPoP eyJ.a.b", "Bearerx eyJ", "Basic "] {
            assert_eq!(status(value.as_bytes()), Status::SCHEME_UNSUPPORTED, "{value:?}");
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        let values: &[&[u8]] = &[
            b"Bearer",
            b"Bearer ",
            b"eyJ.a.b",
            b" Bearer x",
            b"Bearer x ",
            b"Bearer\tx",
            b"Bearer \tx",
            b"Bearer\tx y",
            b"Bearer x y",
            b"Bearer Bearer x",
            b"Bearer \"x\"",
            b"Bearer x, Bearer y",
            b"Bearer x,",
            b"Bearer x\0",
            b"Bearer x\r\n",
            b"Bearer \xc2\xa0x",
            b"Bearer x\x7f",
            b"Bearer =",
            b"Bearer a=b",
            b"Bearer\xa0x y",
            b"Basic",
        ];
        for value in values {
            assert_eq!(status(value), Status::HEADER_MALFORMED, "{value:?}");
        }
    }

    #[test]
    fn ten_megabytes_are_one_scan() {
        let spaces = [b"Bearer ".as_slice(), &vec![b' '; 10_000_000]].concat();
        assert_eq!(status(&spaces), Status::HEADER_MALFORMED);
        let token = [b"Bearer ".as_slice(), &vec![b'a'; 10_000_000]].concat();
        assert_eq!(extract(&token).unwrap().len(), 10_000_000);
    }

    #[test]
    fn no_sentence_quotes_the_header() {
        for value in ["s3cret", "s3cret x", "Bearer s3cret s3cret", "Bearer s3cret,"] {
            assert!(!extract(value.as_bytes()).unwrap_err().log.contains("s3cret"), "{value}");
        }
    }
}
