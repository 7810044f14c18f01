//! Stage signature: key + bytes → yes or no.

use aws_lc_rs::digest;
use num_bigint::BigUint;

use super::sign::{
    Hash, Key, Pss, SHA1, SHA256, SHA384, SHA512, curve, ed25519_order, fixed, key, pkcs1,
    pkcs1_block,
};
use super::token::{Token, token};
use super::{Topic, from_hex, quoted};

const INVALID: &str = "SIGNATURE_INVALID";

/// One key and algorithm of each kind.
const KINDS: [(&str, &str); 7] = [
    ("rsa-1", "RS256"),
    ("rsa-1", "RS512"),
    ("rsa-1", "PS256"),
    ("ec-1", "ES256"),
    ("ec-384", "ES384"),
    ("ec-521", "ES512"),
    ("ed-1", "EdDSA"),
];

pub fn topics() -> Vec<Topic> {
    vec![changed(), length(), ecdsa(), eddsa(), rsa_pkcs1(), rsa_pss(), order()]
}

fn topic(name: &'static str, about: &str) -> Topic {
    let mut topic = Topic::new("signature", name, about);
    topic.keys(["rsa-1", "ec-1", "ec-384", "ec-521", "ed-1"].map(|name| key(name).public()));
    topic
}

fn changed() -> Topic {
    let mut topic = topic("changed", "a value or a bit changed after signing");
    topic.row("sig.changed");
    for (name, alg) in KINDS {
        let good = || token().by(name, alg);
        let kept = |changed: Token| changed.signature(good().own_signature());
        topic.refuse(&format!("{alg}-header"), INVALID, kept(good().head("typ", "\"at+jwt\"")));
        topic.refuse(&format!("{alg}-payload"), INVALID, kept(good().claim("sub", "\"user-2\"")));
        for (place, bit) in [("first", 0), ("middle", 1), ("last", 2)] {
            let flip = |mut signature: Vec<u8>| {
                let at = (signature.len() - 1) * bit / 2;
                signature[at] ^= 1;
                signature
            };
            topic.refuse(&format!("{alg}-{place}-byte"), INVALID, good().change_signature(flip));
        }
    }
    let spaced = [token().payload().as_slice(), b" "].concat();
    let kept = token().own_signature();
    topic.refuse("blank-added", INVALID, token().payload_bytes(spaced).signature(&kept));
    topic.refuse("kid-added", INVALID, {
        token().no_head("kid").signature(kept.clone()).kid("ed-1").head("x", "1")
    });
    topic.row("sig.other-token");
    for (name, alg) in KINDS {
        let other = token().by(name, alg).claim("sub", "\"user-2\"").own_signature();
        topic.refuse(alg, INVALID, token().by(name, alg).signature(other));
    }
    topic
}

fn length() -> Topic {
    let mut topic = topic("length", "the length of a signature is that of its key");
    topic.row("sig.empty");
    for (name, alg) in KINDS {
        topic.refuse(alg, INVALID, token().by(name, alg).signature_part(""));
    }
    topic.row("sig.length");
    for (name, alg) in KINDS {
        type Change = fn(Vec<u8>) -> Vec<u8>;
        let changes: [(&str, Change); 7] = [
            ("last-byte-cut", |s| s[..s.len() - 1].to_vec()),
            ("first-byte-cut", |s| s[1..].to_vec()),
            ("zero-after", |s| [s.as_slice(), &[0]].concat()),
            ("zero-before", |s| [&[0], s.as_slice()].concat()),
            ("twice", |s| s.repeat(2)),
            ("half", |s| s[..s.len() / 2].to_vec()),
            ("one-byte", |_| vec![0]),
        ];
        for (form, change) in changes {
            let token = token().by(name, alg).change_signature(change);
            topic.refuse(&format!("{alg}-{form}"), INVALID, token);
        }
        let long = token().by(name, alg).signature(vec![1; 10_000]);
        if matches!(alg, "RS256" | "ES256" | "EdDSA") {
            topic.refuse(&format!("{alg}-10-kb"), INVALID, long);
        }
    }
    // A signature whose number is short still has the key's length.
    let short = |zero: fn(&[u8]) -> bool, name: &str, alg: &str| {
        let tokens = (0..).map(|jti| token().by(name, alg).claim("jti", &format!("\"{jti}\"")));
        tokens.take(4_000).find(|token| zero(&token.own_signature())).unwrap()
    };
    let token = short(|s| s[0] == 0, "ec-1", "ES256");
    topic.accept("ES256-r-begins-with-zero", token.clone());
    topic.refuse("ES256-r-begins-with-zero-cut", INVALID, {
        token.change_signature(|s| s[1..].to_vec())
    });
    topic.accept("ES256-s-begins-with-zero", short(|s| s[32] == 0, "ec-1", "ES256"));
    topic
}

