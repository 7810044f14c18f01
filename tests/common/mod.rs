//! For tests of the exported functions: keys, tokens, a handle, and a reader of records that holds
//! every rule of their layout.
#![allow(dead_code)] // Each test program uses a part.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::OnceLock;

use auth::config::Config;
use auth::ffi::*;
use auth::record::auth_verdict;
use auth::status::Status;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use base64_simd::URL_SAFE_NO_PAD as BASE64;

pub const NOW: i64 = 1_800_000_000;
pub const EXP: i64 = NOW + 300;
pub const ISSUER: &str = "https://id.example";
pub const AUDIENCE: &str = "https://api.example";
pub const HEAD_BYTES: usize = size_of::<auth_verdict>();
/// AUTH_VERDICT_SIZE of the header.
pub const fn verdict_size(n: usize) -> usize {
    HEAD_BYTES + 2 * n + 4096
}

// ---------------------------------------------------------------- keys and tokens

pub struct Keys {
    rsa: rsa::KeyPair,
    p256: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
}

pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys {
        rsa: rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap(),
        p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        ed25519: Ed25519KeyPair::generate().unwrap(),
    })
}

/// Key ids: the algorithm's name, and `enc` for one that may not be used.
pub fn jwks() -> &'static str {
    static JWKS: OnceLock<String> = OnceLock::new();
    JWKS.get_or_init(|| {
        let keys = keys();
        let text = |bytes: &[u8]| BASE64.encode_to_string(bytes);
        let n = keys.rsa.public_key().modulus();
        let e = keys.rsa.public_key().exponent();
        let (n, e) =
            (text(n.big_endian_without_leading_zero()), text(e.big_endian_without_leading_zero()));
        let point = keys.p256.public_key().as_ref();
        let (x, y) = (text(&point[1..33]), text(&point[33..]));
        let ed: Vec<u8> = keys.ed25519.public_key().as_ref().to_vec();
        let ed = text(&ed);
        format!(
            r#"{{"keys":[{{"kid":"RS256","kty":"RSA","n":"{n}","e":"{e}"}},
            {{"kid":"ES256","kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}},
            {{"kid":"EdDSA","kty":"OKP","crv":"Ed25519","x":"{ed}"}},
            {{"kid":"enc","kty":"OKP","crv":"Ed25519","x":"{ed}","use":"enc"}}]}}"#
        )
    })
}

/// The public key of `EdDSA` as PEM: SubjectPublicKeyInfo of RFC 8410.
pub fn pem() -> String {
    const BEFORE_THE_KEY: [u8; 12] = *b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
    let der = [&BEFORE_THE_KEY, keys().ed25519.public_key().as_ref()].concat();
    let text = base64_simd::STANDARD.encode_to_string(der);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

/// Any header and payload, signed by the key of `alg`.
pub fn signed(alg: &str, header: &[u8], payload: &[u8]) -> String {
    let text = |bytes: &[u8]| BASE64.encode_to_string(bytes);
    let signed = format!("{}.{}", text(header), text(payload));
    let (keys, random) = (keys(), SystemRandom::new());
    let signature = match alg {
        "RS256" => {
            let mut signature = vec![0; keys.rsa.public_modulus_len()];
            keys.rsa.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
            signature
        }
        "ES256" => keys.p256.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
        "EdDSA" => keys.ed25519.sign(signed.as_bytes()).as_ref().to_vec(),
        _ => panic!("no key for {alg}"),
    };
    format!("{signed}.{}", text(&signature))
}

pub fn header_of(alg: &str) -> String {
    format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"{alg}"}}"#)
}

pub fn token(alg: &str, payload: &str) -> String {
    signed(alg, header_of(alg).as_bytes(), payload.as_bytes())
}

/// A good payload with more members (`,"a":1`) at its end.
pub fn payload_with(more: &str) -> String {
    format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{EXP}{more}}}"#)
}

pub fn good_payload() -> String {
    payload_with(r#","sub":"alice","client_id":"shop","scope":"orders:read orders:write""#)
}

pub fn good_token(alg: &str) -> String {
    token(alg, &good_payload())
}

/// The same token with one bit of the signature changed.
pub fn tampered(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = BASE64.decode_to_vec(signature).unwrap();
    bytes[7] ^= 1;
    format!("{signed}.{}", BASE64.encode_to_string(&bytes))
}

// ---------------------------------------------------------------- the handle

pub struct Handle(*mut Config);

// SAFETY: the header promises any number of calls at once; the tests hold it to that.
unsafe impl Send for Handle {}
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        unsafe { auth_config_free(self.0) };
    }
}

impl Handle {
    pub fn null() -> Handle {
        Handle(std::ptr::null_mut())
    }

    /// A method: a closure would capture the field alone, and the handle be freed.
    pub fn config(&self) -> *mut Config {
        self.0
    }

