//! stub
use std::sync::Arc;
pub enum EventKind {
    KeysChanged,
    RefreshFailed,
    ServingStale,
    KeyWithdrawn,
    CooldownHit,
    SnapshotIgnored,
}
pub struct Event {
    pub sequence: u64,
    pub at_s: i64,
    pub issuer: String,
    pub kind: EventKind,
    pub detail: String,
}
pub struct Events;
impl Default for Events {
    fn default() -> Events {
        Events
    }
}
impl Events {
    pub fn new() -> Events {
        Events
    }
    pub fn add(&self, _: EventKind, _: &str, _: String, _: i64) {}
    pub fn all(&self) -> Vec<Arc<Event>> {
        vec![]
    }
}
