//! What a handle tells about itself: plain data in, JSON and metrics out. Nothing here asks a
//! clock, waits or locks: a fork while another thread held a lock would hang the child.

/// An enum whose variants have names, in JSON as in metrics.
macro_rules! named {
    ($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $note:literal])* $variant:ident $text:literal,)+
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $note])* $variant,)+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.name())
            }
        }
    };
}

pub mod counters;
pub mod events;
pub mod metrics;

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::status::Status;
pub use events::{Event, EventKind, Events};

/// At most so many keys, and so many skipped ones, are listed of an issuer.
pub const KEYS_LISTED: usize = 64;
/// A longer kid is cut.
const KID_MAX_CHARS: usize = 64;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub version: &'static str,
    pub ready: bool,
    pub warnings: Vec<String>,
    pub decisions: Vec<Decided>,
    pub issuers: Vec<IssuerReport>,
    #[serde(serialize_with = "each_event")]
    pub events: Vec<Arc<Event>>,
}

/// How often a status was the answer; `issuer` is None for what was refused before its issuer was
/// known to be trusted.
#[derive(Clone, Debug, Serialize)]
pub struct Decided {
    pub issuer: Option<String>,
    #[serde(serialize_with = "status")]
    pub status: Status,
    pub count: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct IssuerReport {
    /// As configured, `{tenant}` included for a template of any tenant.
    pub issuer: String,
    /// `keys.jwks`, `keys.file /path`, or the URL of the key set or metadata.
    pub source: String,
    pub state: KeysState,
    #[serde(serialize_with = "first")]
    pub keys: Vec<KeyReport>,
    /// How many there are, the listed ones and the others.
    pub key_count: usize,
    #[serde(serialize_with = "first")]
    pub skipped: Vec<SkippedKey>,
    pub age_s: Option<u64>,
    pub refresh_in_s: Option<u64>,
    pub usable_for_s: Option<u64>,
    pub retry_in_s: Option<u64>,
    pub fetching: bool,
    #[serde(serialize_with = "by_outcome")]
    pub fetches: Vec<(Outcome, u64)>,
    /// Cleared by a good fetch.
    pub last_error: Option<LastError>,
    /// The provider's Date minus our clock.
    pub clock_offset_s: Option<i64>,
    pub warnings: Vec<String>,
}

named! {
    /// What the held keys of an issuer are good for.
    KeysState {
        /// There are none.
        None_ "none",
        Fresh "fresh",
        /// Older than `keys.ttl`, and still serving.
        Stale "stale",
        /// Too old to serve.
        Expired "expired",
        /// Given in the configuration.
        Local "local",
    }
}

named! {
    /// How a fetch ended.
    Outcome {
        Ok "ok",
        NotModified "not_modified",
        HttpError "http_error",
        /// An answer with nothing in it that could be used.
        Unusable "unusable",
        /// No answer: DNS, connection, TLS, time.
        Transport "transport",
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct KeyReport {
    #[serde(serialize_with = "kid")]
    pub kid: Option<String>,
    pub algorithms: Vec<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SkippedKey {
    #[serde(serialize_with = "kid")]
    pub kid: Option<String>,
    pub why: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct LastError {
    #[serde(serialize_with = "status")]
    pub status: Status,
    pub log: String,
    pub ago_s: u64,
}

impl Report {
    /// Every member is always there, in this order, and null where unknown (docs/report.md).
    pub fn to_json(&self) -> String {
        // Texts, numbers and lists of them: nothing that JSON could not hold.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl IssuerReport {
    /// Tokens of this issuer can be judged.
    pub fn has_keys(&self) -> bool {
        matches!(self.state, KeysState::Fresh | KeysState::Stale | KeysState::Local)
    }

    pub fn fetches_that_ended(&self, outcome: Outcome) -> u64 {
        ended(&self.fetches, outcome)
    }
}

fn ended(fetches: &[(Outcome, u64)], outcome: Outcome) -> u64 {
    fetches.iter().find(|(one, _)| *one == outcome).map_or(0, |(_, count)| *count)
}

fn status<S: Serializer>(status: &Status, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Told {
        number: i32,
        name: &'static str,
        code: &'static str,
    }
    let row = status.row();
    Told { number: row.number, name: row.name, code: row.code }.serialize(to)
}

fn kid<S: Serializer>(kid: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    let cut = |kid: &String| {
        let (end, _) = kid.char_indices().nth(KID_MAX_CHARS)?;
        kid.get(..end).map(|begin| format!("{begin}…"))
    };
    match kid.as_ref().and_then(cut) {
        Some(short) => to.serialize_some(&short),
        None => kid.serialize(to),
    }
}

fn first<T: Serialize, S: Serializer>(all: &[T], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(all.iter().take(KEYS_LISTED))
}

fn each_event<S: Serializer>(events: &[Arc<Event>], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(events.iter().map(AsRef::as_ref))
}

/// Every outcome is a member, also one that is missing here.
fn by_outcome<S: Serializer>(fetches: &[(Outcome, u64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(Outcome::ALL.iter().map(|outcome| (outcome, ended(fetches, *outcome))))
}
