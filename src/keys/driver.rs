//! Runs the cache's commands for one issuer: a lock that is never held during a fetch, waiting
//! threads, and short-lived flight threads that fetch. Nothing runs between flights.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};

use super::cache::{Cache, Find, Reads, Refresh, Rules};
use super::fetch::Stop;
use super::jwks::{Miss, Wanted};
use super::source::{Failure, HeldSet, Source};
use super::sync::{Condvar, Mutex, MutexGuard};
use crate::os;
use crate::report::{EventKind, Events, Outcome};
use crate::status::Status;

/// How much longer than one flight a caller waits for its end to be told.
const WAIT_MARGIN_MS: u64 = 1_000;
pub(super) const UNKNOWN: i64 = i64::MIN;

/// What a caller may do while keys are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Wait for a flight, once.
    Allowed,
    /// Start a flight, and answer at once.
    Never,
    /// Judge by the keys that are held; start nothing.
    HeldOnly,
}

/// Where the search ended.
pub enum Search {
    Found(Guard<Option<Arc<HeldSet>>>),
    Pending,
    NotFound,
    Unusable(&'static str),
    Unavailable(Unavailable),
}

/// Nobody can say now: the status of the last failure where nothing is held, else KEYS_UNAVAILABLE.
pub struct Unavailable {
    pub status: Status,
    pub why: String,
    pub retry_after_ms: u64,
}

/// The answer to [`Driver::ready`].
pub enum Ready {
    Yes,
    Pending,
    No(Unavailable),
}

pub struct Driver {
    shared: ArcSwap<Shared>,
}

/// What is the same in every process.
pub struct Setup {
    pub issuer: String,
    pub source: Box<dyn Source>,
    pub rules: Rules,
    pub timeout_ms: u64,
    pub events: Arc<Events>,
}

/// The state of one process: a forked child begins anew with the keys that its parent held.
pub(super) struct Shared {
    pub(super) fixed: Arc<Fixed>,
    generation: u32,
    pub(super) held: ArcSwapOption<HeldSet>,
    /// Tokens of held keys take no lock before: also not through hours of an outage.
    quiet_until: AtomicU64,
    state: Mutex<State>,
    pub(super) landed: Condvar,
    pub(super) stop: Stop,
}

/// No lock in here.
pub(super) struct Fixed {
    pub(super) setup: Setup,
    pub(super) hasher: RandomState,
    pub(super) fetches: [AtomicU64; Outcome::ALL.len()],
    /// UNKNOWN until an answer told.
    pub(super) clock_offset_s: AtomicI64,
}

pub(super) struct State {
    pub(super) cache: Cache,
    pub(super) last_failure: Option<(Failure, u64)>,
    pub(super) stale_told: bool,
    pub(super) kept_at: Option<u64>,
    closed: bool,
}

/// A refresh that was asked for: what [`Driver::finish_refresh`] has to wait for.
pub struct Ticket {
    shared: Arc<Shared>,
    flight: Option<u64>,
    /// No thread could be had: the caller fetches.
    inline: Option<Reads>,
}

impl Driver {
    pub fn new(setup: Setup, held: Option<HeldSet>) -> Driver {
        let fixed = Fixed {
            setup,
            hasher: RandomState::new(),
            fetches: Default::default(),
            clock_offset_s: AtomicI64::new(UNKNOWN),
        };
        let shared = Shared::new(Arc::new(fixed), held.map(Arc::new));
        Driver { shared: ArcSwap::from_pointee(shared) }
    }

    /// The key set that has a key for this token, after at most one wait.
    pub fn find(&self, wanted: Wanted, waiting: Waiting) -> Search {
        let now = os::boot_ms();
        let shared = self.shared();
        let held = shared.held.load();
        if let Some(set) = held.as_ref()
            && now < set.until.usable_until
            && (now < set.until.refresh_at || now < shared.quiet_until.load(Ordering::Relaxed))
            && set.set.choose(wanted).is_ok()
        {
            return Search::Found(held);
        }
        drop(held);
        if waiting == Waiting::HeldOnly {
            return shared.held_only(wanted, now);
        }
        shared.search(wanted, waiting, now)
    }

    /// A key that was found did not do: the provider may have replaced it under the same id.
    pub fn suspect(&self) {
        let shared = self.shared();
        let mut state = shared.lock();
        if let Some(reads) = state.cache.suspect(os::boot_ms()) {
            shared.start_unwatched(&mut state, reads);
        }
    }

