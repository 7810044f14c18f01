//! Random schedules of callers, answers and time against the cache: what must hold at every moment.

use proptest::prelude::*;

use crate::keys::cache::*;

const RULES: Rules = Rules { ttl_ms: 600_000, stale_ms: 3_600_000, cooldown_ms: 2_000 };
/// In every set that the provider gives.
const KNOWN: u64 = 1;

#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Token(u64),
    BadSignature,
    Refresh,
    WarmUp,
    /// The flight under way brings a set, with this key id besides.
    Land(u64, Option<u64>),
    Fail(Option<u64>),
    /// The next flight cannot be started.
    NoThread,
}

fn event() -> impl Strategy<Value = Event> {
    let kid = prop_oneof![Just(KNOWN), 2u64..200];
    let time = prop_oneof![0u64..50, 0u64..3_000, 0u64..40_000, 0u64..5_000_000];
    let max_age = prop_oneof![Just(None), (0u64..1_000_000).prop_map(Some)];
    let retry_after = prop_oneof![Just(None), (0u64..100_000).prop_map(Some)];
    prop_oneof![
        6 => time.prop_map(Event::Pass),
        12 => kid.clone().prop_map(Event::Token),
        1 => Just(Event::BadSignature),
        1 => Just(Event::Refresh),
        1 => Just(Event::WarmUp),
        4 => (kid, max_age).prop_map(|(kid, age)| Event::Land(kid, age)),
        3 => retry_after.prop_map(Event::Fail),
        1 => Just(Event::NoThread),
    ]
}

/// What a driver would know, kept apart from the cache.
struct World {
    cache: Cache,
    now: u64,
    set: Vec<u64>,
    /// Since the last good fetch.
    fetched: Option<u64>,
    /// The number of the flight, and the key ids whose callers wait for it.
    flight: Option<(u64, Vec<u64>)>,
    no_thread: bool,
    failed_at: Option<u64>,
    unknown_at: Option<u64>,
    suspect_at: Option<u64>,
}

impl World {
    fn new() -> World {
        World {
            cache: Cache::new(RULES, None),
            now: 0,
            set: Vec::new(),
            fetched: None,
            flight: None,
            no_thread: false,
            failed_at: None,
            unknown_at: None,
            suspect_at: None,
        }
    }

    fn usable(&self) -> bool {
        self.fetched.is_some() && self.cache.usable(self.now)
    }

    /// A flight is started: one at a time, and never sooner than a second after a failure, but for
    /// those that were asked for.
    fn started(&mut self, asked_for: bool) -> bool {
        assert!(self.flight.is_none(), "two flights");
        let rested = self.failed_at.is_none_or(|at| self.now >= at + 1_000);
        assert!(
            asked_for || rested,
            "a failure at {:?} is tried again at {}",
            self.failed_at,
            self.now
        );
        if std::mem::take(&mut self.no_thread) {
            self.cache.abandoned();
            return false;
        }
        self.flight = Some((self.cache.in_flight().unwrap(), Vec::new()));
        true
    }

    fn token(&mut self, kid: u64) {
        let (has_key, usable) = (self.set.contains(&kid), self.usable());
        let (find, command) = self.cache.find(has_key, kid, self.now);
        if let Some(reads) = command {
            let unknown = usable && matches!(find, Find::Wait(_));
            if unknown {
                let apart = self.unknown_at.is_none_or(|at| self.now >= at + RULES.cooldown_ms);
                assert!(apart, "unknown key ids at {:?} and {}", self.unknown_at, self.now);
            }
            assert!(usable || reads == Reads::DiscoveryAndKeys);
            if self.started(false) && unknown {
                self.unknown_at = Some(self.now);
            }
        }
        match find {
            Find::Key => {
                assert!(has_key && usable);
                let age = self.now - self.fetched.unwrap();
                assert!(age < RULES.ttl_ms + RULES.stale_ms, "a key of {age} ms ago");
            }
            _ => assert!(!(has_key && usable), "a held key is lost: {find:?}"),
        }
        if let (Find::Wait(number), Some((flight, waiting))) = (find, &mut self.flight) {
            assert_eq!(number, *flight, "waits for a flight that is not under way");
            waiting.push(kid);
            let kinds = waiting.iter().collect::<std::collections::HashSet<_>>().len();
            assert!(!usable || kinds <= JOINED_MAX, "{kinds} unknown key ids wait");
        }
        if let Find::Unavailable { retry_after_ms } = find {
            assert!((1..=BACK_OFF_MAX_MS).contains(&retry_after_ms));
        }
    }

