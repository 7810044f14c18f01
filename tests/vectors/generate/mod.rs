//! Makes the vector files. What is expected is written here by hand, from the rule that a row of
//! docs/security.md names; the library is never asked.

pub mod sign;
pub mod token;

mod claims_options;
mod claims_texts;
mod claims_times;
mod config;
mod config_domains;
mod config_load;
mod config_reach;
mod grants;
mod header;
mod issuers;
mod keys_chosen;
mod keys_material;
mod keys_pem;
mod near_misses;
mod order;
mod profile;
mod require_more;
mod signature;
mod tenants;
mod token_form;
mod token_header;
mod token_json;
mod verdict;

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::format::{Case, Expect, File, Options};
use sign::key;
use token::Token;

/// The moment of every case that names no other.
pub const NOW: i64 = 1_700_000_000;
pub const ISSUER: &str = "https://id.example";
pub const AUDIENCE: &str = "https://api.example";

/// Every file by its path below tests/vectors.
pub fn all() -> BTreeMap<String, File> {
    let topics = [
        header::topics(),
        token_form::topics(),
        token_json::topics(),
        token_header::topics(),
        keys_chosen::topics(),
        keys_material::topics(),
        signature::topics(),
        claims_times::topics(),
        claims_texts::topics(),
        claims_options::topics(),
        profile::topics(),
        issuers::topics(),
        tenants::topics(),
        keys_pem::topics(),
        near_misses::topics(),
        verdict::topics(),
        grants::topics(),
        require_more::topics(),
        order::topics(),
        config::topics(),
        config_domains::topics(),
        config_load::topics(),
        config_reach::topics(),
    ];
    let mut files = BTreeMap::new();
    for topic in topics.into_iter().flatten() {
        let path = format!("{}/{}.json", topic.file.stage, topic.name);
        assert!(files.insert(path.clone(), topic.file).is_none(), "{path} is made twice");
    }
    files
}

/// One file of cases.
pub struct Topic {
    name: &'static str,
    row: &'static str,
    file: File,
}

impl Topic {
    /// With the standard options: issuer, audience, and the keys ed-1, rsa-1, ec-1.
    pub fn new(stage: &str, name: &'static str, about: &str) -> Topic {
        let mut topic = Topic::bare(stage, name, about);
        topic.option("issuer", json!(ISSUER));
        topic.option("audience", json!(AUDIENCE));
        topic.keys(["ed-1", "rsa-1", "ec-1"].map(|name| key(name).public()));
        topic
    }

    /// Without options.
    pub fn bare(stage: &str, name: &'static str, about: &str) -> Topic {
        let (notes, options, cases) = Default::default();
        let file = File { about: about.into(), stage: stage.into(), notes, options, cases };
        Topic { name, row: "", file }
    }

    pub fn option(&mut self, key: &str, value: Value) {
        self.file.options.insert(key.into(), value);
    }

    pub fn keys(&mut self, keys: impl IntoIterator<Item = Value>) {
        self.option("keys.jwks", key_set(keys));
    }

    pub fn note(&mut self, name: &str, text: &str) {
        self.file.notes.insert(name.into(), text.into());
    }

    /// The row of docs/security.md that the next cases belong to.
    pub fn row(&mut self, row: &'static str) -> &mut Topic {
        self.row = row;
        self
    }

    fn case(&mut self, name: &str, case: Case) -> &mut Case {
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-.,:;=*/_".contains(c);
        let name: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
        let id = format!("{}/{name}", self.row);
        assert!(self.file.cases.iter().all(|case| case.id != id), "{id} stands twice");
        self.file.cases.push(Case { id, ..case });
        self.file.cases.last_mut().unwrap()
    }

    /// The token is accepted: the texts are those of `token()` until the case says otherwise.
    pub fn accept(&mut self, name: &str, token: Token) -> &mut Case {
        let expect = Expect {
            status: "OK".into(),
            issuer: Some(ISSUER.into()),
            subject: Some("user-1".into()),
            client_id: Some("app-1".into()),
            scopes: Some("orders:read".into()),
            expires_at: Some(NOW + 600),
            claims_sha256: Some(hex(digest::digest(&sign::SHA256, &token.payload()).as_ref())),
            ..Expect::default()
        };
        let header = format!("Bearer {}", token.text());
        self.case(name, Case { now: Some(NOW), expect, ..Case::default() }).header(header)
    }