fn ecdsa() -> Topic {
    let mut topic = topic("ecdsa", "ECDSA: r and s side by side, each from 1 to n - 1");
    for (name, alg) in [("ec-1", "ES256"), ("ec-384", "ES384"), ("ec-521", "ES512")] {
        let curve = curve(key(name).member("crv"));
        let good = || token().by(name, alg);
        let number = |value: u8| BigUint::from(value);
        let (zero, one, n) = (number(0), number(1), curve.n.clone());
        let (last, p) = (&n - &one, curve.p.clone());
        topic.row("sig.psychic");
        for (form, r, s) in [
            ("0-0", &zero, &zero),
            ("0-1", &zero, &one),
            ("1-0", &one, &zero),
            ("1-1", &one, &one),
            ("n-n", &n, &n),
            ("n-1", &n, &one),
            ("1-n", &one, &n),
            ("0-n", &zero, &n),
            ("n-0", &n, &zero),
            ("n_minus_1-1", &last, &one),
            ("1-n_minus_1", &one, &last),
            ("n_minus_1-n_minus_1", &last, &last),
            ("p-1", &p, &one),
            ("p-p", &p, &p),
        ] {
            topic.refuse(&format!("{alg}-{form}"), INVALID, good().signature(curve.pair(r, s)));
        }
        let bytes = curve.pair(&zero, &zero).len();
        topic.refuse(&format!("{alg}-ones"), INVALID, good().signature(vec![0xff; bytes]));
        let (r, s) = curve.split(&good().own_signature());
        for (form, r, s) in [
            ("r-0", &zero, &s),
            ("s-0", &r, &zero),
            ("r-n", &n, &s),
            ("s-n", &r, &n),
            ("swapped", &s, &r),
            ("r-negative", &(&n - &r), &s),
        ] {
            topic.refuse(&format!("{alg}-{form}"), INVALID, good().signature(curve.pair(r, s)));
        }
        topic.row("sig.high-s");
        let (low, high) = if &s * 2u8 > n { (&n - &s, s.clone()) } else { (s.clone(), &n - &s) };
        topic.accept(&format!("{alg}-low"), good().signature(curve.pair(&r, &low)));
        topic.accept(&format!("{alg}-high"), good().signature(curve.pair(&r, &high)));
        topic.row("sig.der");
        topic.refuse(alg, INVALID, good().signature(ecdsa_der(&r, &s)));
        topic.refuse(&format!("{alg}-low"), INVALID, good().signature(ecdsa_der(&r, &low)));
    }
    topic.row("sig.psychic");
    topic.refuse("der-0-0", INVALID, token().by("ec-1", "ES256").signature_part("MAYCAQACAQA"));
    // r or s beyond n that would be right modulo n: as many bytes, another spelling.
    let p521 = curve("P-521");
    let (r, s) = p521.split(&token().by("ec-521", "ES512").own_signature());
    for (form, r, s) in
        [("r-plus-n", &r + &p521.n, s.clone()), ("s-plus-n", r.clone(), &s + &p521.n)]
    {
        let token = token().by("ec-521", "ES512").signature(p521.pair(&r, &s));
        topic.refuse(&format!("ES512-{form}"), INVALID, token);
    }
    topic.row("sig.rs-as-ps");
    let hash: [(&str, Hash); 2] = [("sha-384", &SHA384), ("sha-512", &SHA512)];
    for (name, hash) in hash {
        let token = token().by("ec-1", "ES256");
        topic.refuse(&format!("ES256-over-{name}"), INVALID, {
            token.sign_with(|key, input| key.ecdsa(hash, input))
        });
    }
    topic
}

