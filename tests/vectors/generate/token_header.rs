//! Stage token: the JOSE header, and `iss`.

use aws_lc_rs::hmac;
use serde_json::json;

use super::sign::{Key, key};
use super::token::{Token, token};
use super::{ISSUER, Topic, from_hex, key_set, quoted};

pub fn topics() -> Vec<Topic> {
    vec![alg_none(), alg_hs(), alg(), critical(), own_keys(), types(), issuers(), kid()]
}

const ALG: &str = "ALGORITHM_NOT_ALLOWED";

fn alg_none() -> Topic {
    let mut topic = Topic::new("token", "alg-none", "unsecured tokens, however the word is spelt");
    topic.row("token.alg-none");
    for (name, alg) in [
        ("none", "none"),
        ("None", "None"),
        ("NONE", "NONE"),
        ("nOnE", "nOnE"),
        ("blank-before", " none"),
        ("blank-after", "none "),
        ("nul-after", "none\0"),
        ("line-break-after", "none\n"),
        ("comma", "none,EdDSA"),
    ] {
        let unsecured = token().head("alg", &quoted(alg));
        topic.refuse(&format!("{name}-unsigned"), ALG, unsecured.clone().signature_part(""));
        topic.refuse(&format!("{name}-signed"), ALG, unsecured);
    }
    let bare = token().header_bytes(r#"{"alg":"none"}"#);
    topic.refuse("nothing-else", ALG, bare.signature_part(""));
    topic
}

/// An element of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        short @ 0..=127 => vec![short as u8],
        long => [&[0x82], (long as u16).to_be_bytes().as_slice()].concat(),
    };
    [&[tag], length.as_slice(), content].concat()
}

/// RSAPublicKey (RFC 8017 A.1.1) and SubjectPublicKeyInfo of it.
fn rsa_der(key: &Key) -> (Vec<u8>, Vec<u8>) {
    let number = |member: &str| der(2, &[&[0], key.bytes(member).as_slice()].concat());
    let exponent = der(2, &key.bytes("e"));
    let pkcs1 = der(0x30, &[number("n"), exponent].concat());
    let algorithm = from_hex("300d06092a864886f70d0101010500");
    let bits = der(3, &[&[0], pkcs1.as_slice()].concat());
    let spki = der(0x30, &[algorithm, bits].concat());
    (pkcs1, spki)
}

