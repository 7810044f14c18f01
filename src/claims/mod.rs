//! Stage claims: payload fields + options + now → claims (RFC 7519 4.1, RFC 9068 4). Judged only
//! under a good signature; in the order of the status rows, presence before type before value.

mod audience;
mod kind;
mod scopes;
mod times;

use std::borrow::Cow;

use crate::config::{Audience, Issuer, Required, Rules};
use crate::json::{self, Field};
use crate::path::{self, Path};
use crate::requirement::{Lists, Requirement};
use crate::status::Status;
use crate::token::{Payload, Token};
use crate::verdict::{Refusal, list, quote};
use audience::{audience, audience_claims, audience_is_text};
use kind::access_token;
pub use scopes::scopes;
use times::Times;

/// `sub` and the client id each stand a second time in the record.
const NAME_MAX_BYTES: usize = 1024;

/// What the record tells beside the payload itself.
pub struct Claims<'d> {
    pub expires_at: i64,
    pub subject: Cow<'d, str>,
    pub client_id: &'d str,
    /// Scopes in one normal form: separated by one space, none twice.
    pub scopes: Cow<'d, str>,
    /// Roles, permissions and groups, as far as they are asked for.
    pub lists: Lists<'d>,
}

/// `asks`: what is going to be required, so that the lists which it needs are read here.
pub fn check<'d>(
    token: &'d Token,
    issuer: &Issuer,
    rfc9068: bool,
    asks: &[&Requirement],
    now: i64,
) -> Result<Claims<'d>, Refusal> {
    let (payload, json, rules) = (&token.payload, token.payload_json, issuer.rules.as_ref());
    present(payload, json, rules, rfc9068)?;

    let times = Times::read(payload)?;
    audience_is_text(payload, json, rules)?;
    let subject = subject(payload, json, rules)?;
    let clients = clients(payload)?;
    if rfc9068 {
        name(&payload.jti, "jti")?;
    }
    let tenant_of_iss = issuer.name.trusts(&token.iss).flatten();
    if tenant_of_iss.is_some() && !matches!(payload.tid, Field::Absent | Field::Text(_)) {
        return Err(malformed("tid is not a text".into()));
    }
    let scopes = scopes(payload, json, rules)?;
    let lists = Lists::read(json, rules, asks)?;

    access_token(token)?;
    times.check(rules, now)?;
    let client_id = clients.into_iter().flatten().next().unwrap_or("");
    audience(payload, json, rules, client_id)?;
    client_allowed(&clients, rules)?;
    tenant(payload, tenant_of_iss)?;
    required_values(json, rules)?;
    if !matches!(payload.cnf, Field::Absent) {
        let log = "`cnf` binds the token to a key, and no proof of possession can be checked here";
        return Err(Refusal::new(Status::PROOF_REQUIRED, log));
    }
    Ok(Claims { expires_at: times.exp, subject, client_id, scopes, lists })
}

fn malformed(log: String) -> Refusal {
    Refusal::new(Status::CLAIM_MALFORMED, log)
}

fn missing(log: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(Status::CLAIM_MISSING, log)
}

/// A claim that is there, null or not, is judged by its type; in `claims.required` null is missing.
fn present(payload: &Payload, json: &str, rules: &Rules, rfc9068: bool) -> Result<(), Refusal> {
    let absent = |field: &Field| matches!(field, Field::Absent);
    if absent(&payload.exp) {
        return Err(missing("the token has no exp"));
    }
    let only_aud = rules.audience_from == ["aud"];
    let has_audience = match only_aud {
        true => !absent(&payload.aud),
        false => audience_claims(payload, json, rules).next().is_some(),
    };
    if !has_audience && (rules.audience != Audience::Any || rfc9068) {
        let log = match only_aud {
            true => Cow::Borrowed(
                "the token has no aud: add an audience mapper at the provider, or have the client \
                 ask for an audience or resource",
            ),
            false => Cow::Owned(format!("the token has none of {}", list_of(&rules.audience_from))),
        };
        return Err(missing(log));
    }
    if rfc9068 {
        let all = [
            ("aud", &payload.aud),
            ("sub", &payload.sub),
            ("client_id", &payload.client_id),
            ("iat", &payload.iat),
            ("jti", &payload.jti),
        ];
        if let Some((name, _)) = all.iter().find(|(_, field)| absent(field)) {
            return Err(missing(format!("the token has no {name} (token.profile=rfc9068)")));
        }
    }
    if rules.max_age_s.is_some() && absent(&payload.iat) {
        return Err(missing("the token has no iat, which claims.max_age needs"));
    }
    if let Some(path) = rules.subject_from.as_ref().filter(|path| path.find(json).is_none()) {
        let log = format!("the token has no {} (claims.subject_from)", quote(path.as_str()));
        return Err(missing(log));
    }
    let has = |path: &Path| path.find(json).is_some_and(|value| value != "null");
    match rules.required.iter().find(|required| !has(&required.path)) {
        None => Ok(()),
        Some(required) => {
            let claim = quote(required.path.as_str());
            Err(missing(format!("the token has no {claim} (claims.required)")))
        }
    }
}

