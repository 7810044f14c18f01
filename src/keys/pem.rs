//! Public keys as PEM (RFC 7468: PUBLIC KEY, which is SubjectPublicKeyInfo of RFC 5280).

use std::sync::Arc;

use pkcs1::RsaPublicKey;
use rustls::pki_types::pem::{PemObject, SectionKind};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::jwks::{Key, ed25519_material, rsa_material};
use crate::signature::{Family, Material, PublicKey};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// Curve, its family, and the length of an uncompressed point.
const CURVES: [(ObjectIdentifier, Family, usize); 3] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), Family::P256, 65),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), Family::P384, 97),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), Family::P521, 133),
];

/// Every key of the text. A private key is refused, not used for its public part: it does not
/// belong into the configuration of a resource server.
pub fn read(text: &str) -> Result<Vec<Arc<Key>>, String> {
    let begun = text.matches("-----BEGIN ").count();
    if begun == 0 {
        return Err("is neither a JSON key set nor PEM".into());
    }
    let mut keys = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
        let (kind, der) = section.map_err(|_| "has PEM that cannot be read")?;
        match kind {
            SectionKind::PublicKey => {
                let usable = public_key(&der);
                keys.push(Arc::new(Key { any_kid: true, ..Key::new(None, None, usable) }));
            }
            SectionKind::Certificate => {
                return Err("has a certificate; give its public key (openssl x509 -pubkey)".into());
            }
            _ => {
                return Err(
                    "has a PEM section that is no public key: private keys stay away".into()
                );
            }
        }
    }
    match keys.len() == begun {
        true => Ok(keys),
        false => Err("has a PEM section that is not PUBLIC KEY".into()),
    }
}

fn public_key(der: &[u8]) -> Result<PublicKey, &'static str> {
    let malformed = "is not a public key";
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| malformed)?;
    let bits = info.subject_public_key.as_bytes().ok_or(malformed)?;
    let (family, material) = match info.algorithm.oid {
        RSA => {
            let key = RsaPublicKey::try_from(bits).map_err(|_| malformed)?;
            let (n, e) = (key.modulus.as_bytes(), key.public_exponent.as_bytes());
            (Family::Rsa, rsa_material(n, e)?)
        }
        EC => {
            let curve = info.algorithm.parameters_oid().map_err(|_| malformed)?;
            let known = CURVES.iter().find(|(oid, ..)| *oid == curve);
            let (_, family, length) = known.ok_or("has a curve that is not supported")?;
            if bits.len() != *length || bits.first() != Some(&4) {
                return Err("has a point that is not uncompressed");
            }
            (*family, Material::Point(bits.to_vec()))
        }
        ED25519 => (Family::Ed25519, ed25519_material(bits)?),
        _ => return Err("has a key type that is not supported"),
    };
    PublicKey::new(family, material, None).ok_or(malformed)
}
