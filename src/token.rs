//! Stage token: token text → algorithm, key id, issuer, signed bytes, payload fields (RFC 7515 5.2,
//! RFC 7519 7.2). Form before meaning; nothing here is trusted yet, and nothing here causes a
//! fetch.

use std::borrow::Cow;

use crate::config::{Name, Settings};
use crate::header::is_b64token;
use crate::json::{Fault, Field, Room, read_object, utf8};
use crate::keys::jwks::{KID_MAX_BYTES, Wanted};
use crate::near_miss;
use crate::options::ISSUER_MAX_BYTES;
use crate::signature::Algorithm;
use crate::status::Status;
use crate::verdict::{Refusal, list_counted, quote};

/// So many configured issuers are compared with one that is none of them.
const TOLD_MAX: usize = 16;

/// The three parts, decoded into one buffer.
pub struct Decoded<'t> {
    /// Header, dot, payload, as sent: what the signature covers.
    signed: &'t [u8],
    bytes: Vec<u8>,
    header_bytes: usize,
    payload_bytes: usize,
}

impl Decoded<'_> {
    fn parts(&self) -> (&[u8], &[u8], &[u8]) {
        let split = |bytes: &[u8], at: usize| bytes.len().min(at);
        let (header, rest) = self.bytes.split_at(split(&self.bytes, self.header_bytes));
        let (payload, signature) = rest.split_at(split(rest, self.payload_bytes));
        (header, payload, signature)
    }
}

pub struct Token<'d> {
    pub signing: Signing<'d>,
    /// `typ` is at+jwt (RFC 9068 2.1).
    pub is_at_jwt: bool,
    /// The place of the trusted issuer in the settings.
    pub issuer: usize,
    pub iss: Cow<'d, str>,
    pub header_json: &'d str,
    pub payload_json: &'d str,
    pub payload: Payload<'d>,
}

impl Token<'_> {
    /// What is asked of the issuer's key set.
    pub fn wants<'w>(&'w self, issuer: &'w Name) -> Wanted<'w> {
        Wanted {
            kid: self.signing.kid.as_deref(),
            alg: self.signing.algorithm,
            tenant: issuer.trusts(&self.iss).flatten().map(|tenant| (self.iss.as_ref(), tenant)),
        }
    }
}

/// What stage signature needs.
pub struct Signing<'d> {
    pub algorithm: Algorithm,
    pub kid: Option<Cow<'d, str>>,
    pub signed: &'d [u8],
    pub signature: &'d [u8],
}

fn malformed(log: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(Status::TOKEN_MALFORMED, log)
}

/// Size, dots, alphabet and spare bits of all three parts.
pub fn decode<'t>(token: &'t [u8], settings: &Settings) -> Result<Decoded<'t>, Refusal> {
    if token.len() > settings.max_bytes {
        let log = format!("{} bytes; token.max_bytes is {}", token.len(), settings.max_bytes);
        return Err(Refusal::new(Status::TOKEN_TOO_LARGE, log));
    }
    let mut dots = memchr::memchr_iter(b'.', token);
    let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
        return Err(not_three_parts(token));
    };
    let part = |range: std::ops::Range<usize>| token.get(range).unwrap_or_default();
    let after = |dot: usize| dot.saturating_add(1);
    let mut bytes = Vec::with_capacity(token.len().saturating_mul(3) / 4);
    let mut decode = |part: &[u8], name: &str| {
        let before = bytes.len();
        base64_simd::URL_SAFE_NO_PAD
            .decode_append(part, &mut bytes)
            .map_err(|_| malformed(format!("the {name} is not base64url without padding")))?;
        Ok(bytes.len().saturating_sub(before))
    };
    let header_bytes = decode(part(0..first), "header")?;
    let payload_bytes = decode(part(after(first)..second), "payload")?;
    decode(part(after(second)..token.len()), "signature")?;
    Ok(Decoded { signed: part(0..second), bytes, header_bytes, payload_bytes })
}

