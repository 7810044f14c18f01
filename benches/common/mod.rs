//! A new key of each algorithm, with the bare primitive that checks its signatures, and the claims
//! of a usual token.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
};
use serde_json::{Value, json};

type Sign = dyn Fn(&[u8]) -> Vec<u8>;

pub struct Key {
    pub algorithm: &'static str,
    pub kid: &'static str,
    pub public: ParsedPublicKey,
    /// The public key as a member of a key set.
    pub jwk: Value,
    sign: Box<Sign>,
}

/// A token, and where its signed part ends.
pub struct Token {
    pub text: String,
    pub message: usize,
    pub signature: Vec<u8>,
}

impl Key {
    pub fn token(&self, claims: &Value) -> Token {
        let header = json!({"alg": self.algorithm, "typ": "at+jwt", "kid": self.kid});
        let signed = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature = (self.sign)(signed.as_bytes());
        let text = format!("{signed}.{}", base64(&signature));
        Token { text, message: signed.len(), signature }
    }
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

pub fn keys() -> [Key; 3] {
    [rs256(), es256(), eddsa()]
}

/// With them a token has about 900 bytes, as real providers issue them.
pub fn usual_claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "aud": ["https://api.example", "account"],
        "sub": "d37b1c61-7a0c-4f6e-9d55-0c1b2a3f4e5d", "exp": 4102444800u64, "iat": 1700000000u64,
        "nbf": 1700000000u64, "jti": "trrtcc:104f9c8d-5d3f-4b0e-8a51", "azp": "web-client",
        "typ": "Bearer", "scope": "orders:read orders:write profile email",
        "realm_access": {"roles": ["reader", "default-roles-main"]}, "tenant": "t1",
        "name": "Alice Example", "email": "alice@example.com", "email_verified": true,
    })
}

fn key(
    algorithm: &'static str,
    kid: &'static str,
    jwk: Value,
    public: ParsedPublicKey,
    sign: impl Fn(&[u8]) -> Vec<u8> + 'static,
) -> Key {
    let mut whole = json!({"alg": algorithm, "use": "sig", "kid": kid});
    whole.as_object_mut().unwrap().extend(jwk.as_object().unwrap().clone());
    Key { algorithm, kid, public, jwk: whole, sign: Box::new(sign) }
}

fn rs256() -> Key {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let n = public.modulus().big_endian_without_leading_zero();
    let e = public.exponent().big_endian_without_leading_zero();
    let jwk = json!({"kty": "RSA", "n": base64(n), "e": base64(e)});
    let public =
        PublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap();
    key("RS256", "BvrsYcNyHcRk3oCTVlq1mT9kJ7f4wZxQ", jwk, public, move |message| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    })
}

fn es256() -> Key {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).unwrap();
    let (x, y) = (base64(&point[1..33]), base64(&point[33..]));
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
    key("ES256", "Tq0mXw7PZc1uHn5LrKd8sVb2yAe4GfJo", jwk, public, move |message| {
        pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    })
}

fn eddsa() -> Key {
    let pair = Ed25519KeyPair::generate().unwrap();
    let public = ParsedPublicKey::new(&ED25519, pair.public_key().as_ref()).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key().as_ref())});
    let sign = move |message: &[u8]| pair.sign(message).as_ref().to_vec();
    key("EdDSA", "Lk9RzGy6MvQ3xWt0BhUe7CiSn1DpFj5a", jwk, public, sign)
}
