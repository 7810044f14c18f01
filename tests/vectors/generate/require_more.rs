//! auth_require: claims that were verified before are asked for more.

use serde_json::json;

use super::{AUDIENCE, ISSUER, Topic};

pub fn topics() -> Vec<Topic> {
    vec![more(), of_issuers()]
}

const CLAIMS: &str = r#"{"iss":"https://id.example","sub":"user-1","scope":"orders:read a b",
    "roles":["admin"],"groups":{"g":{}},"n":5}"#;

fn more() -> Topic {
    let mut topic = Topic::new("verdict", "more", "auth_require: a second requirement for a token");
    topic.note(
        "Trusted",
        "the claims are those of an accepted verdict: nothing else is judged again",
    );
    topic.row("verdict.require-claims");
    for (name, need) in [
        ("nothing", ""),
        ("scope", "orders:read"),
        ("two", "a b"),
        ("one-of", "x|b"),
        ("role", "role:admin"),
        ("group", "group:g"),
        ("claim", "claim:n=5"),
        ("array", "[\"role:admin\",\"a\"]"),
    ] {
        topic.more(&format!("ok-{name}"), "OK", CLAIMS).require(need);
    }
    topic.more("ok-no-requirement", "OK", CLAIMS);
    // Not judged again: times, audience, kind, binding.
    for (name, claims) in [
        ("expired", format!(r#"{{"iss":"{ISSUER}","exp":1,"scope":"a"}}"#)),
        ("no-exp-no-aud", format!(r#"{{"iss":"{ISSUER}","scope":"a"}}"#)),
        ("other-audience", format!(r#"{{"iss":"{ISSUER}","aud":"x","scp":["a"]}}"#)),
        ("id-token", format!(r#"{{"iss":"{ISSUER}","typ":"ID","scope":"a"}}"#)),
        ("bound", format!(r#"{{"iss":"{ISSUER}","cnf":{{}},"scope":"a"}}"#)),
        ("white-space", format!(" {{ \"iss\" : \"{ISSUER}\" , \"scope\" : \"a\" }}\n")),
        ("iss-with-escapes", r#"{"iss":"https:\/\/id.example","scope":"a"}"#.into()),
    ] {
        topic.more(&format!("ok-{name}"), "OK", claims).require("a");
    }
    for (name, status, need, told) in [
        ("scope", "SCOPE_MISSING", "x", "x"),
        ("scopes", "SCOPE_MISSING", "a role:boss x|y", "a x y"),
        ("role", "ROLE_MISSING", "role:boss", ""),
        ("permission", "PERMISSION_MISSING", "permission:admin", ""),
        ("group", "GROUP_MISSING", "group:admin", ""),
        ("claim", "CLAIM_NOT_GRANTED", "claim:n=6", ""),
        ("bad", "REQUIREMENT_INVALID", "a  b", ""),
        ("bad-array", "REQUIREMENT_INVALID", "[]", ""),
    ] {
        let case = topic.more(name, status, CLAIMS).require(need);
        if !told.is_empty() {
            case.challenge_scope(told);
        }
    }
    let always = topic.more("always-was-asked-before", "OK", CLAIMS).require("a");
    always.option("verdict.require", "orders:drop");
    let malformed = "CLAIM_MALFORMED";
    for (name, text) in [
        ("empty", b"".as_slice()),
        ("blank", b" "),
        ("array", b"[]"),
        ("text", b"\"a\""),
        ("number", b"5"),
        ("null", b"null"),
        ("cut", b"{\"iss\":\"https://id.example\""),
        ("trailing", b"{\"iss\":\"https://id.example\"}x"),
        ("two", b"{\"iss\":\"https://id.example\"}{}"),
        ("bom", b"\xef\xbb\xbf{\"iss\":\"https://id.example\"}"),
        ("nul-after", b"{\"iss\":\"https://id.example\"}\0"),
        ("invalid-utf-8", b"{\"iss\":\"https://id.example\",\"x\":\"\xff\"}"),
        ("twice", b"{\"iss\":\"https://id.example\",\"scope\":\"a\",\"scope\":\"admin\"}"),
        ("twice-deeper", b"{\"iss\":\"https://id.example\",\"x\":{\"a\":1,\"a\":2}}"),
        ("infinite", b"{\"iss\":\"https://id.example\",\"x\":1e999}"),
        ("lone-surrogate", b"{\"iss\":\"https://id.example\",\"x\":\"\\ud800\"}"),
        ("a-token", b"eyJhbGciOiJFZERTQSJ9.e30.AAAA"),
    ] {
        topic.more(&format!("form-{name}"), malformed, text).require("a");
    }
    let deep = format!(r#"{{"iss":"{ISSUER}","x":{}{}}}"#, "[".repeat(32), "]".repeat(32));
    topic.more("form-33-levels", malformed, deep).require("claim:n=5");
    for (name, claims) in [
        ("no-iss", json!({ "scope": "a" })),
        ("iss-number", json!({ "iss": 5, "scope": "a" })),
        ("scope-number", json!({ "iss": ISSUER, "scope": 5 })),
        ("scope-blank-in-member", json!({ "iss": ISSUER, "scope": ["a b"] })),
    ] {
        topic.more(name, malformed, claims.to_string()).require("a");
    }
    let roles = json!({ "iss": ISSUER, "roles": 5 });
    topic.more("roles-number", malformed, roles.to_string()).require("role:admin");
    let other = json!({ "iss": "https://x.example", "scope": "a" });
    topic.more("issuer-of-another-handle", "ISSUER_INVALID", other.to_string()).require("a");
    topic
}

/// The options of the issuer that the claims name.
fn of_issuers() -> Topic {
    let mut topic = Topic::bare("verdict", "more-issuers", "auth_require and several issuers");
    let b = "https://b.example";
    topic.option("audience", json!(AUDIENCE));
    topic.option(
        "issuers",
        json!([
            { "issuer": ISSUER, "claims.roles_from": "groups" },
            { "issuer": b, "claims": { "scopes_from": "x" } },
        ]),
    );
    topic.row("verdict.require-claims");
    let of = |issuer: &str| {
        json!({ "iss": issuer, "scope": "s", "x": "y", "groups": ["g"], "roles": ["r"] })
            .to_string()
    };
    topic.more("issuer-first", "OK", of(ISSUER)).require("s role:g");
    topic.more("issuer-second", "OK", of(b)).require("y role:r");
    topic.more("issuer-first-roles", "ROLE_MISSING", of(ISSUER)).require("role:r");
    topic
        .more("issuer-first-scopes", "SCOPE_MISSING", of(ISSUER))
        .require("y")
        .challenge_scope("y");
    topic.more("issuer-second-scopes", "SCOPE_MISSING", of(b)).require("s").challenge_scope("s");
    topic.more("issuer-neither", "ISSUER_INVALID", of("https://c.example")).require("s");
    topic
}
