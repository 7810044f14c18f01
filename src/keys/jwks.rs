//! Key set JSON (RFC 7517) → usable keys. An element that cannot be used is kept with the reason,
//! and never spoils the others.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::pem;
use crate::json::{self, Field, Room, read_object};
use crate::signature::{Algorithm, Family, Material, PublicKey};
use jsonwebtoken::{DecodingKey, DecodingKeyKind, jwk::Jwk};

/// A token without `kid`, or with one that several keys share, is tried with at most so many.
pub const MAX_CANDIDATES: usize = 8;
/// Longer key ids are nobody's.
pub const KID_MAX_BYTES: usize = 1024;
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

pub struct Key {
    pub kid: Option<Box<str>>,
    /// A key that was given without any name (PEM): it serves for every key id.
    pub any_kid: bool,
    /// The issuer that it signs for alone (Entra's common set); `{tenantid}` stands for the tenant.
    pub issuer: Option<Box<str>>,
    /// The key, or why it cannot be used.
    pub usable: Result<PublicKey, &'static str>,
    /// A later set of its issuer does not have it.
    pub retired: AtomicBool,
}

pub struct KeySet {
    /// Each on its own: a set of thousands stays within a few times its document.
    pub keys: Vec<Arc<Key>>,
    /// Their places, in the order of their names.
    by_kid: Box<[u32]>,
}

/// So many keys that cannot be used are remembered by their names and reasons.
const UNUSABLE_MAX: usize = 64;

/// What a token asks of a key set.
#[derive(Clone, Copy)]
pub struct Wanted<'w> {
    pub kid: Option<&'w str>,
    pub alg: Algorithm,
    /// `iss` and its tenant, where the issuer has tenants.
    pub tenant: Option<(&'w str, &'w str)>,
}

/// The keys that may verify one token.
pub type Candidates<'s> = [Option<&'s PublicKey>; MAX_CANDIDATES];

/// Why there is none.
#[derive(Debug, PartialEq, Eq)]
pub enum Miss {
    NotFound,
    Unusable(&'static str),
}

impl KeySet {
    /// Reads a key set. An error says why the document as a whole cannot be used: also when none of
    /// its keys can (RFC 7517 5; a 200 with nothing usable is a failed fetch).
    pub fn parse(document: &[u8]) -> Result<KeySet, String> {
        let text = std::str::from_utf8(document).map_err(|_| "the key set is not UTF-8")?;
        let (mut array, mut others) = (None, Ok(()));
        let read = json::members(text, &mut |name, value| match name.as_ref() {
            "keys" => array = Some(value),
            _ => others = others.and_then(|()| json::check(value)),
        });
        read.and(others).map_err(|fault| format!("the key set cannot be read: it {fault}"))?;
        let array = array.ok_or("the key set cannot be read: it has no member `keys`")?;
        let (mut keys, mut unusable) = (Vec::new(), 0usize);
        let read = json::elements(array, &mut |element| {
            let key = read_key(element);
            unusable = unusable.saturating_add(usize::from(key.usable.is_err()));
            if key.usable.is_ok() || unusable <= UNUSABLE_MAX {
                keys.push(Arc::new(key));
            }
            true
        });
        read.map_err(|_| "the key set cannot be read: its member `keys` is not an array")?;
        KeySet::with(keys)
    }

    /// A key set, or public keys as PEM, from the configuration.
    pub fn parse_local(text: &str) -> Result<KeySet, String> {
        match text.trim_start().starts_with('{') {
            true => KeySet::parse(text.as_bytes()),
            false => KeySet::with(pem::read(text)?),
        }
    }

    fn with(keys: Vec<Arc<Key>>) -> Result<KeySet, String> {
        if keys.iter().any(|key| key.usable.is_ok()) {
            return Ok(KeySet::ordered(keys));
        }
        let mut why = "the key set has no usable key".to_owned();
        for key in keys.iter().take(3) {
            let kid = crate::verdict::quote(key.kid.as_deref().unwrap_or(""));
            why.push_str(&format!("; {kid} {}", key.usable.as_ref().err().unwrap_or(&"")));
        }
        Err(why)
    }