    /// The flight has ended: each of its callers asks once more, and none waits again.
    fn answer(&mut self, waiting: Vec<u64>) {
        for kid in waiting {
            let (find, command) = self.cache.find(self.set.contains(&kid), kid, self.now);
            assert!(!matches!(find, Find::Wait(_)), "key id {kid} waits twice");
            if command.is_some() {
                self.started(false);
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Pass(ms) => self.now += ms,
            Event::Token(kid) => self.token(kid),
            Event::NoThread => self.no_thread = true,
            Event::BadSignature => {
                if self.cache.suspect(self.now).is_some() {
                    let apart = self.suspect_at.is_none_or(|at| self.now >= at + SUSPECT_MS);
                    assert!(apart, "bad signatures at {:?} and {}", self.suspect_at, self.now);
                    self.suspect_at = Some(self.now);
                    self.started(false);
                }
            }
            Event::Refresh => match self.cache.refresh(self.now) {
                Refresh::Start(..) => drop(self.started(true)),
                Refresh::Join(number) => assert_eq!(self.flight.as_ref().unwrap().0, number),
                Refresh::Recent => assert!(self.flight.is_none()),
            },
            Event::WarmUp => {
                if self.cache.warm_up(self.now).is_some() {
                    assert!(!self.usable());
                    self.started(false);
                }
            }
            Event::Land(kid, max_age) => {
                let Some((_, waiting)) = self.flight.take() else { return };
                self.set = vec![KNOWN, kid];
                let held = self.cache.landed(max_age, |id| id == KNOWN || id == kid, kid, self.now);
                assert!(
                    held.refresh_at <= held.fresh_until && held.fresh_until < held.usable_until
                );
                (self.fetched, self.failed_at) = (Some(self.now), None);
                self.answer(waiting);
            }
            Event::Fail(retry_after) => {
                let Some((_, waiting)) = self.flight.take() else { return };
                let before = self.usable();
                self.cache.failed(retry_after, self.now);
                assert_eq!(self.usable(), before, "a failure changed what is held");
                self.failed_at = Some(self.now);
                self.answer(waiting);
            }
        }
        assert!(self.cache.missing.len() <= MISSING_MAX);
        assert!(self.cache.flight.as_ref().is_none_or(|f| f.joined.len() <= MISSING_MAX));
        assert_eq!(self.cache.in_flight(), self.flight.as_ref().map(|(number, _)| *number));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_held_serves_and_the_provider_is_spared(
        events in prop::collection::vec(event(), 1..200),
    ) {
        let mut world = World::new();
        for event in events {
            world.take(event);
        }
    }

    /// 100 unknown key ids a second: a handful of fetches in ten seconds, however long one takes.
    #[test]
    fn a_flood_costs_six_fetches_in_ten_seconds(takes_ms in 0u64..3_000, first in 0u64..2_000) {
        let mut world = World::new();
        world.token(KNOWN);
        world.take(Event::Land(KNOWN, None));
        world.now += first;
        let (mut fetches, mut lands_at) = (0, None);
        for tick in 0..1_000u64 {
            if lands_at.is_some_and(|at| world.now >= at) {
                world.take(Event::Land(KNOWN, None));
                lands_at = None;
            }
            let before = world.flight.is_some();
            world.token(1_000 + tick);
            world.token(KNOWN);
            if !before && world.flight.is_some() {
                fetches += 1;
                lands_at = Some(world.now + takes_ms);
            }
            world.now += 10;
        }
        prop_assert!((1..=6).contains(&fetches), "{} fetches", fetches);
    }

    /// A key that is published at any moment of a flood is found within 2.5 s, where a fetch takes
    /// up to 100 ms.
    #[test]
    fn a_rotated_key_is_found_within_a_flood(published_at in 0u64..8_000, takes_ms in 0u64..100) {
        let mut world = World::new();
        world.token(KNOWN);
        world.take(Event::Land(KNOWN, None));
        let (start, real) = (world.now, 7);
        let (mut lands, mut found_at) = (None, None);
        for tick in 0..2_000u64 {
            // The answer is made when the provider is asked.
            if let Some((at, has)) = lands && world.now >= at {
                world.take(Event::Land(if has { real } else { KNOWN }, None));
                lands = None;
            }
            world.token(1_000 + tick);
            let published = world.now - start >= published_at;
            if published {
                world.token(real);
                if world.set.contains(&real) {
                    found_at = Some(world.now - start);
                    break;
                }
            }
            if world.flight.is_some() && lands.is_none() {
                lands = Some((world.now + takes_ms, published));
            }
            world.now += 10;
        }
        let waited = found_at.unwrap() - published_at;
        prop_assert!(waited <= 2_500, "{} ms", waited);
    }
}
