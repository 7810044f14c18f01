//! jsonwebtoken as its users are told to use it: the key by `kid`, an allow-list of algorithms, and
//! every check of `Validation` switched on.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

pub const ALL: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The claims, or why not.
pub type Opinion = Result<Value, String>;

pub struct Peer {
    issuers: Vec<String>,
    /// None: any.
    audience: Option<Vec<String>>,
    keys: Vec<Key>,
    /// False: exp and nbf are read, and not compared with the wall clock.
    times: bool,
}

struct Key {
    kid: Option<String>,
    key: DecodingKey,
    algorithms: Vec<Algorithm>,
}

impl Peer {
    pub fn new(
        issuers: Vec<String>,
        audience: Option<Vec<String>>,
        jwks: &Value,
        allowed: &[Algorithm],
        times: bool,
    ) -> Peer {
        let keys = jwks["keys"].as_array().unwrap();
        let keys = keys.iter().filter_map(|jwk| key(jwk, allowed)).collect();
        Peer { issuers, audience, keys, times }
    }

    pub fn opinion(&self, token: &str) -> Opinion {
        let header = decode_header(token).map_err(|error| error.to_string())?;
        let mut why = "no key".to_owned();
        for key in &self.keys {
            if header.kid.is_some() && header.kid != key.kid {
                continue;
            }
            match decode::<Map<String, Value>>(token, &key.key, &self.validation(key)) {
                Ok(decoded) => return Ok(Value::Object(decoded.claims)),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    fn validation(&self, key: &Key) -> Validation {
        let mut validation = Validation::new(key.algorithms[0]);
        validation.algorithms = key.algorithms.clone();
        validation.leeway = 30;
        validation.validate_exp = self.times;
        validation.validate_nbf = self.times;
        validation.set_issuer(&self.issuers);
        match &self.audience {
            Some(audience) => {
                validation.set_audience(audience);
                validation.set_required_spec_claims(&["exp", "iss", "aud"]);
            }
            None => {
                validation.validate_aud = false;
                validation.set_required_spec_claims(&["exp", "iss"]);
            }
        }
        validation
    }
}

/// None: unreadable, or of no algorithm that is allowed.
fn key(jwk: &Value, allowed: &[Algorithm]) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    let mut algorithms = match jwk.common.key_algorithm {
        Some(algorithm) => vec![algorithm.to_string().parse().ok()?],
        None => key.family().algorithms().to_vec(),
    };
    algorithms.retain(|algorithm| allowed.contains(algorithm));
    algorithms.first()?;
    Some(Key { kid: jwk.common.key_id, key, algorithms })
}
