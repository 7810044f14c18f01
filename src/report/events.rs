//! The last things that happened to the keys. Every writer makes a new list, so that nobody waits
//! and a fork finds no lock.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Serialize;

/// Older ones are dropped; a gap in the sequence numbers that a reader has seen tells of it.
pub const EVENTS_KEPT: usize = 64;

named! {
    /// What happened (docs/report.md).
    EventKind {
        KeysChanged "keys_changed",
        RefreshFailed "refresh_failed",
        ServingStale "serving_stale",
        KeyWithdrawn "key_withdrawn",
        CooldownHit "cooldown_hit",
        SnapshotIgnored "snapshot_ignored",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    pub sequence: u64,
    /// Wall clock, seconds since 1970.
    pub at_s: i64,
    pub issuer: String,
    pub kind: EventKind,
    pub detail: String,
}

/// The last 64, numbered from 1 on.
#[derive(Debug, Default)]
pub struct Events(ArcSwap<Vec<Arc<Event>>>);

impl Events {
    pub fn new() -> Events {
        Events::default()
    }

    pub fn add(&self, kind: EventKind, issuer: &str, detail: String, at_s: i64) {
        // Numbered by the list that it joins: a list that another writer replaced is tried again.
        self.0.rcu(|held| {
            let sequence = held.last().map_or(1, |last| last.sequence.saturating_add(1));
            let (issuer, detail) = (issuer.to_owned(), detail.clone());
            let event = Arc::new(Event { sequence, at_s, issuer, kind, detail });
            let dropped = held.len().saturating_sub(EVENTS_KEPT - 1);
            let kept = held.get(dropped..).unwrap_or_default();
            kept.iter().cloned().chain([event]).collect::<Vec<_>>()
        });
    }

    /// Oldest first.
    pub fn all(&self) -> Vec<Arc<Event>> {
        self.0.load().to_vec()
    }
}
