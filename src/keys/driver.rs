//! Runs the commands of the cache for one issuer: starts flights, lets callers wait for them, keeps
//! the set that is held where every thread reads it without a lock.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};

use super::KeySettings;
use super::cache::{Cache, Find, Held, Reads, Rules};
use super::discovery;
use super::fetch::{Answer, Client, Document, Failed, PlainHttp, Stop, Url};
use super::jwks::{KeySet, Miss, Wanted};
use crate::config::Name;
use crate::os;
use crate::status::Status;
use crate::verdict::quote;

/// How much longer than one flight a caller waits for its end to be told.
const WAIT_MARGIN_MS: u64 = 1_000;

pub struct HeldSet {
    pub set: KeySet,
    until: Held,
}

/// Why no set came.
#[derive(Clone)]
struct Failure {
    status: Status,
    why: String,
    retry_after_ms: Option<u64>,
}

/// Where the set was, the set, and how long it may be kept.
type Fetched = (Url, KeySet, Option<u64>);

/// What a caller may do while keys are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Wait for a flight, once.
    Allowed,
    /// Judge by the keys that are held; start nothing.
    HeldOnly,
}

/// Where the search ended.
pub enum Search {
    Found(Guard<Option<Arc<HeldSet>>>),
    Pending,
    NotFound,
    Unusable(&'static str),
    /// The status of the last failure where nothing is held, else KEYS_UNAVAILABLE; and why.
    Unavailable(Status, String, u64),
}

pub struct Driver {
    shared: ArcSwap<Shared>,
}

/// The state of one process: a forked child begins anew with the keys that its parent held.
struct Shared {
    issuer: Name,
    settings: Arc<KeySettings>,
    generation: u32,
    stop: Stop,
    hasher: RandomState,
    held: ArcSwapOption<HeldSet>,
    state: Mutex<State>,
    landed: Condvar,
}

struct State {
    cache: Cache,
    last_failure: Option<Failure>,
    /// Where the key set is, once discovery told.
    jwks_uri: Option<Url>,
    closed: bool,
}

impl Driver {
    pub fn new(issuer: Name, settings: Arc<KeySettings>) -> Driver {
        let shared = Shared::new(issuer, settings, RandomState::new(), None);
        Driver { shared: ArcSwap::from_pointee(shared) }
    }

    /// The key set that has a key for this token, after at most one wait.
    pub fn find(&self, wanted: Wanted, waiting: Waiting) -> Search {
        let now = os::boot_ms();
        let shared = self.shared();
        let held = shared.held.load();
        if let Some(set) = held.as_ref()
            && now < set.until.refresh_at
            && set.set.choose(wanted).is_ok()
        {
            return Search::Found(held);
        }
        drop(held);
        if waiting == Waiting::HeldOnly {
            return shared.held_only(wanted, now);
        }
        shared.search(wanted, now)
    }

    /// A key that was found did not do: the provider may have replaced it under the same id.
    pub fn suspect(&self) {
        let shared = self.shared();
        let mut state = shared.lock();
        if let Some(reads) = state.cache.suspect(os::boot_ms()) {
            shared.start_flight(&mut state, reads);
        }
    }

