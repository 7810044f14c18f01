//! `auth_verify` against the bare primitive: the same tokens, the same keys, interleaved in one
//! process; the minimum of each over many rounds. Ratios are what counts; the nanoseconds are this
//! machine's.

use std::ffi::CString;
use std::hint::black_box;
use std::time::Instant;

use auth::config::Config;
use auth::ffi::{auth_config_free, auth_config_new, auth_config_set, auth_verify};
use auth::record::auth_verdict;
use auth::status::Status;
use auth::token;
use aws_lc_rs::signature::ParsedPublicKey;
use common::{Key, base64, keys, usual_claims};
use serde_json::json;

mod common;

const ISSUER: &str = "https://id.example/realms/main";
const ROUNDS: usize = 400;
const PER_ROUND: usize = 16;

struct Case {
    name: &'static str,
    token: common::Token,
    primitive: ParsedPublicKey,
    config: *mut Config,
}

fn main() {
    let cases = keys().map(case);
    let mut best = [[f64::INFINITY; 2]; 3];
    for _ in 0..ROUNDS {
        for (case, best) in cases.iter().zip(&mut best) {
            best[0] = best[0].min(nanoseconds(|| case.verify_primitive()));
            best[1] = best[1].min(nanoseconds(|| case.verify()));
        }
    }
    parse_table(&cases[0]);
    println!("\nalgorithm  primitive ns  auth_verify ns  ratio");
    for (case, [primitive, whole]) in cases.iter().zip(best) {
        let ratio = whole / primitive;
        println!("{:9}  {primitive:12.0}  {whole:14.0}  {ratio:5.3}", case.name);
        unsafe { auth_config_free(case.config) };
    }
}

fn nanoseconds(mut body: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..PER_ROUND).for_each(|_| body());
    start.elapsed().as_nanos() as f64 / PER_ROUND as f64
}

/// What stage token costs a byte: a usual token, and the same size of nothing but claim names.
fn parse_table(usual: &Case) {
    let config = unsafe { &*usual.config };
    let settings = &config.runtime().unwrap_or_else(|mistake| panic!("{}", mistake.log)).settings;
    let names: Vec<String> = (0..1_900).map(|n| format!("\"{n}\":0")).collect();
    let names = format!("{{\"iss\":\"{ISSUER}\",{}}}", names.join(","));
    let header = usual.token.text.split('.').next().unwrap();
    let names = format!("{header}.{}.AAAA", base64(&names));
    println!("stage token          bytes      ns  ns a byte");
    for (name, token) in [("a usual token", &usual.token.text), ("1 900 claim names", &names)] {
        let best = (0..ROUNDS).map(|_| {
            nanoseconds(|| {
                let decoded = token::decode(black_box(token.as_bytes()), settings);
                let decoded = decoded.unwrap_or_else(|refusal| panic!("{}", refusal.log));
                assert!(token::read(&decoded, settings).is_ok());
            })
        });
        let best = best.fold(f64::INFINITY, f64::min);
        let bytes = token.len();
        println!("{name:18}  {bytes:6}  {best:6.0}  {:9.2}", best / bytes as f64);
    }
}

impl Case {
    fn verify_primitive(&self) {
        let message = black_box(&self.token.text.as_bytes()[..self.token.message]);
        self.primitive.verify_sig(message, &self.token.signature).unwrap();
    }

    fn verify(&self) {
        // Not set to anything: a C caller's stack is not either.
        let mut record = std::mem::MaybeUninit::<[u64; 4096]>::uninit();
        let token = black_box(self.token.text.as_bytes());
        let status = unsafe {
            auth_verify(
                self.config,
                token.as_ptr().cast(),
                token.len(),
                record.as_mut_ptr().cast::<auth_verdict>(),
                size_of_val(&record),
            )
        };
        assert_eq!(status, Status::OK);
    }
}

/// A token, and a handle that accepts it.
fn case(key: Key) -> Case {
    let token = key.token(&usual_claims(ISSUER));
    let config = config(&json!({ "keys": [key.jwk] }).to_string());
    Case { name: key.algorithm, token, primitive: key.public, config }
}

fn config(jwks: &str) -> *mut Config {
    let config = auth_config_new();
    for (key, value) in [
        ("issuer", ISSUER),
        ("audience", "https://api.example"),
        ("token.max_bytes", "64k"),
        ("keys.jwks", jwks),
    ] {
        let (key, value) = (CString::new(key).unwrap(), CString::new(value).unwrap());
        let none = std::ptr::null_mut();
        let set = unsafe { auth_config_set(config, key.as_ptr(), value.as_ptr(), none, 0) };
        assert_eq!(set, Status::OK);
    }
    config
}