    pub fn refuse(&mut self, name: &str, status: &str, token: Token) -> &mut Case {
        self.refuse_header(name, status, format!("Bearer {}", token.text()))
    }

    pub fn refuse_header(
        &mut self,
        name: &str,
        status: &str,
        header: impl AsRef<[u8]>,
    ) -> &mut Case {
        self.no_header(name, status).header(header)
    }

    pub fn no_header(&mut self, name: &str, status: &str) -> &mut Case {
        let expect = Expect { status: status.into(), ..Expect::default() };
        self.case(name, Case { now: Some(NOW), expect, ..Case::default() })
    }

    /// The options alone are judged.
    pub fn configuration(
        &mut self,
        name: &str,
        status: &str,
        options: &[(&str, Value)],
    ) -> &mut Case {
        let expect = Expect { status: status.into(), ..Expect::default() };
        let options = options.iter().map(|(key, value)| (key.to_string(), value.clone()));
        let options: Options = options.collect();
        self.case(name, Case { expect, options, ..Case::default() })
    }

    /// A JSON text of options is loaded and judged.
    pub fn load(&mut self, name: &str, status: &str, document: impl AsRef<[u8]>) -> &mut Case {
        let case = self.configuration(name, status, &[]);
        (case.load, case.load_b64) = text_or_b64(document.as_ref());
        case
    }

    /// Claims are asked for more: auth_require.
    pub fn more(&mut self, name: &str, status: &str, claims: impl AsRef<[u8]>) -> &mut Case {
        let case = self.configuration(name, status, &[]);
        (case.claims, case.claims_b64) = text_or_b64(claims.as_ref());
        case
    }
}

impl Case {
    pub fn header(&mut self, header: impl AsRef<[u8]>) -> &mut Case {
        (self.header, self.header_b64) = text_or_b64(header.as_ref());
        self
    }

    pub fn require(&mut self, require: impl AsRef<[u8]>) -> &mut Case {
        (self.require, self.require_b64) = text_or_b64(require.as_ref());
        self
    }

    pub fn now(&mut self, now: i64) -> &mut Case {
        self.now = Some(now);
        self
    }

    pub fn option(&mut self, key: &str, value: impl Into<Value>) -> &mut Case {
        self.options.insert(key.into(), value.into());
        self
    }

    /// After the load.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Case {
        self.set.insert(key.into(), value.into());
        self
    }

    pub fn keys(&mut self, keys: impl IntoIterator<Item = Value>) -> &mut Case {
        self.option("keys.jwks", key_set(keys))
    }

    pub fn issuer(&mut self, issuer: &str) -> &mut Case {
        self.expect.issuer = Some(issuer.into());
        self
    }

    pub fn subject(&mut self, subject: &str) -> &mut Case {
        self.expect.subject = Some(subject.into());
        self
    }

    pub fn client_id(&mut self, client_id: &str) -> &mut Case {
        self.expect.client_id = Some(client_id.into());
        self
    }

    pub fn scopes(&mut self, scopes: &str) -> &mut Case {
        self.expect.scopes = Some(scopes.into());
        self
    }

    pub fn expires_at(&mut self, expires_at: i64) -> &mut Case {
        self.expect.expires_at = Some(expires_at);
        self
    }

    pub fn challenge_scope(&mut self, scope: &str) -> &mut Case {
        self.expect.challenge_scope = Some(scope.into());
        self
    }

    pub fn log_has(&mut self, text: &str) -> &mut Case {
        self.expect.log_has.push(text.into());
        self
    }
}

pub fn key_set(keys: impl IntoIterator<Item = Value>) -> Value {
    json!({ "keys": keys.into_iter().collect::<Vec<_>>() })
}

fn text_or_b64(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        true => (Some(String::from_utf8(bytes.to_vec()).unwrap()), None),
        false => (None, Some(STANDARD.encode_to_string(bytes))),
    }
}

pub fn b64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref())
}

pub fn from_b64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode_to_vec(text).unwrap()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

/// A JSON text.
pub fn quoted(text: &str) -> String {
    json!(text).to_string()
}