    pub fn ordered(keys: Vec<Arc<Key>>) -> KeySet {
        let kid = |place: &u32| keys.get(*place as usize).and_then(|key| key.kid.as_deref());
        let mut by_kid: Vec<u32> = (0..).take(keys.len()).collect();
        // Stable: keys of one name stay in the order of the set.
        by_kid.sort_by(|one, other| kid(one).cmp(&kid(other)));
        let by_kid = by_kid.into_boxed_slice();
        KeySet { keys, by_kid }
    }

    /// The places of the keys that may be meant by this name, in the set's order.
    fn named(&self, kid: Option<&str>) -> impl Iterator<Item = &Arc<Key>> {
        let name = |place: &u32| self.keys.get(*place as usize).and_then(|key| key.kid.as_deref());
        let nameless = kid.is_none() || self.keys.first().is_some_and(|key| key.any_kid);
        let places = match nameless {
            true => &[][..],
            false => {
                let start = self.by_kid.partition_point(|place| name(place) < kid);
                self.by_kid.get(start..).unwrap_or_default()
            }
        };
        let named = places.iter().take_while(move |place| name(place) == kid);
        let all = if nameless { &self.keys[..] } else { &[] };
        all.iter().chain(named.filter_map(|place| self.keys.get(*place as usize)))
    }

    /// The keys for a token: those of its `kid`, or without one all that fit, in the set's order.
    pub fn choose(&self, wanted: Wanted) -> Result<Candidates<'_>, Miss> {
        let kid = wanted.kid;
        let mut chosen: Candidates = [None; MAX_CANDIDATES];
        let mut slots = chosen.iter_mut();
        let mut miss = Miss::NotFound;
        for key in self.named(kid) {
            match &key.usable {
                Ok(public)
                    if !key.signs_for(wanted.tenant)
                        && (kid.is_some() || public.fits(wanted.alg)) =>
                {
                    miss = Miss::Unusable("is for another issuer (its member `issuer`)");
                }
                Ok(public) if public.fits(wanted.alg) => match slots.next() {
                    Some(slot) => *slot = Some(public),
                    None => break,
                },
                Ok(_) if kid.is_some() => miss = Miss::Unusable("is for another algorithm"),
                Err(why) if kid.is_some() => miss = Miss::Unusable(why),
                _ => {}
            }
        }
        match chosen {
            [None, ..] => Err(miss),
            _ => Ok(chosen),
        }
    }
}

impl Key {
    pub fn unusable(why: &'static str) -> Key {
        Key::new(None, None, Err(why))
    }

    pub fn new(
        kid: Option<Box<str>>,
        issuer: Option<Box<str>>,
        usable: Result<PublicKey, &'static str>,
    ) -> Key {
        Key { kid, issuer, usable, any_kid: false, retired: AtomicBool::new(false) }
    }

    /// Equal for keys that are the same in all that counts.
    pub fn identity(&self) -> impl std::hash::Hash + Eq {
        let usable = self.usable.as_ref().map(PublicKey::identity);
        (self.kid.as_deref(), self.issuer.as_deref(), usable)
    }

    /// Only where one set serves several tenants does the member `issuer` mean anything.
    fn signs_for(&self, tenant: Option<(&str, &str)>) -> bool {
        match (&self.issuer, tenant) {
            (Some(issuer), Some((iss, tenant))) => issuer.replace("{tenantid}", tenant) == iss,
            _ => true,
        }
    }
}

/// The members of a JWK that decide; all others (x5c, x5t, unknown ones) are never looked at.
type Members<'a> = HashMap<&'static str, Field<'a>>;
const MEMBERS: &[&str] =
    &["issuer", "kid", "kty", "use", "key_ops", "alg", "crv", "n", "e", "x", "y"];

