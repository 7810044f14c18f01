//! The JSON Web files of Wycheproof. Each case has its status in a table of ranges; a valid case
//! that is refused, or an invalid one that is accepted, stands in DEVIATIONS besides.

use std::ops::RangeInclusive;

use auth::status::Status;
use serde_json::Value;
use wycheproof_ng_kdf_jose::json_web::TestName;

use crate::below;

use Status::{
    ALGORITHM_NOT_ALLOWED, KEY_NOT_FOUND, KEY_UNUSABLE, OK, SIGNATURE_INVALID, TOKEN_ENCRYPTED,
    TOKEN_MALFORMED, TOKEN_OPAQUE,
};

struct File {
    name: TestName,
    valid: usize,
    invalid: usize,
    /// First to last case → status; in order, without a gap.
    expected: &'static [(RangeInclusive<u64>, Status, &'static str)],
    /// First to last case: where we differ from the file's own word, and why.
    deviations: &'static [(RangeInclusive<u64>, &'static str)],
}

const SYMMETRIC: &str = "HS256 is never allowed: a shared secret makes every API an issuer";
const ENCRYPTED: &str = "nothing is decrypted: an encrypted token is told apart and refused";

#[test]
fn json_web_signature() {
    run(&File {
        name: TestName::JsonWebSignature,
        valid: 46,
        invalid: 355,
        expected: &[
            // HS256.
            (1..=3, ALGORITHM_NOT_ALLOWED, "HS256"),
            (4..=4, TOKEN_MALFORMED, "two parts"),
            (5..=6, ALGORITHM_NOT_ALLOWED, "HS256"),
            (7..=7, TOKEN_MALFORMED, "two parts"),
            (8..=8, ALGORITHM_NOT_ALLOWED, "HS256"),
            (9..=11, TOKEN_MALFORMED, "no header, or two parts"),
            (12..=12, TOKEN_OPAQUE, "one part"),
            (13..=13, TOKEN_MALFORMED, "the empty text"),
            (14..=15, TOKEN_MALFORMED, "four parts"),
            (16..=16, ALGORITHM_NOT_ALLOWED, "none"),
            (17..=17, TOKEN_MALFORMED, "JSON serialization"),
            // ES256.
            (18..=18, OK, ""),
            (19..=20, SIGNATURE_INVALID, "changed or empty signature"),
            (21..=21, TOKEN_MALFORMED, "two parts"),
            (22..=23, SIGNATURE_INVALID, "changed or empty payload"),
            (24..=24, TOKEN_MALFORMED, "two parts"),
            (25..=25, KEY_NOT_FOUND, "changed kid"),
            (26..=28, TOKEN_MALFORMED, "no header, or two parts"),
            (29..=29, TOKEN_OPAQUE, "one part"),
            (30..=30, TOKEN_MALFORMED, "the empty text"),
            (31..=31, ALGORITHM_NOT_ALLOWED, "HS256 with the bytes of the EC key"),
            (32..=32, SIGNATURE_INVALID, "signed by the key in the header"),
            // RS256.
            (33..=33, OK, ""),
            (34..=35, SIGNATURE_INVALID, "changed or empty signature"),
            (36..=36, TOKEN_MALFORMED, "two parts"),
            (37..=38, SIGNATURE_INVALID, "changed or empty payload"),
            (39..=39, TOKEN_MALFORMED, "two parts"),
            (40..=40, KEY_NOT_FOUND, "changed kid"),
            (41..=43, TOKEN_MALFORMED, "no header, or two parts"),
            (44..=44, TOKEN_OPAQUE, "one part"),
            (45..=45, TOKEN_MALFORMED, "the empty text"),
            (46..=258, SIGNATURE_INVALID, "changed PKCS#1 padding"),
            // RS256, RS384, RS512, PS256.
            (259..=275, OK, ""),
            (276..=286, SIGNATURE_INVALID, "changed hash or length of the salt"),
            (287..=288, OK, "a salt of zeros or ones"),
            (289..=319, SIGNATURE_INVALID, "changed hash, padding, salt or length"),
            // PS384.
            (320..=323, OK, ""),
            (324..=324, SIGNATURE_INVALID, "changed"),
            // PS512. Every second one of 331 to 340 names the algorithm that made its signature.
            (325..=328, OK, ""),
            (329..=331, SIGNATURE_INVALID, "changed hash; made by RS256"),
            (332..=332, KEY_UNUSABLE, "RS256, the key's alg is PS512"),
            (333..=333, SIGNATURE_INVALID, "made by RS384"),
            (334..=334, KEY_UNUSABLE, "RS384, the key's alg is PS512"),
            (335..=335, SIGNATURE_INVALID, "made by RS512"),
            (336..=336, KEY_UNUSABLE, "RS512, the key's alg is PS512"),
            (337..=337, SIGNATURE_INVALID, "made by PS256"),
            (338..=338, KEY_UNUSABLE, "PS256, the key's alg is PS512"),
            (339..=339, SIGNATURE_INVALID, "made by PS384"),
            (340..=340, KEY_UNUSABLE, "PS384, the key's alg is PS512"),
            (341..=344, ALGORITHM_NOT_ALLOWED, "none, NONE"),
            // RFC 7520 with `use`, then with `key_ops`.
            (345..=345, OK, "Figure 13"),
            (346..=347, KEY_UNUSABLE, "Figures 20, 27"),
            (348..=348, ALGORITHM_NOT_ALLOWED, "Figure 35"),
            (349..=349, OK, "Figure 13"),
            (350..=351, KEY_UNUSABLE, "Figures 20, 27"),
            (352..=352, ALGORITHM_NOT_ALLOWED, "Figure 35"),
            (353..=356, KEY_UNUSABLE, "use: enc, key_ops: encrypt"),
            // base64, under HS256.
            (357..=359, ALGORITHM_NOT_ALLOWED, "HS256"),
            (360..=366, TOKEN_MALFORMED, "blanks, `?` or `#` in the base64"),
            (367..=367, ALGORITHM_NOT_ALLOWED, "the text of case 357"),
            (368..=369, TOKEN_MALFORMED, "blanks or `#` in the base64"),
            (370..=370, ALGORITHM_NOT_ALLOWED, "the text of case 357"),
            (371..=375, TOKEN_MALFORMED, "`?` or spare bits in the base64"),
            (376..=377, ALGORITHM_NOT_ALLOWED, "HS256; blanks in the JSON are no fault"),
            // ES256.
            (378..=378, OK, ""),
            (379..=401, SIGNATURE_INVALID, "r, s or length"),
        ],
        deviations: &[
            (1..=1, SYMMETRIC),
            (346..=346, "the key's alg is PS256, the token's PS384 (RFC 7517 4.4, RFC 8725 3.1)"),
            (347..=347, "the key's alg is ES521, which is no registered name"),
            (348..=348, SYMMETRIC),
            (350..=350, "the key's alg is PS256, the token's PS384 (RFC 7517 4.4, RFC 8725 3.1)"),
            (351..=351, "the key's alg is ES521, which is no registered name"),
            (352..=352, SYMMETRIC),
            (357..=359, SYMMETRIC),
            (372..=373, "`?` is no base64url; one token would have many spellings"),
            (376..=377, SYMMETRIC),
        ],
    });
}