    /// Starts or joins a fetch for somebody who will wait in `finish_refresh`.
    pub fn begin_refresh(&self) -> Ticket {
        let shared = Arc::clone(&self.shared());
        let (flight, inline) = match shared.lock().cache.refresh(os::boot_ms()) {
            Refresh::Recent => (None, None),
            Refresh::Join(flight) => (Some(flight), None),
            Refresh::Start(flight, reads) => (Some(flight), Some(reads)),
        };
        let inline = inline.filter(|reads| !shared.start(*reads));
        Ticket { shared, flight, inline }
    }

    /// Blocks until the fetch has ended, and tells how; one that the caller would have to do itself
    /// is left undone after the deadline.
    pub fn finish_refresh(ticket: Ticket, deadline: u64) -> Result<(), Unavailable> {
        let Ticket { shared, flight, inline } = ticket;
        let late = os::boot_ms() >= deadline;
        if inline.is_some() && late {
            shared.lock().cache.abandoned();
            shared.landed.notify_all();
            return Err(Unavailable {
                status: Status::KEYS_PENDING,
                why: "there was no time left to fetch them".into(),
                retry_after_ms: WAIT_MARGIN_MS,
            });
        }
        if let Some(reads) = inline {
            drop(shared.fly(reads, false));
        }
        let mut state = shared.lock();
        if let Some(flight) = flight {
            let left_ms = deadline.saturating_sub(os::boot_ms());
            state = shared.wait(state, flight, left_ms);
        }
        match flight.is_some() && state.cache.in_flight() == flight {
            true => Err(Unavailable {
                status: Status::KEYS_PENDING,
                why: "the fetch has not ended in time".into(),
                retry_after_ms: WAIT_MARGIN_MS,
            }),
            false => shared.failure(&state).map_or(Ok(()), Err),
        }
    }

    /// Are keys held? Starts the first flight where they are missing, if it may. Says too whether a
    /// flight is under way.
    pub fn ready(&self, may_start: bool) -> (Ready, bool) {
        let now = os::boot_ms();
        let shared = self.shared();
        let mut state = shared.lock();
        if state.cache.usable(now) {
            return (Ready::Yes, false);
        }
        if may_start
            && let Some(reads) = state.cache.warm_up(now)
            && !shared.start(reads)
        {
            state.cache.abandoned();
        }
        let fetching = state.cache.in_flight().is_some();
        (shared.failure(&state).map_or(Ready::Pending, Ready::No), fetching)
    }

    pub fn timeout_ms(&self) -> u64 {
        self.shared().fixed.setup.timeout_ms
    }

