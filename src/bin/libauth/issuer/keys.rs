//! The provider's keys: made, published as a JWKS, signed with.

use std::thread;

use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use serde_json::{Map, Value, json};

/// One key each.
pub const ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];

/// base64url without padding, as JOSE writes everything.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref())
}

pub struct Keys(Vec<Key>);

struct Key {
    alg: String,
    kid: String,
    signer: Signer,
}

enum Signer {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

impl Keys {
    /// New kids are random: a verifier that remembers an earlier run meets an unknown kid,
    /// not a bad signature.
    pub fn generate(algorithms: &[&str]) -> Result<Keys, String> {
        let named = algorithms.iter().map(|alg| Ok((alg.to_string(), new_kid(alg)?)));
        generate(named.collect::<Result<_, String>>()?)
    }

    /// The same algorithms under new kids.
    pub fn renewed(&self) -> Result<Keys, String> {
        Keys::generate(&self.algorithms())
    }

    /// The same kids, new keys.
    pub fn rekeyed(&self) -> Result<Keys, String> {
        generate(self.0.iter().map(|key| (key.alg.clone(), key.kid.clone())).collect())
    }

    pub fn algorithms(&self) -> Vec<&str> {
        self.0.iter().map(|key| key.alg.as_str()).collect()
    }

    pub fn kids(&self) -> Vec<&str> {
        self.0.iter().map(|key| key.kid.as_str()).collect()
    }

    pub fn jwks(&self) -> Value {
        json!({ "keys": self.0.iter().map(Key::jwk).collect::<Vec<_>>() })
    }

    pub fn mint(
        &self,
        alg: &str,
        claims: &Value,
        overrides: Option<&Value>,
    ) -> Result<String, String> {
        let Some(key) = self.0.iter().find(|key| key.alg == alg) else {
            let known = self.algorithms().join(", ");
            return Err(format!("no key for alg {alg:?}; there are: {known}"));
        };
        let mut header = json!({ "alg": alg, "typ": "at+jwt", "kid": key.kid });
        if let (Some(members), Some(Value::Object(overrides))) = (header.as_object_mut(), overrides)
        {
            merge(members, overrides);
        }
        let (header, claims) = (header.to_string(), claims.to_string());
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let signature = key.signer.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", base64url(signature)))
    }
}

/// Members replace; a null removes.
pub fn merge(into: &mut Map<String, Value>, overrides: &Map<String, Value>) {
    for (name, value) in overrides {
        if value.is_null() {
            into.remove(name);
        } else {
            into.insert(name.clone(), value.clone());
        }
    }
}

/// All at once: an RSA key takes as long as everything else together.
fn generate(named: Vec<(String, String)>) -> Result<Keys, String> {
    thread::scope(|scope| {
        let making = named.into_iter().map(|(alg, kid)| {
            scope.spawn(move || Signer::generate(&alg).map(|signer| Key { alg, kid, signer }))
        });
        let making: Vec<_> = making.collect();
        let made = making.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(failed())));
        made.collect::<Result<_, _>>().map(Keys)
    })
}

fn new_kid(alg: &str) -> Result<String, String> {
    let mut random = [0u8; 6];
    rand::fill(&mut random).map_err(|_| failed())?;
    Ok(format!("{}-{}", alg.to_lowercase(), base64url(random)))
}

fn failed() -> String {
    "key generation failed".to_owned()
}

impl Signer {
    fn generate(alg: &str) -> Result<Signer, String> {
        let made = match alg {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "ES256" => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .map(|pair| Signer::Ec(Box::new(pair))),
            "ES384" => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)
                .map(|pair| Signer::Ec(Box::new(pair))),
            "EdDSA" => Ed25519KeyPair::generate().map(|pair| Signer::Ed(Box::new(pair))),
            _ => {
                return Err(format!("no algorithm {alg:?}; there are: {}", ALGORITHMS.join(", ")));
            }
        };
        made.map_err(|_| failed())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let random = SystemRandom::new();
        let unsigned = |_| "signing failed".to_owned();
        match self {
            Signer::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &random, message, &mut signature).map_err(unsigned)?;
                Ok(signature)
            }
            Signer::Ec(pair) => {
                pair.sign(&random, message).map(|s| s.as_ref().to_vec()).map_err(unsigned)
            }
            Signer::Ed(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

fn rsa(padding: &'static dyn RsaEncoding) -> Result<Signer, aws_lc_rs::error::Unspecified> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
    Ok(Signer::Rsa(Box::new(pair), padding))
}

impl Key {
    fn jwk(&self) -> Value {
        let mut jwk = match &self.signer {
            Signer::Rsa(pair, _) => rsa_members(pair.public_key().as_ref()),
            Signer::Ec(pair) => ec_members(pair.public_key().as_ref()),
            Signer::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key()) })
            }
        };
        let common = json!({ "alg": self.alg, "use": "sig", "kid": self.kid });
        if let (Some(jwk), Some(common)) = (jwk.as_object_mut(), common.as_object()) {
            merge(jwk, common);
        }
        jwk
    }
}

/// The RSAPublicKey of 2048 bits has one shape: 9 bytes of DER with the sign byte, 256 of
/// modulus, 2 of DER, the exponent.
fn rsa_members(der: &[u8]) -> Value {
    let modulus = der.get(9..265).unwrap_or_default();
    let exponent = der.get(267..).unwrap_or_default();
    json!({ "kty": "RSA", "n": base64url(modulus), "e": base64url(exponent) })
}

/// An uncompressed point: 4, x, y.
fn ec_members(point: &[u8]) -> Value {
    let coordinates = point.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    let crv = if x.len() == 32 { "P-256" } else { "P-384" };
    json!({ "kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y) })
}