/// An opaque or encrypted token is told apart from rubbish.
fn not_three_parts(token: &[u8]) -> Refusal {
    let dots = memchr::memchr_iter(b'.', token).take(5).count();
    match (is_b64token(token), dots) {
        (true, 0) => Refusal::new(
            Status::TOKEN_OPAQUE,
            "the token is opaque, not a JWT: have the client ask the provider for an audience or \
             resource, so that it issues a JWT",
        ),
        (true, 4) => Refusal::new(
            Status::TOKEN_ENCRYPTED,
            "the token has five parts: it is encrypted (JWE); have the provider sign it only",
        ),
        _ => malformed("the token has not three parts"),
    }
}

/// The fields of the header that decide.
#[derive(Default)]
struct Header<'d> {
    alg: Field<'d>,
    typ: Field<'d>,
    kid: Field<'d>,
    cty: Field<'d>,
    critical: bool,
}

/// JSON of header and payload, then `alg`, `crit`, `typ`, `iss`.
pub fn read<'d>(decoded: &'d Decoded, settings: &Settings) -> Result<Token<'d>, Refusal> {
    let (header_json, payload_json, signature) = decoded.parts();
    let header_json = utf8(header_json).map_err(|fault| not_json("header", fault))?;
    let payload_json = utf8(payload_json).map_err(|fault| not_json("payload", fault))?;
    let mut room = Room::default();
    let header = read_header(header_json, &mut room)?;
    let mut payload =
        Payload::read(payload_json, &mut room).map_err(|fault| not_json("payload", fault))?;
    let kid = kid(header.kid)?;
    let alg = text(&header.alg, "alg")?;
    let typ = text(&header.typ, "typ")?;
    let cty = text(&header.cty, "cty")?;
    let algorithm = allowed_algorithm(alg, settings)?;
    if header.critical {
        let log = "the header has `crit` or `b64`, and no extension is supported";
        return Err(Refusal::new(Status::CRITICAL_UNSUPPORTED, log));
    }
    let is_at_jwt = allowed_type(typ, cty, settings)?;
    let (issuer, iss) = trusted_issuer(std::mem::take(&mut payload.iss), settings)?;
    let signed = decoded.signed;
    let signing = Signing { algorithm, kid, signed, signature };
    Ok(Token { signing, is_at_jwt, issuer, iss, header_json, payload_json, payload })
}

fn not_json(part: &str, fault: Fault) -> Refusal {
    malformed(format!("the {part} {fault}"))
}

/// `jwk`, `jku`, `x5u`, `x5c` are never looked at: a token does not bring its own key.
fn read_header<'d>(json: &'d str, room: &mut Room<'d>) -> Result<Header<'d>, Refusal> {
    let mut header = Header::default();
    let none = |_: &str| false;
    let read = read_object(json, room, none, &mut |name, value| match name.as_ref() {
        "alg" => header.alg = value,
        "typ" => header.typ = value,
        "kid" => header.kid = value,
        "cty" => header.cty = value,
        "crit" | "b64" => header.critical = true,
        _ => {}
    });
    read.map_err(|fault| not_json("header", fault))?;
    Ok(header)
}

fn text<'f>(field: &'f Field, name: &str) -> Result<Option<&'f str>, Refusal> {
    match field {
        Field::Absent => Ok(None),
        Field::Text(text) => Ok(Some(text)),
        _ => Err(malformed(format!("`{name}` in the header is not a text"))),
    }
}

fn kid(field: Field) -> Result<Option<Cow<str>>, Refusal> {
    match field {
        Field::Absent => Ok(None),
        Field::Text(kid) if kid.len() <= KID_MAX_BYTES => Ok(Some(kid)),
        _ => Err(malformed("`kid` in the header is not a text of at most 1024 bytes")),
    }
}

fn allowed_algorithm(alg: Option<&str>, settings: &Settings) -> Result<Algorithm, Refusal> {
    let known = alg.and_then(Algorithm::from_name).filter(|a| settings.algorithms.has(*a));
    known.ok_or_else(|| {
        let got = alg.map_or("no alg".to_owned(), |alg| format!("alg {}", quote(alg)));
        let log = format!("{got} is not in token.algorithms");
        Refusal::new(Status::ALGORITHM_NOT_ALLOWED, log)
    })
}

