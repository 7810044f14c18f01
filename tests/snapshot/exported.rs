//! Key sets by chance: through the file and back, each usable key is the same, and nothing private
//! is in the file.

use std::fs;
use std::sync::{Arc, LazyLock};

use auth::keys::jwks::{Key, KeySet, Wanted};
use auth::keys::snapshot::Kept;
use auth::signature::{ALGORITHM_NAMES, ALGORITHMS, Algorithm, PublicKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::{Folder, ISSUER, JWKS_URI, NOW_S, base64url};

const MESSAGE: &[u8] = b"header.payload";

/// A public key, one of its algorithms, and a signature of MESSAGE by it.
struct Sample {
    jwk: Value,
    alg: Algorithm,
    signature: Vec<u8>,
}

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    vec![
        rsa(KeySize::Rsa2048),
        rsa(KeySize::Rsa3072),
        curve(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", Algorithm::ES256),
        curve(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", Algorithm::ES384),
        curve(&ECDSA_P521_SHA512_FIXED_SIGNING, "P-521", Algorithm::ES512),
        ed25519(),
    ]
});

fn rsa(size: KeySize) -> Sample {
    let pair = rsa::KeyPair::generate(size).unwrap();
    let public = pair.public_key();
    let n = base64url(public.modulus().big_endian_without_leading_zero());
    let e = base64url(public.exponent().big_endian_without_leading_zero());
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), MESSAGE, &mut signature).unwrap();
    Sample { jwk: json!({"kty": "RSA", "n": n, "e": e}), alg: Algorithm::RS256, signature }
}

fn curve(signing: &'static EcdsaSigningAlgorithm, crv: &str, alg: Algorithm) -> Sample {
    let pair = EcdsaKeyPair::generate(signing).unwrap();
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    let jwk = json!({"kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y)});
    let signature = pair.sign(&SystemRandom::new(), MESSAGE).unwrap().as_ref().to_vec();
    Sample { jwk, alg, signature }
}

fn ed25519() -> Sample {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = base64url(pair.public_key().as_ref());
    let signature = pair.sign(MESSAGE).as_ref().to_vec();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    Sample { jwk, alg: Algorithm::EdDSA, signature }
}

/// What a provider may put into one key.
fn published() -> impl Strategy<Value = Value> {
    (
        any::<Index>(),
        proptest::option::of(any::<String>()),
        proptest::option::of(select(ALGORITHM_NAMES)),
        proptest::option::of(prop_oneof![
            Just(ISSUER.to_owned()),
            Just("https://id.example/{tenantid}".to_owned()),
            any::<String>()
        ]),
        any::<bool>(),
        proptest::option::of(select(&["sig", "enc"][..])),
    )
        .prop_map(|(sample, kid, alg, issuer, private, purpose)| {
            let mut jwk = sample.get(SAMPLES.as_slice()).jwk.clone();
            let mut put = |name: &str, value: Option<Value>| {
                value.map(|value| jwk.as_object_mut().unwrap().insert(name.to_owned(), value))
            };
            put("kid", kid.map(Value::from));
            put("alg", alg.map(Value::from));
            put("issuer", issuer.map(Value::from));
            put("use", purpose.map(Value::from));
            put("x5t", Some("certificate".into()));
            for name in ["d", "p", "q", "dp", "dq", "qi", "k"].iter().filter(|_| private) {
                put(name, Some(format!("{SECRET}{name}").into()));
            }
            jwk
        })
}

const SECRET: &str = "c2VjcmV0LW9mLXRoZS1wcm92aWRlci";

fn usable(set: &KeySet) -> Vec<(&Key, &PublicKey)> {
    let keys = set.keys.iter();
    keys.filter_map(|key| Some((key.as_ref(), key.usable.as_ref().ok()?))).collect()
}

/// The same set, read from the file, and the file's text.
fn through_the_file(document: &str) -> (Arc<KeySet>, KeySet, String) {
    let folder = Folder::new();
    let snapshot = folder.snapshot();
    let set = Arc::new(KeySet::parse(document.as_bytes()).unwrap());
    let kept =
        Kept { set: set.clone(), jwks_uri: JWKS_URI.into(), etag: None, fetched_at_s: NOW_S };
    snapshot.write(&kept).unwrap();
    let text = fs::read_to_string(&folder.files()[0]).unwrap();
    // A set that was within the limit is so as a file.
    let read = snapshot.read(document.len() as u64, NOW_S).unwrap().unwrap();
    (set, Arc::into_inner(read.set).unwrap(), text)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_usable_key_comes_back_and_nothing_private(
        mut keys in proptest::collection::vec(published(), 0..8),
        last in any::<Index>(),
    ) {
        keys.push(last.get(SAMPLES.as_slice()).jwk.clone());
        let (before, after, text) = through_the_file(&json!({ "keys": keys }).to_string());
        let (before, after) = (usable(&before), usable(&after));
        prop_assert_eq!(before.len(), after.len());
        for ((old, old_public), (new, new_public)) in before.iter().zip(&after) {
            prop_assert_eq!(&old.kid, &new.kid);
            prop_assert_eq!(&old.issuer, &new.issuer);
            prop_assert!(!new.any_kid);
            prop_assert_eq!(old_public.parts(), new_public.parts());
            for alg in ALGORITHMS {
                prop_assert_eq!(old_public.fits(*alg), new_public.fits(*alg));
            }
        }
        prop_assert!(!text.contains(SECRET));
        let file: Value = serde_json::from_str(&text).unwrap();
        const PUBLIC: [&str; 9] = ["kty", "crv", "kid", "issuer", "alg", "n", "e", "x", "y"];
        for key in file["keys"].as_array().unwrap() {
            for name in key.as_object().unwrap().keys() {
                prop_assert!(PUBLIC.contains(&name.as_str()), "{}", name);
            }
        }
    }
}

#[test]
fn a_key_from_the_file_verifies_what_its_private_half_signed() {
    let keys: Vec<Value> = (0..SAMPLES.len())
        .map(|place| {
            let mut jwk = SAMPLES[place].jwk.clone();
            jwk["kid"] = place.to_string().into();
            jwk
        })
        .collect();
    let (_, set, _) = through_the_file(&json!({ "keys": keys }).to_string());
    for (place, sample) in SAMPLES.iter().enumerate() {
        let kid = place.to_string();
        let wanted = Wanted { kid: Some(&kid), alg: sample.alg, tenant: None };
        let found = set.choose(wanted).unwrap();
        let key = found[0].unwrap();
        assert!(key.verify(sample.alg, MESSAGE, &sample.signature), "{}", sample.jwk);
        assert!(!key.verify(sample.alg, b"another", &sample.signature), "{}", sample.jwk);
    }
}

#[test]
fn a_key_set_of_short_keys_at_the_limit_fits_the_file() {
    // Nothing but what a key must have, so that a member added would be seen.
    let keys = vec![SAMPLES[2].jwk.clone(); 6_000];
    let (before, after, text) = through_the_file(&json!({ "keys": keys }).to_string());
    assert_eq!((before.keys.len(), after.keys.len()), (6_000, 6_000));
    assert!(text.len() > 700_000, "{}", text.len());
}
