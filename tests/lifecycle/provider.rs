//! What every test of keys on real sockets needs: `libauth issuer`'s engine with its faults, a
//! handle, tokens, and a way to wait for what has to come.

#[path = "../../src/bin/libauth/issuer/mod.rs"]
pub mod issuer;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use auth::config::Config;
use auth::report::{EventKind, IssuerReport, Outcome};
use auth::requirement::Requirement;
use auth::status::Status;
use auth::verdict::Refusal;
use auth::verify::{Moment, verify};
use issuer::base64url;
pub use issuer::{Endpoint, Fault, Issuer};
use serde_json::{Value, json};

pub const ALG: &str = "ES256";

pub fn provider() -> Issuer {
    Issuer::start_with(0, &[ALG, "EdDSA"]).unwrap()
}

/// A handle that trusts `issuers`.
pub fn handle_of(issuers: &[&Issuer], options: &[(&str, &str)]) -> Config {
    let config = Config::default();
    let urls: Vec<String> = issuers.iter().map(|issuer| issuer.url()).collect();
    let urls = urls.join(" ");
    for (key, value) in [("issuer", urls.as_str()), ("audience", "api")].iter().chain(options) {
        config.set(key.as_bytes(), Some(value.as_bytes())).unwrap();
    }
    config
}

pub fn handle(issuer: &Issuer, options: &[(&str, &str)]) -> Config {
    handle_of(&[issuer], options)
}

// ---------------------------------------------------------------- tokens

pub fn token(issuer: &Issuer) -> String {
    minted(issuer, None)
}

pub fn minted(issuer: &Issuer, header: Option<Value>) -> String {
    issuer.mint(ALG, &claims(&issuer.url()), header.as_ref())
}

pub fn claims(iss: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    json!({"iss": iss, "aud": "api", "exp": now + 600})
}

/// Signed by the keys of one provider in the name of another.
pub fn token_in_the_name_of(iss: &str, signer: &Issuer) -> String {
    signer.mint(ALG, &claims(iss), None)
}

/// A token that names a key which nobody publishes.
pub fn unknown_kid(issuer: &Issuer, kid: &str) -> String {
    minted(issuer, Some(json!({ "kid": kid })))
}

/// The same for floods: nothing is signed.
pub fn junk(good: &str, kid: &str) -> String {
    let (_, rest) = good.split_once('.').unwrap();
    let header = json!({"alg": ALG, "typ": "at+jwt", "kid": kid});
    format!("{}.{rest}", base64url(header.to_string()))
}

/// The same token with a signature of zeros.
pub fn with_a_bad_signature(good: &str) -> String {
    let (signed, signature) = good.rsplit_once('.').unwrap();
    format!("{signed}.{}", "A".repeat(signature.len()))
}

// ---------------------------------------------------------------- answers

pub fn judge_at(config: &Config, token: &str, moment: Moment) -> Result<(), Refusal> {
    let (runtime, none) = (config.runtime()?, Requirement::default());
    verify(runtime, token.as_bytes(), &none, moment, |_| ())
}

pub fn judge(config: &Config, token: &str) -> Result<(), Refusal> {
    judge_at(config, token, Moment::Now)
}

pub fn status(config: &Config, token: &str) -> Status {
    judge(config, token).err().map_or(Status::OK, |refusal| refusal.status)
}

pub fn refused(config: &Config, token: &str) -> Refusal {
    judge(config, token).expect_err("must be refused")
}

/// An answer without waiting.
pub fn tried(config: &Config, token: &str) -> Status {
    let judged = judge_at(config, token, Moment::Try);
    judged.err().map_or(Status::OK, |refusal| refusal.status)
}

// ---------------------------------------------------------------- reports

/// Of the only issuer, or the first.
pub fn report(config: &Config) -> IssuerReport {
    config.report().issuers.into_iter().next().expect("the handle is frozen")
}

pub fn count_of(report: &IssuerReport, outcome: Outcome) -> u64 {
    report.fetches.iter().find(|(one, _)| *one == outcome).map_or(0, |(_, count)| *count)
}

/// How many events of a kind are told, and what the last of them says.
pub fn events(config: &Config, kind: EventKind) -> (usize, String) {
    let same = |one: &EventKind| std::mem::discriminant(one) == std::mem::discriminant(&kind);
    let events = config.report().events;
    let of_kind: Vec<_> = events.iter().filter(|event| same(&event.kind)).collect();
    (of_kind.len(), of_kind.last().map_or_else(String::new, |event| event.detail.clone()))
}

// ---------------------------------------------------------------- time

/// Longer than anything takes that works, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for what has to come, and tells how long it took.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    start.elapsed()
}
