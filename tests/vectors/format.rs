//! What a vector file holds. tests/vectors/README.md explains it for other languages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub type Options = BTreeMap<String, Value>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub about: String,
    pub stage: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
    pub options: Options,
    pub cases: Vec<Case>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Case {
    pub id: String,
    /// Seconds since 1970. None: the case judges the options alone, or `claims`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<i64>,
    /// The value of the Authorization field; absent with `header_b64` too: there is no field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The same in base64, where it is not printable ASCII.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_b64: Option<String>,
    /// In place of those of the file, key by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: Options,
    /// A JSON text for auth_config_load, after the options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_b64: Option<String>,
    /// Options that are set after the load, whatever that answered.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: Options,
    /// A text for auth_require, in place of a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims_b64: Option<String>,
    pub expect: Expect,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    pub status: String,
    // Of an accepted token:
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// Of the payload as signed, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims_sha256: Option<String>,
    // Of a refused one:
    /// The `scope` parameter of the challenge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge_scope: Option<String>,
    /// Texts that the sentence for the log must have in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log_has: Vec<String>,
}
