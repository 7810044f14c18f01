//! One flight of a driver: it fetches, lands what came, and tells what changed.

use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::cache::Reads;
use super::driver::{Shared, State, UNKNOWN};
use super::jwks::{Key, KeySet};
use super::source::{Change, Failure, Fetched, HeldSet, succeed};
use super::sync::spawn;
use crate::os;
use crate::report::{EventKind, Outcome};
use crate::verdict::list;

impl Shared {
    /// False: no thread can be had.
    pub(super) fn start(self: &Arc<Self>, reads: Reads) -> bool {
        let shared = self.clone();
        spawn(move || {
            // Of a start with nothing held there may be no second chance: the process may end.
            let cold = shared.held.load().is_none();
            let landed = shared.fly(reads, cold);
            if let Some(held) = landed.filter(|_| !cold) {
                shared.keep(&held);
            }
        })
    }

    /// A flight that nobody waits for. Without a thread it is told as a failed fetch, and tried
    /// again after the back-off.
    pub(super) fn start_unwatched(self: &Arc<Self>, state: &mut State, reads: Reads) {
        if !self.start(reads) {
            let why = "no thread could be started to fetch the keys";
            self.failed(state, Failure::unavailable(why));
        }
    }

    /// One flight. Whatever happens in it, it ends and its end is told. Gives back a set that is to
    /// be kept for later processes.
    pub(super) fn fly(&self, reads: Reads, keep_first: bool) -> Option<Arc<HeldSet>> {
        let deadline = os::boot_ms().saturating_add(self.fixed.setup.timeout_ms);
        let whole = || {
            let held = self.held.load_full();
            let source = &self.fixed.setup.source;
            self.land(source.fetch(reads, held.as_deref(), deadline, &self.stop), held)
        };
        let landed = catch_unwind(AssertUnwindSafe(whole)).unwrap_or_else(|_| {
            let defect = Failure::unavailable("a defect of this library ended the fetch");
            self.land(Err(defect), None)
        });
        if let Some(held) = landed.as_ref().filter(|_| keep_first) {
            self.keep(held);
        }
        self.landed.notify_all();
        landed
    }

    /// On a thread of ours, whose signals are blocked: the disk may take its time.
    fn keep(&self, held: &HeldSet) {
        let keep = || self.fixed.setup.source.keep(held);
        match catch_unwind(AssertUnwindSafe(keep)) {
            Ok(Ok(())) => self.lock().kept_at = Some(os::boot_ms()),
            Ok(Err(why)) => self.event(EventKind::SnapshotIgnored, why),
            Err(_) => self.event(EventKind::SnapshotIgnored, "a defect of this library".into()),
        }
    }

    fn land(
        &self,
        fetched: Result<Fetched, Failure>,
        old: Option<Arc<HeldSet>>,
    ) -> Option<Arc<HeldSet>> {
        let (fetched, (set, change)) = match fetched.and_then(|fetched| self.succeed(fetched, &old))
        {
            Ok(landed) => landed,
            Err(failure) => {
                self.failed(&mut self.lock(), failure);
                return None;
            }
        };
        let changed = old.is_none() || !change.is_empty();
        let kids = set.keys.iter().filter(|key| key.usable.is_ok());
        let kids = kids.filter_map(|key| key.kid.as_deref());
        let hashes: Vec<u64> = kids.map(|kid| self.kid_hash(Some(kid), "")).collect();
        let now = os::boot_ms();
        let spread = self.fixed.hasher.hash_one(now);
        let mut state = self.lock();
        let brought = |hash: u64| hashes.contains(&hash);
        let until = state.cache.landed(fetched.max_age_ms, brought, spread, now);
        (state.last_failure, state.stale_told) = (None, false);
        let (from, version) = (fetched.from, fetched.version);
        let read_at = fetched.read_at.unwrap_or(now);
        let fetched_at = i64::try_from(now).unwrap_or(i64::MAX);
        let held = Arc::new(HeldSet { set, from, version, fetched_at, read_at, until });
        self.held.store(Some(held.clone()));
        change.retire();
        let due = |at: u64| now >= at.saturating_add(self.fixed.setup.rules.ttl_ms / 2);
        let keep = changed || state.kept_at.is_none_or(due);
        drop(state);
        self.tell_change(&change);
        keep.then_some(held)
    }

    /// The set that stands from now on, and what that changes.
    fn succeed(
        &self,
        mut fetched: Fetched,
        old: &Option<Arc<HeldSet>>,
    ) -> Result<(Fetched, (Arc<KeySet>, Change)), Failure> {
        if let Some(seconds) = fetched.clock_offset_s {
            self.fixed.clock_offset_s.store(seconds, Ordering::Relaxed);
        }
        let landed = match (fetched.set.take(), old) {
            (Some(new), old) => succeed(old.as_ref().map(|old| &old.set), new),
            (None, Some(old)) => {
                (fetched.from, fetched.version) = (old.from.clone(), old.version.clone());
                fetched.read_at = Some(old.read_at);
                self.count(Outcome::NotModified);
                return Ok((fetched, (old.set.clone(), Change::default())));
            }
            (None, None) => return Err(Failure::unavailable("nothing was held and nothing came")),
        };
        self.count(Outcome::Ok);
        Ok((fetched, landed))
    }

    pub(super) fn failed(&self, state: &mut State, failure: Failure) {
        let now = os::boot_ms();
        state.cache.failed(failure.retry_after_ms, now);
        self.count(failure.outcome);
        let last = state.last_failure.replace((failure.clone(), now));
        if last.is_none_or(|(last, _)| last.why != failure.why) {
            self.event(EventKind::RefreshFailed, failure.why);
        }
        let held = self.held.load();
        let stale = held.as_ref().is_some_and(|held| now >= held.until.fresh_until);
        if stale && state.cache.usable(now) && !state.stale_told {
            state.stale_told = true;
            let why = "the keys are older than keys.ttl, and serve while the refresh fails";
            self.event(EventKind::ServingStale, why.to_owned());
        }
    }

    fn tell_change(&self, change: &Change) {
        let names =
            |keys: &[Arc<Key>]| list(keys.iter().map(|key| key.kid.as_deref().unwrap_or("")));
        if !change.added.is_empty() {
            self.event(EventKind::KeysChanged, format!("new keys: {}", names(&change.added)));
        }
        if !change.withdrawn.is_empty() {
            let gone = names(&change.withdrawn);
            let why = format!("gone keys: {gone}; what they signed is refused from now on");
            self.event(EventKind::KeyWithdrawn, why);
        }
    }

    pub(super) fn event(&self, kind: EventKind, detail: String) {
        let setup = &self.fixed.setup;
        setup.events.add(kind, &setup.issuer, detail, os::wall_s());
    }

    fn count(&self, outcome: Outcome) {
        if let Some(counter) = self.fixed.fetches.get(outcome as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn fetches(&self) -> Vec<(Outcome, u64)> {
        let counts = self.fixed.fetches.iter().map(|count| count.load(Ordering::Relaxed));
        Outcome::ALL.iter().copied().zip(counts).collect()
    }

    /// The provider's clock less ours, as of its last answer.
    pub(super) fn clock_offset_s(&self) -> Option<i64> {
        let seconds = self.fixed.clock_offset_s.load(Ordering::Relaxed);
        (seconds != UNKNOWN).then_some(seconds)
    }
}
