//! Stage claims: payload fields + options + now → claims (RFC 7519 4.1, RFC 9068 4). Judged only
//! under a good signature; in the order of the status rows, presence before type before value.

use std::borrow::Cow;

use crate::config::{Audience, Issuer, Required, Rules};
use crate::json::{self, Field};
use crate::near_miss;
use crate::path::{self, Path};
use crate::requirement::Reader;
use crate::status::Status;
use crate::token::{Payload, Token};
use crate::verdict::{Refusal, list, list_counted, quote};

/// The end of year 9999: beyond it milliseconds were meant, or nonsense.
const LAST_SECOND: f64 = 253_402_300_799.0;
/// `sub` and the client id each stand a second time in the record.
const NAME_MAX_BYTES: usize = 1024;

/// What the record tells beside the payload itself.
pub struct Claims<'d> {
    pub expires_at: i64,
    pub subject: Cow<'d, str>,
    pub client_id: &'d str,
    /// Scopes in one normal form: separated by one space, none twice.
    pub scopes: Cow<'d, str>,
}

/// `asks`: the readers that a requirement is going to use.
pub fn check<'d>(
    token: &'d Token,
    issuer: &Issuer,
    rfc9068: bool,
    asks: &[Reader],
    now: i64,
) -> Result<Claims<'d>, Refusal> {
    let (payload, rules) = (&token.payload, issuer.rules.as_ref());
    // The payload was read as UTF-8 before.
    let json = std::str::from_utf8(token.payload_json).unwrap_or("{}");
    present(payload, json, rules, rfc9068)?;

    let times = Times::read(payload)?;
    audience_is_text(payload, json, rules)?;
    let subject = subject(payload, json, rules)?;
    let clients = clients(payload)?;
    name(&payload.jti, "jti")?;
    let scopes = scopes(payload, json, rules)?;
    asks.iter().try_for_each(|reader| reader.check(json, rules))?;

    access_token(token)?;
    times.check(rules, now)?;
    let client_id = clients.into_iter().flatten().next().unwrap_or("");
    audience(payload, json, rules, client_id)?;
    client_allowed(&clients, rules)?;
    tenant(payload, issuer.name.trusts(&token.iss).flatten())?;
    required_values(json, rules)?;
    if !matches!(payload.cnf, Field::Absent) {
        let log = "`cnf` binds the token to a key, and no proof of possession can be checked here";
        return Err(Refusal::new(Status::PROOF_REQUIRED, log));
    }
    Ok(Claims { expires_at: times.exp, subject, client_id, scopes })
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

/// `exp`, `nbf` and `iat`, in whole seconds, rounded to the side that refuses.
struct Times {
    exp: i64,
    nbf: Option<i64>,
    /// Rounded down for the age, up for the future.
    iat: Option<(i64, i64)>,
}

impl Times {
    fn read(payload: &Payload) -> Result<Times, Refusal> {
        let exp = time(&payload.exp, "exp")?.unwrap_or(0.0);
        let nbf = time(&payload.nbf, "nbf")?;
        let iat = time(&payload.iat, "iat")?;
        Ok(Times {
            exp: whole(exp.floor()),
            nbf: nbf.map(|nbf| whole(nbf.ceil())),
            iat: iat.map(|iat| (whole(iat.floor()), whole(iat.ceil()))),
        })
    }

