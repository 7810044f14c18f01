//! Stage keys: public keys given as PEM (RFC 7468).

use base64_simd::STANDARD;
use serde_json::json;

use super::sign::{Key, key};
use super::token::{Token, token};
use super::{Case, ISSUER, Topic};

pub fn topics() -> Vec<Topic> {
    vec![pem(), refused()]
}

// ---------------------------------------------------------------- DER

fn der(tag: u8, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = match body.len() {
        0..0x80 => vec![body.len() as u8],
        0x80..0x100 => vec![0x81, body.len() as u8],
        _ => vec![0x82, (body.len() >> 8) as u8, body.len() as u8],
    };
    [vec![tag], length, body.to_vec()].concat()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(0x30, parts.concat())
}

/// A number that is not negative.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let bytes = &bytes[first..];
    let sign = if bytes[0] >= 0x80 { vec![0] } else { vec![] };
    der(2, [sign, bytes.to_vec()].concat())
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 34];
const P521: &[u8] = &[0x2b, 0x81, 4, 0, 35];
const K256: &[u8] = &[0x2b, 0x81, 4, 0, 10];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const X25519: &[u8] = &[0x2b, 0x65, 0x6e];

/// SubjectPublicKeyInfo: an algorithm with what belongs to it, and the bits of a key.
fn info(oid: &[u8], parameters: Vec<u8>, key: &[u8]) -> Vec<u8> {
    let bits = der(3, [&[0], key].concat());
    sequence(&[sequence(&[der(6, oid), parameters]), bits])
}

fn pkcs1(key: &Key) -> Vec<u8> {
    sequence(&[integer(&key.bytes("n")), integer(&key.bytes("e"))])
}

fn point(key: &Key) -> Vec<u8> {
    [vec![4], key.bytes("x"), key.bytes("y")].concat()
}

fn public_info(key: &Key) -> Vec<u8> {
    let ec = |curve| info(EC, der(6, curve), &point(key));
    match (key.member("kty"), key.name.as_str()) {
        ("RSA", _) => info(RSA, der(5, []), &pkcs1(key)),
        ("OKP", _) => info(ED25519, vec![], &key.bytes("x")),
        (_, "ec-384") => ec(P384),
        (_, "ec-521") => ec(P521),
        (_, "ec-k1") => ec(K256),
        _ => ec(P256),
    }
}

