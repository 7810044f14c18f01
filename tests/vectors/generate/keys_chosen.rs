//! Stage keys: which keys of a set may verify a token.

use serde_json::{Value, json};

use super::sign::{Key, SHA256, SHA384, curve, key};
use super::token::{Token, token};
use super::{Topic, b64url, quoted};

const UNUSABLE: &str = "KEY_UNUSABLE";

pub fn topics() -> Vec<Topic> {
    vec![kid(), several(), algorithms(), families(), purpose(), neighbours()]
}

/// The public JWK under another key id.
fn named(key_name: &str, kid: &str) -> Value {
    key(key_name).public_with(json!({ "kid": kid }))
}

/// The public JWK without key id.
fn nameless(key_name: &str) -> Value {
    key(key_name).public_with(json!({ "kid": null }))
}

fn with(key_name: &str, members: Value) -> Value {
    key(key_name).public_with(members)
}

fn kid() -> Topic {
    let mut topic = Topic::new("keys", "kid", "a key id is compared by its bytes and nothing else");
    topic.row("keys.kid-path");
    for (name, kid) in [
        ("path", "../../etc/passwd"),
        ("device", "/dev/null"),
        ("file-url", "file:///etc/passwd"),
        ("sql", "x' OR 1=1--"),
        ("union", "x' UNION SELECT 'key"),
        ("shell", "$(id)"),
        ("backticks", "`id`"),
        ("line-break", "ed-1\n"),
        ("ansi", "\u{1b}[31med-1"),
        ("nul", "ed-1\0"),
        ("bidi", "\u{202e}1-de"),
        ("wildcard", "*"),
        ("blank-before", " ed-1"),
        ("blank-after", "ed-1 "),
        ("other-case", "ED-1"),
        ("prefix", "ed"),
        ("longer", "ed-11"),
        ("fullwidth", "ed-\u{ff11}"),
    ] {
        topic.refuse(name, "KEY_NOT_FOUND", token().kid(kid));
    }
    topic
        .refuse("log-escapes", "KEY_NOT_FOUND", token().kid("a\r\n\u{1b}[31mb\u{202e}"))
        .log_has(r"a\x0d\x0a\x1b[31mb\u{202e}");
    let long = "x".repeat(100);
    topic.refuse("log-cut-at-64", "KEY_NOT_FOUND", token().kid(&long)).log_has(&long[..64]);
    for kid in ["../../etc/passwd", "\u{e9}\u{1f600}", "a b", "0"] {
        topic.accept(&format!("there-{kid}"), token().kid(kid)).keys([named("ed-1", kid)]);
    }
    topic.row("keys.kid-empty");
    topic.refuse("not-in-the-set", "KEY_NOT_FOUND", token().kid(""));
    topic.refuse("is-not-no-kid", "KEY_NOT_FOUND", token().kid("")).keys([nameless("ed-1")]);
    topic.accept("in-the-set", token().kid("")).keys([named("ed-1", ""), nameless("ed-2")]);
    topic.accept("in-the-set-and-absent", token().no_head("kid")).keys([named("ed-1", "")]);

    topic.row("keys.kid-wrong");
    let two = || [key("ed-1").public(), key("ed-2").public()];
    for (kid, by) in [("ed-1", "ed-2"), ("ed-2", "ed-1")] {
        let token = token().kid(kid).signed_by(by, "EdDSA");
        topic.refuse(&format!("{kid}-by-{by}"), "SIGNATURE_INVALID", token).keys(two());
    }
    let rsa = token().by("rsa-1", "RS256").signed_by("rsa-2", "RS256");
    let keys = [key("rsa-1").public(), key("rsa-2").public()];
    topic.refuse("rsa-1-by-rsa-2", "SIGNATURE_INVALID", rsa).keys(keys);
    topic.refuse("unknown-by-ed-1", "KEY_NOT_FOUND", token().kid("ed-3")).keys(two());
    topic.refuse("key-without-kid", "KEY_NOT_FOUND", token()).keys([nameless("ed-1")]);
    topic
}

