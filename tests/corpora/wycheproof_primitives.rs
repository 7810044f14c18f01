//! The signature files of Wycheproof, each signature under a key that was read from a JWK: what a
//! file calls valid verifies, and nothing else does.

use auth::signature::Algorithm;
use base64_simd::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use wycheproof_ng_ecdsa::TestName as Ecdsa;
use wycheproof_ng_eddsa::TestName as Eddsa;
use wycheproof_ng_rsa_signature::rsa_pkcs1_verify::TestName as Pkcs1;
use wycheproof_ng_rsa_signature::rsa_pss_verify::TestName as Pss;

use crate::below;

use Algorithm::{ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};

/// One file, and how many of its cases verify and do not.
fn file_of(data: &str, algorithm: Algorithm, valid: usize, invalid: usize) {
    let (mut verified, mut refused) = (0, 0);
    for case in cases(data) {
        let verifies = case.verifies(algorithm);
        // "acceptable" is only a PKCS#1 block whose DigestInfo lacks NULL. RFC 8017 9.2 writes
        // NULL and lets a verifier be lenient; this one is not.
        assert_eq!(verifies, case.result == "valid", "{}", case.name);
        *(if verifies { &mut verified } else { &mut refused }) += 1;
    }
    assert_eq!((verified, refused), (valid, invalid));
}

/// A file of another hash, curve or form: nothing verifies, valid or not, but the cases of `ours`,
/// each by the algorithm named. The file calls these invalid for being just that.
fn none_of(data: &str, algorithms: &[Algorithm], count: usize, ours: &[(u64, Algorithm)]) {
    let cases = cases(data);
    assert_eq!(cases.len(), count);
    let mut verified = Vec::new();
    for case in cases {
        for algorithm in algorithms.iter().filter(|algorithm| case.verifies(**algorithm)) {
            assert_eq!(case.result, "invalid", "{} under {}", case.name, algorithm.name());
            verified.push((case.number, *algorithm));
        }
    }
    assert_eq!(verified, ours);
}

#[test]
fn ecdsa() {
    file_of(Ecdsa::EcdsaSecp256r1Sha256P1363.json_data(), ES256, 173, 89);
    file_of(Ecdsa::EcdsaSecp384r1Sha384P1363.json_data(), ES384, 193, 87);
    file_of(Ecdsa::EcdsaSecp521r1Sha512P1363.json_data(), ES512, 231, 87);
}

#[test]
fn ed25519() {
    file_of(Eddsa::Ed25519.json_data(), EdDSA, 88, 63);
    file_of(Eddsa::Ed25519.json_data(), Algorithm::Ed25519, 88, 63);
}

/// One case of each file is "acceptable", and counted as refused.
#[test]
fn rsa_pkcs1() {
    file_of(Pkcs1::Rsa2048Sha256.json_data(), RS256, 9, 250);
    file_of(Pkcs1::Rsa3072Sha384.json_data(), RS384, 7, 252);
    file_of(Pkcs1::Rsa4096Sha512.json_data(), RS512, 7, 252);
}

#[test]
fn rsa_pss() {
    file_of(Pss::RsaPss2048Sha256Mgf1SaltLen32.json_data(), PS256, 63, 45);
    file_of(Pss::RsaPss2048Sha384Mgf1SaltLen48.json_data(), PS384, 95, 46);
    file_of(Pss::RsaPss4096Sha512Mgf1SaltLen64.json_data(), PS512, 132, 47);
}

/// RFC 7518 3.4: r and s of fixed length, never an ASN.1 sequence.
#[test]
fn ecdsa_in_der() {
    none_of(Ecdsa::EcdsaSecp256r1Sha256.json_data(), &[ES256], 484, &[]);
    none_of(Ecdsa::EcdsaSecp384r1Sha384.json_data(), &[ES384], 504, &[]);
    none_of(Ecdsa::EcdsaSecp521r1Sha512.json_data(), &[ES512], 542, &[]);
}

#[test]
fn other_curves() {
    let all = [ES256, ES384, ES512, EdDSA];
    none_of(Ecdsa::EcdsaSecp256k1Sha256P1363.json_data(), &all, 252, &[]);
    none_of(Ecdsa::EcdsaBrainpool256r1Sha256P1363.json_data(), &all, 261, &[]);
    none_of(Ecdsa::EcdsaBrainpool384r1Sha384P1363.json_data(), &all, 292, &[]);
    none_of(Eddsa::Ed448.json_data(), &all, 87, &[]);
}

