//! Stage verdict: roles, permissions, groups, and the grammar of requirements.

use serde_json::json;

use super::token::{Token, token};
use super::{Topic, quoted};

const MALFORMED: &str = "CLAIM_MALFORMED";
const BAD: &str = "REQUIREMENT_INVALID";

pub fn topics() -> Vec<Topic> {
    vec![readers(), paths(), kinds(), grammar(), several()]
}

/// Kind of item, option, its status, and the claim that is read where the option is not set.
const READERS: [(&str, &str, &str, &str); 3] = [
    ("role", "claims.roles_from", "ROLE_MISSING", "roles"),
    ("permission", "claims.permissions_from", "PERMISSION_MISSING", "permissions"),
    ("group", "claims.groups_from", "GROUP_MISSING", "groups"),
];

fn readers() -> Topic {
    let mut topic =
        Topic::new("verdict", "readers", "roles, permissions, groups: a text, a list, object keys");
    topic.row("claims.role-form");
    for (kind, option, status, claim) in READERS {
        let need = format!("{kind}:admin");
        let name = |form: &str| format!("{kind}-{form}");
        let with = |value: &str| token().claim(claim, value);
        for (form, value) in [
            ("text", "\"admin\""),
            ("text-with-escapes", "\"\\u0061dmin\""),
            ("list", "[\"x\",\"admin\"]"),
            ("list-of-one", "[\"admin\"]"),
            ("object-keys", "{\"admin\":{\"322\":\"id.example\"},\"x\":{}}"),
            ("object-key-null", "{\"admin\":null}"),
        ] {
            topic.accept(&name(form), with(value)).require(&need);
        }
        for (form, value) in [
            ("other-text", "\"user\""),
            ("text-is-not-split", "\"user admin\""),
            ("text-with-comma", "\"user,admin\""),
            ("case", "\"Admin\""),
            ("longer", "[\"admins\"]"),
            ("shorter", "[\"adm\"]"),
            ("blank-after", "[\"admin \"]"),
            ("empty-text", "\"\""),
            ("empty-list", "[]"),
            ("empty-object", "{}"),
            ("object-value", "{\"x\":\"admin\"}"),
            ("object-deeper", "{\"x\":{\"admin\":1}}"),
        ] {
            topic.refuse(&name(form), status, with(value)).require(&need);
        }
        topic.refuse(&name("absent"), status, token()).require(&need).log_has("admin");
        for (form, value) in [
            ("number", "5"),
            ("true", "true"),
            ("null", "null"),
            ("number-in-a-list", "[\"admin\",5]"),
            ("number-first-in-a-list", "[5,\"admin\"]"),
            ("list-in-a-list", "[[\"admin\"]]"),
            ("object-in-a-list", "[{\"admin\":1}]"),
        ] {
            topic.refuse(&name(form), MALFORMED, with(value)).require(&need);
        }
        topic.accept(&name("number-that-nobody-asks-for"), with("5")).require("orders:read");
        let late = with("5").claim("exp", "1");
        topic.refuse(&name("number-before-expired"), MALFORMED, late).require(&need);
        topic
            .accept(&name("from-another-claim"), token().claim("x", "[\"admin\"]"))
            .option(option, "x")
            .require(&need);
        topic
            .refuse(&name("not-from-the-default-then"), status, with("[\"admin\"]"))
            .option(option, "x")
            .require(&need);
        topic.accept(&name("always"), with("[\"admin\"]")).option("verdict.require", need.as_str());
        topic.refuse(&name("always-not"), status, token()).option("verdict.require", need.as_str());
        topic
            .refuse(&name("always-malformed"), MALFORMED, with("5"))
            .option("verdict.require", need.as_str());
    }
    topic
}

