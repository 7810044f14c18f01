//! The pipeline: header → token → keys → signature → claims → verdict, one line a stage. There is
//! no other way to an accepted token.

use std::borrow::Cow;

use crate::claims;
use crate::config::Runtime;
use crate::header;
use crate::json::{Field, Room, utf8};
use crate::keys::driver::Waiting;
use crate::os;
use crate::requirement::{Grants, Lists, Requirement, granted};
use crate::signature;
use crate::status::Status;
use crate::token::{self, Payload};
use crate::verdict::{Answer, Refusal};

/// The moment that a token is judged at.
#[derive(Clone, Copy)]
pub enum Moment {
    Now,
    /// Now, without waiting for keys.
    Try,
    /// Seconds since 1970; by the keys that are held, without a fetch.
    At(i64),
}

impl Moment {
    /// A judgement as of another time is no traffic.
    fn is_counted(self) -> bool {
        !matches!(self, Moment::At(_))
    }
}

/// Judges the value of an Authorization header.
pub fn authorize<T>(
    runtime: &Runtime,
    value: &[u8],
    requirement: &Requirement,
    moment: Moment,
    accept: impl FnOnce(&Answer) -> T,
) -> Result<T, Refusal> {
    let text = header::extract(value).inspect_err(|refusal| {
        if moment.is_counted() {
            runtime.counters.count(None, refusal.status);
        }
    })?;
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
    let mut place = None;
    let judged = judge(runtime, text, requirement, moment, &mut place, accept);
    if moment.is_counted() {
        let status = judged.as_ref().err().map_or(Status::OK, |refusal| refusal.status);
        runtime.counters.count(place, status);
    }
    judged
}

fn judge<T>(
    runtime: &Runtime,
    text: &[u8],
    requirement: &Requirement,
    moment: Moment,
    place: &mut Option<usize>,
    accept: impl FnOnce(&Answer) -> T,
) -> Result<T, Refusal> {
    let (waiting, now) = match moment {
        Moment::Now => (Waiting::Allowed, None),
        Moment::Try => (Waiting::Never, None),
        Moment::At(now) => (Waiting::HeldOnly, Some(now)),
    };
    let settings = &runtime.settings;
    let decoded = token::decode(text, settings)?;
    let token = token::read(&decoded, settings)?;
    *place = Some(token.issuer);
    let (issuer, keys) = runtime.issuer(token.issuer)?;
    let wanted = token.wants(&issuer.name);
    let found = keys.find(&issuer.name.text(), wanted, waiting)?;
    signature::check(&token.signing, &found, wanted, keys, waiting)?;
    let now = now.unwrap_or_else(os::wall_s);
    let asks = [&settings.require, requirement];
    let claims = claims::check(&token, issuer, settings.rfc9068, &asks, now)?;
    let (scopes, lists) = (claims.scopes.as_ref(), &claims.lists);
    granted(&Grants { scopes, lists, claims: token.payload_json }, &asks)?;
    Ok(accept(&Answer {
        status: Status::OK,
        expires_at: claims.expires_at,
        claims: token.payload_json.as_bytes(),
        header: token.header_json.as_bytes(),
        issuer: Cow::Borrowed(&token.iss),
        subject: &claims.subject,
        client_id: claims.client_id,
        scopes: Cow::Borrowed(&claims.scopes),
        ..Answer::default()
    }))
}

/// Asks claims that were verified before for more: a second requirement for the same token.
pub fn require(runtime: &Runtime, json: &[u8], requirement: &Requirement) -> Result<(), Refusal> {
    let not = |why: String| Refusal::new(Status::CLAIM_MALFORMED, why);
    let payload =
        utf8(json).and_then(|json| Ok((json, Payload::read(json, &mut Room::default())?)));
    let (json, payload) = payload.map_err(|fault| not(format!("the claims text {fault}")))?;
    let iss = match &payload.iss {
        Field::Text(iss) => Field::Text(Cow::Borrowed(iss.as_ref())),
        _ => return Err(not("the claims have no iss that is a text".into())),
    };
    let (place, _) = token::trusted_issuer(iss, &runtime.settings)?;
    let (issuer, _) = runtime.issuer(place)?;
    let scopes = claims::scopes(&payload, json, &issuer.rules)?;
    let asks = [requirement];
    let lists = Lists::read(json, &issuer.rules, &asks)?;
    granted(&Grants { scopes: &scopes, lists: &lists, claims: json }, &asks)
}
