//! Stage claims: payload fields + options + now → claims (RFC 7519 4.1, RFC 9068 4). Judged only
//! under a good signature; in the order of the status rows, presence before type before value.

use std::borrow::Cow;

use crate::config::{Audience, Settings};
use crate::json::Field;
use crate::status::Status;
use crate::token::{Payload, Token};
use crate::verdict::{Refusal, list};

/// The end of year 9999: beyond it milliseconds were meant, or nonsense.
const LAST_SECOND: f64 = 253_402_300_799.0;
/// `sub` and the client id each stand a second time in the record.
const NAME_MAX_BYTES: usize = 1024;

/// What the record tells beside the payload itself.
pub struct Claims<'d> {
    pub expires_at: i64,
    pub subject: &'d str,
    pub client_id: &'d str,
    /// Scopes of `scope` and `scp` in one normal form: separated by one space, none twice.
    pub scopes: Cow<'d, str>,
}

pub fn check<'d>(token: &'d Token, settings: &Settings, now: i64) -> Result<Claims<'d>, Refusal> {
    let payload = &token.payload;
    required(payload, settings)?;

    let exp = time(&payload.exp, "exp")?.map_or(0, |exp| whole(exp.floor()));
    let nbf = time(&payload.nbf, "nbf")?.map(|nbf| whole(nbf.ceil()));
    time(&payload.iat, "iat")?;
    if !matches!(payload.aud, Field::Absent | Field::Text(_) | Field::Texts(_)) {
        return Err(malformed("aud is neither a text nor a list of texts".into()));
    }
    let subject = name(&payload.sub, "sub")?;
    let client_id = client_id(payload)?;
    let scopes = scopes(payload)?;

    access_token(token)?;
    valid_at(exp, nbf, settings.leeway_s, now)?;
    audience(&payload.aud, &settings.audience)?;
    if !matches!(payload.cnf, Field::Absent) {
        let log = "`cnf` binds the token to a key, and no proof of possession can be checked here";
        return Err(Refusal::new(Status::PROOF_REQUIRED, log));
    }
    Ok(Claims { expires_at: exp, subject: subject.unwrap_or(""), client_id, scopes })
}

fn malformed(log: String) -> Refusal {
    Refusal::new(Status::CLAIM_MALFORMED, log)
}

fn required(payload: &Payload, settings: &Settings) -> Result<(), Refusal> {
    let missing = |log: &'static str| Err(Refusal::new(Status::CLAIM_MISSING, log));
    if matches!(payload.exp, Field::Absent) {
        return missing("the token has no exp");
    }
    if matches!(payload.aud, Field::Absent) && settings.audience != Audience::Any {
        return missing(
            "the token has no aud: add an audience mapper at the provider, or have the client ask \
             for an audience or resource",
        );
    }
    Ok(())
}

/// A NumericDate (RFC 7519 2): a number from 1970 to 9999.
fn time(field: &Field, name: &str) -> Result<Option<f64>, Refusal> {
    match field {
        Field::Absent => Ok(None),
        Field::Number(seconds) if (0.0..=LAST_SECOND).contains(seconds) => Ok(Some(*seconds)),
        Field::Number(seconds) if (LAST_SECOND..1e15).contains(seconds) => {
            Err(malformed(format!("{name} {seconds} looks like milliseconds; it must be seconds")))
        }
        Field::Number(seconds) => {
            Err(malformed(format!("{name} {seconds:e} is not a time from 1970 to 9999")))
        }
        _ => Err(malformed(format!("{name} is not a number"))),
    }
}

/// Within the range that `time` let pass, so nothing is lost.
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

/// A name that enters the record: not empty, not longer than its room, and without U+0000, where a
/// C reader would stop ("admin\0x" is not "admin").
fn name<'p>(field: &'p Field, claim: &str) -> Result<Option<&'p str>, Refusal> {
    let text = match field {
        Field::Absent => return Ok(None),
        Field::Text(text) => text.as_ref(),
        _ => return Err(malformed(format!("{claim} is not a text"))),
    };
    if text.is_empty() || text.len() > NAME_MAX_BYTES || text.contains('\0') {
        let log = format!("{claim} is empty, longer than {NAME_MAX_BYTES} bytes or has U+0000");
        return Err(malformed(log));
    }
    Ok(Some(text))
}

/// The client that got the token: the first present of the names in use.
fn client_id<'p>(payload: &'p Payload) -> Result<&'p str, Refusal> {
    let all = [
        name(&payload.client_id, "client_id")?,
        name(&payload.azp, "azp")?,
        name(&payload.cid, "cid")?,
        name(&payload.appid, "appid")?,
    ];
    Ok(all.into_iter().flatten().next().unwrap_or(""))
}

/// RFC 6749 3.3 and RFC 9068 2.2.3: a text, or as Spring, Entra and Okta write it a list.
fn scopes<'p>(payload: &'p Payload) -> Result<Cow<'p, str>, Refusal> {
    let mut all = scope_text(&payload.scope, "scope")?;
    let more = scope_text(&payload.scp, "scp")?;
    if !more.is_empty() {
        let joined = all.to_mut();
        joined.push(' ');
        joined.push_str(&more);
    }
    match is_normal(&all) {
        true => Ok(all),
        false => Ok(Cow::Owned(normal(&all))),
    }
}

