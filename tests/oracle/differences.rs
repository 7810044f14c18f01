//! Where libauth and jsonwebtoken 11 differ, and who is right. Each line has a fact of the token
//! that must be there, read without either of the two.

use std::collections::BTreeMap;

use auth::status::Status;
use base64_simd::URL_SAFE_NO_PAD as BASE64;
use serde_json::Value;

use crate::json::Json;

use Status::{
    CLAIM_MALFORMED, CRITICAL_UNSUPPORTED, ISSUER_INVALID, KEY_NOT_FOUND, KEY_UNUSABLE,
    NOT_AN_ACCESS_TOKEN, OK, PROOF_REQUIRED, SCOPE_MISSING, SIGNATURE_INVALID, TOKEN_EXPIRED,
    TOKEN_MALFORMED, TOKEN_NOT_YET_VALID, TOKEN_TOO_LARGE, TYPE_NOT_ALLOWED,
};

/// What there is to see of one comparison.
#[derive(Debug)]
pub struct Seen {
    /// Parts that are not JSON in base64url are null.
    header: Json,
    payload: Json,
    token_bytes: usize,
    options: Options,
    /// The keys of the token's kid, or all when it has none.
    keys: Vec<Value>,
    now: i64,
}

pub type Options = BTreeMap<String, Value>;

impl Seen {
    pub fn of(token: &str, options: &Options, now: i64) -> Seen {
        let mut parts = token.split('.').map(|part| {
            let bytes = BASE64.decode_to_vec(part).unwrap_or_default();
            serde_json::from_slice(&bytes).unwrap_or(Json::Null)
        });
        let mut next = || parts.next().unwrap_or(Json::Null);
        let (header, payload) = (next(), next());
        let named = |key: &&Value| match header.member("kid") {
            Some(Json::Text(kid)) => key["kid"] == kid.as_str(),
            _ => true,
        };
        let keys = options["keys.jwks"]["keys"].as_array().unwrap();
        let keys = keys.iter().filter(named).cloned().collect();
        Seen { header, payload, token_bytes: token.len(), options: options.clone(), keys, now }
    }

    /// Does a claim of one of these names have a value like this?
    fn claim(&self, names: &[&str], like: impl Fn(&Json) -> bool) -> bool {
        names.iter().filter_map(|name| self.payload.member(name)).any(like)
    }

    fn header(&self, names: &[&str], like: impl Fn(&Json) -> bool) -> bool {
        names.iter().filter_map(|name| self.header.member(name)).any(like)
    }

    /// Does such a key have one of these members, with bytes like these?
    fn key_bytes(&self, names: &[&str], like: impl Fn(&Value, &[u8]) -> bool) -> bool {
        self.keys.iter().any(|key| {
            let texts = names.iter().filter_map(|name| key[name].as_str());
            texts.filter_map(|text| BASE64.decode_to_vec(text).ok()).any(|b| like(key, &b))
        })
    }

    fn leeway_s(&self) -> f64 {
        let text = self.options.get("claims.leeway").and_then(Value::as_str).unwrap_or("30");
        match text.strip_suffix('m') {
            Some(minutes) => 60.0 * minutes.parse::<f64>().unwrap(),
            None => text.trim_end_matches('s').parse().unwrap(),
        }
    }

    /// RFC 7519 4.1.4: exp has passed.
    pub fn has_expired(&self) -> bool {
        let end = |exp: f64| exp.floor() + self.leeway_s();
        self.claim(&["exp"], |exp| matches!(exp, Json::Number(s) if self.now as f64 >= end(*s)))
    }

    /// RFC 7519 4.1.5: nbf lies ahead.
    pub fn is_too_early(&self) -> bool {
        let start = |nbf: f64| nbf.ceil() - self.leeway_s();
        self.claim(&["nbf"], |nbf| matches!(nbf, Json::Number(s) if start(*s) > self.now as f64))
    }
}

