//! Stage keys: the numbers inside a key.

use num_bigint::BigUint;
use serde_json::{Value, json};

use super::sign::{Key, curve, ed25519_order, fixed, key};
use super::token::{Token, token};
use super::{Topic, b64url, from_hex};

const UNUSABLE: &str = "KEY_UNUSABLE";

pub fn topics() -> Vec<Topic> {
    vec![base64(), rsa(), ec(), ed25519()]
}

/// A bad key beside a good one: a set in which no key can be used is refused as a whole.
fn beside(bad: Value) -> [Value; 2] {
    [bad, key("ed-2").public()]
}

fn changed(key: &Key, member: &str, bytes: impl AsRef<[u8]>) -> Value {
    key.public_with(json!({ member: b64url(bytes) }))
}

fn base64() -> Topic {
    let mut topic = Topic::new("keys", "base64", "numbers in base64url, in its one canonical form");
    topic.row("keys.base64");
    for (name, alg, member) in [
        ("rsa-1", "RS256", "n"),
        ("rsa-1", "RS256", "e"),
        ("ec-1", "ES256", "x"),
        ("ec-1", "ES256", "y"),
        ("ed-1", "EdDSA", "x"),
    ] {
        let text = key(name).member(member);
        let standard = text.replace('-', "+").replace('_', "/");
        let last = text.chars().last().unwrap();
        let spare = char::from(last as u8 + 1);
        let mut forms = vec![
            ("padding", format!("{text}=")),
            ("blank-after", format!("{text} ")),
            ("blank-before", format!(" {text}")),
            ("line-break", format!("{}\n{}", &text[..2], &text[2..])),
            ("other-letter", format!("{}*{}", &text[..1], &text[2..])),
            ("nul-after", format!("{text}\0")),
            ("empty", String::new()),
        ];
        if standard != text {
            forms.push(("standard-alphabet", standard));
        }
        // 65537 has no unused bits.
        if member != "e" {
            forms.push(("spare-bits", format!("{}{spare}", &text[..text.len() - 1])));
        }
        for (form, value) in forms {
            let jwk = key(name).public_with(json!({ member: value }));
            topic
                .refuse(&format!("{name}-{member}-{form}"), UNUSABLE, token().by(name, alg))
                .keys(beside(jwk));
        }
    }
    topic
}

