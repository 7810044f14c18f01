//! Explicit tables: one rule each, and what peers got wrong.

use crate::keys::cache::*;

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
    assert_eq!(cache.find(false, 7, 4_010), (Find::Wait(4), Some(Reads::Keys)), "forgotten");
}

/// It may be published a moment later; who goes on naming it does not go on asking the provider.
#[test]
fn a_key_id_that_is_named_again_and_again_is_remembered_ever_longer() {
    let mut cache = warm();
    let mut now = 10;
    for remembered in [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        assert!(matches!(cache.find(false, 7, now), (Find::Wait(_), Some(_))), "{now}");
        land(&mut cache, now + 10);
        now += 10 + remembered;
        assert_eq!(cache.find(false, 7, now - 1).0, Find::NotFound, "{now}");
    }
    cache.find(false, 7, now);
    cache.landed(None, |_| true, 5, now + 10);
    assert!(cache.missing.is_empty(), "published");
}

#[test]
fn a_key_id_that_came_during_a_flight_is_not_remembered_as_missing() {
    let mut cache = warm();
    cache.find(false, 7, 10);
    assert_eq!(cache.find(false, 8, 15), (Find::Wait(2), None));
    land(&mut cache, 20);
    assert_eq!(cache.find(false, 8, 21), (Find::NotFound, None), "cooldown");
    assert_eq!(cache.find(false, 8, 2_019), (Find::NotFound, None), "answered a moment ago");
    assert_eq!(cache.find(false, 8, 2_020), (Find::Wait(3), Some(Reads::Keys)));
}

#[test]
fn who_joined_a_long_flight_is_answered_by_its_end() {
    let mut cache = warm();
    cache.find(false, 7, 10);
    assert_eq!(cache.find(false, 8, 100), (Find::Wait(2), None));
    land(&mut cache, 5_000);
    assert_eq!(cache.find(false, 8, 5_001), (Find::NotFound, None), "not a second wait");
}

#[test]
fn a_refresh_joins_repeats_a_fresh_result_or_fetches() {
    let mut cache = Cache::new(RULES, None);
    let reads = Reads::DiscoveryAndKeys;
    assert_eq!(cache.refresh(0), Refresh::Start(1, reads));
    assert_eq!(cache.refresh(5), Refresh::Join(1));
    cache.failed(None, 10);
    assert_eq!(cache.refresh(2_009), Refresh::Recent);
    assert_eq!(cache.find(false, 1, 900), (Find::Unavailable { retry_after_ms: 110 }, None));
    assert_eq!(cache.refresh(2_010), Refresh::Start(2, reads));
    land(&mut cache, 2_020);
    assert_eq!(cache.refresh(4_019), Refresh::Recent);
    assert_eq!(cache.refresh(4_020), Refresh::Start(3, reads));
}

#[test]
fn a_refresh_does_not_mind_the_back_off() {
    let mut cache = warm();
    let mut now = 700_000;
    for _ in 0..8 {
        cache.find(true, KNOWN, now);
        cache.failed(None, now);
        now += 60_000;
    }
    cache.find(true, KNOWN, now);
    cache.failed(None, now);
    assert_eq!(cache.find(false, 9, now + 3_000).1, None, "back-off");
    assert!(matches!(cache.refresh(now + 3_000), Refresh::Start(..)));
}

#[test]
fn a_flight_that_could_not_start_is_made_up_for_by_the_next_refresh() {
    let mut cache = warm();
    assert_eq!(cache.find(false, 7, 500).1, Some(Reads::Keys));
    cache.abandoned();
    assert_eq!(cache.find(false, 7, 600).1, Some(Reads::Keys), "no cooldown for no fetch");
    cache.abandoned();
    assert!(matches!(cache.refresh(700), Refresh::Start(..)), "though one landed just now");
    cache.landed(None, |id| id == 7, 5, 800);
    assert_eq!(cache.refresh(900), Refresh::Recent);
}