    pub fn empty() -> Handle {
        let handle = Handle(auth_config_new());
        assert!(!handle.0.is_null());
        handle
    }

    /// Accepts the tokens of [`good_token`], and has these options besides.
    pub fn local(options: &[(&str, &str)]) -> Handle {
        let handle = Handle::empty();
        let own = [("issuer", ISSUER), ("audience", AUDIENCE), ("keys.jwks", jwks())];
        for (key, value) in own.iter().chain(options) {
            assert_eq!(handle.set(key, value), Status::OK, "{key}={value}");
        }
        handle
    }

    /// Its keys would have to be fetched from where nobody answers.
    pub fn remote(options: &[(&str, &str)]) -> Handle {
        let handle = Handle::empty();
        let own = [("issuer", "https://127.0.0.1:1"), ("audience", AUDIENCE)];
        for (key, value) in own.iter().chain(options) {
            assert_eq!(handle.set(key, value), Status::OK, "{key}={value}");
        }
        handle
    }

    pub fn set(&self, key: &str, value: &str) -> Status {
        set(self.0, key.as_bytes(), Some(value.as_bytes()), ptr::null_mut(), 0)
    }

    pub fn load(&self, json: &str) -> Answer {
        answer_of(&|out, size| load(self.0, json.as_bytes(), out, size))
    }

    pub fn require(&self, claims: &str, text: &str) -> Answer {
        answer_of(&|out, size| require(self.0, claims.as_bytes(), text.as_bytes(), out, size))
    }

    pub fn check(&self) -> Status {
        unsafe { auth_config_check(self.0, ptr::null_mut(), 0) }
    }

    pub fn checked(&self) -> Answer {
        answer_of(&|out, size| unsafe { auth_config_check(self.0, out, size) })
    }

    pub fn verify_at(&self, token: &str) -> Answer {
        answer_of(&|out, size| verify_at(self.0, token.as_bytes(), NOW, out, size))
    }

    pub fn authorize_at(&self, header: &str, require: &str) -> Answer {
        let (header, require) = (header.as_bytes(), require.as_bytes());
        answer_of(&|out, size| authorize_at(self.0, header, require, NOW, out, size))
    }
}

pub fn set(
    config: *mut Config,
    key: &[u8],
    value: Option<&[u8]>,
    out: *mut auth_verdict,
    size: usize,
) -> Status {
    let key = CString::new(key).unwrap();
    let value = value.map(|value| CString::new(value).unwrap());
    let value = value.as_ref().map_or(ptr::null(), |value| value.as_ptr());
    unsafe { auth_config_set(config, key.as_ptr(), value, out, size) }
}

pub fn chars(bytes: &[u8]) -> *const c_char {
    bytes.as_ptr().cast()
}

pub fn verify_at(
    config: *const Config,
    token: &[u8],
    now: i64,
    out: *mut auth_verdict,
    size: usize,
) -> Status {
    unsafe { auth_verify_at(config, chars(token), token.len(), now, out, size) }
}

pub fn authorize_at(
    config: *const Config,
    header: &[u8],
    require: &[u8],
    now: i64,
    out: *mut auth_verdict,
    size: usize,
) -> Status {
    let (h, r) = (chars(header), chars(require));
    unsafe { auth_authorize_at(config, h, header.len(), r, require.len(), now, out, size) }
}

pub fn describe(
    config: *const Config,
    number: i32,
    detail: &[u8],
    out: *mut auth_verdict,
    size: usize,
) -> Status {
    unsafe { auth_describe(config, number, chars(detail), detail.len(), out, size) }
}

pub fn load(config: *mut Config, json: &[u8], out: *mut auth_verdict, size: usize) -> Status {
    unsafe { auth_config_load(config, chars(json), json.len(), out, size) }
}

pub fn load_env(config: *mut Config, out: *mut auth_verdict, size: usize) -> Status {
    unsafe { auth_config_load_env(config, out, size) }
}

pub fn require(
    config: *const Config,
    claims: &[u8],
    require: &[u8],
    out: *mut auth_verdict,
    size: usize,
) -> Status {
    let (c, r) = (chars(claims), chars(require));
    unsafe { auth_require(config, c, claims.len(), r, require.len(), out, size) }
}

/// `auth_claim` with exactly the room that it asks for; None for a claim that is absent.
pub fn claim(claims: &[u8], path: &[u8]) -> Option<String> {
    let (path, start) = (CString::new(path).unwrap(), chars(claims));
    let ask = |out, size| unsafe { auth_claim(start, claims.len(), path.as_ptr(), out, size) };
    let needed = ask(ptr::null_mut(), 0);
    if needed == usize::MAX {
        return None;
    }
    let mut room = vec![GUARD; needed + 1];
    assert_eq!(ask(room.as_mut_ptr().cast(), needed + 1), needed);
    assert_eq!(room.pop(), Some(0), "a NUL follows");
    Some(String::from_utf8(room).unwrap())
}