fn text(label: &str, der: &[u8]) -> String {
    let lines: Vec<String> = STANDARD
        .encode_to_string(der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn public(name: &str) -> String {
    text("PUBLIC KEY", &public_info(key(name)))
}

// ---------------------------------------------------------------- cases

fn pem() -> Topic {
    let mut topic = Topic::new("keys", "pem", "public keys as PEM: any kid, every alg that fits");
    topic.note("Key id", "PEM names no key: one serves for every kid, and for none");
    topic.row("keys.pem-file");
    let rs256 = || token().by("rsa-1", "RS256");
    let mut accept = |name: &str, token: Token, pem: String| {
        topic.accept(name, token).option("keys.jwks", pem);
    };
    for (alg, name) in [
        ("RS256", "rsa-1"),
        ("RS384", "rsa-1"),
        ("RS512", "rsa-1"),
        ("PS256", "rsa-1"),
        ("PS384", "rsa-1"),
        ("PS512", "rsa-1"),
        ("RS256", "rsa-4096"),
        ("RS256", "rsa-e-3"),
        ("ES256", "ec-1"),
        ("ES384", "ec-384"),
        ("ES512", "ec-521"),
        ("EdDSA", "ed-1"),
        ("Ed25519", "ed-1"),
    ] {
        accept(&format!("{name}-{alg}"), token().by(name, alg), public(name));
    }
    accept("any-kid", token().kid("../x"), public("ed-1"));
    accept("empty-kid", token().kid(""), public("ed-1"));
    accept("no-kid", token().no_head("kid"), public("ed-1"));
    let (rsa, ed, ed_2) = (public("rsa-1"), public("ed-1"), public("ed-2"));
    accept("crlf", rs256(), rsa.replace('\n', "\r\n"));
    accept("garbage-before", rs256(), format!("subject=CN = id.example\nissuer: x\n{rsa}"));
    accept("blank-lines-before", rs256(), format!("\n\n{rsa}"));
    accept("garbage-after", rs256(), format!("{rsa}the end\n"));
    accept("no-line-break-at-the-end", rs256(), rsa.trim_end().to_owned());
    accept("two-keys-first", rs256(), format!("{rsa}{ed}"));
    accept("two-keys-second", token(), format!("{rsa}{ed}"));
    accept("two-keys-of-a-kind", token().signed_by("ed-2", "EdDSA"), format!("{ed}{ed_2}"));
    accept("text-between", token(), format!("{rsa}and\n{ed}"));
    let nine = |last: usize| (1..=last).map(|n| public(&format!("ed-{n}"))).collect::<String>();
    accept("8-of-8", token().signed_by("ed-8", "EdDSA"), nine(8));
    let huge = text("PUBLIC KEY", &public_info(key("rsa-1024")));
    accept("beside-one-of-1024-bits", token(), format!("{huge}{ed}"));

    let mut refuse = |name: &str, status: &str, token: Token, pem: String| {
        topic.refuse(name, status, token).option("keys.jwks", pem);
    };
    let invalid = "SIGNATURE_INVALID";
    refuse("stranger", invalid, token().signed_by("ed-stranger", "EdDSA"), ed.clone());
    refuse("9-of-9", invalid, token().signed_by("ed-9", "EdDSA"), nine(9));
    refuse(
        "hs256-keyed-with-it",
        "ALGORITHM_NOT_ALLOWED",
        rs256().head("alg", "\"HS256\""),
        rsa.clone(),
    );
    refuse("rs256-by-ec", "KEY_UNUSABLE", rs256(), public("ec-1"));
    refuse("es384-by-p-256", "KEY_UNUSABLE", token().by("ec-384", "ES384"), public("ec-1"));
    refuse("no-kid-and-none-fits", "KEY_NOT_FOUND", token().no_head("kid"), rsa);
    topic
}

/// The options with this text; no issuer but its own text is needed where keys are given.
fn one<'t>(topic: &'t mut Topic, name: &str, pem: impl Into<String>) -> &'t mut Case {
    let options =
        [("issuer", json!(ISSUER)), ("audience", json!("api")), ("keys.jwks", json!(pem.into()))];
    topic.configuration(name, "OPTION_INVALID", &options)
}