fn several() -> Topic {
    let mut topic =
        Topic::new("keys", "several", "without kid, or with one that several keys have");
    topic.note("Eight", "at most eight keys that fit are tried, in the order of the set");
    let nine = |make: fn(&str) -> Value| (1..=9).map(move |place| make(&format!("ed-{place}")));
    let by = |place: usize| token().no_head("kid").signed_by(&format!("ed-{place}"), "EdDSA");
    topic.row("keys.kid-absent");
    for place in [1, 2, 8] {
        topic.accept(&format!("by-{place}-of-9"), by(place)).keys(nine(nameless));
    }
    topic.refuse("by-9-of-9", "SIGNATURE_INVALID", by(9)).keys(nine(nameless));
    topic.accept("by-8-of-8", by(8)).keys(nine(nameless).take(8));
    topic.accept("keys-with-kid", by(8)).keys(nine(|name| key(name).public()));
    topic
        .refuse("keys-with-kid-by-9", "SIGNATURE_INVALID", by(9))
        .keys(nine(|name| key(name).public()));
    topic.refuse("by-a-stranger", "SIGNATURE_INVALID", by(1).signed_by("ed-stranger", "EdDSA"));
    let ec = || token().by("ec-1", "ES256").no_head("kid");
    topic.accept("others-do-not-count", ec()).keys(nine(nameless).chain([nameless("ec-1")]));
    let unusable = |name: &str| with(name, json!({ "kid": null, "use": "enc" }));
    let mut keys: Vec<Value> = nine(unusable).collect();
    keys.push(with("ec-1", json!({ "alg": "ES384", "kid": null })));
    keys.push(nameless("ec-2"));
    topic.accept("unusable-do-not-count", ec().signed_by("ec-2", "ES256")).keys(keys);
    topic.refuse("none-fits-the-alg", "KEY_NOT_FOUND", ec()).keys([nameless("ed-1")]);
    topic.refuse("none-fits-the-curve", "KEY_NOT_FOUND", ec()).keys([nameless("ec-384")]);
    topic
        .refuse("all-unusable", "KEY_NOT_FOUND", ec())
        .keys([with("ec-1", json!({ "use": "enc" })), nameless("ed-1")]);
    topic.accept("standard-set", token().no_head("kid"));
    topic.accept("standard-set-rs256", token().by("rsa-1", "RS256").no_head("kid"));

    topic.row("keys.kid-twice");
    let rsa_and_ec = || [named("rsa-1", "a"), named("ec-1", "a")];
    topic.accept("rsa-and-ec-rs256", token().by("rsa-1", "RS256").kid("a")).keys(rsa_and_ec());
    topic.accept("rsa-and-ec-es256", token().by("ec-1", "ES256").kid("a")).keys(rsa_and_ec());
    let two_rsa = || [named("rsa-1", "a"), named("rsa-2", "a")];
    topic.accept("two-rsa-first", token().by("rsa-1", "RS256").kid("a")).keys(two_rsa());
    topic.accept("two-rsa-second", token().by("rsa-2", "RS256").kid("a")).keys(two_rsa());
    topic
        .refuse("two-rsa-stranger", "SIGNATURE_INVALID", {
            token().by("rsa-stranger", "RS256").kid("a")
        })
        .keys(two_rsa());
    let same = |name: &str| named(name, "a");
    let called = |place: usize| by(place).kid("a");
    topic.accept("by-8-of-9", called(8)).keys(nine(same));
    topic.refuse("by-9-of-9", "SIGNATURE_INVALID", called(9)).keys(nine(same));
    topic
        .accept("first-unusable", called(2))
        .keys([with("ed-1", json!({ "kid": "a", "use": "enc" })), same("ed-2")]);
    topic
        .accept("second-unusable", called(1))
        .keys([same("ed-1"), with("ed-2", json!({ "kid": "a", "use": "enc" }))]);
    topic
        .refuse("both-unusable", UNUSABLE, called(1))
        .keys([with("ed-1", json!({ "kid": "a", "use": "enc" })), named("ec-1", "a")]);

    topic.row("keys.key-issuer");
    let jwk = with("ed-1", json!({ "issuer": "https://other.example" }));
    topic.accept("ignored-without-tenants", token()).keys([jwk]);
    topic
}

const ALL: [(&str, &str); 11] = [
    ("RS256", "rsa-1"),
    ("RS384", "rsa-1"),
    ("RS512", "rsa-1"),
    ("PS256", "rsa-1"),
    ("PS384", "rsa-1"),
    ("PS512", "rsa-1"),
    ("ES256", "ec-1"),
    ("ES384", "ec-384"),
    ("ES512", "ec-521"),
    ("EdDSA", "ed-1"),
    ("Ed25519", "ed-1"),
];

