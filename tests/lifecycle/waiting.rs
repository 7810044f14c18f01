//! Waiting outside the library: try, refresh, try again; and readiness before any traffic.

use std::time::{Duration, Instant};

use auth::report::{KeysState, Outcome};
use auth::status::Status;
use auth::verify::Moment;

use crate::provider::*;

#[test]
fn a_try_never_waits_and_fifty_share_one_flight_with_a_refresh() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.timeout", "20s")]);
    let good = token(&issuer);
    issuer.fault(Endpoint::Jwks, Fault::SlowHead { delay_ms: 2_000 });
    for _ in 0..50 {
        let refusal = judge_at(&config, &good, Moment::Try).unwrap_err();
        assert_eq!((refusal.status, refusal.issuer), (Status::KEYS_PENDING, issuer.url()));
        assert_eq!(refusal.retry_after_s, 1);
    }
    let told = report(&config);
    assert!(told.fetching && told.state == KeysState::None_, "answered while the fetch went on");
    let runtime = config.runtime().unwrap();
    assert!(runtime.refresh(Some(&issuer.url())).is_ok());
    assert_eq!(tried(&config, &good), Status::OK, "the second try");
    assert_eq!(count_of(&report(&config), Outcome::Ok), 1);
    assert_eq!((issuer.fetches().oidc, issuer.fetches().jwks), (1, 1), "one flight for all");
}

#[test]
fn a_try_of_an_unknown_key_id_is_answered_after_one_refresh() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    assert!(issuer.rotate());
    let (new, junk) = (token(&issuer), unknown_kid(&issuer, "junk"));
    issuer.fault_times(Endpoint::Jwks, Fault::SlowHead { delay_ms: 2_000 }, 1);
    assert_eq!(tried(&config, &junk), Status::KEYS_PENDING);
    assert_eq!(tried(&config, &new), Status::KEYS_PENDING);
    assert!(config.runtime().unwrap().refresh(None).is_ok());
    assert_eq!(tried(&config, &new), Status::OK);
    assert_eq!(tried(&config, &junk), Status::KEY_NOT_FOUND);
    assert_eq!(issuer.fetches().jwks, 2);
}

#[test]
fn what_a_refresh_ended_with_is_told_again_without_a_request() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    issuer.fault(Endpoint::Discovery, Fault::Status { code: 500, retry_after_s: None });
    let runtime = config.runtime().unwrap();
    let statuses: Vec<_> = (0..100).map(|_| runtime.refresh(None).unwrap_err().status).collect();
    assert_eq!(statuses, [Status::DISCOVERY_FAILED; 100]);
    assert_eq!(issuer.fetches().oidc, 1, "a hundred times within two seconds");
    let refusal = judge_at(&config, &token(&issuer), Moment::Try).unwrap_err();
    assert_eq!(refusal.status, Status::DISCOVERY_FAILED, "not pending: nothing is under way");
    assert!(refusal.retry_after_s >= 1);
    // Asked for later, it is not held up by the back-off.
    issuer.clear();
    until("refreshed", || runtime.refresh(None).is_ok());
    assert_eq!(tried(&config, &token(&issuer)), Status::OK);
    assert_eq!(issuer.fetches().oidc, 2);
}

#[test]
fn a_refresh_of_a_stranger_is_a_mistake_of_the_caller() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let runtime = config.runtime().unwrap();
    for stranger in ["https://stranger.example", "", &format!("{}/", issuer.url())] {
        let refusal = runtime.refresh(Some(stranger)).unwrap_err();
        assert_eq!(refusal.status, Status::ARGUMENT_INVALID, "{stranger:?}");
    }
    assert_eq!(issuer.fetches().discovery, 0);
}