#[test]
fn json_web_key() {
    run(&File {
        name: TestName::JsonWebKey,
        valid: 5,
        invalid: 21,
        expected: &[
            (1..=4, ALGORITHM_NOT_ALLOWED, "HS256"),
            (5..=5, OK, ""),
            (6..=6, KEY_UNUSABLE, "use: enc"),
            (7..=7, OK, "ROCA"),
            (8..=8, KEY_UNUSABLE, "1024 bits"),
            (9..=9, KEY_UNUSABLE, "e = 1"),
            (10..=18, ALGORITHM_NOT_ALLOWED, "HS256, HS384, HS512"),
            (19..=20, KEY_UNUSABLE, "the key's alg is ES521, ES224"),
            (21..=21, KEY_UNUSABLE, "use: enc"),
            (22..=24, KEY_UNUSABLE, "a point off the curve, another curve, another kty"),
            (25..=26, ALGORITHM_NOT_ALLOWED, "HS256"),
        ],
        deviations: &[
            (2..=2, SYMMETRIC),
            (7..=7, "ROCA: the key set is the provider's, and so is the loss by a weak key"),
            (13..=15, SYMMETRIC),
        ],
    });
}

#[test]
fn json_web_crypto() {
    run(&File {
        name: TestName::JsonWebCrypto,
        valid: 6,
        invalid: 77,
        expected: &[
            (1..=3, ALGORITHM_NOT_ALLOWED, "HS256"),
            (4..=4, TOKEN_MALFORMED, "two parts"),
            (5..=6, ALGORITHM_NOT_ALLOWED, "HS256"),
            (7..=7, TOKEN_MALFORMED, "two parts"),
            (8..=8, ALGORITHM_NOT_ALLOWED, "HS256"),
            (9..=11, TOKEN_MALFORMED, "no header, or two parts"),
            (12..=12, TOKEN_OPAQUE, "one part"),
            (13..=13, TOKEN_MALFORMED, "the empty text"),
            (14..=15, TOKEN_MALFORMED, "four parts"),
            (16..=16, ALGORITHM_NOT_ALLOWED, "none"),
            (17..=17, TOKEN_MALFORMED, "JSON serialization"),
            (18..=18, OK, ""),
            (19..=20, SIGNATURE_INVALID, "changed or empty signature"),
            (21..=21, TOKEN_MALFORMED, "two parts"),
            (22..=23, SIGNATURE_INVALID, "changed or empty payload"),
            (24..=24, TOKEN_MALFORMED, "two parts"),
            (25..=25, KEY_NOT_FOUND, "changed kid"),
            (26..=28, TOKEN_MALFORMED, "no header, or two parts"),
            (29..=29, TOKEN_OPAQUE, "one part"),
            (30..=30, TOKEN_MALFORMED, "the empty text"),
            (31..=31, ALGORITHM_NOT_ALLOWED, "HS256 with the bytes of the EC key"),
            (32..=32, SIGNATURE_INVALID, "signed by the key in the header"),
            (33..=33, OK, ""),
            (34..=35, SIGNATURE_INVALID, "changed or empty signature"),
            (36..=36, TOKEN_MALFORMED, "two parts"),
            (37..=38, SIGNATURE_INVALID, "changed or empty payload"),
            (39..=39, TOKEN_MALFORMED, "two parts"),
            (40..=40, KEY_NOT_FOUND, "changed kid"),
            (41..=43, TOKEN_MALFORMED, "no header, or two parts"),
            (44..=44, TOKEN_OPAQUE, "one part"),
            (45..=45, TOKEN_MALFORMED, "the empty text"),
            (46..=46, OK, "ROCA"),
            (47..=49, ALGORITHM_NOT_ALLOWED, "HS256"),
            // JWE.
            (50..=52, TOKEN_ENCRYPTED, ""),
            (53..=53, TOKEN_MALFORMED, "four parts"),
            (54..=55, TOKEN_ENCRYPTED, ""),
            (56..=56, TOKEN_MALFORMED, "four parts"),
            (57..=58, TOKEN_ENCRYPTED, ""),
            (59..=59, TOKEN_MALFORMED, "four parts"),
            (60..=61, TOKEN_ENCRYPTED, ""),
            (62..=62, TOKEN_MALFORMED, "four parts"),
            (63..=64, TOKEN_ENCRYPTED, ""),
            (65..=66, TOKEN_MALFORMED, "four parts; JSON serialization"),
            (67..=69, TOKEN_ENCRYPTED, ""),
            (70..=70, TOKEN_MALFORMED, "four parts"),
            (71..=72, TOKEN_ENCRYPTED, ""),
            (73..=73, TOKEN_MALFORMED, "four parts"),
            (74..=75, TOKEN_ENCRYPTED, ""),
            (76..=76, TOKEN_MALFORMED, "four parts"),
            (77..=78, TOKEN_ENCRYPTED, ""),
            (79..=79, TOKEN_MALFORMED, "four parts"),
            (80..=81, TOKEN_ENCRYPTED, ""),
            (82..=82, TOKEN_MALFORMED, "four parts"),
            (83..=83, TOKEN_ENCRYPTED, ""),
        ],
        deviations: &[
            (1..=1, SYMMETRIC),
            (46..=46, "ROCA: the key set is the provider's, and so is the loss by a weak key"),
            (48..=48, SYMMETRIC),
            (50..=50, ENCRYPTED),
            (67..=67, ENCRYPTED),
        ],
    });
}

