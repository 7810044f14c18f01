//! `libauth demo`: a provider on loopback, an API that libauth protects, and what it answers to the
//! tokens that a server meets. Every row says what must come out, and the demo fails where it does
//! not.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anstream::println;
use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::abi::{Auth, Verdict};
use crate::api;
use crate::issuer::Issuer;

pub const AUDIENCE: &str = "https://api.example";
pub const SCOPE: &str = "orders:read";

/// One request, and the code that must come out.
struct Case {
    name: &'static str,
    header: Option<String>,
    code: &'static str,
}

fn case(name: &'static str, header: impl Into<Option<String>>, code: &'static str) -> Case {
    Case { name, header: header.into(), code }
}

pub fn run(serve: bool) -> Result<ExitCode, String> {
    let issuer = Issuer::start(0).map_err(|error| format!("no provider: {error}"))?;
    let url = issuer.url();
    println!("provider  {url}\naudience  {AUDIENCE}\nthe API needs the scope {SCOPE}\n");
    println!("{:24}  {:27} {:4}{:>10}  code", "request", "status", "HTTP", "time");
    let options = [("issuer", url.as_str()), ("audience", AUDIENCE)];
    let auth = Auth::new(&options)?;
    let mut failed = 0u32;
    let mut show = |auth: &Auth, case: Case| {
        if !show_row(auth, &case) {
            failed = failed.saturating_add(1);
        }
    };

    let good = bearer(&token(&issuer, json!({})));
    show(&auth, case("valid, keys fetched", good.clone(), "ok"));
    show(&auth, case("valid, keys held", good, "ok"));
    for each in refused(&issuer) {
        show(&auth, each);
    }
    issuer.rotate();
    let rotated = bearer(&token(&issuer, json!({})));
    show(&auth, case("key just rotated", rotated.clone(), "ok"));
    issuer.stop();
    show(&auth, case("provider switched off", rotated.clone(), "ok"));
    let cold = Auth::new(&options)?;
    show(&cold, case("provider off and cold", rotated, "auth.discovery_failed"));

    match failed {
        0 => println!("\nevery answer is as it must be"),
        _ => println!("\n{failed} answers are not as they must be"),
    }
    if serve {
        issuer.start_again().map_err(|error| format!("the provider is gone: {error}"))?;
        let _api = api::serve(Arc::new(auth), &url).map_err(|e| format!("no API: {e}"))?;
        loop {
            std::thread::park();
        }
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What must not pass, from the header on to the scopes.
fn refused(issuer: &Issuer) -> Vec<Case> {
    let now = now_s();
    let with = |claims: Value| bearer(&token(issuer, claims));
    let opaque = "mF_9.B5f-4.1JqM".replace('.', "");
    let encrypted = "eyJhbGciOiJSU0EtT0FFUCJ9.a2V5.aXY.Y2lwaGVy.dGFn";
    vec![
        case("expired", with(json!({"exp": now.saturating_sub(3600)})), "auth.token_expired"),
        case(
            "wrong audience",
            with(json!({"aud": "https://other.example"})),
            "auth.audience_invalid",
        ),
        case("wrong issuer", with(json!({"iss": "https://evil.example"})), "auth.issuer_invalid"),
        case("tampered", bearer(&tampered(issuer)), "auth.signature_invalid"),
        case("alg: none", bearer(&unsigned(issuer)), "auth.algorithm_not_allowed"),
        case("HS256, public key", bearer(&confused(issuer)), "auth.algorithm_not_allowed"),
        case("opaque", bearer(&opaque), "auth.token_opaque"),
        case("encrypted", bearer(encrypted), "auth.token_encrypted"),
        case("no header", None, "auth.authorization_header_missing"),
        case(
            "Basic",
            "Basic c3ZjOnNlY3JldA==".to_owned(),
            "auth.authorization_token_type_not_supported",
        ),
        case("missing scope", with(json!({"scope": "profile"})), "auth.insufficient_scope"),
    ]
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

fn claims(issuer: &Issuer, changes: Value) -> Value {
    let now = now_s();
    let mut claims = json!({
        "iss": issuer.url(), "aud": AUDIENCE, "sub": "alice", "client_id": "demo",
        "scope": "orders:read orders:write", "iat": now, "exp": now.saturating_add(300),
    });
    if let (Some(claims), Value::Object(changes)) = (claims.as_object_mut(), changes) {
        claims.extend(changes);
    }
    claims
}

fn token(issuer: &Issuer, changes: Value) -> String {
    issuer.mint("RS256", &claims(issuer, changes), None)
}

/// The payload of another token under this one's signature.
fn tampered(issuer: &Issuer) -> String {
    let (good, other) = (token(issuer, json!({})), token(issuer, json!({"sub": "mallory"})));
    let (mut parts, others): (Vec<&str>, Vec<&str>) =
        (good.split('.').collect(), other.split('.').collect());
    if let (Some(payload), Some(theirs)) = (parts.get_mut(1), others.get(1)) {
        *payload = theirs;
    }
    parts.join(".")
}

fn base64(text: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(text)
}

fn signing_input(issuer: &Issuer, header: Value) -> String {
    let claims = claims(issuer, json!({}));
    format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()))
}

fn unsigned(issuer: &Issuer) -> String {
    format!("{}.", signing_input(issuer, json!({"alg": "none", "typ": "JWT"})))
}

/// CVE-2016-10555: the published key as an HMAC secret.
fn confused(issuer: &Issuer) -> String {
    let jwks = issuer.jwks();
    let key = jwks.pointer("/keys/0").cloned().unwrap_or_default();
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": key.get("kid")});
    let input = signing_input(issuer, header);
    let secret = key.get("n").and_then(Value::as_str).unwrap_or_default();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&secret, input.as_bytes());
    format!("{input}.{}", base64(signature.as_ref()))
}

/// Prints one answer; false when it is not the one that must come out.
fn show_row(auth: &Auth, case: &Case) -> bool {
    let start = Instant::now();
    let Verdict { code, http_status, message, log, challenge, number, name, .. } =
        auth.authorize(case.header.as_deref(), SCOPE);
    let microseconds = start.elapsed().as_micros();
    let right = code == case.code;
    let mark = if right { "" } else { "   <-- WRONG" };
    println!(
        "{:24}  {number:4} {name:22} {http_status}  {microseconds:6} us  {code}{mark}",
        case.name
    );
    for (what, text) in [("client", message), ("log", log), ("challenge", challenge)] {
        if !text.is_empty() {
            println!("{:26}{what:9}  {text}", "");
        }
    }
    right
}