fn algorithms() -> Topic {
    let mut topic =
        Topic::new("keys", "algorithms", "the alg of the key, of the header, and of both");
    topic.keys(["rsa-1", "ec-1", "ec-384", "ec-521", "ed-1"].map(|name| key(name).public()));
    topic.row("keys.alg-absent");
    for (alg, name) in ALL {
        topic.accept(alg, token().by(name, alg));
    }
    topic.row("keys.alg-key");
    for (alg, name) in ALL {
        let jwk = with(name, json!({ "alg": alg, "use": "sig" }));
        topic.accept(&format!("same-{alg}"), token().by(name, alg)).keys([jwk]);
    }
    for (of_key, of_header, name) in [
        ("RS256", "RS384", "rsa-1"),
        ("RS256", "RS512", "rsa-1"),
        ("RS256", "PS256", "rsa-1"),
        ("RS512", "RS256", "rsa-1"),
        ("PS256", "RS256", "rsa-1"),
        ("PS256", "PS384", "rsa-1"),
        ("RSA-OAEP", "RS256", "rsa-1"),
        ("HS256", "RS256", "rsa-1"),
        ("none", "RS256", "rsa-1"),
        ("rs256", "RS256", "rsa-1"),
        ("", "RS256", "rsa-1"),
        ("ES256K", "ES256", "ec-1"),
        ("ES384", "ES256", "ec-1"),
        ("ES224", "ES256", "ec-1"),
        ("ES521", "ES512", "ec-521"),
        ("ES256", "EdDSA", "ed-1"),
        ("Ed448", "EdDSA", "ed-1"),
        ("eddsa", "EdDSA", "ed-1"),
    ] {
        let jwk = with(name, json!({ "alg": of_key }));
        let (case, token) = (format!("{of_key}-header-{of_header}"), token().by(name, of_header));
        topic.refuse(&case, UNUSABLE, token).keys([jwk, key("ed-2").public()]);
    }
    for (name, value) in [("number", json!(256)), ("array", json!(["EdDSA"]))] {
        let keys = [with("ed-1", json!({ "alg": value })), key("ed-2").public()];
        topic.refuse(name, UNUSABLE, token()).keys(keys);
    }
    let mut null = key("ed-1").public();
    null["alg"] = Value::Null;
    topic.refuse("null", UNUSABLE, token()).keys([null, key("ed-2").public()]);

    topic.row("keys.eddsa-name");
    for (of_key, of_header) in [("Ed25519", "EdDSA"), ("EdDSA", "Ed25519")] {
        let jwk = with("ed-1", json!({ "alg": of_key }));
        let name = format!("{of_key}-header-{of_header}");
        topic.accept(&name, token().by("ed-1", of_header)).keys([jwk]);
    }
    topic
}