#[derive(serde::Deserialize)]
struct Named {
    kid: Option<Box<str>>,
}

fn read_key(text: &str) -> Key {
    let mut members = Members::new();
    let read =
        read_object(text, &mut Room::default(), |name| name == "key_ops", &mut |name, value| {
            if let Some(known) = MEMBERS.iter().find(|known| **known == name) {
                members.insert(known, value);
            }
        });
    if read.is_err() {
        // Known by its name if that can be read: tokens that name it are told so.
        let named: Option<Named> = serde_json::from_str(text).ok();
        let kid = named.and_then(|named| named.kid).filter(|kid| kid.len() <= KID_MAX_BYTES);
        return Key::new(kid, None, Err("is not a JSON object without repeated names"));
    }
    let kid = match members.get("kid") {
        None => None,
        Some(Field::Text(kid)) if kid.len() <= KID_MAX_BYTES => Some(kid.as_ref().into()),
        Some(_) => return Key::unusable("has a `kid` that is not a text"),
    };
    let issuer = match members.get("issuer") {
        None => None,
        Some(Field::Text(issuer)) => Some(issuer.as_ref().into()),
        Some(_) => {
            return Key::new(kid, None, Err("has an `issuer` that is not a text"));
        }
    };
    Key::new(kid, issuer, usable(&members))
}

fn text<'m>(members: &'m Members, name: &str) -> Option<&'m str> {
    match members.get(name) {
        Some(Field::Text(Cow::Borrowed(text))) => Some(text),
        Some(Field::Text(Cow::Owned(text))) => Some(text),
        _ => None,
    }
}

fn usable(members: &Members) -> Result<PublicKey, &'static str> {
    check_use(members)?;
    let declared = match (members.get("alg"), text(members, "alg")) {
        (None, _) => None,
        (_, Some(name)) => {
            Some(Algorithm::from_name(name).ok_or("has an `alg` that verifies no access token")?)
        }
        _ => return Err("has an `alg` that is not a text"),
    };
    let family = family(members)?;
    if declared.is_some_and(|alg| alg.family() != family) {
        return Err("has an `alg` that does not fit its type or curve");
    }
    let material = match family {
        Family::Rsa => rsa(members)?,
        Family::Ed25519 => ed25519(members)?,
        Family::P256 => point(members, 43)?,
        Family::P384 => point(members, 64)?,
        Family::P521 => point(members, 88)?,
    };
    PublicKey::new(family, material, declared).ok_or("is not a valid public key")
}

/// `use` and `key_ops` (RFC 7517 4.2, 4.3): for verifying, and not in conflict.
fn check_use(members: &Members) -> Result<(), &'static str> {
    if members.contains_key("use") && text(members, "use") != Some("sig") {
        return Err("is not for signatures (`use`)");
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Field::Texts(ops)) => {
            let list: Vec<&str> = ops.iter().collect();
            let distinct: std::collections::HashSet<&&str> = list.iter().collect();
            let conflict = members.contains_key("use")
                && list.iter().any(|op| !matches!(*op, "verify" | "sign"));
            if !list.contains(&"verify") || distinct.len() != list.len() || conflict {
                return Err("is not for verifying (`key_ops`)");
            }
            Ok(())
        }
        Some(_) => Err("has `key_ops` that are not a list of texts"),
    }
}

fn family(members: &Members) -> Result<Family, &'static str> {
    let curve = text(members, "crv").unwrap_or("");
    match (text(members, "kty").unwrap_or(""), curve) {
        ("RSA", _) => Ok(Family::Rsa),
        ("EC", "P-256") => Ok(Family::P256),
        ("EC", "P-384") => Ok(Family::P384),
        ("EC", "P-521") => Ok(Family::P521),
        ("OKP", "Ed25519") => Ok(Family::Ed25519),
        ("EC" | "OKP", _) => Err("has a curve that is not supported"),
        ("oct", _) => Err("is a symmetric key"),
        _ => Err("has a key type that is not supported"),
    }
}

