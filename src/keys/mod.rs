//! Stage keys: issuer + key id + algorithm → the public keys that may verify. `find` is the only
//! door.

pub mod cache;
pub mod connect;
pub mod discovery;
pub mod driver;
pub mod export;
pub mod fetch;
pub mod file;
mod flight;
mod health;
pub mod jwks;
pub mod pem;
pub mod proxy;
pub mod remote;
pub mod snapshot;
pub mod source;
mod sync;
pub mod trust;
pub mod url;

use std::sync::Arc;

use arc_swap::Guard;

use crate::report::IssuerReport;
use crate::status::Status;
use crate::verdict::{Refusal, quote};
use driver::{Driver, Ready, Search, Ticket, Unavailable, Waiting};
use jwks::{Candidates, KeySet, Miss, Wanted};
use source::HeldSet;

/// The keys of one issuer.
pub enum Keys {
    /// Given in the configuration: no network.
    Local(Arc<KeySet>),
    /// Fetched, or read from a file that may change.
    Driven(Driver),
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
            Found::Held(guard) => guard.as_ref().map(|held| &*held.set),
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
            Keys::Driven(driver) => driver.find(wanted, waiting),
        };
        // Made where it is told: a good token's way makes no text.
        let kid = || wanted.kid.map_or("no kid".to_owned(), |kid| format!("kid {}", quote(kid)));
        let told = || quote(issuer);
        let alg = wanted.alg.name();
        match search {
            Search::Found(held) => Ok(Found::Held(held)),
            Search::NotFound => Err(Refusal::new(
                Status::KEY_NOT_FOUND,
                format!("{} publishes no key for {} and alg {alg}", told(), kid()),
            )),
            Search::Unusable(why) => {
                self.suspect(waiting);
                let log = format!("the key of {} for {} and alg {alg} {why}", told(), kid());
                Err(Refusal::new(Status::KEY_UNUSABLE, log))
            }
            Search::Pending => Err(pending(issuer)),
            Search::Unavailable(unavailable) => {
                Err(refusal(&format!("no keys of {} for {}", told(), kid()), unavailable))
            }
        }
    }

    /// A signature was bad, or a key unusable, under a known key id.
    pub fn suspect(&self, waiting: Waiting) {
        if let (Keys::Driven(driver), Waiting::Allowed | Waiting::Never) = (self, waiting) {
            driver.suspect();
        }
    }

    /// Starts or joins a fetch; None where there is nothing to fetch.
    pub fn begin_refresh(&self) -> Option<Ticket> {
        match self {
            Keys::Local(_) => None,
            Keys::Driven(driver) => Some(driver.begin_refresh()),
        }
    }

    /// The longest that one fetch takes.
    pub fn timeout_ms(&self) -> u64 {
        match self {
            Keys::Local(_) => 0,
            Keys::Driven(driver) => driver.timeout_ms(),
        }
    }

    /// Are keys held? Where they are missing it starts the first fetch if it may, and never waits.
    /// Says too whether a fetch is under way.
    pub fn ready(&self, issuer: &str, may_start: bool) -> (Result<(), Refusal>, bool) {
        let Keys::Driven(driver) = self else { return (Ok(()), false) };
        let (ready, fetching) = driver.ready(may_start);
        let ready = match ready {
            Ready::Yes => Ok(()),
            Ready::Pending => Err(pending(issuer)),
            Ready::No(unavailable) => {
                Err(refusal(&format!("no keys of {}", quote(issuer)), unavailable))
            }
        };
        (ready, fetching)
    }

    /// What is allowed here, and should be meant.
    pub fn warning(&self) -> Option<String> {
        match self {
            Keys::Local(_) => None,
            Keys::Driven(driver) => driver.warning(),
        }
    }

    pub fn report(&self, issuer: &str) -> IssuerReport {
        match self {
            Keys::Local(set) => health::local(issuer, set),
            Keys::Driven(driver) => driver.report(issuer),
        }
    }
}

/// Blocks until the fetch has ended, and tells how; one that the caller would have to do itself is
/// left undone after the deadline.
pub fn finish_refresh(issuer: &str, ticket: Ticket, deadline: u64) -> Result<(), Refusal> {
    let told = format!("the keys of {} were not refreshed", quote(issuer));
    Driver::finish_refresh(ticket, deadline).map_err(|unavailable| refusal(&told, unavailable))
}

pub fn pending(issuer: &str) -> Refusal {
    let log = format!("the keys of {} are not here yet", quote(issuer));
    Refusal::new(Status::KEYS_PENDING, log).pending(issuer)
}

fn refusal(what: &str, unavailable: Unavailable) -> Refusal {
    let Unavailable { status, why, retry_after_ms } = unavailable;
    Refusal::new(status, format!("{what}: {why}")).retry_after(retry_after_ms)
}