fn families() -> Topic {
    let mut topic = Topic::new("keys", "families", "type and curve of the key fit the algorithm");
    let all = ["rsa-1", "ec-1", "ec-384", "ec-521", "ec-k1", "ed-1"];
    topic.keys(all.map(|name| key(name).public()));
    let refuse = |topic: &mut Topic, name: &str, alg: &str, kid: &str, token: Token| {
        topic.refuse(name, UNUSABLE, token.head("alg", &quoted(alg)).kid(kid));
    };
    topic.row("keys.kty-alg");
    for (alg, kid) in [
        ("ES256", "rsa-1"),
        ("EdDSA", "rsa-1"),
        ("RS256", "ec-1"),
        ("PS256", "ec-1"),
        ("EdDSA", "ec-1"),
        ("ES256", "ed-1"),
        ("RS256", "ed-1"),
        ("Ed25519", "ec-1"),
    ] {
        let token = token().head("alg", &quoted(alg)).kid(kid);
        let own = if kid == "rsa-1" { "RS256" } else { "ES256" };
        refuse(&mut topic, &format!("{alg}-{kid}"), alg, kid, token.signed_by(kid, own));
    }
    topic.row("keys.curve");
    // Signatures by the key itself, of the length that the algorithm has.
    let fitted = |key: &Key, hash, half: usize, input: &[u8]| {
        let curve = curve(key.member("crv"));
        let (r, s) = curve.split(&key.ecdsa(hash, input));
        let cut = |number: &num_bigint::BigUint| {
            let bytes = number.to_bytes_be();
            let bytes = bytes[bytes.len().saturating_sub(half)..].to_vec();
            [vec![0; half - bytes.len()], bytes].concat()
        };
        [cut(&r), cut(&s)].concat()
    };
    for (alg, kid, hash, half) in [
        ("ES256", "ec-384", &SHA256, 32),
        ("ES256", "ec-521", &SHA256, 32),
        ("ES256", "ec-k1", &SHA256, 32),
        ("ES384", "ec-1", &SHA384, 48),
        ("ES384", "ec-k1", &SHA384, 48),
        ("ES384", "ec-521", &SHA384, 48),
        ("ES512", "ec-384", &super::sign::SHA512, 66),
        ("ES512", "ec-1", &super::sign::SHA512, 66),
    ] {
        let token = token().by(kid, alg);
        let token = token.sign_with(|key, input| fitted(key, hash, half, input));
        refuse(&mut topic, &format!("{alg}-{kid}"), alg, kid, token);
    }
    let good = || key("ed-2").public();
    for (name, from, crv) in [
        ("p-384-says-p-256", "ec-384", "P-256"),
        ("p-256-says-p-384", "ec-1", "P-384"),
        ("secp256k1-says-p-256", "ec-k1", "P-256"),
        ("lower-case", "ec-1", "p-256"),
        ("other-name", "ec-1", "prime256v1"),
        ("brainpool", "ec-1", "BP-256"),
        ("empty", "ec-1", ""),
    ] {
        let alg = if crv == "P-384" { "ES384" } else { "ES256" };
        let hash = if crv == "P-384" { &SHA384 } else { &SHA256 };
        let half = if crv == "P-384" { 48 } else { 32 };
        let token = token().by(from, alg);
        let token = token.sign_with(|key, input| fitted(key, hash, half, input));
        topic.refuse(name, UNUSABLE, token).keys([with(from, json!({ "crv": crv })), good()]);
    }
    topic
        .refuse("missing", UNUSABLE, token().by("ec-1", "ES256"))
        .keys([with("ec-1", json!({ "crv": null })), good()]);

    topic.row("keys.eddsa-name");
    let okp =
        |crv: &str, bytes: usize| with("ed-1", json!({ "crv": crv, "x": b64url(vec![9; bytes]) }));
    for (name, jwk) in [
        ("ed448", okp("Ed448", 57)),
        ("x25519", okp("X25519", 32)),
        ("x448", okp("X448", 56)),
        ("x25519-with-a-good-x", with("ed-1", json!({ "crv": "X25519" }))),
        ("crv-lower-case", with("ed-1", json!({ "crv": "ed25519" }))),
        ("crv-missing", with("ed-1", json!({ "crv": null }))),
        ("kty-ec", with("ed-1", json!({ "kty": "EC" }))),
        ("kty-rsa", with("ed-1", json!({ "kty": "RSA" }))),
    ] {
        topic.refuse(name, UNUSABLE, token()).keys([jwk, good()]);
    }
    topic
}

