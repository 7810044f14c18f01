//! THE option table. An option that is not built yet is absent, and so OPTION_UNKNOWN.

use crate::signature::ALGORITHM_NAMES;
use crate::table::{OptionRow, options};

/// The type of an option's value, with its range.
pub enum Kind {
    /// One or more texts, separated by blanks or as a JSON array; each at most so many bytes.
    List { max_bytes: usize },
    /// A list of the words named.
    Words(&'static [&'static str]),
    /// One of the words named.
    Word(&'static [&'static str]),
    /// An absolute http or https URL.
    Url,
    /// A number of seconds, or with a unit: `30s 5m 1h 2d`.
    Seconds { min: u64, max: u64 },
    /// A number of bytes, or with a unit: `64k 1m`.
    Bytes { min: u64, max: u64 },
    /// The path of a file or folder.
    File,
    /// `env`, `off`, or the URL of a proxy.
    Proxy,
    /// `origin=origin`, one or more.
    Origins,
    /// A claim: a dotted path or a JSON pointer.
    Path,
    /// A JSON Web Key Set as a JSON object, or public keys as PEM.
    KeySet,
    /// A JSON array of objects, one for each trust domain.
    Issuers,
    /// What a token must be granted: section "Requirements" of the docs.
    Requirement,
    /// Printable ASCII without `"` and `\`, for a header field.
    HeaderText { max_bytes: usize },
    /// An absolute http or https URL, for a header field: it is told, never asked.
    HeaderUrl { max_bytes: usize },
}

pub const ISSUER_MAX_BYTES: usize = 1024;
pub const REQUIREMENT_MAX_BYTES: usize = 512;
const DAY_S: u64 = 86_400;
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

