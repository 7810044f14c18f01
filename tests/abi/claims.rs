//! auth_claim and auth_require: what the claims of an accepted token are asked for later.

use std::ffi::{CString, c_char};
use std::ptr;

use auth::ffi::*;
use auth::status::Status;

use crate::common::*;

const CLAIMS: &str = r#"{"sub":"alice","empty":"","n":-1.50,"yes":true,"nothing":null,
    "realm_access":{"roles":["admin","a b"],"x.y":1},"x.y":"own","x":{"y":"nested"},
    "https://id.example/roles":[ "r" , {"deep" : [ ] } ],"a/b":{"~":"tilde"},"":{"":"no name"},
    "nul":"a\u0000b","wide":"\u00e9\ud83d\ude00",
    "slash":"https:\/\/id","lone":"\ud800","0":"zero"}"#;

fn of(path: &str) -> Option<String> {
    claim(CLAIMS.as_bytes(), path.as_bytes())
}

// ---------------------------------------------------------------- auth_claim

#[test]
fn a_claim_is_its_text_and_anything_else_its_json() {
    for (path, text) in [
        ("sub", "alice"),
        ("empty", ""),
        ("n", "-1.50"),
        ("yes", "true"),
        ("nothing", "null"),
        ("realm_access", r#"{"roles":["admin","a b"],"x.y":1}"#),
        ("realm_access.roles", r#"["admin","a b"]"#),
        ("realm_access.roles.1", "a b"),
        ("/realm_access/roles/0", "admin"),
        ("/realm_access/x.y", "1"),
        ("x.y", "own"),
        ("/x.y", "own"),
        ("/x/y", "nested"),
        ("https://id.example/roles", r#"[ "r" , {"deep" : [ ] } ]"#),
        ("/https:~1~1id.example~1roles/0", "r"),
        ("/https:~1~1id.example~1roles/1/deep", "[ ]"),
        ("/a~1b/~0", "tilde"),
        ("a/b", r#"{"~":"tilde"}"#),
        ("/", r#"{"":"no name"}"#),
        ("//", "no name"),
        ("nul", r#""a\u0000b""#),
        ("wide", "é😀"),
        ("slash", "https://id"),
        ("lone", r#""\ud800""#),
        ("0", "zero"),
    ] {
        assert_eq!(of(path).as_deref(), Some(text), "{path}");
    }
}

#[test]
fn what_is_not_there_is_absent() {
    let long = "x".repeat(257);
    let very_long = "/0".repeat(5_000);
    let many_steps = "a.".repeat(5_000) + "a";
    for path in [
        "",
        "Sub",
        "sub.x",
        "/sub/0",
        "realm_access.roles.2",
        "realm_access.roles.01",
        "realm_access.roles.-1",
        "/realm_access/roles/-",
        "/realm_access/roles/",
        "/realm_access/roles/18446744073709551616",
        "realm_access..roles",
        "realm_access.",
        ".realm_access",
        ".",
        "..",
        "sub\n",
        "/~2",
        "/~",
        "///",
        "nothing.x",
        "é",
        &long,
        &very_long,
        &many_steps,
    ] {
        assert_eq!(of(path), None, "{path}");
    }
    assert_eq!(claim(CLAIMS.as_bytes(), b"\xff"), None);
    assert_eq!(claim(CLAIMS.as_bytes(), b"sub\xc3"), None);
}

#[test]
fn a_path_has_at_most_256_bytes() {
    for (length, found) in [(256, true), (257, false)] {
        let name = "n".repeat(length);
        let claims = format!(r#"{{"{name}":"x"}}"#);
        assert_eq!(claim(claims.as_bytes(), name.as_bytes()).is_some(), found, "{length}");
    }
}

#[test]
fn nothing_is_found_in_what_is_no_claims_object() {
    for claims in [
        "".as_bytes(),
        b" ",
        b"\0",
        b"null",
        b"\"sub\"",
        b"sub",
        b"1",
        b"{",
        br#"{"sub":"alice""#,
        br#"{"sub":"alice"}x"#,
        br#"{"sub":"alice"}{}"#,
        br#"{"sub":"alice",}"#,
        br#"{"sub":"alice","a":}"#,
        br#"{"sub":"alice","sub":"bob"}"#,
        br#"{"sub":"alice","s\u0075b":"bob"}"#,
        br#"{"sub":"alice","a":1,"a":2}"#,
        b"{\"sub\":\"alice\"}\0",
        b"\xef\xbb\xbf{\"sub\":\"alice\"}",
        b"\x0c{\"sub\":\"alice\"}",
        b"{\"sub\":\"alice\",\"x\":\"\xff\"}",
        b"{\"sub\":\"al\nice\"}",
    ] {
        assert_eq!(claim(claims, b"sub"), None, "{:?}", String::from_utf8_lossy(claims));
        assert_eq!(claim(claims, b"/sub"), None, "{:?}", String::from_utf8_lossy(claims));
    }
    for deep in ["[", "{\"a\":"] {
        let claims = format!("{{\"sub\":\"alice\",\"x\":{}", deep.repeat(200_000));
        assert_eq!(claim(claims.as_bytes(), b"sub"), None);
    }
}

/// RFC 8259 2 allows blanks around the object, and a provider may sign them.
#[test]
fn blanks_around_the_claims_change_nothing() {
    for blanks in [" ", "\n", "\t\r\n  "] {
        let claims = format!("{blanks}{CLAIMS}{blanks}");
        for path in ["sub", "/sub", "realm_access.roles", "/realm_access/roles/0", "x.y", "/x/y"] {
            assert_eq!(claim(claims.as_bytes(), path.as_bytes()), of(path), "{blanks:?} {path}");
        }
        let handle = Handle::local(&[("claims.required", "/realm_access/roles=boss")]);
        let payload = payload_with(r#","realm_access":{"roles":["boss"]}"#);
        let payload = format!("{blanks}{payload}{blanks}");
        let header = format!("Bearer {}", token("EdDSA", &payload));
        for text in
            ["", "role:boss", "claim:realm_access.roles=boss", "claim:/aud=https://api.example"]
        {
            let answer = handle.authorize_at(&header, text);
            assert_eq!(answer.status, 0, "{blanks:?} {text:?}: {answer:?}");
            handle.require(answer.text("claims"), text).assert_ok_alone();
        }
    }
}

#[test]
fn a_claim_is_written_only_where_all_of_it_fits() {
    for (path, text) in [("sub", "alice"), ("wide", "é😀"), ("empty", ""), ("nul", r#""a\u0000b""#)]
    {
        let name = CString::new(path).unwrap();
        let ask = |out: *mut c_char, size| unsafe {
            auth_claim(chars(CLAIMS.as_bytes()), CLAIMS.len(), name.as_ptr(), out, size)
        };
        let needed = text.len();
        for size in [0, 1, needed.saturating_sub(1), needed, needed + 1, needed + 2, 64] {
            assert_eq!(ask(ptr::null_mut(), size), needed, "{path}: NULL of {size}");
            for shift in 0..8 {
                let mut room = [GUARD; 80];
                let out = unsafe { room.as_mut_ptr().add(shift) };
                assert_eq!(ask(out.cast(), size), needed, "{path} in {size}");
                let mut expected = [GUARD; 80];
                if size > needed {
                    expected[shift..shift + needed].copy_from_slice(text.as_bytes());
                    expected[shift + needed] = 0;
                }
                assert_eq!(room, expected, "{path} in {size} at {shift}");
            }
        }
        assert_eq!(ask(ptr::null_mut(), usize::MAX), needed);
    }
}

#[test]
fn an_absent_claim_writes_nothing() {
    let mut room = [GUARD; 16];
    let out: *mut c_char = room.as_mut_ptr().cast();
    let claims = (chars(CLAIMS.as_bytes()), CLAIMS.len());
    let none: *const c_char = ptr::null();
    let ask =
        |(start, length), path: *const c_char| unsafe { auth_claim(start, length, path, out, 16) };
    for (claims, path) in [
        (claims, none),
        (claims, c"".as_ptr()),
        (claims, c"other".as_ptr()),
        ((none, 0), c"sub".as_ptr()),
        ((none, 1), c"sub".as_ptr()),
        ((none, CLAIMS.len()), c"sub".as_ptr()),
        ((none, 0), none),
        ((claims.0, 0), c"sub".as_ptr()),
        ((claims.0, usize::MAX), c"sub".as_ptr()),
        ((claims.0, isize::MAX as usize + 1), c"sub".as_ptr()),
        ((claims.0, u32::MAX as usize + 1), c"sub".as_ptr()),
    ] {
        assert_eq!(ask(claims, path), usize::MAX);
        assert_eq!(room, [GUARD; 16]);
    }
}

/// The text is whole in `out`; what of the claims lay there is overwritten.
#[test]
fn out_may_overlap_the_claims_and_the_path() {
    let claims = format!(r#"{{"a":"{}","e":"\u0065{}"}}"#, "x".repeat(40), "e".repeat(40));
    let length = claims.len();
    for (path, text) in [(c"a", "x".repeat(40)), (c"e", "e".repeat(41))] {
        for distance in -(text.len() as isize) - 2..length as isize + 2 {
            let mut memory = vec![GUARD; 3 * length];
            memory[length..2 * length].copy_from_slice(claims.as_bytes());
            let start = memory.as_mut_ptr();
            let size = text.len() + 1;
            // SAFETY: both lie within the vector.
            let needed = unsafe {
                let (claims, out) = (start.add(length), start.add(length).offset(distance));
                auth_claim(claims.cast(), length, path.as_ptr(), out.cast(), size)
            };
            let at = length.strict_add_signed(distance);
            assert_eq!(needed, text.len(), "{path:?} at {distance}");
            assert_eq!(memory[at..at + needed], *text.as_bytes(), "{path:?} at {distance}");
            assert_eq!(memory[at + needed], 0);
        }
    }
    let mut memory = *b"sub\0------";
    let start = memory.as_mut_ptr().cast::<c_char>();
    let (claims, length) = (chars(CLAIMS.as_bytes()), CLAIMS.len());
    assert_eq!(unsafe { auth_claim(claims, length, start, start, 10) }, 5);
    assert_eq!(&memory, b"alice\0----");
}

#[test]
fn claims_may_end_where_memory_does() {
    let page = 4096;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let (read_write, none) = (libc::PROT_READ | libc::PROT_WRITE, libc::PROT_NONE);
    let text = payload_with(r#","sub":"alice""#);
    // SAFETY: two pages of our own, of which the second may not be touched.
    let start = unsafe {
        let memory = libc::mmap(ptr::null_mut(), 2 * page, read_write, flags, -1, 0);
        assert_ne!(memory, libc::MAP_FAILED);
        assert_eq!(libc::mprotect(memory.add(page), page, none), 0);
        let start = memory.cast::<u8>().add(page - text.len());
        ptr::copy_nonoverlapping(text.as_ptr(), start, text.len());
        start
    };
    let whole = unsafe { std::slice::from_raw_parts(start, text.len()) };
    assert_eq!(claim(whole, b"sub").as_deref(), Some("alice"));
    let handle = Handle::local(&[]);
    assert_eq!(require(handle.config(), whole, b"", ptr::null_mut(), 0), Status::OK);
    for end in 0..text.len() {
        // Each beginning of it, moved to the end of the page.
        let at = unsafe { start.add(text.len() - end) };
        unsafe { ptr::copy(text.as_ptr(), at, end) };
        let part = unsafe { std::slice::from_raw_parts(at, end) };
        assert_eq!(claim(part, b"sub"), None);
        let asked = require(handle.config(), part, b"", ptr::null_mut(), 0);
        assert_eq!(asked, Status::CLAIM_MALFORMED, "{end}");
    }
}

// ---------------------------------------------------------------- auth_require

fn claims() -> String {
    payload_with(
        r#","sub":"alice","scope":"orders:read audit","scp":["x","role:y"],
        "realm_access":{"roles":["boss"]},"roles":"clerk","permissions":["p q"],
        "groups":{"g":{}},"tier":["gold",1,true],"nested":{"a":{"b":"c"}}"#,
    )
}

#[test]
fn what_is_granted_is_ok_alone() {
    let handle = Handle::local(&[]);
    for text in [
        "",
        "audit",
        "orders:read audit",
        "x scope:role:y",
        "role:boss role:clerk",
        "group:g",
        r#"["permission:p q"]"#,
        r#"["audit","none|role:boss"]"#,
        "claim:tier=gold claim:tier=1 claim:tier=true",
        "claim:nested.a.b=c claim:/nested/a/b=c",
        "none|role:none|audit",
    ] {
        handle.require(&claims(), text).assert_ok_alone();
    }
}

#[test]
fn the_lowest_status_is_told_and_every_scope_of_this_requirement() {
    let handle = Handle::local(&[("verdict.require", "always"), ("verdict.realm", "r")]);
    for (text, status, scope) in [
        ("none", Status::SCOPE_MISSING, "none"),
        ("role:none", Status::ROLE_MISSING, ""),
        ("role:none none|audit2 audit", Status::SCOPE_MISSING, "none audit2 audit"),
        ("role:none audit", Status::ROLE_MISSING, ""),
        ("permission:p role:boss", Status::PERMISSION_MISSING, ""),
        ("group:none", Status::GROUP_MISSING, ""),
        ("claim:tier=silver", Status::CLAIM_NOT_GRANTED, ""),
        ("claim:tier=silver group:none", Status::GROUP_MISSING, ""),
        ("audit audit none none", Status::SCOPE_MISSING, "audit none"),
    ] {
        let answer = handle.require(&claims(), text);
        answer.assert_refused(status);
        let challenge = answer.text("challenge");
        assert!(challenge.starts_with("Bearer realm=\"r\", error=\"insufficient_scope\""));
        let told =
            challenge.split_once("scope=\"").map_or("", |(_, rest)| rest.trim_end_matches('"'));
        assert_eq!(told, scope, "{text}: verdict.require was asked of the token before");
    }
}

#[test]
fn a_requirement_that_cannot_be_read_is_told_first() {
    let handle = Handle::local(&[]);
    let long = "a".repeat(513);
    for text in [" ", "a  b", "|", "role:", "claim:a", "[", "[]", "[1]", "\"a\"", "é", "a\0", &long]
    {
        for claims in [claims().as_str(), "", "rubbish", r#"{"iss":"https://evil.example"}"#] {
            handle.require(claims, text).assert_refused(Status::REQUIREMENT_INVALID);
        }
    }
    // But the handle's own mistakes before that.
    let handle = Handle::local(&[]);
    assert_eq!(handle.set("audience", ""), Status::OPTION_INVALID);
    handle.require("rubbish", "a  b").assert_refused(Status::OPTION_INVALID);
    Handle::empty().require("rubbish", "a  b").assert_refused(Status::OPTION_MISSING);
}

#[test]
fn a_text_that_is_no_claims_object_is_malformed() {
    let handle = Handle::local(&[]);
    let good = claims();
    let deep = |depth: usize| {
        payload_with(&format!(",\"x\":{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1)))
    };
    for text in [
        "",
        " ",
        "null",
        "[]",
        "\"iss\"",
        "rubbish",
        "{}",
        r#"{"iss":null}"#,
        r#"{"iss":["https://id.example"]}"#,
        &good[1..],
        &good[..good.len() - 1],
        &format!("{good}x"),
        &format!("{good}\0"),
        &format!("\u{feff}{good}"),
        &payload_with(r#","sub":"a","sub":"a""#),
        &payload_with(r#","x":{"a":1,"a":1}"#),
        &payload_with(r#","x":[{"a":1,"\u0061":1}]"#),
        &payload_with(r#","x":"\ud800""#),
        &payload_with(r#","x":1e999"#),
        &payload_with(r#","scope":5"#),
        &payload_with(r#","scope":["a b"]"#),
        &payload_with(r#","scp":{}"#),
        &deep(33),
        &deep(20_000),
    ] {
        let answer = handle.require(text, "");
        assert_eq!(answer.status, Status::CLAIM_MALFORMED as i32, "{text:.80}: {answer:?}");
        answer.assert_refused(Status::CLAIM_MALFORMED);
    }
    handle.require(&deep(32), "").assert_ok_alone();
    let bytes = [good.as_bytes(), b"\xff"].concat();
    let asked = require(handle.config(), &bytes, b"", ptr::null_mut(), 0);
    assert_eq!(asked, Status::CLAIM_MALFORMED);
    for (member, text) in [
        (r#","roles":5"#, "role:a"),
        (r#","permissions":[1]"#, "permission:a"),
        (r#","groups":true"#, "group:a"),
    ] {
        handle.require(&payload_with(member), text).assert_refused(Status::CLAIM_MALFORMED);
        handle.require(&payload_with(member), "").assert_ok_alone();
    }
}

#[test]
fn claims_of_no_trusted_issuer_are_refused() {
    let handle = Handle::local(&[]);
    for iss in ["https://evil.example", "https://id.example/", "HTTPS://id.example", ""] {
        let answer = handle.require(&format!(r#"{{"iss":"{iss}","scope":"a"}}"#), "a");
        answer.assert_refused(Status::ISSUER_INVALID);
    }
    handle.require(r#"{"iss":"https:\/\/id.example","scope":"a"}"#, "a").assert_ok_alone();
}

#[test]
fn a_refused_further_requirement_leaves_no_accepted_record() {
    let handle = Handle::local(&[]);
    let token = good_token("EdDSA");
    let mut memory = Memory::new(verdict_size(16 * 1024));
    for (claims, text, status) in [
        (good_payload().as_str(), "orders:drop", Status::SCOPE_MISSING),
        (&good_payload(), "a  b", Status::REQUIREMENT_INVALID),
        ("", "orders:read", Status::CLAIM_MALFORMED),
    ] {
        let accepted =
            memory.call(&|out, size| verify_at(handle.config(), token.as_bytes(), NOW, out, size));
        assert_eq!((accepted.status, accepted.text("subject")), (0, "alice"));
        let answer = memory.call(&|out, size| {
            require(handle.config(), claims.as_bytes(), text.as_bytes(), out, size)
        });
        answer.assert_refused(status);
    }
    // The claims where they lie in the record that is to be written: refused, and closed.
    let start = memory.bytes.as_ptr().addr();
    memory.call(&|out, size| verify_at(handle.config(), token.as_bytes(), NOW, out, size));
    let payload = good_payload();
    let found = memory.bytes.windows(payload.len()).position(|part| part == payload.as_bytes());
    let claims = unsafe { memory.bytes.as_ptr().add(found.unwrap()) };
    assert_eq!(claims.addr() - start, found.unwrap());
    let answer = memory.call(&|out, size| unsafe {
        auth_require(handle.config(), claims.cast(), payload.len(), ptr::null(), 0, out, size)
    });
    answer.assert_refused(Status::ARGUMENT_INVALID);
}

#[test]
fn a_further_requirement_is_judged_as_the_first_is() {
    let members = [
        r#","scope":"a b""#,
        r#","scope":"a","roles":["x"]"#,
        r#","scope":"a","roles":5"#,
        r#","scope":"a","roles":{"x":1},"groups":["y"]"#,
        r#","permissions":"p""#,
        "",
    ];
    for member in members {
        let handle = Handle::local(&[]);
        let payload = payload_with(member);
        let header = format!("Bearer {}", token("EdDSA", &payload));
        for text in [
            "",
            "a",
            "b|a",
            "role:x",
            "a|role:x",
            "role:x|a",
            "c role:x",
            "group:y permission:p",
            "claim:roles=x",
        ] {
            let (first, further) =
                (handle.authorize_at(&header, text), handle.require(&payload, text));
            assert_eq!(further.status, first.status, "{member} {text:?}");
            assert_eq!(further.text("challenge"), first.text("challenge"), "{member} {text:?}");
        }
    }
}
