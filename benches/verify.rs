//! `auth_verify` against the bare primitive: the same tokens, the same keys, interleaved in one
//! process; the minimum of each over many rounds. Ratios are what counts; the nanoseconds are this
//! machine's.

use std::ffi::CString;
use std::hint::black_box;
use std::time::Instant;

use auth::config::Config;
use auth::ffi::{auth_config_free, auth_config_new, auth_config_set, auth_verify};
use auth::record::auth_verdict;
use auth::status::Status;
use auth::token;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example/realms/main";
const ROUNDS: usize = 400;
const PER_ROUND: usize = 16;

struct Case {
    name: &'static str,
    token: String,
    message: usize,
    signature: Vec<u8>,
    primitive: ParsedPublicKey,
    config: *mut Config,
}

fn main() {
    let cases = [rs256(), es256(), eddsa()];
    let mut best = [[f64::INFINITY; 2]; 3];
    for _ in 0..ROUNDS {
        for (case, best) in cases.iter().zip(&mut best) {
            best[0] = best[0].min(nanoseconds(|| case.verify_primitive()));
            best[1] = best[1].min(nanoseconds(|| case.verify()));
        }
    }
    parse_table(&cases[0]);
    println!("\nalgorithm  primitive ns  auth_verify ns  ratio");
    for (case, [primitive, whole]) in cases.iter().zip(best) {
        let ratio = whole / primitive;
        println!("{:9}  {primitive:12.0}  {whole:14.0}  {ratio:5.3}", case.name);
        unsafe { auth_config_free(case.config) };
    }
}

fn nanoseconds(mut body: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..PER_ROUND).for_each(|_| body());
    start.elapsed().as_nanos() as f64 / PER_ROUND as f64
}

/// What stage token costs a byte: a usual token, and the same size of nothing but claim names.
fn parse_table(usual: &Case) {
    let config = unsafe { &*usual.config };
    let settings = &config.runtime().unwrap_or_else(|mistake| panic!("{}", mistake.log)).settings;
    let names: Vec<String> = (0..1_900).map(|n| format!("\"{n}\":0")).collect();
    let names = format!("{{\"iss\":\"{ISSUER}\",{}}}", names.join(","));
    let header = usual.token.split('.').next().unwrap();
    let names = format!("{header}.{}.AAAA", base64(&names));
    println!("stage token          bytes      ns  ns a byte");
    for (name, token) in [("a usual token", &usual.token), ("1 900 claim names", &names)] {
        let best = (0..ROUNDS).map(|_| {
            nanoseconds(|| {
                let decoded = token::decode(black_box(token.as_bytes()), settings);
                let decoded = decoded.unwrap_or_else(|refusal| panic!("{}", refusal.log));
                assert!(token::read(&decoded, settings).is_ok());
            })
        });
        let best = best.fold(f64::INFINITY, f64::min);
        let bytes = token.len();
        println!("{name:18}  {bytes:6}  {best:6.0}  {:9.2}", best / bytes as f64);
    }
}

impl Case {
    fn verify_primitive(&self) {
        let message = black_box(&self.token.as_bytes()[..self.message]);
        self.primitive.verify_sig(message, &self.signature).unwrap();
    }

    fn verify(&self) {
        // Not set to anything: a C caller's stack is not either.
        let mut record = std::mem::MaybeUninit::<[u64; 4096]>::uninit();
        let token = black_box(self.token.as_bytes());
        let status = unsafe {
            auth_verify(
                self.config,
                token.as_ptr().cast(),
                token.len(),
                record.as_mut_ptr().cast::<auth_verdict>(),
                size_of_val(&record),
            )
        };
        assert_eq!(status, Status::OK);
    }
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// A token of about 900 bytes, as real providers issue them, and a handle that accepts it.
fn case(
    name: &'static str,
    jwk: Value,
    primitive: ParsedPublicKey,
    sign: impl Fn(&[u8]) -> Vec<u8>,
) -> Case {
    let header = json!({"alg": name, "typ": "at+jwt", "kid": "BvrsYcNyHcRk3oCTVlq1mT9kJ7f4wZxQ"});
    let claims = json!({
        "iss": ISSUER, "aud": ["https://api.example", "account"],
        "sub": "d37b1c61-7a0c-4f6e-9d55-0c1b2a3f4e5d", "exp": 4102444800u64, "iat": 1700000000u64,
        "nbf": 1700000000u64, "jti": "trrtcc:104f9c8d-5d3f-4b0e-8a51", "azp": "web-client",
        "typ": "Bearer", "scope": "orders:read orders:write profile email",
        "realm_access": {"roles": ["reader", "default-roles-main"]}, "tenant": "t1",
        "name": "Alice Example", "email": "alice@example.com", "email_verified": true,
    });
    let signed = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
    let signature = sign(signed.as_bytes());
    let mut key = json!({"alg": name, "use": "sig", "kid": header["kid"]});
    key.as_object_mut().unwrap().extend(jwk.as_object().unwrap().clone());
    let token = format!("{signed}.{}", base64(&signature));
    let config = config(&json!({ "keys": [key] }).to_string());
    Case { name, token, message: signed.len(), signature, primitive, config }
}

fn config(jwks: &str) -> *mut Config {
    let config = auth_config_new();
    for (key, value) in [
        ("issuer", ISSUER),
        ("audience", "https://api.example"),
        ("token.max_bytes", "64k"),
        ("keys.jwks", jwks),
    ] {
        let (key, value) = (CString::new(key).unwrap(), CString::new(value).unwrap());
        let none = std::ptr::null_mut();
        let set = unsafe { auth_config_set(config, key.as_ptr(), value.as_ptr(), none, 0) };
        assert_eq!(set, Status::OK);
    }
    config
}

fn rs256() -> Case {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let n = public.modulus().big_endian_without_leading_zero();
    let e = public.exponent().big_endian_without_leading_zero();
    let primitive =
        PublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap();
    let jwk = json!({"kty": "RSA", "n": base64(n), "e": base64(e)});
    case("RS256", jwk, primitive, |message| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    })
}

fn es256() -> Case {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let primitive = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).unwrap();
    let (x, y) = (base64(&point[1..33]), base64(&point[33..]));
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
    case("ES256", jwk, primitive, |message| {
        pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    })
}

fn eddsa() -> Case {
    let pair = Ed25519KeyPair::generate().unwrap();
    let primitive = ParsedPublicKey::new(&ED25519, pair.public_key().as_ref()).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key().as_ref())});
    case("EdDSA", jwk, primitive, |message| pair.sign(message).as_ref().to_vec())
}