    pub(super) fn shared(&self) -> Guard<Arc<Shared>> {
        let shared = self.shared.load();
        if shared.generation == os::fork_generation() {
            return shared;
        }
        // The locks and threads of the parent do not exist here; its keys are as good as they were.
        let fresh = Shared::new(shared.fixed.clone(), shared.held.load_full());
        self.shared.compare_and_swap(&*shared, Arc::new(fresh));
        self.shared.load()
    }
}

impl Drop for Driver {
    /// Cuts off a flight that is under way and does not wait for it: name resolution and connecting
    /// cannot be interrupted, the thread owns what it uses, and the library is never unmapped.
    fn drop(&mut self) {
        let shared = self.shared.load_full();
        if shared.generation != os::fork_generation() {
            return;
        }
        shared.lock().closed = true;
        shared.landed.notify_all();
        shared.stop.now();
    }
}

impl Shared {
    fn new(fixed: Arc<Fixed>, held: Option<Arc<HeldSet>>) -> Shared {
        let state = State {
            cache: Cache::new(fixed.setup.rules, held.as_ref().map(|held| held.until)),
            last_failure: None,
            stale_told: false,
            kept_at: None,
            closed: false,
        };
        Shared {
            fixed,
            generation: os::fork_generation(),
            held: ArcSwapOption::new(held),
            quiet_until: AtomicU64::new(0),
            state: Mutex::new(state),
            landed: Condvar::new(),
            stop: Stop::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn kid_hash(&self, kid: Option<&str>, alg: &str) -> u64 {
        match kid {
            Some(kid) => self.fixed.hasher.hash_one((1u8, kid)),
            None => self.fixed.hasher.hash_one((0u8, alg)),
        }
    }

    fn held_only(&self, wanted: Wanted, now: u64) -> Search {
        let held = self.held.load();
        match held.as_ref() {
            None => Search::Pending,
            Some(set) if now >= set.until.usable_until => Search::Unavailable(Unavailable {
                status: Status::KEYS_UNAVAILABLE,
                why: "the held keys are older than keys.ttl and keys.stale".into(),
                retry_after_ms: WAIT_MARGIN_MS,
            }),
            Some(set) => match set.set.choose(wanted) {
                Ok(_) => Search::Found(held),
                Err(Miss::NotFound) => Search::NotFound,
                Err(Miss::Unusable(why)) => Search::Unusable(why),
            },
        }
    }

    /// Try, wait, try: under the lock, which a flight never holds while it reads from the network.
    fn search(self: &Arc<Self>, wanted: Wanted, waiting: Waiting, now: u64) -> Search {
        let hash = self.kid_hash(wanted.kid, wanted.alg.name());
        let mut state = self.lock();
        let mut now = now;
        let mut may_wait = waiting == Waiting::Allowed;
        let mut waited = false;
        loop {
            let held = self.held.load();
            let choice = held.as_ref().map(|held| held.set.choose(wanted).err());
            // A key of that name that may not be used: the answer is known, nobody waits for
            // another.
            if let Some(Some(Miss::Unusable(why))) = choice
                && state.cache.usable(now)
            {
                return Search::Unusable(why);
            }
            let has_key = matches!(choice, Some(None));
            // A set that was fetched for this very caller and lacks the key: it is not published.
            if waited && !has_key && state.last_failure.is_none() && state.cache.usable(now) {
                return Search::NotFound;
            }
            let (find, command) = state.cache.find(has_key, hash, now);
            if state.cache.tell_limited(now) {
                let why = "unknown key ids are answered without a fetch (keys.cooldown)";
                self.event(EventKind::CooldownHit, why.to_owned());
            }
            if let (false, Some(reads)) = (matches!(find, Find::Wait(_)), command) {
                self.start_unwatched(&mut state, reads);
            }
            match find {
                Find::Key => {
                    self.quiet_until.store(state.cache.quiet_until(now), Ordering::Relaxed);
                    return Search::Found(held);
                }
                Find::NotFound => return Search::NotFound,
                Find::Unavailable { retry_after_ms } => {
                    return Search::Unavailable(self.unavailable(&state, now, retry_after_ms));
                }
                Find::Wait(flight) => {
                    drop(held);
                    let inline = command.filter(|reads| !self.start(*reads));
                    if !may_wait {
                        if inline.is_some() {
                            state.cache.abandoned();
                        }
                        return Search::Pending;
                    }
                    state = match inline {
                        None => self.wait(state, flight, u64::MAX),
                        Some(reads) => {
                            drop(state);
                            drop(self.fly(reads, false));
                            self.lock()
                        }
                    };
                    (may_wait, waited) = (false, true);
                    now = os::boot_ms();
                }
            }
        }
    }

    fn unavailable(&self, state: &State, now: u64, retry_after_ms: u64) -> Unavailable {
        let never = || Failure::unavailable("no key set was fetched yet");
        let failure =
            state.last_failure.as_ref().map_or_else(never, |(failure, _)| failure.clone());
        let status = match state.cache.usable(now) {
            // Keys are held, but not the one asked for.
            true => Status::KEYS_UNAVAILABLE,
            false => failure.status,
        };
        Unavailable { status, why: failure.why, retry_after_ms }
    }

    /// How the last fetch failed, if it did.
    fn failure(&self, state: &State) -> Option<Unavailable> {
        let (failure, _) = state.last_failure.as_ref()?;
        let now = os::boot_ms();
        let retry_after_ms = state.cache.retry_at(now).unwrap_or(now).saturating_sub(now);
        let Failure { status, why, .. } = failure.clone();
        Some(Unavailable { status, why, retry_after_ms })
    }

    /// At most as long as one flight takes, and as the caller has time, and a second.
    fn wait<'s>(
        &'s self,
        state: MutexGuard<'s, State>,
        flight: u64,
        left_ms: u64,
    ) -> MutexGuard<'s, State> {
        let limit_ms = self.fixed.setup.timeout_ms.min(left_ms).saturating_add(WAIT_MARGIN_MS);
        let running = |state: &mut State| state.cache.in_flight() == Some(flight) && !state.closed;
        let waited =
            self.landed.wait_timeout_while(state, Duration::from_millis(limit_ms), running);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
