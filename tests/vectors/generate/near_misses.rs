//! The usual mistakes are told in the log sentence, and never to the client.

use serde_json::json;

use super::token::{Token, token};
use super::{AUDIENCE, ISSUER, NOW, Topic, quoted};

pub fn topics() -> Vec<Topic> {
    vec![issuers(), audiences(), others()]
}

fn issuers() -> Topic {
    let mut topic = Topic::new("token", "near-misses", "how an iss differs from ours, in the log");
    topic.note("log_has", "a word of the hint; the client's texts are the same for all");
    topic.row("token.iss-near");
    let status = "ISSUER_INVALID";
    let iss = |text: &str| token().claim("iss", &quoted(text));
    let realm = "https://id.example/realms/a";
    for (name, ours, got, word) in [
        ("slash-more", ISSUER, "https://id.example/", "slash"),
        ("slash-less", "https://id.example/", ISSUER, "slash"),
        ("slash-more-after-a-path", realm, "https://id.example/realms/a/", "slash"),
        ("http", ISSUER, "http://id.example", "http and https"),
        ("https", "http://id.example", ISSUER, "http and https"),
        ("case-of-the-host", ISSUER, "https://ID.example", "case"),
        ("case-of-the-path", realm, "https://id.example/realms/A", "case"),
        ("port-more", ISSUER, "https://id.example:443", "port"),
        ("port-less", "https://id.example:8443/a", "https://id.example/a", "port"),
        ("port-other", "https://id.example:8443/a", "https://id.example:9443/a", "port"),
        (
            "entra-v1",
            "https://login.microsoftonline.com/t-1/v2.0",
            "https://sts.windows.net/t-1/",
            "v1",
        ),
        (
            "entra-v2",
            "https://sts.windows.net/t-1/",
            "https://login.microsoftonline.com/t-1/v2.0",
            "v2",
        ),
    ] {
        topic
            .refuse(&format!("told-{name}"), status, iss(got))
            .option("issuer", json!([ours]))
            .log_has(word)
            .log_has(got)
            .log_has(ours);
    }
    let two = json!(["https://one.example", ISSUER]);
    topic
        .refuse("told-of-the-second-of-two", status, iss("https://id.example/"))
        .option("issuer", two)
        .log_has("slash");
    topic
        .refuse("told-entra-v1-of-a-template", status, iss("https://sts.windows.net/t-1/"))
        .option("issuer", "https://login.microsoftonline.com/{tenant}/v2.0")
        .option("claims.tenants", "t-1")
        .log_has("v1");
    topic
}

fn audiences() -> Topic {
    let mut topic = Topic::new("claims", "near-misses", "how an aud differs from ours, in the log");
    topic.row("claims.aud-value");
    let status = "AUDIENCE_INVALID";
    let aud = |text: &str| token().claim("aud", &quoted(text));
    for (name, ours, got, word) in [
        ("slash-more", AUDIENCE, "https://api.example/", "slash"),
        ("slash-less", "https://api.example/", AUDIENCE, "slash"),
        ("case", AUDIENCE, "https://API.example", "case"),
        ("case-of-a-word", "orders", "Orders", "case"),
        ("api-more", "9b1d2c3e", "api://9b1d2c3e", "api://"),
        ("client-itself", AUDIENCE, "app-1", "client"),
    ] {
        topic
            .refuse(&format!("told-{name}"), status, aud(got))
            .option("audience", json!([ours]))
            .log_has(word)
            .log_has(got)
            .log_has(ours);
    }
    let list = token().claim("aud", r#"["account","https://api.example/"]"#);
    topic.refuse("told-of-one-in-a-list", status, list).log_has("slash").log_has("account");
    let azp = aud("web").no_claim("client_id").claim("azp", "\"web\"");
    topic.refuse("told-client-itself-by-azp", status, azp).log_has("client");
    topic
}

fn others() -> Topic {
    let mut topic = Topic::new("verdict", "near-misses", "other usual mistakes, in the log");
    topic.row("verdict.log");
    let malformed = "CLAIM_MALFORMED";
    let claim = |name: &str, value: &str| token().claim(name, value);
    for name in ["exp", "nbf", "iat"] {
        for (form, value) in [("milliseconds", "1700000600000"), ("fraction", "1700000600000.5")] {
            topic
                .refuse(&format!("{name}-{form}"), malformed, claim(name, value))
                .log_has(name)
                .log_has("milliseconds");
        }
    }
    topic
        .refuse("expired-by", "TOKEN_EXPIRED", token())
        .now(NOW + 700)
        .log_has("passed 100 s ago")
        .log_has("leeway 30 s");
    topic
        .refuse("early-by", "TOKEN_NOT_YET_VALID", claim("nbf", "1700000045"))
        .log_has("45 s ahead")
        .log_has("leeway 30 s");
    topic
        .refuse("iat-ahead-by", "TOKEN_NOT_YET_VALID", claim("iat", "1700000099"))
        .option("claims.max_age", "1h")
        .log_has("99 s ahead");
    let kind = |token: Token| token.no_claim("scope").no_claim("client_id");
    let not = "NOT_AN_ACCESS_TOKEN";
    topic.refuse("id-token", not, kind(claim("nonce", "\"n\""))).log_has("ID token");
    topic.refuse("id-token-by-typ", not, claim("typ", "\"ID\"")).log_has("ID token");
    topic.refuse("refresh-token", not, claim("typ", "\"Refresh\"")).log_has("refresh");
    let text = token().text();
    for (name, header, word) in [
        ("bearer-bearer", format!("Bearer Bearer {text}"), "twice"),
        ("quotes", format!("Bearer \"{text}\""), "quotes"),
        ("comma", format!("Bearer {text}, Bearer {text}"), "comma"),
        ("blank-after", format!("Bearer {text} "), "blank"),
        ("token-alone", text.clone(), "one word"),
    ] {
        topic.refuse_header(name, "HEADER_MALFORMED", header).log_has(word);
    }
    topic.refuse_header("basic", "SCHEME_UNSUPPORTED", "Basic eDp5").log_has("Basic");
    topic.refuse_header("opaque", "TOKEN_OPAQUE", "Bearer abcdef").log_has("opaque");
    topic.refuse_header("encrypted", "TOKEN_ENCRYPTED", "Bearer a.b.c.d.e").log_has("JWE");
    topic
}
