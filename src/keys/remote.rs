//! The keys that a provider publishes: metadata → key set, or why none came.

use std::time::Duration;

use super::cache::Reads;
use super::discovery;
use super::fetch::{Answer, Client, Failed, Reach, Stop, Url};
use super::jwks::KeySet;
use super::snapshot::{Kept, Snapshot};
use super::source::{Failure, Fetched, HeldSet, Source};
use crate::config::Name;
use crate::os;
use crate::report::Outcome;
use crate::status::Status;
use crate::verdict::quote;

/// A set is read as a whole this often, also where its tag says that it is the same: a wrong answer
/// that carried the right tag would else stay for good.
const WHOLE_MS: u64 = 3_600_000;

pub struct Remote {
    pub issuer: Name,
    /// Configured: discovery is skipped.
    pub jwks_uri: Option<Url>,
    pub metadata_urls: Vec<Url>,
    pub reach: Reach,
    pub snapshot: Option<Snapshot>,
}

impl Source for Remote {
    fn fetch(
        &self,
        reads: Reads,
        held: Option<&HeldSet>,
        deadline: u64,
        stop: &Stop,
    ) -> Result<Fetched, Failure> {
        let client = Client::new(&self.reach, stop);
        let flight = Flight { remote: self, client, held, deadline };
        let known = held.and_then(|held| held.from.as_ref()).filter(|_| reads == Reads::Keys);
        let mut refused = None;
        if let (Some(uri), None) = (known, &self.jwks_uri) {
            match flight.keys(uri) {
                Ok(fetched) => return Ok(fetched),
                // The set may have moved: an HTTP answer is a reason to ask discovery again.
                Err((failure, true)) => refused = Some((uri, failure)),
                Err((failure, false)) => return Err(failure),
            }
        }
        let uri = match &self.jwks_uri {
            Some(uri) => uri.clone(),
            None => flight.discover()?,
        };
        match refused {
            Some((same, failure)) if *same == uri => Err(failure),
            _ => flight.keys(&uri).map_err(|(failure, _)| failure),
        }
    }

    fn keep(&self, held: &HeldSet) -> Result<(), String> {
        let (Some(snapshot), Some(from)) = (&self.snapshot, &held.from) else { return Ok(()) };
        let age_s = held.age_ms(os::boot_ms()) / 1_000;
        // What cannot be used is not kept: the tag of the whole set would hide it for ever.
        let whole = held.set.keys.iter().all(|key| key.usable.is_ok());
        snapshot.write(&Kept {
            set: held.set.clone(),
            jwks_uri: from.as_text(),
            etag: held.version.clone().filter(|_| whole),
            fetched_at_s: os::wall_s().saturating_sub(i64::try_from(age_s).unwrap_or(i64::MAX)),
        })
    }

    fn warning(&self) -> Option<String> {
        let places = self.jwks_uri.iter().chain(&self.metadata_urls);
        let mut targets = places.map(|url| self.reach.target(url));
        let plain = targets.find(|url| !url.is_https() && !url.is_loopback())?;
        let origin = quote(&plain.origin());
        Some(format!("keys come by plain http from {origin}: who is on the way can replace them"))
    }

    fn name(&self) -> String {
        self.jwks_uri.as_ref().or(self.metadata_urls.first()).map_or_else(String::new, Url::told)
    }
}

struct Flight<'f> {
    remote: &'f Remote,
    client: Client,
    held: Option<&'f HeldSet>,
    deadline: u64,
}

impl Flight<'_> {
    /// A failure says with `true` that an HTTP answer came.
    fn keys(&self, uri: &Url) -> Result<Fetched, (Failure, bool)> {
        let failure = |outcome, why: String, retry_after_ms| Failure {
            status: Status::KEYS_UNAVAILABLE,
            outcome,
            why: format!("the key set {} {why}", quote(&uri.told())),
            retry_after_ms,
        };
        let recent = |held: &HeldSet| held.read_at.saturating_add(WHOLE_MS) > os::boot_ms();
        let same_place = self.held.filter(|held| held.from.as_ref() == Some(uri) && recent(held));
        let version = same_place.and_then(|held| held.version.as_deref());
        match self.get(uri, version) {
            Ok(Answer::Document(document)) => match KeySet::parse(&document.body) {
                Ok(set) => Ok(Fetched {
                    set: Some(set),
                    from: Some(uri.clone()),
                    version: document.etag,
                    max_age_ms: document.max_age_ms,
                    clock_offset_s: document.clock_offset_s,
                    ..Fetched::default()
                }),
                Err(why) => {
                    Err((failure(Outcome::Unusable, format!("is no use: {why}"), None), true))
                }
            },
            Ok(Answer::NotModified { max_age_ms, clock_offset_s }) => {
                Ok(Fetched { max_age_ms, clock_offset_s, ..Fetched::default() })
            }
            Err(Failed::Transport(why)) => Err((failure(Outcome::Transport, why, None), false)),
            Err(Failed::Answer { why, retry_after_ms }) => {
                Err((failure(Outcome::HttpError, why, retry_after_ms), true))
            }
        }
    }

    fn get(&self, url: &Url, version: Option<&str>) -> Result<Answer, Failed> {
        let left_ms = self.deadline.saturating_sub(os::boot_ms());
        if left_ms == 0 {
            return Err(Failed::Transport("was not asked: no time left (`keys.timeout`)".into()));
        }
        self.client.get(url, version, Duration::from_millis(left_ms))
    }

    /// OpenID Connect Discovery, then RFC 8414 after any HTTP answer that is no use; a transport
    /// failure and another issuer's document are final.
    fn discover(&self) -> Result<Url, Failure> {
        let (mut told, mut retry_after_ms) = (Vec::new(), None);
        let (mut status, mut outcome) = (Status::DISCOVERY_FAILED, Outcome::Transport);
        for url in &self.remote.metadata_urls {
            let why = match self.get(url, None) {
                Ok(Answer::Document(document)) => match self.read_metadata(url, &document.body) {
                    Ok(uri) => return Ok(uri),
                    Err((worse, why)) => {
                        (status, outcome) = (worse, Outcome::Unusable);
                        why
                    }
                },
                Ok(Answer::NotModified { .. }) => "answered 304".to_owned(),
                Err(Failed::Answer { why, retry_after_ms: asked }) => {
                    outcome = Outcome::HttpError;
                    retry_after_ms = retry_after_ms.max(asked);
                    why
                }
                Err(Failed::Transport(why)) => {
                    outcome = Outcome::Transport;
                    told.push(format!("{} {why}", quote(&url.told())));
                    break;
                }
            };
            told.push(format!("{} {why}", quote(&url.told())));
            if status == Status::DISCOVERY_ISSUER_MISMATCH {
                break;
            }
        }
        Err(Failure { status, outcome, why: told.join("; "), retry_after_ms })
    }

    fn read_metadata(&self, from: &Url, body: &[u8]) -> Result<Url, (Status, String)> {
        let reach = &self.remote.reach;
        let text = discovery::jwks_uri(body, &self.remote.issuer)?;
        let failed = |why: &str| {
            (Status::DISCOVERY_FAILED, format!("names jwks_uri {}, which {why}", quote(&text)))
        };
        let uri = reach.parse(&text).map_err(failed)?;
        // A remote document must not aim us at local ports.
        if reach.target(from).is_https() && !reach.target(&uri).is_https() {
            return Err(failed("is plain http while the metadata came by https"));
        }
        Ok(uri)
    }
}