fn run(file: &File) {
    let (mut valid, mut invalid) = (0, 0);
    let mut told = Vec::new();
    let mut deviated = Vec::new();
    for (number, is_valid, keys, token) in cases(file.name) {
        *(if is_valid { &mut valid } else { &mut invalid }) += 1;
        let status = below::judge(&below::config(&keys), &token);
        let mut rows = file.expected.iter().filter(|row| row.0.contains(&number));
        let (row, more) = (rows.next(), rows.next());
        assert!(more.is_none(), "case {number} stands twice");
        match row {
            None => told.push(format!("case {number} is {status:?}, and not in the table")),
            Some((_, expected, _)) if *expected == status => {}
            Some((_, expected, why)) => {
                told.push(format!("case {number} is {status:?}, not {expected:?} ({why})"));
            }
        }
        if is_valid != (status == Status::OK) {
            deviated.push(number);
        }
    }
    let listed: Vec<u64> = file.deviations.iter().flat_map(|(cases, _)| cases.clone()).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    assert_eq!(deviated, listed, "the deviations are those of the table");
    assert_eq!((valid, invalid), (file.valid, file.invalid), "valid and invalid cases");
}

/// Number, valid, keys, token.
fn cases(name: TestName) -> Vec<(u64, bool, Value, String)> {
    let file: Value = serde_json::from_str(name.json_data()).unwrap();
    let mut cases = Vec::new();
    for group in file["testGroups"].as_array().unwrap() {
        // Without a public key it is a symmetric one, or one that only decrypts.
        let keys = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            let token = match test.get("jws").unwrap_or(&test["jwe"]) {
                Value::String(compact) => compact.clone(),
                object => object.to_string(),
            };
            let is_valid = test["result"] == "valid";
            assert!(is_valid || test["result"] == "invalid");
            cases.push((test["tcId"].as_u64().unwrap(), is_valid, keys.clone(), token));
        }
    }
    assert_eq!(cases.len() as u64, file["numberOfTests"].as_u64().unwrap());
    cases
}