// Row: doc sentence, name, key, type and range, default, names that other libraries use for it.
options! {
    /// Exact `iss` of the tokens to accept, one or several, and the base of discovery. Any text
    /// when the keys are given otherwise.
    ISSUER "issuer" Kind::List { max_bytes: ISSUER_MAX_BYTES }, "required",
        ["issuerBaseURL", "issuer-uri", "issuer_url", "iss", "authority", "domain"];
    /// `aud` must name one of these. `*` = not checked: it must be written, and is warned about.
    AUDIENCE "audience" Kind::List { max_bytes: 1024 }, "required",
        ["audiences", "aud", "validAudiences", "clientId", "client_id"];
    /// Instead of `issuer`: several trust domains, each an object of `issuer`, `audience`,
    /// `claims.*` and `keys.*`; what stands outside is their default. `iss` chooses one, whose
    /// options alone then hold.
    ISSUERS "issuers" Kind::Issuers, "-", ["trustedIssuers", "multiIssuer", "tenantConfigurations"];

    /// The signature algorithms that are accepted (RFC 7518, RFC 8037, RFC 9864). Never `none` or
    /// HS*.
    TOKEN_ALGORITHMS "token.algorithms" Kind::Words(ALGORITHM_NAMES),
        "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519",
        ["algorithms", "algs", "alg", "allowedAlgorithms", "jws-algorithms", "tokenSigningAlg"];
    /// The header types `typ` that are accepted, `application/` taken off, in any case. The word
    /// `absent` stands for a token without `typ`.
    TOKEN_TYPES "token.types" Kind::List { max_bytes: 64 }, "JWT at+jwt absent",
        ["typ", "types", "tokenType"];
    /// `rfc9068`: header type at+jwt alone, and iss, exp, aud, sub, client_id, iat and jti present.
    TOKEN_PROFILE "token.profile" Kind::Word(&["default", "rfc9068"]), "default",
        ["profile", "strict"];
    /// A longer token is refused before it is decoded.
    TOKEN_MAX_BYTES "token.max_bytes" Kind::Bytes { min: 256, max: MIB }, "16k",
        ["maxTokenSize", "max_token_size"];

    /// Where the metadata is looked for: OpenID Connect Discovery, then RFC 8414; one of them; or
    /// off.
    KEYS_DISCOVERY "keys.discovery" Kind::Word(&["auto", "oidc", "oauth", "off"]), "auto",
        ["discovery"];
    /// Another place for the metadata document.
    KEYS_DISCOVERY_URL "keys.discovery_url" Kind::Url, "derived from issuer",
        ["discoveryUrl", "discovery_url", "metadata-uri", "openIdConnectUrl", "metadataUrl"];
    /// The URL of the key set (JWKS). Skips discovery.
    KEYS_JWKS_URI "keys.jwks_uri" Kind::Url, "from discovery",
        ["jwksUri", "jwks_uri", "jwk-set-uri", "jwksUrl", "jwks_url", "jwksURL", "jku"];
    /// A key set (JWKS), or public keys as PEM, held locally: no network.
    KEYS_JWKS "keys.jwks" Kind::KeySet, "-", ["jwks", "keys", "jwk-set", "public-key-location"];
    /// A file with a key set (JWKS) or public keys as PEM: no network. Read again when it has
    /// changed; a file that is no use then leaves the old keys in force. May be a symbolic link.
    KEYS_FILE "keys.file" Kind::File, "-", ["jwksFile", "jwks_file", "publicKeyFile"];
    /// Keys are refreshed after this long; `Cache-Control: max-age` may say less, down to 1m.
    KEYS_TTL "keys.ttl" Kind::Seconds { min: 1, max: 7 * DAY_S }, "10m",
        ["cacheMaxAge", "cache_ttl", "ttl", "jwks_cache_ttl", "refreshInterval", "lifespan"];
    /// How much longer than `keys.ttl` held keys serve while a refresh fails. 0 = not at all.
    KEYS_STALE "keys.stale" Kind::Seconds { min: 0, max: 30 * DAY_S }, "1d",
        ["staleWhileRevalidate", "stale"];
    /// At least this long between two fetches for unknown key ids.
    KEYS_COOLDOWN "keys.cooldown" Kind::Seconds { min: 1, max: 3600 }, "2s",
        ["cooldownDuration", "cooldown", "refreshRateLimit", "jwksRequestsPerMinute"];
    /// A folder for the last good keys, shared by processes: a start without the provider. It must
    /// exist, belong to the process's user, and be writable for nobody else.
    KEYS_SNAPSHOT "keys.snapshot" Kind::File, "-", ["snapshot", "cacheDir", "cache_dir"];
    /// The longest that one refresh (discovery and key set together) may take.
    KEYS_TIMEOUT "keys.timeout" Kind::Seconds { min: 1, max: 60 }, "5s",
        ["timeoutDuration", "timeout", "requestTimeout", "http_timeout"];
    /// The largest metadata document or key set that is read.
    KEYS_MAX_BYTES "keys.max_bytes" Kind::Bytes { min: KIB, max: 16 * MIB }, "512k",
        ["responseSizeLimit", "max_size"];
    /// Where plain http is allowed: on loopback addresses, everywhere, or nowhere.
    KEYS_HTTP "keys.http" Kind::Word(&["loopback", "always", "never"]), "loopback",
        ["allowInsecureRequests", "requireHttps", "http"];
    /// A file of certificates (PEM) of authorities that are trusted beside those of the system. It
    /// is read once, with the first use of the handle.
    KEYS_CA_FILE "keys.ca_file" Kind::File, "-",
        ["ca", "cafile", "caFile", "cacert", "ssl_ca_cert"];
    /// The proxy that keys are fetched by: `env` = HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY
    /// as they are with the first use of the handle, HTTP_PROXY not under CGI; `off`; or the URL of
    /// one (http or https). What is on this machine is never asked by a proxy.
    KEYS_PROXY "keys.proxy" Kind::Proxy, "env", ["proxy", "proxyUrl", "https_proxy", "proxy_url"];
    /// Where to connect instead: `https://id.example=http://keycloak:8080`, one or several, when
    /// the provider is reached by another name from inside. `iss` stays the public one, which is
    /// also sent as `Host`. An http target needs `keys.http`.
    KEYS_BACKCHANNEL "keys.backchannel" Kind::Origins, "-",
        ["internalUrl", "internal_url", "backchannelUrl", "backend_url"];

    /// How far clocks may differ, for `exp`, `nbf` and `iat`.
    CLAIMS_LEEWAY "claims.leeway" Kind::Seconds { min: 0, max: 300 }, "30s",
        ["clockTolerance", "clock_skew", "clockSkew", "leeway", "clock-skew"];

    /// Claims that must be present, or `claim=value` (equal, or an array that holds it).
    CLAIMS_REQUIRED "claims.required" Kind::List { max_bytes: 512 }, "-",
        ["requiredClaims", "required_claims", "requiredSpecClaims"];
    /// The longest time since `iat`.
    CLAIMS_MAX_AGE "claims.max_age" Kind::Seconds { min: 1, max: 3650 * DAY_S }, "-",
        ["maxTokenAge", "max_age", "maxAge"];
    /// The claims that an audience is read from, one of them is enough (Cognito: `aud client_id`).
    CLAIMS_AUDIENCE_FROM "claims.audience_from" Kind::List { max_bytes: 64 }, "aud",
        ["audienceClaim", "tokenUse"];
    /// The clients that may call: every one of `azp`, `client_id`, `cid`, `appid` that is present.
    CLAIMS_CLIENTS "claims.clients" Kind::List { max_bytes: 1024 }, "-",
        ["authorizedParties", "azp", "clients", "allowedClients"];
    /// The tenants that `{tenant}` in `issuer` stands for, and that `tid` must name. `*` = any: it
    /// must be written, is warned about, and needs `keys.jwks_uri`, `keys.jwks` or `keys.file`.
    CLAIMS_TENANTS "claims.tenants" Kind::List { max_bytes: 64 }, "-",
        ["tenants", "tenantId", "tid", "allowedTenants"];
    /// The claim that `subject` is read from; when set, it must be there.
    CLAIMS_SUBJECT_FROM "claims.subject_from" Kind::Path, "sub",
        ["principal-claim-name", "principalClaimName", "userIdClaim", "identity_claim"];
    /// The claims that scopes are read from, joined.
    CLAIMS_SCOPES_FROM "claims.scopes_from" Kind::List { max_bytes: 256 }, "scope scp",
        ["scopeClaim", "scope_claim", "authorities-claim-name"];
    /// The claims that roles are read from: a text, a list of texts, or the names of an object.
    CLAIMS_ROLES_FROM "claims.roles_from" Kind::List { max_bytes: 256 },
        "realm_access.roles roles", ["rolesClaim", "roles_claim", "roleClaimType"];
    /// The claims that permissions are read from.
    CLAIMS_PERMISSIONS_FROM "claims.permissions_from" Kind::List { max_bytes: 256 }, "permissions",
        ["permissionsClaim", "permissions_claim"];
    /// The claims that groups are read from.
    CLAIMS_GROUPS_FROM "claims.groups_from" Kind::List { max_bytes: 256 }, "groups",
        ["groupsClaim", "groups_claim"];

    /// What every token must be granted.
    VERDICT_REQUIRE "verdict.require" Kind::Requirement, "-",
        ["require", "requiredScopes", "scope", "scopes", "required_scopes"];
    /// The `realm` of the challenge (RFC 9110 11.5).
    VERDICT_REALM "verdict.realm" Kind::HeaderText { max_bytes: 128 }, "-", ["realm"];
    /// The `resource_metadata` of the challenge (RFC 9728 5.1).
    VERDICT_RESOURCE_METADATA "verdict.resource_metadata" Kind::HeaderUrl { max_bytes: 512 }, "-",
        ["resource_metadata", "resourceMetadata"];
}

