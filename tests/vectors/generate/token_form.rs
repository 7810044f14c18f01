//! Stage token: size, dots, base64url.

use serde_json::json;

use super::token::{Token, token};
use super::{Topic, b64url};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub fn topics() -> Vec<Topic> {
    vec![size(), parts(), base64()]
}

/// A good token of exactly so many bytes.
fn of_size(bytes: usize) -> Token {
    let with = |kid: &str, pad: usize| {
        let padded = token().claim("pad", &format!("\"{}\"", "x".repeat(pad)));
        padded.head("pad", &format!("\"{kid}\""))
    };
    // A byte more of payload is one or two characters more: the header makes up the rest.
    for kid in ["", "x", "xx"] {
        let pad = (0..bytes).collect::<Vec<_>>();
        let place = pad.partition_point(|pad| length(&with(kid, *pad)) < bytes);
        if length(&with(kid, place)) == bytes {
            return with(kid, place);
        }
    }
    panic!("no token of {bytes} bytes");
}

fn length(token: &Token) -> usize {
    token.signed().len() + 1 + 86
}

fn size() -> Topic {
    let mut topic = Topic::new("token", "size", "token.max_bytes, before anything is decoded");
    let small = [("token.max_bytes", json!("512"))];
    topic.row("token.size");
    topic.accept("default-exactly", of_size(16 * 1024));
    topic.refuse("default-and-one", "TOKEN_TOO_LARGE", of_size(16 * 1024 + 1));
    for (key, value) in &small {
        topic.accept("512-exactly", of_size(512)).option(key, value.clone());
        topic.refuse("512-and-one", "TOKEN_TOO_LARGE", of_size(513)).option(key, value.clone());
    }
    topic.accept("larger-by-option", of_size(20_000)).option("token.max_bytes", "20k");
    let many = |byte: &str| format!("Bearer {}", byte.repeat(16 * 1024 + 1));
    topic.refuse_header("opaque", "TOKEN_TOO_LARGE", many("a"));
    topic.refuse_header("dots", "TOKEN_TOO_LARGE", many("."));
    topic
}