/// RFC 7515 4.1.9 and 4.1.10: media types, `application/` taken off once, case-insensitive. True
/// for at+jwt.
fn allowed_type(
    typ: Option<&str>,
    cty: Option<&str>,
    settings: &Settings,
) -> Result<bool, Refusal> {
    let refuse = |log: String| Err(Refusal::new(Status::TYPE_NOT_ALLOWED, log));
    if cty.is_some_and(|cty| bare_type(cty).eq_ignore_ascii_case("jwt")) {
        return refuse("`cty` says that the token is nested in another".into());
    }
    if settings.rfc9068 && !typ.is_some_and(|typ| bare_type(typ).eq_ignore_ascii_case("at+jwt")) {
        let got = typ.map_or("no typ".to_owned(), |typ| format!("typ {}", quote(typ)));
        return refuse(format!("{got}; token.profile=rfc9068 takes at+jwt alone"));
    }
    match typ {
        None if settings.type_absent => Ok(false),
        None => refuse("no typ; token.types does not have the word absent".into()),
        Some(typ) => {
            let bare = bare_type(typ);
            match settings.types.iter().any(|allowed| allowed.eq_ignore_ascii_case(bare)) {
                true => Ok(bare.eq_ignore_ascii_case("at+jwt")),
                false => refuse(format!("typ {} is not in token.types", quote(typ))),
            }
        }
    }
}

pub fn bare_type(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, bare)) if prefix.eq_ignore_ascii_case(PREFIX) => bare,
        _ => typ,
    }
}

/// Byte for byte, after JSON unescaping (RFC 7519 4.1.1, RFC 8414 3.3).
pub fn trusted_issuer<'d>(
    iss: Field<'d>,
    settings: &Settings,
) -> Result<(usize, Cow<'d, str>), Refusal> {
    let refuse = |log: String| Err(Refusal::new(Status::ISSUER_INVALID, log));
    let iss = match iss {
        Field::Text(iss) => iss,
        Field::Absent => return refuse("the token has no iss".to_owned()),
        _ => return refuse("iss is not a text".to_owned()),
    };
    if let Some(place) = settings.issuers.iter().position(|known| known.name.trusts(&iss).is_some())
    {
        return Ok((place, iss));
    }
    // Before any signature: the work for a stranger's token stays small.
    let known: Vec<Cow<str>> =
        settings.issuers.iter().take(TOLD_MAX).map(|known| known.name.text()).collect();
    let comparable = known.iter().filter(|_| iss.len() <= ISSUER_MAX_BYTES);
    let hint = comparable.clone().find_map(|known| near_miss::issuer(&iss, known));
    let expected = list_counted(known.iter().map(Cow::as_ref), settings.issuers.len());
    refuse(format!("iss {}; expected {expected}{}", quote(&iss), near_miss::told(hint)))
}

macro_rules! payload {
    ($($field:ident $name:literal),+ $(,)?) => {
        /// The claims that this library reads, as they stand in the payload: absent and wrongly
        /// typed ones are judged in stage claims, after the signature.
        #[derive(Default)]
        pub struct Payload<'d> { $(pub $field: Field<'d>),+ }

        impl<'d> Payload<'d> {
            pub fn read(json: &'d str, room: &mut Room<'d>) -> Result<Payload<'d>, Fault> {
                let mut payload = Payload::default();
                let texts = |name: &str| matches!(name, "aud" | "scope" | "scp");
                read_object(json, room, texts, &mut |name, value| match name.as_ref() {
                    $($name => payload.$field = value,)+
                    _ => {}
                })?;
                Ok(payload)
            }
        }
    };
}

payload! {
    iss "iss", sub "sub", aud "aud", exp "exp", nbf "nbf", iat "iat",
    scope "scope", scp "scp",
    client_id "client_id", azp "azp", cid "cid", appid "appid",
    typ "typ", token_use "token_use", token_type "token_type", kind "type",
    nonce "nonce", at_hash "at_hash", c_hash "c_hash",
    jti "jti", tid "tid", events "events", token_introspection "token_introspection", cnf "cnf",
}