#[test]
fn a_warm_up_is_for_a_cold_cache_out_of_back_off() {
    let mut cache = Cache::new(RULES, None);
    assert_eq!(cache.warm_up(0), Some(Reads::DiscoveryAndKeys));
    assert_eq!(cache.warm_up(1), None, "under way");
    cache.failed(None, 10);
    assert_eq!(cache.warm_up(1_009), None, "back-off");
    assert_eq!(cache.retry_at(1_009), Some(1_010));
    assert_eq!(cache.warm_up(1_010), Some(Reads::DiscoveryAndKeys));
    land(&mut cache, 1_020);
    assert_eq!(cache.warm_up(1_030), None, "warm");
    assert_eq!(cache.retry_at(1_030), None);
}

#[test]
fn that_key_ids_are_held_off_is_told_once_a_minute() {
    let mut cache = warm();
    cache.find(false, 7, 10);
    land(&mut cache, 20);
    assert!(!cache.tell_limited(20));
    cache.find(false, 8, 30);
    assert!(cache.tell_limited(30));
    cache.find(false, 9, 40);
    assert!(!cache.tell_limited(40));
    cache.find(false, 9, 60_030);
    land(&mut cache, 60_031);
    cache.find(false, 10, 60_040);
    assert!(cache.tell_limited(60_040));
}

#[test]
fn an_aged_set_serves_what_is_left_of_its_time() {
    let held = Held::aged(&RULES, 500_000, 7_000);
    let expected =
        Held { refresh_at: 7_000, fresh_until: 107_000, usable_until: 107_000 + RULES.stale_ms };
    assert_eq!(held, expected);
    let gone = Held::aged(&RULES, RULES.ttl_ms + RULES.stale_ms, 7_000);
    assert!(!Cache::new(RULES, Some(gone)).usable(7_000));
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
        (Find::Unavailable { retry_after_ms: 999 }, None),
        "a second, as nothing is held"
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

#[test]
fn what_is_due_is_read_by_whoever_comes() {
    let mut cache = warm();
    let both = Reads::DiscoveryAndKeys;
    assert_eq!(cache.find(false, 7, 479_999).1, Some(Reads::Keys));
    land(&mut cache, 479_999);
    // The set is due by its first fetch, whatever was read for unknown key ids.
    assert_eq!(cache.find(false, 7, 480_000), (Find::NotFound, Some(both)), "remembered");
    cache.failed(None, 480_010);
    let mut cache = warm();
    assert_eq!(cache.find(false, 7, 479_999).1, Some(Reads::Keys));
    land(&mut cache, 479_999);
    assert_eq!(cache.find(false, 8, 480_000), (Find::NotFound, Some(both)), "held off");
    let mut cache = warm();
    assert_eq!(cache.find(false, 7, 480_000), (Find::Wait(2), Some(both)), "waited for");
}

#[test]
fn tokens_of_held_keys_leave_the_cache_alone_while_nothing_is_due() {
    let mut cache = warm();
    assert_eq!(cache.quiet_until(10), 480_000);
    cache.find(true, KNOWN, 480_000);
    assert_eq!(cache.quiet_until(480_000), 480_100, "a flight is under way");
    cache.failed(None, 480_020);
    assert_eq!(cache.quiet_until(480_020), 481_020, "the back-off");
    assert_eq!(cache.quiet_until(481_020), 480_000, "due");
}

#[test]
fn a_rest_that_was_agreed_while_keys_were_held_ends_with_them() {
    let rules = Rules { ttl_ms: 1_000, stale_ms: 1_000, cooldown_ms: 2_000 };
    let mut cache = Cache::new(rules, None);
    cache.find(false, KNOWN, 0);
    cache.landed(None, |_| true, 5, 0);
    assert!(cache.find(true, KNOWN, 900).1.is_some());
    cache.failed(Some(60_000), 910);
    assert_eq!(cache.find(true, KNOWN, 1_999), (Find::Key, None), "a minute of rest");
    assert!(matches!(cache.find(false, KNOWN, 2_000), (Find::Wait(_), Some(_))));
}