fn parts() -> Topic {
    let mut topic = Topic::new("token", "parts", "three parts, none of the first two empty");
    let [header, payload, signature] = token().parts();
    let good = token().text();
    topic.row("token.dots");
    topic.refuse_header("none", "TOKEN_OPAQUE", format!("Bearer {header}{payload}{signature}"));
    for (name, text) in [
        ("one", format!("{header}.{payload}")),
        ("three", format!("{good}.{signature}")),
        ("three-and-nothing", format!("{good}.")),
        ("three-and-nothing-before", format!(".{good}")),
        ("five", format!("{good}.{good}")),
        ("six", format!("{good}....")),
        ("three-alone", "...".into()),
        ("one-alone", ".".into()),
        ("16000", ".".repeat(16_000)),
    ] {
        topic.refuse_header(name, "TOKEN_MALFORMED", format!("Bearer {text}"));
    }
    topic.row("token.opaque");
    for (name, text) in [
        ("43-characters", "dGhlIHNhbXBsZSBub25jZSBvZiBhbiBvcGFxdWUgdG8".to_owned()),
        ("128-characters", "0123456789abcdef".repeat(8)),
        ("uuid", "f47ac10b-58cc-4372-a567-0e02b2c3d479".into()),
        ("every-kind-of-character", "aZ09-_~+/==".into()),
        ("one-character", "a".into()),
        ("header-of-a-jwt", header.clone()),
    ] {
        topic.refuse_header(name, "TOKEN_OPAQUE", format!("Bearer {text}"));
    }
    topic.row("token.jwe");
    let jwe = |header: &str, key: &str| {
        let parts = ["AAAAAAAAAAAAAAAA", "c2VjcmV0", "AAAAAAAAAAAAAAAAAAAAAA"].join(".");
        format!("Bearer {}.{key}.{parts}", b64url(header))
    };
    for (name, header) in [
        ("rsa-oaep", jwe(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#, "c2VhbGVk")),
        ("direct", jwe(r#"{"alg":"dir","enc":"A128CBC-HS256"}"#, "")),
        ("compressed", jwe(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#, "")),
        ("says-rs256", jwe(r#"{"alg":"RS256","kid":"rsa-1","typ":"JWT"}"#, "")),
        ("signed-token-and-two-parts", format!("Bearer {good}.AAAA.AAAA")),
        ("header-is-no-json", "Bearer a.b.c.d.e".into()),
        ("dots-alone", "Bearer ....".into()),
    ] {
        topic.refuse_header(name, "TOKEN_ENCRYPTED", header);
    }
    topic.row("token.parts-empty");
    for (name, text) in [
        ("all", "..".into()),
        ("header", format!(".{payload}.{signature}")),
        ("payload", format!("{header}..{signature}")),
        ("header-and-payload", format!("..{signature}")),
        ("header-and-signature", format!(".{payload}.")),
        ("payload-and-signature", format!("{header}..")),
    ] {
        topic.refuse_header(name, "TOKEN_MALFORMED", format!("Bearer {text}"));
    }
    topic.row("token.detached");
    topic.refuse("signed-the-claims", "TOKEN_MALFORMED", {
        token().signature(token().own_signature()).payload_part("")
    });
    topic.refuse("signed-nothing", "TOKEN_MALFORMED", token().payload_part(""));
    topic
}

fn base64() -> Topic {
    let mut topic = Topic::new("token", "base64", "base64url, in its one canonical form");
    topic.note("Signed", "header and payload are signed as they stand, so the form alone is wrong");
    let [header, payload, signature] = token().parts();
    topic.row("token.padding");
    topic.refuse(
        "signature-one",
        "TOKEN_MALFORMED",
        token().signature_part(signature.clone() + "="),
    );
    topic.refuse(
        "signature-two",
        "TOKEN_MALFORMED",
        token().signature_part(signature.clone() + "=="),
    );

    topic.row("token.alphabet");
    for (name, odd) in [("plus", '+'), ("slash", '/'), ("tilde", '~')] {
        let change = |part: &str| {
            let mut changed = part.to_owned();
            changed.replace_range(8..9, &odd.to_string());
            changed
        };
        let in_header = token().header_part(change(&header));
        topic.refuse(&format!("{name}-in-header"), "TOKEN_MALFORMED", in_header);
        let in_payload = token().payload_part(change(&payload));
        topic.refuse(&format!("{name}-in-payload"), "TOKEN_MALFORMED", in_payload);
        let in_signature = token().signature_part(change(&signature));
        topic.refuse(&format!("{name}-in-signature"), "TOKEN_MALFORMED", in_signature);
    }
    topic.row("token.spare-bits");
    // Two and four unused bits: texts of 3n + 2 and 3n + 1 bytes.
    for (name, spare, length) in [("two", 1, 2), ("four", 1, 1), ("four-all", 15, 1)] {
        let padded = of_length(length);
        let (header, payload) = (b64url(padded.header()), b64url(padded.payload()));
        let in_header = padded.clone().header_part(with_spare_bits(&header, spare));
        topic.refuse(&format!("{name}-in-header"), "TOKEN_MALFORMED", in_header);
        let in_payload = padded.clone().payload_part(with_spare_bits(&payload, spare));
        topic.refuse(&format!("{name}-in-payload"), "TOKEN_MALFORMED", in_payload);
    }
    topic.accept("two-unused", of_length(2));
    topic.accept("four-unused", of_length(1));
    let in_signature = token().signature_part(with_spare_bits(&signature, 1));
    topic.refuse("in-signature", "TOKEN_MALFORMED", in_signature);
    let rs256 = token().by("rsa-1", "RS256");
    let [_, _, signature] = rs256.parts();
    topic.refuse("in-signature-rs256", "TOKEN_MALFORMED", {
        rs256.signature_part(with_spare_bits(&signature, 8))
    });
    // A character alone after a group of four.
    let whole = of_length(0);
    let [header, payload, _] = whole.parts();
    let longer = whole.clone().header_part(header + "A");
    topic.refuse("length-1-mod-4-header", "TOKEN_MALFORMED", longer);
    let longer = whole.payload_part(payload + "A");
    topic.refuse("length-1-mod-4-payload", "TOKEN_MALFORMED", longer);
    topic.refuse("length-1-mod-4-signature", "TOKEN_MALFORMED", token().signature_part("AAAAA"));
    topic
}

/// Header and payload whose lengths leave this remainder of three.
fn of_length(remainder: usize) -> Token {
    let mut token = token().head("pad", "\"\"").claim("pad", "\"\"");
    for pad in ["\"\"", "\"x\"", "\"xx\""] {
        if token.header().len() % 3 != remainder {
            token = token.head("pad", pad);
        }
        if token.payload().len() % 3 != remainder {
            token = token.claim("pad", pad);
        }
    }
    assert_eq!((token.header().len() % 3, token.payload().len() % 3), (remainder, remainder));
    token
}

fn with_spare_bits(part: &str, spare: usize) -> String {
    let last = part.bytes().last().unwrap();
    let value = ALPHABET.iter().position(|byte| *byte == last).unwrap();
    format!("{}{}", &part[..part.len() - 1], char::from(ALPHABET[value | spare]))
}