fn rsa() -> Topic {
    let mut topic = Topic::new("keys", "rsa", "RSA: 2048 to 8192 bits, e odd from 3 to 2^32 - 1");
    let one = key("rsa-1");
    let rs256 = |name: &str| token().by(name, "RS256");
    let zeros = |count: usize, member: &str| [vec![0; count], one.bytes(member)].concat();
    topic.row("keys.leading-zero");
    topic.accept("n", rs256("rsa-1")).keys([changed(one, "n", zeros(1, "n"))]);
    topic.accept("n-three", rs256("rsa-1")).keys([changed(one, "n", zeros(3, "n"))]);
    topic.accept("e", rs256("rsa-1")).keys([changed(one, "e", zeros(1, "e"))]);
    topic.accept("e-five", rs256("rsa-1")).keys([changed(one, "e", zeros(5, "e"))]);
    let both = json!({ "n": b64url(zeros(1, "n")), "e": b64url(zeros(1, "e")) });
    topic.accept("both", rs256("rsa-1")).keys([one.public_with(both)]);
    topic.accept("ps256", token().by("rsa-1", "PS256")).keys([changed(one, "n", zeros(1, "n"))]);

    topic.row("keys.rsa-small");
    for name in ["rsa-512", "rsa-1024", "rsa-2047"] {
        topic.refuse(name, UNUSABLE, rs256(name)).keys(beside(key(name).public()));
    }
    let stretched = [vec![0; 128], key("rsa-1024").bytes("n")].concat();
    topic.refuse("1024-with-zeros-before", UNUSABLE, rs256("rsa-1024")).keys(beside(changed(
        key("rsa-1024"),
        "n",
        stretched,
    )));
    topic
        .refuse("1024-ps256", UNUSABLE, token().by("rsa-1024", "PS256"))
        .keys(beside(key("rsa-1024").public()));
    for name in ["rsa-2049", "rsa-3072", "rsa-4096"] {
        topic.accept(name, rs256(name)).keys([key(name).public()]);
        topic
            .accept(&format!("{name}-ps384"), token().by(name, "PS384"))
            .keys([key(name).public()]);
    }
    topic.row("keys.rsa-huge");
    topic.accept("8192", rs256("rsa-8192")).keys([key("rsa-8192").public()]);
    topic.refuse("8193", UNUSABLE, rs256("rsa-8193")).keys(beside(key("rsa-8193").public()));
    let unsigned = |bytes: usize| rs256("rsa-1").signature(vec![7; bytes]);
    let huge = changed(one, "n", [0xc5].repeat(2048));
    topic.refuse("16384", UNUSABLE, unsigned(2048)).keys(beside(huge));

    topic.row("keys.rsa-e");
    let e = |bytes: &[u8]| beside(changed(one, "e", bytes));
    // s^1 = s: the encoded message is its own signature.
    let bytes = one.rsa_bytes();
    let plain =
        rs256("rsa-1").sign_with(|_, input| super::sign::pkcs1(&super::sign::SHA256, input, bytes));
    topic.refuse("1", UNUSABLE, plain).keys(e(&[1]));
    for (name, value) in [
        ("0", [0].as_slice()),
        ("2", &[2]),
        ("4", &[4]),
        ("65536", &[1, 0, 0]),
        ("65538", &[1, 0, 2]),
        ("2-to-the-32", &[1, 0, 0, 0, 0]),
        ("0-and-1", &[0, 1]),
        ("20-bytes", &[0x7f; 20]),
    ] {
        topic.refuse(name, UNUSABLE, unsigned(256)).keys(e(value));
    }
    topic.refuse("n", UNUSABLE, unsigned(256)).keys(e(&one.bytes("n")));
    topic
        .refuse("33-bits", UNUSABLE, rs256("rsa-e-33-bits"))
        .keys(beside(key("rsa-e-33-bits").public()));
    for name in ["rsa-e-3", "rsa-e-32-bits"] {
        topic.accept(&name[6..], rs256(name)).keys([key(name).public()]);
    }
    topic.row("keys.rsa-n");
    let mut even = one.bytes("n");
    *even.last_mut().unwrap() &= 0xfe;
    for (name, n) in
        [("even", even), ("0", vec![0]), ("0-of-256-bytes", vec![0; 256]), ("1", vec![1])]
    {
        topic.refuse(name, UNUSABLE, unsigned(256)).keys(beside(changed(one, "n", n)));
    }
    topic.row("keys.roca").accept("2048", rs256("rsa-roca")).keys([key("rsa-roca").public()]);
    topic
}

fn ec() -> Topic {
    let mut topic =
        Topic::new("keys", "ec", "EC: a point of the curve, coordinates of full length");
    topic.row("keys.ec-point");
    let short = key("ec-short");
    let cut = |member: &str| short.bytes(member)[1..].to_vec();
    let es256 = |name: &str| token().by(name, "ES256");
    topic.accept("x-begins-with-zero", es256("ec-short")).keys([short.public()]);
    topic.refuse("x-begins-with-zero-cut", UNUSABLE, es256("ec-short")).keys(beside(changed(
        short,
        "x",
        cut("x"),
    )));
    for (name, alg) in [("ec-1", "ES256"), ("ec-384", "ES384"), ("ec-521", "ES512")] {
        let own = key(name);
        let signed = || token().by(name, alg);
        let (x, y) = (own.bytes("x"), own.bytes("y"));
        let zeros = vec![0; x.len()];
        let longer = |bytes: &[u8]| [&[0], bytes].concat();
        let pair = |x: &[u8], y: &[u8]| own.public_with(json!({ "x": b64url(x), "y": b64url(y) }));
        let mut flipped = y.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let p = curve(own.member("crv")).p;
        let p_minus = |bytes: &[u8]| fixed(&(&p - BigUint::from_bytes_be(bytes)), bytes.len());
        topic.accept(&format!("{name}-good"), signed()).keys([own.public()]);
        for (form, jwk) in [
            ("off-the-curve", pair(&x, &flipped)),
            ("swapped", pair(&y, &x)),
            ("zero", pair(&zeros, &zeros)),
            ("infinity", pair(&[], &[])),
            ("infinity-one-byte", pair(&[0], &[0])),
            ("x-is-p", pair(&fixed(&p, x.len()), &y)),
            ("x-all-ones", pair(&vec![0xff; x.len()], &y)),
            ("y-all-ones", pair(&x, &vec![0xff; x.len()])),
            ("x-longer", pair(&longer(&x), &y)),
            ("y-longer", pair(&x, &longer(&y))),
            ("x-shorter", pair(&x[1..], &y)),
            ("y-shorter", pair(&x, &y[..y.len() - 1])),
            // The right bytes one after the other, divided at the wrong place.
            ("divided-early", pair(&x[..x.len() - 1], &[&x[x.len() - 1..], &y].concat())),
            ("divided-late", pair(&[x.as_slice(), &y[..1]].concat(), &y[1..])),
            ("uncompressed-in-x", pair(&[&[4], x.as_slice(), &y].concat(), &y)),
            ("compressed-in-x", pair(&[&[2 + (y[y.len() - 1] & 1)], x.as_slice()].concat(), &y)),
        ] {
            topic.refuse(&format!("{name}-{form}"), UNUSABLE, signed()).keys(beside(jwk));
        }
        // A point of the curve, but another key.
        let negative = pair(&x, &p_minus(&y));
        topic
            .refuse(&format!("{name}-negative"), "SIGNATURE_INVALID", signed())
            .keys(beside(negative));
    }
    topic
}