fn scope_text<'p>(field: &'p Field, claim: &str) -> Result<Cow<'p, str>, Refusal> {
    match field {
        Field::Absent => Ok(Cow::Borrowed("")),
        Field::Text(text) if !text.contains(char::is_control) => Ok(Cow::Borrowed(text.as_ref())),
        Field::Texts(list) => {
            let mut joined = String::new();
            for scope in list.iter() {
                // Not split: that would grant two scopes from one.
                if scope.contains(|c: char| c.is_control() || c.is_whitespace()) {
                    return Err(malformed(format!("a member of {claim} has a blank in it")));
                }
                joined.push_str(scope);
                joined.push(' ');
            }
            Ok(Cow::Owned(joined))
        }
        _ => Err(malformed(format!("{claim} is neither a text nor a list of texts"))),
    }
}

/// Few scopes, one space between, none twice: nearly every token.
fn is_normal(text: &str) -> bool {
    const FEW: usize = 32;
    let mut seen = [""; FEW];
    let mut count = 0usize;
    for scope in text.split(' ') {
        let known = seen.get(..count).is_some_and(|seen| seen.contains(&scope));
        let Some(free) = seen.get_mut(count) else {
            return false;
        };
        if known || (scope.is_empty() && !text.is_empty()) {
            return false;
        }
        *free = scope;
        count = count.saturating_add(1);
    }
    true
}

/// By sorting places, not by a set of texts: the memory stays within the payload's.
fn normal(text: &str) -> String {
    let at =
        |place: &u32| text.get(*place as usize..).unwrap_or("").split(' ').next().unwrap_or("");
    let mut places = Vec::new();
    let mut place = 0u32;
    for scope in text.split(' ') {
        if !scope.is_empty() {
            places.push(place);
        }
        let bytes = u32::try_from(scope.len()).unwrap_or(u32::MAX);
        place = place.saturating_add(bytes).saturating_add(1);
    }
    places.sort_by(|a, b| at(a).cmp(at(b)));
    places.dedup_by(|later, first| at(later) == at(first));
    places.sort_unstable();
    let mut joined = String::with_capacity(text.len());
    for place in &places {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(at(place));
    }
    joined
}

/// RFC 8725 3.12: kinds of JWT must not be taken for one another. Many access tokens carry no type
/// of their own, so what tells other kinds is looked for.
fn access_token(token: &Token) -> Result<(), Refusal> {
    let payload = &token.payload;
    let refuse = |log: &'static str| Err(Refusal::new(Status::NOT_AN_ACCESS_TOKEN, log));
    let is = |field: &Field, word: &str| match field {
        Field::Text(text) => text.eq_ignore_ascii_case(word),
        _ => false,
    };
    if is(&payload.typ, "ID") || is(&payload.token_use, "id") {
        return refuse("an ID token was sent; send the access token");
    }
    let kinds = [&payload.typ, &payload.token_use, &payload.token_type, &payload.kind];
    for word in ["refresh", "offline", "logout"] {
        if kinds.iter().any(|field| is(field, word)) {
            return refuse("a refresh, offline or logout token was sent; send the access token");
        }
    }
    if matches!(payload.events, Field::Object) {
        return refuse("a logout or security event token was sent (`events`)");
    }
    if matches!(payload.token_introspection, Field::Object) {
        return refuse("a token introspection answer was sent (`token_introspection`)");
    }
    // Keycloak before 25 and Dex put `nonce` into access tokens: the rest has to agree.
    let present = |field: &Field| !matches!(field, Field::Absent);
    let id_like = [&payload.nonce, &payload.at_hash, &payload.c_hash].into_iter().any(present);
    let access_like = [&payload.scope, &payload.scp, &payload.client_id].into_iter().any(present);
    if id_like && !access_like && !is(&payload.typ, "Bearer") && !token.is_at_jwt {
        return refuse(
            "an ID token was sent (nonce, at_hash or c_hash, and no scope or client_id)",
        );
    }
    Ok(())
}

fn valid_at(exp: i64, nbf: Option<i64>, leeway_s: i64, now: i64) -> Result<(), Refusal> {
    if now >= exp.saturating_add(leeway_s) {
        let ago = now.saturating_sub(exp);
        let log = format!("exp {exp} passed {ago} s ago; now {now}, leeway {leeway_s} s");
        return Err(Refusal::new(Status::TOKEN_EXPIRED, log));
    }
    if let Some(nbf) = nbf.filter(|nbf| now < nbf.saturating_sub(leeway_s)) {
        let ahead = nbf.saturating_sub(now);
        let log = format!("nbf {nbf} is {ahead} s ahead; now {now}, leeway {leeway_s} s");
        return Err(Refusal::new(Status::TOKEN_NOT_YET_VALID, log));
    }
    Ok(())
}

/// One of ours is enough; byte for byte (RFC 7519 4.1.3).
fn audience(aud: &Field, expected: &Audience) -> Result<(), Refusal> {
    let Audience::AnyOf(expected) = expected else {
        return Ok(());
    };
    let ours = |got: &str| expected.iter().any(|ours| ours == got);
    let got = match aud {
        Field::Text(one) if ours(one) => return Ok(()),
        Field::Text(one) => list([one.as_ref()]),
        Field::Texts(several) if several.iter().any(ours) => return Ok(()),
        Field::Texts(several) => list(several.iter()),
        _ => list([]),
    };
    let log = format!("aud {got}; expected {}", list(expected.iter().map(String::as_str)));
    Err(Refusal::new(Status::AUDIENCE_INVALID, log))
}
