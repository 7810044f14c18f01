//! What a broken provider does, one endpoint at a time.

use serde_json::{Value, json};

use super::http::Reply;
use super::token::Form;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Both metadata documents; a fault of one of the two alone goes before it.
    Discovery,
    /// `/.well-known/openid-configuration`
    Oidc,
    /// `/.well-known/oauth-authorization-server`
    Oauth,
    Jwks,
    Token,
}

impl Endpoint {
    /// As the query of `/fault` spells them.
    pub const NAMES: [(&str, Endpoint); 5] = [
        ("discovery", Endpoint::Discovery),
        ("oidc", Endpoint::Oidc),
        ("oauth", Endpoint::Oauth),
        ("jwks", Endpoint::Jwks),
        ("token", Endpoint::Token),
    ];

    pub fn of_path(path: &str) -> Option<Endpoint> {
        match path {
            "/.well-known/openid-configuration" => Some(Endpoint::Oidc),
            "/.well-known/oauth-authorization-server" => Some(Endpoint::Oauth),
            "/jwks" => Some(Endpoint::Jwks),
            "/token" => Some(Endpoint::Token),
            _ => None,
        }
    }

    fn of_name(name: &str) -> Option<Endpoint> {
        let mut names = Endpoint::NAMES.iter();
        names.find(|(known, _)| *known == name).map(|(_, endpoint)| *endpoint)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// This status, with `Retry-After` if given; the body says so in plain text.
    Status { code: u16, retry_after_s: Option<u64> },
    /// Nothing at all for so long, then the right answer.
    SlowHead { delay_ms: u64 },
    /// The head one byte at a time.
    DripHead { each_ms: u64 },
    /// The head at once, the body one byte at a time.
    DripBody { each_ms: u64 },
    /// 302 to any URL.
    Redirect { to: String },
    /// The right body, then blanks (so that it still parses) up to so many bytes in all;
    /// unannounced is without Content-Length.
    Huge { bytes: u64, announced: bool },
    /// Half of what Content-Length announces, then the end of the connection.
    Truncated,
    /// The end of the connection before any byte.
    Close,
    /// 200 with a page of HTML.
    NotJson,
    /// 200 with `{"keys":[]}`.
    EmptySet,
    /// 200 with this JSON text, or any other.
    Body { text: String },
    /// Metadata with another issuer.
    Issuer { value: String },
    /// Metadata with another `jwks_uri`.
    JwksUri { value: String },
    /// One response header more, or another value for it.
    Header { name: String, value: String },
    /// A Date header so far from the true time.
    Date { offset_s: i64 },
}

/// The help for `/fault`.
pub const KINDS: &str = "kind=none [without endpoint: all]
kind=status&code=N[&retry_after=S]
kind=slow_head&ms=N         nothing for N ms
kind=drip_head&ms=N         one byte of the head every N ms
kind=drip_body&ms=N         one byte of the body every N ms
kind=redirect&to=URL
kind=huge&bytes=N[&announced=no]
kind=truncated              half of what Content-Length says
kind=close                  no answer at all
kind=not_json
kind=empty_set
kind=body                   the body of this request is the answer
kind=issuer&value=URL       metadata with another issuer
kind=jwks_uri&value=URL     metadata with another jwks_uri
kind=header&name=N&value=V
kind=date&offset=S          a Date header that is wrong by S seconds";

/// What a request to `/fault` asks for.
pub enum Order {
    Set(Endpoint, Fault, Option<u32>),
    Clear(Option<Endpoint>),
}

impl Order {
    pub fn parse(query: &str, body: &[u8]) -> Result<Order, String> {
        let query = Form::parse(query)?;
        let endpoint = query.one("endpoint")?.map(endpoint_named).transpose()?;
        if query.one("kind")? == Some("none") {
            return Ok(Order::Clear(endpoint));
        }
        let endpoint = endpoint.ok_or("endpoint is missing")?;
        let times = number(&query, "times")?;
        if times == Some(0) {
            return Err("times has to be 1 or more".to_owned());
        }
        Ok(Order::Set(endpoint, parse_fault(&query, body)?, times))
    }
}

fn endpoint_named(name: &str) -> Result<Endpoint, String> {
    let names = || Endpoint::NAMES.map(|(name, _)| name).join(", ");
    Endpoint::of_name(name).ok_or_else(|| format!("endpoint has to be one of {}", names()))
}

fn parse_fault(query: &Form, body: &[u8]) -> Result<Fault, String> {
    Ok(match query.one("kind")?.ok_or("kind is missing")? {
        "status" => Fault::Status {
            code: status(needed(query, "code")?)?,
            retry_after_s: number(query, "retry_after")?,
        },
        "slow_head" => Fault::SlowHead { delay_ms: needed(query, "ms")? },
        "drip_head" => Fault::DripHead { each_ms: needed(query, "ms")? },
        "drip_body" => Fault::DripBody { each_ms: needed(query, "ms")? },
        "redirect" => Fault::Redirect { to: text(query, "to")? },
        "huge" => Fault::Huge {
            bytes: needed(query, "bytes")?,
            announced: query.one("announced")? != Some("no"),
        },
        "truncated" => Fault::Truncated,
        "close" => Fault::Close,
        "not_json" => Fault::NotJson,
        "empty_set" => Fault::EmptySet,
        "body" => Fault::Body { text: String::from_utf8_lossy(body).into_owned() },
        "issuer" => Fault::Issuer { value: text(query, "value")? },
        "jwks_uri" => Fault::JwksUri { value: text(query, "value")? },
        "header" => Fault::Header { name: text(query, "name")?, value: text(query, "value")? },
        "date" => Fault::Date { offset_s: needed(query, "offset")? },
        other => return Err(format!("no kind {other:?}")),
    })
}

fn text(query: &Form, name: &str) -> Result<String, String> {
    let value = query.one(name)?.ok_or_else(|| format!("{name} is missing"))?;
    Ok(value.to_owned())
}

fn number<N: std::str::FromStr>(query: &Form, name: &str) -> Result<Option<N>, String> {
    let parse = |text: &str| text.parse().map_err(|_| format!("{name} is no number that fits"));
    query.one(name)?.map(parse).transpose()
}

fn needed<N: std::str::FromStr>(query: &Form, name: &str) -> Result<N, String> {
    number(query, name)?.ok_or_else(|| format!("{name} is missing"))
}

/// A 1xx is no final answer, and 600 and above are no HTTP.
fn status(code: u16) -> Result<u16, String> {
    let valid = (200..600).contains(&code);
    valid.then_some(code).ok_or_else(|| "code has to be 200 to 599".to_owned())
}

impl Fault {
    /// Turns the right reply into the faulty one.
    pub fn apply(self, reply: &mut Reply) {
        match self {
            Fault::Status { code, retry_after_s } => {
                *reply = Reply::text(code, &format!("fault: status {code}"));
                if let Some(seconds) = retry_after_s {
                    reply.set_header("Retry-After", seconds.to_string());
                }
            }
            Fault::SlowHead { delay_ms } => reply.delivery.delay_ms = delay_ms,
            Fault::DripHead { each_ms } => reply.delivery.head_byte_ms = each_ms,
            Fault::DripBody { each_ms } => reply.delivery.body_byte_ms = each_ms,
            Fault::Redirect { to } => {
                *reply = Reply::text(302, "fault: redirect");
                reply.set_header("Location", to);
            }
            Fault::Huge { bytes, announced } => {
                let own = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
                reply.delivery.blanks = bytes.saturating_sub(own);
                reply.delivery.unannounced = !announced;
            }
            Fault::Truncated => reply.delivery.half = true,
            Fault::Close => reply.delivery.nothing = true,
            Fault::NotJson => {
                *reply = Reply::text(200, "<!doctype html><title>Sign in</title>");
                reply.set_header("Content-Type", "text/html");
            }
            Fault::EmptySet => *reply = Reply::json(200, &json!({ "keys": [] })),
            Fault::Body { text } => {
                *reply = Reply::json(200, &Value::Null);
                reply.body = text.into_bytes();
            }
            Fault::Issuer { value } => set_member(reply, "issuer", value),
            Fault::JwksUri { value } => set_member(reply, "jwks_uri", value),
            Fault::Header { name, value } => reply.set_header(&name, value),
            Fault::Date { offset_s } => reply.delivery.date_offset_s = offset_s,
        }
    }
}

fn set_member(reply: &mut Reply, name: &str, value: String) {
    if let Ok(Value::Object(mut members)) = serde_json::from_slice(&reply.body) {
        members.insert(name.to_owned(), Value::String(value));
        reply.body = Value::Object(members).to_string().into_bytes();
    }
}