pub struct Difference {
    /// What libauth says: OK, where it accepts and jsonwebtoken refuses.
    pub ours: Status,
    pub what: &'static str,
    pub is: fn(&Seen) -> bool,
    /// Who is right, and why.
    pub right: &'static str,
}

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        ours: TOKEN_MALFORMED,
        what: "a name twice in the header or the payload",
        is: |seen| seen.header.has_a_name_twice() || seen.payload.has_a_name_twice(),
        right: "libauth: the claims are handed on, and the next reader may take the other value \
                (RFC 7519 4 allows to refuse; RFC 8259 4)",
    },
    Difference {
        ours: TOKEN_MALFORMED,
        what: "nesting deeper than 32",
        is: |seen| seen.header.depth() > 32 || seen.payload.depth() > 32,
        right: "libauth: no access token needs it, and readers with a stack fall over it",
    },
    Difference {
        ours: TOKEN_MALFORMED,
        what: "null for typ, kid or cty",
        is: |seen| seen.header(&["typ", "kid", "cty"], |value| matches!(value, Json::Null)),
        right: "libauth: RFC 7515 4.1 makes them texts; jsonwebtoken takes null for absent",
    },
    Difference {
        ours: CRITICAL_UNSUPPORTED,
        what: "crit or b64 in the header",
        is: |seen| seen.header.has("crit") || seen.header.has("b64"),
        right: "libauth: RFC 7515 4.1.11, what is critical and not understood MUST be refused; \
                RFC 7797 7 forbids b64 in a JWT",
    },
    Difference {
        ours: TYPE_NOT_ALLOWED,
        what: "typ of another kind of JWT, or cty JWT",
        is: |seen| {
            let bare = |typ: &str| {
                let typ = typ.to_ascii_lowercase();
                typ.strip_prefix("application/").unwrap_or(&typ).to_owned()
            };
            let typ = |typ: &Json| match typ {
                Json::Text(typ) => !matches!(&*bare(typ), "jwt" | "at+jwt"),
                _ => false,
            };
            let cty = |cty: &Json| matches!(cty, Json::Text(cty) if bare(cty) == "jwt");
            seen.header(&["typ"], typ) || seen.header(&["cty"], cty)
        },
        right: "libauth: RFC 8725 3.11, kinds of JWT must not be taken for one another",
    },
    Difference {
        ours: ISSUER_INVALID,
        what: "a list of issuers",
        is: |seen| seen.claim(&["iss"], |iss| matches!(iss, Json::Array(_))),
        right: "libauth: RFC 7519 4.1.1 makes iss one text",
    },
    Difference {
        ours: CLAIM_MALFORMED,
        what: "exp after the year 9999",
        is: |seen| {
            seen.claim(&["exp"], |exp| matches!(exp, Json::Number(s) if *s > 253_402_300_799.0))
        },
        right: "libauth: milliseconds or an overflow were meant; the token would live for ever",
    },
    Difference {
        ours: CLAIM_MALFORMED,
        what: "iat that is no time",
        is: |seen| seen.claim(&["iat"], is_no_time),
        right: "libauth: RFC 7519 4.1.6 makes it a NumericDate; jsonwebtoken never reads it",
    },
    Difference {
        ours: CLAIM_MALFORMED,
        what: "sub, jti or a client's name that is no text, empty, or has U+0000",
        is: |seen| {
            seen.claim(&["sub", "jti", "client_id", "azp", "cid", "appid"], |name| match name {
                Json::Text(text) => text.is_empty() || text.contains('\0') || text.len() > 1024,
                _ => true,
            })
        },
        right: "libauth: RFC 7519 4.1.2, 4.1.7; a text cut at U+0000 names another user",
    },
    Difference {
        ours: CLAIM_MALFORMED,
        what: "scope or scp that is neither a text nor a list of scopes",
        is: |seen| {
            seen.claim(&["scope", "scp"], |scope| match scope {
                Json::Text(text) => text.contains(char::is_control),
                Json::Array(list) => list.iter().any(|scope| match scope {
                    Json::Text(text) => text.contains(|c: char| c.is_control() || c == ' '),
                    _ => true,
                }),
                _ => true,
            })
        },
        right: "libauth: RFC 9068 2.2.3, RFC 6749 3.3; jsonwebtoken never reads it",
    },
    Difference {
        ours: NOT_AN_ACCESS_TOKEN,
        what: "an ID, refresh, logout or introspection token",
        is: |seen| {
            let kind = |kind: &Json| match kind {
                Json::Text(kind) => {
                    let kind = kind.to_ascii_lowercase();
                    matches!(&*kind, "id" | "refresh" | "offline" | "logout")
                }
                _ => false,
            };
            let is_object = |value: &Json| matches!(value, Json::Object(_));
            let any = |_: &Json| true;
            seen.claim(&["typ", "token_use", "token_type", "type"], kind)
                || seen.claim(&["events", "token_introspection"], is_object)
                || (seen.claim(&["nonce", "at_hash", "c_hash"], any)
                    && !seen.claim(&["scope", "scp", "client_id"], any))
        },
        right: "libauth: RFC 8725 3.12; jsonwebtoken leaves the kind of JWT to its user",
    },
    Difference {
        ours: PROOF_REQUIRED,
        what: "cnf",
        is: |seen| seen.payload.has("cnf"),
        right: "libauth: RFC 9449 7.2, a bound token is no Bearer token",
    },
    Difference {
        ours: OK,
        what: "alg ES512 or Ed25519",
        is: |seen| {
            seen.header(
                &["alg"],
                |alg| matches!(alg, Json::Text(alg) if alg == "ES512" || alg == "Ed25519"),
            )
        },
        right: "libauth: RFC 7518 3.1, RFC 9864 2.2; jsonwebtoken has neither",
    },
    Difference {
        ours: OK,
        what: "a header member of a wrong type that libauth never reads",
        is: |seen| {
            let texts = ["jku", "x5u", "x5t", "x5t#S256", "enc", "zip", "url", "nonce"];
            let texts_only = |list: &Json| match list {
                Json::Array(items) => items.iter().all(Json::is_text),
                _ => false,
            };
            seen.header(&texts, |value| !value.is_text())
                || seen.header(&["x5c"], |list| !texts_only(list))
                || seen.header.has("jwk")
        },
        right: "both: RFC 7515 4, members that are not understood MUST be ignored, and libauth \
                understands none of these: no key ever comes from a header",
    },
];

