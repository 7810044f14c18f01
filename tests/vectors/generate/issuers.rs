//! Several trust domains: `iss` chooses one, and everything is checked against that one alone.

use serde_json::{Value, json};

use super::sign::key;
use super::token::{Token, token};
use super::{AUDIENCE, Topic, key_set, quoted};

pub fn topics() -> Vec<Topic> {
    vec![domains(), crossed()]
}

const A: &str = "https://a.example";
const B: &str = "https://b.example";

/// The public JWK under another key id; none takes it away.
fn named(name: &str, kid: Option<&str>) -> Value {
    key(name).public_with(json!({ "kid": kid }))
}

fn of(issuer: &str) -> Token {
    token().claim("iss", &quoted(issuer))
}

/// Of B, by B's own key.
fn of_b() -> Token {
    of(B).kid("ed-2").signed_by("ed-2", "EdDSA")
}

/// Each with a key of its own.
fn two(of_a: Value, of_b: Value) -> Value {
    let mut entries = [
        json!({ "issuer": A, "keys.jwks": key_set([key("ed-1").public()]) }),
        json!({ "issuer": B, "keys": { "jwks": key_set([key("ed-2").public()]) } }),
    ];
    for (entry, more) in entries.iter_mut().zip([of_a, of_b]) {
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    }
    json!(entries)
}

fn domains() -> Topic {
    let mut topic = Topic::bare("claims", "issuers", "issuers: the options of the chosen one hold");
    topic.note(
        "Defaults",
        "what an entry does not say, the top level does; nothing else is taken from it",
    );
    topic.option("issuers", two(json!({}), json!({})));
    topic.option("audience", json!(AUDIENCE));
    topic.row("claims.issuers");
    topic.accept("first", of(A)).issuer(A);
    topic.accept("second", of_b()).issuer(B);
    let stranger = "https://c.example";
    topic.refuse("neither", "ISSUER_INVALID", of(stranger)).log_has(A).log_has(B);
    topic.refuse("none", "ISSUER_INVALID", of(A).no_claim("iss"));
    topic.refuse(
        "both-in-a-list",
        "ISSUER_INVALID",
        of(A).claim("iss", &json!([A, B]).to_string()),
    );
    // Option by option: what the first demands, then what the second does.
    let mut each = |name: &str, a: Value, b: Value, status: &str, token: fn(Token) -> Token| {
        let options = two(a, b);
        let (first, second) = (token(of(A)), token(of_b()));
        topic
            .accept(&format!("{name}-of-the-first"), first)
            .issuer(A)
            .option("issuers", options.clone());
        topic.refuse(&format!("{name}-of-the-second"), status, second).option("issuers", options);
    };
    let none = json!({});
    let other = json!({ "audience": "https://b-api.example" });
    each("audience", none.clone(), other.clone(), "AUDIENCE_INVALID", |t| t);
    each("leeway", json!({ "claims.leeway": 300 }), none.clone(), "TOKEN_NOT_YET_VALID", |t| {
        t.claim("nbf", "1700000200")
    });
    each("max-age", none.clone(), json!({ "claims.max_age": "1h" }), "TOKEN_TOO_OLD", |t| {
        t.claim("iat", "1600000000")
    });
    each(
        "required",
        none.clone(),
        json!({ "claims": { "required": "email" } }),
        "CLAIM_MISSING",
        |t| t,
    );
    each(
        "required-value",
        none.clone(),
        json!({ "claims": { "required": ["client_id=x"] } }),
        "CLAIM_INVALID",
        |t| t,
    );
    each(
        "clients",
        none.clone(),
        json!({ "claims.clients": ["app-2"] }),
        "CLIENT_NOT_ALLOWED",
        |t| t,
    );
    each(
        "subject",
        none.clone(),
        json!({ "claims.subject_from": "email" }),
        "CLAIM_MISSING",
        |t| t,
    );
    each("star", json!({ "audience": "*" }), none.clone(), "AUDIENCE_INVALID", |t| {
        t.claim("aud", "\"x\"")
    });
    let from = json!({ "claims.audience_from": "resource" });
    each("audience-from", from, none.clone(), "CLAIM_MISSING", |t| {
        t.no_claim("aud").claim("resource", &quoted(AUDIENCE))
    });
    each("scopes-from", none, json!({ "claims.scopes_from": "x" }), "CLAIM_MALFORMED", |t| {
        t.claim("x", "5")
    });

    // The default of the top level, and an entry of its own in its place.
    let own_leeway = two(json!({ "claims": { "leeway": "0s" } }), json!({}));
    let late = |token: Token| token.claim("exp", "1699999999");
    topic
        .refuse("own-in-place-of-the-default", "TOKEN_EXPIRED", late(of(A)))
        .option("issuers", own_leeway.clone())
        .option("claims.leeway", 60);
    topic
        .accept("default-of-the-top-level", late(of_b()))
        .issuer(B)
        .expires_at(1_699_999_999)
        .option("issuers", own_leeway)
        .option("claims.leeway", 60);
    let roles = two(json!({ "claims.roles_from": "groups" }), json!({}));
    let admin = |token: Token| token.claim("groups", "[\"admin\"]");
    topic
        .accept("roles-of-the-first", admin(of(A)))
        .issuer(A)
        .option("issuers", roles.clone())
        .require("role:admin");
    topic
        .refuse("roles-of-the-second", "ROLE_MISSING", admin(of_b()))
        .option("issuers", roles)
        .require("role:admin");
    let several = json!([
        { "issuer": [A, "https://a2.example"], "keys.jwks": key_set([key("ed-1").public()]) },
        { "issuer": B, "keys.jwks": key_set([key("ed-2").public()]), "audience": "x" },
    ]);
    topic
        .accept("several-in-an-entry", of("https://a2.example"))
        .issuer("https://a2.example")
        .option("issuers", several.clone());
    topic.refuse("several-and-the-other", "AUDIENCE_INVALID", of_b()).option("issuers", several);
    let one_set = json!([{ "issuer": A }, { "issuer": B, "audience": "x" }]);
    let common = key_set([key("ed-1").public()]);
    topic
        .accept("key-set-of-the-top-level", of(A))
        .issuer(A)
        .option("issuers", one_set.clone())
        .option("keys.jwks", common.clone());
    topic
        .accept("key-set-of-the-top-level-and-own-audience", of(B).claim("aud", "\"x\""))
        .issuer(B)
        .option("issuers", one_set.clone())
        .option("keys.jwks", common.clone());
    topic
        .refuse("key-set-of-the-top-level-other-audience", "AUDIENCE_INVALID", of(B))
        .option("issuers", one_set.to_string())
        .option("keys.jwks", common);
    let template = "https://login.example/{tenant}";
    let set_of = |name: &str| key_set([key(name).public()]);
    let tenants = json!([
        { "issuer": template, "claims.tenants": "t-1", "keys.jwks": set_of("ed-1") },
        { "issuer": B, "keys.jwks": set_of("ed-2") },
    ]);
    let of_tenant =
        |tenant: &str| of(&template.replace("{tenant}", tenant)).claim("tid", &quoted(tenant));
    topic.row("claims.tenant");
    topic
        .accept("listed-in-its-entry", of_tenant("t-1"))
        .issuer("https://login.example/t-1")
        .option("issuers", tenants.clone());
    topic
        .refuse("not-listed-in-its-entry", "ISSUER_INVALID", of_tenant("t-2"))
        .option("issuers", tenants.clone());
    topic.accept("beside-an-entry-with-tenants", of_b()).issuer(B).option("issuers", tenants);
    topic.row("claims.issuers");
    topic
        .refuse("algorithms-are-of-the-top-level", "ALGORITHM_NOT_ALLOWED", of(A))
        .option("token.algorithms", "ES256");
    topic
        .refuse("requirement-of-the-top-level", "SCOPE_MISSING", of_b())
        .option("verdict.require", "admin")
        .challenge_scope("admin");
    topic
}