    fn check(&self, rules: &Rules, now: i64) -> Result<(), Refusal> {
        let (exp, leeway_s) = (self.exp, rules.leeway_s);
        if now >= exp.saturating_add(leeway_s) {
            let ago = now.saturating_sub(exp);
            let log = format!("exp {exp} passed {ago} s ago; now {now}, leeway {leeway_s} s");
            return Err(Refusal::new(Status::TOKEN_EXPIRED, log));
        }
        // An age can be judged only of what lies behind (a future `iat` would defeat the limit).
        let max_age = rules.max_age_s.zip(self.iat);
        let ahead = [("nbf", self.nbf), ("iat", max_age.map(|(_, (_, iat))| iat))];
        for (name, at) in ahead {
            if let Some(at) = at.filter(|at| now < at.saturating_sub(leeway_s)) {
                let by = at.saturating_sub(now);
                let log = format!("{name} {at} is {by} s ahead; now {now}, leeway {leeway_s} s");
                return Err(Refusal::new(Status::TOKEN_NOT_YET_VALID, log));
            }
        }
        let age = |iat: i64| now.saturating_sub(iat);
        if let Some((max_age_s, (iat, _))) = max_age
            && age(iat) > max_age_s.saturating_add(leeway_s)
        {
            let age = age(iat);
            let log =
                format!("issued {age} s ago; claims.max_age {max_age_s} s, leeway {leeway_s} s");
            return Err(Refusal::new(Status::TOKEN_TOO_OLD, log));
        }
        Ok(())
    }
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

/// RFC 6749 3.3 and RFC 9068 2.2.3: a text, or as Spring, Entra and Okta write it a list.
pub fn scopes<'p>(
    payload: &'p Payload,
    json: &'p str,
    rules: &Rules,
) -> Result<Cow<'p, str>, Refusal> {
    // Their types are judged also where others are read.
    let scope = scope_text(&payload.scope, "scope")?;
    let scp = scope_text(&payload.scp, "scp")?;
    let all = match &rules.scopes_from {
        None => joined(scope, scp),
        Some(paths) => {
            let mut all = Cow::Borrowed("");
            for path in paths {
                if let Some(value) = path.find(json) {
                    all = joined(all, Cow::Owned(scopes_at(value, path)?));
                }
            }
            all
        }
    };
    match is_normal(&all) {
        true => Ok(all),
        false => Ok(Cow::Owned(normal(&all))),
    }
}

fn joined<'s>(one: Cow<'s, str>, other: Cow<'s, str>) -> Cow<'s, str> {
    if one.is_empty() {
        return other;
    }
    if other.is_empty() {
        return one;
    }
    // Of its exact size: growth would take the payload's memory once more.
    let bytes = one.len().saturating_add(other.len()).saturating_add(1);
    let mut all = String::with_capacity(bytes);
    all.push_str(&one);
    all.push(' ');
    all.push_str(&other);
    Cow::Owned(all)
}

fn scopes_at(value: &str, path: &Path) -> Result<String, Refusal> {
    let text = value.starts_with('"');
    let mut all = String::with_capacity(value.len());
    let mut fit = true;
    let read = path::names(value, &mut |scope| {
        fit = fit && if text { !scope.contains(char::is_control) } else { is_one_scope(scope) };
        all.push_str(scope);
        all.push(' ');
        true
    });
    if read.is_err() || !fit {
        let claim = quote(path.as_str());
        return Err(malformed(format!("{claim} (claims.scopes_from) holds no scopes")));
    }
    Ok(all)
}

/// A member of a list is one scope: splitting it would grant two from one.
fn is_one_scope(scope: &str) -> bool {
    !scope.contains(|c: char| c.is_control() || c.is_whitespace())
}

fn scope_text<'p>(field: &'p Field, claim: &str) -> Result<Cow<'p, str>, Refusal> {
    match field {
        Field::Absent => Ok(Cow::Borrowed("")),
        Field::Text(text) if !text.contains(char::is_control) => Ok(Cow::Borrowed(text.as_ref())),
        Field::Texts(list) => {
            let mut joined = String::with_capacity(list.joined_bytes());
            for scope in list.iter() {
                if !is_one_scope(scope) {
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
    let mut places = Vec::with_capacity(text.split(' ').count());
    let mut place = 0u32;
    for scope in text.split(' ') {
        if !scope.is_empty() {
            places.push(place);
        }
        let bytes = u32::try_from(scope.len()).unwrap_or(u32::MAX);
        place = place.saturating_add(bytes).saturating_add(1);
    }
    places.sort_unstable_by(|a, b| at(a).cmp(at(b)).then(a.cmp(b)));
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

/// The claims of `claims.audience_from` that are there.
fn audience_claims<'p>(
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

enum Audiences<'p> {
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
                return path::names(json, &mut |name| {
                    each(name);
                    true
                })
                .is_ok();
            }
            _ => return false,
        }
        true
    }
}

fn audience_is_text(payload: &Payload, json: &str, rules: &Rules) -> Result<(), Refusal> {
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
fn audience(payload: &Payload, json: &str, rules: &Rules, client_id: &str) -> Result<(), Refusal> {
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
