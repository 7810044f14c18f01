//! Signed tokens, with up to three things changed. Times lie so far from now, to both sides, that
//! a wall clock and a given moment agree.

use std::fmt::Write as _;
use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
};
use aws_lc_rs::{rsa, signature};
use base64_simd::URL_SAFE_NO_PAD as BASE64;
use num_bigint::BigUint;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;

use crate::common::{AUDIENCE, ISSUER};

pub const NOW: i64 = 1_800_000_000;
const LONG_AGO: i64 = 1_000_000_000;
const FAR_AHEAD: i64 = 4_000_000_000;

const ALGORITHMS: [&str; 11] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "ES512",
    "Ed25519",
];

pub struct Keys {
    rsa: rsa::KeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    p521: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
}

impl Keys {
    fn generate() -> Keys {
        Keys {
            rsa: rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap(),
            p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
            p521: EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap(),
            ed25519: Ed25519KeyPair::generate().unwrap(),
        }
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let ecdsa = |key: &EcdsaKeyPair| key.sign(&random, message).unwrap().as_ref().to_vec();
        let rsa = |encoding: &'static dyn signature::RsaEncoding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(encoding, &random, message, &mut signature).unwrap();
            signature
        };
        match alg {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "PS384" => rsa(&RSA_PSS_SHA384),
            "PS512" => rsa(&RSA_PSS_SHA512),
            "ES256" => ecdsa(&self.p256),
            "ES384" => ecdsa(&self.p384),
            "ES512" => ecdsa(&self.p521),
            _ => self.ed25519.sign(message).as_ref().to_vec(),
        }
    }
}

/// Those of the key set, and a stranger's.
fn keys() -> &'static [Keys; 2] {
    static KEYS: OnceLock<[Keys; 2]> = OnceLock::new();
    KEYS.get_or_init(|| [Keys::generate(), Keys::generate()])
}

fn kid(alg: &str) -> &'static str {
    match alg {
        "ES256" => "p256",
        "ES384" => "p384",
        "ES512" => "p521",
        "EdDSA" | "Ed25519" => "ed25519",
        _ => "rsa",
    }
}

pub fn jwks() -> String {
    let [keys, _] = keys();
    let text = |bytes: &[u8]| BASE64.encode_to_string(bytes);
    let public = keys.rsa.public_key();
    let n = text(public.modulus().big_endian_without_leading_zero());
    let e = text(public.exponent().big_endian_without_leading_zero());
    let ec = |kid: &str, crv: &str, key: &EcdsaKeyPair| {
        let point = &key.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        json!({ "kid": kid, "kty": "EC", "crv": crv, "x": text(x), "y": text(y) })
    };
    let x = text(keys.ed25519.public_key().as_ref());
    let all = [
        json!({ "kid": "rsa", "kty": "RSA", "n": n, "e": e }),
        ec("p256", "P-256", &keys.p256),
        ec("p384", "P-384", &keys.p384),
        ec("p521", "P-521", &keys.p521),
        json!({ "kid": "ed25519", "kty": "OKP", "crv": "Ed25519", "x": x }),
    ];
    json!({ "keys": all }).to_string()
}

#[derive(Clone, Copy, Debug)]
pub enum Part {
    Header,
    Payload,
}