#[test]
fn other_hashes() {
    none_of(Ecdsa::EcdsaSecp256r1Sha512P1363.json_data(), &[ES256], 332, &[]);
    none_of(Ecdsa::EcdsaSecp256r1Shake128P1363.json_data(), &[ES256], 258, &[]);
    none_of(Ecdsa::EcdsaSecp384r1Sha512P1363.json_data(), &[ES384], 318, &[]);
    none_of(Ecdsa::EcdsaSecp521r1Shake256P1363.json_data(), &[ES512], 314, &[]);
    let all = [RS256, RS384, RS512, PS256, PS384, PS512];
    none_of(
        Pkcs1::Rsa2048Sha224.json_data(),
        &all,
        258,
        &[(219, RS256), (221, RS384), (223, RS512)],
    );
    none_of(
        Pkcs1::Rsa2048Sha3_256.json_data(),
        &all,
        257,
        &[(221, RS256), (223, RS384), (225, RS512)],
    );
    none_of(
        Pkcs1::Rsa2048Sha512_256.json_data(),
        &all,
        257,
        &[(221, RS256), (223, RS384), (225, RS512)],
    );
    none_of(Pss::RsaPss2048Shake128.json_data(), &all, 114, &[(114, RS256)]);
    none_of(Pss::RsaPss2048Sha512_256Mgf1SaltLen32.json_data(), &all, 115, &[(114, RS256)]);
}

/// RFC 7518 3.5: the salt is as long as the hash, and MGF1 is over the same hash.
#[test]
fn other_pss_parameters() {
    let all = [PS256, PS384, PS512];
    none_of(Pss::RsaPss2048Sha1Mgf1SaltLen20.json_data(), &all, 88, &[]);
    none_of(Pss::RsaPss2048Sha256Mgf1SaltLen0.json_data(), &all, 103, &[(69, PS256)]);
    none_of(Pss::RsaPss2048Sha256Mgf1Sha1_20.json_data(), &all, 108, &[]);
    none_of(Pss::RsaPss4096Sha512Mgf1SaltLen32.json_data(), &all, 177, &[]);
}

struct Case {
    number: u64,
    name: String,
    /// None of these keys, or each of them: they are one key.
    jwks: Vec<Value>,
    message: Vec<u8>,
    signature: Vec<u8>,
    result: String,
}

impl Case {
    fn verifies(&self, algorithm: Algorithm) -> bool {
        let answers: Vec<bool> = self.jwks.iter().map(|jwk| self.by(jwk, algorithm)).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{}", self.name);
        answers[0]
    }

    fn by(&self, jwk: &Value, algorithm: Algorithm) -> bool {
        below::verifies(jwk, algorithm, &self.message, &self.signature)
    }
}

fn cases(data: &str) -> Vec<Case> {
    let file: Value = serde_json::from_str(data).unwrap();
    let mut cases = Vec::new();
    for group in file["testGroups"].as_array().unwrap() {
        let jwks = jwks(group);
        for test in group["tests"].as_array().unwrap() {
            cases.push(Case {
                number: test["tcId"].as_u64().unwrap(),
                name: format!("case {} {}", test["tcId"], test["comment"]),
                jwks: jwks.clone(),
                message: hex(&test["msg"]),
                signature: hex(&test["sig"]),
                result: test["result"].as_str().unwrap().to_owned(),
            });
        }
    }
    assert_eq!(cases.len() as u64, file["numberOfTests"].as_u64().unwrap());
    cases
}

/// The JWK that a group brings, if it does, and one made from its numbers.
fn jwks(group: &Value) -> Vec<Value> {
    let key = &group["publicKey"];
    let text = |bytes: &[u8]| BASE64.encode_to_string(bytes);
    let made = if key.get("modulus").is_some() {
        let (n, e) = (hex(&key["modulus"]), hex(&key["publicExponent"]));
        let n: Vec<u8> = n.into_iter().skip_while(|byte| *byte == 0).collect();
        json!({ "kty": "RSA", "n": text(&n), "e": text(&e) })
    } else if key.get("pk").is_some() {
        let crv = if key["curve"] == "edwards25519" { "Ed25519" } else { "Ed448" };
        json!({ "kty": "OKP", "crv": crv, "x": text(&hex(&key["pk"])) })
    } else {
        let crv = match key["curve"].as_str().unwrap() {
            "secp256r1" => "P-256",
            "secp384r1" => "P-384",
            "secp521r1" => "P-521",
            other => other,
        };
        let point = hex(&key["uncompressed"]);
        let (x, y) = point[1..].split_at(point.len() / 2);
        json!({ "kty": "EC", "crv": crv, "x": text(x), "y": text(y) })
    };
    let theirs = group.get("publicKeyJwk").or_else(|| group.get("keyJwk"));
    theirs.cloned().into_iter().chain([made]).collect()
}

fn hex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}
