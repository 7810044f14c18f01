//! What the report tells of one issuer's keys.

use super::driver::Driver;
use super::jwks::KeySet;
use crate::os;
use crate::report::{IssuerReport, KEYS_LISTED, KeyReport, KeysState, LastError, SkippedKey};
use crate::status::Status;
use crate::verdict::quote;

/// Keys of the configuration.
pub fn local(issuer: &str, set: &KeySet) -> IssuerReport {
    let source = "keys.jwks".to_owned();
    of_set(IssuerReport { source, state: KeysState::Local, ..nothing(issuer) }, set)
}

impl Driver {
    pub fn warning(&self) -> Option<String> {
        self.shared().fixed.setup.source.warning()
    }

    pub fn report(&self, issuer: &str) -> IssuerReport {
        let now = os::boot_ms();
        let shared = self.shared();
        let held = shared.held.load_full();
        let mut report = nothing(issuer);
        report.source = shared.fixed.setup.source.name();
        report.fetches = shared.fetches();
        report.clock_offset_s = shared.clock_offset_s();
        {
            let state = shared.lock();
            report.fetching = state.cache.in_flight().is_some();
            report.retry_in_s = state.cache.retry_at(now).map(|at| seconds_until(at, now));
            report.last_error = state.last_failure.as_ref().map(|(failure, at)| LastError {
                status: failure.status,
                log: failure.why.clone(),
                ago_s: now.saturating_sub(*at) / 1_000,
            });
        }
        let mismatch = report.last_error.as_ref();
        let mismatch = mismatch.filter(|e| e.status == Status::DISCOVERY_ISSUER_MISMATCH);
        let warning = mismatch.map(|e| format!("the provider calls itself otherwise: {}", e.log));
        report.warnings.extend(warning);
        let Some(held) = held else { return report };
        report.state = match now {
            _ if now >= held.until.usable_until => KeysState::Expired,
            _ if now >= held.until.fresh_until => KeysState::Stale,
            _ => KeysState::Fresh,
        };
        report.age_s = Some(held.age_ms(now) / 1_000);
        report.refresh_in_s = Some(seconds_until(held.until.refresh_at, now));
        // A set that serves without an end has none to tell.
        let end = Some(held.until.usable_until).filter(|end| *end != u64::MAX);
        report.usable_for_s = end.map(|end| seconds_until(end, now));
        if let Some(from) = held.from.as_ref().map(|from| from.origin())
            && issuer != from
            && !issuer.starts_with(&format!("{from}/"))
        {
            let warning =
                format!("the keys are at another origin than the issuer: {}", quote(&from));
            report.warnings.push(warning);
        }
        of_set(report, &held.set)
    }
}

fn seconds_until(at: u64, now: u64) -> u64 {
    at.saturating_sub(now).div_ceil(1_000)
}

fn nothing(issuer: &str) -> IssuerReport {
    IssuerReport {
        issuer: issuer.to_owned(),
        source: String::new(),
        state: KeysState::None_,
        keys: Vec::new(),
        key_count: 0,
        skipped: Vec::new(),
        age_s: None,
        refresh_in_s: None,
        usable_for_s: None,
        retry_in_s: None,
        fetching: false,
        fetches: Vec::new(),
        last_error: None,
        clock_offset_s: None,
        warnings: Vec::new(),
    }
}

fn of_set(mut report: IssuerReport, set: &KeySet) -> IssuerReport {
    let mut unusable = Vec::new();
    for key in &set.keys {
        let kid = key.kid.as_deref().map(str::to_owned);
        match &key.usable {
            Ok(public) => {
                report.key_count = report.key_count.saturating_add(1);
                // A set may have thousands: the others are counted.
                if report.keys.len() < KEYS_LISTED {
                    let algorithms = public.algorithms().collect();
                    report.keys.push(KeyReport { kid, algorithms });
                }
            }
            Err(why) => unusable.push(SkippedKey { kid, why: (*why).to_owned() }),
        }
    }
    IssuerReport { skipped: unusable, ..report }
}
