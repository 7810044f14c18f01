//! A frozen configuration at work: the keys of its issuers, what was decided, and how it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Audience, Issuer, Name, Settings};
use crate::keys::{self, Keys};
use crate::os;
use crate::report::counters::Counters;
use crate::report::{Decided, Events, Report};
use crate::status::Status;
use crate::verdict::{Refusal, quote};

/// So many fetches one call starts at the same time: each is a thread.
const FLIGHTS_MAX: usize = 64;

pub struct Runtime {
    pub settings: Settings,
    /// In the order of `settings.issuers`.
    keys: Vec<Keys>,
    pub counters: Counters,
    events: Arc<Events>,
    was_ready: AtomicBool,
}

impl Runtime {
    pub fn new(settings: Settings, keys: Vec<Keys>, events: Arc<Events>) -> Runtime {
        let counters = Counters::new(settings.issuers.len());
        Runtime { settings, keys, counters, events, was_ready: AtomicBool::new(false) }
    }

    pub fn issuer(&self, place: usize) -> Result<(&Issuer, &Keys), Refusal> {
        let issuer = self.settings.issuers.get(place).zip(self.keys.get(place));
        issuer.ok_or_else(|| Refusal::new(Status::INTERNAL, "an issuer without keys"))
    }

    /// Fetches the keys of one issuer, or of all, so many at the same time, and blocks until they
    /// are here or the time of one fetch is over. The first failure is told.
    pub fn refresh(&self, issuer: Option<&str>) -> Result<(), Refusal> {
        let all = self.settings.issuers.iter().zip(&self.keys);
        let named: Vec<(String, &Keys)> = all
            .map(|(issuer, keys)| (issuer.name.text().into_owned(), keys))
            .filter(|(name, _)| issuer.is_none_or(|wanted| wanted == name))
            .collect();
        if let (Some(unknown), true) = (issuer, named.is_empty()) {
            let log = format!("no issuer {} is configured", quote(unknown));
            return Err(Refusal::new(Status::ARGUMENT_INVALID, log));
        }
        let mut ended = Ok(());
        let limit = self.keys.iter().map(Keys::timeout_ms).max().unwrap_or(0).max(1_000);
        let deadline = os::boot_ms().saturating_add(limit);
        for some in named.chunks(FLIGHTS_MAX) {
            if os::boot_ms() >= deadline {
                let first = some.first().map_or("", |(name, _)| name.as_str());
                return ended.and(Err(keys::pending(first)));
            }
            let begun: Vec<_> =
                some.iter().map(|(name, keys)| (name, keys.begin_refresh())).collect();
            // All of them are waited for, also after a failure.
            for (name, ticket) in begun {
                let end = ticket.map_or(Ok(()), |t| keys::finish_refresh(name, t, deadline));
                ended = ended.and(end);
            }
        }
        ended
    }

    /// Can tokens be judged? Once it was so it stays so: readiness is about the start, the report
    /// tells of what comes later. One issuer that answers is enough when every other was tried: a
    /// provider that is down must not keep the tokens of another out.
    pub fn ready(&self) -> Result<(), Refusal> {
        if self.was_ready.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (mut one, mut pending, mut failed) = (false, None, None);
        let mut flights = 0usize;
        for (issuer, keys) in self.settings.issuers.iter().zip(&self.keys) {
            let (ready, fetching) = keys.ready(&issuer.name.text(), flights < FLIGHTS_MAX);
            flights = flights.saturating_add(usize::from(fetching));
            match ready {
                Ok(()) => one = true,
                Err(refusal) if refusal.status == Status::KEYS_PENDING => {
                    pending = pending.or(Some(refusal));
                }
                Err(refusal) => failed = failed.or(Some(refusal)),
            }
        }
        match pending.or(failed.filter(|_| !one)) {
            Some(refusal) => Err(refusal),
            None => {
                self.was_ready.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    pub fn report(&self) -> Report {
        let issuers = &self.settings.issuers;
        let name = |place: usize| issuers.get(place).map(|issuer| issuer.name.text().into_owned());
        let decided = self.counters.totals().into_iter().map(|(place, status, count)| Decided {
            issuer: place.and_then(name),
            status,
            count,
        });
        let issuers: Vec<_> =
            issuers.iter().zip(&self.keys).map(|(i, keys)| keys.report(&i.name.text())).collect();
        Report {
            version: env!("CARGO_PKG_VERSION"),
            ready: self.was_ready.load(Ordering::Relaxed) || issuers.iter().any(|i| i.has_keys()),
            warnings: self.warnings(),
            decisions: decided.collect(),
            issuers,
            events: self.events.all(),
        }
    }

    /// What is allowed, and should be meant.
    pub fn warnings(&self) -> Vec<String> {
        let issuers = &self.settings.issuers;
        let any = |is: &dyn Fn(&Issuer) -> bool| issuers.iter().any(is);
        let told = [
            (
                any(&|issuer| issuer.rules.audience == Audience::Any),
                "audience=*: tokens that are meant for other APIs are accepted",
            ),
            (
                any(&|issuer| matches!(issuer.name, Name::AnyTenant { .. })),
                "claims.tenants=*: tokens of every tenant are accepted",
            ),
            (
                any(&|issuer| issuer.rules.audience.names("account")),
                "audience has \"account\": Keycloak puts it into tokens for any API of the realm",
            ),
            (
                any(&|issuer| issuer.rules.leeway_s > LEEWAY_USUAL_S),
                "claims.leeway is above 60s: expired tokens are accepted that much longer",
            ),
        ];
        let told = told.into_iter().filter(|(is, _)| *is).map(|(_, warning)| warning.to_owned());
        told.chain(self.keys.iter().filter_map(Keys::warning)).collect()
    }
}

/// Clocks that differ by more want to be set right.
const LEEWAY_USUAL_S: i64 = 60;
