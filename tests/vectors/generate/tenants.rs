//! `{tenant}` in the issuer, `claims.tenants`, `tid`, and key sets of several tenants.

use serde_json::{Value, json};

use super::sign::key;
use super::token::{Token, token};
use super::{AUDIENCE, ISSUER, Topic, quoted};

const TEMPLATE: &str = "https://login.example/{tenant}/v2.0";
const INVALID: &str = "ISSUER_INVALID";

pub fn topics() -> Vec<Topic> {
    vec![tenants(), tid(), unsure(), key_issuer()]
}

fn filled(tenant: &str) -> String {
    TEMPLATE.replace("{tenant}", tenant)
}

/// `iss` and `tid` of one tenant.
fn of(tenant: &str) -> Token {
    token().claim("iss", &quoted(&filled(tenant))).claim("tid", &quoted(tenant))
}

fn listed(stage: &str, name: &'static str, about: &str, tenants: &str) -> Topic {
    let mut topic = Topic::new(stage, name, about);
    topic.option("issuer", json!(TEMPLATE));
    topic.option("claims.tenants", json!(tenants));
    topic
}

/// Texts that are no tenant, or none of the list.
const OTHERS: [(&str, &str); 17] = [
    ("not-in-the-list", "t-3"),
    ("case", "T-1"),
    ("longer", "t-11"),
    ("shorter", "t-"),
    ("empty", ""),
    ("dot-dot", ".."),
    ("dot", "."),
    ("percent-dots", "%2e%2e"),
    ("percent", "t%2d1"),
    ("slash", "t-1/x"),
    ("way-back", "x/../t-1"),
    ("backslash", "t-1\\x"),
    ("query", "t-1?x="),
    ("fragment", "t-1#"),
    ("blank", "t-1 "),
    ("nul", "t-1\0"),
    ("template", "{tenant}"),
];

fn tenants() -> Topic {
    let mut topic =
        listed("claims", "tenants", "{tenant}: one path segment, one of the list", "t-1 t-2");
    let key = "claims.tenants";
    topic.row("claims.tenant");
    for tenant in ["t-1", "t-2"] {
        topic.accept(&format!("listed-{tenant}"), of(tenant)).issuer(&filled(tenant));
    }
    for (name, tenant) in OTHERS {
        topic.refuse(&format!("listed-{name}"), INVALID, of(tenant));
    }
    for (name, iss) in [
        ("without-segment", "https://login.example/v2.0"),
        ("other-end", "https://login.example/t-1/v1.0"),
        ("longer-end", "https://login.example/t-1/v2.0/"),
        ("other-host", "https://login.example.evil/t-1/v2.0"),
        ("before-host", "https://t-1.login.example/t-1/v2.0"),
        ("http", "http://login.example/t-1/v2.0"),
        ("stranger", "https://other.example"),
    ] {
        topic.refuse(name, INVALID, of("t-1").claim("iss", &quoted(iss)));
    }
    let guid = "9b1d2c3e-0000-4a5b-8c7d-0123456789ab";
    let long = "t".repeat(64);
    for (name, tenant) in [
        ("guid", guid),
        ("domain", "contoso.onmicrosoft.com"),
        ("capitals", "T-1"),
        ("one-letter", "t"),
        ("64-letters", &long),
        ("double-dot-inside", "a..b"),
    ] {
        topic.accept(&format!("any-{name}"), of(tenant)).issuer(&filled(tenant)).option(key, "*");
    }
    let too_long = "t".repeat(65);
    let bad = [
        ("underscore", "t_1"),
        ("colon", "t:1"),
        ("e-acute", "t\u{e9}"),
        ("65-letters", &too_long),
    ];
    let not_listed = |name: &str| matches!(name, "not-in-the-list" | "case" | "longer" | "shorter");
    for (name, tenant) in OTHERS.into_iter().chain(bad).filter(|(name, _)| !not_listed(name)) {
        topic.refuse(&format!("any-{name}"), INVALID, of(tenant)).option(key, "*");
    }
    topic
        .refuse("any-overlap", INVALID, token().claim("iss", "\"https://login.example/v2.0\""))
        .option(key, "*");
    let at_the_end = "https://login.example/{tenant}";
    for tenants in ["t-1", "*"] {
        let iss = |tenant: &str| {
            of(tenant).claim("iss", &quoted(&at_the_end.replace("{tenant}", tenant)))
        };
        let name = |end: &str| {
            format!("at-the-end-{}{end}", if tenants == "*" { "any" } else { "listed" })
        };
        topic
            .accept(&name(""), iss("t-1"))
            .issuer("https://login.example/t-1")
            .option("issuer", at_the_end)
            .option(key, tenants);
        topic
            .refuse(&name("-and-more"), INVALID, iss("t-1/v2.0"))
            .option("issuer", at_the_end)
            .option(key, tenants);
    }
    let beside = json!([TEMPLATE, ISSUER]);
    topic.accept("beside-a-plain-one", token()).option("issuer", beside.clone());
    topic
        .accept("template-beside-a-plain-one", of("t-2"))
        .issuer(&filled("t-2"))
        .option("issuer", beside);
    topic
}

