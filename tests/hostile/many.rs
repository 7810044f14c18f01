//! A thousand issuers in one handle.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use auth::config::Config;
use serde_json::{Value, json};

const ISSUERS: usize = 1024;

/// Each of a provider that takes every connection and says nothing.
fn silent(listener: &TcpListener) -> Config {
    let address = listener.local_addr().unwrap();
    let entry = |first: usize| -> Value {
        let names = (first..first + 128).map(|n| format!("https://{address}/t{n}"));
        json!({ "issuer": names.collect::<Vec<_>>() })
    };
    let entries: Vec<Value> = (0..ISSUERS).step_by(128).map(entry).collect();
    let config = Config::default();
    for (key, value) in [
        ("issuers", Value::from(entries).to_string().as_str()),
        ("audience", "api"),
        ("keys.timeout", "1s"),
        ("keys.proxy", "off"),
    ] {
        config.set(key.as_bytes(), Some(value.as_bytes())).unwrap();
    }
    config
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// A server has a limit of processes (a container's are often some hundred), and a probe asks
/// without a wait.
#[test]
fn all_issuers_at_once_are_not_a_thread_each() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = silent(&listener);
    let runtime = config.runtime().unwrap();
    let before = threads();
    let start = Instant::now();
    assert!(runtime.ready().is_err());
    let took = start.elapsed();
    let more = threads().saturating_sub(before);
    assert!(more <= 128, "{more} threads were started by one call of auth_ready, in {took:?}");
    assert!(took < Duration::from_secs(1), "auth_ready never blocks: {took:?}");
}
