//! stub
use crate::status::Status;
pub mod counters;
pub mod events;
pub mod metrics;
pub use events::{Event, EventKind, Events};
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Ok,
    NotModified,
    HttpError,
    Unusable,
    Transport,
}
impl Outcome {
    pub const ALL: &[Outcome] = &[
        Outcome::Ok,
        Outcome::NotModified,
        Outcome::HttpError,
        Outcome::Unusable,
        Outcome::Transport,
    ];
}
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeysState {
    None_,
    Fresh,
    Stale,
    Expired,
    Local,
}
pub struct Report {
    pub version: &'static str,
    pub ready: bool,
    pub warnings: Vec<String>,
    pub decisions: Vec<Decided>,
    pub issuers: Vec<IssuerReport>,
    pub events: Vec<std::sync::Arc<Event>>,
}
pub struct Decided {
    pub issuer: Option<String>,
    pub status: Status,
    pub count: u64,
}
pub struct IssuerReport {
    pub issuer: String,
    pub source: String,
    pub state: KeysState,
    pub keys: Vec<KeyReport>,
    pub key_count: usize,
    pub skipped: Vec<SkippedKey>,
    pub age_s: Option<u64>,
    pub refresh_in_s: Option<u64>,
    pub usable_for_s: Option<u64>,
    pub retry_in_s: Option<u64>,
    pub fetching: bool,
    pub fetches: Vec<(Outcome, u64)>,
    pub last_error: Option<LastError>,
    pub clock_offset_s: Option<i64>,
    pub warnings: Vec<String>,
}
pub struct KeyReport {
    pub kid: Option<String>,
    pub algorithms: Vec<&'static str>,
}
pub struct SkippedKey {
    pub kid: Option<String>,
    pub why: String,
}
pub struct LastError {
    pub status: Status,
    pub log: String,
    pub ago_s: u64,
}
impl Report {
    pub fn to_json(&self) -> String {
        String::new()
    }
}