/// What only the vectors reach: other options, other key sets, and times.
pub const VECTOR_DIFFERENCES: &[Difference] = &[
    Difference {
        ours: TOKEN_EXPIRED,
        what: "exp has passed at the vector's time",
        is: Seen::has_expired,
        right: "libauth: jsonwebtoken was not asked, it knows the wall clock alone",
    },
    Difference {
        ours: TOKEN_NOT_YET_VALID,
        what: "nbf lies ahead of the vector's time",
        is: Seen::is_too_early,
        right: "libauth: jsonwebtoken was not asked, it knows the wall clock alone",
    },
    Difference {
        ours: CLAIM_MALFORMED,
        what: "nbf that is no time",
        is: |seen| seen.claim(&["nbf"], is_no_time),
        right: "libauth: RFC 7519 4.1.5; jsonwebtoken was not asked about times",
    },
    Difference {
        ours: CLAIM_MALFORMED,
        what: "aud of a wrong type, where any audience is accepted",
        is: |seen| {
            seen.claim(&["aud"], |aud| match aud {
                Json::Array(list) => !list.iter().all(Json::is_text),
                aud => !aud.is_text(),
            })
        },
        right: "libauth: RFC 7519 4.1.3; a token that is malformed in one place is not trusted",
    },
    Difference {
        ours: TOKEN_TOO_LARGE,
        what: "more bytes than token.max_bytes",
        is: |seen| seen.token_bytes > 16 * 1024 || seen.options.contains_key("token.max_bytes"),
        right: "libauth: what a stranger sends has a limit; jsonwebtoken leaves it to its user",
    },
    Difference {
        ours: TYPE_NOT_ALLOWED,
        what: "token.types is set",
        is: |seen| seen.options.contains_key("token.types"),
        right: "libauth: jsonwebtoken has no such check",
    },
    Difference {
        ours: SCOPE_MISSING,
        what: "verdict.require is set",
        is: |seen| seen.options.contains_key("verdict.require"),
        right: "libauth: jsonwebtoken has no such check",
    },
    Difference {
        ours: KEY_UNUSABLE,
        what: "a key whose use or key_ops is not to verify",
        is: |seen| seen.keys.iter().any(is_for_something_else),
        right: "libauth: RFC 7517 4.2, 4.3; a key for encryption signs nothing",
    },
    Difference {
        ours: KEY_NOT_FOUND,
        what: "no kid, and every key that fits is for something else",
        is: |seen| !seen.header.has("kid") && seen.keys.iter().any(is_for_something_else),
        right: "libauth: RFC 7517 4.2, 4.3",
    },
    Difference {
        ours: KEY_UNUSABLE,
        what: "a key whose alg is null",
        is: |seen| seen.keys.iter().any(|key| key.get("alg").is_some_and(Value::is_null)),
        right: "libauth: RFC 7517 4.4 makes it a text; what the provider meant is not known",
    },
    Difference {
        ours: KEY_UNUSABLE,
        what: "an EC coordinate of another length than the curve's",
        is: |seen| {
            seen.key_bytes(&["x", "y"], |key, bytes| match key["crv"].as_str() {
                Some("P-256") => bytes.len() != 32,
                Some("P-384") => bytes.len() != 48,
                _ => false,
            })
        },
        right: "libauth: RFC 7518 6.2.1.2; jsonwebtoken joins x and y whatever their lengths",
    },
    Difference {
        ours: KEY_UNUSABLE,
        what: "an Ed25519 key of small order",
        is: |seen| seen.key_bytes(&["x"], |_, bytes| is_small_order(bytes)),
        right: "libauth: such a key accepts a signature that nobody's private key made",
    },
    Difference {
        ours: SIGNATURE_INVALID,
        what: "no kid, and an Ed25519 key of small order in the set",
        is: |seen| {
            !seen.header.has("kid") && seen.key_bytes(&["x"], |_, bytes| is_small_order(bytes))
        },
        right: "libauth: such a key accepts a signature that nobody's private key made",
    },
    Difference {
        ours: KEY_UNUSABLE,
        what: "an Ed25519 key that is not 32 bytes",
        is: |seen| {
            seen.key_bytes(&["x"], |key, bytes| key["crv"] == "Ed25519" && bytes.len() != 32)
        },
        right: "libauth: RFC 8037 2; aws-lc takes the key of a certificate as well",
    },
    Difference {
        ours: KEY_UNUSABLE,
        what: "an RSA exponent of more than 32 bits",
        is: |seen| seen.key_bytes(&["e"], |_, bytes| bytes.len() > 4),
        right: "libauth: it makes each check cost as much as a signature; no provider has one",
    },
    Difference {
        ours: SIGNATURE_INVALID,
        what: "more than eight keys that fit",
        is: |seen| seen.keys.len() > 8,
        right: "libauth: a stranger's token costs at most eight checks",
    },
    Difference {
        ours: OK,
        what: "an RSA key with leading zeros",
        is: |seen| seen.key_bytes(&["n", "e"], |_, bytes| bytes.first() == Some(&0)),
        right: "libauth: RFC 7518 6.3.1.1 forbids them, real key sets have them, and the number \
                is the same",
    },
    Difference {
        ours: OK,
        what: "a key whose alg is Ed25519",
        is: |seen| seen.keys.iter().any(|key| key["alg"] == "Ed25519"),
        right: "libauth: RFC 9864 2.2; jsonwebtoken does not know the name",
    },
    Difference {
        ours: OK,
        what: "a key with a member of a wrong type that libauth never reads",
        is: |seen| {
            let never = ["x5c", "x5t", "x5t#S256", "x5u"];
            seen.keys.iter().any(|key| never.iter().any(|name| key.get(name).is_some()))
        },
        right: "both: RFC 7517 4, members that are not understood are ignored; the key is told by \
                kty, crv, n, e, x and y alone",
    },
];

fn is_no_time(value: &Json) -> bool {
    match value {
        Json::Number(seconds) => {
            seconds.is_sign_negative() && *seconds != 0.0 || *seconds > 253_402_300_799.0
        }
        _ => true,
    }
}

fn is_for_something_else(key: &Value) -> bool {
    key.get("use").is_some_and(|usage| usage != "sig") || key.get("key_ops").is_some()
}

/// y of the points of order 1, 2, 4 and 8, without the sign of x.
fn is_small_order(key: &[u8]) -> bool {
    let mut y = key.to_vec();
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    let text: String = y.iter().map(|byte| format!("{byte:02x}")).collect();
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ]
    .contains(&text.as_str())
}
