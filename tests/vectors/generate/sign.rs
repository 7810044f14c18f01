//! Signatures by the textbook, over big integers. The same key and bytes always give the same
//! signature, so that a vector file can be made again and compared; and nothing here is the code
//! under test. For test keys alone: nonces and salts are no secret, and nothing is constant-time.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use aws_lc_rs::signature::Ed25519KeyPair;
use num_bigint::BigUint;
use serde_json::{Value, json};

use super::{from_b64url, from_hex};

pub type Hash = &'static digest::Algorithm;
pub use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY as SHA1, SHA256, SHA384, SHA512};

/// A key of tests/vectors/keys.json: the members of its private JWK.
pub struct Key {
    pub name: String,
    members: BTreeMap<String, String>,
}

static KEYS: LazyLock<BTreeMap<String, Key>> = LazyLock::new(|| {
    let file: Value = serde_json::from_str(include_str!("../keys.json")).unwrap();
    let keys: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_value(file["keys"].clone()).unwrap();
    keys.into_iter().map(|(name, members)| (name.clone(), Key { name, members })).collect()
});

pub fn key(name: &str) -> &'static Key {
    KEYS.get(name).unwrap_or_else(|| panic!("no key {name}"))
}

impl Key {
    pub fn member(&self, name: &str) -> &str {
        &self.members[name]
    }

    pub fn bytes(&self, member: &str) -> Vec<u8> {
        from_b64url(self.member(member))
    }

    pub fn number(&self, member: &str) -> BigUint {
        BigUint::from_bytes_be(&self.bytes(member))
    }

    /// The public JWK, named as the key is.
    pub fn public(&self) -> Value {
        let mut jwk = json!(self.members);
        jwk.as_object_mut().unwrap().remove("d");
        jwk["kid"] = json!(self.name);
        jwk
    }