    fn shared(&self) -> Guard<Arc<Shared>> {
        let shared = self.shared.load();
        if shared.generation == os::fork_generation() {
            return shared;
        }
        // The locks and threads of the parent do not exist here; its keys are as good as they were.
        let held = shared.held.load_full();
        let fresh = Shared::new(
            shared.issuer.clone(),
            shared.settings.clone(),
            shared.hasher.clone(),
            held,
        );
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
    fn new(
        issuer: Name,
        settings: Arc<KeySettings>,
        hasher: RandomState,
        held: Option<Arc<HeldSet>>,
    ) -> Shared {
        let rules = Rules {
            ttl_ms: settings.ttl_ms,
            stale_ms: settings.stale_ms,
            cooldown_ms: settings.cooldown_ms,
        };
        let state = State {
            cache: Cache::new(rules, held.as_ref().map(|held| held.until)),
            last_failure: None,
            jwks_uri: settings.jwks_uri.clone(),
            closed: false,
        };
        Shared {
            issuer,
            stop: Stop::default(),
            settings,
            generation: os::fork_generation(),
            hasher,
            held: ArcSwapOption::new(held),
            state: Mutex::new(state),
            landed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kid_hash(&self, wanted: Wanted) -> u64 {
        match wanted.kid {
            Some(kid) => self.hasher.hash_one((1u8, kid)),
            None => self.hasher.hash_one((0u8, wanted.alg.name())),
        }
    }

    fn held_only(&self, wanted: Wanted, now: u64) -> Search {
        let held = self.held.load();
        match held.as_ref() {
            None => Search::Pending,
            Some(set) if now >= set.until.usable_until => {
                let why = "the held keys are older than keys.ttl and keys.stale".to_owned();
                Search::Unavailable(Status::KEYS_UNAVAILABLE, why, 1_000)
            }
            Some(set) => match set.set.choose(wanted) {
                Ok(_) => Search::Found(held),
                Err(Miss::NotFound) => Search::NotFound,
                Err(Miss::Unusable(why)) => Search::Unusable(why),
            },
        }
    }

    /// Try, wait, try: under the lock, which a flight never holds while it reads from the network.
    fn search(self: &Arc<Self>, wanted: Wanted, now: u64) -> Search {
        let hash = self.kid_hash(wanted);
        let mut state = self.lock();
        let mut now = now;
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
            if let Some(reads) = command {
                self.start_flight(&mut state, reads);
            }
            match find {
                Find::Key => return Search::Found(held),
                Find::NotFound => return Search::NotFound,
                Find::Unavailable { retry_after_ms } => {
                    return self.unavailable(&state, now, retry_after_ms);
                }
                Find::Wait(_) if waited => return Search::Pending,
                Find::Wait(flight) => {
                    drop(held);
                    state = self.wait(state, flight);
                    waited = true;
                    now = os::boot_ms();
                }
            }
        }
    }

    fn unavailable(&self, state: &State, now: u64, retry_after_ms: u64) -> Search {
        let (status, why) = match &state.last_failure {
            Some(failure) => (failure.status, failure.why.clone()),
            None => (Status::KEYS_UNAVAILABLE, "no key set was fetched yet".to_owned()),
        };
        match state.cache.usable(now) {
            // Keys are held, but not the one asked for.
            true => Search::Unavailable(Status::KEYS_UNAVAILABLE, why, retry_after_ms),
            false => Search::Unavailable(status, why, retry_after_ms),
        }
    }

    fn wait<'s>(&'s self, state: MutexGuard<'s, State>, flight: u64) -> MutexGuard<'s, State> {
        let limit_ms = self.settings.timeout_ms.saturating_add(WAIT_MARGIN_MS);
        let running = |state: &mut State| state.cache.in_flight() == Some(flight) && !state.closed;
        let waited =
            self.landed.wait_timeout_while(state, Duration::from_millis(limit_ms), running);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn start_flight(self: &Arc<Self>, state: &mut State, reads: Reads) {
        let shared = self.clone();
        let known = state.jwks_uri.clone();
        let fly = move || shared.fly(reads, known);
        match os::spawn_quiet("libauth-keys", fly) {
            // Nobody joins it: a forked child would hold a handle to a thread that it has not.
            Ok(_) => {}
            // No thread can be had: told as a failed fetch, tried again after the back-off.
            Err(_) => {
                let why = "no thread could be started to fetch the keys".to_owned();
                let failure =
                    Failure { status: Status::KEYS_UNAVAILABLE, why, retry_after_ms: None };
                self.failed(state, failure);
            }
        }
    }

    /// The body of a flight thread. Whatever happens in it, it ends and its end is told.
    fn fly(&self, reads: Reads, known: Option<Url>) {
        let deadline = os::boot_ms().saturating_add(self.settings.timeout_ms);
        let client = Client::new(&self.settings.reach, &self.stop);
        let whole = || self.land(self.fetch(&client, reads, known, deadline));
        if catch_unwind(AssertUnwindSafe(whole)).is_err() {
            let why = "a defect of this library ended the fetch".to_owned();
            self.land(Err(Failure { status: Status::KEYS_UNAVAILABLE, why, retry_after_ms: None }));
        }
        self.landed.notify_all();
    }

    fn land(&self, fetched: Result<Fetched, Failure>) {
        match fetched {
            Ok((uri, set, max_age_ms)) => {
                let kids = set.keys.iter().filter(|key| key.usable.is_ok());
                let kids = kids.filter_map(|key| key.kid.as_deref());
                let hashes: Vec<u64> = kids.map(|kid| self.hasher.hash_one((1u8, kid))).collect();
                let now = os::boot_ms();
                let spread = self.hasher.hash_one(now);
                let mut state = self.lock();
                let brought = |hash: u64| hashes.contains(&hash);
                let until = state.cache.landed(max_age_ms, brought, spread, now);
                state.last_failure = None;
                state.jwks_uri = Some(uri);
                self.held.store(Some(Arc::new(HeldSet { set, until })));
            }
            Err(failure) => self.failed(&mut self.lock(), failure),
        }
    }

    fn failed(&self, state: &mut State, failure: Failure) {
        state.cache.failed(failure.retry_after_ms, os::boot_ms());
        state.last_failure = Some(failure);
    }

    fn fetch(
        &self,
        client: &Client,
        reads: Reads,
        known: Option<Url>,
        deadline: u64,
    ) -> Result<Fetched, Failure> {
        if reads == Reads::Keys
            && let Some(uri) = known
        {
            match self.fetch_keys(client, &uri, deadline) {
                Ok((set, max_age_ms)) => return Ok((uri, set, max_age_ms)),
                // The set may have moved: an HTTP answer is a reason to ask discovery again.
                Err((failure, true)) if self.settings.jwks_uri.is_none() => drop(failure),
                Err((failure, _)) => return Err(failure),
            }
        }
        let uri = match &self.settings.jwks_uri {
            Some(uri) => uri.clone(),
            None => self.discover(client, deadline)?,
        };
        match self.fetch_keys(client, &uri, deadline) {
            Ok((set, max_age_ms)) => Ok((uri, set, max_age_ms)),
            Err((failure, _)) => Err(failure),
        }
    }

    /// A failure says with `true` that an HTTP answer came.
    fn fetch_keys(
        &self,
        client: &Client,
        uri: &Url,
        deadline: u64,
    ) -> Result<(KeySet, Option<u64>), (Failure, bool)> {
        let failure = |why: String, retry_after_ms| Failure {
            status: Status::KEYS_UNAVAILABLE,
            why: format!("the key set {} {why}", quote(&uri.as_text())),
            retry_after_ms,
        };
        match self.get(client, uri, deadline) {
            Ok(document) => match KeySet::parse(&document.body) {
                Ok(set) => Ok((set, document.max_age_ms)),
                Err(why) => Err((failure(format!("is no use: {why}"), None), true)),
            },
            Err(Failed::Transport(why)) => Err((failure(why, None), false)),
            Err(Failed::Answer { why, retry_after_ms }) => {
                Err((failure(why, retry_after_ms), true))
            }
        }
    }

    fn get(&self, client: &Client, url: &Url, deadline: u64) -> Result<Document, Failed> {
        let left_ms = deadline.saturating_sub(os::boot_ms());
        if left_ms == 0 {
            return Err(Failed::Transport("was not asked: no time left (`keys.timeout`)".into()));
        }
        match client.get(url, None, Duration::from_millis(left_ms))? {
            Answer::Document(document) => Ok(document),
            Answer::NotModified { .. } => {
                Err(Failed::Transport("answered 304 without being asked".into()))
            }
        }
    }

    fn discover(&self, client: &Client, deadline: u64) -> Result<Url, Failure> {
        let mut told = Vec::new();
        let mut retry = None;
        for url in &self.settings.metadata_urls {
            let name = quote(&url.as_text());
            let (status, why) = match self.get(client, url, deadline) {
                Ok(document) => match self.read_metadata(url, &document.body) {
                    Ok(uri) => return Ok(uri),
                    Err(told) => told,
                },
                Err(Failed::Answer { why, retry_after_ms }) => {
                    retry = retry.max(retry_after_ms);
                    (Status::DISCOVERY_FAILED, why)
                }
                Err(Failed::Transport(why)) => {
                    told.push(format!("{name} {why}"));
                    break;
                }
            };
            told.push(format!("{name} {why}"));
            if status == Status::DISCOVERY_ISSUER_MISMATCH {
                return Err(Failure { status, why: told.join("; "), retry_after_ms: None });
            }
        }
        let why = told.join("; ");
        Err(Failure { status: Status::DISCOVERY_FAILED, why, retry_after_ms: retry })
    }

    fn read_metadata(&self, from: &Url, body: &[u8]) -> Result<Url, (Status, String)> {
        let text = discovery::jwks_uri(body, &self.issuer)?;
        let failed = |why: &str| {
            (Status::DISCOVERY_FAILED, format!("names jwks_uri {}, which {why}", quote(&text)))
        };
        let reach = &self.settings.reach;
        let uri = Url::parse(&text, PlainHttp::Always).map_err(failed)?;
        let target = reach.target(&uri);
        target.check(reach.http).map_err(failed)?;
        // A remote document must not aim us at local ports.
        if reach.target(from).is_https() && !target.is_https() {
            return Err(failed("is plain http while the metadata came by https"));
        }
        Ok(uri)
    }
}
