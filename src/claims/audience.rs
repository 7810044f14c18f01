//! Is the token meant for this API? (RFC 7519 4.1.3, RFC 8725 3.9)

use super::{list_of, malformed};
use crate::config::{Audience, Rules};
use crate::json::{self, Field};
use crate::near_miss;
use crate::path;
use crate::status::Status;
use crate::token::Payload;
use crate::verdict::{Refusal, list_counted};

/// The claims of `claims.audience_from` that are there.
pub fn audience_claims<'p>(
    payload: &'p Payload,
    json: &'p str,
    rules: &'p Rules,
) -> impl Iterator<Item = (&'p str, Audiences<'p>)> {
    rules.audience_from.iter().filter_map(move |claim| match (claim.as_str(), &payload.aud) {
        ("aud", Field::Absent) => None,
        ("aud", field) => Some(("aud", Audiences::Field(field))),
        (claim, _) => Some((claim, Audiences::Json(json::member(json, claim)?))),
    })
}

pub enum Audiences<'p> {
    Field(&'p Field<'p>),
    Json(&'p str),
}

impl Audiences<'_> {
    /// False when it is neither a text nor a list of texts.
    fn each(&self, each: &mut dyn FnMut(&str)) -> bool {
        match self {
            Audiences::Field(Field::Text(one)) => each(one),
            Audiences::Field(Field::Texts(several)) => several.iter().for_each(each),
            Audiences::Json(json) if !json.starts_with('{') => {
                return path::names(json, each).is_ok();
            }
            _ => return false,
        }
        true
    }
}

pub fn audience_is_text(payload: &Payload, json: &str, rules: &Rules) -> Result<(), Refusal> {
    let form = |claim: &str| malformed(format!("{claim} is neither a text nor a list of texts"));
    if !matches!(payload.aud, Field::Absent | Field::Text(_) | Field::Texts(_)) {
        return Err(form("aud"));
    }
    let mut all = audience_claims(payload, json, rules);
    match all.find(|(_, audiences)| !audiences.each(&mut |_| {})) {
        None => Ok(()),
        Some((claim, _)) => Err(form(claim)),
    }
}

/// One of ours is enough; byte for byte (RFC 7519 4.1.3).
pub fn audience(
    payload: &Payload,
    json: &str,
    rules: &Rules,
    client_id: &str,
) -> Result<(), Refusal> {
    const TOLD: usize = 16;
    let Audience::AnyOf(expected) = &rules.audience else { return Ok(()) };
    let mut ours = false;
    for (_, audiences) in audience_claims(payload, json, rules) {
        audiences.each(&mut |got| ours = ours || expected.iter().any(|ours| ours == got));
    }
    if ours {
        return Ok(());
    }
    let (mut first, mut count) = (Vec::new(), 0usize);
    for (_, audiences) in audience_claims(payload, json, rules) {
        audiences.each(&mut |got| {
            count = count.saturating_add(1);
            if first.len() < TOLD {
                first.push(got.to_owned());
            }
        });
    }
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    let hint = near_miss::audience(&first, expected, client_id);
    let got = list_counted(first.iter().copied(), count);
    let hint = near_miss::told(hint);
    let log = format!("aud {got}; expected {}{hint}", list_of(expected));
    Err(Refusal::new(Status::AUDIENCE_INVALID, log))
}