fn tid() -> Topic {
    let mut topic = listed("claims", "tid", "tid names the tenant that iss does", "t-1 t-2");
    let status = "CLAIM_INVALID";
    topic.row("claims.tid");
    for (name, tenants) in [("listed", "t-1 t-2"), ("any", "*")] {
        let mut with = |case: &str, token: Token| {
            topic
                .refuse(&format!("{name}-{case}"), status, token)
                .option("claims.tenants", tenants)
                .log_has("tid");
        };
        with("missing", of("t-1").no_claim("tid"));
        with("other", of("t-1").claim("tid", "\"t-2\""));
        with("stranger", of("t-1").claim("tid", "\"x\""));
        with("empty", of("t-1").claim("tid", "\"\""));
        with("case", of("t-1").claim("tid", "\"T-1\""));
        with("longer", of("t-1").claim("tid", "\"t-11\""));
        with("blank-after", of("t-1").claim("tid", "\"t-1 \""));
        with("other-name", of("t-1").no_claim("tid").claim("Tid", "\"t-1\""));
    }
    for (name, value) in [("number", "5"), ("null", "null"), ("list", "[\"t-1\"]")] {
        topic.refuse(name, "CLAIM_MALFORMED", of("t-1").claim("tid", value));
    }
    let escaped = of("t-1").claim("tid", "\"\\u0074-1\"");
    topic.accept("with-escapes", escaped).issuer(&filled("t-1"));
    topic.refuse("after-audience", "AUDIENCE_INVALID", {
        of("t-1").no_claim("tid").claim("aud", "\"x\"")
    });
    topic.refuse("before-bound", status, of("t-1").no_claim("tid").claim("cnf", "{}"));
    let plain = json!([TEMPLATE, ISSUER]);
    topic.accept("plain-issuer-needs-none", token()).option("issuer", plain.clone());
    let other = token().claim("tid", "\"t-9\"");
    topic.accept("plain-issuer-has-any", other).option("issuer", plain);
    topic
}

fn unsure() -> Topic {
    let mut topic = Topic::bare("verdict", "tenants", "strangers cost nothing, and learn nothing");
    topic
        .note("Network", "no keys are held: KEYS_PENDING says that they would have been asked for");
    topic.option("issuer", json!(TEMPLATE));
    topic.option("audience", json!(AUDIENCE));
    topic.option("claims.tenants", json!("t-1 t-2"));
    topic.row("verdict.oracle");
    topic.refuse("tenant-of-the-list", "KEYS_PENDING", of("t-1"));
    topic.refuse("tenant-of-no-list", INVALID, of("t-9"));
    topic.refuse("issuer-unknown", INVALID, token().claim("iss", "\"https://x.example\""));
    topic.refuse("tid-is-not-told", "KEYS_PENDING", of("t-1").claim("tid", "\"t-2\""));
    let any = |case: &mut super::Case| {
        case.option("claims.tenants", "*").option("keys.jwks_uri", "https://login.example/keys");
    };
    any(topic.refuse("any-tenant", "KEYS_PENDING", of("t-9")));
    any(topic.refuse("any-and-no-tenant", INVALID, of("..")));
    any(topic.refuse("any-issuer-unknown", INVALID, token()));
    topic
}