/// ECDSA-Sig-Value (RFC 3279 2.2.3).
fn ecdsa_der(r: &BigUint, s: &BigUint) -> Vec<u8> {
    let integer = |number: &BigUint| {
        let bytes = number.to_bytes_be();
        let sign = if bytes[0] & 0x80 != 0 { vec![0] } else { vec![] };
        let length = (sign.len() + bytes.len()) as u8;
        [vec![2, length], sign, bytes].concat()
    };
    let both = [integer(r), integer(s)].concat();
    let length = match both.len() {
        short @ 0..=127 => vec![short as u8],
        long => vec![0x81, long as u8],
    };
    [vec![0x30], length, both].concat()
}

fn eddsa() -> Topic {
    let mut topic = topic("eddsa", "Ed25519: S below the order of the base point");
    topic.row("sig.ed-malleable");
    let order = ed25519_order();
    for times in [1u8, 2, 8, 15] {
        let add = |signature: Vec<u8>| {
            let s = BigUint::from_bytes_le(&signature[32..]) + &order * times;
            let mut s = s.to_bytes_le();
            s.resize(32, 0);
            [&signature[..32], &s].concat()
        };
        topic.refuse(&format!("s-plus-{times}-orders"), INVALID, token().change_signature(add));
    }
    type Change = fn(Vec<u8>) -> Vec<u8>;
    let set = |signature: Vec<u8>, s: &BigUint| {
        let mut s = s.to_bytes_le();
        s.resize(32, 0);
        [&signature[..32], &s].concat()
    };
    topic.refuse("s-is-the-order", INVALID, token().change_signature(|s| set(s, &order)));
    topic.refuse("s-is-0", INVALID, token().change_signature(|s| set(s, &BigUint::ZERO)));
    let changes: [(&str, Change); 9] = [
        ("top-bit-of-s", |mut s| {
            s[63] |= 0x80;
            s
        }),
        ("sign-bit-of-r", |mut s| {
            s[31] ^= 0x80;
            s
        }),
        ("r-is-neutral", |s| [&[1], [0; 31].as_slice(), &s[32..]].concat()),
        ("r-is-zero", |s| [&[0; 32], &s[32..]].concat()),
        ("r-is-ones", |s| [&[0xff; 32], &s[32..]].concat()),
        ("swapped", |s| [&s[32..], &s[..32]].concat()),
        ("zeros", |_| vec![0; 64]),
        ("63-bytes", |s| s[..63].to_vec()),
        ("65-bytes", |s| [s.as_slice(), &[0]].concat()),
    ];
    for (name, change) in changes {
        topic.refuse(name, INVALID, token().change_signature(change));
    }
    topic
}

