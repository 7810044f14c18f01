//! Stage signature: key + bytes → yes or no. The algorithms, and a public key prepared for them.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, VerificationAlgorithm,
};
use once_cell::race::OnceBox;

use crate::keys::driver::Waiting;
use crate::keys::jwks::Wanted;
use crate::keys::{Found, Keys};
use crate::status::Status;
use crate::token::Signing;
use crate::verdict::{Refusal, quote};

macro_rules! algorithms {
    ($($name:ident $family:ident $primitive:expr;)+) => {
        /// A signature algorithm of JWS, by its registered name (RFC 7518 3.1, RFC 8037, RFC 9864).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Algorithm { $($name),+ }

        pub const ALGORITHM_NAMES: &[&str] = &[$(stringify!($name)),+];
        pub const ALGORITHMS: &[Algorithm] = &[$(Algorithm::$name),+];

        impl Algorithm {
            pub fn from_name(name: &str) -> Option<Algorithm> {
                match name { $(stringify!($name) => Some(Algorithm::$name),)+ _ => None }
            }
            pub fn name(self) -> &'static str {
                match self { $(Algorithm::$name => stringify!($name)),+ }
            }
            pub fn family(self) -> Family {
                match self { $(Algorithm::$name => Family::$family),+ }
            }
            fn primitive(self) -> Primitive {
                match self { $(Algorithm::$name => $primitive),+ }
            }
        }
    };
}

impl Algorithm {
    /// "EdDSA" and "Ed25519" are two names of one algorithm for an Ed25519 key (RFC 9864 2).
    fn canonical(self) -> Algorithm {
        match self {
            Algorithm::Ed25519 => Algorithm::EdDSA,
            other => other,
        }
    }
}

enum Primitive {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

algorithms! {
    RS256 Rsa Primitive::Rsa(&RSA_PKCS1_2048_8192_SHA256);
    RS384 Rsa Primitive::Rsa(&RSA_PKCS1_2048_8192_SHA384);
    RS512 Rsa Primitive::Rsa(&RSA_PKCS1_2048_8192_SHA512);
    PS256 Rsa Primitive::Rsa(&RSA_PSS_2048_8192_SHA256);
    PS384 Rsa Primitive::Rsa(&RSA_PSS_2048_8192_SHA384);
    PS512 Rsa Primitive::Rsa(&RSA_PSS_2048_8192_SHA512);
    ES256 P256 Primitive::Curve(&ECDSA_P256_SHA256_FIXED);
    ES384 P384 Primitive::Curve(&ECDSA_P384_SHA384_FIXED);
    ES512 P521 Primitive::Curve(&ECDSA_P521_SHA512_FIXED);
    EdDSA Ed25519 Primitive::Curve(&ED25519);
    Ed25519 Ed25519 Primitive::Curve(&ED25519);
}

/// One of the keys found for this token made its signature (RFC 7515 5.2).
pub fn check(
    token: &Signing,
    found: &Found,
    wanted: Wanted,
    keys: &Keys,
    waiting: Waiting,
) -> Result<(), Refusal> {
    let candidates = found.candidates(wanted);
    let by = |key: &&PublicKey| key.verify(token.algorithm, token.signed, token.signature);
    if candidates.iter().flatten().any(by) {
        return Ok(());
    }
    keys.suspect(waiting);
    let kid = wanted.kid.map_or("no kid".to_owned(), |kid| format!("kid {}", quote(kid)));
    let log = format!("the signature is not by the key of {kid}, alg {}", token.algorithm.name());
    Err(Refusal::new(Status::SIGNATURE_INVALID, log))
}

/// What a key is, whatever its algorithm is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

/// A set of algorithms: the allow-list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlgorithmSet(u16);

impl AlgorithmSet {
    pub fn with(self, algorithm: Algorithm) -> AlgorithmSet {
        AlgorithmSet(self.0 | AlgorithmSet::bit(algorithm))
    }
    pub fn has(self, algorithm: Algorithm) -> bool {
        self.0 & AlgorithmSet::bit(algorithm) != 0
    }
    fn bit(algorithm: Algorithm) -> u16 {
        1u16.checked_shl(algorithm as u32).unwrap_or(0)
    }
}

/// The bytes of a public key, checked by `keys/jwks.rs`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Material {
    /// Big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// An uncompressed point, or the 32 bytes of an Ed25519 key.
    Point(Vec<u8>),
}

