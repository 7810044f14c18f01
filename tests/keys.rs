//! Stage keys on real sockets: discovery, limits of a fetch, rotation, outage. The provider is
//! `libauth issuer`'s engine with its faults; time that matters is an option, nothing sleeps.

#[allow(dead_code, unused_imports)]
#[path = "lifecycle/provider.rs"]
mod provider;

use std::sync::Arc;
use std::time::Instant;

use auth::config::Config;
use auth::status::Status;
use auth::verify::Moment;
use provider::*;
use serde_json::json;

#[test]
fn a_first_token_fetches_once_and_a_second_not_at_all() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    let counts = issuer.fetches();
    assert_eq!((counts.oidc, counts.oauth, counts.jwks), (1, 0, 1));
}

#[test]
fn a_hundred_cold_callers_share_one_flight() {
    let issuer = provider();
    issuer.fault(Endpoint::Jwks, Fault::SlowHead { delay_ms: 200 });
    let config = Arc::new(handle(&issuer, &[]));
    let token = token(&issuer);
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let (config, token) = (config.clone(), token.clone());
            std::thread::spawn(move || status(&config, &token))
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.join().unwrap(), Status::OK);
    }
    assert_eq!(issuer.fetches().jwks, 1);
}

#[test]
fn oauth_metadata_is_asked_when_the_oidc_document_is_no_use() {
    for fault in [
        Fault::Status { code: 404, retry_after_s: None },
        Fault::NotJson,
        Fault::Redirect { to: "https://id.example/".into() },
        Fault::Body { text: "{}".repeat(300_000) },
    ] {
        let issuer = provider();
        let told = format!("{fault:?}").chars().take(40).collect::<String>();
        issuer.fault(Endpoint::Oidc, fault);
        assert_eq!(status(&handle(&issuer, &[]), &token(&issuer)), Status::OK, "{told}");
        assert_eq!((issuer.fetches().oidc, issuer.fetches().oauth), (1, 1), "{told}");
    }
}

#[test]
fn an_issuer_that_differs_is_final() {
    let issuer = provider();
    let value = format!("{}/", issuer.url());
    issuer.fault(Endpoint::Oidc, Fault::Issuer { value });
    let refusal = refused(&handle(&issuer, &[]), &token(&issuer));
    assert_eq!(refusal.status, Status::DISCOVERY_ISSUER_MISMATCH);
    assert!(refusal.log.contains(&format!("says issuer \"{}/\"", issuer.url())), "{}", refusal.log);
    assert_eq!((issuer.fetches().oauth, issuer.fetches().jwks), (0, 0));
}

#[test]
fn both_errors_of_discovery_are_told() {
    let issuer = provider();
    issuer.fault(Endpoint::Discovery, Fault::Status { code: 500, retry_after_s: None });
    let refusal = refused(&handle(&issuer, &[]), &token(&issuer));
    assert_eq!(refusal.status, Status::DISCOVERY_FAILED);
    assert_eq!(refusal.log.matches("answered 500").count(), 2, "{}", refusal.log);
    assert!(refusal.retry_after_s >= 1);
}

#[test]
fn discovery_of_one_kind_asks_that_one_alone() {
    for (kind, oidc, oauth) in [("oidc", 1, 0), ("oauth", 0, 1)] {
        let issuer = provider();
        let config = handle(&issuer, &[("keys.discovery", kind)]);
        assert_eq!(status(&config, &token(&issuer)), Status::OK);
        assert_eq!((issuer.fetches().oidc, issuer.fetches().oauth), (oidc, oauth));
    }
}

#[test]
fn jwks_uri_skips_discovery_and_discovery_url_replaces_it() {
    let issuer = provider();
    let jwks = format!("{}/jwks", issuer.url());
    assert_eq!(status(&handle(&issuer, &[("keys.jwks_uri", &jwks)]), &token(&issuer)), Status::OK);
    assert_eq!(issuer.fetches().discovery, 0);
    let url = format!("{}/.well-known/oauth-authorization-server", issuer.url());
    let config = handle(&issuer, &[("keys.discovery_url", &url)]);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    assert_eq!((issuer.fetches().oidc, issuer.fetches().oauth), (0, 1));
}