/// The members named, read by jsonwebtoken: base64url without padding, whitespace or spare bits.
fn decode(members: &Members, names: &[&str]) -> Option<DecodingKeyKind> {
    let value = |name: &&str| Some((name.to_string(), text(members, name)?.into()));
    let object: Option<serde_json::Map<String, serde_json::Value>> =
        names.iter().map(value).collect();
    let jwk: Jwk = serde_json::from_value(object?.into()).ok()?;
    Some(DecodingKey::from_jwk(&jwk).ok()?.kind().clone())
}

fn rsa(members: &Members) -> Result<Material, &'static str> {
    let Some(DecodingKeyKind::RsaModulusExponent { n, e }) = &decode(members, &["kty", "n", "e"])
    else {
        return Err("has no `n` and `e` in base64url");
    };
    rsa_material(n, e)
}

/// RSA keys that are neither weak nor a way to keep the verifier busy.
pub fn rsa_material(n: &[u8], e: &[u8]) -> Result<Material, &'static str> {
    let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
    let first_bits = n.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = n.len().saturating_mul(8).saturating_sub(first_bits);
    if !RSA_BITS.contains(&bits) {
        return Err("is an RSA key outside 2048 to 8192 bits");
    }
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    if !odd(&n) || !odd(&e) || e.len() > 4 || e == [1] {
        return Err("has an RSA modulus or exponent that is not allowed");
    }
    Ok(Material::Rsa { n, e })
}

/// Real key sets have them (RFC 7518 6.3.1.1 forbids it), and the primitive refuses them.
fn without_leading_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// `x` and `y`, each of exactly the curve's length (RFC 7518 6.2.1.2).
fn point(members: &Members, coordinate_chars: usize) -> Result<Material, &'static str> {
    for name in ["x", "y"] {
        if text(members, name).map(str::len) != Some(coordinate_chars) {
            return Err("has a coordinate that is not of its curve's length");
        }
    }
    match &decode(members, &["kty", "crv", "x", "y"]) {
        Some(DecodingKeyKind::SecretOrDer(point)) => Ok(Material::Point(point.clone())),
        _ => Err("has coordinates that are not base64url"),
    }
}

fn ed25519(members: &Members) -> Result<Material, &'static str> {
    match &decode(members, &["kty", "crv", "x"]) {
        Some(DecodingKeyKind::SecretOrDer(key)) => ed25519_material(key),
        _ => Err("has no `x` of 32 bytes in base64url"),
    }
}

pub fn ed25519_material(key: &[u8]) -> Result<Material, &'static str> {
    if key.len() != 32 {
        return Err("is not an Ed25519 key of 32 bytes");
    }
    match small_order_or_not_canonical(key) {
        true => Err("is an Ed25519 key of small order, or not canonical"),
        false => Ok(Material::Point(key.to_vec())),
    }
}

/// RFC 8032 5.1.3: y < p. The points of small order let a signature made without any key verify
/// (measured on the primitive): y = 0, 1, p-1 and the two of order 8.
fn small_order_or_not_canonical(key: &[u8]) -> bool {
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    // Big-endian y without the sign of x, so that slices compare as numbers.
    let mut y: Vec<u8> = key.iter().rev().copied().collect();
    if let Some(top) = y.first_mut() {
        *top &= 0x7f;
    }
    // p - 1 = 2^255 - 20: nothing from there on is a canonical y of a good point.
    let mut p_minus_1 = [0xff; 32];
    p_minus_1[0] = 0x7f;
    p_minus_1[31] = 0xec;
    let (low, high) = (y.last().copied().unwrap_or(0), y.get(..31).unwrap_or_default());
    let zero_or_one = low <= 1 && high.iter().all(|byte| *byte == 0);
    let order_8 = ORDER_8.iter().any(|point| point.iter().rev().eq(y.iter()));
    zero_or_one || order_8 || y.as_slice() >= p_minus_1.as_slice()
}