// ---------------------------------------------------------------- records

/// A call that answers into a record.
pub type Call<'c> = dyn Fn(*mut auth_verdict, usize) -> Status + 'c;

/// Runs the call with room for everything, and reads the record.
pub fn answer_of(call: &Call) -> Answer {
    let mut record = Memory::new(verdict_size(1 << 16));
    record.call(call)
}

/// Memory that a record is written into.
pub struct Memory {
    pub bytes: Vec<u8>,
}

pub const GUARD: u8 = 0xa5;

impl Memory {
    pub fn new(size: usize) -> Memory {
        Memory { bytes: vec![GUARD; size] }
    }

    pub fn call(&mut self, call: &Call) -> Answer {
        let returned = call(self.bytes.as_mut_ptr().cast(), self.bytes.len());
        let answer = Answer::read(&self.bytes);
        assert_eq!(answer.status, returned as i32, "the record tells what was returned");
        answer
    }
}

/// The texts of a record in the order of the header.
pub const TEXTS: [&str; 11] = [
    "code",
    "message",
    "log",
    "challenge",
    "problem",
    "claims",
    "header",
    "issuer",
    "subject",
    "client_id",
    "scopes",
];

/// A record as a reader of any language sees it: by offsets alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub size: u32,
    pub status: i32,
    pub http_status: i32,
    pub retry_after_s: u32,
    pub expires_at: i64,
    texts: Vec<String>,
}

impl Answer {
    /// Every text lies inside `size` and behind the head, is UTF-8 with a NUL after it, or {0, 0}.
    pub fn read(bytes: &[u8]) -> Answer {
        let u32_at = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        let size = u32_at(0);
        assert!(size as usize >= HEAD_BYTES && size as usize <= bytes.len(), "size {size}");
        let mut texts = Vec::new();
        let mut used = HEAD_BYTES;
        for (place, name) in TEXTS.iter().enumerate() {
            let (offset, length) = (u32_at(24 + 8 * place), u32_at(28 + 8 * place));
            if length == 0 {
                assert_eq!(offset, 0, "{name} is empty and so {{0, 0}}");
                texts.push(String::new());
                continue;
            }
            let (start, end) = (offset as usize, offset as usize + length as usize);
            assert!(start >= HEAD_BYTES, "{name} lies behind the head");
            assert!(end < size as usize, "{name} and its NUL lie inside size");
            assert_eq!(bytes[end], 0, "a NUL follows {name}");
            let text = std::str::from_utf8(&bytes[start..end]);
            texts.push(text.unwrap_or_else(|_| panic!("{name} is UTF-8")).to_owned());
            used += length as usize + 1;
        }
        assert_eq!(used, size as usize, "size is the head and the texts, no byte more");
        Answer {
            size,
            status: u32_at(4) as i32,
            http_status: u32_at(8) as i32,
            retry_after_s: u32_at(12),
            expires_at: i64::from_ne_bytes(bytes[16..24].try_into().unwrap()),
            texts,
        }
    }

    pub fn text(&self, name: &str) -> &str {
        &self.texts[TEXTS.iter().position(|text| *text == name).unwrap()]
    }

    /// OK, and nothing is told but the code.
    pub fn assert_ok_alone(&self) {
        assert_eq!((self.status, self.http_status), (0, 200), "{self:?}");
        assert_eq!((self.expires_at, self.retry_after_s), (0, 0));
        assert_eq!(self.text("code"), "ok");
        assert!(TEXTS.iter().skip(1).all(|name| self.text(name).is_empty()), "{self:?}");
    }

    /// Nothing of a token is told, and the answer is whole.
    pub fn assert_refused(&self, status: Status) {
        assert_eq!(self.status, status as i32, "{self:?}");
        let row = status.row();
        assert_eq!(self.http_status, row.http_status);
        assert_eq!(self.text("code"), row.code);
        assert_eq!(self.text("message"), row.message);
        assert_eq!(self.expires_at, 0);
        for name in ["claims", "header", "subject", "client_id", "scopes"] {
            assert_eq!(self.text(name), "", "{name} of {status:?}");
        }
        if status != Status::KEYS_PENDING {
            assert_eq!(self.text("issuer"), "", "issuer of {status:?}");
        }
        assert!(!self.text("log").is_empty() && !self.text("problem").is_empty());
        assert!(self.text("message").len() <= 512 && self.text("log").len() <= 512);
        let log = self.text("log");
        assert!(log.bytes().all(|b| matches!(b, b' '..=b'~')), "printable ASCII: {log:?}");
        assert_eq!(self.retry_after_s > 0, row.http_status == 503, "retry_after_s of {status:?}");
        let told = self.http_status == 401 || self.http_status == 403;
        assert_eq!(!self.text("challenge").is_empty(), told, "challenge of {status:?}");
    }
}
