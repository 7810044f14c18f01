//! A provider that is down, slow, or has had enough.

use std::time::{Duration, Instant};

use auth::report::KeysState;
use auth::status::Status;
use auth::verify::Moment;

use crate::provider::*;

#[test]
fn a_provider_that_is_down_at_first_is_asked_again_within_a_second() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let good = token(&issuer);
    issuer.stop();
    let refusal = refused(&config, &good);
    assert_eq!(refusal.status, Status::DISCOVERY_FAILED);
    assert_eq!(refusal.retry_after_s, 1, "nothing is held: the next attempt is a second away");
    assert_eq!(report(&config).state, KeysState::None_);
    issuer.start_again().unwrap();
    let took = until("accepted", || status(&config, &good) == Status::OK);
    println!("accepted {took:?} after the provider was back");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn callers_of_a_cold_outage_ask_the_provider_once_a_second() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let good = token(&issuer);
    issuer.fault(Endpoint::Oidc, Fault::Status { code: 503, retry_after_s: None });
    issuer.fault(Endpoint::Oauth, Fault::Status { code: 503, retry_after_s: None });
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        let refusal = refused(&config, &good);
        assert_eq!((refusal.status, refusal.retry_after_s), (Status::DISCOVERY_FAILED, 1));
    }
    let (asked, allowed) = (issuer.fetches().oidc, 1 + start.elapsed().as_secs());
    assert!((2..=allowed).contains(&asked), "asked {asked} times in {:?}", start.elapsed());
}

#[test]
fn held_keys_serve_past_their_time_while_the_provider_is_down() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.ttl", "1s"), ("keys.stale", "1d")]);
    let good = token(&issuer);
    assert_eq!(status(&config, &good), Status::OK);
    assert_eq!(report(&config).state, KeysState::Fresh);
    issuer.stop();
    until("stale", || {
        assert_eq!(status(&config, &good), Status::OK);
        report(&config).state == KeysState::Stale
    });
    until("a refresh has failed", || {
        assert_eq!(status(&config, &good), Status::OK);
        report(&config).last_error.is_some()
    });
    let told = report(&config);
    assert_eq!(told.last_error.unwrap().status, Status::DISCOVERY_FAILED);
    assert!(told.usable_for_s.is_some_and(|seconds| seconds > 86_000), "{:?}", told.usable_for_s);
    assert_eq!(told.key_count, 2, "a failure takes no key away");
    issuer.start_again().unwrap();
    until("fresh again", || {
        assert_eq!(status(&config, &good), Status::OK);
        report(&config).state == KeysState::Fresh
    });
    assert!(report(&config).last_error.is_none());
}

#[test]
fn no_key_serves_longer_than_ttl_and_stale() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.ttl", "1s"), ("keys.stale", "1s")]);
    let good = token(&issuer);
    let start = Instant::now();
    assert_eq!(status(&config, &good), Status::OK);
    issuer.fault(Endpoint::Jwks, Fault::Status { code: 503, retry_after_s: None });
    until("refused", || status(&config, &good) != Status::OK);
    let served = start.elapsed();
    assert!(served >= Duration::from_secs(2), "given up after {served:?}");
    let refusal = refused(&config, &good);
    assert_eq!(refusal.status, Status::KEYS_UNAVAILABLE);
    assert!(refusal.retry_after_s >= 1);
    assert_eq!(report(&config).state, KeysState::Expired);
    let at = judge_at(&config, &good, Moment::At(1)).unwrap_err();
    assert_eq!(at.status, Status::KEYS_UNAVAILABLE, "held, but too old to judge by");
    issuer.clear();
    until("accepted again", || status(&config, &good) == Status::OK);
}

/// With nothing held any more the next attempt is a second away, whatever was agreed before.
#[test]
fn keys_that_expire_during_a_back_off_are_asked_for_soon() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.ttl", "1s"), ("keys.stale", "1s")]);
    let good = token(&issuer);
    assert_eq!(status(&config, &good), Status::OK);
    issuer.fault_times(Endpoint::Jwks, Fault::Status { code: 429, retry_after_s: Some(60) }, 1);
    until("asked after the refusal, and accepted", || {
        status(&config, &good) == Status::OK && issuer.fetches().jwks >= 3
    });
}

/// If one token waited for the fetch, it alone would take all of its five seconds.
#[test]
fn no_valid_token_waits_for_a_slow_refresh() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.ttl", "1s"), ("keys.timeout", "20s")]);
    let good = token(&issuer);
    assert_eq!(status(&config, &good), Status::OK);
    issuer.fault_times(Endpoint::Jwks, Fault::SlowHead { delay_ms: 5_000 }, 1);
    until("the refresh begins", || {
        assert_eq!(status(&config, &good), Status::OK);
        issuer.fetches().jwks == 2
    });
    let (mut passed, mut slowest) = (0, Duration::ZERO);
    while report(&config).fetching {
        let start = Instant::now();
        assert_eq!(status(&config, &good), Status::OK);
        slowest = slowest.max(start.elapsed());
        passed += 1;
    }
    println!("{passed} tokens passed during the refresh, the slowest took {slowest:?}");
    assert!(passed >= 100, "{passed} tokens passed during the refresh");
    assert!(report(&config).last_error.is_none(), "the slow answer was taken");
}

#[test]
fn retry_after_is_kept_while_keys_are_held() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.ttl", "1s")]);
    let good = token(&issuer);
    assert_eq!(status(&config, &good), Status::OK);
    issuer.fault_times(Endpoint::Jwks, Fault::Status { code: 429, retry_after_s: Some(3) }, 1);
    // Before the refusal was sent.
    let mut before = Instant::now();
    until("refused once", || {
        before = Instant::now();
        assert_eq!(status(&config, &good), Status::OK);
        issuer.fetches().jwks == 2
    });
    until("asked again", || {
        assert_eq!(status(&config, &good), Status::OK);
        // A stranger's tokens, and those of a key that was replaced, change nothing.
        assert!(judge(&config, &junk(&good, "junk")).is_err());
        assert!(judge(&config, &with_a_bad_signature(&good)).is_err());
        issuer.fetches().jwks >= 3
    });
    let waited = before.elapsed();
    assert!(waited >= Duration::from_millis(2_990), "asked again after {waited:?}");
}

/// A provider that has had enough is not asked for the same document again at once.
#[test]
fn a_key_set_that_was_refused_is_not_asked_for_twice_in_one_flight() {
    for code in [429, 503] {
        let issuer = provider();
        let config = handle(&issuer, &[]);
        let good = token(&issuer);
        assert_eq!(status(&config, &good), Status::OK);
        issuer.fault(Endpoint::Jwks, Fault::Status { code, retry_after_s: Some(30) });
        let refusal = refused(&config, &junk(&good, "junk"));
        assert_eq!(refusal.status, Status::KEYS_UNAVAILABLE);
        assert_eq!(refusal.retry_after_s, 30, "{code}");
        assert_eq!(issuer.fetches().jwks, 2, "{code}");
    }
}
