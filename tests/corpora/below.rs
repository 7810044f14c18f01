//! One level below `auth_verify`: the rules on the form of a token, on its header, keys and
//! signature. The payloads of the corpora are `foo`, zeros or nothing, so no rule on claims runs.

use auth::config::Config;
use auth::keys::driver::Waiting;
use auth::keys::jwks::KeySet;
use auth::signature::{self, Algorithm};
use auth::status::Status;
use auth::token;
use auth::verdict::Refusal;
use base64_simd::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::common::ISSUER;

/// A key of nobody's token: a key set without one usable key would be refused as a whole. It is
/// the key of RFC 8032 7.1, test 1.
pub fn bystander() -> Value {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    json!({ "kid": "bystander", "kty": "OKP", "crv": "Ed25519", "x": x })
}

/// The options of an issuer that has these keys: a JWK, a key set, or null for none.
pub fn config(keys: &Value) -> Config {
    let mut set = match keys {
        Value::Null => json!({ "keys": [] }),
        set if set.get("keys").is_some() => set.clone(),
        jwk => json!({ "keys": [jwk] }),
    };
    set["keys"].as_array_mut().unwrap().push(bystander());
    let config = Config::default();
    for (key, value) in [("issuer", ISSUER), ("audience", "*"), ("keys.jwks", &set.to_string())] {
        config.set(key.as_bytes(), Some(value.as_bytes())).unwrap();
    }
    config
}

/// OK, or the status of the first rule that refuses the token.
pub fn judge(config: &Config, token: &str) -> Status {
    match check(config, token) {
        Ok(()) => Status::OK,
        Err(refusal) => refusal.status,
    }
}

fn check(config: &Config, token: &str) -> Result<(), Refusal> {
    let runtime = config.runtime()?;
    let settings = &runtime.settings;
    token::decode(token.as_bytes(), settings)?;
    // The header is read together with a payload: with one that only names the issuer.
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let payload = BASE64.encode_to_string(json!({ "iss": ISSUER }).to_string());
    let stand_in = format!("{header}.{payload}.{signature}");
    let decoded = token::decode(stand_in.as_bytes(), settings)?;
    let mut token = token::read(&decoded, settings)?;
    token.signing.signed = signed.as_bytes();
    let (issuer, keys) = runtime.issuer(token.issuer)?;
    let wanted = token.wants(&issuer.name);
    let found = keys.find(&token.iss, wanted, Waiting::HeldOnly)?;
    signature::check(&token.signing, &found, wanted, keys, Waiting::HeldOnly)
}

/// This key may be used with the algorithm, and made the signature.
pub fn verifies(jwk: &Value, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let document = json!({ "keys": [jwk] }).to_string();
    let Ok(set) = KeySet::parse(document.as_bytes()) else {
        return false;
    };
    let mut usable = set.keys.iter().filter_map(|key| key.usable.as_ref().ok());
    usable.any(|key| key.fits(algorithm) && key.verify(algorithm, message, signature))
}
