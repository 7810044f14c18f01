//! `POST /token`: client credentials (RFC 6749 4.4), for any client and any secret.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::http::{Reply, Request};
use super::keys::merge;
use super::{EXAMPLE_AUDIENCE, State, base64url};

const LIFETIME_S: i64 = 3600;

/// `application/x-www-form-urlencoded`, in a body or a query.
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(text: &str) -> Result<Form, String> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        });
        pairs.collect::<Result<_, String>>().map(Form)
    }

    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(given, value)| given == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }

    /// An empty value is an absent one, and a second is an error (RFC 6749 3.2).
    pub fn one(&self, name: &str) -> Result<Option<&str>, String> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(format!("{name} is given more than once")),
            (value, None) => Ok(value),
        }
    }
}

fn decode(text: &str) -> Result<String, String> {
    let wrong = || format!("{:?} is not form-urlencoded UTF-8", text.get(..40).unwrap_or(text));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = rest.next().zip(rest.next()).ok_or_else(wrong)?;
                hex(high).zip(hex(low)).map(|(h, l)| (h << 4) | l).ok_or_else(wrong)?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// RFC 6749 5.2.
struct Denied {
    status: u16,
    error: &'static str,
    description: String,
}

/// What is wrong with a parameter is an `invalid_request`.
impl From<String> for Denied {
    fn from(description: String) -> Denied {
        Denied { status: 400, error: "invalid_request", description }
    }
}

impl Denied {
    /// RFC 6749 5.2 leaves only printable ASCII without `"` and `\` in a description.
    fn reply(&self) -> Reply {
        let said = |c| {
            if matches!(c, ' '..='~') && c != '\\' { c } else { '?' }
        };
        let description: String = self.description.replace('"', "'").chars().map(said).collect();
        let body = json!({ "error": self.error, "error_description": description });
        let reply = Reply::json(self.status, &body);
        if self.status != 401 {
            return reply;
        }
        reply.with("WWW-Authenticate", "Basic realm=\"libauth issuer\"")
    }
}

pub fn answer(state: &State, request: &Request) -> Reply {
    let reply = match grant(state, request) {
        Ok(body) => Reply::json(200, &body),
        Err(denied) => denied.reply(),
    };
    reply.with("Cache-Control", "no-store").with("Pragma", "no-cache")
}

fn grant(state: &State, request: &Request) -> Result<Value, Denied> {
    let form = form_of(request)?;
    match form.one("grant_type")? {
        Some("client_credentials") => {}
        Some(other) => {
            let description = format!("{other} is not client_credentials");
            return Err(Denied { status: 400, error: "unsupported_grant_type", description });
        }
        None => return Err(Denied::from("grant_type is missing".to_owned())),
    }
    let client = client_of(request, &form)?;
    let lifetime_s = number(&form, "lifetime")?.unwrap_or(LIFETIME_S);
    let claims = claims_of(state, &form, &client, lifetime_s)?;
    let header = object(&form, "header")?.map(Value::Object);
    let alg = form.one("alg")?;
    let keys = state.keys();
    let alg = alg.or_else(|| keys.algorithms().first().copied()).unwrap_or_default();
    let token = keys.mint(alg, &Value::Object(claims), header.as_ref())?;
    let mut body =
        json!({ "access_token": token, "token_type": "Bearer", "expires_in": lifetime_s.max(0) });
    if let (Some(body), Some(scope)) = (body.as_object_mut(), form.one("scope")?) {
        body.insert("scope".to_owned(), json!(scope));
    }
    Ok(body)
}

fn form_of(request: &Request) -> Result<Form, Denied> {
    let media_type = request.header("content-type").and_then(|value| value.split(';').next());
    let expected = "application/x-www-form-urlencoded";
    if !media_type.is_some_and(|given| given.trim().eq_ignore_ascii_case(expected)) {
        return Err(Denied::from(format!("the body has to be {expected}")));
    }
    let text = str::from_utf8(&request.body).map_err(|_| "the body is not UTF-8".to_owned())?;
    Ok(Form::parse(text)?)
}

/// Who asks: Basic, or the form, and nobody is refused; but one way at a time (RFC 6749 2.3).
fn client_of(request: &Request, form: &Form) -> Result<String, Denied> {
    let named = form.one("client_id")?;
    let Some(header) = request.header("authorization") else {
        return Ok(named.unwrap_or("development").to_owned());
    };
    let client = basic(header).ok_or_else(|| Denied {
        status: 401,
        error: "invalid_client",
        description: "Authorization is not Basic with a client id and a secret".to_owned(),
    })?;
    if form.one("client_secret")?.is_some() || named.is_some_and(|named| named != client) {
        return Err(Denied::from("the client authenticates in two ways at once".to_owned()));
    }
    Ok(client)
}

/// The client id of RFC 6749 2.3.1: base64 of two form-urlencoded halves.
fn basic(header: &str) -> Option<String> {
    let (scheme, credentials) = header.split_once(' ')?;
    let decoded = base64_simd::STANDARD.decode_to_vec(credentials.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, _) = decoded.split_once(':')?;
    let id = decode(id).ok().filter(|id| !id.is_empty())?;
    scheme.eq_ignore_ascii_case("basic").then_some(id)
}

fn claims_of(
    state: &State,
    form: &Form,
    client: &str,
    lifetime_s: i64,
) -> Result<Map<String, Value>, Denied> {
    let now = i64::try_from(seconds_now()).unwrap_or(i64::MAX);
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("iss", json!(state.url));
    put("sub", json!(client));
    put("client_id", json!(client));
    put("aud", audience(form));
    put("iat", json!(now));
    put("exp", json!(now.saturating_add(lifetime_s)));
    put("jti", json!(unique()?));
    if let Some(scope) = form.one("scope")? {
        put("scope", json!(scope));
    }
    if let Some(wanted) = object(form, "claims")? {
        merge(&mut claims, &wanted);
    }
    Ok(claims)
}

/// One audience is text, several are a list. `resource` is RFC 8707, `audience` what most
/// providers call the same.
fn audience(form: &Form) -> Value {
    let named: Vec<&str> = form.all("audience").chain(form.all("resource")).collect();
    match named.as_slice() {
        [] => json!(EXAMPLE_AUDIENCE),
        [one] => json!(one),
        several => json!(several),
    }
}

fn unique() -> Result<String, Denied> {
    let mut random = [0u8; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| "no random numbers".to_owned())?;
    Ok(base64url(random))
}

fn number(form: &Form, name: &str) -> Result<Option<i64>, Denied> {
    let parse = |text: &str| text.parse().map_err(|_| format!("{name} is no whole number"));
    Ok(form.one(name)?.map(parse).transpose()?)
}

fn object(form: &Form, name: &str) -> Result<Option<Map<String, Value>>, Denied> {
    let parse = |text| serde_json::from_str(text).map_err(|_| format!("{name} is no JSON object"));
    Ok(form.one(name)?.map(parse).transpose()?)
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
