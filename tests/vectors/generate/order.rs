//! Which status wins where a token has several faults: the order of the rows of the status table.

use super::token::{Token, token};
use super::{Topic, quoted};

pub fn topics() -> Vec<Topic> {
    vec![form(), meaning(), claims()]
}

fn form() -> Topic {
    let mut topic = Topic::new("token", "order", "of several faults the first is told: form first");
    let header = token().parts()[0].clone();
    topic.row("order.header");
    topic.refuse_header("scheme-before-form", "SCHEME_UNSUPPORTED", "Basic a.b.c d");
    topic.refuse_header("header-before-token", "HEADER_MALFORMED", "Bearer a.b.c.d.e f");
    topic.refuse_header(
        "header-before-size",
        "HEADER_MALFORMED",
        format!("Bearer {}\"", "a".repeat(20_000)),
    );
    topic.row("order.form");
    topic.refuse_header(
        "size-before-dots",
        "TOKEN_TOO_LARGE",
        format!("Bearer {}", ".".repeat(20_000)),
    );
    for (name, token) in [
        ("payload-no-json", token().payload_bytes("x")),
        ("payload-twice", token().claim_again("x", "1").claim_again("x", "1")),
        ("signature-form", token().signature_part("AAAAA")),
        ("header-twice", token().head_again("x", "1").head_again("x", "1")),
        ("kid-type", token().head("kid", "1")),
        ("cty-type", token().head("cty", "1")),
    ] {
        let none = token.head("alg", "\"none\"");
        topic.refuse(&format!("{name}-before-alg"), "TOKEN_MALFORMED", none);
    }
    topic.refuse("typ-type-before-alg", "TOKEN_MALFORMED", {
        token().head("alg", "\"none\"").head("typ", "1")
    });
    topic.refuse("payload-before-crit", "TOKEN_MALFORMED", {
        token().head("crit", "[]").payload_bytes("[]")
    });
    topic.row("order.signature-form");
    topic.refuse("none-unsigned", "ALGORITHM_NOT_ALLOWED", {
        token().head("alg", "\"none\"").signature_part("")
    });
    topic.refuse("eddsa-unsigned", "SIGNATURE_INVALID", token().signature_part(""));
    topic.refuse_header(
        "five-parts-before-json",
        "TOKEN_ENCRYPTED",
        format!("Bearer {header}.x.y.z.w"),
    );
    topic
}

fn meaning() -> Topic {
    let mut topic =
        Topic::new("keys", "order", "alg, crit, typ, iss, and then the key and the signature");
    // Each fault with the status that is told of it when those before it are mended.
    type Fault = fn(Token) -> Token;
    let faults: [(&str, &str, Fault); 6] = [
        ("alg", "ALGORITHM_NOT_ALLOWED", |t| t.head("alg", "\"HS256\"")),
        ("crit", "CRITICAL_UNSUPPORTED", |t| t.head("crit", "[\"exp\"]")),
        ("typ", "TYPE_NOT_ALLOWED", |t| t.head("typ", "\"logout+jwt\"")),
        ("iss", "ISSUER_INVALID", |t| t.claim("iss", "\"https://x.example\"")),
        ("kid", "KEY_NOT_FOUND", |t| t.head("kid", "\"x\"")),
        ("signature", "SIGNATURE_INVALID", |t| t.signed_by("ed-stranger", "EdDSA")),
    ];
    topic.row("order.before-keys");
    for first in 0..faults.len() {
        for second in first + 1..faults.len() {
            let ((one, status, fault), (other, _, more)) = (faults[first], faults[second]);
            topic.refuse(&format!("{one}-before-{other}"), status, more(fault(token())));
        }
    }
    let all = faults.iter().fold(token().claim("exp", "1"), |token, (_, _, fault)| fault(token));
    topic.refuse("all", "ALGORITHM_NOT_ALLOWED", all);
    topic.refuse("b64-before-typ", "CRITICAL_UNSUPPORTED", {
        token().head("b64", "false").head("typ", "\"x\"")
    });
    topic.refuse("cty-before-iss", "TYPE_NOT_ALLOWED", {
        token().head("cty", "\"JWT\"").no_claim("iss")
    });
    topic.row("order.keys");
    topic.refuse(
        "unusable-before-signature",
        "KEY_UNUSABLE",
        token().kid("ec-1").signature_part(""),
    );
    topic.refuse("not-found-before-claims", "KEY_NOT_FOUND", token().kid("x").no_claim("exp"));
    topic.refuse("unusable-before-claims", "KEY_UNUSABLE", token().kid("rsa-1").no_claim("exp"));
    topic
}

fn claims() -> Topic {
    let mut topic =
        Topic::new("claims", "order", "of several faults of the claims the first is told");
    type Fault = fn(Token) -> Token;
    let faults: [(&str, &str, Fault); 8] = [
        ("exp-missing", "CLAIM_MISSING", |t| t.no_claim("exp")),
        ("sub-malformed", "CLAIM_MALFORMED", |t| t.claim("sub", "\"\"")),
        ("id-token", "NOT_AN_ACCESS_TOKEN", |t| t.claim("typ", "\"ID\"")),
        ("expired", "TOKEN_EXPIRED", |t| t.claim("exp", "1")),
        ("early", "TOKEN_NOT_YET_VALID", |t| t.claim("nbf", "4102444800")),
        ("audience", "AUDIENCE_INVALID", |t| t.claim("aud", "\"https://x.example\"")),
        ("bound", "PROOF_REQUIRED", |t| t.claim("cnf", "{}")),
        ("scope", "SCOPE_MISSING", |t| t.claim("scope", "\"x\"")),
    ];
    topic.row("order.claims");
    for first in 0..faults.len() {
        for second in first + 1..faults.len() {
            let ((one, status, fault), (other, _, more)) = (faults[first], faults[second]);
            // A token without exp cannot have expired.
            if (one, other) == ("exp-missing", "expired") {
                continue;
            }
            let name = format!("{one}-before-{other}");
            topic.refuse(&name, status, more(fault(token()))).require("orders:read");
        }
    }
    topic
        .refuse("exp-before-aud-missing", "CLAIM_MISSING", token().no_claim("exp").no_claim("aud"))
        .log_has("exp");
    for claim in ["nbf", "iat", "scope", "scp", "azp", "cid", "appid", "client_id"] {
        let token = token().claim(claim, "[1]").claim("typ", "\"ID\"");
        topic.refuse(&format!("{claim}-malformed-before-id-token"), "CLAIM_MALFORMED", token);
    }
    topic.refuse("aud-malformed-before-id-token", "CLAIM_MALFORMED", {
        token().claim("aud", "1").claim("typ", "\"ID\"")
    });
    let other = quoted("https://x.example");
    topic.refuse("nonce-before-audience", "NOT_AN_ACCESS_TOKEN", {
        token().no_claim("scope").no_claim("client_id").claim("nonce", "\"n\"").claim("aud", &other)
    });
    topic
}