fn purpose() -> Topic {
    let mut topic = Topic::new("keys", "purpose", "use and key_ops of a key");
    let good = || key("ed-2").public();
    let mut null = key("ed-1").public();
    null["use"] = Value::Null;
    topic.row("keys.use-enc");
    for (name, jwk) in [
        ("enc", with("ed-1", json!({ "use": "enc" }))),
        ("sig-in-capitals", with("ed-1", json!({ "use": "SIG" }))),
        ("number", with("ed-1", json!({ "use": 1 }))),
        ("array", with("ed-1", json!({ "use": ["sig"] }))),
        ("unknown", with("ed-1", json!({ "use": "attest" }))),
        ("empty", with("ed-1", json!({ "use": "" }))),
        ("null", null),
    ] {
        topic.refuse(name, UNUSABLE, token()).keys([jwk, good()]);
    }
    topic.accept("sig", token()).keys([with("ed-1", json!({ "use": "sig" }))]);
    let keycloak = || with("rsa-2", json!({ "kid": "rsa-1", "use": "enc", "alg": "RSA-OAEP" }));
    let sig = || with("rsa-1", json!({ "use": "sig", "alg": "RS256" }));
    let rs256 = || token().by("rsa-1", "RS256");
    topic.accept("enc-first-with-the-same-kid", rs256()).keys([keycloak(), sig()]);
    topic.accept("enc-second-with-the-same-kid", rs256()).keys([sig(), keycloak()]);
    topic
        .refuse("signed-by-the-enc-key", "SIGNATURE_INVALID", {
            rs256().signed_by("rsa-2", "RS256")
        })
        .keys([keycloak(), sig()]);
    topic
        .refuse("enc-rs256", UNUSABLE, rs256())
        .keys([with("rsa-1", json!({ "use": "enc" })), good()]);
    topic
        .refuse("enc-es256", UNUSABLE, token().by("ec-1", "ES256"))
        .keys([with("ec-1", json!({ "use": "enc" })), good()]);

    topic.row("keys.key-ops");
    for (name, members) in [
        ("encrypt", json!({ "key_ops": ["encrypt"] })),
        ("sign-alone", json!({ "key_ops": ["sign"] })),
        ("empty", json!({ "key_ops": [] })),
        ("text", json!({ "key_ops": "verify" })),
        ("number", json!({ "key_ops": 1 })),
        ("object", json!({ "key_ops": { "verify": true } })),
        ("with-a-number", json!({ "key_ops": ["verify", 1] })),
        ("in-capitals", json!({ "key_ops": ["VERIFY"] })),
        ("twice", json!({ "key_ops": ["verify", "verify"] })),
        ("other-twice", json!({ "key_ops": ["verify", "sign", "sign"] })),
        ("use-sig-and-encrypt", json!({ "key_ops": ["verify", "encrypt"], "use": "sig" })),
        ("use-enc-and-verify", json!({ "key_ops": ["verify"], "use": "enc" })),
    ] {
        topic.refuse(name, UNUSABLE, token()).keys([with("ed-1", members), good()]);
    }
    for (name, members) in [
        ("verify", json!({ "key_ops": ["verify"] })),
        ("sign-and-verify", json!({ "key_ops": ["sign", "verify"] })),
        ("verify-and-use-sig", json!({ "key_ops": ["verify"], "use": "sig" })),
    ] {
        topic.accept(name, token()).keys([with("ed-1", members)]);
    }
    topic
}

fn neighbours() -> Topic {
    let mut topic = Topic::new("keys", "neighbours", "one bad key spoils no other");
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0";
    let oct = |kid: &str| json!({ "kty": "oct", "kid": kid, "k": secret });
    let rs256 = || token().by("rsa-1", "RS256");
    topic.row("keys.oct-in-set");
    topic.accept("same-kid-first", rs256()).keys([oct("rsa-1"), key("rsa-1").public()]);
    topic.accept("same-kid-second", rs256()).keys([key("rsa-1").public(), oct("rsa-1")]);
    topic.accept("other-kid", rs256()).keys([oct("a"), key("rsa-1").public()]);
    topic
        .refuse("hs256", "ALGORITHM_NOT_ALLOWED", rs256().head("alg", "\"HS256\""))
        .keys([oct("rsa-1"), key("rsa-1").public()]);
    topic.refuse("named", UNUSABLE, rs256().kid("a")).keys([oct("a"), key("rsa-1").public()]);

    topic.row("keys.private");
    for (name, alg) in [("rsa-1", "RS256"), ("ec-1", "ES256"), ("ed-1", "EdDSA")] {
        topic.accept(&format!("{name}-d"), token().by(name, alg)).keys([key(name).private()]);
    }
    let more =
        with("rsa-1", json!({ "p": "AQAB", "q": "AQAB", "dp": "AQAB", "dq": 1, "qi": null }));
    topic.accept("rsa-1-p-q", rs256()).keys([more]);

    topic.row("keys.unknown-kty");
    let ed = || key("ed-1").public();
    let odd = [
        ("akp", json!({ "kty": "AKP", "kid": "odd", "alg": "ML-DSA-44", "pub": "AAAA" })),
        ("unknown-crv", with("ec-1", json!({ "kid": "odd", "crv": "P-999" }))),
        ("rsa-lower-case", with("rsa-1", json!({ "kid": "odd", "kty": "rsa" }))),
        ("kty-number", with("rsa-1", json!({ "kid": "odd", "kty": 1 }))),
        ("kty-missing", with("rsa-1", json!({ "kid": "odd", "kty": null }))),
        ("n-missing", with("rsa-1", json!({ "kid": "odd", "n": null }))),
        ("e-missing", with("rsa-1", json!({ "kid": "odd", "e": null }))),
        ("n-number", with("rsa-1", json!({ "kid": "odd", "n": 5 }))),
        ("e-number", with("rsa-1", json!({ "kid": "odd", "e": 65537 }))),
        ("x-missing", with("ed-2", json!({ "kid": "odd", "x": null }))),
        ("y-missing", with("ec-1", json!({ "kid": "odd", "y": null }))),
        ("kid-alone", json!({ "kid": "odd" })),
    ];
    for (name, jwk) in odd {
        let alg = if name.ends_with("crv") || name.starts_with('y') { "ES256" } else { "RS256" };
        let alg = if name == "x-missing" { "EdDSA" } else { alg };
        topic.accept(&format!("{name}-beside"), token()).keys([jwk.clone(), ed()]);
        let named = token().head("alg", &quoted(alg)).kid("odd");
        topic.refuse(&format!("{name}-named"), UNUSABLE, named).keys([jwk, ed()]);
    }
    for (name, element) in [
        ("null", Value::Null),
        ("number", json!(5)),
        ("text", json!("key")),
        ("array", json!([key("ed-2").public()])),
        ("empty", json!({})),
        ("kid-number", with("ed-2", json!({ "kid": 1 }))),
        ("kid-array", with("ed-2", json!({ "kid": ["ed-1"] }))),
        ("kid-of-1025-bytes", with("ed-2", json!({ "kid": "k".repeat(1025) }))),
        ("kty-and-nothing-else", json!({ "kty": "EC" })),
    ] {
        topic.accept(&format!("{name}-first"), token()).keys([element.clone(), ed()]);
        topic.accept(&format!("{name}-last"), token()).keys([ed(), element]);
    }
    let certificates = json!({ "x5c": "MIIB", "x5t": 1, "x5u": [], "x5t#S256": null, "nbf": "x" });
    topic.accept("members-that-are-not-read", token()).keys([with("ed-1", certificates)]);

    unreadable(&mut topic);
    topic
}