fn pem(label: &str, der: &[u8], line_end: &str) -> String {
    let text = base64_simd::STANDARD.encode_to_string(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let body = lines.join(line_end);
    format!("-----BEGIN {label}-----{line_end}{body}{line_end}-----END {label}-----{line_end}")
}

fn hmac_signed(alg: &str, kid: &str, secret: &[u8]) -> Token {
    let algorithm = match alg {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let secret = hmac::Key::new(algorithm, secret);
    let token = token().head("alg", &quoted(alg)).kid(kid);
    token.sign_with(|_, input| hmac::sign(&secret, input).as_ref().to_vec())
}

fn alg_hs() -> Topic {
    let mut topic = Topic::new("token", "alg-hs", "HMAC keyed with what everybody knows");
    topic.row("token.alg-hs");
    let rsa = key("rsa-1");
    let (pkcs1, spki) = rsa_der(rsa);
    let public = pem("PUBLIC KEY", &spki, "\n");
    let point = [rsa.bytes("n").as_slice(), &[]].concat();
    let ec = key("ec-1");
    let x_y = [&[4], ec.bytes("x").as_slice(), ec.bytes("y").as_slice()].concat();
    for (name, kid, secret) in [
        ("pem", "rsa-1", public.clone().into_bytes()),
        ("pem-crlf", "rsa-1", pem("PUBLIC KEY", &spki, "\r\n").into_bytes()),
        ("pem-without-last-line-break", "rsa-1", public.trim_end().into()),
        ("pem-of-pkcs-1", "rsa-1", pem("RSA PUBLIC KEY", &pkcs1, "\n").into_bytes()),
        ("der", "rsa-1", spki),
        ("der-of-pkcs-1", "rsa-1", pkcs1),
        ("modulus", "rsa-1", point),
        ("modulus-as-text", "rsa-1", rsa.member("n").into()),
        ("jwk", "rsa-1", rsa.public().to_string().into()),
        ("key-set", "rsa-1", key_set([rsa.public()]).to_string().into()),
        ("ec-point", "ec-1", x_y),
        ("ec-x", "ec-1", ec.bytes("x")),
        ("ed25519-x", "ed-1", key("ed-1").bytes("x")),
        ("empty", "rsa-1", vec![]),
        ("word", "rsa-1", b"secret".into()),
    ] {
        topic.refuse(name, ALG, hmac_signed("HS256", kid, &secret));
    }
    topic.refuse("hs384", ALG, hmac_signed("HS384", "rsa-1", public.as_bytes()));
    topic.refuse("hs512", ALG, hmac_signed("HS512", "rsa-1", public.as_bytes()));
    topic.refuse("without-kid", ALG, {
        let token = token().head("alg", "\"HS256\"").no_head("kid");
        let secret = hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes());
        token.sign_with(|_, input| hmac::sign(&secret, input).as_ref().to_vec())
    });
    topic.row("token.alg-hs-unknown-kid");
    topic.refuse("hs512", ALG, hmac_signed("HS512", "keycloak-refresh", b"secret"));
    topic.refuse("hs256", ALG, hmac_signed("HS256", "keycloak-refresh", b"secret"));
    topic
}

fn alg() -> Topic {
    let mut topic = Topic::new("token", "alg", "names of algorithms, and the allow-list");
    topic.row("token.alg-name");
    for (name, alg) in [
        ("lower-case", "rs256"),
        ("blank-after", "RS256 "),
        ("blank-before", " RS256"),
        ("hyphen", "RS-256"),
        ("nul-after", "RS256\0"),
        ("openssl-name", "RSA-SHA256"),
        ("fullwidth", "\u{ff32}S256"),
        ("empty", ""),
    ] {
        topic.refuse(name, ALG, token().by("rsa-1", "RS256").head("alg", &quoted(alg)));
    }
    for alg in ["eddsa", "EDDSA", "ED25519", "ed25519", "EdDsa"] {
        topic.refuse(alg, ALG, token().head("alg", &quoted(alg)));
    }
    topic.refuse("missing", ALG, token().no_head("alg"));
    topic.refuse("other-name", ALG, token().no_head("alg").head("Alg", "\"EdDSA\""));
    for (name, value) in [
        ("number", "256"),
        ("null", "null"),
        ("true", "true"),
        ("array", "[\"EdDSA\"]"),
        ("object", "{\"EdDSA\":1}"),
    ] {
        topic.refuse(name, "TOKEN_MALFORMED", token().head("alg", value));
    }
    topic.row("token.alg-other");
    for alg in [
        "ES256K",
        "Ed448",
        "RS1",
        "RSA-OAEP",
        "RSA-OAEP-256",
        "RSA1_5",
        "dir",
        "A128KW",
        "ECDH-ES",
        "ML-DSA-44",
        "HS1",
        "ESP256",
        "PBES2-HS256+A128KW",
        "ES224",
        "RS224",
    ] {
        topic.refuse(alg, ALG, token().head("alg", &quoted(alg)));
    }
    topic.row("token.alg-narrow");
    for (list, key, alg) in [
        ("ES256", "rsa-1", "RS256"),
        ("ES256", "ed-1", "EdDSA"),
        ("RS256", "rsa-1", "RS384"),
        ("RS256", "rsa-1", "PS256"),
        ("PS256", "rsa-1", "RS256"),
        ("RS256 ES256", "ed-1", "EdDSA"),
    ] {
        let name = format!("{alg}-with-{}", list.replace(' ', "-"));
        topic.refuse(&name, ALG, token().by(key, alg)).option("token.algorithms", list);
    }
    for (list, key, alg) in
        [("ES256", "ec-1", "ES256"), ("RS256 ES256", "ec-1", "ES256"), ("EdDSA", "ed-1", "EdDSA")]
    {
        let name = format!("{alg}-is-in-{}", list.replace(' ', "-"));
        topic.accept(&name, token().by(key, alg)).option("token.algorithms", list);
    }
    let list = json!(["PS256", "RS256"]);
    topic.accept("a-json-array", token().by("rsa-1", "RS256")).option("token.algorithms", list);
    topic
}

fn critical() -> Topic {
    let mut topic = Topic::new("token", "critical", "crit and b64, right or wrong in themselves");
    let status = "CRITICAL_UNSUPPORTED";
    topic.row("token.crit");
    for (name, value) in [
        ("exp", r#"["exp"]"#),
        ("empty", "[]"),
        ("alg", r#"["alg"]"#),
        ("b64", r#"["b64"]"#),
        ("twice", r#"["x","x"]"#),
        ("text", r#""b64""#),
        ("empty-text", r#""""#),
        ("null", "null"),
        ("false", "false"),
        ("number", "0"),
        ("object", "{}"),
    ] {
        topic.refuse(name, status, token().head("crit", value));
    }
    topic.refuse("named-and-there", status, token().head("crit", r#"["x"]"#).head("x", "1"));
    topic.refuse("rs256", status, token().by("rsa-1", "RS256").head("crit", r#"["exp"]"#));
    topic.accept("other-case", token().head("Crit", r#"["x"]"#));

    topic.row("token.b64");
    for (name, value) in
        [("false", "false"), ("true", "true"), ("null", "null"), ("text", "\"false\"")]
    {
        topic.refuse(name, status, token().head("b64", value));
        topic.refuse(&format!("{name}-and-crit"), status, {
            token().head("b64", value).head("crit", r#"["b64"]"#)
        });
    }
    let unencoded = token().head("b64", "false").head("crit", r#"["b64"]"#);
    let payload = unencoded.payload();
    topic.refuse("signed-the-bare-payload", status, {
        unencoded.sign_with(|key, input| {
            let header = input.split(|byte| *byte == b'.').next().unwrap();
            key.sign("EdDSA", &[header, b".", &payload].concat())
        })
    });
    topic
}

fn own_keys() -> Topic {
    let mut topic = Topic::new("token", "own-keys", "a token brings no key of its own");
    topic.note("Stranger", "signed by a key that the issuer does not publish");
    let stranger = |kid: &str| token().kid(kid).signed_by("ed-stranger", "EdDSA");
    let jwk = key("ed-stranger").public_with(json!({ "kid": "ed-1" })).to_string();
    topic.row("token.jwk");
    topic.refuse("same-kid", "SIGNATURE_INVALID", stranger("ed-1").head("jwk", &jwk));
    topic.refuse("no-kid", "SIGNATURE_INVALID", stranger("").no_head("kid").head("jwk", &jwk));
    topic.refuse("unknown-kid", "KEY_NOT_FOUND", stranger("x").head("jwk", &jwk));
    let rsa = token().by("rsa-1", "RS256").signed_by("rsa-stranger", "RS256");
    let jwk = key("rsa-stranger").public_with(json!({ "kid": "rsa-1" })).to_string();
    topic.refuse("rsa", "SIGNATURE_INVALID", rsa.clone().head("jwk", &jwk));
    topic.accept("good-and-a-strange-jwk", token().head("jwk", &jwk));
    topic.accept("good-and-no-jwk", token().head("jwk", "5"));

    topic.row("token.jku");
    let url = quoted("https://127.0.0.1:9/jwks.json");
    let chain = r#"["MIIBszCCAVmgAwIBAgIUAAAA"]"#;
    let thumbprint = quoted("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    for (name, member, value) in [
        ("jku", "jku", url.as_str()),
        ("x5u", "x5u", &url),
        ("x5c", "x5c", chain),
        ("x5t", "x5t", &thumbprint),
        ("x5t-s256", "x5t#S256", &thumbprint),
        ("jku-file", "jku", "\"file:///etc/passwd\""),
    ] {
        topic.refuse(name, "SIGNATURE_INVALID", stranger("ed-1").head(member, value));
        topic.accept(&format!("good-and-{name}"), token().head(member, value));
    }
    topic.row("token.unknown-params");
    let many = (0..50).fold(token(), |token, name| token.head(&format!("p{name}"), "{\"a\":[1]}"));
    for (name, token) in [
        ("nonce", token().head("nonce", "\"n\"")),
        ("zip", token().head("zip", "\"DEF\"")),
        ("enc", token().head("enc", "\"A256GCM\"")),
        ("epk", token().head("epk", "{}")),
        ("iss-sub-aud", token().head("iss", "\"x\"").head("sub", "1").head("aud", "null")),
        ("50-private", many),
    ] {
        topic.accept(name, token.clone());
        topic.refuse(&format!("{name}-bad-signature"), "SIGNATURE_INVALID", {
            token.signed_by("ed-stranger", "EdDSA")
        });
    }
    topic
}

fn types() -> Topic {
    let mut topic = Topic::new("token", "types", "typ and cty: media types, in any case");
    topic.row("token.typ-accept").accept("absent", token().no_head("typ"));
    for typ in ["JWT", "jwt", "Jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"] {
        topic.accept(typ, token().head("typ", &quoted(typ)));
    }
    let status = "TYPE_NOT_ALLOWED";
    topic.row("token.typ-refuse");
    for typ in [
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "id+jwt",
        "rt+jwt",
        "client-authentication+jwt",
        "JOSE",
        "JOSE+JSON",
        "JWE",
        "jwt+at",
        "at",
        "at+jwt;x",
        "at+jwt; charset=utf-8",
        " at+jwt",
        "at+jwt ",
        "application/",
        "application/application/at+jwt",
        "text/at+jwt",
        "absent",
        "*",
        "JWT at+jwt",
    ] {
        topic.refuse(typ, status, token().head("typ", &quoted(typ)));
    }
    topic.refuse("empty", status, token().head("typ", "\"\""));
    topic.refuse("nul-after", status, token().head("typ", r#""JWT\u0000""#));
    for (name, value) in [("number", "1"), ("null", "null"), ("array", "[\"JWT\"]")] {
        topic.refuse(name, "TOKEN_MALFORMED", token().head("typ", value));
    }
    let at = token().head("typ", "\"at+jwt\"");
    for (name, types, token) in [
        ("option-at-JWT", "at+jwt", token()),
        ("option-at-absent", "at+jwt", token().no_head("typ")),
        ("option-absent-JWT", "absent", token()),
        ("option-absent-at", "absent", at.clone()),
        ("option-jwt-at", "jwt", at.clone()),
        ("option-list-logout", "JWT at+jwt", token().head("typ", "\"logout+jwt\"")),
    ] {
        topic.refuse(name, status, token).option("token.types", types);
    }
    topic.row("token.typ-accept");
    for (name, types, token) in [
        ("option-at", "at+jwt", at.clone()),
        ("option-in-capitals", "AT+JWT", at.clone()),
        ("option-with-application", "application/at+jwt", at),
        ("option-absent", "absent", token().no_head("typ")),
        ("option-own", "my+jwt", token().head("typ", "\"My+JWT\"")),
    ] {
        topic.accept(name, token).option("token.types", types);
    }
    topic.row("token.cty");
    for cty in ["JWT", "jwt", "application/JWT", "Application/jwt"] {
        topic.refuse(cty, status, token().head("cty", &quoted(cty)));
    }
    for cty in ["json", "at+jwt", "application/json", "", "JWTx"] {
        topic.accept(&format!("other-{cty}"), token().head("cty", &quoted(cty)));
    }
    for (name, value) in [("number", "1"), ("null", "null"), ("array", "[\"JWT\"]")] {
        topic.refuse(name, "TOKEN_MALFORMED", token().head("cty", value));
    }
    topic
}

fn issuers() -> Topic {
    let mut topic = Topic::new("token", "issuers", "iss: byte for byte, after unescaping");
    let status = "ISSUER_INVALID";
    topic.row("token.iss-missing").refuse("absent", status, token().no_claim("iss"));
    for (name, value) in [
        ("null", "null"),
        ("number", "1"),
        ("true", "true"),
        ("object", "{}"),
        ("array-with-ours", r#"["https://id.example"]"#),
        ("empty", r#""""#),
    ] {
        topic.refuse(name, status, token().claim("iss", value));
    }
    topic.refuse("other-case-of-the-name", status, {
        token().no_claim("iss").claim("Iss", "\"https://id.example\"")
    });
    topic.refuse("in-the-header-alone", status, {
        token().no_claim("iss").head("iss", "\"https://id.example\"")
    });
    topic.row("token.iss-near");
    let near = |topic: &mut Topic, name: &str, configured: &str, iss: &str| {
        let token = token().claim("iss", &quoted(iss));
        topic.refuse(name, status, token).option("issuer", configured);
    };
    for (name, iss) in [
        ("slash-more", "https://id.example/"),
        ("http", "http://id.example"),
        ("no-scheme", "id.example"),
        ("scheme-case", "HTTPS://id.example"),
        ("host-case", "https://ID.example"),
        ("port", "https://id.example:443"),
        ("dot-after-host", "https://id.example."),
        ("percent", "https://id%2Eexample"),
        ("fragment", "https://id.example#"),
        ("query", "https://id.example?"),
        ("longer", "https://id.example.evil.example"),
        ("longer-path", "https://id.example/realms/other"),
        ("shorter", "https://id.exampl"),
        ("word-before", "https://evil.example/https://id.example"),
        ("userinfo", "https://id.example@evil.example"),
        ("user-before", "https://evil@id.example"),
        ("cyrillic", "https://id.ex\u{430}mple"),
        ("fullwidth", "https://id.ex\u{ff41}mple"),
        ("soft-hyphen", "https://id.exam\u{ad}ple"),
        ("blank-before", " https://id.example"),
        ("blank-after", "https://id.example "),
        ("nul-after", "https://id.example\0"),
        ("nul-and-more", "https://id.example\0.evil.example"),
        ("line-break-after", "https://id.example\n"),
        ("two-of-them", "https://id.example https://id.example"),
        ("backslashes", "https:\\\\id.example"),
    ] {
        near(&mut topic, name, ISSUER, iss);
    }
    near(&mut topic, "slash-less", "https://id.example/", "https://id.example");
    near(&mut topic, "path-case", "https://id.example/realms/A", "https://id.example/realms/a");
    near(&mut topic, "path-percent", "https://id.example/a/b", "https://id.example/a%2Fb");
    near(&mut topic, "path-dots", "https://id.example/b", "https://id.example/a/../b");
    near(&mut topic, "other-normal-form", "urn:caf\u{e9}", "urn:cafe\u{301}");

    topic.row("token.iss-stranger");
    let stranger = token().claim("iss", "\"https://stranger.example\"");
    topic.refuse("good-signature", status, stranger.clone());
    topic.refuse("unknown-kid", status, stranger.clone().kid("x"));
    topic.refuse("own-key", status, stranger.signed_by("ed-stranger", "EdDSA"));
    topic.refuse("url-of-the-machine", status, {
        token().claim("iss", "\"http://169.254.169.254/latest\"")
    });
    topic.row("token.iss-near");
    let list = "https://one.example https://two.example";
    for iss in ["https://one.example", "https://two.example"] {
        let token = token().claim("iss", &quoted(iss));
        topic
            .accept(&format!("of-a-list-{}", &iss[8..11]), token)
            .option("issuer", list)
            .issuer(iss);
    }
    near(&mut topic, "of-a-list-none", list, "https://three.example");
    for (name, iss) in [("urn", "urn:issuer:1"), ("word", "joe"), ("utf-8", "urn:caf\u{e9}")] {
        let token = token().claim("iss", &quoted(iss));
        topic.accept(&format!("exact-{name}"), token).option("issuer", iss).issuer(iss);
    }
    topic
}

fn kid() -> Topic {
    let mut topic = Topic::new("token", "kid", "kid is a text of at most 1024 bytes");
    topic.row("token.kid-type");
    for (name, value) in [
        ("number", "1"),
        ("null", "null"),
        ("true", "true"),
        ("array", "[\"ed-1\"]"),
        ("object", "{\"ed-1\":1}"),
    ] {
        topic.refuse(name, "TOKEN_MALFORMED", token().head("kid", value));
    }
    topic.refuse("1025-bytes", "TOKEN_MALFORMED", token().kid(&"k".repeat(1025)));
    topic.refuse("1026-bytes-of-513-characters", "TOKEN_MALFORMED", {
        token().kid(&"\u{e9}".repeat(513))
    });
    topic.refuse("1024-bytes-unknown", "KEY_NOT_FOUND", token().kid(&"k".repeat(1024)));
    let long = "k".repeat(1024);
    let jwk = key("ed-1").public_with(json!({ "kid": long }));
    topic.accept("1024-bytes", token().kid(&long)).keys([jwk]);
    topic
}