fn refused() -> Topic {
    let mut topic = Topic::bare("language", "pem", "PEM that is no public key");
    topic.row("keys.pem-file");
    let (ed, rsa) = (public("ed-1"), public("rsa-1"));
    let ec_key = key("ec-1");
    let private = |label: &str| text(label, &key("ed-1").bytes("d"));
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "DSA PRIVATE KEY",
    ] {
        let name = label.to_lowercase().replace(' ', "-");
        one(&mut topic, &name, private(label));
        one(&mut topic, &format!("{name}-after-a-public-one"), format!("{ed}{}", private(label)));
        one(&mut topic, &format!("{name}-before-a-public-one"), format!("{}{ed}", private(label)));
    }
    for (name, label) in [
        ("certificate", "CERTIFICATE"),
        ("trusted-certificate", "TRUSTED CERTIFICATE"),
        ("request", "CERTIFICATE REQUEST"),
        ("crl", "X509 CRL"),
        ("unknown", "PUBLIC THING"),
        ("lower-case", "public key"),
        ("ec-parameters", "EC PARAMETERS"),
        ("ssh2", "SSH2 PUBLIC KEY"),
    ] {
        let section = text(label, &public_info(key("ed-1")));
        one(&mut topic, name, section.clone());
        one(&mut topic, &format!("{name}-beside-a-public-key"), format!("{ed}{section}"));
    }
    one(&mut topic, "pkcs1", text("RSA PUBLIC KEY", &pkcs1(key("rsa-1"))));
    one(&mut topic, "pkcs1-beside-a-public-key", {
        format!("{ed}{}", text("RSA PUBLIC KEY", &pkcs1(key("rsa-1"))))
    });
    let (head, tail) = ("-----BEGIN PUBLIC KEY-----\n", "-----END PUBLIC KEY-----\n");
    let body = rsa.replace(head, "").replace(tail, "");
    let spki = public_info(key("rsa-1"));
    for (name, pem) in [
        ("no-pem", "x".to_owned()),
        ("begin-alone", head.to_owned()),
        ("no-end", format!("{head}{body}")),
        ("no-begin", format!("{body}{tail}")),
        ("end-before-begin", format!("{tail}{body}{head}")),
        ("end-of-another", format!("{head}{body}-----END PRIVATE KEY-----\n")),
        ("two-begins", format!("{head}{rsa}")),
        ("four-dashes", rsa.replace("-----", "----")),
        ("base64-alone", body.clone()),
        ("no-base64", format!("{head}?{body}{tail}")),
        ("base64-cut", format!("{head}{}{tail}", &body[..61])),
        ("empty", format!("{head}{tail}")),
        ("ssh", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAA x".to_owned()),
        ("der-cut", text("PUBLIC KEY", &spki[..spki.len() - 1])),
        ("der-and-more", text("PUBLIC KEY", &[spki.as_slice(), &[0]].concat())),
        ("der-of-nothing", text("PUBLIC KEY", &[0x30, 0])),
        ("pkcs1-in-a-public-key", text("PUBLIC KEY", &pkcs1(key("rsa-1")))),
    ] {
        one(&mut topic, name, pem);
    }
    // A whole section, and no key in it that may be used.
    let x = key("ed-1").bytes("x");
    let compressed = [vec![2 + (ec_key.bytes("y")[31] & 1)], ec_key.bytes("x")].concat();
    let hybrid = [vec![6 + (ec_key.bytes("y")[31] & 1)], point(ec_key)[1..].to_vec()].concat();
    let mut off = point(ec_key);
    off[64] ^= 1;
    let p256 = |key: &[u8]| info(EC, der(6, P256), key);
    let rsa_of = |n: &[u8], e: &[u8]| info(RSA, der(5, []), &sequence(&[integer(n), integer(e)]));
    let n = key("rsa-1").bytes("n");
    for (name, der) in [
        ("rsa-512", public_info(key("rsa-512"))),
        ("rsa-1024", public_info(key("rsa-1024"))),
        ("rsa-2047", public_info(key("rsa-2047"))),
        ("rsa-8193", public_info(key("rsa-8193"))),
        ("rsa-e-1", rsa_of(&n, &[1])),
        ("rsa-e-2", rsa_of(&n, &[2])),
        ("rsa-e-0", rsa_of(&n, &[0])),
        ("rsa-e-33-bits", public_info(key("rsa-e-33-bits"))),
        ("rsa-n-even", rsa_of(&[&n[..255], &[0]].concat(), &[1, 0, 1])),
        ("rsa-pss", info(RSA_PSS, vec![], &pkcs1(key("rsa-1")))),
        ("ec-compressed", p256(&compressed)),
        ("ec-hybrid", p256(&hybrid)),
        ("ec-off-the-curve", p256(&off)),
        ("ec-infinity", p256(&[0])),
        ("ec-short", p256(&point(ec_key)[..64])),
        ("ec-k1", public_info(key("ec-k1"))),
        ("ec-no-curve", info(EC, vec![], &point(ec_key))),
        ("ec-null-for-a-curve", info(EC, der(5, []), &point(ec_key))),
        ("ec-p-256-says-p-384", info(EC, der(6, P384), &point(ec_key))),
        ("ed-zero", info(ED25519, vec![], &[0; 32])),
        ("ed-one", info(ED25519, vec![], &[&[1], [0; 31].as_slice()].concat())),
        ("ed-31-bytes", info(ED25519, vec![], &x[..31])),
        ("ed-33-bytes", info(ED25519, vec![], &[x.as_slice(), &[0]].concat())),
        ("x25519", info(X25519, vec![], &x)),
    ] {
        one(&mut topic, name, text("PUBLIC KEY", &der));
    }
    topic
}