/// A public key, prepared once for each algorithm that it is used with.
pub struct PublicKey {
    family: Family,
    material: Material,
    slots: Box<[Slot]>,
}

/// The key for one algorithm, prepared at its first use. No lock: a fork may come in between.
type Slot = (Algorithm, OnceBox<Option<ParsedPublicKey>>);

impl PublicKey {
    /// `declared` is the key's own `alg`: the key then serves for that one alone. None when the
    /// bytes are no key of that family.
    pub fn new(
        family: Family,
        material: Material,
        declared: Option<Algorithm>,
    ) -> Option<PublicKey> {
        let slot = |algorithm: Algorithm| (algorithm.canonical(), OnceBox::new());
        let slots: Box<[Slot]> = match declared {
            Some(declared) => Box::new([slot(declared)]),
            None => {
                let own = |algorithm: &Algorithm| {
                    algorithm.family() == family && algorithm.canonical() == *algorithm
                };
                ALGORITHMS.iter().copied().filter(own).map(slot).collect()
            }
        };
        let key = PublicKey { family, material, slots };
        let (first, _) = key.slots.first()?;
        key.parse(*first)?;
        Some(key)
    }

    /// Equal for the same key under the same algorithms.
    pub fn identity(&self) -> impl std::hash::Hash + Eq {
        (&self.material, self.algorithms().collect::<Vec<_>>())
    }

    /// The names of the algorithms that it serves for.
    pub fn algorithms(&self) -> impl Iterator<Item = &'static str> {
        self.slots.iter().map(|(algorithm, _)| algorithm.name())
    }

    /// What the key is made of, and the one algorithm that it is prepared for, if it is one alone:
    /// declared, or the only one of its family.
    pub fn parts(&self) -> (Family, &Material, Option<Algorithm>) {
        let only = match &*self.slots {
            [(only, _)] => Some(*only),
            _ => None,
        };
        (self.family, &self.material, only)
    }

    /// May this key be used with this algorithm?
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.slot(algorithm).is_some()
    }

    /// The signature is by this key. Only public data is compared: no secret can leak by time.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        // RFC 7518 3.3 to 3.5, RFC 8037 3.1: the length is fixed, nothing may be added or cut.
        signature.len() == self.signature_bytes()
            && self.prepare(algorithm).is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }

    fn slot(&self, algorithm: Algorithm) -> Option<&OnceBox<Option<ParsedPublicKey>>> {
        let wanted = algorithm.canonical();
        self.slots.iter().find(|(own, _)| *own == wanted).map(|(_, slot)| slot)
    }

    fn prepare(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        let slot = self.slot(algorithm)?;
        slot.get_or_init(|| Box::new(self.parse(algorithm).inspect(|key| self.warm(key)))).as_ref()
    }

    /// The first use of an RSA key computes something under a lock of the primitive's own, which a
    /// fork in another thread would leave held for ever in the child: done before anybody else sees
    /// the key. Later uses only read.
    fn warm(&self, key: &ParsedPublicKey) {
        if self.family == Family::Rsa {
            let zeros = vec![0; self.signature_bytes()];
            let _ = key.verify_sig(b"", &zeros);
        }
    }

    fn parse(&self, algorithm: Algorithm) -> Option<ParsedPublicKey> {
        match (&self.material, algorithm.primitive()) {
            (Material::Rsa { n, e }, Primitive::Rsa(parameters)) => {
                PublicKeyComponents { n, e }.to_parsed_public_key(parameters).ok()
            }
            (Material::Point(point), Primitive::Curve(curve)) => {
                ParsedPublicKey::new(curve, point).ok()
            }
            _ => None,
        }
    }

    fn signature_bytes(&self) -> usize {
        match (&self.material, self.family) {
            (Material::Rsa { n, .. }, _) => n.len(),
            (_, Family::P384) => 96,
            (_, Family::P521) => 132,
            _ => 64,
        }
    }
}