fn paths() -> Topic {
    let mut topic = Topic::new("verdict", "paths", "where names are read from");
    topic.row("claims.role-form");
    let roles = r#"{"roles":["admin","user"]}"#;
    let realm = || token().claim("realm_access", roles);
    let need = "role:admin";
    topic.accept("keycloak-realm", realm()).require(need);
    let both = realm().claim("roles", "[\"boss\"]");
    topic.accept("keycloak-realm-and-roles", both).require("role:admin role:boss");
    let key = "claims.roles_from";
    let rich = || {
        token()
            .claim("resource_access", r#"{"my.api":{"roles":["admin"]},"api":{"roles":["admin"]}}"#)
            .claim("https://x.example/roles", "[\"admin\"]")
            .claim("cognito:groups", "[\"admin\"]")
            .claim("urn:zitadel:iam:org:project:roles", r#"{"admin":{"1":"x.example"}}"#)
            .claim("a/b~c", "{\"\":[\"admin\"]}")
            .claim("list", r#"[["admin"],{"roles":["admin"]},7,"admin"]"#)
            .claim("x.y", "[\"admin\"]")
            .claim("x", r#"{"y":["user"],"n":5,"t":"t","b":true,"z":null}"#)
    };
    for (name, path) in [
        ("dotted", "resource_access.api.roles"),
        ("pointer", "/resource_access/api/roles"),
        ("pointer-name-with-dots", "/resource_access/my.api/roles"),
        ("namespaced", "https://x.example/roles"),
        ("namespaced-as-pointer", "/https:~1~1x.example~1roles"),
        ("colon", "cognito:groups"),
        ("zitadel", "urn:zitadel:iam:org:project:roles"),
        ("pointer-escapes-and-empty-name", "/a~1b~0c/"),
        ("element", "/list/0"),
        ("element-by-dots", "list.0"),
        ("into-an-element", "/list/1/roles"),
        ("text-element", "/list/3"),
        ("own-name-before-path", "x.y"),
        ("second-of-two", "nowhere resource_access.api.roles"),
    ] {
        topic.accept(name, rich()).option(key, path).require(need);
    }
    for (name, path) in [
        ("missing", "nowhere"),
        ("missing-below", "resource_access.api.none"),
        ("case", "Resource_access.api.roles"),
        ("dots-in-a-name-by-dots", "resource_access.my.api.roles"),
        ("pointer-behind-own-name", "/x/y"),
        ("text-on-the-way", "x.t.roles"),
        ("number-on-the-way", "x.n.roles"),
        ("true-on-the-way", "x.b.roles"),
        ("null-on-the-way", "x.z.roles"),
        ("list-on-the-way", "list.roles"),
        ("element-beyond", "/list/4"),
        ("element-with-zero-before", "/list/00"),
        ("element-after-the-last", "/list/-"),
        ("element-negative", "/list/-1"),
        ("element-of-an-object", "/x/0"),
    ] {
        topic.refuse(name, "ROLE_MISSING", rich()).option(key, path).require(need);
    }
    for (name, path) in [
        ("number-at-the-end", "x.n"),
        ("number-element-at-the-end", "/list/2"),
        ("true-at-the-end", "x.b"),
        ("null-at-the-end", "x.z"),
        ("mixed-list-at-the-end", "list"),
        ("number-in-the-second", "resource_access.api.roles x.n"),
    ] {
        topic.refuse(name, MALFORMED, rich()).option(key, path).require(need);
    }
    topic
}

fn kinds() -> Topic {
    let mut topic = Topic::new("verdict", "kinds", "no kind of grant stands for another");
    let all = || {
        token()
            .claim("scope", "\"s\"")
            .claim("roles", "[\"r\"]")
            .claim("permissions", "[\"p\"]")
            .claim("groups", "[\"g\"]")
            .claim("c", r#"["v",5,true,1.50,null,{"k":"w"}]"#)
            .claim("t", "\"v\"")
            .claim("n", "5")
            .claim("b", "false")
            .claim("z", "null")
            .claim("deep", r#"{"er":{"x":"y"}}"#)
    };
    topic.row("verdict.scope-vs-role");
    let letters = ["s", "r", "p", "g"];
    let forms = [
        ("scope:", "SCOPE_MISSING"),
        ("role:", "ROLE_MISSING"),
        ("permission:", "PERMISSION_MISSING"),
        ("group:", "GROUP_MISSING"),
    ];
    for (own, (kind, status)) in forms.iter().enumerate() {
        for (other, letter) in letters.iter().enumerate() {
            let need = format!("{kind}{letter}");
            if own == other {
                topic.accept(&need, all()).require(&need).scopes("s");
            } else {
                let case = topic.refuse(&need, status, all()).require(&need);
                if own == 0 {
                    case.challenge_scope(letter);
                }
            }
        }
    }
    let role_like = token().claim("scope", "\"role:admin\"").claim("roles", "[\"x\"]");
    topic.refuse("scope-named-as-a-role", "ROLE_MISSING", role_like.clone()).require("role:admin");
    topic
        .accept("scope-named-as-a-role-by-scope", role_like.clone())
        .require("scope:role:admin")
        .scopes("role:admin");
    topic
        .refuse("scope-of-scope", "SCOPE_MISSING", role_like)
        .require("scope:scope:role:admin")
        .challenge_scope("scope:role:admin");
    topic
        .refuse("kinds-are-lower-case", "SCOPE_MISSING", all())
        .require("Role:r")
        .challenge_scope("Role:r");
    topic
        .refuse("other-words-are-scopes", "SCOPE_MISSING", all())
        .require("roles:r")
        .challenge_scope("roles:r");
    topic.row("claims.required");
    for need in [
        "t=v",
        "n=5",
        "b=false",
        "c=v",
        "c=5",
        "c=true",
        "c=1.50",
        "deep.er.x=y",
        "/deep/er/x=y",
        "/c/0=v",
        "/c/5/k=w",
    ] {
        let need = format!("claim:{need}");
        topic.accept(&need, all()).require(&need).scopes("s");
    }
    for need in [
        "t=V",
        "t=vv",
        "n=5.0",
        "n=05",
        "b=true",
        "b=0",
        "z=null",
        "c=1.5",
        "c=null",
        "c=k",
        "c=w",
        "deep=er",
        "deep.er=y",
        "none=v",
        "T=v",
        "/c/9=v",
        "sub=user",
        "t=v=v",
    ] {
        let need = format!("claim:{need}");
        topic.refuse(&need, "CLAIM_NOT_GRANTED", all()).require(&need);
    }
    let equals = token().claim("t", "\"a=b\"");
    topic.accept("claim-with-equals-sign", equals).require("claim:t=a=b");
    topic
}

fn grammar() -> Topic {
    let mut topic = Topic::new("verdict", "grammar", "what is a requirement, and what is none");
    topic
        .note("Fails closed", "what does not parse is the caller's mistake, told before the token");
    topic.row("verdict.require-bad");
    let strings = [
        ("role-alone", "role:"),
        ("permission-alone", "permission:"),
        ("group-alone", "group:"),
        ("scope-alone", "scope:"),
        ("claim-alone", "claim:"),
        ("claim-without-value", "claim:a"),
        ("claim-value-empty", "claim:a="),
        ("claim-path-empty", "claim:=a"),
        ("claim-step-empty", "claim:a..b=c"),
        ("claim-dot-last", "claim:a.=c"),
        ("claim-pointer-escape", "claim:/a~2=c"),
        ("claim-pointer-tilde-last", "claim:/a~=c"),
        ("role-with-quote", "role:\"admin\""),
        ("role-with-backslash", "role:a\\b"),
        ("role-with-tab", "role:a\tb"),
        ("role-with-nul", "role:a\0b"),
        ("role-with-del", "role:a\u{7f}"),
        ("role-then-two-blanks", "role:a  b"),
        ("role-or-nothing", "role:a|"),
        ("nothing-or-role", "|role:a"),
        ("role-or-empty-role", "role:a|role:"),
        ("object", "{\"a\":1}"),
        ("text-in-quotes", "\"role:a\""),
        ("array-open", "["),
        ("array-empty", "[]"),
        ("array-not-closed", "[\"a\""),
        ("array-and-more", "[\"a\"]x"),
        ("array-comma-last", "[\"a\",]"),
        ("array-comma-first", "[,\"a\"]"),
        ("array-of-number", "[1]"),
        ("array-of-null", "[null]"),
        ("array-of-array", "[[\"a\"]]"),
        ("array-of-object", "[{\"a\":1}]"),
        ("array-text-and-number", "[\"a\",1]"),
        ("array-item-empty", "[\"\"]"),
        ("array-item-empty-second", "[\"a\",\"\"]"),
        ("array-scope-with-blank", "[\"a b\"]"),
        ("array-scope-of-blank", "[\" \"]"),
        ("array-bar-last", "[\"a|\"]"),
        ("array-role-alone", "[\"role:\"]"),
        ("array-quote", "[\"role:a\\\"b\"]"),
        ("array-backslash", "[\"role:a\\\\b\"]"),
        ("array-nul", "[\"role:a\\u0000\"]"),
        ("array-line-break", "[\"role:a\\n\"]"),
        ("array-single-quotes", "['a']"),
        ("array-after-a-blank", " [\"a\"]"),
        ("array-lone-surrogate", "[\"role:\\ud800\"]"),
    ];
    for (name, text) in strings {
        topic.refuse(name, BAD, token()).require(text);
    }
    let long = format!("[\"role:{}\"]", "a".repeat(504));
    topic.refuse("array-of-513-bytes", BAD, token()).require(&long);
    let roles = |names: &str| token().claim("roles", names);
    let fits = "a".repeat(503);
    topic.accept("array-of-512-bytes", roles(&quoted(&fits))).require(format!("[\"role:{fits}\"]"));
    topic.row("verdict.require-empty");
    for (name, need, claim) in [
        ("array", "[\"orders:read\"]", "[]"),
        ("array-of-two", "[\"orders:read\",\"role:a\"]", "[\"a\"]"),
        ("array-with-blanks-between", "[ \"orders:read\" , \"role:a\" ]", "[\"a\"]"),
        ("array-role-with-blank", "[\"role:order manager\"]", "[\"order manager\"]"),
        ("array-role-not-ascii", "[\"role:Verk\u{e4}ufer\"]", "[\"Verk\u{e4}ufer\"]"),
        ("array-role-escaped", "[\"role:Verk\\u00e4ufer\"]", "[\"Verk\u{e4}ufer\"]"),
        ("role-not-ascii", "role:Verk\u{e4}ufer", "[\"Verk\u{e4}ufer\"]"),
        ("array-one-of", "[\"role:x|role:order manager\"]", "[\"order manager\"]"),
        ("role-with-colon", "role:a:b", "[\"a:b\"]"),
        ("role-with-equals-sign", "role:a=b", "[\"a=b\"]"),
        ("role-with-comma", "role:a,b", "[\"a,b\"]"),
    ] {
        topic.accept(name, roles(claim)).require(need);
    }
    topic
        .refuse("array-role-is-not-split", "ROLE_MISSING", roles("[\"order\",\"manager\"]"))
        .require("[\"role:order manager\"]");
    topic
        .refuse("composed-is-not-decomposed", "ROLE_MISSING", roles("[\"Verka\u{308}ufer\"]"))
        .require("role:Verk\u{e4}ufer");
    let org = token().claim("org", "\"A & B\"");
    topic.accept("array-claim-with-blank", org).require("[\"claim:org=A & B\"]");
    topic
}

fn several() -> Topic {
    let mut topic =
        Topic::new("verdict", "several", "several items, alternatives, and both sources");
    topic.note("Told", "the lowest status of what is unmet; an unmet a|b counts as its first");
    topic.note("scope", "on SCOPE_MISSING every scope item in order, alternatives too, each once");
    let admin = || token().claim("roles", "[\"admin\"]");
    topic.row("verdict.require-empty");
    for (name, need) in [
        ("first-of-two", "orders:read|x"),
        ("second-of-two", "x|orders:read"),
        ("third-of-three", "x|y|orders:read"),
        ("role-or-scope", "role:boss|orders:read"),
        ("scope-or-role", "x|role:admin"),
        ("scope-or-claim", "x|claim:sub=user-1"),
        ("each-its-own", "x|orders:read role:admin|y claim:sub=user-1"),
        ("the-same-twice", "orders:read|orders:read"),
        ("scope-word-in-the-second", "x|scope:orders:read"),
    ] {
        topic.accept(&format!("one-of-{name}"), admin()).require(need);
    }
    topic.row("verdict.scope-vs-role");
    let scope = "SCOPE_MISSING";
    for (name, status, need, told) in [
        ("one-of-two-scopes", scope, "x|y", "x y"),
        ("first-a-scope", scope, "x|role:boss", "x"),
        ("first-a-role", "ROLE_MISSING", "role:boss|x", ""),
        ("first-a-group", "GROUP_MISSING", "group:g|x", ""),
        ("first-a-claim", "CLAIM_NOT_GRANTED", "claim:a=b|x", ""),
        ("second-item-unmet", scope, "role:admin x", "x"),
        ("scope-before-role", scope, "role:boss x", "x"),
        ("scope-before-all", scope, "claim:a=b group:g permission:p role:boss x", "x"),
        ("role-before-the-rest", "ROLE_MISSING", "claim:a=b group:g permission:p role:boss", ""),
        ("permission-before-group", "PERMISSION_MISSING", "claim:a=b group:g permission:p", ""),
        ("group-before-claim", "GROUP_MISSING", "claim:a=b group:g", ""),
        ("met-scopes-are-told-too", scope, "orders:read x", "orders:read x"),
        ("in-order-once", scope, "x|y role:admin z x", "x y z"),
        ("scopes-of-met-alternatives", scope, "role:admin|w x", "w x"),
        ("by-scope-word", scope, "scope:role:y x", "role:y x"),
        ("role-first-scope-in-another-item", scope, "role:boss|x y", "x y"),
        ("role-unmet-and-scope-met", "ROLE_MISSING", "orders:read role:boss", ""),
        ("array", scope, "[\"x|y\",\"role:boss\",\"z\"]", "x y z"),
    ] {
        let case = topic.refuse(name, status, admin()).require(need);
        if !told.is_empty() {
            case.challenge_scope(told);
        }
    }
    topic.row("verdict.require-empty");
    let key = "verdict.require";
    let mut both = |name: &str, status: &str, always: &str, here: &str, told: &str| {
        let name = format!("both-{name}");
        let case = match status {
            "OK" => topic.accept(&name, admin()),
            _ => topic.refuse(&name, status, admin()),
        };
        case.option(key, always).require(here);
        if !told.is_empty() {
            case.challenge_scope(told);
        }
    };
    both("granted", "OK", "role:admin", "orders:read", "");
    both("granted-array", "OK", "[\"role:admin\"]", "[\"orders:read\"]", "");
    both("always-role", "ROLE_MISSING", "role:boss", "orders:read", "");
    both("here-role", "ROLE_MISSING", "orders:read", "role:boss", "");
    both("lowest-here", scope, "role:boss", "x", "x");
    both("lowest-always", scope, "x", "role:boss", "x");
    both("told-in-order", scope, "b|role:boss a", "c a orders:read", "b a c orders:read");
    both("met-always-is-told", scope, "orders:read", "x", "orders:read x");
    both("claim-and-group", "GROUP_MISSING", "claim:a=b", "group:g", "");
    both("here-does-not-replace", scope, "x", "orders:read", "x orders:read");
    both("bad-here", BAD, "role:admin", "role:", "");
    let text = |items: &str| json!(items.split(' ').collect::<Vec<_>>());
    topic.accept("always-as-json-array", admin()).option(key, text("role:admin orders:read"));
    let last = |token: Token, name: &str, status: &str, topic: &mut Topic| {
        topic.refuse(name, status, token).require("role:boss x");
    };
    last(admin().claim("cnf", "{}"), "after-all-claims", "PROOF_REQUIRED", &mut topic);
    last(admin().claim("exp", "1"), "after-expired", "TOKEN_EXPIRED", &mut topic);
    topic
}
