//! libauth: verifies OAuth 2.0 / OpenID Connect bearer tokens for resource servers, behind a C ABI.
//!
//! The data flows one way: header → token → keys → signature → claims → verdict → language. No Rust
//! API is promised: the modules are public for this package's own tests and benches.
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

/// The pipeline: one line a stage.
#[doc(hidden)]
pub mod verify;

mod call;
/// Stage claims: payload fields + options + now → claims.
#[doc(hidden)]
pub mod claims;
/// Stage language: the exported functions, and the record that they write.
#[doc(hidden)]
pub mod ffi;
/// Stage header: the value of the Authorization field → the token's text.
#[doc(hidden)]
pub mod header;
/// Stage keys: issuer + key id + algorithm → public keys.
#[doc(hidden)]
pub mod keys;
#[doc(hidden)]
pub mod record;
/// Stage signature: key + bytes → yes or no.
#[doc(hidden)]
pub mod signature;
/// Stage token: token text → algorithm, key id, issuer, signed bytes, payload fields.
#[doc(hidden)]
pub mod token;
/// Stage verdict: outcome + requirement → status, sentences, challenge, problem body.
#[doc(hidden)]
pub mod verdict;

/// The handle: set, check together, freeze.
#[doc(hidden)]
pub mod config;
/// Part of claims and verdict: where a claim stands, what a request needs, and what was nearly
/// right.
#[doc(hidden)]
pub mod near_miss;
#[doc(hidden)]
pub mod path;
#[doc(hidden)]
pub mod requirement;

/// What a handle tells about itself: JSON and metrics.
#[doc(hidden)]
pub mod report;

/// The two tables, and the macros that read them.
#[doc(hidden)]
pub mod options;
#[doc(hidden)]
pub mod status;
#[doc(hidden)]
pub mod table;

/// The strict JSON reader.
#[doc(hidden)]
pub mod json;
/// Clocks, fork generation, a thread with its signals blocked.
#[doc(hidden)]
pub mod os;