fn list_of(names: &[String]) -> String {
    list(names.iter().map(String::as_str))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_MAX_BYTES && !text.contains('\0')
}

/// A name that enters the record: not empty, not longer than its room, and without U+0000, where a
/// C reader would stop ("admin\0x" is not "admin").
fn name<'p>(field: &'p Field, claim: &str) -> Result<Option<&'p str>, Refusal> {
    let text = match field {
        Field::Absent => return Ok(None),
        Field::Text(text) => text.as_ref(),
        _ => return Err(malformed(format!("{claim} is not a text"))),
    };
    if !is_name(text) {
        let log = format!("{claim} is empty, longer than {NAME_MAX_BYTES} bytes or has U+0000");
        return Err(malformed(log));
    }
    Ok(Some(text))
}

/// The names of the client that got the token, in the order of preference.
fn clients<'p>(payload: &'p Payload) -> Result<[Option<&'p str>; 4], Refusal> {
    Ok([
        name(&payload.client_id, "client_id")?,
        name(&payload.azp, "azp")?,
        name(&payload.cid, "cid")?,
        name(&payload.appid, "appid")?,
    ])
}

/// All that are present: a token must not be let in for one client and belong to another.
fn client_allowed(clients: &[Option<&str>], rules: &Rules) -> Result<(), Refusal> {
    let allowed = |client: &&str| rules.clients.iter().any(|known| known == client);
    let mut present = clients.iter().flatten();
    if rules.clients.is_empty() || (present.clone().next().is_some() && present.all(allowed)) {
        return Ok(());
    }
    let got = list(clients.iter().flatten().copied());
    let log = format!("client {got}; claims.clients is {}", list_of(&rules.clients));
    Err(Refusal::new(Status::CLIENT_NOT_ALLOWED, log))
}

/// `sub`, or what `claims.subject_from` leads to.
fn subject<'d>(
    payload: &'d Payload,
    json: &'d str,
    rules: &Rules,
) -> Result<Cow<'d, str>, Refusal> {
    let sub = name(&payload.sub, "sub")?;
    let Some(path) = &rules.subject_from else {
        return Ok(Cow::Borrowed(sub.unwrap_or("")));
    };
    let text = path.find(json).and_then(json::text).filter(|text| is_name(text));
    text.ok_or_else(|| {
        let claim = quote(path.as_str());
        malformed(format!("{claim} (claims.subject_from) is not a text that can be a subject"))
    })
}

/// Entra: `tid` must name the tenant that `iss` does.
fn tenant(payload: &Payload, tenant: Option<&str>) -> Result<(), Refusal> {
    let Some(tenant) = tenant else { return Ok(()) };
    match &payload.tid {
        Field::Text(tid) if tid == tenant => Ok(()),
        _ => {
            let log = format!("tid does not name the tenant of iss, {}", quote(tenant));
            Err(Refusal::new(Status::CLAIM_INVALID, log))
        }
    }
}

fn required_values(json: &str, rules: &Rules) -> Result<(), Refusal> {
    let differs = |required: &&Required| {
        let Some(wanted) = &required.value else { return false };
        !required.path.find(json).is_some_and(|value| path::equals(value, wanted))
    };
    match rules.required.iter().find(differs) {
        None => Ok(()),
        Some(required) => {
            let claim = quote(required.path.as_str());
            let log = format!("{claim} does not have the value that claims.required demands");
            Err(Refusal::new(Status::CLAIM_INVALID, log))
        }
    }
}