#[test]
fn a_dead_issuer_delays_the_refresh_of_no_other() {
    let (dead, good) = (provider(), provider());
    dead.fault(Endpoint::Discovery, Fault::SlowHead { delay_ms: 60_000 });
    let config = handle_of(&[&dead, &good], &[("keys.timeout", "5s")]);
    let (of_dead, of_good) = (token(&dead), token(&good));
    std::thread::scope(|scope| {
        let refreshing = scope.spawn(|| config.runtime().unwrap().refresh(None));
        until("the good one's keys are here", || tried(&config, &of_good) == Status::OK);
        let [first, second] = config.report().issuers.try_into().ok().unwrap();
        assert!(first.fetching && !second.fetching, "the dead one is still waited for");
        assert_eq!(tried(&config, &of_dead), Status::KEYS_PENDING);
        let refusal = refreshing.join().unwrap().unwrap_err();
        assert_eq!(refusal.status, Status::DISCOVERY_FAILED);
        assert!(refusal.log.contains(&dead.url()), "{}", refusal.log);
    });
    assert_eq!((good.fetches().jwks, dead.fetches().oidc), (1, 1));
}

// ---------------------------------------------------------------- readiness

#[test]
fn a_handle_gets_ready_before_any_traffic_and_stays_so() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.ttl", "1s"), ("keys.stale", "0s")]);
    let runtime = config.runtime().unwrap();
    issuer.fault_times(Endpoint::Jwks, Fault::SlowHead { delay_ms: 500 }, 1);
    let refusal = runtime.ready().unwrap_err();
    assert_eq!((refusal.status, refusal.issuer), (Status::KEYS_PENDING, issuer.url()));
    until("ready", || runtime.ready().is_ok());
    assert_eq!((issuer.fetches().oidc, issuer.fetches().jwks), (1, 1), "one flight for all probes");
    assert!(config.report().ready);
    issuer.stop();
    until("the keys expire", || report(&config).state == KeysState::Expired);
    assert_ne!(status(&config, &token(&issuer)), Status::OK);
    assert!(runtime.ready().is_ok(), "readiness is about the start");
}

#[test]
fn a_handle_whose_provider_is_down_is_not_ready_until_it_is_back() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let runtime = config.runtime().unwrap();
    issuer.fault(Endpoint::Discovery, Fault::Status { code: 503, retry_after_s: None });
    let start = Instant::now();
    until("the failure is told", || {
        let refusal = runtime.ready().unwrap_err();
        assert!(refusal.retry_after_s >= 1);
        refusal.status == Status::DISCOVERY_FAILED
    });
    while start.elapsed() < Duration::from_secs(2) {
        assert!(runtime.ready().is_err());
    }
    let asked = issuer.fetches().oidc;
    assert!(asked <= 1 + start.elapsed().as_secs(), "probes ask once a second: {asked}");
    assert!(!config.report().ready);
    issuer.clear();
    until("ready", || runtime.ready().is_ok());
}

#[test]
fn one_issuer_that_answers_is_enough_once_the_other_was_tried() {
    let (dead, good) = (provider(), provider());
    dead.fault(Endpoint::Discovery, Fault::SlowHead { delay_ms: 60_000 });
    let config = handle_of(&[&dead, &good], &[("keys.timeout", "5s")]);
    let runtime = config.runtime().unwrap();
    assert!(runtime.ready().is_err());
    until("the good one's keys are here", || tried(&config, &token(&good)) == Status::OK);
    // Not before the other was tried: its tokens would be turned away for nothing.
    let [first, _] = config.report().issuers.try_into().ok().unwrap();
    assert!(first.fetching && runtime.ready().is_err_and(|r| r.issuer == dead.url()));
    until("ready", || runtime.ready().is_ok());
    assert_eq!(count_of(&report(&config), Outcome::Transport), 1);
}

#[test]
fn keys_of_the_configuration_are_ready_at_once() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.jwks", &issuer.jwks().to_string())]);
    let runtime = config.runtime().unwrap();
    assert!(runtime.ready().is_ok() && runtime.refresh(None).is_ok());
    assert_eq!(tried(&config, &token(&issuer)), Status::OK);
    assert_eq!(report(&config).state, KeysState::Local);
    assert_eq!(issuer.fetches().discovery, 0);
}