fn rsa_pkcs1() -> Topic {
    let mut topic = topic("rsa-pkcs1", "RSASSA-PKCS1-v1_5: one encoding of the hash, exactly");
    topic.keys(["rsa-1", "rsa-e-3"].map(|name| key(name).public()));
    let bytes = 256;
    let signed = |name: &str, block: &dyn Fn(&[u8]) -> Vec<u8>| {
        token().by(name, "RS256").sign_with(|key, input| key.rsa(&block(input)))
    };
    let hash = |input: &[u8]| digest::digest(&SHA256, input).as_ref().to_vec();
    let with = |prefix: &str, input: &[u8]| [from_hex(prefix), hash(input)].concat();
    const INFO: &str = "3031300d060960864801650304020105000420";
    topic.row("sig.pkcs1");
    topic.accept("good", signed("rsa-1", &|input| pkcs1_block(&with(INFO, input), bytes)));
    for (name, prefix) in [
        ("hash-alone", ""),
        ("octet-string-alone", "0420"),
        ("no-null", "302f300b0609608648016503040201 0420"),
        ("two-nulls", "3033300f0609608648016503040201050005000420"),
        ("null-with-a-byte", "3032300e060960864801650304020105010 00420"),
        ("zero-for-null", "3031300d060960864801650304020100000420"),
        ("oid-of-sha-1", "302d300906052b0e03021a05000420"),
        ("oid-of-sha-384", "3031300d060960864801650304020205000420"),
        ("oid-of-sha3-256", "3031300d060960864801650304020805000420"),
        ("long-length", "308131300d060960864801650304020105000420"),
        ("long-length-inside", "303230810d060960864801650304020105000420"),
        ("indefinite-length", "3080300d060960864801650304020105000420"),
        ("hash-length-1", "3031300d060960864801650304020105000401"),
        ("bit-string", "3031300d060960864801650304020105000320"),
        ("set", "3131300d060960864801650304020105000420"),
    ] {
        let prefix = prefix.replace(' ', "");
        topic.refuse(name, INVALID, {
            signed("rsa-1", &|input| pkcs1_block(&with(&prefix, input), bytes))
        });
    }
    type Change = fn(Vec<u8>) -> Vec<u8>;
    let changes: [(&str, Change); 8] = [
        ("block-type-0", |b| [&[0, 0], &b[2..]].concat()),
        ("block-type-2", |b| [&[0, 2], &b[2..]].concat()),
        ("first-byte-1", |b| [&[1], &b[1..]].concat()),
        ("no-zero-after-the-padding", |b| [&b[..204], &[0xff], &b[205..]].concat()),
        ("one-padding-byte-0", |b| [&b[..100], &[0], &b[101..]].concat()),
        ("one-padding-byte-fe", |b| [&b[..100], &[0xfe], &b[101..]].concat()),
        ("hash-of-another-text", |b| [&b[..255], &[b[255] ^ 1]].concat()),
        ("zero-twice", |b| [&b[..203], &[0, 0], &b[205..]].concat()),
    ];
    for (name, change) in changes {
        topic.refuse(name, INVALID, {
            signed("rsa-1", &|input| change(pkcs1_block(&with(INFO, input), bytes)))
        });
    }
    for (name, padding) in [("no-padding", 0), ("8-bytes-of-padding", 8), ("200-bytes", 200)] {
        topic.refuse(&format!("garbage-after-the-hash-{name}"), INVALID, {
            signed("rsa-1", &|input| {
                let info = with(INFO, input);
                let start = [&[0, 1], vec![0xff; padding].as_slice(), &[0], &info].concat();
                let garbage = vec![0xaa; bytes.saturating_sub(start.len())];
                [start, garbage].concat()[..bytes].to_vec()
            })
        });
    }
    topic.refuse("e-3-forged", INVALID, forged_cube(&with, INFO));
    topic.accept("e-3-good", token().by("rsa-e-3", "RS256"));
    let number = |signature: &[u8]| BigUint::from_bytes_be(signature);
    let n = key("rsa-1").number("n");
    let rs256 = || token().by("rsa-1", "RS256");
    for (name, value) in
        [("0", BigUint::ZERO), ("1", BigUint::from(1u8)), ("n-minus-1", &n - 1u8), ("n", n.clone())]
    {
        topic.refuse(
            &format!("signature-{name}"),
            INVALID,
            rs256().signature(fixed(&value, bytes)),
        );
    }
    topic.refuse("signature-ones", INVALID, rs256().signature([0xff; 256]));
    topic.refuse("n-minus-signature", INVALID, {
        rs256().change_signature(|s| fixed(&(&n - number(&s)), bytes))
    });
    // The same number modulo n, one more than n allows.
    let tokens = (0..).map(|jti| rs256().claim("jti", &format!("\"{jti}\"")));
    let small = |token: &Token| (number(&token.own_signature()) + &n).bits() <= 2048;
    if let Some(token) = tokens.take(40).find(small) {
        topic.refuse("signature-plus-n", INVALID, {
            token.change_signature(|s| fixed(&(number(&s) + &n), bytes))
        });
    }
    rs_and_ps(&mut topic);
    topic
}

