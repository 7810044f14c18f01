//! What is known about one issuer's keys, as a pure state machine: events and the time in, answers
//! and commands out. No clock, thread, lock or socket in here. Times are milliseconds of one clock.

use std::collections::VecDeque;

/// How long a refused key id is remembered, and how many are.
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

/// Until when a held set serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// From here on a use of it starts a refresh in the background.
    pub refresh_at: u64,
    /// From here on it may not be used.
    pub usable_until: u64,
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
    unknown_started: Option<u64>,
    suspect_started: Option<u64>,
    missing: VecDeque<(u64, u64)>,
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
            unknown_started: None,
            suspect_started: None,
            missing: VecDeque::new(),
        }
    }

    /// Where the key of a token stands. `has_key`: the held set has it; `kid`: a hash of the key
    /// id. The second part says that a flight is to be started now.
    pub fn find(&mut self, has_key: bool, kid: u64, now: u64) -> (Find, Option<Reads>) {
        let usable = self.held.is_some_and(|held| now < held.usable_until);
        if usable && has_key {
            return (Find::Key, self.refresh_ahead(now));
        }
        if let Some(flight) = &mut self.flight {
            let limit = if usable { JOINED_MAX } else { MISSING_MAX };
            let known = flight.joined.contains(&kid);
            if !known && flight.joined.len() < limit {
                flight.joined.push(kid);
            } else if !known && usable {
                return (self.not_found(now), None);
            }
            return (Find::Wait(flight.number), None);
        }
        if now < self.retry_at {
            return (self.unavailable(now), None);
        }
        if usable {
            if !self.failed && self.missing.iter().any(|(id, until)| *id == kid && now < *until) {
                return (Find::NotFound, None);
            }
            let due = |at: u64| now >= at.saturating_add(self.rules.cooldown_ms);
            if !self.unknown_started.is_none_or(due) {
                return (self.not_found(now), None);
            }
            self.unknown_started = Some(now);
        }
        let reads = match usable && !self.failed {
            true => Reads::Keys,
            false => Reads::DiscoveryAndKeys,
        };
        (Find::Wait(self.start(reads, Some(kid))), Some(reads))
    }

    /// A known key did not verify a signature, or may not be used: the provider may have replaced
    /// it under the same id. Nobody waits for this flight.
    pub fn suspect(&mut self, now: u64) -> Option<Reads> {
        let recent = self.suspect_started.is_some_and(|at| now < at.saturating_add(SUSPECT_MS));
        if recent || self.flight.is_some() || now < self.retry_at {
            return None;
        }
        self.suspect_started = Some(now);
        self.start(Reads::Keys, None);
        Some(Reads::Keys)
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
        let held = Held {
            refresh_at: now.saturating_add(ahead).min(due),
            usable_until: now.saturating_add(ttl).saturating_add(self.rules.stale_ms),
        };
        self.held = Some(held);
        self.failed = false;
        self.back_off_ms = 0;
        self.retry_at = 0;
        self.missing.retain(|(id, until)| now < *until && !brought(*id));
        // Only the key id that was there before the provider was asked is known to be missing: one
        // that joined later may have been published after the answer was made.
        let asked = flight.and_then(|flight| flight.asked);
        if let Some(id) = asked.filter(|id| !brought(*id)) {
            if self.missing.len() == MISSING_MAX {
                self.missing.pop_front();
            }
            self.missing.push_back((id, now.saturating_add(MISSING_MS)));
        }
        held
    }

    /// A flight failed. The set that is held stays.
    pub fn failed(&mut self, retry_after_ms: Option<u64>, now: u64) {
        self.flight = None;
        self.failed = true;
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

    /// May the held set be used at all?
    pub fn usable(&self, now: u64) -> bool {
        self.held.is_some_and(|held| now < held.usable_until)
    }

    fn refresh_ahead(&mut self, now: u64) -> Option<Reads> {
        let due = self.held.is_some_and(|held| now >= held.refresh_at);
        if !due || self.flight.is_some() || now < self.retry_at {
            return None;
        }
        self.start(Reads::DiscoveryAndKeys, None);
        Some(Reads::DiscoveryAndKeys)
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
        Find::Unavailable { retry_after_ms: self.retry_at.saturating_sub(now).max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { ttl_ms: 600_000, stale_ms: 86_400_000, cooldown_ms: 2_000 };
    const KNOWN: u64 = 1;

    fn land(cache: &mut Cache, now: u64) -> Held {
        cache.landed(None, |id| id == KNOWN, 5, now)
    }

    fn warm() -> Cache {
        let mut cache = Cache::new(RULES, None);
        cache.find(false, KNOWN, 0);
        land(&mut cache, 0);
        cache
    }

    #[test]
    fn cold_callers_share_one_flight() {
        let mut cache = Cache::new(RULES, None);
        let first = cache.find(false, KNOWN, 0);
        assert_eq!(first, (Find::Wait(1), Some(Reads::DiscoveryAndKeys)));
        for kid in 0..200 {
            assert_eq!(cache.find(false, kid, 1), (Find::Wait(1), None));
        }
        land(&mut cache, 50);
        assert_eq!(cache.find(true, KNOWN, 51), (Find::Key, None));
    }

    #[test]
    fn unknown_key_ids_cost_one_flight_a_cooldown_and_are_remembered() {
        let mut cache = warm();
        assert_eq!(cache.find(false, 7, 10), (Find::Wait(2), Some(Reads::Keys)));
        land(&mut cache, 20);
        assert_eq!(cache.find(false, 7, 30), (Find::NotFound, None), "remembered");
        assert_eq!(cache.find(false, 8, 30), (Find::NotFound, None), "cooldown");
        assert_eq!(cache.find(false, 8, 2_010), (Find::Wait(3), Some(Reads::Keys)));
        land(&mut cache, 2_020);
        assert_eq!(cache.find(false, 7, 10_000), (Find::NotFound, None), "still remembered");
        assert_eq!(cache.find(false, 7, 60_021), (Find::Wait(4), Some(Reads::Keys)), "forgotten");
    }

    #[test]
    fn a_key_id_that_came_during_a_flight_is_not_remembered_as_missing() {
        let mut cache = warm();
        cache.find(false, 7, 10);
        assert_eq!(cache.find(false, 8, 15), (Find::Wait(2), None));
        land(&mut cache, 20);
        assert_eq!(cache.find(false, 8, 21), (Find::NotFound, None), "cooldown");
        assert_eq!(cache.find(false, 8, 2_010), (Find::Wait(3), Some(Reads::Keys)));
    }

    #[test]
    fn a_fifth_unknown_key_id_does_not_wait_for_a_running_flight() {
        let mut cache = warm();
        cache.find(false, 10, 10);
        for kid in 11..14 {
            assert_eq!(cache.find(false, kid, 11), (Find::Wait(2), None));
        }
        assert_eq!(cache.find(false, 14, 11), (Find::NotFound, None));
        assert_eq!(cache.find(false, 10, 11), (Find::Wait(2), None), "the first goes on waiting");
        assert_eq!(cache.find(true, KNOWN, 11), (Find::Key, None), "a known key never waits");
    }

    #[test]
    fn a_failure_never_takes_a_held_key_away() {
        let mut cache = warm();
        assert_eq!(cache.find(true, KNOWN, 590_000), (Find::Key, Some(Reads::DiscoveryAndKeys)));
        cache.failed(None, 590_100);
        assert_eq!(cache.find(true, KNOWN, 590_200), (Find::Key, None), "back-off");
        assert_eq!(cache.find(true, KNOWN, 591_100), (Find::Key, Some(Reads::DiscoveryAndKeys)));
        let usable_until = 600_000 + 86_400_000;
        cache.failed(None, 591_200);
        assert_eq!(cache.find(true, KNOWN, usable_until - 1).0, Find::Key);
        cache.failed(None, usable_until - 1);
        assert_eq!(
            cache.find(true, KNOWN, usable_until),
            (Find::Unavailable { retry_after_ms: 3_999 }, None)
        );
    }

    #[test]
    fn unknown_key_ids_are_unavailable_while_the_last_fetch_failed() {
        let mut cache = warm();
        cache.find(false, 9, 10);
        cache.failed(None, 20);
        assert_eq!(cache.find(false, 9, 30), (Find::Unavailable { retry_after_ms: 990 }, None));
        let after = cache.find(false, 9, 2_010);
        assert_eq!(after, (Find::Wait(3), Some(Reads::DiscoveryAndKeys)), "discovery again");
    }

    #[test]
    fn back_off_is_a_second_while_cold_and_grows_while_stale_keys_serve() {
        let mut cold = Cache::new(RULES, None);
        for round in 0..5u64 {
            let now = round * 1_000;
            assert_eq!(cold.find(false, 1, now).1, Some(Reads::DiscoveryAndKeys));
            cold.failed(Some(3_600_000), now);
        }
        let mut cache = warm();
        let mut now = 700_000;
        for wait in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            assert!(cache.find(true, KNOWN, now).1.is_some());
            cache.failed(None, now);
            assert!(cache.find(true, KNOWN, now + wait - 1).1.is_none());
            now += wait;
        }
    }

    #[test]
    fn a_429_is_waited_out_but_not_for_ever() {
        let mut cache = warm();
        cache.find(true, KNOWN, 700_000);
        cache.failed(Some(3_600_000), 700_000);
        assert!(cache.find(true, KNOWN, 759_999).1.is_none());
        assert!(cache.find(true, KNOWN, 760_000).1.is_some());
    }

    #[test]
    fn unknown_key_ids_do_not_put_off_discovery() {
        let mut cache = warm();
        for minute in 1..8 {
            assert_eq!(cache.find(false, 100 + minute, minute * 60_000).1, Some(Reads::Keys));
            land(&mut cache, minute * 60_000 + 10);
        }
        let due = cache.find(true, KNOWN, 480_000);
        assert_eq!(due, (Find::Key, Some(Reads::DiscoveryAndKeys)));
    }

    #[test]
    fn max_age_counts_between_its_floor_and_the_ttl() {
        for (max_age, ttl) in [(0, 60_000), (90_000, 90_000), (u64::MAX, 600_000)] {
            let mut cache = Cache::new(RULES, None);
            let held = cache.landed(Some(max_age), |_| true, 5, 0);
            assert_eq!(held.usable_until, ttl + RULES.stale_ms);
            assert_eq!(held.refresh_at, ttl * 80 / 100);
        }
    }

    #[test]
    fn bad_signatures_ask_for_new_keys_every_thirty_seconds_at_most() {
        let mut cache = warm();
        assert_eq!(cache.suspect(100), Some(Reads::Keys));
        assert_eq!(cache.suspect(101), None, "in flight");
        land(&mut cache, 200);
        assert_eq!(cache.suspect(30_099), None);
        assert_eq!(cache.suspect(30_100), Some(Reads::Keys));
    }

    #[test]
    fn memory_of_refused_key_ids_is_bounded() {
        let mut cache = warm();
        for kid in 100..1_100 {
            cache.find(false, kid, kid * 2_000);
            land(&mut cache, kid * 2_000 + 1);
        }
        assert!(cache.missing.len() <= MISSING_MAX);
    }
}