/// Keys whose JSON is refused: they may not be used, and still have their names.
fn unreadable(topic: &mut Topic) {
    let set = |odd: String| format!("{{\"keys\":[{odd},{}]}}", key("ed-1").public());
    let odd = key("ed-2").public().to_string();
    let (first, last) = (&odd[1..], &odd[..odd.len() - 1]);
    let members = [
        ("x", "\"x\":\"AAAA\""),
        ("kty", "\"kty\":\"OKP\""),
        ("crv", "\"crv\":\"Ed25519\""),
        ("use", "\"use\":\"sig\",\"use\":\"enc\""),
        ("unknown", "\"z\":1,\"z\":1"),
        ("deep", "\"z\":[{\"y\":1,\"y\":1}]"),
    ];
    topic.row("keys.dup-in-jwk");
    for (name, member) in members {
        let named = || token().by("ed-2", "EdDSA");
        let (before, after) = (format!("{{{member},{first}"), format!("{last},{member}}}"));
        topic.refuse(&format!("{name}-after"), UNUSABLE, named()).option("keys.jwks", set(after));
        topic
            .refuse(&format!("{name}-before"), UNUSABLE, named())
            .option("keys.jwks", set(before.clone()));
        topic.accept(&format!("{name}-beside"), token()).option("keys.jwks", set(before));
    }
    let twice = set(format!("{last},\"kid\":\"ed-1\"}}"));
    topic.accept("kid-beside", token()).option("keys.jwks", twice.clone());
    topic.refuse("kid-is-nobodys", "KEY_NOT_FOUND", token().kid("x")).option("keys.jwks", twice);
    topic.row("keys.unknown-kty");
    let levels = "[".repeat(33) + &"]".repeat(33);
    for (name, value) in
        [("number-beyond", "1e309"), ("surrogate", "\"\\ud800\""), ("depth-34", levels.as_str())]
    {
        let odd = set(format!("{last},\"z\":{value}}}"));
        topic
            .refuse(&format!("{name}-named"), UNUSABLE, token().by("ed-2", "EdDSA"))
            .option("keys.jwks", odd.clone());
        topic.accept(&format!("{name}-beside"), token()).option("keys.jwks", odd);
    }
}
