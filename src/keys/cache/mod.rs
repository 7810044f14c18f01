//! What is known about one issuer's keys, as a pure state machine: events and the time in, answers
//! and commands out. No clock, thread, lock or socket in here. Times are milliseconds of one clock.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

/// The longest that a refused key id is remembered, and how many are.
const MISSING_MS: u64 = 60_000;
const MISSING_MAX: usize = 64;
/// So many unknown key ids may wait for one flight while keys are held: junk ids must not park
/// every request of a server behind a slow provider.
const JOINED_MAX: usize = 4;
const BACK_OFF_MIN_MS: u64 = 1_000;
const BACK_OFF_MAX_MS: u64 = 60_000;
/// A `max-age` below this does not make the provider be asked more often.
const MAX_AGE_FLOOR_MS: u64 = 60_000;
/// A bad signature under a known key id asks for new keys at most this often.
const SUSPECT_MS: u64 = 30_000;
/// Who asks for a refresh this soon after one is told how that one ended.
const RECENT_MS: u64 = 2_000;
/// How long the lock is left alone while a flight is under way.
const QUIET_MS: u64 = 100;
/// That unknown key ids are held off is told at most this often.
const LIMITED_TOLD_MS: u64 = 60_000;

#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub ttl_ms: u64,
    pub stale_ms: u64,
    pub cooldown_ms: u64,
}

/// What a flight reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    DiscoveryAndKeys,
    /// The place of the key set is known: an unknown key id asks for the set alone.
    Keys,
}

/// The answer to [`Cache::find`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// The held set has the key and may be used.
    Key,
    /// The flight of this number may bring it.
    Wait(u64),
    NotFound,
    /// Nobody can say now.
    Unavailable {
        retry_after_ms: u64,
    },
}

/// The answer to [`Cache::refresh`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// The flight of this number is under way.
    Join(u64),
    /// A flight ended just now: its result is the answer.
    Recent,
    /// A flight of this number is to be started now.
    Start(u64, Reads),
}

/// Until when a held set serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// From here on a use of it starts a refresh in the background.
    pub refresh_at: u64,
    /// From here on it is stale.
    pub fresh_until: u64,
    /// From here on it may not be used.
    pub usable_until: u64,
}

impl Held {
    /// A set that was fetched `age_ms` ago, by an earlier process.
    pub fn aged(rules: &Rules, age_ms: u64, now: u64) -> Held {
        let left = |time_ms: u64| now.saturating_add(time_ms.saturating_sub(age_ms));
        Held {
            refresh_at: left((rules.ttl_ms / 5).saturating_mul(4)),
            fresh_until: left(rules.ttl_ms),
            usable_until: left(rules.ttl_ms.saturating_add(rules.stale_ms)),
        }
    }
}

#[derive(Debug)]
struct Flight {
    number: u64,
    reads: Reads,
    /// The key id that it was started for.
    asked: Option<u64>,
    /// Those that wait for it, the first included.
    joined: Vec<u64>,
}

/// A key id that the provider did not have.
#[derive(Clone, Copy, Debug)]
struct Missing {
    id: u64,
    until: u64,
    time_ms: u64,
}

#[derive(Debug)]
pub struct Cache {
    rules: Rules,
    held: Option<Held>,
    flight: Option<Flight>,
    flights: u64,
    /// The last finished fetch failed.
    failed: bool,
    back_off_ms: u64,
    retry_at: u64,
    ended: Option<u64>,
    /// A flight was due and could not be started: the next refresh makes up for it.
    owed: bool,
    unknown_started: Option<u64>,
    suspect_started: Option<u64>,
    missing: VecDeque<Missing>,
    /// An unknown key id was held off since it was last told.
    limited: bool,
    limited_told: Option<u64>,
}

impl Cache {
    pub fn new(rules: Rules, held: Option<Held>) -> Cache {
        Cache {
            rules,
            held,
            flight: None,
            flights: 0,
            failed: false,
            back_off_ms: 0,
            retry_at: 0,
            ended: None,
            owed: false,
            unknown_started: None,
            suspect_started: None,
            missing: VecDeque::new(),
            limited: false,
            limited_told: None,
        }
    }

