//! Stage language: options of the claims, of tenants and of several issuers.

use serde_json::{Value, json};

use super::sign::key;
use super::{AUDIENCE, Case, ISSUER, Topic, key_set};

const INVALID: &str = "OPTION_INVALID";
const MISSING: &str = "OPTION_MISSING";
const UNKNOWN: &str = "OPTION_UNKNOWN";
const A: &str = "https://a.example";
const B: &str = "https://b.example";
const TEMPLATE: &str = "https://login.example/{tenant}/v2.0";
const FILLED: &str = "https://login.example/t-1/v2.0";

pub fn topics() -> Vec<Topic> {
    vec![claims(), tenants(), issuers(), traps()]
}

/// The good options with these.
fn with<'t>(
    topic: &'t mut Topic,
    name: &str,
    status: &str,
    more: &[(&'static str, Value)],
) -> &'t mut Case {
    let mut options = vec![("issuer", json!(ISSUER)), ("audience", json!(AUDIENCE))];
    options.retain(|(key, _)| more.iter().all(|(other, _)| other != key));
    options.extend(more.iter().cloned());
    topic.configuration(name, status, &options)
}

fn claims() -> Topic {
    let mut topic =
        Topic::bare("language", "claims", "types and ranges of token.profile, claims.*");
    topic.row("config.limits");
    let long = |bytes: usize| "x".repeat(bytes);
    let path_bad = ["a..b", ".a", "a.", "/a~2", "/a~", "[\"a\\nb\"]"];
    let path_good = ["a", "a.b.c", "/a/b", "/", "/a~0b~1c", "https://x.example/a", "a:b"];
    let lists: [(&'static str, &[&str], &[&str]); 11] = [
        (
            "token.profile",
            &["RFC9068", "strict", "rfc9068 ", "[\"rfc9068\"]"],
            &["rfc9068", "default"],
        ),
        (
            "claims.max_age",
            &["0", "0s", "-1", "3651d", "x", "1.5", "99999999999d"],
            &["1", "1h", "3650d"],
        ),
        (
            "claims.required",
            &["=x", "a=", "a..b", "a..b=c", "[\"\"]", "[1]", "[]", "/a~2=c"],
            &["sub", "a=b", "a.b=c d", "/a/b=c=d", "[\"a=b c\"]"],
        ),
        (
            "claims.audience_from",
            &["[]", "[\"\"]", "[1]", "[null]"],
            &["aud", "aud client_id", "[\"https://x.example/aud\"]"],
        ),
        (
            "claims.clients",
            &["[]", "[\"\"]", "[5]", "[\"a\",null]", "[\"a\\u0000\"]"],
            &["a", "a b", "[\"a b\"]"],
        ),
        ("claims.subject_from", &path_bad, &path_good),
        ("claims.scopes_from", &path_bad, &path_good),
        ("claims.roles_from", &path_bad, &path_good),
        ("claims.permissions_from", &path_bad, &path_good),
        ("claims.groups_from", &path_bad, &path_good),
        (
            "verdict.require",
            &["role:", "claim:a", "|", "[]", "[\"a b\"]", "a  b", "[\"role:a\\nb\"]"],
            &["role:a", "claim:a.b=c", "a|role:b", "[\"role:a b\"]"],
        ),
    ];
    for (key, bad, good) in lists {
        for value in bad {
            // A control character where a path was to stand is a JSON array's alone.
            let subject = key == "claims.subject_from" && value.starts_with('[');
            if !subject {
                with(&mut topic, &format!("{key}-{value}"), INVALID, &[(key, json!(value))]);
            }
        }
        for value in good {
            with(&mut topic, &format!("{key}-good-{value}"), "OK", &[(key, json!(value))]);
        }
        for (name, value) in [("empty", ""), ("blank", " ")] {
            with(&mut topic, &format!("{key}-{name}"), INVALID, &[(key, json!(value))]);
        }
    }
    for (key, bytes) in [
        ("claims.subject_from", 256),
        ("claims.roles_from", 256),
        ("claims.scopes_from", 256),
        ("claims.audience_from", 64),
        ("claims.clients", 1024),
    ] {
        with(&mut topic, &format!("{key}-{bytes}-bytes"), "OK", &[(key, json!(long(bytes)))]);
        let more = [(key, json!(long(bytes + 1)))];
        with(&mut topic, &format!("{key}-a-byte-more"), INVALID, &more);
    }
    topic.row("config.together");
    let both = [("claims.max_age", json!("0")), ("claims.clients", json!(""))];
    with(&mut topic, "two-mistakes", INVALID, &both)
        .log_has("claims.max_age")
        .log_has("claims.clients");
    topic
        .configuration("missing-and-mistaken", INVALID, &[("claims.max_age", json!("0"))])
        .log_has("claims.max_age")
        .log_has("issuer")
        .log_has("audience");
    topic
}

fn tenants() -> Topic {
    let mut topic = Topic::bare("language", "tenants", "{tenant} in issuer, and claims.tenants");
    let jwks = ("keys.jwks", key_set([key("ed-1").public()]));
    let template = ("issuer", json!(TEMPLATE));
    let some = ("claims.tenants", json!("t-1 t-2"));
    let any = ("claims.tenants", json!("*"));
    topic.row("config.together");
    with(&mut topic, "template-without-tenants", MISSING, std::slice::from_ref(&template))
        .log_has("claims.tenants");
    let held = [template.clone(), jwks.clone()];
    with(&mut topic, "template-and-keys-without-tenants", MISSING, &held);
    with(&mut topic, "tenants-without-template", INVALID, std::slice::from_ref(&some));
    with(&mut topic, "any-without-template", INVALID, std::slice::from_ref(&any));
    with(&mut topic, "listed", "OK", &[template.clone(), some.clone()]);
    with(&mut topic, "listed-and-keys", "OK", &[template.clone(), some.clone(), jwks.clone()]);
    with(&mut topic, "any-and-keys", "OK", &[template.clone(), any.clone(), jwks]);
    let uri = ("keys.jwks_uri", json!("https://login.example/keys"));
    with(&mut topic, "any-and-jwks-uri", "OK", &[template.clone(), any.clone(), uri])
        .log_has("claims.tenants=*");
    with(&mut topic, "any-and-discovery", MISSING, &[template.clone(), any.clone()])
        .log_has("keys.jwks_uri");
    let url = ("keys.discovery_url", json!("https://login.example/x"));
    with(&mut topic, "any-and-discovery-url", MISSING, &[template.clone(), any, url]);
    let twice = ("issuer", json!("https://{tenant}.example/{tenant}"));
    with(&mut topic, "template-twice", INVALID, &[twice, some.clone()]);
    let http = ("issuer", json!("http://login.example/{tenant}"));
    with(&mut topic, "template-http", INVALID, &[http, some]);
    topic.row("config.limits");
    let long = |count: usize| "t".repeat(count);
    for (name, tenants) in [
        ("guid", json!("9b1d2c3e-0000-4a5b-8c7d-0123456789ab")),
        ("domain", json!("contoso.onmicrosoft.com")),
        ("64-letters", json!(long(64))),
        ("list", json!(["a", "b"])),
    ] {
        let options = [template.clone(), ("claims.tenants", tenants)];
        with(&mut topic, &format!("tenant-good-{name}"), "OK", &options);
    }
    for (name, tenants) in [
        ("empty", json!("")),
        ("empty-in-a-list", json!([""])),
        ("dot-dot", json!("..")),
        ("dot", json!(".")),
        ("slash", json!("a/b")),
        ("percent", json!("%2e")),
        ("underscore", json!("a_b")),
        ("query", json!("a?b")),
        ("at", json!("a@b")),
        ("colon", json!("a:b")),
        ("blank-inside", json!(["a b"])),
        ("e-acute", json!("\u{e9}")),
        ("65-letters", json!(long(65))),
        ("template", json!("{tenant}")),
        ("star-beside", json!("* a")),
        ("star-inside", json!("a*")),
        ("one-of-two-bad", json!("a b/c")),
    ] {
        let options = [template.clone(), ("claims.tenants", tenants)];
        with(&mut topic, &format!("tenant-{name}"), INVALID, &options);
    }
    topic
}

fn issuers() -> Topic {
    let mut topic = Topic::bare("language", "issuers", "the entries of issuers");
    let set = || key_set([key("ed-1").public()]);
    let mut one =
        |row, name: &str, status: &str, issuers: Value, more: &[(&'static str, Value)]| {
            topic.row(row);
            let options = [more, &[("issuers", issuers)]].concat();
            topic.configuration(name, status, &options);
        };
    let audience = [("audience", json!(AUDIENCE))];
    let mut with = |row, name: &str, status: &str, issuers: Value| {
        one(row, name, status, issuers, &audience);
    };
    let issuer = "config.issuer";
    with(issuer, "one", "OK", json!([{ "issuer": A }]));
    with(issuer, "two", "OK", json!([{ "issuer": A }, { "issuer": B }]));
    with(issuer, "as-text", "OK", json!(json!([{ "issuer": A }]).to_string()));
    with(issuer, "several-in-one", "OK", json!([{ "issuer": [A, B] }]));
    with(issuer, "several-in-a-text", "OK", json!([{ "issuer": format!("{A} {B}") }]));
    with(issuer, "own-keys", "OK", json!([{ "issuer": "urn:a", "keys": { "jwks": set() } }]));
    with(
        issuer,
        "own-tenants",
        "OK",
        json!([{ "issuer": TEMPLATE, "claims": { "tenants": "t-1" } }]),
    );
    with(issuer, "no-issuer", MISSING, json!([{ "audience": "x" }]));
    with(issuer, "second-without-issuer", MISSING, json!([{ "issuer": A }, {}]));
    with(issuer, "template-without-tenants", MISSING, json!([{ "issuer": TEMPLATE }]));
    for (name, issuers) in [
        ("twice", json!([{ "issuer": A }, { "issuer": A }])),
        ("twice-in-one", json!([{ "issuer": [A, A] }])),
        ("twice-across-lists", json!([{ "issuer": [A, B] }, { "issuer": B }])),
        (
            "twice-by-a-tenant",
            json!([{ "issuer": TEMPLATE, "claims.tenants": "t-1" }, { "issuer": FILLED }]),
        ),
        (
            "twice-by-any-tenant",
            json!([{ "issuer": TEMPLATE, "claims.tenants": "*", "keys.jwks": set() },
                { "issuer": FILLED }]),
        ),
        ("http", json!([{ "issuer": "http://a.example" }])),
        ("no-url", json!([{ "issuer": "a.example" }])),
        ("query", json!([{ "issuer": "https://a.example?x=1" }])),
        ("empty-issuer", json!([{ "issuer": "" }])),
        ("null-issuer", json!([{ "issuer": null }])),
        ("number-issuer", json!([{ "issuer": 5 }])),
        ("entra-common", json!([{ "issuer": "https://login.microsoftonline.com/common/v2.0" }])),
        ("okta-org", json!([{ "issuer": "https://dev-1.okta.com" }])),
    ] {
        with(issuer, name, INVALID, issuers);
    }
    let form = "config.json";
    for (name, issuers) in [
        ("empty", json!("")),
        ("empty-array", json!([])),
        ("object", json!({ "issuer": A })),
        ("text", json!("x")),
        ("texts", json!([A, B])),
        ("null-entry", json!([null])),
        ("null-beside", json!([{ "issuer": A }, null])),
        ("array-entry", json!([[{ "issuer": A }]])),
        ("cut", json!("[{\"issuer\":\"https://a.example\"}")),
        ("trailing", json!("[{\"issuer\":\"https://a.example\"}]x")),
        ("comma-last", json!("[{\"issuer\":\"https://a.example\"},]")),
        (
            "name-twice",
            json!("[{\"issuer\":\"https://a.example\",\"issuer\":\"https://b.example\"}]"),
        ),
        ("unknown-name-twice", json!("[{\"issuer\":\"https://a.example\",\"x\":1,\"x\":1}]")),
        ("null-value", json!([{ "issuer": A, "audience": null }])),
        ("number-for-text", json!([{ "issuer": A, "audience": 5 }])),
        ("nested-and-dotted", json!([{ "issuer": A, "keys": { "ttl": "5m" }, "keys.ttl": "5m" }])),
        ("nul", json!([{ "issuer": A, "audience": "a\0b" }])),
        ("lone-surrogate", json!("[{\"issuer\":\"https://a.example\",\"audience\":\"\\ud800\"}]")),
        ("bom", json!("\u{feff}[{\"issuer\":\"https://a.example\"}]")),
        ("leeway-too-much", json!([{ "issuer": A, "claims": { "leeway": 301 } }])),
        ("two-sources-of-keys", json!([{ "issuer": A, "keys": { "jwks": set(), "jwks_uri": A } }])),
        ("key-set-without-a-usable-key", json!([{ "issuer": A, "keys.jwks": { "keys": [] } }])),
        ("of-the-top-level-token", json!([{ "issuer": A, "token": { "max_bytes": 4096 } }])),
        ("of-the-top-level-algorithms", json!([{ "issuer": A, "token.algorithms": "RS256" }])),
        ("of-the-top-level-verdict", json!([{ "issuer": A, "verdict.realm": "x" }])),
        ("of-the-top-level-issuers", json!([{ "issuer": A, "issuers": [{ "issuer": B }] }])),
    ] {
        with(form, name, INVALID, issuers);
    }
    let deep = |levels: usize| {
        format!("[{{\"issuer\":\"{A}\",\"x\":{}{}}}]", "[".repeat(levels), "]".repeat(levels))
    };
    with(form, "40-levels", INVALID, json!(deep(38)));
    let unknown = "config.unknown";
    with(unknown, "entry-near", UNKNOWN, json!([{ "issuer": A, "audence": "x" }]));
    with(unknown, "entry-near-nested", UNKNOWN, json!([{ "issuer": A, "claims": { "leway": 5 } }]));
    with(
        unknown,
        "entry-near-second",
        UNKNOWN,
        json!([{ "issuer": A }, { "issuer": B, "keys.tll": 5 }]),
    );
    with(unknown, "entry-name", UNKNOWN, json!([{ "issuer": A, "name": "a" }]));
    one("config.audience", "entry-missing", MISSING, json!([{ "issuer": A }]), &[]);
    one(
        "config.audience",
        "entry-second-missing",
        MISSING,
        json!([{ "issuer": A, "audience": "a" }, { "issuer": B }]),
        &[],
    );
    one(
        "config.audience",
        "entry-each-its-own",
        "OK",
        json!([{ "issuer": A, "audience": "a" }, { "issuer": B, "audience": ["b"] }]),
        &[],
    );
    one("config.audience", "entry-empty", INVALID, json!([{ "issuer": A, "audience": [""] }]), &[]);
    let beside = [("audience", json!("a")), ("issuer", json!(ISSUER))];
    one("config.together", "issuer-and-issuers", INVALID, json!([{ "issuer": A }]), &beside);
    let keys = [("audience", json!("a")), ("keys.jwks", set())];
    let uri = json!([{ "issuer": A, "keys.jwks_uri": "https://a.example/keys" }]);
    one("config.together", "own-source-of-keys-replaces-that-outside", "OK", uri, &keys);
    let unused = json!([{ "issuer": A, "claims.tenants": "t-1" }]);
    one("config.together", "entry-tenants-without-template", INVALID, unused, &audience);
    topic
}

fn traps() -> Topic {
    let mut topic = Topic::bare("language", "traps", "issuers that no access token ever names");
    topic.row("config.issuer");
    let mut one = |name: &str, status: &str, issuer: &str, more: &[(&'static str, Value)]| {
        let more = [more, &[("issuer", json!(issuer))]].concat();
        with(&mut topic, name, status, &more);
    };
    let entra = "https://login.microsoftonline.com";
    for word in ["common", "organizations"] {
        one(&format!("entra-{word}"), INVALID, &format!("{entra}/{word}/v2.0"), &[]);
        one(&format!("entra-{word}-v1"), INVALID, &format!("{entra}/{word}"), &[]);
        one(&format!("entra-{word}-slash"), INVALID, &format!("{entra}/{word}/"), &[]);
        let keys = [("keys.jwks_uri", json!(format!("{entra}/{word}/discovery/v2.0/keys")))];
        one(&format!("entra-{word}-with-keys"), INVALID, &format!("{entra}/{word}/v2.0"), &keys);
    }
    let guid = "9b1d2c3e-0000-4a5b-8c7d-0123456789ab";
    one("entra-tenant", "OK", &format!("{entra}/{guid}/v2.0"), &[]);
    one("entra-v1", "OK", &format!("https://sts.windows.net/{guid}/"), &[]);
    let tenants = [("claims.tenants", json!(guid))];
    one("entra-template", "OK", &format!("{entra}/{{tenant}}/v2.0"), &tenants);
    one("entra-word-further-on", "OK", &format!("{entra}/{guid}/common"), &[]);
    one("entra-longer-word", "OK", &format!("{entra}/commons/v2.0"), &[]);
    one("entra-other-host", "OK", "https://login.example/common/v2.0", &[]);
    for host in ["dev-1.okta.com", "dev-1.oktapreview.com", "x.okta-emea.com"] {
        one(&format!("okta-{host}"), INVALID, &format!("https://{host}"), &[]);
        one(&format!("okta-{host}-slash"), INVALID, &format!("https://{host}/"), &[]);
        one(&format!("okta-{host}-default"), "OK", &format!("https://{host}/oauth2/default"), &[]);
    }
    one("okta-custom-server", "OK", "https://dev-1.okta.com/oauth2/aus1", &[]);
    one("okta-other-host", "OK", "https://dev-1.okta.com.example", &[]);
    one("okta-in-the-path", "OK", "https://id.example/x.okta.com", &[]);
    topic
}