/// A signature by nobody: R = the neutral element and S = 0 verify where k times A is the neutral
/// element too. k, a hash of R, A and the text, is a multiple of 8 for one text in eight.
fn forged(key: &[u8], base: Token) -> Token {
    let neutral = [&[1], [0; 31].as_slice()].concat();
    let signature = [neutral.as_slice(), &[0; 32]].concat();
    let fits = |token: &Token| {
        let hashed = [&neutral, key, token.signed().as_bytes()].concat();
        let hash = aws_lc_rs::digest::digest(&super::sign::SHA512, &hashed);
        let k = BigUint::from_bytes_le(hash.as_ref()) % ed25519_order();
        k % 8u8 == BigUint::ZERO
    };
    let tokens = (0..).map(|jti| base.clone().claim("jti", &format!("\"{jti}\"")));
    tokens.map(|token| token.signature(&signature)).find(fits).unwrap()
}

fn ed25519() -> Topic {
    let mut topic =
        Topic::new("keys", "ed25519", "Ed25519: 32 bytes, y below p, not of small order");
    topic.note("Forged", "these signatures were made without any private key");
    let jwk = |x: &[u8]| changed(key("ed-1"), "x", x);
    let small = |topic: &mut Topic, name: &str, hex: &str| {
        let x = from_hex(hex);
        topic.refuse(name, UNUSABLE, forged(&x, token())).keys(beside(jwk(&x)));
    };
    topic.row("keys.ed-small-order");
    let high = "ff".repeat(30);
    let eight = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc";
    let other = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03";
    let zero = "00".repeat(30);
    for (name, hex) in [
        ("y-0", format!("00{zero}00")),
        ("y-0-negative", format!("00{zero}80")),
        ("y-1", format!("01{zero}00")),
        ("y-1-negative", format!("01{zero}80")),
        ("y-minus-1", format!("ec{high}7f")),
        ("y-minus-1-negative", format!("ec{high}ff")),
        ("order-8-a", format!("{eight}05")),
        ("order-8-a-negative", format!("{eight}85")),
        ("order-8-b", format!("{other}7a")),
        ("order-8-b-negative", format!("{other}fa")),
        ("y-p", format!("ed{high}7f")),
        ("y-p-negative", format!("ed{high}ff")),
        ("y-p-plus-1", format!("ee{high}7f")),
        ("y-p-plus-1-negative", format!("ee{high}ff")),
        // Not of small order, but a second spelling of y = 2 to 18.
        ("y-p-plus-2", format!("ef{high}7f")),
        ("y-p-plus-3", format!("f0{high}7f")),
        ("y-p-plus-18", format!("ff{high}7f")),
        ("all-ones", format!("ff{high}ff")),
    ] {
        small(&mut topic, name, &hex);
    }
    let neutral = from_hex(&format!("01{zero}00"));
    topic
        .refuse("no-kid", "SIGNATURE_INVALID", forged(&neutral, token().no_head("kid")))
        .keys(beside(jwk(&neutral)));

    topic.row("keys.ed-length");
    let x = key("ed-1").bytes("x");
    for (name, bytes) in [
        ("31", x[..31].to_vec()),
        ("33", [x.as_slice(), &[0]].concat()),
        ("33-zero-before", [&[0], x.as_slice()].concat()),
        ("64", [x.clone(), x.clone()].concat()),
        ("spki", [from_hex("302a300506032b6570032100"), x.clone()].concat()),
    ] {
        topic.refuse(name, UNUSABLE, token()).keys(beside(jwk(&bytes)));
    }
    // y = 2 is of no point; the key is never asked for a square root until it verifies.
    let off_curve = from_hex(&format!("02{zero}00"));
    topic.refuse("off-the-curve", "SIGNATURE_INVALID", token()).keys(beside(jwk(&off_curve)));
    topic
}
