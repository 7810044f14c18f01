//! The conformance vectors: made, run through the exported functions, and every rule accounted for.
//! Each case runs twice in a row, and once into a record that held an acceptance. One line a case
//! goes to target/parity/rust.txt, for the runners of other languages to be compared with.

#[path = "vectors/format.rs"]
mod format;
#[path = "vectors/generate/mod.rs"]
mod generate;
#[path = "vectors/run.rs"]
mod run;
#[path = "vectors/security.rs"]
mod security;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use format::File;

const REPAIR: &str = "UPDATE=1 cargo test --test vectors files_are_fresh";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// Every vector file that lies there, by its path below tests/vectors.
fn files_there() -> BTreeSet<String> {
    let entries = |path: &Path| -> Vec<PathBuf> {
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let stages = entries(&folder()).into_iter().filter(|path| path.is_dir());
    let files = stages.flat_map(|stage| entries(&stage));
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| path.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned()).collect()
}

fn read_all() -> Vec<(String, File)> {
    let read = |name: String| {
        let text = fs::read_to_string(folder().join(&name)).unwrap();
        (name, serde_json::from_str(&text).unwrap())
    };
    files_there().into_iter().map(read).collect()
}

/// The files are those that tests/vectors/generate makes. UPDATE=1 writes them.
#[test]
fn files_are_fresh() {
    let files = generate::all();
    let update = std::env::var_os("UPDATE").is_some();
    let count: usize = files.values().map(|file| file.cases.len()).sum();
    let mut texts = vec![("COUNT".to_owned(), format!("{count}\n"))];
    for (name, file) in &files {
        texts.push((name.clone(), serde_json::to_string_pretty(file).unwrap() + "\n"));
    }
    for (name, text) in texts {
        let path = folder().join(&name);
        if fs::read_to_string(&path).unwrap_or_default() == text {
            continue;
        }
        assert!(update, "tests/vectors/{name} is stale; run: {REPAIR}");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    for name in files_there().into_iter().filter(|name| !files.contains_key(name)) {
        assert!(update, "tests/vectors/{name} is made by nothing; run: {REPAIR}");
        fs::remove_file(folder().join(name)).unwrap();
    }
}

#[test]
fn every_case_is_decided_as_its_rule_says() {
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for (name, file) in read_all() {
        for case in &file.cases {
            let place = format!("{}#{}", name.trim_end_matches(".json"), case.id);
            let (line, faults) = run::case(&file, case);
            lines.push(format!("{place} {line}\n"));
            wrong.extend(faults.into_iter().map(|fault| format!("{place}: {fault}\n")));
        }
    }
    let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/parity");
    fs::create_dir_all(&parity).unwrap();
    fs::write(parity.join("rust.txt"), lines.concat()).unwrap();
    let count = fs::read_to_string(folder().join("COUNT")).unwrap();
    assert_eq!(count.trim(), lines.len().to_string(), "cases run; tests/vectors/COUNT");
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.concat());
}

#[test]
fn security_md_is_true() {
    security::page_is_true(&read_all());
}

#[test]
fn every_status_is_reached() {
    security::every_status_is_reached(&read_all());
}

#[test]
fn every_option_is_set() {
    security::every_option_is_set(&read_all());
}

/// `jku` and `x5u` of a token lead to a listener here, and nobody comes.
#[test]
fn urls_of_a_token_are_never_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("\"http://{}/keys\"", listener.local_addr().unwrap());
    let stranger = generate::token::token().signed_by("ed-stranger", "EdDSA");
    for name in ["jku", "x5u", "iss", "jwk"] {
        let token = stranger.clone().head(name, &url).text();
        assert_eq!(run::verify_now(token.as_bytes()), "SIGNATURE_INVALID", "{name}");
    }
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// What no header can carry comes to auth_verify alone.
#[test]
fn a_token_with_other_bytes_is_malformed() {
    let good = generate::token::token().text();
    let parts = generate::token::token().parts();
    let [header, payload, signature] = &parts;
    let signed = format!(r#""payload":"{payload}","signatures":[{{"signature":"{signature}"}}]"#);
    let flat = format!(r#""payload":"{payload}","protected":"{header}","signature":"{signature}""#);
    let mut tokens = vec![
        String::new(),
        format!("{{{signed}}}"),
        format!("{{{flat}}}"),
        "{\"a\":\".\",\"b\":\".\"}".into(),
        "{\"a\":\"....\"}".into(),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}==.{payload}==.{signature}=="),
    ];
    for odd in ["?", "#", "%", " ", "\t", "\r", "\n", "\r\n", "\0", "\u{e9}", "\"", "$", ":", "\\"]
    {
        tokens.push(format!("{odd}{good}"));
        tokens.push(format!("{good}{odd}"));
        for place in 0..3 {
            let mut parts = parts.clone();
            parts[place].insert_str(8, odd);
            tokens.push(parts.join("."));
        }
        // Neither opaque nor encrypted: those are b64tokens.
        tokens.push(format!("abc{odd}"));
        tokens.push(format!("a.b.c.d.{odd}"));
    }
    assert_eq!(run::verify(good.as_bytes()), "OK");
    for token in tokens {
        assert_eq!(run::verify(token.as_bytes()), "TOKEN_MALFORMED", "{token:?}");
    }
    assert_eq!(run::verify(b"\xff\xfe"), "TOKEN_MALFORMED");
}