/// With no keys held, each fault of the key set is KEYS_UNAVAILABLE, and says why.
#[test]
fn a_key_set_that_is_no_use_is_a_failed_fetch() {
    for (fault, why) in [
        (Fault::Status { code: 404, retry_after_s: None }, "answered 404"),
        (Fault::Status { code: 429, retry_after_s: Some(7) }, "answered 429"),
        (Fault::Status { code: 503, retry_after_s: None }, "answered 503"),
        (
            Fault::Redirect { to: "http://169.254.169.254/latest".into() },
            "redirects are not followed",
        ),
        (Fault::Redirect { to: "file:///etc/passwd".into() }, "redirects are not followed"),
        (Fault::Huge { bytes: 10_000_000, announced: true }, "more than 524288 bytes"),
        (Fault::Huge { bytes: 100_000_000, announced: false }, "more than 524288 bytes"),
        (Fault::NotJson, "cannot be read"),
        (Fault::EmptySet, "no usable key"),
        (Fault::Body { text: r#"{"keys":{}}"#.into() }, "cannot be read"),
        (Fault::Body { text: r#"{"keys":[],"keys":[]}"#.into() }, "cannot be read"),
        (Fault::Body { text: r#"{"keys":[{"kty":"oct","k":"AA"}]}"#.into() }, "is a symmetric key"),
        (Fault::Truncated, "failed"),
        (Fault::Close, "failed"),
    ] {
        let issuer = provider();
        let told = format!("{fault:?}");
        issuer.fault(Endpoint::Jwks, fault);
        let refusal = refused(&handle(&issuer, &[]), &token(&issuer));
        assert_eq!(refusal.status, Status::KEYS_UNAVAILABLE, "{told}");
        assert!(refusal.log.contains(why), "{told}: {}", refusal.log);
        assert!(refusal.retry_after_s >= 1, "{told}");
    }
}

/// A head or body that comes byte by byte ends with the one total time.
#[test]
fn a_slow_provider_is_given_up_after_keys_timeout() {
    for fault in [
        Fault::SlowHead { delay_ms: 60_000 },
        Fault::DripHead { each_ms: 300 },
        Fault::DripBody { each_ms: 300 },
    ] {
        let issuer = provider();
        let told = format!("{fault:?}");
        issuer.fault(Endpoint::Jwks, fault);
        let config = handle(&issuer, &[("keys.timeout", "1s")]);
        let start = Instant::now();
        let refusal = refused(&config, &token(&issuer));
        assert_eq!(refusal.status, Status::KEYS_UNAVAILABLE, "{told}");
        assert!(refusal.log.contains("keys.timeout"), "{told}: {}", refusal.log);
        // Not a measurement: without the limit the faults last a minute and more.
        assert!(start.elapsed().as_secs() < 20, "{told}");
    }
}

#[test]
fn a_metadata_document_cannot_aim_us_elsewhere() {
    for uri in [
        "http://id.example/jwks",
        "file:///etc/passwd",
        "ftp://127.0.0.1/jwks",
        "http://user:secret@127.0.0.1/jwks",
        "//127.0.0.1/jwks",
        "jwks",
    ] {
        let issuer = provider();
        issuer.fault(Endpoint::Discovery, Fault::JwksUri { value: uri.into() });
        let refusal = refused(&handle(&issuer, &[]), &token(&issuer));
        assert_eq!(refusal.status, Status::DISCOVERY_FAILED, "{uri}");
        assert_eq!(issuer.fetches().jwks, 0, "{uri}");
    }
}

#[test]
fn link_local_addresses_are_refused_where_the_socket_address_is_chosen() {
    let issuer = provider();
    let uri = "https://169.254.169.254/jwks".to_owned();
    issuer.fault(Endpoint::Discovery, Fault::JwksUri { value: uri });
    let refusal = refused(&handle(&issuer, &[]), &token(&issuer));
    assert_eq!(refusal.status, Status::KEYS_UNAVAILABLE);
    assert!(refusal.log.contains("addresses that are not asked"), "{}", refusal.log);
}

#[test]
fn https_is_never_fallen_back_from() {
    let issuer = provider();
    let uri = issuer.url().replace("http:", "https:") + "/jwks";
    let config = handle(&issuer, &[("keys.jwks_uri", &uri)]);
    let refusal = refused(&config, &token(&issuer));
    assert_eq!(refusal.status, Status::KEYS_UNAVAILABLE);
    assert_eq!(issuer.fetches().jwks, 0);
}

#[test]
fn a_rotated_key_is_taken_up_at_once() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let old = token(&issuer);
    assert_eq!(status(&config, &old), Status::OK);
    assert!(issuer.rotate());
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    assert_eq!(status(&config, &old), Status::KEY_NOT_FOUND, "withdrawn with the refresh");
    assert_eq!((issuer.fetches().oidc, issuer.fetches().jwks), (1, 2), "the key set alone");
}

#[test]
fn unknown_key_ids_cost_one_fetch_a_cooldown() {
    let issuer = provider();
    let config = handle(&issuer, &[("keys.cooldown", "1h")]);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    for n in 0..1_000 {
        let junk = unknown_kid(&issuer, &format!("junk-{n}"));
        assert_eq!(status(&config, &junk), Status::KEY_NOT_FOUND);
    }
    assert_eq!(issuer.fetches().jwks, 2);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
}

#[test]
fn tokens_of_strangers_cost_nothing() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let claims = json!({"iss": "https://stranger.example", "aud": "api", "exp": 4_000_000_000u64});
    let stranger = issuer.mint(ALG, &claims, None);
    let hs512 = minted(&issuer, Some(json!({"alg": "HS512", "kid": "not-in-the-set"})));
    let kid = minted(&issuer, Some(json!({"kid": 5})));
    assert_eq!(status(&config, &stranger), Status::ISSUER_INVALID);
    assert_eq!(status(&config, &hs512), Status::ALGORITHM_NOT_ALLOWED);
    assert_eq!(status(&config, &kid), Status::TOKEN_MALFORMED);
    assert_eq!((issuer.fetches().discovery, issuer.fetches().jwks), (0, 0));
}

#[test]
fn held_keys_serve_while_the_provider_is_down() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let good = token(&issuer);
    assert_eq!(status(&config, &good), Status::OK);
    let junk = unknown_kid(&issuer, "junk");
    issuer.stop();
    assert_eq!(status(&config, &good), Status::OK);
    let refusal = refused(&config, &junk);
    assert_eq!(refusal.status, Status::KEYS_UNAVAILABLE, "nobody can say that it is missing");
    assert_eq!(status(&config, &good), Status::OK, "good stays good");
}

#[test]
fn a_provider_that_comes_back_is_asked_again() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let good = token(&issuer);
    issuer.stop();
    assert_eq!(status(&config, &good), Status::DISCOVERY_FAILED);
    issuer.start_again().unwrap();
    let start = Instant::now();
    while status(&config, &good) != Status::OK {
        assert!(start.elapsed().as_secs() < 20, "back-off is a second while nothing is held");
        std::thread::yield_now();
    }
}

#[test]
fn the_same_kid_with_a_new_key_is_noticed() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let old = token(&issuer);
    assert_eq!(status(&config, &old), Status::OK);
    assert!(issuer.rekey_same_kid());
    let new = token(&issuer);
    assert_eq!(status(&config, &new), Status::SIGNATURE_INVALID, "nobody waits");
    let start = Instant::now();
    while status(&config, &new) != Status::OK {
        assert!(start.elapsed().as_secs() < 20, "the background fetch brings the new key");
        std::thread::yield_now();
    }
    assert_eq!(status(&config, &old), Status::SIGNATURE_INVALID);
    assert_eq!(issuer.fetches().jwks, 2, "at most one such fetch in 30 s");
}

#[test]
fn two_handles_have_nothing_in_common() {
    let issuer = provider();
    let (one, two) = (handle(&issuer, &[]), handle(&issuer, &[]));
    assert_eq!(status(&one, &token(&issuer)), Status::OK);
    assert_eq!(status(&two, &token(&issuer)), Status::OK);
    assert_eq!(issuer.fetches().jwks, 2);
}

#[test]
fn two_issuers_with_one_kid_are_kept_apart() {
    let (a, b) = (provider(), provider());
    let config = handle_of(&[&a, &b], &[]);
    assert_eq!(status(&config, &token(&a)), Status::OK);
    assert_eq!(status(&config, &token(&b)), Status::OK);
    let kid = |issuer: &Issuer| issuer.jwks()["keys"][0]["kid"].clone();
    let claims = json!({"iss": b.url(), "aud": "api", "exp": 4_000_000_000u64});
    let crossed = a.mint(ALG, &claims, Some(&json!({ "kid": kid(&b) })));
    assert_eq!(status(&config, &crossed), Status::SIGNATURE_INVALID);
    let no_kid = a.mint(ALG, &claims, Some(&json!({ "kid": null })));
    assert_eq!(status(&config, &no_kid), Status::SIGNATURE_INVALID);
}

/// As Entra has it: the keys of all tenants at one place.
#[test]
fn issuers_of_one_key_set_url_fetch_each_for_itself() {
    let issuer = provider();
    let config = Config::default();
    let domains = json!([
        {"issuer": "https://a.example", "audience": "api-a"},
        {"issuer": "https://b.example", "audience": "api-b"},
    ]);
    let uri = format!("{}/jwks", issuer.url());
    for (key, value) in [("issuers", &domains.to_string()), ("keys.jwks_uri", &uri)] {
        config.set(key.as_bytes(), Some(value.as_bytes())).unwrap();
    }
    let of = |iss: &str, aud: &str| {
        let claims = json!({"iss": iss, "aud": aud, "exp": 4_000_000_000u64});
        status(&config, &issuer.mint(ALG, &claims, None))
    };
    assert_eq!(of("https://a.example", "api-a"), Status::OK);
    assert_eq!(issuer.fetches().jwks, 1);
    assert_eq!(of("https://b.example", "api-b"), Status::OK);
    assert_eq!(issuer.fetches().jwks, 2);
    assert_eq!(of("https://b.example", "api-a"), Status::AUDIENCE_INVALID);
}

#[test]
fn a_moment_is_judged_by_the_keys_that_are_held() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let good = token(&issuer);
    let at = |moment| judge_at(&config, &good, moment);
    let refusal = at(Moment::At(1)).unwrap_err();
    assert_eq!(refusal.status, Status::KEYS_PENDING);
    assert_eq!(refusal.issuer, issuer.url());
    assert_eq!(issuer.fetches().discovery, 0, "starts nothing");
    assert!(at(Moment::Now).is_ok());
    assert!(at(Moment::At(1)).is_ok());
    assert_eq!(at(Moment::At(5_000_000_000)).unwrap_err().status, Status::TOKEN_EXPIRED);
}