/// Bleichenbacher 2006: a cube that begins as an encoded message does, with garbage behind.
fn forged_cube(with: &dyn Fn(&str, &[u8]) -> Vec<u8>, info: &str) -> Token {
    token().by("rsa-e-3", "RS256").sign_with(|_, input| {
        let start = [
            &[0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
            with(info, input).as_slice(),
        ]
        .concat();
        let wanted = [start.as_slice(), &vec![0; 256 - start.len()]].concat();
        let root = BigUint::from_bytes_be(&wanted).cbrt() + 1u8;
        let cube = fixed(&(&root * &root * &root), 256);
        assert_eq!(cube[..start.len()], start);
        fixed(&root, 256)
    })
}

fn rs_and_ps(topic: &mut Topic) {
    let rsa = |alg: &str| token().by("rsa-1", alg);
    topic.row("sig.rs-as-ps");
    for (says, made) in [
        ("PS256", "RS256"),
        ("RS256", "PS256"),
        ("PS384", "RS384"),
        ("RS512", "PS512"),
        ("RS256", "RS384"),
        ("RS256", "RS512"),
        ("RS384", "RS256"),
        ("PS256", "PS384"),
        ("PS512", "PS256"),
    ] {
        let name = format!("{made}-signature-says-{says}");
        topic.refuse(&name, INVALID, rsa(says).signed_by("rsa-1", made));
    }
    let sha1 = from_hex("3021300906052b0e03021a05000414");
    topic.refuse("sha-1-signature-says-RS256", INVALID, {
        rsa("RS256").sign_with(|key, input| {
            let info = [sha1.as_slice(), digest::digest(&SHA1, input).as_ref()].concat();
            key.rsa(&pkcs1_block(&info, 256))
        })
    });
    topic
        .accept("RS384", rsa("RS384").sign_with(|key, input| key.rsa(&pkcs1(&SHA384, input, 256))));
}

fn rsa_pss() -> Topic {
    let mut topic =
        topic("rsa-pss", "RSASSA-PSS: the salt as long as the hash, one hash throughout");
    let signed = |alg: &str, pss: Pss| {
        token().by("rsa-1", alg).sign_with(|key: &Key, input| key.pss(&pss, input))
    };
    topic.row("sig.pss-salt");
    let hashes: [(&str, Hash); 3] = [("PS256", &SHA256), ("PS384", &SHA384), ("PS512", &SHA512)];
    for (alg, hash) in hashes {
        let own = hash.output_len();
        let max = 256 - own - 2;
        for salt in [0, 20, own - 1, own + 1, max] {
            topic.refuse(&format!("{alg}-{salt}-bytes"), INVALID, {
                signed(alg, Pss { hash, mgf: hash, salt })
            });
        }
        topic
            .accept(&format!("{alg}-{own}-bytes"), signed(alg, Pss { hash, mgf: hash, salt: own }));
        topic.refuse(&format!("{alg}-mgf-sha-1"), INVALID, {
            signed(alg, Pss { hash, mgf: &SHA1, salt: own })
        });
    }
    for (name, hash, mgf) in [
        ("mgf-sha-512", &SHA256, &SHA512),
        ("hash-sha-512", &SHA512, &SHA256),
        ("all-sha-1", &SHA1, &SHA1),
    ] {
        topic.refuse(&format!("PS256-{name}"), INVALID, {
            signed("PS256", Pss { hash, mgf, salt: hash.output_len() })
        });
    }
    // RFC 8017 9.1.2: the last byte is bc, and the bits above the modulus are 0.
    for (name, at, bits) in [("trailer", 255, 0x01), ("first-bits", 0, 0x80)] {
        let token = token().by("rsa-1", "PS256").sign_with(|key, input| {
            let signature = key.pss(&Pss { hash: &SHA256, mgf: &SHA256, salt: 32 }, input);
            let (e, n) = (key.number("e"), key.number("n"));
            let block = BigUint::from_bytes_be(&signature).modpow(&e, &n);
            let mut block = fixed(&block, 256);
            block[at] ^= bits;
            key.rsa(&block)
        });
        topic.refuse(&format!("PS256-{name}"), INVALID, token);
    }
    topic
}

fn order() -> Topic {
    let mut topic = topic("order", "before a good signature no claim decides, and none is told");
    let stranger = || token().signed_by("ed-stranger", "EdDSA");
    topic.row("sig.before-claims");
    for (name, token) in [
        ("expired", stranger().claim("exp", "1")),
        ("no-exp", stranger().no_claim("exp")),
        ("exp-text", stranger().claim("exp", "\"x\"")),
        ("not-yet-valid", stranger().claim("nbf", "4000000000")),
        ("other-audience", stranger().claim("aud", &quoted("https://other.example"))),
        ("no-audience", stranger().no_claim("aud")),
        ("id-token", stranger().claim("typ", "\"ID\"")),
        ("bound", stranger().claim("cnf", "{}")),
        ("sub-empty", stranger().claim("sub", "\"\"")),
        ("scope-number", stranger().claim("scope", "1")),
    ] {
        topic.refuse(name, INVALID, token);
    }
    topic.refuse("scope-missing", INVALID, stranger()).require("admin");
    topic.refuse("empty-signature-and-expired", INVALID, {
        token().claim("exp", "1").signature_part("")
    });
    topic
}