    /// Where the key of a token stands. `has_key`: the held set has it; `kid`: a hash of the key
    /// id. The second part says that a flight is to be started now; nobody waits for it unless the
    /// first says so.
    pub fn find(&mut self, has_key: bool, kid: u64, now: u64) -> (Find, Option<Reads>) {
        let usable = self.held.is_some_and(|held| now < held.usable_until);
        if usable && has_key {
            return (Find::Key, self.refresh_ahead(now));
        }
        // Before a flight is joined: nobody waits for a second one after the first has answered.
        let missing = |missing: &Missing| missing.id == kid && now < missing.until;
        if usable && !self.failed && self.missing.iter().any(missing) {
            return (Find::NotFound, self.refresh_ahead(now));
        }
        if let Some(flight) = &mut self.flight {
            let limit = if usable { JOINED_MAX } else { MISSING_MAX };
            let known = flight.joined.contains(&kid);
            if !known && flight.joined.len() < limit {
                flight.joined.push(kid);
            } else if !known && usable {
                self.limited = true;
                return (self.not_found(now), None);
            }
            return (Find::Wait(flight.number), None);
        }
        if self.rests(now) {
            return (self.unavailable(now), None);
        }
        if usable {
            let due = |at: u64| now >= at.saturating_add(self.rules.cooldown_ms);
            if !self.unknown_started.is_none_or(due) {
                self.limited = true;
                return (self.not_found(now), self.refresh_ahead(now));
            }
            self.unknown_started = Some(now);
        }
        // Where the set is due anyway, discovery too: after a move all tokens name new keys.
        let fresh = self.held.is_some_and(|held| now < held.refresh_at);
        let reads = match fresh && !self.failed {
            true => Reads::Keys,
            false => Reads::DiscoveryAndKeys,
        };
        (Find::Wait(self.start(reads, Some(kid))), Some(reads))
    }

    /// A known key did not verify a signature, or may not be used: the provider may have replaced
    /// it under the same id. Nobody waits for this flight.
    pub fn suspect(&mut self, now: u64) -> Option<Reads> {
        let recent = self.suspect_started.is_some_and(|at| now < at.saturating_add(SUSPECT_MS));
        if recent || self.flight.is_some() || self.rests(now) {
            return None;
        }
        self.suspect_started = Some(now);
        self.start(Reads::Keys, None);
        Some(Reads::Keys)
    }

    /// Somebody asks for fresh keys, back-off or not.
    pub fn refresh(&mut self, now: u64) -> Refresh {
        if let Some(flight) = &self.flight {
            return Refresh::Join(flight.number);
        }
        let recent = self.ended.is_some_and(|at| now < at.saturating_add(RECENT_MS));
        if recent && !self.owed {
            return Refresh::Recent;
        }
        Refresh::Start(self.start(Reads::DiscoveryAndKeys, None), Reads::DiscoveryAndKeys)
    }

    /// A first flight before any token, where nothing is held.
    pub fn warm_up(&mut self, now: u64) -> Option<Reads> {
        if self.usable(now) || self.flight.is_some() || self.rests(now) {
            return None;
        }
        self.start(Reads::DiscoveryAndKeys, None);
        Some(Reads::DiscoveryAndKeys)
    }

    /// The flight that was just started could not be, and nobody waits for it.
    pub fn abandoned(&mut self) {
        let unknown = self.flight.take().is_some_and(|flight| flight.asked.is_some());
        if unknown {
            self.unknown_started = None;
        }
        self.owed = true;
    }

    /// A flight brought a set. `brought` tells of a key id whether the set has it;
    /// `spread` is a random number that keeps many processes from refreshing at the same moment.
    pub fn landed(
        &mut self,
        max_age_ms: Option<u64>,
        brought: impl Fn(u64) -> bool,
        spread: u64,
        now: u64,
    ) -> Held {
        let asked = max_age_ms.unwrap_or(u64::MAX).max(MAX_AGE_FLOOR_MS);
        let ttl = self.rules.ttl_ms.min(asked);
        // 75 to 85 % of the time to live.
        let percent = 75u64.saturating_add(spread.checked_rem(11).unwrap_or(0));
        let ahead = ttl.saturating_mul(percent) / 100;
        let flight = self.flight.take();
        // A flight that read the set alone does not put off the next discovery: unknown key ids,
        // which anybody can send, would hide for ever that the set has moved.
        let keys_alone = flight.as_ref().is_some_and(|flight| flight.reads == Reads::Keys);
        let due = self.held.filter(|_| keys_alone).map_or(u64::MAX, |held| held.refresh_at);
        let fresh_until = now.saturating_add(ttl);
        let held = Held {
            refresh_at: now.saturating_add(ahead).min(due),
            fresh_until,
            usable_until: fresh_until.saturating_add(self.rules.stale_ms),
        };
        self.held = Some(held);
        self.failed = false;
        self.back_off_ms = 0;
        self.retry_at = 0;
        self.ended(now);
        self.missing.retain(|missing| !brought(missing.id));
        if let Some(flight) = flight {
            self.remember_missing(&flight, brought, now);
        }
        held
    }

