//! The examples of the RFCs (rfc.json). Most payloads are no access token's claims, so the tokens
//! are judged one level below `auth_verify`; those that are go through it as well.

use auth::keys::jwks::KeySet;
use auth::signature::Algorithm;
use auth::status::{STATUSES, Status};
use aws_lc_rs::hmac;
use base64_simd::URL_SAFE_NO_PAD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::below;
use crate::common::{Handle, answer_of, jwks, signed, verify_at};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    tokens: Vec<Token>,
    key_sets: Vec<Keys>,
    signatures: Vec<Signature>,
    claims: Vec<Claims>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    id: String,
    keys: Value,
    token: String,
    status: String,
    /// What was signed in place of the empty payload.
    detached: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    id: String,
    keys: Vec<Value>,
    /// Key by key: null, or why it is skipped.
    read: Vec<Option<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    id: String,
    alg: String,
    key: Value,
    message: String,
    signature: String,
}

/// Claims without a signature in the RFC: signed here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    id: String,
    alg: String,
    header: String,
    claims: String,
    /// The key's, where the header has one.
    kid: Option<String>,
    issuer: String,
    audience: String,
    now: i64,
    status: String,
}

fn file() -> File {
    serde_json::from_str(include_str!("rfc.json")).unwrap()
}

fn status(name: &str) -> Status {
    STATUSES.iter().copied().find(|status| status.row().name == name).unwrap()
}

#[test]
fn tokens() {
    let tokens = file().tokens;
    assert_eq!(tokens.len(), 41);
    for Token { id, keys, token, status: expected, detached } in tokens {
        let judged = below::judge(&below::config(&keys), &token);
        assert_eq!(judged, status(&expected), "{id}");
        if keys["kty"] == "oct" {
            assert!(by_hs256(&keys, &token, detached.as_deref()), "{id} was not retyped right");
        }
    }
}

/// That a token which is refused for its algorithm is the RFC's own.
fn by_hs256(jwk: &Value, token: &str, detached: Option<&str>) -> bool {
    let bytes = |text: &str| BASE64.decode_to_vec(text).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signed = format!("{signed}{}", detached.unwrap_or(""));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes(jwk["k"].as_str().unwrap()));
    hmac::verify(&key, signed.as_bytes(), &bytes(signature)).is_ok()
}

/// RFC 7515 A.2 and A.3 carry claims: iss and exp, no aud.
#[test]
fn claims_of_rfc_7515() {
    const EXP: i64 = 1_300_819_380;
    const LEEWAY: i64 = 30;
    let mut seen = 0;
    for case in file().tokens.iter().filter(|t| matches!(&*t.id, "RFC 7515 A.2" | "RFC 7515 A.3")) {
        seen += 1;
        let set = json!({ "keys": [case.keys] }).to_string();
        for (audience, now, expected) in [
            ("https://api.example", EXP - 1, Status::CLAIM_MISSING),
            ("https://api.example", EXP + LEEWAY, Status::CLAIM_MISSING),
            ("*", EXP - 1, Status::OK),
            ("*", EXP + LEEWAY - 1, Status::OK),
            ("*", EXP + LEEWAY, Status::TOKEN_EXPIRED),
        ] {
            let judged = verify(&case.token, "joe", audience, &set, now);
            assert_eq!(judged, expected, "{} at {now} for {audience}", case.id);
        }
    }
    assert_eq!(seen, 2);
}

/// RFC 9068 3, RFC 8705 3.1, RFC 9449 6.1.
#[test]
fn claims() {
    let cases = file().claims;
    assert_eq!(cases.len(), 3);
    for case in cases {
        let set = match &case.kid {
            Some(kid) => jwks().replace(&json!(case.alg).to_string(), &json!(kid).to_string()),
            None => jwks().to_owned(),
        };
        let token = signed(&case.alg, case.header.as_bytes(), case.claims.as_bytes());
        let judged = verify(&token, &case.issuer, &case.audience, &set, case.now);
        assert_eq!(judged, status(&case.status), "{}", case.id);
    }
}

/// RFC 7797 with an algorithm that is allowed: the payload is signed as it stands.
#[test]
fn unencoded_payload() {
    let header = br#"{"alg":"RS256","b64":false,"crit":["b64"]}"#;
    let token = signed("RS256", header, &BASE64.decode_to_vec("payload8").unwrap());
    let set: Value = serde_json::from_str(jwks()).unwrap();
    let config = below::config(&set);
    assert_eq!(below::judge(&config, &token), Status::CRITICAL_UNSUPPORTED);
    let (header, signature) = token.split_once(".payload8.").unwrap();
    let detached = format!("{header}..{signature}");
    assert_eq!(below::judge(&config, &detached), Status::CRITICAL_UNSUPPORTED);
    let dots = format!("{header}.$.02.{signature}");
    assert_eq!(below::judge(&config, &dots), Status::TOKEN_MALFORMED);
}

fn verify(token: &str, issuer: &str, audience: &str, keys: &str, now: i64) -> Status {
    let handle = Handle::empty();
    for (key, value) in [("issuer", issuer), ("audience", audience), ("keys.jwks", keys)] {
        assert_eq!(handle.set(key, value), Status::OK, "{key}={value}");
    }
    let call = |out, size| verify_at(handle.config(), token.as_bytes(), now, out, size);
    Status::from_number(answer_of(&call).status).unwrap()
}

#[test]
fn key_sets() {
    let sets = file().key_sets;
    assert_eq!(sets.len(), 6);
    for Keys { id, keys, read } in sets {
        let mut all = keys;
        // A set without a usable key is refused as a whole.
        all.push(below::bystander());
        let set = KeySet::parse(json!({ "keys": all }).to_string().as_bytes()).unwrap();
        let told: Vec<Option<String>> = set
            .keys
            .iter()
            .map(|key| key.usable.as_ref().err().map(|why| why.to_string()))
            .collect();
        assert_eq!(told.split_last().unwrap(), (&None, &read[..]), "{id}");
    }
}

#[test]
fn signatures() {
    let cases = file().signatures;
    assert_eq!(cases.len(), 11);
    for case in cases {
        let algorithm = Algorithm::from_name(&case.alg).unwrap();
        let by = |message: &[u8], signature: &[u8]| {
            below::verifies(&case.key, algorithm, message, signature)
        };
        let (mut message, mut signature) = (hex(&case.message), hex(&case.signature));
        assert!(by(&message, &signature), "{}", case.id);
        signature[20] ^= 1;
        assert!(!by(&message, &signature), "{}", case.id);
        signature[20] ^= 1;
        message.push(0);
        assert!(!by(&message, &signature), "{}", case.id);
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}
