//! What is allowed, and should be meant: warnings of the configuration and of the report.

use auth::config::Config;
use auth::status::Status;
use serde_json::json;

use crate::provider::*;

fn config(options: &[(&str, &str)]) -> Config {
    let config = Config::default();
    for (key, value) in options {
        config.set(key.as_bytes(), Some(value.as_bytes())).unwrap();
    }
    config
}

/// Asked before the freeze and after it, and of the report before and after.
fn warnings(options: &[(&str, &str)]) -> Vec<String> {
    let config = config(options);
    let told = config.check().unwrap();
    assert_eq!(config.report().warnings, told);
    config.runtime().unwrap();
    assert_eq!(config.check().unwrap(), told);
    assert_eq!(config.report().warnings, told);
    told
}

const GOOD: [(&str, &str); 2] = [("issuer", "https://id.example"), ("audience", "api")];

fn good_but(more: &[(&str, &str)]) -> Vec<String> {
    let mut options = GOOD.to_vec();
    options.retain(|(key, _)| more.iter().all(|(other, _)| other != key));
    options.extend(more);
    warnings(&options)
}

#[test]
fn a_plain_good_configuration_has_no_warning() {
    for more in [
        &[][..],
        &[("audience", "api accounts")],
        &[("claims.leeway", "60s")],
        &[("keys.http", "always")],
        &[("keys.http", "always"), ("issuer", "http://127.0.0.1:8080")],
        &[("issuer", "http://localhost:8080")],
        &[("keys.jwks_uri", "http://[::1]:8080/jwks")],
        &[("issuer", "https://login.example/{tenant}"), ("claims.tenants", "red blue")],
    ] {
        assert_eq!(good_but(more), Vec::<String>::new(), "{more:?}");
    }
}

#[test]
fn what_should_be_meant_is_warned_of_once_and_by_name() {
    let jwks = ("keys.jwks_uri", "https://login.example/keys");
    for (more, named) in [
        (&[("audience", "*")][..], "audience=*"),
        (&[("audience", "account")], "\"account\""),
        (&[("audience", "api account")], "\"account\""),
        (&[("claims.leeway", "61s")], "claims.leeway"),
        (&[("claims.leeway", "5m")], "claims.leeway"),
        (
            &[("issuer", "https://login.example/{tenant}"), ("claims.tenants", "*"), jwks],
            "claims.tenants=*",
        ),
        (&[("keys.http", "always"), ("issuer", "http://id.example")], "http://id.example"),
        (
            &[("keys.http", "always"), ("keys.jwks_uri", "http://id.example:8080/jwks")],
            "http://id.example:8080",
        ),
        (
            &[("keys.http", "always"), ("keys.discovery_url", "http://10.0.0.1/metadata")],
            "http://10.0.0.1",
        ),
    ] {
        let told = good_but(more);
        assert_eq!(told.len(), 1, "{more:?}: {told:?}");
        assert!(told[0].contains(named), "{told:?}");
    }
}

#[test]
fn every_warning_is_told_and_each_issuer_is_looked_at() {
    let issuers = json!([
        {"issuer": "https://good.example", "audience": "api"},
        {"issuer": "https://any.example", "audience": "*"},
        {"issuer": "http://plain.example", "audience": "account", "keys.http": "always"},
        {"issuer": "https://late.example", "audience": "api", "claims.leeway": "2m"},
    ]);
    let told = warnings(&[("issuers", &issuers.to_string())]);
    assert_eq!(told.len(), 4, "{told:?}");
    for named in ["audience=*", "\"account\"", "claims.leeway", "http://plain.example"] {
        assert_eq!(told.iter().filter(|told| told.contains(named)).count(), 1, "{told:?}");
    }
}

#[test]
fn an_issuer_that_differs_by_a_slash_is_warned_of_after_the_fetch() {
    let issuer = provider();
    let value = format!("{}/", issuer.url());
    issuer.fault(Endpoint::Discovery, Fault::Issuer { value: value.clone() });
    let config = handle(&issuer, &[]);
    assert_eq!(status(&config, &token(&issuer)), Status::DISCOVERY_ISSUER_MISMATCH);
    let told = report(&config).warnings;
    assert_eq!(told.len(), 1, "{told:?}");
    for named in [value, issuer.url()] {
        assert!(told[0].contains(&format!("\"{named}\"")), "{told:?}");
    }
    issuer.clear();
    until("put right", || status(&config, &token(&issuer)) == Status::OK);
    assert_eq!(report(&config).warnings, Vec::<String>::new());
}

#[test]
fn keys_at_another_origin_than_the_issuer_are_warned_of() {
    let (issuer, elsewhere) = (provider(), provider());
    let value = format!("{}/jwks", elsewhere.url());
    issuer.fault(Endpoint::Discovery, Fault::JwksUri { value });
    let config = handle(&issuer, &[]);
    let good = token_in_the_name_of(&issuer.url(), &elsewhere);
    assert_eq!(status(&config, &good), Status::OK, "many real providers do so");
    let told = report(&config).warnings;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(&elsewhere.url()), "{told:?}");
}

#[test]
fn a_good_provider_is_not_warned_of_after_the_fetch() {
    let issuer = provider();
    let config = handle(&issuer, &[]);
    assert_eq!(status(&config, &token(&issuer)), Status::OK);
    assert_eq!(report(&config).warnings, Vec::<String>::new());
    assert_eq!(config.report().warnings, Vec::<String>::new());
}