#[test]
fn a_moment_starts_nothing_also_for_a_bad_signature() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    let good = token(&issuer);
    assert_eq!(status(&config, &good), Status::OK);
    let bad = with_a_bad_signature(&good);
    let refusal = judge_at(&config, &bad, Moment::At(1)).unwrap_err();
    assert_eq!(refusal.status, Status::SIGNATURE_INVALID);
    // A second handle's first fetch comes after any that the call above had started.
    assert_eq!(status(&handle(&issuer, &[]), &good), Status::OK);
    assert_eq!(issuer.fetches().jwks, 2);
}

#[test]
fn a_handle_is_freed_while_a_fetch_is_under_way() {
    let issuer = provider();
    issuer.fault(Endpoint::Jwks, Fault::SlowHead { delay_ms: 60_000 });
    let config = Arc::new(handle(&issuer, &[("keys.timeout", "60s"), ("keys.stale", "1d")]));
    assert_eq!(status(&config, "a.b.c"), Status::TOKEN_MALFORMED);
    let start = Instant::now();
    issuer.clear();
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    issuer.fault(Endpoint::Jwks, Fault::SlowHead { delay_ms: 60_000 });
    let bad = with_a_bad_signature(&token(&issuer));
    assert_eq!(status(&config, &bad), Status::SIGNATURE_INVALID, "starts a background fetch");
    while issuer.fetches().jwks < 2 {
        assert!(start.elapsed().as_secs() < 20);
        std::thread::yield_now();
    }
    drop(config);
    assert!(start.elapsed().as_secs() < 20, "the fetch of a minute was interrupted");
}

/// The base64url decoder of the token is as strict as the RFC asks (RFC 4648 3.5).
#[test]
fn the_decoder_refuses_padding_blanks_and_spare_bits() {
    for text in ["YQ==", "YQ=", "YR", "YW", "YWJ", "Y", "YW Jj", "YWJj\n", "YW+j", "YW/j", "YWJjZ"]
    {
        assert!(base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).is_err(), "{text:?}");
    }
    for text in ["", "YQ", "YWI", "YWJj", "-_-_"] {
        assert!(base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).is_ok(), "{text:?}");
    }
}