fn crossed() -> Topic {
    let mut topic =
        Topic::bare("keys", "cross-issuer", "one kid at two issuers: each its own keys");
    topic.option("audience", json!(AUDIENCE));
    topic.row("keys.cross-issuer");
    let invalid = "SIGNATURE_INVALID";
    // The key id of each, or no key ids; the entries in both orders; each issuer named in turn.
    for (form, kid) in [("one-kid", Some("k")), ("no-kid", None)] {
        let entry = |issuer: &str, key: &str| {
            let set = key_set([named(key, kid)]);
            json!({ "issuer": issuer, "keys.jwks": set })
        };
        let (a, b) = (entry(A, "ed-1"), entry(B, "ed-2"));
        for (order, issuers) in [("a-b", json!([a, b])), ("b-a", json!([b, a]))] {
            for (says, own, crossed) in [(A, "ed-1", "ed-2"), (B, "ed-2", "ed-1")] {
                let letter = &says[8..9];
                let by = |key: &str| {
                    let token = of(says).signed_by(key, "EdDSA");
                    kid.map_or(token.clone().no_head("kid"), |kid| token.kid(kid))
                };
                let name = |what: &str| format!("{form}-{order}-{letter}-{what}");
                topic.accept(&name("own"), by(own)).issuer(says).option("issuers", issuers.clone());
                topic
                    .refuse(&name("crossed"), invalid, by(crossed))
                    .option("issuers", issuers.clone());
            }
        }
    }
    let apart = json!([
        { "issuer": A, "keys.jwks": key_set([key("ed-1").public(), key("rsa-1").public()]) },
        { "issuer": B, "keys.jwks": key_set([key("ed-2").public(), key("ec-1").public()]) },
    ]);
    let cross = |kid: &str, alg: &str| of(B).by(kid, alg);
    topic
        .refuse("kid-of-the-other", "KEY_NOT_FOUND", cross("ed-1", "EdDSA"))
        .option("issuers", apart.clone());
    topic
        .refuse("kid-of-the-other-rs256", "KEY_NOT_FOUND", cross("rsa-1", "RS256"))
        .option("issuers", apart.clone());
    topic
        .refuse(
            "no-kid-and-only-the-other-fits",
            "KEY_NOT_FOUND",
            cross("rsa-1", "RS256").no_head("kid"),
        )
        .option("issuers", apart.clone());
    topic
        .accept("no-kid-and-only-own-fits", of(B).by("ec-1", "ES256").no_head("kid"))
        .issuer(B)
        .option("issuers", apart.clone());
    topic
        .refuse("header-names-the-other", invalid, {
            of(B)
                .kid("ed-2")
                .signed_by("ed-1", "EdDSA")
                .head("iss", &quoted(A))
                .head("jku", "\"https://a.example/jwks\"")
        })
        .option("issuers", apart);
    topic
}