    fn remember_missing(&mut self, flight: &Flight, brought: impl Fn(u64) -> bool, now: u64) {
        for id in flight.joined.iter().filter(|id| !brought(**id)) {
            let place = self.missing.iter().position(|missing| missing.id == *id);
            let last = place.and_then(|place| self.missing.remove(place));
            // It may be published at any moment, and was asked for again soon the first time; who
            // goes on naming it is told from memory ever longer. One that joined late may have
            // been published after the answer was made.
            let again = last.filter(|_| flight.asked == Some(*id)).map_or(0, |last| last.time_ms);
            let time_ms =
                again.saturating_mul(2).clamp(self.rules.cooldown_ms.min(MISSING_MS), MISSING_MS);
            if self.missing.len() == MISSING_MAX {
                self.missing.pop_front();
            }
            let until = now.saturating_add(time_ms);
            self.missing.push_back(Missing { id: *id, until, time_ms });
        }
    }

    /// A flight failed. The set that is held stays.
    pub fn failed(&mut self, retry_after_ms: Option<u64>, now: u64) {
        self.flight = None;
        self.failed = true;
        self.ended(now);
        let serving = self.held.is_some_and(|held| now < held.usable_until);
        self.back_off_ms = match serving {
            true => self.back_off_ms.saturating_mul(2).clamp(BACK_OFF_MIN_MS, BACK_OFF_MAX_MS),
            false => BACK_OFF_MIN_MS,
        };
        let asked = if serving { retry_after_ms.unwrap_or(0).min(BACK_OFF_MAX_MS) } else { 0 };
        self.retry_at = now.saturating_add(self.back_off_ms.max(asked));
    }

    /// The number of the flight that is under way.
    pub fn in_flight(&self) -> Option<u64> {
        self.flight.as_ref().map(|flight| flight.number)
    }

    /// Until when a token of a held key changes nothing here: nothing is due, or it is under way.
    pub fn quiet_until(&self, now: u64) -> u64 {
        let due = self.held.map_or(0, |held| held.refresh_at);
        let under_way = self.flight.as_ref().map_or(0, |_| now.saturating_add(QUIET_MS));
        due.max(under_way).max(self.retry_at(now).unwrap_or(0))
    }

    /// When the next attempt is allowed, where that is not now.
    pub fn retry_at(&self, now: u64) -> Option<u64> {
        let at = match self.usable(now) {
            true => self.retry_at,
            // What was agreed while keys were held holds no longer.
            false => self.retry_at.min(self.ended.unwrap_or(0).saturating_add(BACK_OFF_MIN_MS)),
        };
        (now < at).then_some(at)
    }

    fn rests(&self, now: u64) -> bool {
        self.retry_at(now).is_some()
    }

    /// Unknown key ids are held off, and it is time to tell so.
    pub fn tell_limited(&mut self, now: u64) -> bool {
        let due = |at: u64| now >= at.saturating_add(LIMITED_TOLD_MS);
        let tell = self.limited && self.limited_told.is_none_or(due);
        self.limited = false;
        if tell {
            self.limited_told = Some(now);
        }
        tell
    }

    /// May the held set be used at all?
    pub fn usable(&self, now: u64) -> bool {
        self.held.is_some_and(|held| now < held.usable_until)
    }

    fn refresh_ahead(&mut self, now: u64) -> Option<Reads> {
        let due = self.held.is_some_and(|held| now >= held.refresh_at);
        if !due || self.flight.is_some() || self.rests(now) {
            return None;
        }
        self.start(Reads::DiscoveryAndKeys, None);
        Some(Reads::DiscoveryAndKeys)
    }

    fn ended(&mut self, now: u64) {
        self.ended = Some(now);
        self.owed = false;
    }

    fn start(&mut self, reads: Reads, asked: Option<u64>) -> u64 {
        self.flights = self.flights.saturating_add(1);
        let joined = asked.into_iter().collect();
        self.flight = Some(Flight { number: self.flights, reads, asked, joined });
        self.flights
    }

    /// "There is no such key" can be said only while the last fetch was good.
    fn not_found(&self, now: u64) -> Find {
        if self.failed { self.unavailable(now) } else { Find::NotFound }
    }

    fn unavailable(&self, now: u64) -> Find {
        let at = self.retry_at(now).unwrap_or(now);
        Find::Unavailable { retry_after_ms: at.saturating_sub(now).max(1) }
    }
}