    /// The public JWK with these members in place of its own; null takes one away.
    pub fn public_with(&self, members: Value) -> Value {
        let mut jwk = self.public();
        for (name, value) in members.as_object().unwrap() {
            match value {
                Value::Null => jwk.as_object_mut().unwrap().remove(name),
                _ => jwk.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        jwk
    }

    /// The JWK as it must never be published.
    pub fn private(&self) -> Value {
        let mut jwk = self.public();
        jwk["d"] = json!(self.member("d"));
        jwk
    }

    pub fn sign(&self, alg: &str, input: &[u8]) -> Vec<u8> {
        if self.member("kty") == "OKP" {
            let pair = Ed25519KeyPair::from_seed_unchecked(&self.bytes("d")).unwrap();
            return pair.sign(input).as_ref().to_vec();
        }
        let hash: Hash = match alg.trim_start_matches(|c: char| !c.is_ascii_digit()) {
            "256" => &SHA256,
            "384" => &SHA384,
            "512" => &SHA512,
            _ => panic!("{alg} is not signed here"),
        };
        match alg.get(..2) {
            Some("RS") => self.rsa(&pkcs1(hash, input, self.rsa_bytes())),
            Some("PS") => self.pss(&Pss { hash, mgf: hash, salt: hash.output_len() }, input),
            _ => self.ecdsa(hash, input),
        }
    }

    /// The bytes of a signature by this RSA key.
    pub fn rsa_bytes(&self) -> usize {
        self.bytes("n").len()
    }

    /// block^d mod n: the signature whose encoded message is `block`.
    pub fn rsa(&self, block: &[u8]) -> Vec<u8> {
        let signature = BigUint::from_bytes_be(block).modpow(&self.number("d"), &self.number("n"));
        fixed(&signature, self.rsa_bytes())
    }

    /// RFC 8017 9.1.1, with a salt made from the message.
    pub fn pss(&self, pss: &Pss, input: &[u8]) -> Vec<u8> {
        let bits = usize::try_from(self.number("n").bits()).unwrap() - 1;
        self.rsa(&pss.encode(input, bits))
    }

    /// FIPS 186-4 6.4, with a nonce made from key and message.
    pub fn ecdsa(&self, hash: Hash, input: &[u8]) -> Vec<u8> {
        let curve = curve(self.member("crv"));
        let (d, one) = (self.number("d"), BigUint::from(1u8));
        let seed = [&self.bytes("d"), digest::digest(hash, input).as_ref()].concat();
        let nonce = [digest::digest(&SHA512, &seed).as_ref(), &seed].concat();
        let k = BigUint::from_bytes_be(&nonce) % (&curve.n - &one) + &one;
        let (r, _) = curve.multiply(&k, &curve.g).unwrap();
        let r = r % &curve.n;
        let digest = BigUint::from_bytes_be(digest::digest(hash, input).as_ref());
        let surplus = (hash.output_len() as u64 * 8).saturating_sub(curve.n.bits());
        let s = k.modinv(&curve.n).unwrap() * ((digest >> surplus) + &r * d) % &curve.n;
        curve.pair(&r, &s)
    }
}

/// Big-endian, with zeros before it up to the length.
pub fn fixed(number: &BigUint, bytes: usize) -> Vec<u8> {
    let number = number.to_bytes_be();
    [vec![0; bytes - number.len()], number].concat()
}

/// The start of an ASN.1 DigestInfo.
fn digest_info(hash: Hash) -> Vec<u8> {
    let bytes = hash.output_len() as u8;
    let oid = match bytes {
        32 => 1,
        48 => 2,
        _ => 3,
    };
    let mut der = from_hex("3000300d0609608648016503040200050004");
    der[1] = 17 + bytes;
    der[14] = oid;
    der.push(bytes);
    der
}

/// RFC 8017 9.2.
pub fn pkcs1(hash: Hash, input: &[u8], bytes: usize) -> Vec<u8> {
    let digest = digest::digest(hash, input);
    pkcs1_block(&[&digest_info(hash), digest.as_ref()].concat(), bytes)
}

/// 00 01 FF .. FF 00, then this.
pub fn pkcs1_block(info: &[u8], bytes: usize) -> Vec<u8> {
    let padding = vec![0xff; bytes.saturating_sub(info.len() + 3)];
    let mut block = [&[0, 1], padding.as_slice(), &[0], info].concat();
    block.drain(..block.len() - bytes);
    block
}

/// RSASSA-PSS: hash of the message, hash of the mask, bytes of salt.
pub struct Pss {
    pub hash: Hash,
    pub mgf: Hash,
    pub salt: usize,
}

impl Pss {
    fn encode(&self, input: &[u8], bits: usize) -> Vec<u8> {
        let digest = digest::digest(self.hash, input);
        let salt = mask(&SHA512, digest.as_ref(), self.salt);
        let h = digest::digest(self.hash, &[&[0; 8], digest.as_ref(), &salt].concat());
        let length = bits.div_ceil(8);
        let zeros = vec![0; length - salt.len() - h.as_ref().len() - 2];
        let mut block = [zeros.as_slice(), &[1], &salt].concat();
        for (byte, mask) in block.iter_mut().zip(mask(self.mgf, h.as_ref(), length)) {
            *byte ^= mask;
        }
        block[0] &= 0xff >> (8 * length - bits);
        [&block, h.as_ref(), &[0xbc]].concat()
    }
}

/// MGF1 (RFC 8017 B.2.1).
fn mask(hash: Hash, seed: &[u8], bytes: usize) -> Vec<u8> {
    let block = |count: u32| digest::digest(hash, &[seed, &count.to_be_bytes()].concat());
    (0..).flat_map(|count| block(count).as_ref().to_vec()).take(bytes).collect()
}

/// y² = x³ + ax + b mod p, a point of order n, and the bytes of a coordinate.
pub struct Curve {
    pub p: BigUint,
    a: BigUint,
    pub n: BigUint,
    g: Point,
    bytes: usize,
}

type Point = (BigUint, BigUint);

/// The parameters of SEC 2: p, a (from p down), n, x and y of the generator.
pub fn curve(name: &str) -> Curve {
    let [p, n, x, y] = match name {
        "P-256" => [
            "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
            "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        ],
        "secp256k1" => [
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
            "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
        ],
        "P-384" => [
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe\
             ffffffff0000000000000000ffffffff",
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
             581a0db248b0a77aecec196accc52973",
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a38\
             5502f25dbf55296c3a545e3872760ab7",
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c0\
             0a60b1ce1d7e819d7a431d7c90ea0e5f",
        ],
        "P-521" => [
            "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
            "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3d\
             baa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
            "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e66\
             2c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
        ],
        _ => panic!("no curve {name}"),
    };
    let number = |hex: &str| BigUint::parse_bytes(hex.as_bytes(), 16).unwrap();
    let a = if name == "secp256k1" { BigUint::ZERO } else { number(p) - 3u8 };
    Curve { p: number(p), a, n: number(n), g: (number(x), number(y)), bytes: p.len() / 2 }
}

impl Curve {
    /// r and s, or x and y, each of the curve's length.
    pub fn pair(&self, r: &BigUint, s: &BigUint) -> Vec<u8> {
        [fixed(r, self.bytes), fixed(s, self.bytes)].concat()
    }

    /// r and s of a signature.
    pub fn split(&self, signature: &[u8]) -> (BigUint, BigUint) {
        let (r, s) = signature.split_at(self.bytes);
        (BigUint::from_bytes_be(r), BigUint::from_bytes_be(s))
    }

    /// None is the point at infinity.
    fn multiply(&self, k: &BigUint, point: &Point) -> Option<Point> {
        let mut sum = None;
        for bit in (0..k.bits()).rev() {
            sum = sum.and_then(|sum: Point| self.add(&sum, &sum.clone()));
            if k.bit(bit) {
                sum = match sum {
                    Some(sum) => self.add(&sum, point),
                    None => Some(point.clone()),
                };
            }
        }
        sum
    }

    fn add(&self, (x1, y1): &Point, (x2, y2): &Point) -> Option<Point> {
        let p = &self.p;
        let minus = |a: &BigUint, b: &BigUint| (a + p - b) % p;
        let (over, under) = match (x1 == x2, y1 == y2) {
            (true, true) => (x1 * x1 * 3u8 + &self.a, y1 * 2u8),
            (true, false) => return None,
            (false, _) => (minus(y2, y1), minus(x2, x1)),
        };
        let slope = over * under.modinv(p)? % p;
        let x3 = minus(&minus(&(&slope * &slope % p), x1), x2);
        let y3 = minus(&(slope * minus(x1, &x3) % p), y1);
        Some((x3, y3))
    }
}

/// The order of the Ed25519 base point.
pub fn ed25519_order() -> BigUint {
    (BigUint::from(1u8) << 252u8)
        + "27742317777372353535851937790883648493".parse::<BigUint>().unwrap()
}