#[derive(Clone, Debug)]
pub enum Edit {
    /// A member has this JSON text as its value.
    Set(Part, &'static str, String),
    Remove(Part, &'static str),
    /// A member stands once more at the end.
    Again(Part, &'static str, String),
    Json(Part, JsonFault),
    /// In the text of the header, payload or signature.
    Base64(usize, Base64Fault),
    Parts(PartsFault),
    Signature(SignatureFault),
}

#[derive(Clone, Copy, Debug)]
pub enum JsonFault {
    Blanks,
    Trailing,
    Bom,
    Array,
    Text,
    Cut,
    Empty,
    NotUtf8,
}

#[derive(Clone, Copy, Debug)]
pub enum Base64Fault {
    Padding,
    SpareBits,
    Blank,
    LineBreak,
    Plus,
    Cut,
}

#[derive(Clone, Copy, Debug)]
pub enum PartsFault {
    Two,
    Four,
    Five,
    One,
}

#[derive(Clone, Debug)]
pub enum SignatureFault {
    Bit(Index),
    Cut,
    Longer,
    Empty,
    Zeros,
    Stranger,
    Der,
    /// The other root of the curve, n - s: as good (RFC 7518 3.4 asks for none of the two).
    HighS,
}

#[derive(Clone, Debug)]
pub struct Plan {
    alg: &'static str,
    pub edits: Vec<Edit>,
}

const HEADER_NAMES: &[&str] = &[
    "alg", "alg", "alg", "typ", "typ", "kid", "kid", "cty", "crit", "b64", "jwk", "jku", "x5u",
    "x5c", "x5t", "x5t#S256", "enc", "zip", "url", "nonce", "other",
];
const CLAIM_NAMES: &[&str] = &[
    "iss",
    "iss",
    "aud",
    "aud",
    "exp",
    "exp",
    "nbf",
    "nbf",
    "iat",
    "sub",
    "jti",
    "scope",
    "scp",
    "client_id",
    "azp",
    "cid",
    "appid",
    "typ",
    "token_use",
    "token_type",
    "type",
    "nonce",
    "at_hash",
    "c_hash",
    "events",
    "token_introspection",
    "cnf",
    "other",
];

/// JSON texts worth trying under a name.
fn values(name: &str) -> &'static [&'static str] {
    match name {
        "alg" => &[
            r#""none""#,
            r#""None""#,
            r#""""#,
            r#""HS256""#,
            r#""RS256""#,
            r#""rs256""#,
            r#""RS384""#,
            r#""RS512""#,
            r#""PS256""#,
            r#""PS384""#,
            r#""PS512""#,
            r#""ES256""#,
            r#""ES384""#,
            r#""ES512""#,
            r#""ES256K""#,
            r#""EdDSA""#,
            r#""Ed25519""#,
            r#""Ed448""#,
            r#""RS\u0032\u0035\u0036""#,
        ],
        "kid" => &[
            r#""rsa""#,
            r#""p256""#,
            r#""p384""#,
            r#""p521""#,
            r#""ed25519""#,
            r#""nobody""#,
            r#""RSA""#,
            r#""rsa\u0000""#,
        ],
        "cty" => &[r#""JWT""#, r#""jwt""#, r#""application/JWT""#, r#""json""#],
        "crit" => &[r#"["b64"]"#, r#"["exp"]"#, "[]", r#"["alg"]"#],
        "b64" => &["true", "false"],
        "jwk" => {
            &[r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#]
        }
        "iss" => &[
            r#""https://id.example""#,
            r#""https:\/\/id.example""#,
            r#""https://id.example/""#,
            r#""HTTPS://id.example""#,
            r#"["https://id.example"]"#,
            r#"["https://evil.example","https://id.example"]"#,
            r#""https://evil.example""#,
        ],
        "aud" => &[
            r#""https://api.example""#,
            r#""https:\/\/api.example""#,
            r#"["https://api.example"]"#,
            r#"["a","https://api.example"]"#,
            r#"["a"]"#,
            r#""https://api.example/""#,
            r#"["https://api.example",1]"#,
            r#"["https://api.example","https://api.example"]"#,
            r#""a https://api.example""#,
        ],
        "exp" | "nbf" | "iat" => &[
            "4000000000",
            "1000000000",
            "4000000000.5",
            "1000000000.5",
            "4e9",
            "1E9",
            "-1",
            "-0",
            "253402300799",
            "253402300800",
            "4000000000000",
            "1000000000000",
            "1e300",
            "18446744073709551615",
            "18446744073709551616",
            "9223372036854775808",
            r#""4000000000""#,
            r#""1000000000""#,
        ],
        "scope" | "scp" => {
            &[r#""a b""#, r#"" a  b ""#, r#"["a","b"]"#, r#"["a b"]"#, r#"["a\tb"]"#, r#""a\tb""#]
        }
        "typ" | "token_use" | "token_type" | "type" => &[
            r#""JWT""#,
            r#""jwt""#,
            r#""at+jwt""#,
            r#""AT+JWT""#,
            r#""application/at+jwt""#,
            r#""logout+jwt""#,
            r#""dpop+jwt""#,
            r#""ID""#,
            r#""id""#,
            r#""Bearer""#,
            r#""Refresh""#,
            r#""offline""#,
            r#""Logout""#,
            r#""access""#,
        ],
        "sub" => &[r#""alice""#, r#""a\u0000b""#],
        _ => &[r#""text""#],
    }
}

const ANY: &[&str] = &[
    "null",
    "true",
    "0",
    "7",
    "-1",
    "1.5",
    r#""""#,
    r#""text""#,
    r#""\u0000""#,
    r#""\ud800""#,
    r#""\ud83d\ude00""#,
    "[]",
    r#"["a"]"#,
    "[1]",
    "{}",
    r#"{"a":1}"#,
    r#"{"a":1,"a":2}"#,
    r#"{"a":[{"b":1,"b":1}]}"#,
    "1e400",
    "01",
    "nul",
    DEEP_32,
    DEEP_33,
    DEEP_200,
];

// Arrays in arrays; with the object around them one more.
const DEEP_32: &str = "deep 31";
const DEEP_33: &str = "deep 32";
const DEEP_200: &str = "deep 199";

fn value(name: &'static str) -> impl Strategy<Value = String> {
    let written = |text: &str| match text.strip_prefix("deep ") {
        Some(depth) => {
            let depth: usize = depth.parse().unwrap();
            format!("{}{}", "[".repeat(depth), "]".repeat(depth))
        }
        None => text.to_owned(),
    };
    prop_oneof![
        4 => select(values(name)).prop_map(str::to_owned),
        2 => select(ANY).prop_map(written),
        1 => any::<String>().prop_map(|text| json!(text).to_string()),
        1 => any::<f64>().prop_map(|number| json!(number).to_string()),
    ]
}

fn member() -> impl Strategy<Value = (Part, &'static str)> {
    prop_oneof![
        select(HEADER_NAMES).prop_map(|name| (Part::Header, name)),
        select(CLAIM_NAMES).prop_map(|name| (Part::Payload, name)),
    ]
}

fn member_with_value() -> impl Strategy<Value = ((Part, &'static str), String)> {
    member().prop_flat_map(|(part, name)| (Just((part, name)), value(name)))
}

fn edit() -> impl Strategy<Value = Edit> {
    use Base64Fault as B;
    use JsonFault as J;
    use PartsFault as P;
    let part = select(&[Part::Header, Part::Payload]);
    let json = [J::Blanks, J::Trailing, J::Bom, J::Array, J::Text, J::Cut, J::Empty, J::NotUtf8];
    let base64 = [B::Padding, B::SpareBits, B::Blank, B::LineBreak, B::Plus, B::Cut];
    prop_oneof![
        30 => member_with_value().prop_map(|((part, name), value)| Edit::Set(part, name, value)),
        5 => member().prop_map(|(part, name)| Edit::Remove(part, name)),
        3 => member_with_value().prop_map(|((part, name), value)| Edit::Again(part, name, value)),
        2 => (part, select(json.to_vec())).prop_map(|(part, fault)| Edit::Json(part, fault)),
        2 => (0usize..3, select(base64.to_vec())).prop_map(|(at, fault)| Edit::Base64(at, fault)),
        1 => select(vec![P::Two, P::Four, P::Five, P::One]).prop_map(Edit::Parts),
        4 => signature_fault().prop_map(Edit::Signature),
    ]
}

fn signature_fault() -> impl Strategy<Value = SignatureFault> {
    use SignatureFault as S;
    let fixed = vec![S::Cut, S::Longer, S::Empty, S::Zeros, S::Stranger, S::Der, S::HighS];
    prop_oneof![any::<Index>().prop_map(S::Bit), select(fixed)]
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let edits = prop::collection::vec(edit(), 0..=3);
    // Of what the peer does not know, a few.
    let alg = prop_oneof![18 => select(&ALGORITHMS[..9]), 1 => select(&ALGORITHMS[9..])];
    (alg, edits).prop_map(|(alg, edits)| Plan { alg, edits })
}

type Members = Vec<(&'static str, String)>;

impl Plan {
    pub fn token(&self) -> String {
        let text = |text: &str| json!(text).to_string();
        let header: Members =
            vec![("alg", text(self.alg)), ("typ", text("at+jwt")), ("kid", text(kid(self.alg)))];
        let payload: Members = vec![
            ("iss", text(ISSUER)),
            ("sub", text("alice")),
            ("aud", text(AUDIENCE)),
            ("exp", FAR_AHEAD.to_string()),
            ("nbf", LONG_AGO.to_string()),
            ("iat", LONG_AGO.to_string()),
            ("client_id", text("shop")),
            ("scope", text("orders:read")),
        ];
        let mut both = [header, payload];
        for edit in &self.edits {
            edit.apply(&mut both);
        }
        let mut parts = [self.part(Part::Header, &both[0]), self.part(Part::Payload, &both[1])]
            .map(|bytes| BASE64.encode_to_string(bytes));
        for edit in &self.edits {
            if let Edit::Base64(at @ 0..2, fault) = edit {
                parts[*at] = fault.in_text(&parts[*at]);
            }
        }
        let signed = parts.join(".");
        let mut signature = BASE64.encode_to_string(self.signature(&signed));
        for edit in &self.edits {
            if let Edit::Base64(2, fault) = edit {
                signature = fault.in_text(&signature);
            }
        }
        let mut token = format!("{signed}.{signature}");
        for edit in &self.edits {
            match edit {
                Edit::Parts(PartsFault::Two) => token = signed.clone(),
                Edit::Parts(PartsFault::One) => token = signature.clone(),
                Edit::Parts(PartsFault::Four) => token.push_str(".AA"),
                Edit::Parts(PartsFault::Five) => token.push_str(".AA.AA"),
                _ => {}
            }
        }
        token
    }

    fn part(&self, part: Part, members: &Members) -> Vec<u8> {
        let mut text = String::from("{");
        for (place, (name, value)) in members.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(text, r#"{comma}"{name}":{value}"#).unwrap();
        }
        text.push('}');
        let mut bytes = text.into_bytes();
        for edit in &self.edits {
            match (edit, part) {
                (Edit::Json(Part::Header, fault), Part::Header)
                | (Edit::Json(Part::Payload, fault), Part::Payload) => fault.spoil(&mut bytes),
                _ => {}
            }
        }
        bytes
    }

    fn signature(&self, signed: &str) -> Vec<u8> {
        let [own, stranger] = keys();
        let is_stranger = |edit: &Edit| matches!(edit, Edit::Signature(SignatureFault::Stranger));
        let by = if self.edits.iter().any(is_stranger) { stranger } else { own };
        let mut signature = by.sign(self.alg, signed.as_bytes());
        for edit in &self.edits {
            if let Edit::Signature(fault) = edit {
                fault.spoil(self.alg, &mut signature);
            }
        }
        signature
    }
}

impl Edit {
    fn apply(&self, both: &mut [Members; 2]) {
        match self {
            Edit::Set(part, name, value) => {
                let members = &mut both[*part as usize];
                match members.iter_mut().find(|member| member.0 == *name) {
                    Some(member) => member.1 = value.clone(),
                    None => members.push((name, value.clone())),
                }
            }
            Edit::Remove(part, name) => both[*part as usize].retain(|member| member.0 != *name),
            Edit::Again(part, name, value) => both[*part as usize].push((name, value.clone())),
            _ => {}
        }
    }
}

impl JsonFault {
    fn spoil(self, bytes: &mut Vec<u8>) {
        match self {
            JsonFault::Blanks => *bytes = [b" \r\n\t".as_slice(), bytes, b"\n "].concat(),
            JsonFault::Trailing => bytes.extend_from_slice(b"{}"),
            JsonFault::Bom => *bytes = [b"\xef\xbb\xbf".as_slice(), bytes].concat(),
            JsonFault::Array => *bytes = [b"[".as_slice(), bytes, b"]"].concat(),
            JsonFault::Text => *bytes = b"\"text\"".to_vec(),
            JsonFault::Cut => drop(bytes.pop()),
            JsonFault::Empty => bytes.clear(),
            JsonFault::NotUtf8 => {
                bytes.pop();
                bytes.extend_from_slice(b",\"last\":\"\xc3\x28\"}");
            }
        }
    }
}

impl Base64Fault {
    fn in_text(self, text: &str) -> String {
        match self {
            Base64Fault::Padding => format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4)),
            Base64Fault::SpareBits => spare_bits(text),
            Base64Fault::Blank => format!("{text} "),
            Base64Fault::LineBreak => {
                format!("{}\n{}", &text[..text.len() / 2], &text[text.len() / 2..])
            }
            Base64Fault::Plus => text.replace('-', "+").replace('_', "/"),
            Base64Fault::Cut => text.get(..text.len().saturating_sub(1)).unwrap_or("").to_owned(),
        }
    }
}

/// Another spelling of the same bytes, where the last digit has bits to spare.
fn spare_bits(text: &str) -> String {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    match text.pop_digit() {
        Some((rest, last)) if !text.len().is_multiple_of(4) => {
            let next = DIGITS.find(last).unwrap() ^ 1;
            format!("{rest}{}", &DIGITS[next..=next])
        }
        _ => text.to_owned(),
    }
}

trait PopDigit {
    fn pop_digit(&self) -> Option<(&str, char)>;
}

impl PopDigit for str {
    fn pop_digit(&self) -> Option<(&str, char)> {
        let last = self.chars().last().filter(|last| last.is_ascii_alphanumeric())?;
        Some((&self[..self.len() - 1], last))
    }
}

impl SignatureFault {
    fn spoil(&self, alg: &str, signature: &mut Vec<u8>) {
        match self {
            SignatureFault::Bit(index) if !signature.is_empty() => {
                let bit = index.index(8 * signature.len());
                signature[bit / 8] ^= 1 << (bit % 8);
            }
            SignatureFault::Cut => drop(signature.pop()),
            SignatureFault::Longer => signature.push(0),
            SignatureFault::Empty => signature.clear(),
            SignatureFault::Zeros => signature.fill(0),
            SignatureFault::Der if alg.starts_with("ES") => *signature = der(signature),
            SignatureFault::HighS if alg == "ES256" && signature.len() == 64 => other_s(signature),
            _ => {}
        }
    }
}

/// SEQUENCE of two INTEGERs.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let mut bytes: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        if bytes.first().is_none_or(|first| *first >= 0x80) {
            bytes.insert(0, 0);
        }
        [&[2, bytes.len() as u8], bytes.as_slice()].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let both = [integer(r), integer(s)].concat();
    match both.len() {
        short @ ..128 => [&[0x30, short as u8], both.as_slice()].concat(),
        long => [&[0x30, 0x81, long as u8], both.as_slice()].concat(),
    }
}

fn other_s(signature: &mut [u8]) {
    const ORDER: &[u8] = b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let s = BigUint::from_bytes_be(&signature[32..]);
    let order = BigUint::parse_bytes(ORDER, 16).unwrap();
    if s < order {
        let other = (order - s).to_bytes_be();
        signature[32..].fill(0);
        signature[64 - other.len()..].copy_from_slice(&other);
    }
}
