//! A token as the cases want it: members in order, as raw JSON, so that every fault can be written.

use super::sign::{Key, key};
use super::{AUDIENCE, ISSUER, NOW, b64url, quoted};

#[derive(Clone)]
pub struct Token {
    key: &'static Key,
    /// What the signature is made by, whatever the header says.
    alg: String,
    header: Members,
    payload: Members,
    /// In place of the members.
    header_bytes: Option<Vec<u8>>,
    payload_bytes: Option<Vec<u8>>,
    /// In place of a signature by the key.
    signature: Option<Vec<u8>>,
    /// The parts in base64url, in place of those made from the bytes: signed as they stand.
    header_part: Option<String>,
    payload_part: Option<String>,
    signature_part: Option<String>,
}

#[derive(Clone, Default)]
struct Members(Vec<(String, String)>);

impl Members {
    fn put(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, held)) => *held = value.into(),
            None => self.0.push((name.into(), value.into())),
        }
    }

    fn json(&self) -> Vec<u8> {
        let members: Vec<String> =
            self.0.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    }
}

/// A good token by ed-1: valid for ten minutes, for one API, with one scope.
pub fn token() -> Token {
    let mut payload = Members::default();
    payload.put("iss", &quoted(ISSUER));
    payload.put("sub", &quoted("user-1"));
    payload.put("aud", &quoted(AUDIENCE));
    payload.put("client_id", &quoted("app-1"));
    payload.put("scope", &quoted("orders:read"));
    payload.put("iat", &NOW.to_string());
    payload.put("exp", &(NOW + 600).to_string());
    let token = Token {
        key: key("ed-1"),
        alg: String::new(),
        header: Members::default(),
        payload,
        header_bytes: None,
        payload_bytes: None,
        signature: None,
        header_part: None,
        payload_part: None,
        signature_part: None,
    };
    token.by("ed-1", "EdDSA").head("typ", "\"JWT\"")
}

impl Token {
    /// Signed by this key with this algorithm, and the header says so.
    pub fn by(self, name: &str, alg: &str) -> Token {
        let header = self.head("alg", &quoted(alg)).head("kid", &quoted(name));
        header.signed_by(name, alg)
    }

    /// Signed so, whatever the header says.
    pub fn signed_by(mut self, name: &str, alg: &str) -> Token {
        (self.key, self.alg) = (key(name), alg.into());
        self
    }

    /// A header member: its name as written between the quotes, its value as JSON.
    pub fn head(mut self, name: &str, value: &str) -> Token {
        self.header.put(name, value);
        self
    }

    /// The same, also where the name stands already.
    pub fn head_again(mut self, name: &str, value: &str) -> Token {
        self.header.0.push((name.into(), value.into()));
        self
    }

    pub fn no_head(mut self, name: &str) -> Token {
        self.header.0.retain(|(known, _)| known != name);
        self
    }

    pub fn kid(self, kid: &str) -> Token {
        self.head("kid", &quoted(kid))
    }

    pub fn claim(mut self, name: &str, value: &str) -> Token {
        self.payload.put(name, value);
        self
    }

    pub fn claim_again(mut self, name: &str, value: &str) -> Token {
        self.payload.0.push((name.into(), value.into()));
        self
    }

    pub fn no_claim(mut self, name: &str) -> Token {
        self.payload.0.retain(|(known, _)| known != name);
        self
    }

    pub fn header_bytes(mut self, bytes: impl AsRef<[u8]>) -> Token {
        self.header_bytes = Some(bytes.as_ref().to_vec());
        self
    }

    pub fn payload_bytes(mut self, bytes: impl AsRef<[u8]>) -> Token {
        self.payload_bytes = Some(bytes.as_ref().to_vec());
        self
    }

    pub fn header_part(mut self, part: impl Into<String>) -> Token {
        self.header_part = Some(part.into());
        self
    }

    pub fn payload_part(mut self, part: impl Into<String>) -> Token {
        self.payload_part = Some(part.into());
        self
    }

    pub fn signature_part(mut self, part: impl Into<String>) -> Token {
        self.signature_part = Some(part.into());
        self
    }

    /// In place of the key's own.
    pub fn signature(mut self, signature: impl AsRef<[u8]>) -> Token {
        self.signature = Some(signature.as_ref().to_vec());
        self
    }

    /// A signature made from the one that is right.
    pub fn change_signature(self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Token {
        let changed = change(self.own_signature());
        self.signature(changed)
    }

    /// A signature made from the bytes to sign.
    pub fn sign_with(self, sign: impl FnOnce(&'static Key, &[u8]) -> Vec<u8>) -> Token {
        let signature = sign(self.key, self.signed().as_bytes());
        self.signature(signature)
    }

    pub fn header(&self) -> Vec<u8> {
        self.header_bytes.clone().unwrap_or_else(|| self.header.json())
    }

    pub fn payload(&self) -> Vec<u8> {
        self.payload_bytes.clone().unwrap_or_else(|| self.payload.json())
    }

    /// Header and payload in base64url.
    pub fn signed(&self) -> String {
        let header = self.header_part.clone().unwrap_or_else(|| b64url(self.header()));
        let payload = self.payload_part.clone().unwrap_or_else(|| b64url(self.payload()));
        format!("{header}.{payload}")
    }

    pub fn own_signature(&self) -> Vec<u8> {
        self.key.sign(&self.alg, self.signed().as_bytes())
    }

    pub fn text(&self) -> String {
        let signature = match (&self.signature_part, &self.signature) {
            (Some(part), _) => part.clone(),
            (None, Some(signature)) => b64url(signature),
            (None, None) => b64url(self.own_signature()),
        };
        format!("{}.{signature}", self.signed())
    }

    pub fn parts(&self) -> [String; 3] {
        let text = self.text();
        let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
        parts.try_into().unwrap()
    }
}