/// The deviations at Figures 20 and 27 are the key's name for its algorithm and nothing else: with
/// that corrected the tokens verify.
#[test]
fn figures_20_and_27_with_the_keys_alg_corrected() {
    let mut corrected = Vec::new();
    for (number, _, mut jwk, token) in cases(TestName::JsonWebSignature) {
        let alg = match number {
            346 | 350 => "PS384",
            347 | 351 => "ES512",
            _ => continue,
        };
        jwk["alg"] = alg.into();
        assert_eq!(below::judge(&below::config(&jwk), &token), OK, "case {number}");
        corrected.push(number);
    }
    assert_eq!(corrected, [346, 347, 350, 351]);
}

/// Every case by its shape alone.
#[test]
fn json_web_encryption() {
    let (mut valid, mut four_dots, mut other) = (0, 0, 0);
    for (number, is_valid, keys, token) in cases(TestName::JsonWebEncryption) {
        valid += usize::from(is_valid);
        let expected = match token.matches('.').count() {
            4 => {
                four_dots += 1;
                TOKEN_ENCRYPTED
            }
            _ => {
                other += 1;
                assert!(!is_valid, "case {number}");
                TOKEN_MALFORMED
            }
        };
        assert_eq!(below::judge(&below::config(&keys), &token), expected, "case {number}");
    }
    // The 65 valid ones deviate: ENCRYPTED.
    assert_eq!((valid, four_dots, other), (65, 128, 11), "{ENCRYPTED}");
}
