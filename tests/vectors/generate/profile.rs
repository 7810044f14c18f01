//! Stage token and claims: `token.profile=rfc9068`.

use serde_json::json;

use super::Topic;
use super::token::{Token, token};

pub fn topics() -> Vec<Topic> {
    vec![types(), seven()]
}

/// A token with all that RFC 9068 2 asks for.
fn full() -> Token {
    token().head("typ", "\"at+jwt\"").claim("jti", "\"id-1\"")
}

fn types() -> Topic {
    let mut topic = Topic::new("token", "profile", "token.profile=rfc9068: at+jwt alone");
    topic.option("token.profile", json!("rfc9068"));
    topic.row("token.typ-profile");
    let typ = |typ: &str| full().head("typ", &super::quoted(typ));
    for (name, value) in [
        ("at-jwt", "at+jwt"),
        ("capitals", "AT+JWT"),
        ("application", "application/at+jwt"),
        ("application-capitals", "Application/At+Jwt"),
    ] {
        topic.accept(name, typ(value));
    }
    let refused = "TYPE_NOT_ALLOWED";
    topic.refuse("absent", refused, full().no_head("typ"));
    for (name, value) in [
        ("jwt", "JWT"),
        ("application-jwt", "application/JWT"),
        ("empty", ""),
        ("at-jwt-and-more", "at+jwt;x"),
        ("at-jws", "at+jws"),
        ("application-twice", "application/application/at+jwt"),
        ("logout", "logout+jwt"),
        ("blank-after", "at+jwt "),
    ] {
        topic.refuse(name, refused, typ(value)).log_has("rfc9068");
    }
    topic.refuse("before-the-issuer", refused, typ("JWT").no_claim("iss"));
    topic.refuse("number", "TOKEN_MALFORMED", full().head("typ", "1"));
    topic.refuse("nested", refused, full().head("cty", "\"JWT\""));
    let key = "token.profile";
    topic.accept("default-takes-jwt", token()).option(key, "default");
    topic.accept("default-takes-absent", token().no_head("typ")).option(key, "default");
    topic
}

fn seven() -> Topic {
    let mut topic = Topic::new("claims", "profile", "token.profile=rfc9068: the seven claims");
    topic.note("iss", "it chooses the keys, and so is judged before: ISSUER_INVALID");
    topic.option("token.profile", json!("rfc9068"));
    topic.row("claims.profile");
    topic.accept("all", full());
    let names = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"];
    for name in names {
        let early = name == "iss";
        let missing = if early { "ISSUER_INVALID" } else { "CLAIM_MISSING" };
        topic.refuse(&format!("no-{name}"), missing, full().no_claim(name)).log_has(name);
        let wrong = if early { "ISSUER_INVALID" } else { "CLAIM_MALFORMED" };
        let number = matches!(name, "exp" | "iat");
        let odd = if number { "\"1700000600\"" } else { "5" };
        for (form, value) in [
            (if number { "text" } else { "number" }, odd),
            ("null", "null"),
            ("true", "true"),
            ("object", "{}"),
        ] {
            topic.refuse(&format!("{name}-{form}"), wrong, full().claim(name, value));
        }
    }
    for name in ["sub", "client_id", "jti"] {
        let empty = full().claim(name, "\"\"");
        topic.refuse(&format!("{name}-empty"), "CLAIM_MALFORMED", empty);
    }
    for other in ["azp", "cid", "appid"] {
        let token = full().no_claim("client_id").claim(other, "\"app-1\"");
        topic.refuse(&format!("{other}-is-no-client_id"), "CLAIM_MISSING", token);
    }
    topic
        .refuse("star-and-no-aud", "CLAIM_MISSING", full().no_claim("aud"))
        .option("audience", "*");
    topic.accept("star-and-other-aud", full().claim("aud", "\"x\"")).option("audience", "*");
    for from in ["client_id", "aud client_id"] {
        topic
            .refuse(&format!("no-aud-but-{from}"), "CLAIM_MISSING", full().no_claim("aud"))
            .option("claims.audience_from", from)
            .option("audience", "app-1");
    }
    topic.accept("no-scope", full().no_claim("scope")).scopes("");
    topic.accept("iat-ahead", full().claim("iat", "4102444800"));
    topic.refuse("missing-before-expired", "CLAIM_MISSING", {
        full().no_claim("jti").claim("exp", "1")
    });
    topic.refuse("malformed-before-expired", "CLAIM_MALFORMED", {
        full().claim("jti", "5").claim("exp", "1")
    });
    for name in names.iter().skip(3) {
        let token = full().no_claim(name);
        let case = topic.accept(&format!("default-without-{name}"), token);
        case.option("token.profile", "default");
        match *name {
            "sub" => drop(case.subject("")),
            "client_id" => drop(case.client_id("")),
            _ => {}
        }
    }
    topic
}