/// Entra's common key set says of each key whose it is.
fn key_issuer() -> Topic {
    let mut topic =
        listed("keys", "key-issuer", "a key of a common set may be one tenant's alone", "t-1 t-2");
    topic.note("Tenants", "the member `issuer` of a key means something where there are tenants");
    let of_issuer = |name: &str, issuer: &str| key(name).public_with(json!({ "issuer": issuer }));
    let common = "https://login.example/{tenantid}/v2.0";
    let unusable = "KEY_UNUSABLE";
    let good = || key("ed-2").public();
    topic.row("keys.key-issuer");
    for tenants in ["t-1 t-2", "*"] {
        let name = |case: &str| format!("{}-{case}", if tenants == "*" { "any" } else { "listed" });
        let mut accept = |case: &str, tenant: &str, keys: Vec<Value>| {
            topic
                .accept(&name(case), of(tenant))
                .keys(keys)
                .issuer(&filled(tenant))
                .option("claims.tenants", tenants);
        };
        accept("template-t-1", "t-1", vec![of_issuer("ed-1", common)]);
        accept("template-t-2", "t-2", vec![of_issuer("ed-1", common)]);
        accept("own-t-1", "t-1", vec![of_issuer("ed-1", &filled("t-1"))]);
        accept("absent", "t-1", vec![key("ed-1").public()]);
        let twice = [of_issuer("ed-1", &filled("t-2")), of_issuer("ed-1", &filled("t-1"))];
        accept("kid-twice", "t-1", twice.to_vec());
        for (case, issuer) in [
            ("other-tenant", filled("t-2")),
            ("other-issuer", "https://x.example".to_owned()),
            ("other-template", "https://login.example/{tenantid}/v1.0".to_owned()),
            ("tenant-in-the-options'-way", TEMPLATE.to_owned()),
            ("empty", String::new()),
            ("slash-more", format!("{}/", filled("t-1"))),
        ] {
            topic
                .refuse(&name(case), unusable, of("t-1"))
                .keys([of_issuer("ed-1", &issuer), good()])
                .option("claims.tenants", tenants);
        }
    }
    let no_kid = of("t-1").no_head("kid");
    for (name, issuer) in
        [("number", json!(5)), ("list", json!([filled("t-1")])), ("object", json!({}))]
    {
        topic
            .refuse(&format!("wrong-type-{name}"), unusable, of("t-1"))
            .keys([key("ed-1").public_with(json!({ "issuer": issuer })), good()]);
    }
    topic
        .refuse("no-kid-and-none-fits-the-alg", "KEY_NOT_FOUND", {
            of("t-1").by("ec-1", "ES256").no_head("kid")
        })
        .keys([of_issuer("ed-1", &filled("t-2"))]);
    topic
        .accept("no-kid-own-second", no_kid.clone())
        .keys([of_issuer("ed-2", &filled("t-2")), of_issuer("ed-1", &filled("t-1"))])
        .issuer(&filled("t-1"));
    topic
        .refuse("no-kid-signed-by-another-tenant's", "SIGNATURE_INVALID", {
            no_kid.signed_by("ed-2", "EdDSA")
        })
        .keys([of_issuer("ed-2", &filled("t-2")), of_issuer("ed-1", &filled("t-1"))]);
    topic
        .accept("plain-issuer", token())
        .keys([of_issuer("ed-1", &filled("t-1"))])
        .option("issuer", json!([TEMPLATE, ISSUER]));
    topic
}
