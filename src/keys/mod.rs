//! Stage keys: issuer + key id + algorithm → the public keys that may verify. `find` is the only
//! door.

pub mod cache;
pub mod discovery;
pub mod driver;
pub mod export;
pub mod fetch;
pub mod jwks;
pub mod pem;
pub mod snapshot;

use std::sync::Arc;

use arc_swap::Guard;

use crate::status::Status;
use crate::verdict::{Refusal, quote};
use driver::{Driver, HeldSet, Search, Waiting};
use fetch::{PlainHttp, Url};
use jwks::{Candidates, KeySet, Miss, Wanted};

/// How one issuer's keys are fetched.
pub struct KeySettings {
    pub metadata_urls: Vec<Url>,
    pub jwks_uri: Option<Url>,
    pub http: PlainHttp,
    pub ttl_ms: u64,
    pub stale_ms: u64,
    pub cooldown_ms: u64,
    pub timeout_ms: u64,
    pub max_bytes: u64,
}

/// The keys of one issuer.
pub enum Keys {
    /// Given in the configuration: no network.
    Local(Arc<KeySet>),
    Remote(Driver),
}

/// A set that has at least one key for a token.
pub enum Found<'k> {
    Local(&'k KeySet),
    Held(Guard<Option<Arc<HeldSet>>>),
}

impl Found<'_> {
    pub fn candidates(&self, wanted: Wanted) -> Candidates<'_> {
        let set = match self {
            Found::Local(set) => Some(*set),
            Found::Held(guard) => guard.as_ref().map(|held| &held.set),
        };
        set.and_then(|set| set.choose(wanted).ok()).unwrap_or_default()
    }
}

impl Keys {
    /// The keys that a token of this issuer, key id and algorithm may be signed by. Blocks for at
    /// most one flight, and only where `waiting` allows.
    pub fn find(
        &self,
        issuer: &str,
        wanted: Wanted,
        waiting: Waiting,
    ) -> Result<Found<'_>, Refusal> {
        let search = match self {
            Keys::Local(set) => match set.choose(wanted) {
                Ok(_) => return Ok(Found::Local(set)),
                Err(Miss::NotFound) => Search::NotFound,
                Err(Miss::Unusable(why)) => Search::Unusable(why),
            },
            Keys::Remote(driver) => driver.find(wanted, waiting),
        };
        let kid_text = wanted.kid.map_or("no kid".to_owned(), |kid| format!("kid {}", quote(kid)));
        let issuer_text = quote(issuer);
        let alg = wanted.alg.name();
        match search {
            Search::Found(held) => Ok(Found::Held(held)),
            Search::NotFound => Err(Refusal::new(
                Status::KEY_NOT_FOUND,
                format!("{issuer_text} publishes no key for {kid_text} and alg {alg}"),
            )),
            Search::Unusable(why) => {
                self.suspect(waiting);
                let log = format!("the key of {issuer_text} for {kid_text} and alg {alg} {why}");
                Err(Refusal::new(Status::KEY_UNUSABLE, log))
            }
            Search::Pending => Err(Refusal::new(
                Status::KEYS_PENDING,
                format!("the keys of {issuer_text} are not here yet"),
            )
            .pending(issuer)),
            Search::Unavailable(status, why, retry_after_ms) => {
                Err(Refusal::new(status, format!("no keys of {issuer_text} for {kid_text}: {why}"))
                    .retry_after(retry_after_ms))
            }
        }
    }

    /// A signature was bad, or a key unusable, under a known key id.
    pub fn suspect(&self, waiting: Waiting) {
        if let (Keys::Remote(driver), Waiting::Allowed) = (self, waiting) {
            driver.suspect();
        }
    }
}