impl OptionRow {
    /// The type and range as text, for the docs and the bindings' tables.
    pub fn type_text(&self) -> String {
        match &self.kind {
            Kind::List { .. } => "list".into(),
            Kind::Words(words) => format!("list of {}", words.join(", ")),
            Kind::Word(words) => format!("one of {}", words.join(", ")),
            Kind::Url => "URL".into(),
            Kind::Seconds { min, max } => format!("duration, {min}s to {max}s"),
            Kind::Bytes { min, max } => format!("size, {min} to {max} bytes"),
            Kind::File => "path of a file or folder".into(),
            Kind::Proxy => "env, off or URL".into(),
            Kind::Origins => "list of origin=origin".into(),
            Kind::Path => "path".into(),
            Kind::KeySet => "JWKS or PEM".into(),
            Kind::Issuers => "JSON array of objects".into(),
            Kind::Requirement => "requirement".into(),
            Kind::HeaderText { max_bytes } => format!("text, at most {max_bytes} bytes"),
            Kind::HeaderUrl { max_bytes } => format!("URL, at most {max_bytes} bytes"),
        }
    }
}

/// May this option differ from one trust domain to another?
pub fn is_per_issuer(option: Opt) -> bool {
    let key = OPTIONS.iter().find(|row| row.option == option).map_or("", |row| row.key);
    matches!(key, "issuer" | "audience") || key.starts_with("claims.") || key.starts_with("keys.")
}

/// The row of this key.
pub fn find(key: &str) -> Option<&'static OptionRow> {
    OPTIONS.iter().find(|row| row.key == key)
}

/// The key that a caller most likely meant: an alias, else the nearest by edit distance.
pub fn nearest(key: &str) -> Option<&'static str> {
    let key: String = key.chars().take(64).collect::<String>().to_ascii_lowercase();
    let alias = |row: &&OptionRow| row.aliases.iter().any(|a| a.eq_ignore_ascii_case(&key));
    if let Some(row) = OPTIONS.iter().find(alias) {
        return Some(row.key);
    }
    let distance = |row: &OptionRow| {
        let last_word = row.key.rsplit('.').next().unwrap_or(row.key);
        strsim::levenshtein(&key, row.key).min(strsim::levenshtein(&key, last_word))
    };
    let best = OPTIONS.iter().min_by_key(|row| distance(row))?;
    (distance(best) <= key.len() / 2).then_some(best.key)
}
