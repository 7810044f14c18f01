//! What the report tells afterwards: what was decided, and what happened to the keys.

use std::time::{Duration, Instant};

use auth::report::{EventKind, KeysState};
use auth::requirement::Requirement;
use auth::status::Status;
use auth::verify::{Moment, authorize};

use crate::provider::*;

#[test]
fn every_decision_is_counted_by_issuer_and_status() {
    let (one, other) = (provider(), provider());
    let config = handle_of(&[&one, &other], &[]);
    let header = |value: &str, moment| {
        let (runtime, none) = (config.runtime().unwrap(), Requirement::default());
        authorize(runtime, value.as_bytes(), &none, moment, |_| ())
            .map_err(|refusal| refusal.status)
    };
    for issuer in [&one, &one, &other] {
        assert_eq!(header(&format!("Bearer {}", token(issuer)), Moment::Now), Ok(()));
    }
    assert_eq!(status(&config, &junk(&token(&one), "junk")), Status::KEY_NOT_FOUND);
    assert_eq!(tried(&config, &token(&other)), Status::OK);
    assert_eq!(header("", Moment::Now), Err(Status::HEADER_MISSING));
    assert_eq!(header("Basic YTpi", Moment::Try), Err(Status::SCHEME_UNSUPPORTED));
    // As of another time: no traffic.
    assert_eq!(header("", Moment::At(1)), Err(Status::HEADER_MISSING));
    assert!(judge_at(&config, &token(&one), Moment::At(1)).is_ok());
    let mut told: Vec<_> = config.report().decisions.into_iter().collect();
    told.retain(|decided| decided.count > 0);
    let count = |issuer: Option<String>, status| {
        let of = told.iter().filter(|told| told.issuer == issuer && told.status == status);
        of.map(|told| told.count).sum::<u64>()
    };
    assert_eq!(count(Some(one.url()), Status::OK), 2);
    assert_eq!(count(Some(one.url()), Status::KEY_NOT_FOUND), 1);
    assert_eq!(count(Some(other.url()), Status::OK), 2);
    assert_eq!(count(None, Status::HEADER_MISSING), 1);
    assert_eq!(count(None, Status::SCHEME_UNSUPPORTED), 1);
    assert_eq!(told.iter().map(|told| told.count).sum::<u64>(), 7);
}

#[test]
fn changed_and_withdrawn_keys_are_told_by_name() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    let kid = |issuer: &Issuer| issuer.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned();
    let old = kid(&issuer);
    assert!(issuer.rotate());
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    // The caller is answered before the event is told.
    until("told", || events(&config, EventKind::KeyWithdrawn).0 == 1);
    let (_, withdrawn) = events(&config, EventKind::KeyWithdrawn);
    assert!(withdrawn.contains(&old) && !withdrawn.contains(&kid(&issuer)), "{withdrawn}");
    let (_, changed) = events(&config, EventKind::KeysChanged);
    assert!(changed.contains(&kid(&issuer)) && !changed.contains(&old), "{changed}");
    let of_this = |event: &auth::report::Event| event.issuer == issuer.url() && event.at_s > 0;
    let all = config.report().events;
    assert!(all.iter().all(|event| of_this(event)));
    let ascend = all.windows(2).all(|pair| pair[0].sequence < pair[1].sequence);
    assert!(ascend, "in the order of their numbers");
}

#[test]
fn a_report_is_ready_when_tokens_can_be_judged_whoever_asked() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    config.runtime().unwrap();
    assert!(!config.report().ready);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    assert!(config.report().ready, "nobody has called auth_ready");
}

#[test]
fn an_outage_is_told_once_and_not_at_each_attempt() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.ttl", "1s")]);
    let good = token(&issuer);
    assert_eq!(status(&config, &good), Status::OK);
    issuer.fault(Endpoint::Jwks, Fault::Status { code: 503, retry_after_s: None });
    until("three attempts have failed", || {
        assert_eq!(status(&config, &good), Status::OK);
        issuer.fetches().jwks >= 4 && !report(&config).fetching
    });
    assert_eq!(report(&config).state, KeysState::Stale);
    assert_eq!(events(&config, EventKind::ServingStale).0, 1);
    let (failures, why) = events(&config, EventKind::RefreshFailed);
    assert_eq!(failures, 1, "the same reason each time");
    assert!(why.contains("answered 503"), "{why}");
    issuer.fault(Endpoint::Jwks, Fault::EmptySet);
    until("another reason", || {
        assert_eq!(status(&config, &good), Status::OK);
        events(&config, EventKind::RefreshFailed).0 == 2
    });
}

#[test]
fn a_bad_new_file_is_told() {
    let issuer = provider();
    let name = format!("libauth-told-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, issuer.jwks().to_string()).unwrap();
    let options = [("keys.file", path.to_str().unwrap()), ("keys.ttl", "1s")];
    let config = handle(&issuer, &options);
    let good = token(&issuer);
    assert_eq!(status(&config, &good), Status::OK);
    std::fs::remove_file(&path).unwrap();
    until("told", || {
        assert_eq!(status(&config, &good), Status::OK);
        events(&config, EventKind::RefreshFailed).0 == 1
    });
    let (_, why) = events(&config, EventKind::RefreshFailed);
    assert!(why.contains(path.to_str().unwrap()), "{why}");
}

#[test]
fn a_flood_is_told_once_a_minute() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let good = token(&issuer);
    assert_eq!(status(&config, &good), Status::OK);
    let start = Instant::now();
    for n in 0..100 {
        assert_eq!(status(&config, &junk(&good, &format!("junk-{n}"))), Status::KEY_NOT_FOUND);
    }
    assert!(start.elapsed() < Duration::from_secs(60), "a hundred tokens");
    assert_eq!(events(&config, EventKind::CooldownHit).0, 1);
}
