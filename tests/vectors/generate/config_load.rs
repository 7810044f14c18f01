//! Stage language: options as a JSON text, auth_config_load.

use serde_json::json;

use super::sign::key;
use super::{ISSUER, Topic, key_set};

const INVALID: &str = "OPTION_INVALID";
const MISSING: &str = "OPTION_MISSING";
const UNKNOWN: &str = "OPTION_UNKNOWN";

pub fn topics() -> Vec<Topic> {
    vec![forms(), mistakes()]
}

/// A document with these members beside issuer and audience.
fn with(members: &str) -> String {
    format!(r#"{{"issuer":"{ISSUER}","audience":"api",{members}}}"#)
}

fn forms() -> Topic {
    let mut topic = Topic::bare("language", "load", "options as JSON: nested, dotted, typed");
    topic.note("load", "auth_config_load; a refused one that nothing is set after is the answer");
    topic.row("config.json");
    let jwks = key_set([key("ed-1").public()]);
    let text = jwks.to_string();
    for (name, members) in [
        ("dotted", r#""keys.ttl":"5m""#.to_owned()),
        ("nested", r#""keys":{"ttl":"5m"}"#.into()),
        ("nested-two", r#""keys":{"ttl":"5m","timeout":"3s"},"claims":{"leeway":"1s"}"#.into()),
        ("nested-and-dotted-of-two", r#""keys":{"ttl":"5m"},"keys.timeout":"3s""#.into()),
        ("nested-empty", r#""keys":{}"#.into()),
        ("number-for-a-duration", r#""claims":{"leeway":60}"#.into()),
        ("0-for-a-duration", r#""claims":{"leeway":0}"#.into()),
        ("number-for-a-size", r#""token":{"max_bytes":4096}"#.into()),
        ("array-for-a-list", r#""claims":{"clients":["a","b c"]}"#.into()),
        ("array-for-words", r#""token.algorithms":["RS256","ES256"]"#.into()),
        ("array-for-a-requirement", r#""verdict":{"require":["role:a b","x"]}"#.into()),
        ("text-for-a-list", r#""claims.clients":"a b""#.into()),
        ("object-for-a-key-set", format!(r#""keys":{{"jwks":{text}}}"#)),
        ("text-for-a-key-set", format!(r#""keys.jwks":{}"#, json!(text))),
        ("escapes-in-a-name", r#""ke\u0079s":{"\u0074tl":"5m"}"#.into()),
        ("escapes-in-a-value", r#""keys.ttl":"5\u006d""#.into()),
        ("white-space", " \"keys\" :\r\n\t{ \"ttl\" : \"5m\" } ".into()),
    ] {
        topic.load(name, "OK", with(&members));
    }
    topic.load("issuers", "OK", {
        r#"{"audience":"api","issuers":[{"issuer":"https://a.example","keys":{"ttl":"5m"}},
            {"issuer":"https://b.example","audience":["x"]}]}"#
    });
    for (name, members) in [
        ("nested-and-dotted-of-one", r#""keys":{"ttl":"5m"},"keys.ttl":"5m""#),
        ("dotted-and-nested-of-one", r#""keys.ttl":"5m","keys":{"ttl":"5m"}"#),
        ("issuer-twice", r#""issuer":"https://id.example""#),
        ("group-twice", r#""keys":{"ttl":"5m"},"keys":{"timeout":"3s"}"#),
        ("dotted-twice", r#""keys.ttl":"5m","keys.ttl":"6m""#),
        ("twice-inside", r#""keys":{"ttl":"5m","ttl":"5m"}"#),
        ("twice-by-an-escape", r#""keys.ttl":"5m","keys.tt\u006c":"5m""#),
        ("unknown-twice", r#""x":1,"x":2"#),
        ("null", r#""claims":{"clients":null}"#),
        ("null-for-a-duration", r#""claims.leeway":null"#),
        ("true", r#""claims.leeway":true"#),
        ("number-for-a-text", r#""verdict":{"realm":5}"#),
        ("number-for-a-list", r#""claims.clients":5"#),
        ("number-for-a-word", r#""keys":{"http":1}"#),
        ("number-for-a-url", r#""keys.jwks_uri":5"#),
        ("number-in-a-list", r#""claims.clients":["a",5]"#),
        ("null-in-a-list", r#""claims.clients":[null]"#),
        ("empty-list", r#""claims.clients":[]"#),
        ("array-for-a-text", r#""verdict.realm":["a"]"#),
        ("array-for-a-duration", r#""keys.ttl":["5m"]"#),
        ("object-for-a-list", r#""claims.clients":{"a":1}"#),
        ("object-for-a-text", r#""verdict":{"realm":{"a":"b"}}"#),
        ("array-for-a-key-set", r#""keys.jwks":[]"#),
        ("number-for-a-key-set", r#""keys":{"jwks":5}"#),
        ("text-for-issuers", r#""issuers":"x""#),
        ("negative", r#""claims.leeway":-1"#),
        ("fraction", r#""claims.leeway":1.5"#),
        ("exponent", r#""claims.leeway":1e1"#),
        ("too-much", r#""claims.leeway":301"#),
        ("empty-text", r#""verdict.realm":"""#),
        ("blank-text", r#""verdict.realm":" ""#),
        ("nul-in-a-text", r#""verdict.realm":"a\u0000b""#),
        ("nul-in-a-list", r#""claims.clients":["a\u0000b"]"#),
        ("lone-surrogate", r#""verdict.realm":"\ud800""#),
        ("comment", "/* x */ \"keys.ttl\":\"5m\""),
        ("single-quotes", "'keys.ttl':'5m'"),
        ("comma-last", "\"keys.ttl\":\"5m\","),
    ] {
        topic.load(name, INVALID, with(members));
    }
    topic.load("number-for-issuer", INVALID, r#"{"issuer":1,"audience":"api"}"#);
    topic.load("null-for-audience", INVALID, format!(r#"{{"issuer":"{ISSUER}","audience":null}}"#));
    let good = with("\"keys.ttl\":\"5m\"");
    for (name, text) in [
        ("empty", Vec::new()),
        ("blank", b" ".to_vec()),
        ("array", b"[]".to_vec()),
        ("text", b"\"x\"".to_vec()),
        ("null-alone", b"null".to_vec()),
        ("cut", good.as_bytes()[..good.len() - 1].to_vec()),
        ("trailing", format!("{good}x").into_bytes()),
        ("two-documents", format!("{good}{good}").into_bytes()),
        ("bom", format!("\u{feff}{good}").into_bytes()),
        ("nul-after", format!("{good}\0").into_bytes()),
        ("nul-before", format!("\0{good}").into_bytes()),
        ("utf-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        (
            "invalid-utf-8",
            good.replace("5m", "5\u{1}")
                .into_bytes()
                .into_iter()
                .map(|byte| if byte == 1 { 0xff } else { byte })
                .collect(),
        ),
        ("control-in-a-text", good.replace("5m", "5\u{1}").into_bytes()),
        ("yaml", b"issuer: https://id.example\naudience: api\n".to_vec()),
    ] {
        topic.load(&format!("form-{name}"), INVALID, text);
    }
    let deep = |levels: usize| format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels));
    topic.load("form-33-levels", INVALID, with(&deep(32)));
    topic.load("form-32-levels", UNKNOWN, with(&deep(31)));
    topic.load("form-10000-levels", INVALID, with(&deep(10_000)));
    topic.load("empty-object", MISSING, "{}");
    let jwk = key("ed-1").public().to_string();
    let in_jwk =
        format!(r#""keys":{{"jwks":{{"keys":[{jwk}],"x":{}{}}}}}"#, "[".repeat(40), "]".repeat(40));
    topic.load("form-33-levels-in-a-key-set", INVALID, with(&in_jwk));
    topic.row("config.unknown");
    for (name, member, nearest) in [
        ("near", r#""audence":"x""#, "audience"),
        ("near-nested", r#""claims":{"leway":"5s"}"#, "claims.leeway"),
        ("near-dotted", r#""keys.tll":"5m""#, "keys.ttl"),
        ("other-library", r#""clockTolerance":5"#, "claims.leeway"),
        ("null", r#""audence":null"#, "audience"),
        ("capital", r#""Issuer":"x""#, "issuer"),
        ("nested-too-deep", r#""keys":{"jwks_uri":{"x":1},"jwks":{"ttl":1}}"#, ""),
        ("group-unknown", r#""cache":{"ttl":"5m"}"#, ""),
    ] {
        // An object where a value belongs is no unknown name.
        let status = if name == "nested-too-deep" { INVALID } else { UNKNOWN };
        let case = topic.load(name, status, with(member));
        if !nearest.is_empty() {
            case.log_has(nearest);
        }
    }
    topic
}

fn mistakes() -> Topic {
    let mut topic = Topic::bare("language", "load-mistakes", "all or nothing, told together");
    topic.note("set", "options that are set after the load, whatever that answered");
    topic.note("Several", "the status is that of the first mistake, by the name of its option");
    topic.row("config.together");
    let bad = with(r#""claims":{"leeway":"x","max_age":0},"keys":{"ttl":"9d"}"#);
    topic
        .load("all-are-told", INVALID, &bad)
        .log_has("claims.leeway")
        .log_has("claims.max_age")
        .log_has("keys.ttl");
    topic
        .load("null-and-unknown", UNKNOWN, with(r#""audence":"x","verdict":{"realm":null}"#))
        .log_has("audence")
        .log_has("verdict.realm");
    let leeway = with(r#""claims.leeway":"x""#);
    topic.load("is-remembered", INVALID, &leeway).set("keys.ttl", "5m").log_has("claims.leeway");
    topic
        .load("nothing-else-was-set", MISSING, &leeway)
        .set("claims.leeway", "5s")
        .log_has("issuer")
        .log_has("audience");
    topic
        .load("set-right-after", "OK", &leeway)
        .set("claims.leeway", "5s")
        .set("issuer", ISSUER)
        .set("audience", "api");
    topic
        .load("unknown-for-good", UNKNOWN, with(r#""audence":"x""#))
        .set("issuer", ISSUER)
        .set("audience", "api");
    topic
        .load("what-was-set-before-stays", "OK", r#"{"claims":{"leeway":"x"}}"#)
        .option("issuer", ISSUER)
        .option("audience", "api")
        .set("claims.leeway", "5s");
    for (name, document) in [
        ("cut", r#"{"claims":{"clients":"a"}"#.to_owned()),
        ("name-twice", r#"{"claims.clients":"a","claims.clients":"a"}"#.into()),
        ("bom", "\u{feff}{}".into()),
    ] {
        // Which options it would have set is not known: no other set puts that right.
        topic
            .load(&format!("unreadable-is-remembered-{name}"), INVALID, document)
            .option("issuer", ISSUER)
            .option("audience", "api")
            .set("audience", "api");
    }
    topic
        .load("mistake-before-is-put-right", "OK", with(r#""claims.leeway":"5s""#))
        .option("claims.leeway", "x");
    topic
        .load("mistake-before-stays", INVALID, with(r#""keys.ttl":"5m""#))
        .option("claims.leeway", "x")
        .log_has("claims.leeway");
    topic
        .load("later-replaces", INVALID, with(r#""keys.jwks_uri":"https://id.example/a""#))
        .option("keys.discovery_url", "https://id.example/b")
        .log_has("keys.jwks_uri")
        .log_has("keys.discovery_url");
    topic
        .load("judged-together-after", MISSING, r#"{"keys":{"discovery":"off"}}"#)
        .option("issuer", ISSUER)
        .option("audience", "api");
    topic
        .load("issuer-and-issuers", INVALID, r#"{"issuers":[{"issuer":"https://a.example"}]}"#)
        .option("issuer", ISSUER)
        .option("audience", "api");
    topic
}
