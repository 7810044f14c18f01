//! The pipeline: header → token → keys → signature → claims → verdict, one line a stage. There is
//! no other way to an accepted token.

use std::borrow::Cow;

use crate::claims;
use crate::config::Runtime;
use crate::header;
use crate::keys::driver::Waiting;
use crate::os;
use crate::signature;
use crate::status::Status;
use crate::token;
use crate::verdict::{Answer, Refusal, Requirement, granted};

/// The moment that a token is judged at.
#[derive(Clone, Copy)]
pub enum Moment {
    Now,
    /// Seconds since 1970; by the keys that are held, without a fetch.
    At(i64),
}

/// Judges the value of an Authorization header.
pub fn authorize<T>(
    runtime: &Runtime,
    value: &[u8],
    requirement: &Requirement,
    moment: Moment,
    accept: impl FnOnce(&Answer) -> T,
) -> Result<T, Refusal> {
    let text = header::extract(value)?;
    verify(runtime, text, requirement, moment, accept)
}

/// Judges a token. `accept` gets the answer, which borrows from buffers of this call.
pub fn verify<T>(
    runtime: &Runtime,
    text: &[u8],
    requirement: &Requirement,
    moment: Moment,
    accept: impl FnOnce(&Answer) -> T,
) -> Result<T, Refusal> {
    let (waiting, now) = match moment {
        Moment::Now => (Waiting::Allowed, None),
        Moment::At(now) => (Waiting::HeldOnly, Some(now)),
    };
    let decoded = token::decode(text, &runtime.settings)?;
    let token = token::read(&decoded, &runtime.settings)?;
    let (issuer, keys) = runtime.issuer(token.issuer)?;
    let found = keys.find(issuer, token.kid.as_deref(), token.algorithm, waiting)?;
    signature::check(&token, &found, keys)?;
    let now = now.unwrap_or_else(os::wall_s);
    let claims = claims::check(&token, &runtime.settings, now)?;
    granted(&claims.scopes, &runtime.settings.require()?, requirement)?;
    Ok(accept(&Answer {
        status: Status::OK,
        expires_at: claims.expires_at,
        claims: token.payload_json,
        header: token.header_json,
        issuer: Cow::Borrowed(issuer),
        subject: claims.subject,
        client_id: claims.client_id,
        scopes: Cow::Borrowed(&claims.scopes),
        ..Answer::default()
    }))
}
