//! Everything that is made from the tables and the doc comments: fresh, or this test fails and
//! names the command that repairs it. `UPDATE=1` writes.

mod docs;
mod go;
mod header;
mod node;

use std::fmt::Write as _;
use std::path::Path;

use auth::status::STATUSES;

const REPAIR: &str = "make generated";

#[test]
fn header() {
    fresh("include/auth.h", &header::text());
}

/// Written by hand but for its enumerators.
#[test]
fn header_of_cpp() {
    let name = "include/auth.hpp";
    let held = std::fs::read_to_string(root().join(name)).unwrap();
    let (before, rest) = held.split_once(STATUS_CLASS).unwrap();
    let (_, after) = rest.split_once("\n};").unwrap();
    let mut text = format!("{before}{STATUS_CLASS}");
    for row in STATUSES.iter().map(|status| status.row()) {
        let name = row.name.to_lowercase();
        write!(text, "\n  {name} = AUTH_STATUS_{},", row.name).unwrap();
    }
    fresh(name, &format!("{text}\n}};{after}"));
}

#[test]
fn docs_statuses() {
    fresh("docs/statuses.md", &docs::statuses());
}

#[test]
fn docs_options() {
    fresh("docs/options.md", &docs::options());
}

#[test]
fn tables_of_node() {
    fresh("bindings/node/src/tables.ts", &node::tables());
}

#[test]
fn tables_of_go() {
    fresh("bindings/go/tables.go", &go::tables());
}

/// Numbers are for ever: this file only grows.
#[test]
fn numbers() {
    let path = root().join("tests/abi/numbers.txt");
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    let mut text = held.clone();
    for row in STATUSES.iter().map(|status| status.row()) {
        let known = |line: &&str| line.split(' ').next() == Some(&row.number.to_string());
        match held.lines().find(known) {
            Some(line) => assert_eq!(
                line.split(' ').nth(1),
                Some(row.name),
                "the number {} was given away before: take another",
                row.number
            ),
            None => writeln!(text, "{} {} {}", row.number, row.name, version()).unwrap(),
        }
    }
    for line in held.lines() {
        let number: i32 = line.split(' ').next().unwrap().parse().unwrap();
        let there = STATUSES.iter().any(|status| *status as i32 == number);
        assert!(there, "status {number} is gone; a released number stays");
    }
    fresh("tests/abi/numbers.txt", &text);
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fresh(name: &str, text: &str) {
    let path = root().join(name);
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    if held == text {
        return;
    }
    assert!(std::env::var_os("UPDATE").is_some(), "{name} is stale; run: {REPAIR}");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
}

/// Lines of at most so many bytes, where the words allow it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().unwrap();
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

const STATUS_CLASS: &str = "enum class Status : std::int32_t {";
