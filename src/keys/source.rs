//! Where keys come from, and what a fetch brings.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::cache::{Held, Reads};
use super::fetch::{Stop, Url};
use super::jwks::{Key, KeySet};
use crate::report::Outcome;
use crate::status::Status;

/// Where the keys of one issuer come from.
pub trait Source: Send + Sync + 'static {
    /// Reads them. Blocks until `deadline` at most, milliseconds of the clock that counts in
    /// suspend; `stop` cuts it off.
    fn fetch(
        &self,
        reads: Reads,
        held: Option<&HeldSet>,
        deadline: u64,
        stop: &Stop,
    ) -> Result<Fetched, Failure>;

    /// Keeps a set that has landed for later processes; an error is a sentence.
    fn keep(&self, _: &HeldSet) -> Result<(), String> {
        Ok(())
    }

    /// What is allowed here, and should be meant.
    fn warning(&self) -> Option<String> {
        None
    }

    /// For the report.
    fn name(&self) -> String;
}

/// The keys of an issuer, and until when they serve.
#[derive(Clone)]
pub struct HeldSet {
    pub set: Arc<KeySet>,
    /// Where it was read, if not from a file.
    pub from: Option<Url>,
    /// By which the source knows that nothing changed: an ETag.
    pub version: Option<String>,
    /// Milliseconds of the clock that counts in suspend; before its start for an older process.
    pub fetched_at: i64,
    /// When its body was read, as a whole.
    pub read_at: u64,
    pub until: Held,
}

impl HeldSet {
    pub fn age_ms(&self, now: u64) -> u64 {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        u64::try_from(now.saturating_sub(self.fetched_at)).unwrap_or(0)
    }
}

#[derive(Default)]
pub struct Fetched {
    /// None: the held set still stands.
    pub set: Option<KeySet>,
    pub from: Option<Url>,
    pub version: Option<String>,
    /// Of a held set that still stands: when it was read.
    pub read_at: Option<u64>,
    pub max_age_ms: Option<u64>,
    pub clock_offset_s: Option<i64>,
}

/// Why no set came.
#[derive(Clone)]
pub struct Failure {
    pub status: Status,
    pub outcome: Outcome,
    pub why: String,
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// Nobody answered, and no status of its own says why.
    pub fn unavailable(why: impl Into<String>) -> Failure {
        let (status, outcome) = (Status::KEYS_UNAVAILABLE, Outcome::Transport);
        Failure { status, outcome, why: why.into(), retry_after_ms: None }
    }
}

/// What a new set changed.
#[derive(Default)]
pub struct Change {
    pub added: Vec<Arc<Key>>,
    pub withdrawn: Vec<Arc<Key>>,
}

impl Change {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.withdrawn.is_empty()
    }

    /// Nothing that was learnt with a withdrawn key counts from here on.
    pub fn retire(&self) {
        self.withdrawn.iter().for_each(|key| key.retired.store(true, Ordering::Release));
    }
}

/// A new set in place of the old one, as a whole: an equal key stays the same object.
pub fn succeed(old: Option<&Arc<KeySet>>, new: KeySet) -> (Arc<KeySet>, Change) {
    let before = old.map_or(&[][..], |old| &old.keys);
    let mut rest: std::collections::HashMap<_, Vec<&Arc<Key>>> = std::collections::HashMap::new();
    for key in before {
        rest.entry(key.identity()).or_default().push(key);
    }
    let mut change = Change::default();
    let carried =
        new.keys.iter().map(|key| match rest.get_mut(&key.identity()).and_then(Vec::pop) {
            Some(same) => same.clone(),
            None => {
                change.added.push(key.clone());
                key.clone()
            }
        });
    let keys = carried.collect();
    change.added.retain(|key| key.usable.is_ok());
    let gone = rest.into_values().flatten().filter(|key| key.usable.is_ok());
    change.withdrawn = gone.cloned().collect();
    (Arc::new(KeySet::ordered(keys)), change)
}
