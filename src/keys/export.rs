//! Usable keys → the keys of a JWK Set (RFC 7517 5). A `PublicKey` holds public numbers alone, and
//! each member that is written is named here: no private one can be.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::jwks::{Key, KeySet};
use crate::signature::{Family, Material, PublicKey};

/// The usable keys of a fetched set, as the array that the member `keys` holds. A key for every key
/// id (`any_kid`, from PEM alone) comes out as one without.
pub struct PublicKeys<'s>(pub &'s KeySet);

impl Serialize for PublicKeys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys = self.0.keys.iter();
        serializer.collect_seq(keys.filter_map(|key| Some(Jwk(key, key.usable.as_ref().ok()?))))
    }
}

struct Jwk<'k>(&'k Key, &'k PublicKey);

impl Serialize for Jwk<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Jwk(key, public) = self;
        let (family, material, only) = public.parts();
        let (kty, crv) = match family {
            Family::Rsa => ("RSA", None),
            Family::P256 => ("EC", Some("P-256")),
            Family::P384 => ("EC", Some("P-384")),
            Family::P521 => ("EC", Some("P-521")),
            Family::Ed25519 => ("OKP", Some("Ed25519")),
        };
        let mut jwk = serializer.serialize_map(None)?;
        jwk.serialize_entry("kty", kty)?;
        if let Some(crv) = crv {
            jwk.serialize_entry("crv", crv)?;
        }
        if let Some(kid) = &key.kid {
            jwk.serialize_entry("kid", kid)?;
        }
        if let Some(issuer) = &key.issuer {
            jwk.serialize_entry("issuer", issuer)?;
        }
        // A curve has one algorithm, said or not: only an RSA key can be narrowed to one.
        if let (Family::Rsa, Some(only)) = (family, only) {
            jwk.serialize_entry("alg", only.name())?;
        }
        match (material, family) {
            (Material::Rsa { n, e }, _) => {
                jwk.serialize_entry("n", &base64url(n))?;
                jwk.serialize_entry("e", &base64url(e))?;
            }
            (Material::Point(key), Family::Ed25519) => {
                jwk.serialize_entry("x", &base64url(key))?;
            }
            (Material::Point(point), _) => {
                // 0x04, then two coordinates of one length.
                let coordinates = point.get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                jwk.serialize_entry("x", &base64url(x))?;
                jwk.serialize_entry("y", &base64url(y))?;
            }
        }
        jwk.end()
    }
}

fn base64url(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}
