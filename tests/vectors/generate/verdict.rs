//! Stage verdict: requirements, challenges, what the client and the log are told.

use serde_json::{Value, json};

use super::token::token;
use super::{Topic, quoted};

pub fn topics() -> Vec<Topic> {
    vec![scopes(), require_bad(), challenge(), unsure(), log()]
}

fn scopes() -> Topic {
    let mut topic =
        Topic::new("verdict", "scopes", "scopes are compared whole, all that are named");
    let with = |scope: &str| token().claim("scope", &quoted(scope));
    let status = "SCOPE_MISSING";
    topic.row("verdict.scope-substring");
    for (name, scope) in [
        ("longer", "read:all"),
        ("longer-before", "unread"),
        ("capitals", "READ"),
        ("comma", "read,write"),
        ("bar", "read|write"),
        ("plural", "reads"),
        ("shorter", "rea"),
        ("quotes", "\"read\""),
        ("none", ""),
        ("others", "write delete"),
        ("star", "*"),
    ] {
        topic.refuse(name, status, with(scope)).require("read").challenge_scope("read");
    }
    topic
        .refuse("no-claim", status, token().no_claim("scope"))
        .require("read")
        .challenge_scope("read");
    for (name, scope) in [("alone", "read"), ("first", "read x"), ("last", "x y read")] {
        topic.accept(name, with(scope)).require("read").scopes(scope);
    }
    topic.accept("both", with("a b c")).require("c a").scopes("a b c");
    topic.accept("repeated-need", with("a")).require("a a").scopes("a");
    topic
        .accept("scp", token().claim("scp", "[\"read\"]"))
        .require("read")
        .scopes("orders:read read");
    topic.refuse("one-of-two", status, with("a")).require("a b").challenge_scope("a b");
    topic
        .refuse("repeats-are-told-once", status, with("x"))
        .require("b a b")
        .challenge_scope("b a");
    topic.row("verdict.scope-vs-role");
    let admin = r#"["admin"]"#;
    for (name, token) in [
        ("roles", token().claim("roles", admin)),
        ("realm-roles", token().claim("realm_access", r#"{"roles":["admin"]}"#)),
        ("permissions", token().claim("permissions", admin)),
        ("groups", token().claim("groups", admin)),
        ("scopes-claim", token().claim("scopes", admin)),
        ("authorities", token().claim("authorities", admin)),
    ] {
        topic.refuse(name, status, token).require("admin").challenge_scope("admin");
    }
    topic.row("verdict.require-empty");
    topic.accept("absent", token().no_claim("scope")).scopes("");
    topic.accept("empty", token().no_claim("scope")).require("").scopes("");
    let always = |value: &str| ("verdict.require", value.to_owned());
    let (key, value) = always("orders:read");
    topic.accept("always-granted", token()).option(key, value.clone());
    topic.accept("always-granted-and-empty", token()).option(key, value.clone()).require("");
    topic
        .refuse("always-not-granted", status, with("x"))
        .option(key, value.clone())
        .challenge_scope("orders:read");
    topic
        .refuse("always-not-granted-and-empty", status, with("x"))
        .option(key, value.clone())
        .require("")
        .challenge_scope("orders:read");
    topic
        .accept("always-and-here", with("orders:read x"))
        .option(key, value.clone())
        .require("x")
        .scopes("orders:read x");
    topic
        .refuse("always-granted-here-not", status, token())
        .option(key, value.clone())
        .require("x")
        .challenge_scope("orders:read x");
    topic
        .refuse("here-granted-always-not", status, with("x"))
        .option(key, value.clone())
        .require("x orders:read")
        .challenge_scope("orders:read x");
    topic
}

fn require_bad() -> Topic {
    let mut topic =
        Topic::new("verdict", "require-bad", "what does not parse never means: nothing needed");
    let status = "REQUIREMENT_INVALID";
    topic.row("verdict.require-bad");
    let long = "a".repeat(513);
    let very_long = "a ".repeat(2_500);
    for (name, require) in [
        ("blank", b" ".as_slice()),
        ("two-blanks-between", b"orders:read  x"),
        ("blank-before", b" orders:read"),
        ("blank-after", b"orders:read "),
        ("bar-alone", b"|"),
        ("bar-first", b"|orders:read"),
        ("bar-last", b"orders:read|"),
        ("two-bars", b"orders:read||x"),
        ("bar-item", b"orders:read | x"),
        ("crlf", b"orders:read\r\n"),
        ("tab", b"orders:read\tx"),
        ("quote", b"\"orders:read\""),
        ("backslash", b"orders\\read"),
        ("nul", b"orders:read\0"),
        ("nul-alone", b"\0"),
        ("del", b"orders:read\x7f"),
        ("invalid-utf-8", b"orders:\xff"),
        ("e-acute", "orders:\u{e9}".as_bytes()),
        ("513-bytes", long.as_bytes()),
        ("5000-bytes", very_long.as_bytes()),
    ] {
        topic.refuse(name, status, token()).require(require);
    }
    topic.refuse("before-the-token", status, token().claim("exp", "1")).require("a  b");
    topic.refuse_header("before-the-header", status, "Basic x").require(" ");
    topic.no_header("before-nothing", status).require(" ");
    let fits = format!("orders:read {}", "a".repeat(500));
    topic.refuse("512-bytes-parse", "SCOPE_MISSING", token()).require(&fits).challenge_scope(&fits);
    for (name, scope) in
        [("url", "https://x.example/a?b=c&d#e"), ("signs", "!#$%&'()*+,-./:;<=>?@^_`{}~")]
    {
        topic.accept(name, token().claim("scope", &quoted(scope))).require(scope).scopes(scope);
    }
    topic
}

fn challenge() -> Topic {
    let mut topic =
        Topic::new("verdict", "challenge", "the challenge: constant words and configuration");
    topic.note("Checked", "every runner compares the challenge; its rule is in tests/vectors.rs");
    let metadata = "https://api.example/.well-known/oauth-protected-resource";
    let sets: [(&str, Vec<(&str, Value)>); 4] = [
        ("plain", vec![]),
        ("realm", vec![("verdict.realm", json!("orders api"))]),
        ("metadata", vec![("verdict.resource_metadata", json!(metadata))]),
        (
            "realm-and-metadata",
            vec![
                ("verdict.realm", json!("x".repeat(128))),
                ("verdict.resource_metadata", json!(metadata)),
            ],
        ),
    ];
    for (name, options) in sets {
        let set = |case: &mut super::Case| {
            for (key, value) in &options {
                case.option(key, value.clone());
            }
        };
        topic.row("verdict.bare");
        set(topic.no_header(&format!("{name}-nothing"), "HEADER_MISSING"));
        set(topic.refuse_header(&format!("{name}-basic"), "SCHEME_UNSUPPORTED", "Basic x"));
        topic.row("verdict.metadata-url");
        set(topic.refuse_header(&format!("{name}-malformed"), "HEADER_MALFORMED", "Bearer"));
        set(topic.refuse_header(&format!("{name}-opaque"), "TOKEN_OPAQUE", "Bearer abc"));
        set(topic.refuse(&format!("{name}-unknown-kid"), "KEY_NOT_FOUND", token().kid("x")));
        set(topic.refuse(&format!("{name}-expired"), "TOKEN_EXPIRED", token().claim("exp", "1")));
        let missing = format!("{name}-scope");
        let missing = topic.refuse(&missing, "SCOPE_MISSING", token()).require("a b");
        set(missing.challenge_scope("a b"));
        set(topic.refuse(&format!("{name}-500"), "REQUIREMENT_INVALID", token()).require(" "));
        set(topic.accept(&format!("{name}-accepted"), token()));
    }
    topic.row("verdict.reflect");
    let hostile = "\", error=\"x\"\r\nSet-Cookie: a=b; secret-of-the-token";
    let hostile = quoted(hostile);
    for (name, status, token) in [
        ("alg", "ALGORITHM_NOT_ALLOWED", token().head("alg", &hostile)),
        ("typ", "TYPE_NOT_ALLOWED", token().head("typ", &hostile)),
        ("kid", "KEY_NOT_FOUND", token().head("kid", &hostile)),
        ("iss", "ISSUER_INVALID", token().claim("iss", &hostile)),
        ("aud", "AUDIENCE_INVALID", token().claim("aud", &hostile)),
        ("scope", "SCOPE_MISSING", token().claim("scope", "\"secret-of-the-token\"")),
    ] {
        let case = topic.refuse(name, status, token).require("admin");
        if name == "scope" {
            case.challenge_scope("admin");
        }
    }
    topic.row("verdict.secret");
    let secret =
        || token().claim("sub", "\"sub-that-stays-here\"").claim("email", "\"a@b.example\"");
    topic.refuse("expired", "TOKEN_EXPIRED", secret().claim("exp", "1"));
    topic.refuse("audience", "AUDIENCE_INVALID", secret().claim("aud", "\"x\""));
    topic.refuse("signature", "SIGNATURE_INVALID", secret().signed_by("ed-stranger", "EdDSA"));
    topic.refuse("scope", "SCOPE_MISSING", secret()).require("admin").challenge_scope("admin");
    topic.refuse(
        "sub-malformed",
        "CLAIM_MALFORMED",
        secret().claim("sub", "\"sub-that-stays-here\\u0000\""),
    );
    topic
}

fn unsure() -> Topic {
    let mut topic = Topic::bare("verdict", "unsure", "no keys are held: 503, and no more is said");
    topic.note("Network", "a call that is told the time judges by the keys held and asks nobody");
    topic.option("issuer", json!(super::ISSUER));
    topic.option("audience", json!(super::AUDIENCE));
    let pending = "KEYS_PENDING";
    topic.row("verdict.unsure");
    topic.refuse("good-token", pending, token());
    topic.refuse("stranger", pending, token().signed_by("ed-stranger", "EdDSA"));
    topic.refuse("expired", pending, token().claim("exp", "1"));
    topic.refuse("no-kid", pending, token().no_head("kid"));
    topic.refuse("jwks-uri", pending, token()).option("keys.jwks_uri", "https://id.example/jwks");
    topic.refuse("with-a-realm", pending, token()).option("verdict.realm", "orders");
    topic.refuse("with-a-need", pending, token()).require("admin");
    // Never for a token that needs no key to be refused.
    topic.no_header("nothing", "HEADER_MISSING");
    topic.refuse_header("malformed", "HEADER_MALFORMED", "Bearer");
    topic.refuse_header("opaque", "TOKEN_OPAQUE", "Bearer abc");
    topic.refuse("no-json", "TOKEN_MALFORMED", token().payload_bytes("x"));
    topic.refuse("none", "ALGORITHM_NOT_ALLOWED", token().head("alg", "\"none\""));
    topic.refuse("hs512", "ALGORITHM_NOT_ALLOWED", token().head("alg", "\"HS512\"").kid("x"));
    topic.refuse("crit", "CRITICAL_UNSUPPORTED", token().head("crit", "[]"));
    topic.refuse("typ", "TYPE_NOT_ALLOWED", token().head("typ", "\"logout+jwt\""));
    topic.refuse("kid-type", "TOKEN_MALFORMED", token().head("kid", "1"));
    topic.row("verdict.oracle");
    topic.refuse("unknown-issuer", "ISSUER_INVALID", token().claim("iss", "\"https://x.example\""));
    topic.refuse("no-issuer", "ISSUER_INVALID", token().no_claim("iss"));
    topic
}

fn log() -> Topic {
    let mut topic =
        Topic::new("verdict", "log", "the log sentence: escaped, cut, expected and got");
    topic.note("log_has", "texts that must stand in the log sentence");
    topic.row("verdict.log");
    let near = |name: &str, value: &str| -> (String, String) { (name.into(), quoted(value)) };
    let escaped = [
        (near("crlf", "a\r\nb"), r"a\x0d\x0ab"),
        (near("ansi", "\u{1b}[31mred"), r"\x1b[31mred"),
        (near("bidi", "a\u{202e}b"), r"a\u{202e}b"),
        (near("emoji", "a\u{1f600}b"), r"a\u{1f600}b"),
        (near("e-acute", "caf\u{e9}"), r"caf\u{e9}"),
        (near("nul", "a\0b"), r"a\x00b"),
        (near("del", "a\u{7f}b"), r"a\x7fb"),
    ];
    for ((name, value), log) in &escaped {
        topic
            .refuse(&format!("typ-{name}"), "TYPE_NOT_ALLOWED", token().head("typ", value))
            .log_has(log);
        topic
            .refuse(&format!("alg-{name}"), "ALGORITHM_NOT_ALLOWED", token().head("alg", value))
            .log_has(log);
        topic
            .refuse(&format!("iss-{name}"), "ISSUER_INVALID", token().claim("iss", value))
            .log_has(log)
            .log_has(super::ISSUER);
        topic
            .refuse(&format!("aud-{name}"), "AUDIENCE_INVALID", token().claim("aud", value))
            .log_has(log)
            .log_has(super::AUDIENCE);
    }
    let long = "y".repeat(500);
    topic
        .refuse("iss-cut", "ISSUER_INVALID", token().claim("iss", &quoted(&long)))
        .log_has(&long[..64]);
    let wide = "\u{1f600}".repeat(100);
    topic
        .refuse("typ-cut-at-a-character", "TYPE_NOT_ALLOWED", token().head("typ", &quoted(&wide)))
        .log_has(&r"\u{1f600}".repeat(7));
    topic.refuse("exp", "TOKEN_EXPIRED", token()).now(1_700_000_700).log_has("1700000600");
    topic
        .refuse("nbf", "TOKEN_NOT_YET_VALID", token().claim("nbf", "1700000100"))
        .log_has("1700000100");
    topic
}
